"""The statistics of trials, against scipy, algebra and simulated coverage."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from lab.errors import NotEnoughData
from lab.stats.best import contenders, probability_best
from lab.stats.interval import interval, spread
from lab.stats.sample import MIN_TRIALS, trial_median, usable

positive = st.floats(min_value=1e-6, max_value=1e6)
medians = st.lists(positive, min_size=4, max_size=12)
cells = st.dictionaries(
    st.sampled_from("abcdef"), st.dictionaries(st.integers(1, 8), positive, min_size=4), min_size=1, max_size=5
)


def test_the_interval_is_that_of_a_t_test_on_logarithms() -> None:
    """Scipy's one-sample t interval on logs is the reference."""
    values = [0.301, 0.312, 0.299, 0.320, 0.307]
    reference = stats.ttest_1samp(np.log(values), 0.0).confidence_interval(0.95)

    found = interval(values)

    assert found.low == pytest.approx(math.exp(reference.low))
    assert found.high == pytest.approx(math.exp(reference.high))
    assert found.estimate == pytest.approx(stats.gmean(values))
    assert (found.level, found.n) == (0.95, 5)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_there_is_no_interval_under_four_trials(count: int) -> None:
    """The estimate stands alone, constant or not."""
    assert MIN_TRIALS == 4
    for values in ([2.0] * count, [2.0, 8.0, 4.0][:count]):
        found = interval(values)
        assert (found.low, found.high, found.n) == (None, None, count)
    assert interval([2.0, 8.0]).estimate == pytest.approx(4.0)


def test_a_constant_sample_is_taken_at_its_word() -> None:
    """A quantised timer gives an interval of no width, not NaN."""
    found = interval([0.1] * 5)

    assert (found.low, found.estimate, found.high) == (0.1, 0.1, 0.1)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 0.0, -1.0])
def test_a_value_no_trial_can_have_is_refused(bad: float) -> None:
    """NaN, infinity, zero and less are refused, not averaged."""
    assert not usable([1.0, bad])
    with pytest.raises(ValueError, match="finite values above zero"):
        interval([1.0, 1.0, 1.0, bad])


def test_nothing_has_no_interval() -> None:
    """Without a trial there is not even an estimate, and without an iteration no trial."""
    with pytest.raises(NotEnoughData):
        interval([])
    with pytest.raises(NotEnoughData):
        trial_median([])


def test_a_level_outside_0_and_1_is_refused() -> None:
    """A level of 95 would silently be no interval at all."""
    with pytest.raises(ValueError, match="level"):
        interval([1.0, 2.0, 3.0, 4.0], level=95)


def test_a_trial_is_told_by_the_median_of_its_iterations() -> None:
    """One slow iteration does not move it; of two, it is the middle."""
    assert trial_median([3.0, 100.0, 2.0]) == 3.0
    assert trial_median([1.0, 2.0]) == 1.5


@given(medians, st.floats(min_value=1e-9, max_value=1e9), st.randoms())
def test_another_unit_or_order_is_the_same_interval(values: list[float], unit: float, random: object) -> None:
    """Milliseconds instead of seconds multiply all three figures; order changes nothing."""
    base, other = interval(values), interval([v * unit for v in reversed(values)])

    assert base.low is not None and base.high is not None and other.low is not None and other.high is not None
    assert base.low <= base.estimate * (1 + 1e-12) and base.estimate <= base.high * (1 + 1e-12)
    ours = np.array([base.low, base.estimate, base.high]) * unit
    assert np.allclose(ours, [other.low, other.estimate, other.high], rtol=1e-6)


@given(medians)
def test_more_of_the_same_data_is_narrower(values: list[float]) -> None:
    """The same trials twice over never widen the interval."""
    once, twice = interval(values), interval(values * 2)

    assert once.low is not None and once.high is not None and twice.low is not None and twice.high is not None
    assert math.log(twice.high / twice.low) <= math.log(once.high / once.low) + 1e-9


@pytest.mark.parametrize("count", [4, 6, 10])
def test_the_interval_covers_what_it_says(count: int) -> None:
    """At nominal 95 % the true median is inside at least 93 % of the time, on trials of three iterations each."""
    generator = np.random.default_rng(20241123)
    trials = generator.normal(0.0, 0.05, (4000, count, 1)) + generator.normal(0.0, 0.10, (4000, count, 3))
    inside = 0
    for values in np.median(np.exp(math.log(0.3) + trials), axis=2):
        found = interval(values.tolist())
        assert found.low is not None and found.high is not None
        inside += found.low <= 0.3 <= found.high

    assert 0.93 <= inside / 4000 <= 0.97


def test_pooled_iterations_would_not_cover() -> None:
    """The reason for trial medians: the same data with iterations pooled covers far less than it says."""
    generator = np.random.default_rng(5)
    logs = generator.normal(0.0, 0.10, (500, 4, 1)) + generator.normal(0.0, 0.02, (500, 4, 20))
    pooled = [interval(np.exp(trial).ravel().tolist()) for trial in logs]

    assert np.mean([i.low is not None and i.high is not None and i.low <= 1 <= i.high for i in pooled]) < 0.6


def test_spread_splits_variation_as_the_analysis_of_variance_does() -> None:
    """Hand-worked: logs (0, 2), (4, 6), (0, 2), (4, 6): MSW = 2, MSB = 32 / 3, between = (32/3 - 2) / 2."""
    found = spread([[math.exp(a), math.exp(b)] for a, b in ((0, 2), (4, 6), (0, 2), (4, 6))])

    assert found.within_cv == pytest.approx(math.sqrt(math.expm1(2)))
    assert found.between_cv == pytest.approx(math.sqrt(math.expm1(13 / 3)))


def test_spread_finds_the_components_it_was_simulated_with() -> None:
    """Unbalanced trials, 3 % between and 1 % within."""
    generator = np.random.default_rng(3)
    trials = [
        np.exp(generator.normal(0, 0.03) + generator.normal(0, 0.01, 2 + index % 4)).tolist()
        for index in range(3000)
    ]
    found = spread(trials)

    assert found.between_cv == pytest.approx(0.03, rel=0.05)
    assert found.within_cv == pytest.approx(0.01, rel=0.05)


def test_spread_says_nothing_where_it_cannot() -> None:
    """One iteration a trial tells no level apart; three trials tell nothing of trials; a negative part is zero."""
    assert spread([[1.0], [2.0], [3.0], [4.0]]).between_cv is None
    assert spread([[1.0], [2.0], [3.0], [4.0]]).within_cv is None
    three = spread([[1.0, 1.1], [1.0, 1.1], [1.0, 1.1]])
    assert three.between_cv is None and three.within_cv is not None
    assert spread([[1.0, 1.1]] * 4).between_cv == 0.0
    assert spread([]).within_cv is None


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
    """Calibration with drifting blocks: of the claims near 90 % about 90 % are true."""
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
    """A single cell is certain; under four trials nothing is; a lone judged cell has beaten nobody."""
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


def test_two_cells_are_told_apart_exactly_where_the_paired_t_test_does() -> None:
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


def test_unpaired_cells_are_told_apart_exactly_where_welchs_test_does() -> None:
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


def test_constants_are_told_apart_and_equal_ones_are_not() -> None:
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
