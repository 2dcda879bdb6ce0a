"""Choose what to measure next: closed loops that end when the answer is good enough or the device time is spent.

Pure functions of the trials so far: the runner calls them after each block, and after a restart they return the
same. Cells that have reached their target get no more trials.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from lab.identifiers import seconds
from lab.records import Run
from lab.records.telling import stated
from lab.stats.compare import Judgement, smallest_visible_change
from lab.stats.interval import MOST_PAIRS, Looks, Spread, cell_interval
from lab.stats.sample import MIN_TRIALS, Medians

Side = Literal["candidate", "baseline"]
Stop = Literal["verdict reached", "target reached", "budget spent"]

MOST_TRIALS = 15
"""Most trials of a cell in a closed loop whose plan does not say (methodology.md, 2: cap 15)."""

ORDER_GROUP = MOST_PAIRS
"""Pairs of which half have each order."""

MEDIAN_COST = math.pi / 2
"""Variance of a median over that of a mean, for normal iterations: the price of using a trial's median."""


@dataclass(frozen=True)
class Budget:
    """Device-seconds allowed in all, and those spent, failed trials included; raises ValueError below zero."""

    device_s: float
    spent_s: float = 0.0

    def __post_init__(self) -> None:
        if not (self.device_s >= 0 and self.spent_s >= 0 and math.isfinite(self.spent_s)):
            raise ValueError(f"wanted device-seconds of zero or more, found {self.device_s} and {self.spent_s}")

    @property
    def left_s(self) -> float:
        """Device-seconds left, never below zero."""
        return max(0.0, self.device_s - self.spent_s)


@dataclass(frozen=True)
class NextPair:
    """The order (first, second) of the pair to run next; or none, with the reason to stop."""

    order: tuple[Side, Side] | None
    stop: Stop | None
    why: str


@dataclass(frozen=True)
class NextBlock:
    """Cells to run once each, in this order; or none, with the reason to stop."""

    cells: tuple[str, ...]
    stop: Stop | None
    why: str


def goes_on(run: Run) -> bool:
    """Return whether a run continues until its intervals are narrow; otherwise its number of trials is fixed."""
    return run.target is not None and run.most is not None and run.most > run.blocks


def looks_of(run: Run) -> Looks:
    """Return the looks that a run's closed loop allows for; symmetric, since a cell is compared with nothing."""
    first = max(run.blocks, MIN_TRIALS)
    return Looks(max(run.most or MOST_TRIALS, first), first, towards_one=0.5)


def order_of(seed: int, tried: int) -> tuple[Side, Side]:
    """Return the order of pair `tried` (from 0): of every 24, twelve begin with the candidate, placed by chance.

    By chance, so that nothing periodic on the device meets one side more often; half of them, because the effect
    of the order is taken out of the analysis and is known best when both orders are equally many. Coins alone cost
    a hundredth of the changes found, smaller groups make more false alarms of what is periodic (docs/adr/0019).
    """
    group, inside = divmod(tried, ORDER_GROUP)
    orders: list[tuple[Side, Side]] = [("candidate", "baseline"), ("baseline", "candidate")] * (ORDER_GROUP // 2)
    random.Random(f"{seed}/{group}").shuffle(orders)
    return orders[inside]


def next_pair(
    judgement: Judgement, looks: Looks, *, tried: int, seed: int, pair_s: float, budget: Budget
) -> NextPair:
    """Return the next pair of a comparison, or why there is none.

    `tried` counts the pairs begun, including invalid ones: it numbers the draw of the order, so that a resumed
    comparison continues as it would have. `pair_s` is what a pair takes without waiting, so one more is begun
    while it may fit. Invalid pairs are repeated while the budget lasts; valid ones never exceed `looks.most`, the
    looks that the interval allows for. Raises ValueError unless a pair costs more than nothing.
    """
    if not pair_s > 0:
        raise ValueError(f"wanted a pair that costs device-seconds, found {pair_s}")
    done = judgement.change.n if judgement.change else 0
    if judgement.settled:
        return NextPair(None, "verdict reached", f"the verdict stands after {done} pair{'s'[: done != 1]}")
    if done >= looks.most:
        return NextPair(None, "budget spent", f"all {looks.most} pairs are measured")
    if budget.left_s < pair_s * (1 - 1e-9):
        words = (
            f"the budget is spent: {seconds(budget.left_s)} of {seconds(budget.device_s)} are left, and a pair "
            f"takes {seconds(pair_s)} without waiting"
        )
        return NextPair(None, "budget spent", words)
    return NextPair(order_of(seed, tried), None, f"more pairs follow: {done} of at most {looks.most} are valid")


def next_block(
    cells: Mapping[str, Medians],
    *,
    target: float,
    looks: Looks,
    trial_s: Mapping[str, float],
    budget: Budget,
    block: int,
    seed: int,
) -> NextBlock:
    """Return the cells of the next block, in an order by (seed, block): those whose interval is too wide.

    `target` is the relative half-width wanted of every cell (0.02 = 2 %). Every cell gets `looks.first` trials
    before its width counts, because a width from fewer is luck. If the time left is too short for all, the widest
    cells go first. A cell never gets more than `looks.most` trials. Widths are those of :func:`cell_width`. Raises
    ValueError for a target or a cost that is not above zero.
    """
    costs = [trial_s[name] for name in cells]
    if not target > 0 or not all(cost > 0 for cost in costs):
        raise ValueError(f"wanted a target and costs above zero, found {target} and {costs}")
    widths = {name: cell_width(tuple(cell.values()), looks) for name, cell in cells.items()}
    wide = [name for name in cells if (width := widths[name]) is None or width > target]
    if not wide:
        return NextBlock((), "target reached", f"every interval is within {stated(target)}")
    open_cells = [name for name in wide if len(cells[name]) < looks.most]
    chosen, left_s = [], budget.left_s
    for name in sorted(open_cells, key=lambda name: -(widths[name] or math.inf)):
        if trial_s[name] <= left_s:
            chosen.append(name)
            left_s -= trial_s[name]
    if not chosen:
        words = f"{len(wide)} of {len(cells)} intervals are wider than {stated(target)}"
        return NextBlock((), "budget spent", words)
    order = sorted(chosen)
    random.Random(f"{seed}/{block}").shuffle(order)
    return NextBlock(tuple(order), None, f"{len(wide)} of {len(cells)} intervals are wider than {stated(target)}")


def cell_width(medians: Sequence[float], looks: Looks) -> float | None:
    """Return the relative half-width of the interval printed for a cell after these trials; None without one.

    It is the interval that allows for a look after every trial: a plain one whose width decides when to stop
    covers less than it claims, because it stops when the spread happens to look small. Raises ValueError for a
    value that is not finite and above zero.
    """
    if not medians:
        return None
    return smallest_visible_change(cell_interval(medians, looks=looks))


def iterations_per_trial(spread: Spread, *, start_s: float, iteration_s: float, least: int, most: int) -> int:
    """Return the number of iterations a trial that makes the cell's interval narrowest for its device time.

    Two-stage sampling (Cochran, Sampling Techniques, 1977, sec. 10.6): the variance of a cell's mean from k trials
    of m iterations is (between + within / m) / k, its cost k (start + m iteration); the optimum is m = sqrt(within
    / between x start / iteration), with `within` raised by pi / 2 because a trial is represented by its median.
    `start_s` is the cost of a trial before its first measured iteration: gate, process, warm-up. Unknown or no
    spread between trials gives `most`, none within gives `least`. Iterations are assumed to be independent:
    correlated ones tell less, and fewer of them are worth their time. Raises ValueError for costs not above zero.
    """
    if not (start_s > 0 and iteration_s > 0 and 1 <= least <= most):
        raise ValueError(
            f"wanted costs above zero and 1 <= least <= most, found {start_s}, {iteration_s}, {least}, {most}"
        )
    if spread.within_cv == 0:
        return least
    if not spread.within_cv or not spread.between_cv:
        return most
    within = MEDIAN_COST * math.log1p(spread.within_cv**2)
    between = math.log1p(spread.between_cv**2)
    return min(most, max(least, round(math.sqrt(within / between * start_s / iteration_s))))
