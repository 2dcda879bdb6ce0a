"""Where the variance of a run comes from, in words; what cannot be told is said to be so."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean

from lab.records import Metric
from lab.report.evidence import Evidence
from lab.report.wording import percent
from lab.stats.pairs import cost_s
from lab.stats.plan import iterations_per_trial
from lab.stats.sources import ALPHA, ENOUGH, Sources
from lab.stats.summary import Spread, counted

BLOCKS = 0.05
"""A block effect is told as one from this p on."""


MOST_ITERATIONS = 200
"""No more iterations a trial are advised: a judgement, iterations of one process do not replace trials."""


def variance_words(found: Sources) -> tuple[str, ...]:
    """Return the lines of "where the variance comes from"."""
    if found.trials == 0:
        return ("no trial counts, so there is no variance to explain",)
    return (_levels(found), *_blocks(found), *_links(found))


def _levels(found: Sources) -> str:
    within = "not known" if found.within_cv is None else percent(found.within_cv)
    if found.between_cv is None:
        return f"within trials (iterations): {within}; between trials: not told, no cell has enough trials"
    text = f"between trials: {percent(found.between_cv)}; within trials (iterations): {within}"
    if found.within_cv is None:
        return text
    if found.between_cv > found.within_cv:
        return f"{text}. More trials narrow the interval, more iterations hardly do"
    return f"{text}. Iterations vary more than trials: more of them in a trial steady its median"


def _blocks(found: Sources) -> tuple[str, ...]:
    if found.block_share is None or found.block_p is None:
        if found.cells < 2:
            return ()
        return ("blocks: too few trials to tell whether their trials have something in common",)
    if found.block_p > BLOCKS:
        return (f"blocks: no effect seen (p = {found.block_p:.2g})",)
    share = f"{found.block_share:.0%}".replace("%", " %")
    return (
        f"blocks: {share} of the variance between trials is common to the trials of a block (p = "
        f"{found.block_p:.2g}): what came and went with time. Cells are compared block by block, which takes it "
        "out",
    )


MORE = {"time": "later"}
"""What a greater value of a thing is called, where it is not `more`."""


def _links(found: Sources) -> tuple[str, ...]:
    told, untold, unknown = [], [], []
    for link in found.links:
        if link.rho is None or link.p is None:
            unknown.append(link.name)
        elif link.claimed:
            direction = "higher" if link.rho > 0 else "lower"
            told.append(
                f"{link.name}: the {MORE.get(link.name, 'more')}, the {direction} the figure "
                f"(rank correlation {link.rho:+.2f}, "
                f"p = {link.p:.2g}, {link.n} trials)"
            )
        else:
            untold.append((link.name, link.rho, link.visible))
    if told:
        told.append("(what goes together need not be its cause: time, heat and load rise together)")
    if untold:
        names = ", ".join(f"{name} {rho:+.2f}" for name, rho, _ in untold)
        least = max(visible or 1.0 for _, _, visible in untold)
        told.append(
            f"nothing can be claimed of: {names}; with so few trials only a rank correlation beyond {least:.2f} "
            f"could have been (chance of a false claim {ALPHA:.0%} in all)".replace("%", " %")
        )
    if unknown:
        few = (
            f"under {ENOUGH} trials" if found.trials < ENOUGH + found.cells - 1 else "not known, or it stood still"
        )
        told.append(f"nothing is said of {', '.join(unknown)}: {few}")
    return tuple(told)


def split_words(kept: Sequence[Evidence], found: Sources, metric: Metric) -> tuple[str, ...]:
    """Say how many iterations a trial should have at this spread; nothing where a level's spread is not known."""
    timed = [
        (cost_s([one.trial]), one.iteration_s, len(one.trial.samples[metric.name]))
        for one in kept
        if one.iteration_s and counted(one.trial, metric.name)
    ]
    if not timed or not found.between_cv or not found.within_cv:
        return ()
    iteration_s = mean(each for _, each, _ in timed)
    start_s = mean(whole - each * count for whole, each, count in timed)
    if start_s <= 0:
        return ()
    best = iterations_per_trial(
        Spread(found.between_cv, found.within_cv),
        start_s=start_s,
        iteration_s=iteration_s,
        least=1,
        most=MOST_ITERATIONS,
    )
    return (
        f"device time goes furthest with about {best} iteration{'s'[: best != 1]} a trial (now "
        f"{round(mean(count for *_, count in timed))}): a trial costs {start_s:.1f} s before its first, and then "
        f"{iteration_s:.2g} s each",
    )
