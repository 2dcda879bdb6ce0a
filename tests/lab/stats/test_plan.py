"""The next pairs or cells to measure, and the reasons to stop."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.stats.compare import Judgement, judge
from lab.stats.interval import Looks, Spread
from lab.stats.plan import (
    Budget,
    NextPair,
    cell_width,
    iterations_per_trial,
    next_block,
    next_pair,
    order_of,
)
from lab.stats.sample import Medians

LOOKS = Looks()
RICH = Budget(1e6)
TURNS = {block: block % 4 in (0, 3) for block in range(200)}


def after(ratios: list[float]) -> Judgement:
    """Return the judgement of these pairs against a constant baseline."""
    return judge(dict(enumerate(ratios)), dict.fromkeys(range(len(ratios)), 1.0), "lower", LOOKS, firsts=TURNS)


def asked(ratios: list[float], budget: Budget = RICH, tried: int | None = None, seed: int = 1) -> NextPair:
    """Return the pair that follows these, at 10 s a pair."""
    begun = len(ratios) if tried is None else tried
    return next_pair(after(ratios), LOOKS, tried=begun, seed=seed, pair_s=10.0, budget=budget)


@pytest.mark.parametrize("seed", range(5))
def test_half_of_the_pairs_begin_with_the_candidate(seed: int) -> None:
    """Twelve of every 24, in an order drawn for each 24."""
    orders = [order_of(seed, tried) for tried in range(48)]

    assert all(set(order) == {"candidate", "baseline"} for order in orders)
    assert [sum(order[0] == "candidate" for order in orders[start : start + 24]) for start in (0, 24)] == [12, 12]
    assert orders[:24] != orders[24:]


def test_the_order_of_a_pair_follows_no_pattern() -> None:
    """Over 400 seeds each pair begins with either side equally often, and so does a pair after one like it."""
    drawn = np.array([[order_of(seed, n)[0] == "candidate" for n in range(24)] for seed in range(400)])

    assert np.abs(drawn.mean(axis=0) - 0.5).max() < 4 * 0.5 / 20
    alike = (drawn[:, 1:] == drawn[:, :-1]).mean()
    assert alike == pytest.approx(11 / 23, abs=4 * 0.5 / math.sqrt(400 * 23))


def test_the_order_is_drawn_by_seed_and_place() -> None:
    """A repeated call returns the same, so that a resumed comparison continues as it would have."""
    assert asked([], tried=6) == asked([], tried=6)
    assert asked([], tried=7).order == order_of(1, 7)


def test_it_is_over_when_the_verdict_stands() -> None:
    """The reason names the pairs it took."""
    found = asked([1.1, 1.11, 1.09, 1.1, 1.1, 1.11, 1.09])

    assert (found.order, found.stop, found.why) == (None, "verdict reached", "the verdict stands after 7 pairs")


def test_it_is_over_when_all_looks_are_used() -> None:
    """24 pairs without a verdict."""
    found = asked([0.8, 1.25] * 12)

    assert (found.order, found.stop) == (None, "budget spent")
    assert "all 24 pairs" in found.why


def test_device_time_ends_it_too() -> None:
    """A pair of 10 s is begun while 10 s are left, also where they cannot reach the first look."""
    noisy = [0.8, 1.25] * 4

    assert asked(noisy, Budget(100, 90)).order is not None
    assert asked(noisy, Budget(100, 95)).why == (
        "the budget is spent: 5 s of 100 s are left, and a pair takes 10 s without waiting"
    )
    assert asked([1.0, 1.0], Budget(10)).stop is None
    assert asked([1.0, 1.0], Budget(9)).stop == "budget spent"


@pytest.mark.parametrize("slower", [1.0, 1.05, 1.2])
@given(seed=st.integers(0, 1000))
def test_a_comparison_ends_within_its_budget(slower: float, seed: int) -> None:
    """Whatever the noise, invalid pairs included: never more valid pairs than looks, nor more time than given."""
    generator = np.random.default_rng(seed)
    old: dict[int, float] = {}
    new: dict[int, float] = {}
    tried, spent = 0, 0.0
    while True:
        budget = Budget(350.0, spent)
        found = next_pair(
            judge(new, old, "lower", LOOKS, firsts=TURNS),
            LOOKS,
            tried=tried,
            seed=seed,
            pair_s=10.0,
            budget=budget,
        )
        if found.stop:
            break
        if generator.random() < 0.8:
            old[tried], new[tried] = np.exp(generator.normal(0, 0.03, 2)) * (1.0, slower)
        tried, spent = tried + 1, spent + 10.0

    assert len(new) <= LOOKS.most and spent <= 350.0


def cell(cv: float, count: int, seed: int = 1) -> Medians:
    """Return trial medians of one cell."""
    return dict(enumerate(np.exp(np.random.default_rng(seed).normal(0, cv, count)).tolist()))


def block(cells: dict[str, Medians], budget: Budget = RICH, number: int = 9) -> tuple[tuple[str, ...], str | None]:
    """Return the next block at a target of 2 %, 10 s a trial."""
    costs = dict.fromkeys(cells, 10.0)
    found = next_block(cells, target=0.02, looks=LOOKS, trial_s=costs, budget=budget, block=number, seed=3)
    return found.cells, found.stop


def test_every_cell_is_measured_until_its_width_means_something() -> None:
    """Five equal values are luck: every cell is measured until the first look."""
    cells, stop = block({"a": cell(1e-6, 5), "b": cell(0.1, 5), "c": {}})

    assert (set(cells), stop) == ({"a", "b", "c"}, None)


def test_repetitions_go_where_the_spread_is() -> None:
    """The quiet cell is done, the noisy ones go on."""
    cells, stop = block({"quiet": cell(0.001, 8), "noisy": cell(0.1, 8), "loud": cell(0.2, 8)})

    assert (set(cells), stop) == ({"noisy", "loud"}, None)


def test_when_time_is_short_the_widest_cell_goes_first() -> None:
    """15 s allow one trial of two."""
    cells, _ = block({"noisy": cell(0.05, 8), "loud": cell(0.3, 8)}, Budget(15))

    assert cells == ("loud",)


def test_a_run_ends_by_its_target_or_by_its_budget() -> None:
    """All narrow; no time; no looks left."""
    assert block({"a": cell(0.001, 8)}) == ((), "target reached")
    assert block({"a": cell(0.1, 8)}, Budget(9)) == ((), "budget spent")
    assert block({"a": cell(0.1, 24)}) == ((), "budget spent")
    assert block({}) == ((), "target reached")


def test_orders_differ_by_block_and_repeat_by_seed() -> None:
    """Six cells, twenty blocks: more than one order, each asked twice."""
    cells: dict[str, Medians] = {name: {} for name in "abcdef"}

    assert block(cells, number=4) == block(cells, number=4)
    assert len({block(cells, number=number)[0] for number in range(20)}) > 10


def test_the_width_of_a_cell_has_no_unit() -> None:
    """Nanoseconds or seconds; none before the first look."""
    values = list(cell(0.03, 9).values())

    assert cell_width([value * 1e9 for value in values], LOOKS) == pytest.approx(cell_width(values, LOOKS))
    assert cell_width(values[:6], LOOKS) is None and cell_width([], LOOKS) is None
    assert cell_width(values[:7], LOOKS) is not None


def test_iterations_follow_the_optimum_of_two_stage_sampling() -> None:
    """Within 4 %, between 1 %, 30 s to start, 1 s an iteration: 4 sqrt(pi / 2 x 30) = 27 (Cochran)."""

    def chosen(within: float | None, between: float | None) -> int:
        return iterations_per_trial(Spread(between, within), start_s=30.0, iteration_s=1.0, least=3, most=100)

    assert chosen(0.04, 0.01) == round(4 * math.sqrt(math.pi / 2 * 30))
    assert chosen(0.001, 0.05) == 3
    assert chosen(0.05, 0.0) == chosen(0.05, None) == chosen(None, None) == 100
    assert chosen(0.0, 0.05) == 3


def test_costs_and_targets_that_make_no_sense_are_refused() -> None:
    """A free pair would go on for ever."""
    with pytest.raises(ValueError, match="costs device-seconds"):
        next_pair(after([]), LOOKS, tried=0, seed=1, pair_s=0.0, budget=RICH)
    with pytest.raises(ValueError, match="zero or more"):
        Budget(-1.0)
    with pytest.raises(ValueError, match="zero or more"):
        Budget(math.nan)
    with pytest.raises(ValueError, match="target"):
        next_block({"a": {}}, target=0.0, looks=LOOKS, trial_s={"a": 1.0}, budget=RICH, block=0, seed=0)
    with pytest.raises(ValueError, match="least <= most"):
        iterations_per_trial(Spread(0.1, 0.1), start_s=1.0, iteration_s=1.0, least=5, most=4)
