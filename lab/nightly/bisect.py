"""A bisection: a line's good build compared with later ones until the one that introduced a change is found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from lab.compare.comparison import Side, measure, next_run, open_comparison, runs_of
from lab.errors import BuildError, Incomparable, RunError
from lab.identifiers import now_utc
from lab.nightly.halving import Halving, Outcome
from lab.nightly.known import known_comparison
from lab.nightly.stages import judged_by, moved_stages
from lab.records import CHANGED, BuildAt, Comparison, Interval, Stage, Verdict
from lab.run.runner import PASSING
from lab.scenario.plan import Scenario
from lab.stats.pairs import cost_s
from lab.stats.sample import counted
from lab.store import Store

BUDGET_S = 7200.0
"""Default budget in device-seconds: the ends and three builds of half an hour each. A judgement."""

SHARED = 0.999
"""A known comparison had as large a budget as a new one would get if it had this share of it: rounding."""

Sides = Callable[[str, str, Scenario, str], tuple[Side, Side]]
"""Returns the sides of a comparison: of the ids of two builds, of a scenario, and the run whose trial to keep."""

Measure = Callable[[Comparison, Side, Side], None]
"""Measures what a comparison lacks."""


@dataclass(frozen=True)
class Asked:
    """The builds of a line in order, from the good to the bad one, and how to tell them apart.

    `metric` is the scenario's own or a stage's; `budget_s` are device-seconds for all comparisons together, those
    that were known before included.
    """

    builds: tuple[BuildAt, ...]
    scenario: Scenario
    metric: str
    budget_s: float
    seed: int


@dataclass(frozen=True)
class Step:
    """A build that was compared with the good one; `why` says what kept it from deciding.

    `change` is its ratio to the good build, `comparison` an id (empty: none was begun), `known` is True if that
    comparison had been measured before.
    """

    build: BuildAt
    outcome: Outcome
    why: str = ""
    change: Interval | None = None
    comparison: str = ""
    known: bool = False


@dataclass(frozen=True)
class Bisection:
    """The steps of a bisection, the two ends first, and its answer: the change lies after `good`, up to `bad`.

    `cell` is the cell that changed, `verdict` how it did. `stages` are those that moved between the ends. `short`
    says why it ended before every build had been tried; empty if none is left.
    """

    asked: Asked
    cell: str
    verdict: Verdict
    steps: tuple[Step, ...]
    halving: Halving
    stages: tuple[Stage, ...]
    short: str = ""

    @property
    def good(self) -> BuildAt:
        """The latest build without the change."""
        return self.asked.builds[self.halving.good]

    @property
    def bad(self) -> BuildAt:
        """The earliest build with it."""
        return self.asked.builds[self.halving.bad]

    def step_of(self, build: BuildAt) -> Step | None:
        """Return the step that tried a build, None for the good end and for one that was not tried."""
        return next((step for step in self.steps if step.build.id == build.id), None)


def to_the_end(comparison: Comparison, baseline: Side, candidate: Side) -> None:
    """Measure what a comparison lacks, showing nothing."""
    for _ in measure(comparison, baseline, candidate):
        pass


def bisect(
    store: Store,
    asked: Asked,
    sides: Sides,
    *,
    measured: Measure = to_the_end,
    tell: Callable[[str], None] = lambda words: None,
) -> Bisection:
    """Find the build that introduced the change between the ends, or the range of builds that may have.

    Every step is an ordinary comparison with the good end, saved as such: one that answers the question already
    is used again, and one that was interrupted is resumed, so a bisection that is begun again goes on. A build
    that cannot be opened, measured or compared is passed over. Raises `RunError` where the ends do not differ or
    cannot be judged, and what measuring raises: `DeviceLost` above all.
    """
    good, bad = asked.builds[0], asked.builds[-1]
    if good.id == bad.id:
        raise RunError(f"{good.name} and {bad.name} are one build: wanted two different ends")
    work = _Work(store, asked, sides, measured, tell)
    halving = Halving(len(asked.builds) - 1)
    comparison, known = work.comparison(bad, asked.scenario, halving.most + 1)
    cell, ends = _ends(store, asked, comparison)
    steps = [replace(ends.step(bad, None), comparison=comparison.id, known=known)]
    tell(f"{good.name} and {bad.name} differ: {ends.verdict} in {cell}")
    one = replace(asked.scenario, cells=tuple(each for each in asked.scenario.cells if each.key == cell))
    outcomes: dict[str, Outcome] = {good.id: "good", bad.id: "bad"}
    while (at := halving.next) is not None and (work.left_s > 0 or asked.builds[at].id in outcomes):
        build = asked.builds[at]
        if build.id not in outcomes:  # a line may hold a build twice
            steps.append(work.step(build, one, cell, ends, halving.most))
            outcomes[build.id] = steps[-1].outcome
            tell(f"{build.name}: {steps[-1].outcome}{f', {why}' if (why := steps[-1].why) else ''}")
        halving = halving.tried(at, outcomes[build.id])
    return Bisection(
        asked=asked,
        cell=cell,
        verdict=ends.verdict,
        steps=tuple(steps),
        halving=halving,
        stages=moved_stages(store, comparison, cell),
        short="" if halving.next is None else f"the budget of {asked.budget_s:.0f} device-seconds is spent",
    )


@dataclass(frozen=True)
class _Found:
    """The result of a comparison for a build: its verdict and its change, and what kept it from a verdict."""

    verdict: Verdict
    change: Interval | None
    why: str
    runs: bool

    def step(self, build: BuildAt, ends: _Found | None) -> Step:
        """Return the step; a build that may be like either end decides nothing. `ends` is None for the ends."""
        if not self.runs:
            return Step(build, "does not run", self.why)
        if ends is None or self.verdict == ends.verdict:
            return Step(build, "bad", change=self.change)
        if self.verdict in CHANGED:
            return Step(build, "good", change=self.change)
        if self.verdict != "same":
            return Step(build, "cannot tell", self.why, self.change)
        if _holds(self.change, ends.change):
            return Step(build, "cannot tell", "its interval holds the change of the bad end too", self.change)
        return Step(build, "good", change=self.change)


@dataclass
class _Work:
    """The comparisons of a bisection, and the device-seconds they took."""

    store: Store
    asked: Asked
    sides: Sides
    measured: Measure
    tell: Callable[[str], None]
    spent_s: float = 0.0
    begun: int = 0

    @property
    def left_s(self) -> float:
        """The device-seconds left."""
        return self.asked.budget_s - self.spent_s

    def step(self, build: BuildAt, scenario: Scenario, cell: str, ends: _Found, most: int) -> Step:
        """Compare a build with the good end, of which `most` comparisons are left."""
        try:
            comparison, known = self.comparison(build, scenario, most)
        except (BuildError, Incomparable) as error:
            return Step(build, "does not run", " ".join(str(error).split()))
        found = _found(self.store, self.asked.metric, comparison, cell)
        return replace(found.step(build, ends), comparison=comparison.id, known=known)

    def comparison(self, build: BuildAt, scenario: Scenario, most: int) -> tuple[Comparison, bool]:
        """Return a finished comparison of the good end with a build, and whether it was known already.

        It gets its share of what is left of the budget, for `most` comparisons.
        """
        share_s = self.left_s / most
        pair = self.asked.builds[0].id, build.id
        first, second = self.sides(*pair, scenario, "")
        found = known_comparison(self.store, first, second)
        known = found is not None and found.status == "finished"
        if found is None or (known and not self._enough(found, share_s)):
            known = False
            found, _, _ = open_comparison(
                baseline=first,
                candidate=second,
                dimension="build",
                seed=self.asked.seed + self.begun,
                budget_s=share_s,
            )
        elif not known:
            first, second = self.sides(*pair, scenario, next_run(self.store, found, now_utc()))
        self.begun += 1
        self.tell(f"{build.name}: {_DOES[known]} {found.id[:13]}")
        try:
            if not known:
                self.measured(found, first, second)
        finally:
            trials = [self.store.trials(run.id) for run in runs_of(self.store, found).values()]
            self.spent_s += sum(map(cost_s, trials))
        return self.store.comparison(found.id), known

    def _enough(self, comparison: Comparison, share_s: float) -> bool:
        """Return whether a comparison is decided, or had as large a budget as a new one would get."""
        found = [_found(self.store, self.asked.metric, comparison, each.cell) for each in comparison.cells]
        decided = all(each.verdict != "cannot tell" for each in found)
        return decided or comparison.budget_s >= SHARED * share_s


_DOES = {False: "measuring comparison", True: "known from comparison"}


def _ends(store: Store, asked: Asked, comparison: Comparison) -> tuple[str, _Found]:
    """Return the cell by which the ends differ most surely, and how; raises `RunError` if there is none."""
    found = {each.cell: _found(store, asked.metric, comparison, each.cell) for each in comparison.cells}
    surest = sorted(comparison.cells, key=lambda each: each.p)
    for wanted in ("regressed", "improved"):
        for each in surest:
            if found[each.cell].verdict == wanted:
                return each.cell, found[each.cell]
    ends = f"{asked.builds[0].name} and {asked.builds[-1].name}"
    shown = f"`lab show {comparison.id[:13]}` prints the comparison"
    if all(each.verdict == "same" for each in found.values()):
        moved = {stage.metric for each in found for stage in moved_stages(store, comparison, each)}
        hint = "".join(f"; but {name} moved: --stage {name}" for name in sorted(moved - {asked.metric}))
        raise RunError(f"{ends} are the same in {asked.metric}: no build between them changed it{hint}; {shown}")
    cell = next(each for each in surest if found[each.cell].verdict != "same").cell
    what = "was not measured" if not found[cell].runs else "does not show whether they differ"
    raise RunError(
        f"{ends}: cannot tell: {cell} {what}: {found[cell].why}; name other ends, or a larger --budget; {shown}"
    )


def _found(store: Store, metric: str, comparison: Comparison, cell: str) -> _Found:
    """Return what a comparison says of a cell by a metric: its own, or a stage's."""
    own = next(each for each in comparison.cells if each.cell == cell)
    if why := _does_not_run(store, comparison, cell):
        return _Found("cannot tell", None, why, runs=False)
    if metric == comparison.metric:
        return _Found(own.verdict, own.change, own.why, runs=True)
    judged = judged_by(store, comparison, cell, metric)
    why = f"its pairs do not show whether {metric} changed"
    return _Found(judged.verdict, judged.change, why, runs=True)


def _does_not_run(store: Store, comparison: Comparison, cell: str) -> str:
    """Return why no trial of the candidate counts while the good build's do; empty if some do, or may yet."""
    sides = {
        name: [trial for trial in store.trials(run.id) if trial.cell == cell]
        for name, run in runs_of(store, comparison).items()
    }
    ours, theirs = ([bool(counted(trial, comparison.metric)) for trial in side] for side in sides.values())
    tried = sides["candidate"]
    if not any(ours) or not tried or any(theirs) or any(trial.reason in PASSING for trial in tried):
        return ""
    last: Sequence[str] = [str(part) for part in (tried[-1].reason, tried[-1].detail) if part]
    return f"none of {len(tried)} trials counts: {': '.join(last) or tried[-1].state}"


def _holds(change: Interval | None, other: Interval | None) -> bool:
    """Return whether the interval of a change holds the estimate of another."""
    if change is None or other is None or change.low is None or change.high is None:
        return False
    return change.low <= other.estimate <= change.high
