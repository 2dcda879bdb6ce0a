"""The lab's check of itself: a build against itself, with and without an injected slow-down, within a time budget.

The record is saved after every comparison, so that no measurement is lost and the check can be resumed.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Literal

from lab.compare import comparison
from lab.compare.comparison import Step
from lab.compare.pairing import price_s
from lab.compare.tally import conclude, share_s, slow_downs, whole
from lab.device.transport import Clock
from lab.errors import DeviceRefused, RunError, ScenarioError
from lab.identifiers import new_run_id
from lab.records import CellVerdict, Inject, LiveCheck, SelfCheck
from lab.records.telling import stated
from lab.run.bench import Bench, Watch, inputs_of
from lab.run.context import context_of
from lab.scenario.plan import Scenario
from lab.stats.interval import Looks
from lab.stats.pairs import firsts_by_block, ratios_by_block
from lab.stats.sample import counted, medians_by_block, spoilt

COMPARISONS, INJECTED = 10, 5
"""A/A comparisons, and comparisons with an injected slow-down: the least that the lab's acceptance asks for."""

SLOW_DOWN = 1.10
"""The injected slow-down: twice the most that counts as `same`, so a verdict that misses it is plainly wrong."""

BUDGET_S = 900.0
"""Default budget in wall-clock seconds: a quarter of an hour, enough on the host."""

SLOWED: dict[str, str] = {
    "load_s": "load",
    "vit_s": "vit",
    "prefill_s": "prefill",
    "prefill_tokens_per_s": "prefill",
    "decode_s": "decode",
    "decode_tokens_per_s": "decode",
}
"""Metric -> the stage that makes up nearly all of it: slowing it by a tenth slows the metric by a tenth."""

Ended = Literal["finished", "interrupted", "failed"]


@dataclass(frozen=True)
class Order:
    """One comparison to measure: `slow_down` 1 is A/A; `ends_at` is when the self-check must end, by its clock."""

    number: int
    slow_down: float
    seed: int
    budget_s: float
    ends_at: float


@dataclass(frozen=True)
class Measured:
    """The outcome of an order: `ratios` are its valid pairs, candidate / baseline, in order of time.

    `firsts` says of each whether the candidate was measured first; `pair_s` is what a pair took without waiting;
    `spoilt` counts the trials that other programs spoilt.
    """

    comparison: str
    found: CellVerdict
    ratios: tuple[float, ...]
    firsts: tuple[bool, ...]
    trials: int
    pair_s: float | None = None
    spoilt: int = 0


Compare = Callable[[Order], Measured]


def carry_on(
    record: SelfCheck,
    compare: Compare,
    *,
    clock: Clock,
    save: Callable[[SelfCheck], None],
    tell: Callable[[SelfCheck], None] = lambda record: None,
) -> SelfCheck:
    """Measure the missing comparisons of `record` while the budget lasts, and return the record.

    A comparison that ran out of time before is measured again. After each, the record is saved and told.
    On an error or Ctrl-C it is saved as `failed` or `interrupted`, with the rates of what was measured, and the
    error is raised again.
    """
    record = whole(record)
    began, before_s = clock.monotonic(), record.spent_s
    record = replace(record, status="running", ended_utc=None)
    try:
        for number, slow_down in list(enumerate(slow_downs(record)))[len(record.live) :]:
            at = clock.monotonic()
            left_s = record.budget_s - record.spent_s
            budget_s = share_s(record, left_s)
            if budget_s is None:
                break
            measured = compare(Order(number, slow_down, record.seed + number, budget_s, at + left_s))
            now = clock.monotonic()
            record = _with(record, measured, slow_down, spent_s=now - at)
            record = replace(record, spent_s=before_s + now - began)
            save(record)
            tell(record)
    except BaseException as error:
        ended: Ended = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
        spent_s = before_s + clock.monotonic() - began
        save(conclude(replace(record, status=ended, ended_utc=clock.utc(), spent_s=spent_s)))
        raise
    record = conclude(replace(record, status="finished", ended_utc=clock.utc()))
    save(record)
    return record


def _with(record: SelfCheck, measured: Measured, slow_down: float, *, spent_s: float) -> SelfCheck:
    live = LiveCheck(
        measured.comparison,
        slow_down,
        measured.found,
        measured.trials,
        spent_s,
        measured.pair_s,
        measured.spoilt,
    )
    record = replace(record, live=(*record.live, live))
    if slow_down != 1:
        return record
    return replace(
        record,
        ratios=(*record.ratios, *measured.ratios),
        firsts=(*record.firsts, *measured.firsts),
        aa_trials=record.aa_trials + measured.trials,
    )


# --- on a device -------------------------------------------------------------------------------------------


def begin(
    scenario: Scenario,
    bench: Bench,
    line: str,
    *,
    seed: int,
    comparisons: int = COMPARISONS,
    injected: int = INJECTED,
    budget_s: float = BUDGET_S,
    slow_down: float = SLOW_DOWN,
) -> SelfCheck:
    """Check that a scenario can be compared with itself on a device, and save a new self-check.

    Raises `DeviceRefused` for an emulated device, `ScenarioError` for a scenario of several cells or with a metric
    that no single stage makes up.
    """
    if bench.device.identity.kind == "emulated":
        raise DeviceRefused(
            f"{bench.device.identity.name} is emulated: its times are not measurements, so there are no "
            "verdicts to check. Choose a phone, a virtual phone or the host"
        )
    _check(scenario)
    looks = Looks()
    record = SelfCheck(
        id=new_run_id(),
        device=bench.device.identity.name,
        context=context_of(scenario, scenario.cells, bench, inputs_of(scenario.cells, bench)),
        scenario=scenario.name,
        metric=scenario.metric,
        build=bench.build.id,
        build_line=line,
        started_utc=bench.clock.utc(),
        ended_utc=None,
        status="running",
        seed=seed,
        budget_s=budget_s,
        spent_s=0.0,
        wanted=comparisons,
        wanted_injected=injected,
        inject=Inject(SLOWED[scenario.metric], slow_down),
        looks_most=looks.most,
        looks_first=looks.first,
    )
    bench.store.save_selfcheck(record)
    return record


def _check(scenario: Scenario) -> None:
    if len(scenario.cells) != 1:
        raise ScenarioError(
            f"scenario {scenario.name}: a self-check compares one cell with itself, this has "
            f"{len(scenario.cells)}; choose one with a single cell, such as the bundled `selfcheck`"
        )
    if scenario.metric not in SLOWED:
        raise ScenarioError(
            f"scenario {scenario.name}: no single stage makes up {scenario.metric}, so a slow-down of one stage "
            f"would not slow the metric as much; choose one of {', '.join(SLOWED)}"
        )


def reopen(record: SelfCheck, scenario: Scenario, bench: Bench) -> None:
    """Raise `RunError` if a self-check cannot be resumed because its surroundings have changed; it says how."""
    if bench.build.id != record.build:
        raise RunError(
            f"self-check {record.id} cannot be resumed: it was started with build {record.build_line} "
            f"({record.build[:12]}), found {bench.build.id[:12]}. Name that build: --build {record.build[:12]}"
        )
    now = context_of(scenario, scenario.cells, bench, inputs_of(scenario.cells, bench))
    if changed := record.context.differs_from(now):
        words = "; ".join(f"{name} was {was}, is {found}" for name, (was, found) in changed.items())
        raise RunError(
            f"self-check {record.id} cannot be resumed, its verdicts would not be comparable: {words}. "
            "Restore what changed, or start a new one: `lab selfcheck`"
        )


def comparing(
    record: SelfCheck,
    scenario: Scenario,
    bench: Bench,
    *,
    watch: Watch = lambda progress: None,
    after_pair: Callable[[Order, Step, float], None] = lambda order, step, left_s: None,
) -> Compare:
    """Return a function that measures one comparison of the build with itself.

    `after_pair` is called with the order, each pair and the seconds left of the self-check; another pair is
    begun while one of median length fits into these, so only its waits can outlast the budget. It compares in the
    dimension `parameter`, because builds are judged on accepted devices only, and here the device itself is under
    test.
    """
    alike = comparison.Side(scenario, bench, record.build_line)

    def compare(order: Order) -> Measured:
        inject = replace(record.inject, slow_down=order.slow_down) if order.slow_down != 1 else None
        candidate = replace(alike, inject=inject)
        opened, _, _ = comparison.open_comparison(
            baseline=alike,
            candidate=candidate,
            dimension="parameter",
            seed=order.seed,
            looks=Looks(record.looks_most, record.looks_first),
            budget_s=order.budget_s,
        )
        with closing(comparison.measure(opened, alike, candidate, watch=watch)) as steps:
            for step in steps:
                left_s = order.ends_at - bench.clock.monotonic()
                after_pair(order, step, left_s)
                if left_s < step.pair_s:
                    break
        return _measured(bench, opened.id, inject)

    return compare


def _measured(bench: Bench, comparison_id: str, inject: Inject | None) -> Measured:
    """Read a comparison back from the store; raises `RunError` unless its runs were slowed as ordered."""
    done = bench.store.comparison(comparison_id)
    baseline, candidate = bench.store.run(done.baseline_run), bench.store.run(done.candidate_run)
    if (baseline.inject, candidate.inject) != (None, inject):
        wanted, *found = (_injected(each) for each in (inject, baseline.inject, candidate.inject))
        raise RunError(
            f"comparison {done.id}: wanted {wanted} in its candidate alone, found {found[0]} in its baseline and "
            f"{found[1]} in its candidate; its measurements say nothing about this device"
        )
    ours, theirs = (bench.store.trials(run.id) for run in (baseline, candidate))
    cell = baseline.cells[0].key
    ratios = ratios_by_block(*(medians_by_block(side, cell, done.metric) for side in (theirs, ours)))
    firsts = firsts_by_block(theirs, ours)
    count = sum(bool(counted(trial, done.metric)) for trial in (*ours, *theirs))
    return Measured(
        done.id,
        done.cells[0],
        tuple(ratios.values()),
        tuple(firsts[block] for block in ratios),
        count,
        price_s(done.metric, {"baseline": ours, "candidate": theirs}) or None,
        sum(map(spoilt, (*ours, *theirs))),
    )


def _injected(inject: Inject | None) -> str:
    return "no slow-down" if inject is None else f"`{inject.stage}` slowed by {stated(inject.slow_down - 1)}"
