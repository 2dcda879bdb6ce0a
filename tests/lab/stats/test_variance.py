"""Sources of variance: found if they are in the data, not claimed if they are not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from scipy.stats import rankdata

from lab.records.explanation import Sources
from lab.stats.variance import ENOUGH, Point, ranks, sources


def points(
    medians: np.ndarray[tuple[int, int], np.dtype[np.float64]], within: float = 0.0, **covariates: Sequence[float]
) -> list[Point]:
    """Make trials of cells x blocks, three iterations each, in order of blocks; covariates go by that order."""
    cells, blocks = medians.shape
    order = [(cell, block) for block in range(blocks) for cell in range(cells)]
    return [
        Point(
            f"c{cell}",
            block,
            tuple(medians[cell, block] * np.exp(within * np.array([-1.0, 0.0, 1.0]))),
            {name: values[index] for name, values in covariates.items()},
        )
        for index, (cell, block) in enumerate(order)
    ]


def link(found: Sources, name: str) -> tuple[bool, float | None]:
    """Return whether a covariate is claimed, and its correlation."""
    return next((one.claimed, one.rho) for one in found.links if one.name == name)


def test_what_all_cells_of_a_block_share_is_the_blocks() -> None:
    """Two blocks of eight are 20 % slower for every cell; the cells' own levels are no variance."""
    noise = np.random.default_rng(1).normal(0, 0.005, (3, 8))
    effect = np.array([0, 0, 0.2, 0, 0, 0.2, 0, 0])
    found = sources(points(np.exp(np.log([[0.1], [0.3], [3.0]]) + effect + noise)))

    assert found.block_share is not None and found.block_share > 0.95
    assert found.block_p is not None and found.block_p < 1e-6
    assert found.between_cv == pytest.approx(np.sqrt(np.expm1(effect.var(ddof=1))), rel=0.1)


def test_noise_of_its_own_in_every_trial_is_not_the_blocks() -> None:
    """In 200 runs without a block effect, the F test finds one as often as its level says: 5 %."""
    random = np.random.default_rng(2)
    wrong = sum((sources(points(np.exp(random.normal(0, 0.03, (4, 6))))).block_p or 1) < 0.05 for _ in range(200))

    assert 2 <= wrong <= 20  # Binomial(200, .05): all but 1 in 500


def test_iterations_that_differ_are_variance_within() -> None:
    """Trials with equal medians have none between them."""
    found = sources(points(np.full((1, 6), 0.2), within=0.1))

    assert found.between_cv == 0
    assert found.within_cv == pytest.approx(np.sqrt(np.expm1(0.1**2)))


def test_heat_that_slows_trials_is_named_and_a_covariate_that_does_not_is_not() -> None:
    """Medians follow the temperature; the load is drawn by itself."""
    random = np.random.default_rng(3)
    heat, load = list(random.uniform(30, 40, 24)), list(random.uniform(0, 1, 24))
    medians = np.exp(np.array(heat).reshape(12, 2).T * 0.01 + random.normal(0, 0.005, (2, 12)))
    found = sources(points(medians, heat=heat, load=load))

    claimed, rho = link(found, "heat")
    assert claimed and rho is not None and rho > 0.9
    assert not link(found, "load")[0]


def test_nothing_is_claimed_under_enough_trials_however_it_looks() -> None:
    """Nine trials in a perfect line give no claim; ten do."""
    line = np.exp(np.linspace(0, 0.2, ENOUGH))[None, :]
    times = [float(i) for i in range(ENOUGH)]

    few = sources(points(line[:, :-1], time=times[:-1])).links[0]
    assert (few.rho, few.p, few.claimed, few.n) == (None, None, False, ENOUGH - 1)
    assert sources(points(line, time=times)).links[0].claimed


def test_a_family_of_covariates_is_paid_for() -> None:
    """Three covariates unrelated to the medians: any of them is claimed in at most about 5 % of runs."""
    random = np.random.default_rng(4)
    wrong = 0
    for _ in range(400):
        names = {name: list(random.normal(size=12)) for name in ("time", "heat", "load")}
        found = sources(points(np.exp(random.normal(0, 0.03, (2, 6))), 0.0, **names))
        wrong += any(one.claimed for one in found.links)

    assert wrong <= 33  # Binomial(400, .05): 99.8 % lie at or under it


def test_an_unclaimed_link_says_what_could_have_been_seen() -> None:
    """Ten trials, one covariate: |rho| from 0.632 on, the table's two-sided 5 % value for 8 degrees of freedom."""
    noise = np.random.default_rng(5).normal(0, 0.03, (1, 10))
    found = sources(points(np.exp(noise), time=list(map(float, range(10)))))

    assert found.links[0].visible == pytest.approx(0.632, abs=5e-4)


def wander(kind: str, random: np.random.Generator, trials: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return a series that moves with time, by itself: a line, a curve that levels off, a walk, or AR(1) at .8."""
    noise, at = random.normal(size=trials), np.linspace(0, 1, trials)
    if kind == "line":
        noise += 3 * at * random.choice([-1, 1])
    if kind == "levels off":
        noise = 3 * (1 - np.exp(-5 * at)) + 0.5 * noise
    if kind == "walk":
        noise = noise.cumsum()
    if kind != "correlated":
        return noise
    for place in range(1, trials):
        noise[place] = 0.8 * noise[place - 1] + 0.6 * noise[place]
    return noise


@pytest.mark.parametrize("kind", ["line", "levels off", "walk", "correlated"])
@pytest.mark.parametrize("trials", [12, 24])
def test_a_drift_is_not_explained_by_what_drifts_too(kind: str, trials: int) -> None:
    """Figures and two covariates drift, each by itself: what they claim, but for time, is false in at most 5 %.

    Correlated as they are, they claim something in .1 to .7.
    """
    random = np.random.default_rng(trials)
    wrong = 0
    for _ in range(200):
        names = {name: list(wander(kind, random, trials)) for name in ("heat", "load")}
        medians = np.exp(0.02 * wander(kind, random, trials))[None, :]
        found = sources(points(medians, 0.0, time=list(map(float, range(trials))), **names))
        wrong += any(one.claimed for one in found.links if one.name != "time")

    assert wrong <= 17  # Binomial(200, .05): 98.9 % lie at or under it


@pytest.mark.parametrize("trials", [0, 1, 3])
def test_a_few_trials_have_no_sources(trials: int) -> None:
    """Nothing is divided by zero."""
    found = sources(points(np.full((1, trials), 0.2), t=[1.0] * trials))

    assert found.trials == trials
    assert (found.between_cv, found.block_share, found.block_p) == (None, None, None)
    assert not any(one.claimed for one in found.links)


def test_constants_are_no_correlation() -> None:
    """Equal medians, or a frozen sensor, correlate with nothing."""
    steady = points(np.full((1, 12), 0.2), time=list(map(float, range(12))))
    frozen = points(np.exp(np.random.default_rng(6).normal(0, 0.1, (1, 12))), heat=[31.0] * 12)

    assert sources(steady).links[0].rho is None
    assert sources(frozen).links[0].rho is None


def test_a_missing_or_broken_reading_is_left_out() -> None:
    """Two of twelve trials have no temperature, one of them NaN: ten are used."""
    heat = [*(float(7 * index % 10) for index in range(10)), float("nan")]
    found = sources(
        [
            Point("c", index, (0.2 * 1.01 ** (7 * index % 10),), {"heat": heat[index]} if index < 11 else {})
            for index in range(12)
        ]
    )

    assert found.links[0].n == 10 and found.links[0].claimed


def test_ranks_are_those_of_scipy() -> None:
    """Equal values share their mean rank."""
    values = np.array([3.0, 1.0, 3.0, 2.0, 3.0, -1.0])

    assert ranks(values).tolist() == rankdata(values).tolist() == [5.0, 2.0, 5.0, 3.0, 5.0, 1.0]
