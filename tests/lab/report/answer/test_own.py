"""A side of a comparison answers no question of its own."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

from lab.errors import LabError
from lab.report.answer.own import newest_own, sides_among
from lab.store import Store
from tests.saved_answers import saved_run


def test_the_newest_run_of_its_own_is_found_behind_sides_and_damage(tmp_path: Path) -> None:
    """Of four runs the oldest: then come a side, a part of an acceptance and a damaged one, which is told."""
    lost: list[str] = []

    def tell(what: str, error: LabError) -> None:
        lost.append(what)

    with closing(Store(tmp_path)) as store:
        runs = [saved_run(store, f"018f0000-0000-7000-8000-00000000000{n}", n) for n in range(1, 5)]
        store.update_run(replace(runs[1], comparison="c1"))
        store.update_run(replace(runs[2], suite="acceptance"))
        (tmp_path / "runs" / runs[3].id / "run.json").write_text("{")
        found = newest_own(store, "null", "host", "tiny", tell)
        sides = sides_among(store, [each.id for each in runs])

        assert found is not None and found.id == runs[0].id
        assert sides == {runs[1].id: "side of a comparison", runs[2].id: "part of an acceptance"}
        assert lost == [f"run {runs[3].id}"]
        assert newest_own(store, "null", "other", "tiny", tell) is None
