"""Numbers in sentences."""

from __future__ import annotations

import re

import pytest

from lab.records.telling import above, apart, number_of, percent, shares, stated
from tests.lab_process import ROOT


def test_a_noun_agrees_with_its_number() -> None:
    """None, one, many."""
    assert [number_of(n, "iteration") for n in (0, 1, 2)] == ["0 iterations", "1 iteration", "2 iterations"]


@pytest.mark.parametrize(
    ("value", "limit", "decimals", "told"),
    [
        (1.4, 1.0, 1, ("1.4", "1.0")),
        (1.04, 1.0, 1, ("1.04", "1.0")),
        (1.0004, 1.0, 1, ("1.0004", "1.0")),
        (1.25, 1.25, 1, ("1.25", "1.25")),
        (35.04, 35.0, 1, ("35.04", "35.0")),
        (0.26, 0.25, 1, ("0.3", "0.25")),
        (1.0 + 1e-12, 1.0, 1, ("1.000000", "1.0")),
        (0.24, 0.25, 1, ("0.2", "0.25")),
    ],
)
def test_a_value_beyond_its_limit_is_told_apart_from_it(
    value: float, limit: float, decimals: int, told: tuple[str, str]
) -> None:
    """Never "1.0 of 2 cores, wanted at most 1.0"."""
    assert apart(value, limit, decimals) == told


def test_shares_are_percentages() -> None:
    """Of a clock, say: 84.96 % are not 85 %."""
    assert shares(0.8496, 0.85) == ("84.96 %", "85 %")
    assert shares(0.58, 0.85) == ("58 %", "85 %")
    assert shares(0.2117, 0.10) == ("21 %", "10 %")
    assert shares(0.1004, 0.10) == ("10.04 %", "10 %")


def test_a_share_that_somebody_chose_has_the_digits_it_was_given() -> None:
    """And a measured one has two."""
    assert [stated(share) for share in (0.05, 0.1, 0.025, 1.10 - 1)] == ["5 %", "10 %", "2.5 %", "10 %"]
    assert percent(0.05) == "5.0 %"


def test_no_text_makes_its_own_percentage() -> None:
    """Python's `:.1%` writes 21.2%, which stands beside 10 % in another sentence."""
    own = re.compile(r"\{[^{}]*:[^{}]*%\}")
    found = {path.name for part in ("lab", "models") for path in (ROOT / part).rglob("*.py")
             if own.search(path.read_text(encoding="utf-8"))}  # fmt: skip

    assert found == set()


def test_a_distance_above_its_tolerance_is_above_it_in_words() -> None:
    """Three digits where they do."""
    assert [above(0.4, 0.03), above(0.030004, 0.03), above(2e-9, 1e-9)] == ["0.4", "0.030004", "2e-09"]
