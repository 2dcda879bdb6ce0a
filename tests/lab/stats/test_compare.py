"""Ratios paired by block, and the one verdict rule."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from lab.errors import NotEnoughData
from lab.records import Interval
from lab.stats.compare import judge, ratio, robust_ratio, smallest_visible_change, verdict
from lab.stats.interval import Looks

MIRROR = {"regressed": "improved", "improved": "regressed", "same": "same", "cannot tell": "cannot tell"}


def test_the_ratio_has_the_interval_of_a_paired_t_test() -> None:
    """Scipy's paired t interval of the logs, whatever the order of blocks."""
    new, old = [1.05, 1.11, 1.02, 1.30, 1.08], [1.00, 1.04, 1.00, 1.21, 1.01]
    reference = stats.ttest_rel(np.log(new), np.log(old)).confidence_interval(0.95)

    found = ratio(dict(enumerate(new)), dict(reversed(list(enumerate(old)))))

    assert (found.low, found.high) == pytest.approx((math.exp(reference.low), math.exp(reference.high)))
    assert found.n == 5


def test_only_blocks_with_both_make_a_pair() -> None:
    """Four trials a side that share three blocks have no interval, and none shared have no ratio."""
    a = {1: 2.0, 2: 2.0, 3: 2.0, 4: 2.0}
    found = ratio(a, {2: 1.0, 3: 1.0, 4: 1.0, 5: 9.0})

    assert (found.estimate, found.low, found.n) == (2.0, None, 3)
    with pytest.raises(NotEnoughData, match="no block"):
        ratio(a, {7: 1.0})


@pytest.mark.parametrize(
    ("low", "estimate", "high", "expected"),
    [
        (1.01, 1.05, 1.09, "regressed"),
        (0.91, 0.95, 0.99, "improved"),
        (0.99, 1.05, 1.11, "cannot tell"),
        (1.01, 1.02, 1.03, "same"),
        (0.97, 1.00, 1.03, "same"),
        (0.94, 1.00, 1.03, "cannot tell"),
        (1.01, 1.02, 1.07, "cannot tell"),
        (1.035, 1.04, 1.045, "regressed"),  # inside 5 % and beyond 3 %: the rule of a change comes first
    ],
)
def test_the_rule_on_a_time(low: float, estimate: float, high: float, expected: str) -> None:
    """A change excludes 1 and is beyond 3 %; `same` lies inside 5 %; the rest is `cannot tell`."""
    assert verdict(Interval(estimate, low, high, 0.95, 6), "lower") == expected


def test_a_rate_is_judged_the_other_way_up() -> None:
    """More tokens per second is better, less is a regression."""
    assert verdict(Interval(1.05, 1.01, 1.09, 0.95, 6), "higher") == "improved"
    assert verdict(Interval(0.95, 0.91, 0.99, 0.95, 6), "higher") == "regressed"


@pytest.mark.parametrize("dimension", ["parameter", "device"])
def test_only_builds_and_runtimes_regress(dimension: str) -> None:
    """Another parameter or device is slower or faster."""
    slow, fast = Interval(1.05, 1.01, 1.09, 0.95, 6), Interval(0.9, 0.85, 0.95, 0.95, 6)
    words = [
        verdict(found, "lower", dimension="parameter" if dimension == "parameter" else "device")
        for found in (slow, fast)
    ]

    assert words == ["slower", "faster"]
    assert verdict(slow, "lower", dimension="runtime") == "regressed"


def test_without_an_interval_there_is_no_verdict() -> None:
    """Fewer than four pairs: `cannot tell`."""
    few = Interval(2.0, None, None, 0.95, 3)

    assert verdict(few, "lower") == "cannot tell"
    assert smallest_visible_change(few) is None


def test_the_smallest_visible_change_is_the_half_width() -> None:
    """From 0.98 to 1.02 of the estimate: 2 %."""
    found = smallest_visible_change(Interval(1.5, 1.5 / 1.02, 1.5 * 1.02, 0.95, 6))

    assert found == pytest.approx(0.02)


ratios = st.lists(st.floats(min_value=0.5, max_value=2.0), min_size=4, max_size=9)


@given(ratios)
def test_swapping_the_sides_mirrors_the_verdict(values: list[float]) -> None:
    """Old against new gives the opposite of new against old."""
    new, old = dict(enumerate(values)), dict.fromkeys(range(len(values)), 1.0)
    there, back = ratio(new, old), ratio(old, new)

    assert there.estimate * back.estimate == pytest.approx(1.0)
    assert MIRROR[verdict(there, "lower")] == verdict(back, "lower")
    assert verdict(there, "higher") == verdict(back, "lower")


@given(ratios, st.floats(min_value=1e-6, max_value=1e6))
def test_the_ratio_has_no_unit(values: list[float], unit: float) -> None:
    """Both sides in milliseconds is the same ratio."""
    old = {block: 0.3 + 0.1 * block for block in range(len(values))}
    new = {block: old[block] * value for block, value in enumerate(values)}
    scaled = ratio({b: v * unit for b, v in new.items()}, {b: v * unit for b, v in old.items()})

    assert scaled.estimate == pytest.approx(ratio(new, old).estimate)


def test_the_signed_rank_interval_is_the_textbooks() -> None:
    """Of 1..25 the pairwise means are symmetric about 13, and the 95 % interval cuts 89 of 325 from each end."""
    found = robust_ratio([math.exp(value / 100) for value in range(1, 26)])
    means = sorted((i + j) / 200 for i in range(1, 26) for j in range(i, 26))

    assert found.estimate == pytest.approx(math.exp(0.13))
    assert found.low == pytest.approx(math.exp(means[89])) and found.high == pytest.approx(math.exp(means[-90]))


def test_one_slow_iteration_does_not_move_it() -> None:
    """A ratio of 50 among forty near 1 hardly moves the interval."""
    quiet = [1.0 + 0.001 * (i % 5 - 2) for i in range(40)]
    found = robust_ratio([*quiet, 50.0])

    assert found.estimate == pytest.approx(1.0, abs=0.001)
    assert found.high is not None and found.high < 1.002


def test_the_signed_rank_interval_covers() -> None:
    """At least 93 % of 1,000 samples of 30 heavy-tailed pairs (t with 3 degrees of freedom, seeded)."""
    draws = np.random.default_rng(7).standard_t(3, size=(1000, 30)) * 0.02
    inside = 0
    for row in np.exp(draws):
        found = robust_ratio(list(row))
        inside += found.low is not None and found.high is not None and found.low <= 1.0 <= found.high

    assert inside >= 930


def test_the_signed_rank_interval_wants_twenty_pairs() -> None:
    """Fewer are refused with a reason, and so is a ratio that is not finite and above zero."""
    with pytest.raises(NotEnoughData, match="at least 20 pairs"):
        robust_ratio([1.0] * 19)
    with pytest.raises(ValueError, match="finite and above zero"):
        robust_ratio([1.0] * 20 + [0.0])


def sides(ratios_: list[float], start: float = 0.3) -> tuple[dict[int, float], dict[int, float]]:
    """Return trial medians of a candidate and a baseline with these ratios, by block."""
    old = {block: start * (1 + 0.01 * block) for block in range(len(ratios_))}
    return {block: old[block] * value for block, value in enumerate(ratios_)}, old


TURNS = {block: block % 4 in (0, 3) for block in range(200)}
"""Whether the candidate was measured first, by block."""

SLOWER = [1.06, 1.08, 1.05, 1.07, 1.06, 1.09, 1.07, 1.05]


def test_a_running_comparison_settles_when_its_verdict_stands() -> None:
    """The same slow-down: too early with five pairs, regressed with eight."""
    early = judge(*sides(SLOWER[:5]), "lower", Looks(), firsts=TURNS)
    late = judge(*sides(SLOWER), "lower", Looks(), firsts=TURNS)

    assert (early.verdict, early.settled) == ("cannot tell", False)
    assert (late.verdict, late.settled) == ("regressed", True)


def test_a_second_place_that_is_slower_is_no_change() -> None:
    """Equal builds, the second trial of a pair 6 % slower: known orders take it out, and a 5 % change is found."""
    noise = [1.001, 0.999, 1.002, 0.998, 1.0, 1.001, 0.999, 1.0]
    placed = [value * (1 / 1.06 if TURNS[block] else 1.06) for block, value in enumerate(noise)]

    assert judge(*sides(placed), "lower", Looks(), firsts=TURNS).verdict == "same"
    assert judge(*sides([1.05 * value for value in placed]), "lower", Looks(), firsts=TURNS).verdict == "regressed"
    assert judge(*sides(placed), "lower", Looks(), firsts=None).verdict == "cannot tell"


def test_pairs_of_one_order_cannot_tell_it_from_a_change() -> None:
    """Six pairs, the candidate always second: no interval."""
    found = judge(*sides(SLOWER), "lower", Looks(), firsts=dict.fromkeys(range(8), False))

    assert found.change is not None and found.change.low is None
    assert found.verdict == "cannot tell"


def test_noise_never_moves_the_smallest_effect() -> None:
    """A 2 % change that excludes 1 is `same`, not `regressed`; a noisy 4 % is not yet anything."""
    clear = [1.02, 1.021, 1.019, 1.02, 1.021, 1.02, 1.019, 1.02]
    noisy = [1.04 * value for value in (0.9, 1.1, 0.93, 1.07, 0.95, 1.05, 1.0, 1.0)]

    assert judge(*sides(clear), "lower", Looks(), firsts=TURNS).verdict == "same"
    assert judge(*sides(noisy), "lower", Looks(), firsts=TURNS).verdict == "cannot tell"


def test_without_one_side_there_is_no_verdict() -> None:
    """No trial of a side, or none in a common block: no interval, not settled."""
    new, old = sides(SLOWER)

    for found in (
        judge({}, old, "lower", Looks(), firsts=TURNS),
        judge(new, {}, "lower", Looks(), firsts=TURNS),
        judge({}, {}, "lower", Looks(), firsts=TURNS),
    ):
        assert (found.change, found.verdict, found.settled) == (None, "cannot tell", False)
    assert (
        judge(new, {block + 100: value for block, value in old.items()}, "lower", Looks(), firsts=TURNS).change
        is None
    )


def test_unequal_sides_count_the_pairs_they_have() -> None:
    """Eight trials against six are six pairs."""
    new, old = sides(SLOWER)
    del old[0], old[3]
    found = judge(new, old, "lower", Looks(), firsts=TURNS)

    assert found.change is not None and found.change.n == 6


@pytest.mark.parametrize("bad", [math.nan, math.inf, 0.0, -0.3])
def test_a_median_that_is_not_finite_and_above_zero_is_refused(bad: float) -> None:
    """On either side, even in a block without a partner."""
    new, old = sides(SLOWER)

    with pytest.raises(ValueError, match="finite and above zero"):
        judge({**new, 99: bad}, old, "lower", Looks(), firsts=TURNS)
    with pytest.raises(ValueError, match="finite and above zero"):
        judge(new, {**old, 99: bad}, "lower", Looks(), firsts=TURNS)


@given(
    st.lists(st.floats(min_value=0.85, max_value=1.18), min_size=6, max_size=24),
    st.sampled_from([1e-9, 1e9, 2.0**-30]),
)
def test_a_unit_a_billion_times_larger_changes_no_verdict(values: list[float], unit: float) -> None:
    """Scale, direction and repeatability of a whole judgement."""
    new, old = sides(values)
    base = judge(new, old, "lower", Looks(), firsts=TURNS)
    scaled = judge(
        {b: v * unit for b, v in new.items()},
        {b: v * unit for b, v in old.items()},
        "lower",
        Looks(),
        firsts=TURNS,
    )
    back = judge(old, new, "lower", Looks(), firsts=TURNS)

    assert scaled.verdict == base.verdict
    assert back.verdict == MIRROR[base.verdict]
    assert judge(new, old, "lower", Looks(), firsts=TURNS) == base
