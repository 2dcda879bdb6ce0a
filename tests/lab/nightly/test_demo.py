"""The demonstration: what its last nights leave in the store."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from lab.compare.comparison import state_of
from lab.compare.pairing import verdicts_of
from lab.errors import StoreError
from lab.nightly.demo import fill, made_before
from lab.records import Night
from lab.store import Store

pytestmark = pytest.mark.slow
LAST = datetime(2026, 11, 29, 1, tzinfo=UTC)
NIGHTS = 7


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the data root of a demonstration of seven nights."""
    root = tmp_path_factory.mktemp("demo") / "data"
    fill(root, NIGHTS, LAST)
    return root


@pytest.fixture(scope="module")
def last(root: Path) -> Night:
    """Return its last night."""
    return Store(root).night("last")


def test_everything_is_marked_as_a_demonstration(root: Path) -> None:
    """Nights and incidents by their mark, runs by the kind of their device."""
    store = Store(root)

    assert [store.night(row.id).demo for row in store.nights()] == [True] * NIGHTS
    assert {incident.demo for incident in store.incidents()} == {True}
    assert {run.context.facts["device_kind"] for run in store.runs()} == {"simulated"}


def test_the_step_of_the_last_night_is_found_and_told_once(root: Path, last: Night) -> None:
    """It is in prefill on the phones that answer, and in no other series."""
    regressed = {(f.series.scenario, f.series.line) for f in last.findings if f.outcome == "regressed"}
    stages = {stage.metric for f in last.findings if f.outcome == "regressed" for stage in f.stages}

    assert (regressed, stages) == ({("prefill_tokens", "demo-w4")}, {"prefill_s"})
    assert [incident.id for incident in Store(root).incidents()] == list(last.told)


def test_a_missing_phone_has_no_figure_and_is_said_to_be_silent(last: Night) -> None:
    """All nine plans of the phone, which has been away for all of them."""
    assert {gap.planned.device for gap in last.silent} == {"demo-phone-3"}
    assert [gap.nights for gap in last.silent] == [NIGHTS] * 9


def test_what_confirmed_a_finding_can_be_judged_again_from_its_trials(root: Path, last: Night) -> None:
    """The comparison and both runs are in the store, under ids that differ in what a person types."""
    store = Store(root)
    ids = [run.id[:13] for run in store.runs()] + [each.id[:13] for each in store.comparisons()]

    for finding in (f for f in last.findings if f.comparison):
        saved = store.comparison(finding.comparison[:13])
        assert verdicts_of(saved, state_of(store, saved), goes_on=False) == saved.cells
    assert len(set(ids)) == len(ids)


def test_a_data_root_with_records_is_refused(root: Path) -> None:
    """A demonstration is never mixed with measurements."""
    with pytest.raises(StoreError, match="wanted an empty folder"):
        fill(root, 1, LAST)


def test_a_demonstration_that_lies_there_is_shown_again(root: Path, last: Night, tmp_path: Path) -> None:
    """It is not made a second time; an empty folder holds none."""
    assert made_before(root)[-1] == last
    assert made_before(tmp_path) == []
