"""The sources of a run's variance, in words; unknowns are reported as unknown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean

from lab.records import Metric
from lab.records.explanation import Evidence, Sources
from lab.report.wording import number_of, percent, quantity
from lab.stats.interval import Spread
from lab.stats.pairs import cost_s
from lab.stats.plan import MEDIAN_COST, iterations_per_trial
from lab.stats.sample import counted
from lab.stats.steady import SHORTEST
from lab.stats.variance import ALPHA, ENOUGH

BLOCKS = 0.05
"""Up to this p a block effect is reported."""

MOST_OF_IT = 0.5
"""Beyond this share of the variance of a trial's median, iterations make most of it."""

ALL_OF_IT = 0.995
"""Beyond this share, which prints as 100 %, they make all of it."""

MOST_ITERATIONS = 200
"""The most iterations that are advised: a judgement, as iterations of one process do not replace trials."""


@dataclass(frozen=True)
class Best:
    """The number of iterations that makes the most of device time, and the seconds that this follows from.

    `settles` is how many iterations it takes at least to show whether a trial settled.
    """

    iterations: int
    settles: int
    start_s: float
    iteration_s: float


@dataclass(frozen=True)
class Split:
    """The part of iterations in the variance of a trial's median: the one criterion for more or fewer of them.

    `share` is their part at the present number that counts (0.1 = a tenth), which is all that more iterations
    could remove; `now` is how many a trial measures, `best` how many it should, None where that is unknown.
    """

    share: float
    now: int
    best: Best | None

    @property
    def lacking(self) -> bool:
        """True if iterations make most of the variance and more of them are worth their time."""
        return self.share > MOST_OF_IT and (self.best is None or self.best.iterations > self.now)

    @property
    def gain(self) -> float:
        """The share by which an interval would narrow with an endless number of iterations."""
        return 1 - math.sqrt(1 - self.share)


def split_of(kept: Sequence[Evidence], found: Sources, metric: Metric) -> Split | None:
    """Return how the variance of a trial's median is split; None where a level's spread is unknown.

    A median of m iterations adds pi / 2 x within / m to the variance between trials (see `lab.stats.plan`).
    """
    measured = [one for one in kept if counted(one.trial, metric.name)]
    if not measured or found.between_cv is None or found.within_cv is None:
        return None
    each = mean(1 / len(counted(one.trial, metric.name)) for one in measured)
    between, within = math.log1p(found.between_cv**2), MEDIAN_COST * math.log1p(found.within_cv**2) * each
    if between + within == 0:
        return None
    now = round(mean(len(one.trial.samples[metric.name]) for one in measured))
    best = _best(measured, Spread(found.between_cv, found.within_cv), metric)
    return Split(within / (between + within), now, best)


def _best(measured: Sequence[Evidence], spread: Spread, metric: Metric) -> Best | None:
    timed = [
        (cost_s([one.trial]), one.iteration_s, len(one.trial.samples[metric.name]))
        for one in measured
        if one.iteration_s
    ]
    if not timed or not spread.between_cv or not spread.within_cv:
        return None
    iteration_s = mean(each for _, each, _ in timed)
    start_s = mean(whole - each * count for whole, each, count in timed)
    if start_s <= 0:
        return None
    wanted = iterations_per_trial(spread, start_s=start_s, iteration_s=iteration_s, least=1, most=MOST_ITERATIONS)
    settles = max(1, SHORTEST - max(one.warmups for one in measured))
    return Best(wanted, settles, start_s, iteration_s)


def variance_words(found: Sources, split: Split | None) -> tuple[str, ...]:
    """Return the lines of "where the variance comes from"."""
    if found.trials == 0:
        return ("no trial counts, so there is no variance to explain",)
    return (_levels(found, split), *_blocks(found), *_links(found), *_spending(split))


def _levels(found: Sources, split: Split | None) -> str:
    within = "unknown" if found.within_cv is None else percent(found.within_cv)
    if found.between_cv is None:
        return f"within trials (iterations): {within}; between trials: unknown, no cell has enough trials"
    text = f"between trials: {percent(found.between_cv)}; within trials (iterations): {within}"
    if split is None:
        return text
    if split.share > ALL_OF_IT:
        return f"{text}. At their present number, iterations make all of the variance of a trial's median"
    return (
        f"{text}. At their present number, iterations make {_whole(split.share)} of the variance of a trial's "
        f"median: more of them could narrow the interval by {_whole(split.gain)} at most"
    )


def _p(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.2g}"


def _whole(share: float) -> str:
    return f"{100 * share:.0f} %"


def _blocks(found: Sources) -> tuple[str, ...]:
    if found.block_share is None or found.block_p is None:
        if found.cells < 2:
            return ()
        return ("blocks: too few trials to tell whether trials of a block have something in common",)
    if found.block_p > BLOCKS:
        return (f"blocks: no effect seen ({_p(found.block_p)})",)
    share = _whole(found.block_share)
    return (
        f"blocks: {share} of the variance between trials is common to the trials of a block "
        f"({_p(found.block_p)}): it came and went with time. Comparing cells block by block removes it",
    )


MORE = {"time": "later"}
"""The word for a greater value of a quantity, where it is not `more`."""


def _links(found: Sources) -> tuple[str, ...]:
    told, untold, unknown = [], [], []
    for link in found.links:
        if link.rho is None or link.p is None:
            unknown.append(link.name)
        elif link.claimed:
            direction = "higher" if link.rho > 0 else "lower"
            told.append(
                f"{link.name}: the {MORE.get(link.name, 'more')}, the {direction} the figure "
                f"(rank correlation {link.rho:+.2f}, {_p(link.p)}, {number_of(link.n, 'trial')})"
            )
        else:
            untold.append((link.name, link.rho, link.visible))
    if told:
        told.append("(a correlation is not a cause: time, heat and load rise together)")
    if untold:
        names = ", ".join(f"{name} {rho:+.2f}" for name, rho, _ in untold)
        least = max(visible or 1.0 for _, _, visible in untold)
        trials = number_of(found.trials, "trial")
        beyond = f"only a rank correlation beyond {least:.2f}" if least < 1 else "no rank correlation"
        told.append(
            f"no link found: {names}; among {trials} {beyond} would count (chance of a false link "
            f"{_whole(ALPHA)} in all)"
        )
    if unknown:
        least = ENOUGH + found.cells - 1
        few = f"under {least} trials" if found.trials < least else "not measured, or constant"
        told.append(f"not examined: {', '.join(unknown)} ({few})")
    return tuple(told)


def _spending(split: Split | None) -> tuple[str, ...]:
    """Return how many iterations a trial should have at this spread; nothing where that is unknown."""
    if split is None or split.best is None:
        return ()
    best = split.best
    count = max(best.iterations, best.settles)
    why = ", the fewest that show whether it settled" if count > best.iterations else ""
    return (
        f"device time goes furthest with about {number_of(count, 'iteration')} a trial{why} "
        f"(now {split.now}): a trial costs {quantity(best.start_s, 's')} before its first, then "
        f"{quantity(best.iteration_s, 's')} each",
    )
