"""Trials that do not count, as evidence against `same` and `improved`."""

from __future__ import annotations

import pytest

from lab.records import Verdict
from lab.stats.missing import Counts, believed, lopsided, loses_more, p_missing


def test_p_is_that_of_fishers_tea_taster() -> None:
    """Three of four cups named rightly on either side: .4857 (Fisher, The Design of Experiments, 1935)."""
    assert p_missing((3, 1), (1, 3)) == pytest.approx(34 / 70)
    assert p_missing((4, 0), (0, 4)) == pytest.approx(2 / 70)
    assert p_missing((4, 0), (0, 0)) == 1.0


def test_sides_that_lose_alike_are_not_listed_and_others_are() -> None:
    """82 % lost against 16 % is far beyond chance; 2 of 12 against 4 of 14 is not."""
    assert lopsided({"a": ((21, 4), (9, 41))}).keys() == {"a"}
    assert lopsided({"a": ((10, 2), (10, 4))}) == {}


def test_among_many_cells_a_small_difference_is_not_enough() -> None:
    """Holm: a p of .014 alone is listed, of ten it is not."""
    counts: tuple[Counts, Counts] = ((12, 0), (8, 6))
    assert p_missing(*counts) == pytest.approx(0.0170, abs=1e-4)
    others: dict[str, tuple[Counts, Counts]] = {f"other {n}": ((12, 1), (12, 1)) for n in range(9)}

    assert lopsided({"a": counts}).keys() == {"a"}
    assert lopsided({"a": counts, **others}) == {}


@pytest.mark.parametrize(
    ("verdict", "by_candidate", "by_baseline"),
    [
        ("same", "cannot tell", "cannot tell"),
        ("improved", "cannot tell", "cannot tell"),
        ("faster", "cannot tell", "cannot tell"),
        ("regressed", "regressed", "cannot tell"),
        ("slower", "slower", "cannot tell"),
        ("cannot tell", "cannot tell", "cannot tell"),
        ("incomparable", "incomparable", "incomparable"),
    ],
)
def test_only_a_change_for_the_worse_of_the_side_that_lost_more_stands(
    verdict: Verdict, by_candidate: Verdict, by_baseline: Verdict
) -> None:
    """Its slow trials are missing and it is still slower; everything else may come from what is missing."""
    assert believed(verdict, (20, 2), (20, 40)) == by_candidate
    assert believed(verdict, (20, 40), (20, 2)) == by_baseline


def test_a_cell_of_a_sweep_that_loses_more_than_the_others() -> None:
    """3 of 4 against 1 of 4 by one side of Fisher's test: 17 / 70; losing fewer is never more."""
    assert loses_more((1, 3), (3, 1)) == pytest.approx(17 / 70)
    assert loses_more((2, 8), (38, 2)) < 0.001
    assert loses_more((10, 0), (30, 10)) == 1.0
    assert loses_more((10, 0), (0, 0)) == 1.0
