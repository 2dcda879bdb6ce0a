"""The best cell and its contenders, against scipy, algebra and simulated runs."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from lab.stats.best import centres, contenders, probability_best
from lab.stats.interval import cell_interval

positive = st.floats(min_value=1e-6, max_value=1e6)
cells = st.dictionaries(
    st.sampled_from("abcdef"), st.dictionaries(st.integers(1, 8), positive, min_size=4), min_size=1, max_size=5
)


def block_of(*values: float) -> dict[int, float]:
    """Give trial medians the blocks 1, 2, ..."""
    return dict(enumerate(values, start=1))


def test_the_probability_of_being_best_is_that_of_a_monte_carlo_draw() -> None:
    """Cells without common blocks: 400000 draws by each cell's half range and its level."""
    logs = {"a": [0.0, 0.02, 0.01, 0.03], "b": [0.02, 0.05, 0.0, 0.04, 0.03], "c": [0.05, 0.01, 0.06, 0.02]}
    blocks = {"a": 0, "b": 10, "c": 20}
    generator = np.random.default_rng(1)
    draws = [
        np.median(v) + half / stats.t.ppf((1 + level) / 2, len(v) - 1) * generator.standard_t(len(v) - 1, 400_000)
        for v, half, level in zip(logs.values(), (0.015, 0.025, 0.025), (0.875, 0.9375, 0.875), strict=True)
    ]
    reference = np.bincount(np.argmin(draws, axis=0), minlength=3) / 400_000

    found = probability_best(
        {name: {blocks[name] + i: math.exp(x) for i, x in enumerate(v)} for name, v in logs.items()}, "lower"
    )

    assert [found["a"], found["b"], found["c"]] == pytest.approx(reference.tolist(), abs=0.004)


def test_probabilities_say_how_often_they_are_right() -> None:
    """Calibration with drifting blocks: about 90 % of the claims near 90 % are true."""
    generator = np.random.default_rng(8)
    claimed, right = [], []
    for _ in range(300):
        truth = generator.normal(0, 0.02, 4)
        logs = truth + generator.normal(0, 0.05, (6, 1)) + generator.normal(0, 0.02, (6, 4))
        found = probability_best({str(i): block_of(*np.exp(logs[:, i])) for i in range(4)}, "lower")
        name, top = max(found.items(), key=lambda pair: pair[1] or 0.0)
        assert top is not None
        claimed.append(top)
        right.append(int(name) == int(np.argmin(truth)))

    assert np.mean(right) == pytest.approx(np.mean(claimed), abs=0.06)
    sure = [r for c, r in zip(claimed, right, strict=True) if c > 0.9]
    assert len(sure) > 45 and np.mean(sure) > 0.88


def test_a_missing_trial_does_not_bring_the_drift_of_blocks_back() -> None:
    """Blocks drift by 10 %, cell b is 2 % slower in each: that stays certain when one trial is missing."""
    drift = (1.0, 1.1, 1.2, 1.3, 1.4, 1.5)
    noise = (1.0, 1.001, 0.999, 1.001, 1.0, 0.999)
    a = block_of(*(d * n for d, n in zip(drift, noise, strict=True)))
    b = block_of(*(1.02 * d / n for d, n in zip(drift, noise, strict=True)))
    del b[6]

    found = probability_best({"a": a, "b": b}, "lower")

    assert found["a"] is not None and found["a"] > 0.99


@settings(max_examples=25, deadline=None)
@given(cells, st.sampled_from([1e-6, 1.0, 1e3]))
def test_probabilities_sum_to_one_whatever_unit_or_order(
    found: Mapping[str, Mapping[int, float]], unit: float
) -> None:
    """Neither the unit nor the order of cells matters, and a rate is a time the other way up."""
    base = probability_best(found, "lower")
    other = probability_best(
        {n: {b: v * unit for b, v in c.items()} for n, c in reversed(list(found.items()))}, "lower"
    )
    upside = probability_best({n: {b: 1 / v for b, v in c.items()} for n, c in found.items()}, "higher")

    assert sum(p for p in base.values() if p is not None) == pytest.approx(1.0)
    for name, probability in base.items():
        assert probability is not None
        assert other[name] == pytest.approx(probability, abs=1e-3)
        assert upside[name] == pytest.approx(probability, abs=1e-3)


def test_one_cell_is_its_own_best_and_too_few_trials_are_unknown() -> None:
    """A single cell is certain; fewer than four trials give nothing; a lone judged cell has beaten no other."""
    enough, few = block_of(1.0, 1.1, 1.0, 1.1), block_of(0.1, 0.1, 0.1)

    assert probability_best({"a": enough}, "lower") == {"a": 1.0}
    assert probability_best({"a": few}, "lower") == {"a": None}
    assert probability_best({"a": enough, "b": few}, "lower") == {"a": None, "b": None}
    assert probability_best({}, "lower") == {}


def test_constant_equal_cells_share_the_probability() -> None:
    """Four identical constants: a quarter each, without a division by zero."""
    found = probability_best({name: block_of(*[0.1] * 4) for name in "abcd"}, "lower")

    assert list(found.values()) == pytest.approx([0.25] * 4)


def test_a_cell_that_is_worse_in_every_block_is_out_however_much_blocks_drift() -> None:
    """Paired by block the 2 % are plain; Welch alone, as for shifted blocks, sees nothing."""
    fast = block_of(1.0, 1.3, 1.6, 1.9, 2.2)
    slow = {block: value * (1.02 + 0.001 * (block % 2)) for block, value in fast.items()}
    elsewhere = {block + 100: value for block, value in slow.items()}

    assert contenders({"fast": fast, "slow": slow}, "lower").may_be_best == ("fast",)
    assert contenders({"fast": fast, "slow": slow}, "higher").may_be_best == ("slow",)
    assert contenders({"fast": fast, "slow": elsewhere}, "lower").may_be_best == ("fast", "slow")


def test_two_cells_are_separated_exactly_where_the_paired_t_test_separates_them() -> None:
    """With two cells the one-sided 5 % limit is scipy's paired t test on logs, on both sides of it."""
    generator = np.random.default_rng(17)
    seen = set()
    for _ in range(60):
        first, second = generator.normal(0, 0.02, 6), generator.normal(0.015, 0.02, 6)
        p = stats.ttest_rel(first, second, alternative="less").pvalue
        found = contenders({"a": block_of(*np.exp(first)), "b": block_of(*np.exp(second))}, "lower")
        if first.mean() < second.mean():
            assert ("b" in found.may_be_best) == (p >= 0.05)
            seen.add(bool(p >= 0.05))

    assert seen == {True, False}


def test_unpaired_cells_are_separated_exactly_where_welchs_test_separates_them() -> None:
    """Cells that share too few blocks go by scipy's Welch test on logs."""
    generator = np.random.default_rng(18)
    seen = set()
    for _ in range(60):
        first, second = generator.normal(0, 0.02, 6), generator.normal(0.03, 0.05, 5)
        p = stats.ttest_ind(first, second, equal_var=False, alternative="less").pvalue
        later = {block + 4: value for block, value in block_of(*np.exp(second)).items()}
        found = contenders({"a": block_of(*np.exp(first)), "b": later}, "lower")
        if first.mean() < second.mean():
            assert ("b" in found.may_be_best) == (p >= 0.05)
            seen.add(bool(p >= 0.05))

    assert seen == {True, False}


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
