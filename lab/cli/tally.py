"""How far the runs of one command are, and how long they may still take: pure arithmetic, no clock of its own."""

from __future__ import annotations

from dataclasses import dataclass, field

from lab.records import Run
from lab.report.wording import lasting, number_of
from lab.scenario.plan import Plan


@dataclass
class Share:
    """One run's part: its planned trials, the most that a closed loop may measure, and what was measured so far.

    `lost` are those that do not count: a closed loop measures others for them. `spent_s` is all the time that
    passed meanwhile, with every wait; `budget_s` bounds what a closed loop adds.
    """

    planned: int
    most: int
    budget_s: float | None = None
    done: int = 0
    lost: int = 0
    measured: int = 0
    spent_s: float = 0.0
    begun: bool = False
    over: bool = False

    def like(self, other: Share) -> bool:
        """Return whether another run has the same plan."""
        return (self.planned, self.most, self.budget_s) == (other.planned, other.most, other.budget_s)

    def add(self, seconds: float, *, counts: bool) -> None:
        """Count one more trial, which took so long with all its waits."""
        self.done, self.measured, self.spent_s = self.done + 1, self.measured + 1, self.spent_s + seconds
        self.lost += not counts

    @property
    def left(self) -> int:
        """Planned trials that are still to be measured."""
        return 0 if self.over else max(0, self.planned - self.done)

    def place(self) -> str:
        """Return how far the run is, in words; a closed loop has no last trial that is known."""
        if self.begun and not self.left and self.extra:
            return f"{number_of(self.done, 'trial')}, more where intervals are wide"
        return f"{self.done} of {number_of(max(self.done, self.planned), 'trial')}"

    @property
    def extra(self) -> int:
        """Trials that a closed loop may still add: it is bounded by those that count."""
        if self.over or self.most <= self.planned:
            return 0
        return max(0, self.most - (self.done - self.lost) - self.left)


@dataclass
class Tally:
    """The shares of all runs, in the order in which they are measured."""

    shares: list[Share] = field(default_factory=list)

    @property
    def total(self) -> int:
        """Trials that are planned in all, and those that were added."""
        return sum(share.done if share.over else max(share.done, share.planned) for share in self.shares)

    @property
    def done(self) -> int:
        """Trials that are over."""
        return sum(share.done for share in self.shares)

    def place(self) -> str:
        """Return how far all runs are together, in words; empty for a single one, whose own words tell it."""
        if len(self.shares) < 2:
            return ""
        if any(share.begun and not share.left and share.extra for share in self.shares):
            return f"{self.done} in all"
        return f"{self.done} of {self.total} in all"

    def left(self) -> str:
        """Return the time left in words: that of planned trials, and what a closed loop may add; empty at first.

        A trial takes as long as those of its run did, and before the first as long as those of the others.
        """
        measured = sum(share.measured for share in self.shares)
        if not measured:
            return ""
        mean_s = sum(share.spent_s for share in self.shares) / measured
        planned_s = more_s = 0.0
        for share in self.shares:
            each_s = share.spent_s / share.measured if share.measured else mean_s
            planned_s += each_s * share.left
            added_s = each_s * share.extra
            if share.budget_s is not None:
                added_s = min(added_s, max(0.0, share.budget_s - share.spent_s - each_s * share.left))
            more_s += added_s
        if not planned_s and not more_s:
            return ""
        if not more_s:
            return f"about {lasting(planned_s)} left"
        most = f"at most {lasting(planned_s + more_s)}"
        return f"about {lasting(planned_s)} left, {most}" if planned_s else f"{most} left"


def share_of(cells: int, plan: Plan, *, memory: bool) -> Share:
    """Return the share of a run that will be begun."""
    return _share(cells, plan.blocks, plan.most if plan.target is not None else None, plan.budget_s, memory=memory)


def share_of_run(run: Run) -> Share:
    """Return the share of a run that was begun."""
    most = run.most if run.target is not None else None
    return _share(len(run.cells), run.blocks, most, run.budget_s, memory=run.memory)


def _share(cells: int, blocks: int, most: int | None, budget_s: float | None, *, memory: bool) -> Share:
    return Share(cells * (blocks + memory), cells * (max(blocks, most or 0) + memory), budget_s)
