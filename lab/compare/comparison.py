"""Two sides measured in turn, pair by pair, until each cell's verdict stands or the device time is spent.

Each side is an ordinary run; block n of both is pair n of a cell. The next pair follows from what is saved
(`lab.compare.pairing`), so an interrupted comparison resumes as it would have gone on.
"""

from __future__ import annotations

import logging
import shlex
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Literal

from lab.compare.acceptance import accept
from lab.compare.comparable import Subject, differs_beyond, incomparable, refusal
from lab.compare.pairing import (
    CellPair,
    Standing,
    Turn,
    left_of,
    long_ago,
    next_look_s,
    next_turn,
    standings,
    verdicts_of,
)
from lab.errors import DeviceLost, Incomparable, LabError, ScenarioError
from lab.identifiers import new_run_id
from lab.records import Cell, CellVerdict, Comparison, Dimension, Inject, Run, Trial
from lab.run import resume, runner
from lab.run.bench import Bench, Watch, inputs_of
from lab.run.context import context_of
from lab.run.recovery import let_end
from lab.run.session import GONE, Session, session
from lab.run.turn import DeviceTurn, turn_of
from lab.scenario.known import SCENARIOS
from lab.scenario.plan import Scenario
from lab.stats.interval import Looks
from lab.stats.plan import Side as Name
from lab.stats.sample import counted
from lab.store import Store
from lab.trial.job import Place

log = logging.getLogger(__name__)

BUDGET_S = 1800.0
"""Default budget in seconds of device time: 24 pairs of trials of half a minute. A judgement."""

JUDGES_BUILDS: tuple[Dimension, ...] = ("build", "runtime")
"""Dimensions in which something can regress: these are judged on accepted devices only."""


@dataclass(frozen=True)
class Side:
    """One side: a scenario, its bench, the build's line, and a slow-down where the lab tests itself.

    `scenario` holds the cells of this side; cell n of one side is compared with cell n of the other.
    """

    scenario: Scenario
    bench: Bench
    line: str
    inject: Inject | None = None


@dataclass(frozen=True)
class Step:
    """The outcome of one pair: the comparison as saved after it, the cell's verdict, and the pair's trials.

    `left_s` are the device-seconds left of the budget, `look_s` about those until the next look (None: none
    fits), and `pair_s` is what a pair of this cell takes without waiting.
    """

    comparison: Comparison
    cell: CellVerdict
    trials: tuple[Trial, ...]
    left_s: float
    look_s: float | None
    pair_s: float


def open_comparison(
    *,
    baseline: Side,
    candidate: Side,
    dimension: Dimension,
    seed: int,
    looks: Looks | None = None,
    budget_s: float = BUDGET_S,
    night: str | None = None,
) -> tuple[Comparison, Run, Run]:
    """Check that the sides may be compared and measured, and save the comparison and both runs.

    `looks` fixes the number of interim looks, `night` is the id of the night that makes the comparison. A side's
    `inject` is the only difference it may add. Raises `Incomparable`, after saving that verdict, before anything
    is measured; `ScenarioError` when the sides differ in their number of cells; and whatever `runner.open_run`
    raises.
    """
    paid = looks or Looks()
    if len(baseline.scenario.cells) != len(candidate.scenario.cells):
        raise ScenarioError(
            f"{baseline.scenario.name}: wanted a cell of the candidate for each of the baseline, found "
            f"{len(baseline.scenario.cells)} and {len(candidate.scenario.cells)}"
        )
    comparison = Comparison(
        id=new_run_id(),
        dimension=dimension,
        scenario=baseline.scenario.name,
        metric=baseline.scenario.metric,
        device=baseline.bench.device.identity.name,
        baseline_run="",
        candidate_run="",
        started_utc=baseline.bench.clock.utc(),
        ended_utc=None,
        status="running",
        seed=seed,
        looks_most=paid.most,
        looks_first=paid.first,
        budget_s=budget_s,
        differs={},
        night=night,
    )
    ours, theirs = (_subject(side) for side in (baseline, candidate))
    _refuse_incomparable(baseline.bench, comparison, ours, theirs, baseline.scenario.cells)
    runs = _open_runs(comparison, baseline, candidate)
    comparison = replace(comparison, baseline_run=runs["baseline"].id, candidate_run=runs["candidate"].id)
    found = standings(comparison, _cells(runs), {"baseline": (), "candidate": ()})
    comparison = replace(comparison, cells=verdicts_of(comparison, found))
    baseline.bench.store.save_comparison(comparison)
    return comparison, runs["baseline"], runs["candidate"]


def measure(
    comparison: Comparison,
    baseline: Side,
    candidate: Side,
    *,
    watch: Watch = lambda progress: None,
    tell: Callable[[str], None] = log.info,
) -> Generator[Step, None, None]:
    """Measure the missing pairs of a new or resumed comparison, saving it and yielding after each.

    Builds and runtimes are judged on accepted devices only (`lab.compare.acceptance`). A comparison that is left
    early, or whose device stays away, is marked `interrupted`; after another error `failed`; so are its runs. The
    last state is in the store. Raises `RunError` when the device is not accepted for judging builds, and
    `Incomparable` when it could not be prepared in the same way for both sides.
    """
    store = baseline.bench.store
    runs = runs_of(store, comparison)
    sides: dict[Name, Side] = {"baseline": baseline, "candidate": candidate}
    status: Literal["finished", "interrupted", "failed"] = "failed"
    failure = ""
    try:
        with _turns(baseline.bench, candidate.bench) as held:
            for name, side in sides.items():
                let_end(runs[name], side.scenario, side.bench)
            if comparison.dimension in JUDGES_BUILDS:
                instead = _instead(baseline, candidate)
                accept(baseline.bench, baseline.line, held["baseline"], instead=instead, tell=tell)
            with ExitStack() as stack:
                sessions: dict[Name, Session] = {
                    name: stack.enter_context(
                        session(runs[name], side.scenario, side.bench, held=held[name], watch=watch)
                    )
                    for name, side in sides.items()
                }
                ours, theirs = (_of_run(sessions[name].record) for name in sides)
                _refuse_incomparable(baseline.bench, comparison, ours, theirs, runs["baseline"].cells)
                yield from _pairs(comparison, runs, store, sessions)
        status = "finished"
    except (KeyboardInterrupt, GeneratorExit):
        status = "interrupted"
        raise
    except LabError as error:
        failure = str(error)
        if isinstance(error, DeviceLost):
            status = "interrupted"
        raise
    finally:
        _finish(baseline.bench, comparison, runs, status, failure)


def reopen(comparison: Comparison, baseline: Side, candidate: Side) -> None:
    """Raise `RunError` if a comparison cannot be resumed because its surroundings have changed."""
    store = baseline.bench.store
    for run_id, side in ((comparison.baseline_run, baseline), (comparison.candidate_run, candidate)):
        resume.reopen(store.run(run_id), side.scenario, side.bench)


def state_of(store: Store, comparison: Comparison) -> list[Standing]:
    """Return the standing of every cell of a comparison, from what is saved."""
    runs = runs_of(store, comparison)
    return standings(comparison, _cells(runs), {name: store.trials(run.id) for name, run in runs.items()})


def runs_of(store: Store, comparison: Comparison) -> dict[Name, Run]:
    """Return the two runs of a comparison."""
    return {"baseline": store.run(comparison.baseline_run), "candidate": store.run(comparison.candidate_run)}


def next_run(store: Store, comparison: Comparison, now_utc: str) -> str:
    """Return the id of the run whose trial comes next, or an empty string when nothing is missing."""
    turn = next_turn(comparison, state_of(store, comparison), now_utc)
    return "" if turn is None else runs_of(store, comparison)[turn.sides[0]].id


# --- opening and closing ---------------------------------------------------------------------------------


def _subject(side: Side) -> Subject:
    """Return what is compared of a side; an injected slow-down is declared, and left out."""
    inputs = inputs_of(side.scenario.cells, side.bench)
    context = context_of(side.scenario, side.scenario.cells, side.bench, inputs)
    return Subject(side.bench.device.identity.name, context)


def _instead(baseline: Side, candidate: Side) -> str:
    """Return how to measure both builds without a verdict, where their device may not give one."""
    name = baseline.scenario.name
    named = name if (SCENARIOS / f"{name}.toml").is_file() else "SCENARIO.toml"
    lines = []
    for bench in (baseline.bench, candidate.bench):
        known = bench.build.folder.absolute().is_relative_to(bench.store.builds_folder.absolute())
        build = bench.build.id[:12] if known else str(bench.build.folder)
        kind, device = bench.device.identity.kind, bench.device.identity.name
        on = [] if kind == "host" else ["--device", device]
        lines.append(f"`{shlex.join(['lab', 'run', named, '--build', build, *on])}`")
    return (
        f"Figures without a verdict: {' and '.join(dict.fromkeys(lines))} measure each build by itself; "
        "`lab compare --runs RUN_A RUN_B` prints the ratio of the two runs, without an interval."
    )


def _of_run(record: Run) -> Subject:
    facts = {name: fact for name, fact in record.context.facts.items() if name != "inject"}
    return Subject(record.device, replace(record.context, facts=facts))


def _refuse_incomparable(
    bench: Bench, comparison: Comparison, ours: Subject, theirs: Subject, cells: Sequence[Cell]
) -> None:
    differs = differs_beyond(comparison.dimension, ours, theirs)
    if not differs:
        return
    verdicts = tuple(incomparable(cell.key, differs) for cell in cells)
    ended = replace(comparison, differs=differs, cells=verdicts, status="finished", ended_utc=bench.clock.utc())
    bench.store.save_comparison(ended)
    raise Incomparable(refusal(comparison.dimension, differs))


def _open_runs(comparison: Comparison, baseline: Side, candidate: Side) -> dict[Name, Run]:
    runs: dict[Name, Run] = {}
    sides: dict[Name, Side] = {"baseline": baseline, "candidate": candidate}
    try:
        for name, side in sides.items():
            plan = side.scenario.plan.model_copy(
                update={"blocks": comparison.looks_most, "most": None, "target": None, "budget_s": None}
            )
            runs[name] = runner.open_run(
                replace(side.scenario, plan=plan),
                side.bench,
                seed=comparison.seed,
                suite="",
                line=side.line,
                inject=side.inject,
                comparison=comparison.id,
            )
    except LabError:
        for record in runs.values():
            baseline.bench.store.finish_run(record.id, "failed")
        raise
    return runs


@contextmanager
def _turns(baseline: Bench, candidate: Bench) -> Iterator[dict[Name, DeviceTurn]]:
    """Hold the turn of the one device, or of both."""
    benches = {bench.device.identity.name: bench for bench in (baseline, candidate)}
    held: dict[str, DeviceTurn] = {}
    with ExitStack() as stack:
        for name, bench in benches.items():
            held[name] = stack.enter_context(turn_of(bench))
        yield {
            "baseline": held[baseline.device.identity.name],
            "candidate": held[candidate.device.identity.name],
        }


def _finish(
    bench: Bench,
    comparison: Comparison,
    runs: Mapping[Name, Run],
    status: Literal["finished", "interrupted", "failed"],
    failure: str,
) -> None:
    store = bench.store
    try:
        latest = store.comparison(comparison.id)
        if latest.differs:  # saved as incomparable already
            return
        verdicts = verdicts_of(latest, state_of(store, latest), goes_on=False)
        if failure and not any(each.pairs for each in verdicts):
            why = f"it ended before its first valid pair: {failure.splitlines()[0].removesuffix('.')}"
            verdicts = tuple(
                each if each.verdict == "incomparable" else replace(each, why=why) for each in verdicts
            )
        ended = replace(latest, cells=verdicts, status=status, ended_utc=bench.clock.utc(), failure=failure)
        store.save_comparison(ended)
        for record in runs.values():  # a run whose session never began
            if store.run(record.id).status == "running":
                store.finish_run(record.id, status)
    except LabError as error:
        if status == "finished":
            raise
        log.info("comparison %s could not be marked %s: %s", comparison.id, status, error)


# --- pairs -----------------------------------------------------------------------------------------------


def _pairs(
    comparison: Comparison, runs: Mapping[Name, Run], store: Store, sessions: Mapping[Name, Session]
) -> Iterator[Step]:
    """Measure pair after pair, saving and yielding after each."""
    cells, now = _cells(runs), sessions["baseline"].bench.clock.utc
    if long_ago([trial.started_utc for each in sessions.values() for trial in each.done.values()], now()):
        for each in sessions.values():
            each.leave()

    def done() -> dict[Name, list[Trial]]:
        return {name: list(each.done.values()) for name, each in sessions.items()}

    found = standings(comparison, cells, done())
    while (turn := next_turn(comparison, found, now())) is not None:
        measured = tuple(_pair(comparison.metric, cells[turn.index], sessions, turn))
        found = standings(comparison, cells, done())
        verdicts = verdicts_of(comparison, found)
        comparison = replace(comparison, cells=verdicts, status="running", ended_utc=None, failure="")
        store.save_comparison(comparison)
        left_s = left_of(comparison, done())
        look_s = next_look_s(comparison, found, left_s)
        yield Step(comparison, verdicts[turn.index], measured, left_s, look_s, found[turn.index].pair_s)


def _pair(metric: str, cells: CellPair, sessions: Mapping[Name, Session], turn: Turn) -> Iterator[Trial]:
    """Measure the sides of a pair in order; a side that does not count ends the pair, which is retried later."""
    for name in turn.sides:
        measuring, cell = sessions[name], cells[name == "candidate"]
        first = _first(turn.block, cells[name == "baseline"], measuring, sessions)
        trial = measuring.measure(Place(max(measuring.done, default=0) + 1, turn.block, cell), first=first)
        if trial.reason in GONE:
            measuring.settle_up()
        for other in sessions.values():
            if other is not measuring and other.record.device == measuring.record.device:
                other.beside(trial)
        yield trial
        if not counted(trial, metric):
            return


def _first(block: int, cell: Cell, second: Session, sessions: Mapping[Name, Session]) -> Trial | None:
    """Return the other side's trial of this pair, if it was measured on the same device."""
    others = [
        each for each in sessions.values() if each is not second and each.record.device == second.record.device
    ]
    done = (trial for each in others for trial in each.done.values())
    return next((trial for trial in done if (trial.block, trial.cell) == (block, cell.key)), None)


def _cells(runs: Mapping[Name, Run]) -> list[CellPair]:
    return list(zip(runs["baseline"].cells, runs["candidate"].cells, strict=True))
