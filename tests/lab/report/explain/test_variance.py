"""The sources of variance in words; they and the advice agree on the number of iterations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest

from lab.records.explanation import Evidence, Explanation, Sources
from lab.report.explain.variance import split_of, variance_words
from lab.report.explain.view import explain
from tests.lab.report.report_runs import CELLS, ENCODE, fine, kept_of, run_of

MORE = "more iterations (plan.iterations) steady their medians"


def noisy(*, iterations: int, within: float, between: float, start_s: float, trials: int = 12) -> list[Evidence]:
    """Make trials of one cell whose medians and iterations alternate around their centre by these amounts.

    An iteration takes a second, and what comes before the first `start_s`.
    """
    signs = (1, -1, -1, 1)
    kept = kept_of(fine(trials, CELLS[:1]))
    return [
        replace(
            one,
            trial=replace(
                one.trial,
                samples={
                    "encode_s": tuple(
                        math.exp(between * signs[index % 4] + within * (1, -1)[i % 2]) for i in range(iterations)
                    )
                },
                wall_s=start_s + iterations,
            ),
            iteration_s=1.0,
        )
        for index, one in enumerate(kept)
    ]


def explained(kept: Sequence[Evidence]) -> Explanation:
    """Explain a run of one cell."""
    return explain(run_of(CELLS[:1]), kept, ENCODE)


def test_iterations_that_hardly_matter_any_more_are_not_advised() -> None:
    """6 % within and 1.9 % between with 100 of them: 14 % of a median's variance, 7 % of an interval's width."""
    found = explained(noisy(iterations=100, within=0.06, between=0.019, start_s=40.0))
    words = " ".join(found.variance)

    assert "iterations make 14 % of the variance of a trial's median" in words
    assert "narrow the interval by 7 % at most" in words
    assert "goes furthest with about 25 iterations a trial (now 100)" in words
    assert not any("iterations" in step for step in found.advice)


def test_iterations_that_make_most_of_the_noise_are_advised() -> None:
    """7 % within and 2 % between with four of them, and a long start: 78 % of a median's variance."""
    found = explained(noisy(iterations=4, within=0.06, between=0.04, start_s=40.0))

    assert "iterations make 78 % of the variance of a trial's median" in " ".join(found.variance)
    assert any(MORE in step for step in found.advice)


def test_where_a_start_costs_little_trials_are_better_than_iterations() -> None:
    """Iterations make most of the variance, yet the optimum is fewer: nothing advises more."""
    found = explained(noisy(iterations=4, within=0.06, between=0.04, start_s=0.1))

    assert "about 10 iterations a trial, the fewest that show whether it settled (now 4)" in " ".join(
        found.variance
    )
    assert not any("iterations" in step for step in found.advice)


@pytest.mark.parametrize(("between", "within"), [(None, 0.04), (0.01, None), (0.0, 0.0)])
def test_a_spread_that_is_not_known_is_not_split(between: float | None, within: float | None) -> None:
    """Neither is a spread of zero."""
    found = Sources(4, 1, between_cv=between, within_cv=within, block_share=None, block_p=None, links=())

    assert split_of(kept_of(fine(4, CELLS[:1])), found, ENCODE) is None
    assert split_of([], replace(found, between_cv=0.01, within_cv=0.04), ENCODE) is None


def test_how_many_iterations_a_trial_should_have_is_told_by_cochrans_optimum() -> None:
    """Within 4 %, between 1 %, 30 s to start, 1 s an iteration: 4 sqrt(pi / 2 x 30) = 27. Unknown: nothing."""
    found = Sources(4, 1, between_cv=0.01, within_cv=0.04, block_share=None, block_p=None, links=())
    kept = [
        replace(one, trial=replace(one.trial, wall_s=30.0 + len(one.trial.samples["encode_s"])), iteration_s=1.0)
        for one in kept_of(fine(4, CELLS[:1]))
    ]

    words = variance_words(found, split_of(kept, found, ENCODE))[-1]

    assert "about 27 iterations a trial" in words
    assert "a trial costs 30.0 s before its first, then 1.00 s each" in words
    untimed = [replace(one, iteration_s=None) for one in kept]
    assert not any("goes furthest" in each for each in variance_words(found, split_of(untimed, found, ENCODE)))
