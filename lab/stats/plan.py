"""What to measure next: closed loops that go on until the answer is good enough or the device time is spent.

Pure functions of the trials so far; whoever runs them asks after each block, and asks again after a restart
with the same result. Nothing is repeated for its own sake: cells that reached their target are left alone.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from lab.records import Run
from lab.stats.compare import Judgement
from lab.stats.interval import Looks, Spread, cell_interval
from lab.stats.sample import MIN_TRIALS, Medians

Side = Literal["candidate", "baseline"]
Stop = Literal["verdict reached", "target reached", "budget spent"]

MOST_TRIALS = 15
"""Trials of a cell that a closed loop takes at most when its plan does not say (methodology.md, 2: cap 15)."""

MEDIAN_COST = math.pi / 2
"""Variance of a median over that of a mean, normal iterations: what a trial's median loses of its iterations."""


@dataclass(frozen=True)
class Budget:
    """Device-seconds that may be spent in all, and those that were, failed trials included."""

    device_s: float
    spent_s: float = 0.0

    def __post_init__(self) -> None:
        if not (self.device_s >= 0 and self.spent_s >= 0 and math.isfinite(self.spent_s)):
            raise ValueError(f"wanted device-seconds of zero or more, found {self.device_s} and {self.spent_s}")

    @property
    def left_s(self) -> float:
        """Device-seconds left, never under zero."""
        return max(0.0, self.device_s - self.spent_s)


@dataclass(frozen=True)
class NextPairs:
    """Pairs to run next in this order, each (first, second); or none, and why it is over."""

    pairs: tuple[tuple[Side, Side], ...]
    stop: Stop | None
    why: str


@dataclass(frozen=True)
class NextBlock:
    """Cells to run once each, in this order; or none, and why it is over."""

    cells: tuple[str, ...]
    stop: Stop | None
    why: str


def goes_on(run: Run) -> bool:
    """Tell whether a run goes on until its intervals are narrow; otherwise its number of trials was fixed."""
    return run.target is not None and run.most is not None and run.most > run.blocks


def looks_of(run: Run) -> Looks:
    """Return the looks a run's closed loop has paid for; cells are symmetric, being held against nothing."""
    first = max(run.blocks, MIN_TRIALS)
    return Looks(max(run.most or MOST_TRIALS, first), first, towards_one=0.5)


def next_pairs(
    judgement: Judgement, looks: Looks, *, tried: int, seed: int, pair_s: float, budget: Budget
) -> NextPairs:
    """Return the next pairs of a comparison: two as ABBA or BAAB by chance, so that steady drift cancels.

    `tried` counts the pairs begun, invalid ones too: it numbers the draw, so that a resumed comparison goes on
    as it would have. Pairs that were invalid are run anew while money lasts; valid ones never exceed
    `looks.most`, because no more looks were paid for. Before the first look, pairs that cannot reach it
    are not begun. Raises ValueError unless a pair costs more than nothing.
    """
    if not pair_s > 0:
        raise ValueError(f"wanted a pair that costs device-seconds, found {pair_s}")
    done = judgement.change.n if judgement.change else 0
    if judgement.settled:
        return NextPairs((), "verdict reached", f"{judgement.verdict} after {done} pairs")
    paid = math.floor(budget.left_s / pair_s + 1e-9)
    room = looks.most - done
    if room <= 0:
        return NextPairs((), "budget spent", f"{judgement.verdict} after all {looks.most} pairs")
    if done + paid < looks.first or paid == 0:
        lacking = max(1, looks.first - done)
        more = f"{lacking} more pair{'' if lacking == 1 else 's'} of {_told_s(pair_s)} would have been needed"
        words = f"{_told_s(budget.left_s)} of the budget of {_told_s(budget.device_s)} were left, {more}"
        return NextPairs((), "budget spent", words)
    orders: tuple[tuple[Side, Side], ...] = (("candidate", "baseline"), ("baseline", "candidate"))
    group, inside = divmod(tried, 2)
    if random.Random(f"{seed}/{group}").random() < 0.5:
        orders = orders[::-1]
    return NextPairs(orders[inside : inside + min(paid, room)], None, f"{judgement.verdict} after {done} pairs")


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

    `target` is the relative half-width wanted of every cell (0.02 = 2 %). Every cell has `looks.first` trials
    before its width counts, because a width from few is luck. When the time left does not pay for all, those
    go first that are widest against the target. A cell never has more than `looks.most` trials. Intervals
    are those of :func:`cell_width`. Raises ValueError for a target or a cost that is not above zero.
    """
    costs = [trial_s[name] for name in cells]
    if not target > 0 or not all(cost > 0 for cost in costs):
        raise ValueError(f"wanted a target and costs above zero, found {target} and {costs}")
    widths = {name: cell_width(tuple(cell.values()), looks) for name, cell in cells.items()}
    wide = [name for name in cells if (width := widths[name]) is None or width > target]
    if not wide:
        return NextBlock((), "target reached", f"every interval is within {target:.1%}")
    open_cells = [name for name in wide if len(cells[name]) < looks.most]
    chosen, left_s = [], budget.left_s
    for name in sorted(open_cells, key=lambda name: -(widths[name] or math.inf)):
        if trial_s[name] <= left_s:
            chosen.append(name)
            left_s -= trial_s[name]
    if not chosen:
        words = f"{len(wide)} of {len(cells)} intervals are wider than {target:.1%}"
        return NextBlock((), "budget spent", words)
    order = sorted(chosen)
    random.Random(f"{seed}/{block}").shuffle(order)
    return NextBlock(tuple(order), None, f"{len(wide)} of {len(cells)} intervals are wider than {target:.1%}")


def cell_width(medians: Sequence[float], looks: Looks) -> float | None:
    """Return the relative half-width of the interval printed for a cell after these trials; None where none is.

    The one that is paid for at every trial: a plain interval whose width decides when to stop covers less than
    it says, because it stops when the spread happens to look small. Raises ValueError for a value that is not
    finite and above zero.
    """
    if not medians:
        return None
    found = cell_interval(medians, looks=looks)
    if found.low is None or found.high is None:
        return None
    return math.sqrt(found.high / found.low) - 1


def iterations_per_trial(spread: Spread, *, start_s: float, iteration_s: float, least: int, most: int) -> int:
    """Return how many iterations of a trial make the cell's interval narrowest for the device time.

    Two-stage sampling (Cochran, Sampling Techniques, 1977, sec. 10.6): the variance of a cell's mean from k
    trials of m iterations is (between + within / m) / k, its cost k (start + m iteration); the optimum is
    m = sqrt(within / between x start / iteration), with `within` raised by pi / 2 because a trial is told by
    its median. `start_s` is what a trial costs before its first measured iteration: gate, process, warm-up.
    Unknown or no spread between trials gives `most`, none within gives `least`. Independent iterations are
    assumed: correlated ones say less, and deserve fewer still. Raises ValueError for costs not above zero.
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


def _told_s(seconds: float) -> str:
    return f"{seconds:.0f} s"
