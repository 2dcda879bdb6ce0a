"""The state of a lab now says nothing of a night long ago."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

from lab.device import health
from lab.report.site.state import state_of, trust_in
from lab.store import Store
from tests.night_records import BEFORE, night


def test_a_quarantine_of_today_is_a_doubt_about_the_newest_night_alone(tmp_path: Path) -> None:
    """Older nights were measured before it."""
    older = replace(night(), id="01980000-0000-7000-8000-000000000001", date=BEFORE,
                    started_utc=f"{BEFORE}T01:00:00+00:00")  # fmt: skip
    with closing(Store(tmp_path)) as store:
        for each in (older, night()):
            store.save_night(each)
        for _ in range(health.PATIENCE):
            health.failed(tmp_path, "phone-2", "the agent died")
        state = state_of(store, lambda what, error: None)

        said = [
            any("in quarantine" in each.words for each in trust_in(store, state, of, []).doubts)
            for of in (older, night())
        ]

    assert said == [False, True]
