"""The best cell and its contenders, against scipy, algebra and simulated runs."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from lab.stats.best import centres, contenders
from lab.stats.interval import cell_interval
from lab.stats.sample import Better

positive = st.floats(min_value=1e-6, max_value=1e6)
cells = st.dictionaries(
    st.sampled_from("abcdef"), st.dictionaries(st.integers(1, 8), positive, min_size=4), min_size=1, max_size=5
)


def block_of(*values: float) -> dict[int, float]:
    """Give trial medians the blocks 1, 2, ..."""
    return dict(enumerate(values, start=1))


def test_a_missing_trial_does_not_bring_the_drift_of_blocks_back() -> None:
    """Blocks drift by 50 %, cell b is 2 % slower in each: it stays out when one trial is missing."""
    drift = (1.0, 1.1, 1.2, 1.3, 1.4, 1.5)
    noise = (1.0, 1.001, 0.999, 1.001, 1.0, 0.999)
    a = block_of(*(d * n for d, n in zip(drift, noise, strict=True)))
    b = block_of(*(1.02 * d / n for d, n in zip(drift, noise, strict=True)))
    del b[6]

    assert contenders({"a": a, "b": b}, "lower").may_be_best == ("a",)


def test_a_cell_that_is_worse_in_every_block_is_out_however_much_blocks_drift() -> None:
    """Paired by block the 2 % are plain; Welch alone, as for shifted blocks, sees nothing."""
    fast = block_of(1.0, 1.3, 1.6, 1.9, 2.2)
    slow = {block: value * (1.02 + 0.001 * (block % 2)) for block, value in fast.items()}
    elsewhere = {block + 100: value for block, value in slow.items()}

    assert contenders({"fast": fast, "slow": slow}, "lower").may_be_best == ("fast",)
    assert contenders({"fast": fast, "slow": slow}, "higher").may_be_best == ("slow",)
    assert contenders({"fast": fast, "slow": elsewhere}, "lower").may_be_best == ("fast", "slow")


@pytest.mark.parametrize("shared", [True, False])
def test_no_cell_is_out_that_the_t_test_of_means_keeps(shared: bool) -> None:
    """Scipy's paired t test on logs, or Welch's without common blocks; most that it rejects are out."""
    generator = np.random.default_rng(17)
    out = rejected = 0
    for _ in range(80):
        first, second = generator.normal(0, 0.02, 6), generator.normal(0.03, 0.02, 6)
        test = stats.ttest_rel(first, second) if shared else None
        p = (test or stats.ttest_ind(first, second, equal_var=False)).pvalue
        later = {block + (0 if shared else 100): value for block, value in block_of(*np.exp(second)).items()}
        found = contenders({"a": block_of(*np.exp(first)), "b": later}, "lower")
        gone = "b" not in found.may_be_best
        assert not gone or p < 0.05
        out, rejected = out + gone, rejected + bool(p < 0.05)

    assert rejected > 40 and out >= 0.7 * rejected


@pytest.mark.parametrize("blocks", [0.0, 0.1])
def test_the_best_median_stays_where_cells_differ_in_the_shape_of_their_noise(blocks: float) -> None:
    """Equal medians, one cell with a second mode: its mean is worse, and a test of means alone keeps it in .79."""
    generator = np.random.default_rng(12)
    held = 0
    for _ in range(300):
        slow = generator.random(24) < 0.25
        modes = 0.015 * (4 * slow + generator.normal(0, 1, 24) - 0.4307)  # its median is 0, its mean .0085
        logs = np.vstack([modes, generator.normal(0, 0.03, (4, 24))]) + generator.normal(0, blocks, 24)
        found = contenders({str(i): block_of(*np.exp(row)) for i, row in enumerate(logs)}, "lower")
        held += "0" in found.may_be_best

    assert held / 300 >= 0.91


@pytest.mark.parametrize("gaps", [(0.0, 0.0, 0.0, 0.0, 0.0), (0.0, 0.005, 0.01, 0.02, 0.05)])
def test_the_true_best_is_a_contender_in_95_of_100_runs(gaps: tuple[float, ...]) -> None:
    """Confidence 95 % less the error of 800 simulated runs, with equal cells as the worst case."""
    generator = np.random.default_rng(11)
    held = 0
    for _ in range(800):
        logs = np.array(gaps) + generator.normal(0, 0.05, (6, 1)) + generator.normal(0, 0.02, (6, 5))
        found = contenders({str(i): block_of(*np.exp(logs[:, i])) for i in range(5)}, "lower")
        held += "0" in found.may_be_best

    assert held / 800 >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / 800)


@settings(max_examples=60, deadline=None)
@given(cells, st.sampled_from(["lower", "higher"]))
def test_a_cell_is_tied_where_its_interval_reaches_one(
    found: Mapping[str, Mapping[int, float]], better: Better
) -> None:
    """What was decided can be read in the column: out is worse over the whole interval, in any run."""
    chosen = contenders(found, better)

    judged = [name for name in found if name not in chosen.unknown]
    assert set(chosen.against_best) == ({*judged} - {chosen.best} if chosen.best else set())
    for name, gap in chosen.against_best.items():
        assert gap.low is not None and gap.high is not None and gap.low <= gap.estimate <= gap.high
        worse = gap.low > 1 if better == "lower" else gap.high < 1
        assert worse == (name not in chosen.may_be_best)


@pytest.mark.parametrize("shapes", ["equal", "two modes"])
def test_the_intervals_against_the_best_hold_together(shapes: str) -> None:
    """In 95 of 100 runs all four hold the true ratio of means and of medians, where one cell leads clearly."""
    generator = np.random.default_rng(29)
    held = 0
    for _ in range(400):
        own = generator.normal(0, 0.02, (5, 12)) + np.array([[0.0], [0.1], [0.2], [0.3], [0.4]])
        if shapes == "two modes":
            own[1] += 0.3 * (generator.random(12) < 0.25)
        logs = own + generator.normal(0, 0.05, 12)
        gaps = contenders({str(i): block_of(*np.exp(row)) for i, row in enumerate(logs)}, "lower").against_best
        truth = {"1": (0.1, 0.175 if shapes == "two modes" else 0.1), "2": (0.2,), "3": (0.3,), "4": (0.4,)}
        held += all(
            (gaps[name].low or 9) <= math.exp(true) <= (gaps[name].high or 0)
            for name, values in truth.items()
            for true in values
        )

    assert held / 400 >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / 400)


def test_a_cell_with_too_few_trials_neither_wins_nor_loses() -> None:
    """It is named as unknown, even when its three trials look ten times better."""
    full = block_of(1.0, 1.1, 1.0, 1.1)
    found = contenders(
        {"a": full, "b": {k: v * 2 for k, v in full.items()}, "c": block_of(0.1, 0.1, 0.1)}, "lower"
    )

    assert (found.best, found.may_be_best, found.unknown) == ("a", ("a",), ("c",))


def test_there_is_no_best_where_nothing_can_be_compared() -> None:
    """No cell, no cell with enough, or one judged among several: no best."""
    few, enough = block_of(1.0, 1.0, 1.0), block_of(1.0, 1.1, 1.0, 1.1)

    assert contenders({}, "lower").best is None
    assert contenders({"a": few, "b": few}, "lower").best is None
    lone = contenders({"a": enough, "b": few}, "lower")
    assert (lone.best, lone.may_be_best, lone.unknown) == (None, (), ("b",))
    assert contenders({"a": enough}, "lower").best == "a"


def test_unequal_constants_are_separated_and_equal_ones_are_not() -> None:
    """Samples without spread decide by their value."""
    found = contenders({"a": block_of(*[1.0] * 4), "b": block_of(*[1.0] * 4), "c": block_of(*[1.1] * 4)}, "lower")

    assert found.may_be_best == ("a", "b")


@settings(max_examples=60, deadline=None)
@given(cells, st.sampled_from([2.0**-20, 1.0, 1024.0]))
def test_contenders_do_not_depend_on_unit_or_order(found: Mapping[str, Mapping[int, float]], unit: float) -> None:
    """The best is a contender, and a relabelled or rescaled run has the same ones."""
    base = contenders(found, "lower")
    other = contenders({n: {b: v * unit for b, v in c.items()} for n, c in reversed(list(found.items()))}, "lower")

    assert base.best in base.may_be_best
    if base.best == other.best:
        assert set(base.may_be_best) == set(other.may_be_best)


def test_the_best_cell_is_the_one_with_the_best_printed_figure() -> None:
    """A slow second mode in the quick cell: its mean is worse, its median better; the median decides."""
    quick = dict(enumerate([1.0, 1.001, 1.002, 1.5, 0.999, 1.0, 1.5, 1.001, 1.5]))
    steady = dict(enumerate([1.05, 1.051, 1.049, 1.05, 1.05, 1.052, 1.048, 1.05, 1.05]))

    found = contenders({"steady": steady, "quick": quick}, "lower")

    assert np.mean(list(quick.values())) > 1.1
    assert found.best == "quick" and "quick" in found.may_be_best


@given(st.integers(0, 500))
def test_best_and_printed_never_contradict_each_other_in_complete_runs(seed: int) -> None:
    """Blocks that drift by 10 %, four cells, none missing."""
    generator = np.random.default_rng(seed)
    logs = generator.normal(0, 0.03, (4, 6)) + np.linspace(0, 0.1, 6)
    cells = {name: dict(enumerate(np.exp(row).tolist())) for name, row in zip("abcd", logs, strict=True)}
    printed = {name: cell_interval(list(cell.values()), looks=None).estimate for name, cell in cells.items()}

    assert contenders(cells, "lower").best == min(printed, key=lambda name: printed[name])
    assert contenders(cells, "higher").best == max(printed, key=lambda name: printed[name])
    assert {n: math.exp(c) for n, c in centres(cells).items()} == pytest.approx(printed)


def test_a_cell_that_lacks_a_slow_block_does_not_look_fast_for_it() -> None:
    """Blocks drift by 50 %; b is 2 % slower in each, and its last two trials are missing."""
    a = dict(enumerate([1.0, 1.1, 1.2, 1.3, 1.4, 1.5]))
    b = {block: 1.02 * value for block, value in a.items() if block < 4}

    assert np.median(list(b.values())) < np.median(list(a.values()))
    assert contenders({"a": a, "b": b}, "lower").best == "a"
