"""Run a scenario in order: blocks of shuffled cells, then the closed loop, then the memory pass."""

from __future__ import annotations

import math
import random
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from statistics import mean

from device_agents.contract import InvalidReason
from lab.errors import RunError
from lab.identifiers import new_run_id
from lab.records import Inject, Purpose, Run, Trial
from lab.run.bench import Bench, Watch, inputs_of, job_of
from lab.run.context import context_of
from lab.run.session import session
from lab.scenario.plan import Scenario
from lab.stats import plan
from lab.stats.pairs import cost_s
from lab.stats.plan import goes_on, looks_of
from lab.stats.sample import medians_by_block
from lab.store import Store
from lab.trial.job import Place

PASSING = {
    InvalidReason.DEVICE_REBOOTED,
    InvalidReason.SHARED_HOST,
    InvalidReason.STARVED,
    InvalidReason.GATE_TIMEOUT,
    InvalidReason.THROTTLED,
    InvalidReason.CLOCK_JUMP,
    InvalidReason.SPAN_GAP,
}
"""Reasons that pass: a trial that is invalid for one of these says nothing about the next one."""

PATIENCE = 10
"""Where reasons may pass, a run stops after at least two blocks and this many trials of which none counts: what
disturbs them stays. A judgement."""

TRIES = 3
"""The blocks that a closed loop begins at most for each trial that may count; a judgement."""

LEAST_S = 1e-3
"""The least cost of a trial: a plan wants a cost above zero, and a fake phone's clock may stand still."""


def order(record: Run, purpose: Purpose = "time") -> list[Place]:
    """Return a run's planned trials in order: each block holds one of each cell, shuffled by (seed, block).

    Each block has its own generator, so that a resumed run goes on exactly as the interrupted one would have.
    """
    places: list[Place] = []
    for block in range(record.blocks):
        cells = list(record.cells)
        random.Random(f"{record.seed}/{block}").shuffle(cells)
        places += [Place(len(places) + 1 + i, block, cell, purpose) for i, cell in enumerate(cells)]
    return places


def open_run(
    scenario: Scenario,
    bench: Bench,
    *,
    seed: int,
    suite: str,
    line: str,
    inject: Inject | None = None,
    comparison: str | None = None,
    memory: bool = False,
    night: str | None = None,
) -> Run:
    """Check that every cell can be measured, then save the run; nothing is measured yet.

    `inject` slows a stage down, for the lab's test of itself: it is part of the run and of its Context. `night` is
    the id of the night that the run belongs to. Raises as
    `job_of` does for a cell that cannot be measured.
    """
    inputs = inputs_of(scenario.cells, bench)
    record = Run(
        id=new_run_id(),
        scenario=scenario.name,
        suite=suite,
        build=bench.build.id,
        build_line=line,
        device=bench.device.identity.name,
        started_utc=bench.clock.utc(),
        ended_utc=None,
        status="running",
        seed=seed,
        blocks=scenario.plan.blocks,
        context=context_of(scenario, scenario.cells, bench, inputs, inject),
        cells=scenario.cells,
        scenario_toml=scenario.toml,
        most=scenario.plan.most,
        target=scenario.plan.target,
        budget_s=scenario.plan.budget_s,
        inject=inject,
        comparison=comparison,
        memory=memory,
        night=night,
    )
    for cell in scenario.cells:
        job_of(record, Place(0, 0, cell), scenario, bench, inputs)
    bench.store.create_run(record)
    return record


def run(
    record: Run, scenario: Scenario, bench: Bench, *, watch: Watch = lambda progress: None
) -> Generator[Trial, None, None]:
    """Measure the trials that `record` still lacks, saving and yielding each; for new and resumed runs.

    Ctrl-C or closing the generator ends the agent and marks the run `interrupted`, as does a device that stays
    away; any other error marks it `failed`. Raises `RunError` when no trial of the first block was valid.
    """
    with session(record, scenario, bench, watch=watch) as measuring:
        for place in places(record, scenario, measuring.done):
            yield measuring.measure(place)
            _stop_if_hopeless(record, measuring.done)


def places(record: Run, scenario: Scenario, done: Mapping[int, Trial]) -> Iterator[Place]:
    """Yield the place of each trial that a run still lacks; `done` holds the others, and grows meanwhile.

    Every cell first has its planned share; with a target, the closed loop then goes on with cells whose interval
    is wider. A later block follows from the trials before it, so that a resumed run goes on as it would have. The
    memory pass comes last: it is not timed, and may disturb. A scenario that asks about memory has no other.
    """
    planned = order(record, scenario.purpose)
    yield from (place for place in planned if place.number not in done)
    number, block = len(planned), record.blocks
    while (chosen := _next_block(record, scenario, done, block)).cells:
        for cell in (cell for key in chosen.cells for cell in record.cells if cell.key == key):
            number += 1
            if number not in done:
                yield Place(number, block, cell)
        block += 1
    if record.memory:
        for cell in record.cells:
            number += 1
            if number not in done:
                yield Place(number, block, cell, "memory")


def _next_block(record: Run, scenario: Scenario, done: Mapping[int, Trial], block: int) -> plan.NextBlock:
    """Return the cells to measure once more, from the trials of earlier blocks alone."""
    if record.target is None or not goes_on(record):
        return plan.NextBlock((), "target reached", "a fixed number of trials")
    before = [trial for trial in done.values() if trial.block < block and trial.purpose == "time"]
    medians = {cell.key: medians_by_block(before, cell.key, scenario.metric) for cell in record.cells}
    took_s = {cell.key: [cost_s([t]) for t in before if t.cell == cell.key] for cell in record.cells}
    if block >= TRIES * looks_of(record).most:  # `looks` count valid trials only
        return plan.NextBlock((), "budget spent", f"{block} blocks were tried")
    return plan.next_block(
        medians,
        target=record.target,
        looks=looks_of(record),
        trial_s={key: max(mean(spent) if spent else 0.0, LEAST_S) for key, spent in took_s.items()},
        budget=plan.Budget(record.budget_s or math.inf, cost_s(before)),
        block=block,
        seed=record.seed,
    )


def _stop_if_hopeless(record: Run, done: Mapping[int, Trial]) -> None:
    """Raise `RunError` when none of a run's first trials counts: one block, or PATIENCE if reasons may pass.

    A run that lacks nothing more ends by itself, without an answer.
    """
    blocks, rest = divmod(len(done), len(record.cells))
    first = [trial for number, trial in done.items() if number <= len(done)]
    if rest or len(first) != len(done) or any(trial.valid for trial in first):
        return
    patient = max(2, -(-PATIENCE // len(record.cells)))
    if blocks != (patient if any(trial.reason in PASSING for trial in first) else 1):
        return
    lacks = blocks < record.blocks or record.memory or (record.target is not None and goes_on(record))
    if not lacks:
        return
    reasons: dict[InvalidReason | None, Trial] = {trial.reason: trial for trial in first}
    words = _lost(reasons.values())
    which = "its first block" if blocks == 1 else f"its first {blocks} blocks"
    advice = "" if blocks == 1 else f". `lab explain {record.id[:13]}` says what to do; then resume it"
    raise RunError(
        f"run {record.id} of {record.scenario} on {record.device} stops: "
        f"no trial of {which} was valid. {words}{advice}"
    )


def refuse_if_nothing_counts(store: Store, record: Run, trials: Sequence[Trial]) -> None:
    """Raise `RunError` for a complete run without an answer: none of its trials is valid."""
    if not trials or any(trial.valid for trial in trials):
        return
    first = {trial.reason: trial for trial in reversed(trials)}
    words = _lost(first.values())
    folder = store.trials_folder(record.id)
    lost = f"none of its {len(trials)} trials counts" if len(trials) > 1 else "its trial does not count"
    raise RunError(
        f"run {record.id} of {record.scenario} on {record.device} is complete, and {lost}. {words}. "
        f"`lab explain {record.id[:13]}` says what to do before you start a new run; the agents' own "
        f"output lies in {folder}"
    )


def _lost(trials: Iterable[Trial]) -> str:
    """Return why trials do not count; an invalid trial of an older lab may have no reason."""
    return "; ".join(f"{trial.cell}: {trial.reason or 'no reason'}: {trial.detail}" for trial in trials)
