"""Steps and drifts in nightly values."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.stats.changes import Step, find_steps, find_trend
from lab.stats.sample import Floats

SPREAD = 0.02


def noise(seed: int, nights: int, lag_one: float = 0.0) -> Floats:
    """Standard normal noise, autoregressive if asked for."""
    values = np.random.default_rng(seed).normal(size=nights)
    for night in range(1, nights):
        values[night] = lag_one * values[night - 1] + math.sqrt(1 - lag_one**2) * values[night]
    return values


def heavy(seed: int, nights: int) -> Floats:
    """Noise with heavy tails: Student's t with three degrees of freedom."""
    return np.random.default_rng(seed).standard_t(3, nights)


def quantised(seed: int, nights: int) -> Floats:
    """Noise of about six distinct values."""
    return np.round(noise(seed, nights))


def two_modes(seed: int, nights: int) -> Floats:
    """Noise with a slow mode, four standard deviations away, in a quarter of the nights."""
    generator = np.random.default_rng(seed)
    both = generator.normal(size=nights) + 4 * (generator.random(nights) < 0.25)
    return np.asarray(both / both.std(), dtype=np.float64)


def kept_modes(seed: int, nights: int) -> Floats:
    """Noise of two modes, three standard deviations apart, each kept for 8 nights on average."""
    generator = np.random.default_rng(seed)
    both = generator.normal(size=nights) + 3 * (np.cumsum(generator.random(nights) < 1 / 8) % 2)
    return np.asarray(both / both.std(), dtype=np.float64)


def series(noises: Floats, *steps: tuple[int, float]) -> list[float]:
    """Values near 100 under 2 % of noise; from each night given the level is so many times as high."""
    values = 100 * np.exp(SPREAD * noises)
    for night, ratio in steps:
        values[night:] *= ratio
    return [float(value) for value in values]


def nights_of(values: Sequence[float]) -> list[int]:
    """The nights of the steps found."""
    return [step.index for step in find_steps(values)]


@pytest.mark.parametrize("family", [noise, heavy, quantised, two_modes])
@pytest.mark.parametrize("ratio", [1.1, 1 / 1.1])
def test_a_clear_step_is_found_within_three_nights(family: Callable[[int, int], Floats], ratio: float) -> None:
    """A tenth up or down at night 50 of 90, under five noises of each family."""
    for seed in range(5):
        (found,) = find_steps(series(family(seed, 90), (50, ratio)))
        assert abs(found.index - 50) <= 3 and found.ratio == pytest.approx(ratio, rel=0.03)


def test_a_step_has_the_median_levels_around_it_in_the_unit_of_the_values() -> None:
    """Twenty nights at 2 s, twenty at 3 s, without noise."""
    (step,) = find_steps([2.0] * 20 + [3.0] * 20)

    assert step == Step(20, 2.0, 3.0)
    assert step.ratio == 1.5


def test_a_regression_and_its_repair_are_two_steps() -> None:
    """A tenth up at night 40, back at night 80; the level between them belongs to both."""
    first, second = find_steps(series(noise(1, 120), (40, 1.1), (80, 1 / 1.1)))

    assert abs(first.index - 40) <= 3 and abs(second.index - 80) <= 3
    assert first.after == second.before


@pytest.mark.parametrize("nights", [60, 120, 365])
def test_independent_noise_has_no_steps(nights: int) -> None:
    """Ten series of each family."""
    for family in (noise, heavy, quantised, two_modes):
        assert all(nights_of(series(family(seed, nights))) == [] for seed in range(10))


@pytest.mark.parametrize("lag_one", [0.5, 0.8])
def test_autocorrelated_noise_has_no_steps(lag_one: float) -> None:
    """Of twenty series of 120 nights."""
    assert [seed for seed in range(20) if nights_of(series(noise(seed, 120, lag_one)))] == []


def test_modes_that_last_are_hardly_ever_steps() -> None:
    """A mode that lasts 8 nights on average: of 40 series of 120 nights, a twentieth is expected, four allowed."""
    assert sum(bool(nights_of(series(kept_modes(seed, 120)))) for seed in range(40)) <= 4


def test_outliers_are_no_steps() -> None:
    """Three nights in a row at twice the level."""
    values = series(noise(2, 90))
    values[40:43] = [2 * value for value in values[40:43]]

    assert nights_of(values) == []


@pytest.mark.parametrize("ratio", [1.2, 1 / 1.2])
def test_a_slow_rise_is_a_trend_and_no_step(ratio: float) -> None:
    """A fifth in 120 nights, up or down."""
    values = series(noise(3, 120) + np.linspace(0, math.log(ratio), 120) / SPREAD)
    trend = find_trend(values)

    assert nights_of(values) == []
    assert trend is not None and trend.ratio == pytest.approx(ratio, rel=0.05)


def test_a_random_walk_is_a_trend_and_no_step() -> None:
    """A walk of .2 standard deviations of the noise a night, a year long: of ten, nine at least."""
    walks = [series(noise(seed, 365) + np.cumsum(0.2 * noise(100 + seed, 365))) for seed in range(10)]

    assert sum(find_trend(values) is not None and nights_of(values) == [] for values in walks) >= 9


def test_a_step_is_no_trend() -> None:
    """A tenth at night 50 of 90."""
    assert find_trend(series(noise(1, 90), (50, 1.1))) is None


def test_a_step_in_a_trend_is_found_and_taken_out_of_its_ratio() -> None:
    """A rise of a tenth in a year, and 30 % more at once in the middle."""
    values = series(noise(5, 365) + np.linspace(0, math.log(1.1), 365) / SPREAD, (180, 1.3))
    trend = find_trend(values)

    assert [abs(night - 180) <= 3 for night in nights_of(values)] == [True]
    assert trend is not None and trend.ratio == pytest.approx(1.1, rel=0.03)


@pytest.mark.parametrize("values", [[], [1.0], [1.0, 2.0, 3.0], [1.0, 2.0] * 4, [7.0] * 60, [math.nan] * 60])
def test_too_few_or_equal_nights_have_neither(values: list[float]) -> None:
    """None, one, three, eight, sixty equal ones, sixty missing ones."""
    assert find_steps(values) == []
    assert find_trend(values) is None


def test_a_rounding_error_is_no_step() -> None:
    """.3 and .1 + .2, which differ in the last bit; also beside nights that do vary."""
    rounded = [0.3] * 30 + [0.1 + 0.2] * 30

    assert find_steps(rounded) == []
    assert find_steps([*rounded, 0.31]) == []


def test_a_missing_night_counts_as_a_night() -> None:
    """Ten nights missing before the step: its index counts them."""
    values = [2.0] * 20 + [math.nan] * 10 + [3.0] * 20

    assert nights_of(values) == [30]


def test_a_step_within_the_errors_of_its_nights_is_dropped() -> None:
    """1 % between levels whose nights are known to 10 % each; known to 1 %, the step stays."""
    values = [2.0] * 20 + [2.02] * 20

    assert find_steps(values, errors=[0.1] * 40) == []
    assert [step.index for step in find_steps(values, errors=[0.01] * 40)] == [20]


@pytest.mark.parametrize("value", [0.0, -1.0, math.inf])
def test_an_impossible_value_is_an_error(value: float) -> None:
    """Times and rates are finite and above zero."""
    with pytest.raises(ValueError, match="above zero"):
        find_steps([1.0, 2.0, value])


def test_errors_must_match_the_values() -> None:
    """Two errors for three values."""
    with pytest.raises(ValueError, match="wanted one error for each of 3 values, found 2"):
        find_steps([1.0, 2.0, 3.0], errors=[0.1, 0.1])


KINDS = [
    series(noise(1, 60), (30, 1.05)),
    series(quantised(2, 60), (30, 1.05)),
    series(noise(3, 60, 0.8)),
    series(kept_modes(4, 60)),
    series(noise(5, 60) + np.cumsum(0.3 * noise(6, 60))),
]


@given(kind=st.sampled_from(KINDS), unit=st.sampled_from([1e-9, 1e9]) | st.floats(1e-6, 1e6))
@settings(max_examples=40, deadline=None)
def test_the_unit_changes_no_answer(kind: list[float], unit: float) -> None:
    """Seconds or nanoseconds, or any other unit: the same nights, the same trend."""
    scaled = [value * unit for value in kind]
    trend, expected = find_trend(scaled), find_trend(kind)

    assert nights_of(scaled) == nights_of(kind)
    assert (trend and trend.ratio) == (expected and pytest.approx(expected.ratio))


@given(st.lists(st.integers(1, 6), min_size=9, max_size=60))
@settings(max_examples=80, deadline=None)
def test_a_rate_has_the_steps_of_its_time(ticks: list[int]) -> None:
    """Values of a coarse timer, with many ties: their reciprocals have the same steps, and so has a second run."""
    values = [float(tick) for tick in ticks]
    steps, rates = find_steps(values), find_steps([1 / value for value in values])

    assert [step.index for step in rates] == [step.index for step in steps]
    assert [step.ratio for step in rates] == pytest.approx([1 / step.ratio for step in steps])
    assert find_steps(values) == steps


def test_two_candidates_that_meet_at_one_night_are_one() -> None:
    """A made-up series of 65 nights with five jumps, in which two candidates are placed at one night."""
    drawn = np.random.default_rng(2152)
    nights = int(drawn.integers(5, 120))
    values = 100 * np.exp(0.02 * drawn.standard_normal(nights) * (drawn.random() + 0.01))
    for _ in range(int(drawn.integers(0, 6))):
        values[int(drawn.integers(0, nights)) :] *= np.exp(drawn.normal(0, 0.1))
    if drawn.random() < 0.3:
        values = np.round(values, int(drawn.integers(0, 2)))
    if drawn.random() < 0.3:
        values[drawn.random(nights) < 0.2] = np.nan

    found = [step.index for step in find_steps(values.tolist())]

    assert found == sorted(set(found))
