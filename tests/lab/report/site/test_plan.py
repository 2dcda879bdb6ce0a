"""What a site shows, and what it leaves out."""

from __future__ import annotations

from lab.report.night.covered import Covered
from lab.report.site.plan import Wanted, chosen, map_of, of_incidents, of_night
from tests.night_records import COMPARISON, RUN, incident, night, value

SIDES = {"c1": ("r1", "r2"), "c2": ("r3", "r4"), "c3": ("r1", "r5"), "refused": None}


def test_what_is_wanted_first_is_shown_within_the_limit() -> None:
    """A comparison comes with both of its sides or not at all; a run that was left out may still fit."""
    wanted = [Wanted("comparison", "c1"), Wanted("comparison", "c2"), Wanted("run", "r3"), Wanted("run", "r6")]
    found = chosen(wanted, SIDES.__getitem__, 3)

    assert (found.runs, found.comparisons) == (("r1", "r2", "r3"), ("c1",))
    assert (found.runs_left, found.comparisons_left) == (1, 1)
    assert found.sentence == (
        "Named by these pages and left out: 1 run and 1 comparison. This site holds the 3 runs that matter most, "
        "its limit; `lab publish --out FOLDER --runs N` sets another."
    )


def test_a_run_is_counted_once() -> None:
    """A side that two comparisons share, a run that is wanted again, a comparison that measured nothing."""
    wanted = [Wanted("run", "r1"), Wanted("comparison", "c1"), Wanted("comparison", "c3"), Wanted("run", "r1")]
    found = chosen([*wanted, Wanted("comparison", "refused")], SIDES.__getitem__, 5)

    assert (found.runs, found.comparisons, found.sentence) == (("r1", "r2", "r5"), ("c1", "c3"), "")


def test_the_sides_of_a_comparison_are_not_looked_up_without_room() -> None:
    """A store of half a million runs has many comparisons."""
    asked: list[str] = []

    def sides(comparison: str) -> tuple[str, str]:
        asked.append(comparison)
        return (f"{comparison}-a", f"{comparison}-b")

    found = chosen([Wanted("comparison", str(n)) for n in range(1000)], sides, 4)

    assert asked == ["0", "1"] and found.comparisons_left == 998


def test_a_night_wants_its_evidence_before_the_rest() -> None:
    """The comparison behind a finding, then the runs of its figures, each once."""
    assert list(of_night(night(), [value(), value()])) == [Wanted("comparison", COMPARISON), Wanted("run", RUN)]
    assert list(of_incidents([incident()])) == [Wanted("comparison", COMPARISON)]


def test_the_map_has_a_place_for_every_device() -> None:
    """What was not planned is None."""
    one, two = Covered("a", "decode", "w4", "regressed", ""), Covered("b", "decode", "w8", "known", "")

    assert map_of([one, two]).devices == ("a", "b")
    assert map_of([one, two]).rows == (("decode", "w4", (one, None)), ("decode", "w8", (None, two)))
