"""The smallest change that nine of ten comparisons find."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lab.stats.findable import smallest_found
from lab.stats.interval import Looks
from lab.stats.many import drawn_orders, judge_many

LOOKS = Looks()


@pytest.mark.parametrize("cv", [0.02, 0.03, 0.06, 0.10])
def test_nine_of_ten_comparisons_of_other_draws_find_it(cv: float) -> None:
    """2,000 comparisons drawn by another seed: .9, give or take what the drawing of both leaves open."""
    spread = cv * math.sqrt(2)
    found = smallest_found(spread, 10**6, LOOKS)
    assert found is not None

    generator = np.random.default_rng(101)
    logs = generator.normal(math.log1p(found), spread, (2000, 24))
    verdicts = judge_many(logs, LOOKS, drawn_orders(generator, 2000, 24)).verdicts

    assert np.mean(verdicts == "regressed") == pytest.approx(0.9, abs=0.035)


def test_nothing_below_d_is_ever_found() -> None:
    """Constant pairs find 3 %, and not 0.0000000000000018 %; in much noise not even twice the time."""
    assert smallest_found(0.0, 5, LOOKS) == 0.03
    found = smallest_found(0.005, 10**6, LOOKS)
    assert found is not None and 0.03 < found < 0.035
    assert smallest_found(3.0, 5, LOOKS) is None


def test_more_noise_finds_less() -> None:
    """In the order of the spread."""
    found = [smallest_found(spread, 10**6, LOOKS) or 1.0 for spread in (0.01, 0.03, 0.06, 0.12, 0.24)]

    assert found == sorted(found) and len(set(found)) == 5


def test_a_spread_seen_in_few_pairs_counts_for_more() -> None:
    """Chi-square with 5 degrees of freedom is below 3.33 in 35 %: the spread counts sqrt(5 / 3.33) times."""
    few, known = smallest_found(0.04, 5, LOOKS), smallest_found(0.04 * math.sqrt(5 / 3.325), 10**9, LOOKS)

    assert few == pytest.approx(known, abs=0.002)
