"""Run each cell of a saved run once more under the runtime's profiler; nothing of it counts as a trial."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from device_agents.contract import Error, Manifest, Operators
from lab.builds.folder import verify
from lab.device.cores import Held
from lab.errors import RunError
from lab.files import disk_errors
from lab.records import Breakdown, Cell, CellBreakdown, Run
from lab.run.bench import Bench, inputs_of, job_of
from lab.run.resume import scenario_of
from lab.store import breakdowns
from lab.trial.agent import Errand, carry_out, launch_for
from lab.trial.folder import EVENTS, JOB, STDERR, read_events, read_or_empty
from lab.trial.job import Place
from lab.trial.operators import ITEMS, breakdown_of

FOLDER, OPERATORS = "profile", "operators.json"
WARMUP = 1
"""Iterations before the profiled one: the first allocates memory."""

PATIENCE = 3
"""How many times a trial's time-out a profiled process may take; a judgement: a line is written for each operator,
and read again at the end."""


def refuse_unless_profiled(record: Run, bench: Bench) -> None:
    """Raise `RunError` for what cannot be profiled: another device than this machine, a foreign tool, no work."""
    kind = scenario_of(record).kind
    why = ""
    if record.context.facts.get("device_kind") != "host":
        why = f"it was measured on {record.device}, whose agent cannot profile; measure the scenario on the host"
    elif not isinstance(bench.build.manifest, Manifest):
        why = f"its build runs in {bench.build.manifest.runtime}'s own tool, which prints no profile"
    elif kind in ("load", "null"):
        why = f"its workload is `{kind}`, which runs no operator"
    if why:
        raise RunError(f"run {record.id} of {record.scenario} cannot be profiled: {why}")


def profile(record: Run, bench: Bench, *, tell: Callable[[str], None] = lambda words: None) -> Breakdown:
    """Profile every cell in this machine's turn, keep the breakdown with the run, and return it.

    `tell` is called with a line before each cell. Raises `RunError` when a cell cannot be profiled or fails.
    """
    refuse_unless_profiled(record, bench)
    folder = bench.store.trials_folder(record.id).with_name(FOLDER)
    kind = scenario_of(record).kind
    cells: list[CellBreakdown] = []
    runtime = ""
    with bench.lease() as held, disk_errors(f"profile run {record.id}", bench.store.root):
        verify(bench.build)
        shutil.rmtree(folder, ignore_errors=True)
        for number, cell in enumerate(record.cells, start=1):
            tell(f"profiling cell {number} of {len(record.cells)}: {cell.key}")
            place = folder / f"{number:02d}"
            place.mkdir(parents=True)
            found = _profiled(record, cell, bench, place, held)
            runtime = f"{found.runtime} {found.runtime_version}"
            cells.append(breakdown_of(cell.key, kind, found))
        kept = Breakdown(record.id, runtime, ITEMS.get(kind, (None, ""))[1], tuple(cells))
        breakdowns.write(bench.store.root, kept)
    return kept


def _profiled(record: Run, cell: Cell, bench: Bench, folder: Path, held: Held) -> Operators:
    """Run one cell's job in `folder` with the agent's verb `profile`, and return what it wrote."""
    scenario = scenario_of(record)
    inputs = inputs_of(record.cells, bench)
    job = job_of(record, Place(0, 0, cell), scenario, bench, inputs, iterations=1)
    job = job.model_copy(update={"warmup_iterations": WARMUP})
    launch = launch_for(job, bench.device, folder)
    verb = ("profile", "--job", JOB, "--events", EVENTS, "--operators", OPERATORS)
    launch = replace(launch, argv=(*bench.device.agent, *verb), outputs=(*launch.outputs, OPERATORS))
    errand = Errand(launch, bench.device.transport, folder, PATIENCE * scenario.plan.timeout_s, bench.clock)
    outcome = carry_out(replace(errand, started=held.note))
    try:
        return Operators.model_validate_json((folder / OPERATORS).read_bytes())
    except (OSError, ValidationError) as error:
        told = [e.message for e in read_events(read_or_empty(folder / EVENTS)).events if isinstance(e, Error)]
        stderr = read_or_empty(folder / STDERR).decode(errors="replace").strip()[-300:]
        how = "it took too long" if outcome.timed_out else f"the agent ended with status {outcome.returncode}"
        raise RunError(
            f"cell {cell.key} of run {record.id} could not be profiled: {how}: "
            f"{told[0] if told else stderr or 'it wrote no profile'}; its files lie in {folder}"
        ) from error
