"""Tests for a fixed number of pairs, against scipy and textbook cases."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from lab.stats.pairs import chance_worse, p_once, ratios_by_block


def test_p_is_that_of_a_one_sample_t_test_on_logarithms() -> None:
    """Scipy's ttest_1samp; the sides swapped give the same."""
    ratios = [1.02, 1.05, 0.99, 1.04, 1.03]

    assert p_once(ratios) == pytest.approx(float(stats.ttest_1samp(np.log(ratios), 0.0).pvalue))
    assert p_once([1 / ratio for ratio in ratios]) == pytest.approx(p_once(ratios))


def test_few_or_constant_pairs() -> None:
    """Fewer than four pairs give p = 1 and no chance; constant ones give the smallest p and a certain chance."""
    assert p_once([1.5, 1.5, 1.5]) == 1.0
    assert chance_worse([1.5, 1.5, 1.5], "lower") is None
    assert p_once([1.0] * 4) == 1.0
    assert p_once([1.1] * 4) == pytest.approx(1e-6)
    assert chance_worse([1.0] * 4, "lower") == 0.5
    assert chance_worse([1.1] * 4, "lower") == 1.0
    assert chance_worse([1.1] * 4, "higher") == 0.0


def test_the_chance_of_a_new_pair_is_student_s_predictive_one() -> None:
    """Logs -1, 0, 1, 2: mean .5, s = sqrt(5 / 3), so t3 at .5 / (s sqrt(1.25)) = .3464."""
    ratios = [math.exp(value) for value in (-1.0, 0.0, 1.0, 2.0)]

    assert chance_worse(ratios, "lower") == pytest.approx(float(stats.t.cdf(math.sqrt(0.12), 3)))
    assert chance_worse(ratios, "higher") == pytest.approx(1 - float(stats.t.cdf(math.sqrt(0.12), 3)))


@pytest.mark.parametrize("wrong", [math.nan, math.inf, 0.0, -1.0])
def test_a_ratio_that_is_not_finite_and_above_zero_is_refused(wrong: float) -> None:
    """Such a pair was never valid."""
    for ask in (p_once, lambda ratios: chance_worse(ratios, "lower")):
        with pytest.raises(ValueError, match="finite values above zero"):
            ask([1.0, 1.0, 1.0, wrong])


def test_ratios_are_those_of_blocks_that_both_have() -> None:
    """A block without a partner is left out."""
    assert ratios_by_block({0: 2.0, 2: 3.0, 5: 9.0}, {5: 3.0, 0: 1.0, 1: 4.0}) == {0: 2.0, 5: 3.0}
