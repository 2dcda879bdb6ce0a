"""Comparisons drawn from A/A pairs, and the exact bounds of their error rates."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.errors import NotEnoughData
from lab.stats.interval import Looks
from lab.stats.plan import order_of
from lab.stats.resample import (
    SCALES,
    at_least,
    at_most,
    block_length,
    draw,
    rates,
    smallest_found,
)

LOOKS = Looks()
SHORT = Looks(most=10, first=6)


def noisy(pairs: int, cv: float, seed: int = 7) -> list[float]:
    """Return ratios of equal sides whose logarithms vary by `cv`, with mean exactly 0."""
    logs = np.random.default_rng(seed).normal(0, cv, pairs)
    return [float(ratio) for ratio in np.exp(logs - logs.mean())]


def turns(pairs: int) -> list[bool]:
    """Return orders of pairs, equally many of each kind in 24."""
    return [order_of(3, n)[0] == "candidate" for n in range(pairs)]


@pytest.mark.parametrize(
    ("k", "n", "level", "bound"),
    [
        (0, 10, 0.95, 0.2589),  # 1 - .05 ** (1 / 10)
        (0, 10, 0.975, 0.3085),  # the upper end of a two-sided 95 % interval
        (0, 1000, 0.95, 0.002991),  # the rule of three, 3 / n, exactly
        (1, 10, 0.95, 0.3942),  # printed tables of Clopper and Pearson's limits (1934)
        (5, 10, 0.975, 0.8129),
        (10, 10, 0.95, 1.0),
    ],
)
def test_the_upper_bound_is_clopper_and_pearsons(k: int, n: int, level: float, bound: float) -> None:
    """One-sided at its level; the two-sided 95 % limits of the tables are those at 97.5 %."""
    assert at_most(k, n, level) == pytest.approx(bound, abs=5e-5)


def test_the_lower_bound_mirrors_the_upper_one() -> None:
    """5 of 5 found: at least .05 ** (1 / 5) = 54.9 % are found."""
    assert at_least(5, 5) == pytest.approx(0.5493, abs=5e-5)
    assert at_least(0, 5) == 0.0


@pytest.mark.parametrize(("k", "n"), [(1, 0), (-1, 4), (5, 4)])
def test_a_rate_that_cannot_be_is_refused(k: int, n: int) -> None:
    """Counts that contradict each other have no bound."""
    with pytest.raises(ValueError, match="0 <= k <= n"):
        at_most(k, n)


@pytest.mark.parametrize(("pairs", "length"), [(30, 4), (64, 4), (65, 5), (216, 6), (1000, 10)])
def test_blocks_are_the_cube_root_of_the_pairs_rounded_up(pairs: int, length: int) -> None:
    """The cube roots of 30, 64, 216 and 1000 are 3.1, 4, 6 and 10."""
    assert block_length(pairs) == length


def test_too_few_pairs_give_no_rates() -> None:
    """29 pairs are refused with both numbers."""
    with pytest.raises(NotEnoughData, match=r"at least 30 A/A pairs .* found 29"):
        rates(noisy(29, 0.01), None, LOOKS, seed=1)


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf])
def test_a_ratio_that_no_valid_pair_gives_is_refused(bad: float) -> None:
    """It was never measured, so it must not be drawn."""
    with pytest.raises(ValueError, match="finite and above zero"):
        rates([*noisy(30, 0.01), bad], None, LOOKS, seed=1)


def test_drawn_pairs_stay_with_their_neighbours_in_the_order_of_time() -> None:
    """Pair n has the value n; within a block of 4 each is followed by the next, and the last pair by the first."""
    logs, places = draw([math.exp(n / 100) for n in range(40)], SHORT, 50, seed=3)

    numbers = np.rint(logs * 100).astype(int)
    assert numbers.shape == (50, 10)
    assert (numbers == places).all()
    for block in (numbers[:, 0:4], numbers[:, 4:8], numbers[:, 8:10]):
        assert (np.diff(block, axis=1) % 40 == 1).all()
    assert set(numbers.ravel().tolist()) == set(range(40)), "every pair is drawn, the ends as well"


@pytest.mark.parametrize("scale", [1.0, 1.01, 1.02, 1.05, 1.1])
def test_pairs_without_noise_give_the_verdict_of_their_scale(scale: float) -> None:
    """Constant ratios: `same` below d = 3 %, found above it, never in the wrong direction."""
    (found,) = rates([1.0] * 30, None, LOOKS, seed=1, scales=[scale], n=100)

    assert (found.found, found.wrong) == ((100, 0) if scale > 1.03 else (0, 0))
    assert found.same == 100 - found.found
    assert found.pairs == LOOKS.first


def test_a_tenth_is_always_found_in_noise_of_a_hundredth() -> None:
    """10 % are 10 standard deviations of a pair: every comparison finds it, none in the wrong direction."""
    found = {one.slow_down: one for one in rates(noisy(60, 0.01), turns(60), LOOKS, seed=11)}

    assert (found[1.1].found, found[1.1].wrong) == (1000, 0)
    assert found[1.0].found == 0, "where nothing was scaled nothing can be found"
    assert found[1.0].wrong == 0


@settings(max_examples=20, deadline=None)
@given(st.floats(0.001, 0.2), st.integers(30, 80), st.integers(0, 2**31))
def test_counts_add_up_and_a_seed_repeats_them(cv: float, pairs: int, seed: int) -> None:
    """Each comparison has one verdict, whatever the noise."""
    ratios = noisy(pairs, cv, seed)
    found = rates(ratios, turns(pairs), SHORT, seed=seed, n=50)

    assert [one.found + one.wrong + one.same + one.undecided for one in found] == [50] * len(SCALES)
    assert all(SHORT.first <= one.pairs <= SHORT.most for one in found)
    assert found == rates(ratios, turns(pairs), SHORT, seed=seed, n=50)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_more_of_a_slow_down_is_found_as_it_grows(seed: int) -> None:
    """The same comparisons are judged at each scale; 1 % to 10 % in noise of 2 %."""
    found = [one.found for one in rates(noisy(60, 0.02, seed), turns(60), LOOKS, seed=seed, n=200)]

    assert found == sorted(found)


def test_a_measurement_that_leans_to_one_side_shows_as_wrong_verdicts() -> None:
    """A/A pairs with a bias of 8 % are all called changed, and the rates must show it."""
    (found,) = rates([1.08 * ratio for ratio in noisy(60, 0.005)], turns(60), LOOKS, seed=5, scales=[1.0], n=200)

    assert (found.wrong, found.found) == (200, 0)


@pytest.mark.parametrize("cv", [0.01, 0.03])
def test_the_smallest_visible_slow_down_is_found_in_95_per_cent(cv: float) -> None:
    """Of the same comparisons, at least 950 of 1000 find it, and less than that a slow-down of 0.2 % less."""
    ratios = noisy(60, cv)
    found = smallest_found(ratios, turns(60), LOOKS, seed=2)

    assert found is not None
    there, less = rates(ratios, turns(60), LOOKS, seed=2, scales=[1 + found, 1 + found - 0.002])
    assert less.found < 950 <= there.found


def test_without_noise_what_policy_calls_a_change_is_visible_and_in_much_noise_nothing_is() -> None:
    """Constant pairs show 3 % and not less; a spread of 300 % does not show twice the time."""
    assert smallest_found([1.0] * 30, None, LOOKS, seed=2) == pytest.approx(0.03, abs=0.001)
    assert smallest_found(noisy(60, 3.0), None, LOOKS, seed=2) is None


def test_the_effect_of_the_order_goes_with_the_pairs_that_are_drawn() -> None:
    """A second place 6 % slower costs nothing where the orders are known, and many pairs where they are not."""
    firsts = turns(72)
    placed = [r * (1 / 1.06 if first else 1.06) for r, first in zip(noisy(72, 0.005), firsts, strict=True)]

    (known,) = rates(placed, firsts, LOOKS, seed=5, scales=[1.0], n=200)
    (unknown,) = rates(placed, None, LOOKS, seed=5, scales=[1.0], n=200)

    assert known.same >= 195
    assert unknown.pairs > 2 * known.pairs
    with pytest.raises(ValueError, match="an order for each of 72 pairs, found 2"):
        rates(placed, [True, False], LOOKS, seed=5)
