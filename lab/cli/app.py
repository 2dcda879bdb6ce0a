"""The command `lab`: parse, one library call, render, exit code: 0 fine, 2 the lab failed, 1 kept for later."""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import sys
import tempfile
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lab.cli.builds import builds
from lab.cli.options import DATA, Data, console, opened
from lab.errors import LabError, RunError

if TYPE_CHECKING:
    from lab.records import Answer, Run, Trial
    from lab.runner import Bench
    from lab.scenario import Scenario

INTERRUPTED = 130
"""What typer makes of Ctrl-C outside a measurement: 128 + SIGINT, as shells count."""

log = logging.getLogger(__name__)

app = typer.Typer(
    name="lab",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Measure a multimodal LLM on a device: scenarios in, answers with error bars out.\n\n"
    "A scenario asks one question and sweeps a parameter; each of its cells is measured by fresh agent "
    "processes in shuffled blocks; a trial that is wrong, incomplete or disturbed never counts.\n\n"
    "Exit status: 0 fine, 2 the lab failed (one message on stderr says why).",
    epilog="Example: `lab run vit_batch --build nano-paper`, then `lab show last --html report.html`",
)
app.add_typer(builds, name="builds")


@app.callback()
def top(verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log what the lab does.")] = False) -> None:
    """Measure a multimodal LLM on a device."""
    from lab.cli.progress import configure_logging

    configure_logging(console(), verbose=verbose)


@app.command(epilog="Example: `lab run vit_batch --build nano-paper --suite full --html report.html`")
def run(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[SCENARIO]",
            help="A scenario's name or .toml file; all of the suite when left out. With --resume: a run's id.",
        ),
    ] = None,
    *,
    suite: Annotated[
        str | None,
        typer.Option(
            help="The suite whose scenarios and plan to use: quick or full. [default: quick; one scenario: none]"
        ),
    ] = None,
    build: Annotated[
        str | None, typer.Option(help="A build's line, the start of its id, or its folder. [default: nano-paper]")
    ] = None,
    device: Annotated[str, typer.Option(help="The device to measure on; `lab devices` lists them.")] = "host",
    data: Data = DATA,
    seed: Annotated[
        int | None, typer.Option(help="Seed of the cells' order; drawn and recorded if left out.")
    ] = None,
    image: Annotated[
        Path | None, typer.Option(help="Work on this image file instead of the input the scenario names.")
    ] = None,
    instruction: Annotated[
        str | None, typer.Option(help="What to ask about --image. [default: Describe this image.]")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with an unfinished run: the newest, or the one named.")
    ] = False,
    blocks: Annotated[int | None, typer.Option(min=1, help="Trials of each cell, instead of the plan's.")] = None,
    iterations: Annotated[
        int | None, typer.Option(min=1, help="Measured iterations of a trial, instead of the plan's.")
    ] = None,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for another lab on this machine.")] = 900,
    html: Annotated[Path | None, typer.Option(help="Also write one page with all answers.")] = None,
) -> None:
    """Measure a scenario, or every scenario of a suite, and answer its question.

    Every trial is saved as it arrives. Ctrl-C stops cleanly, and even after kill -9 `lab run --resume` goes
    on with the trials that are missing: a trial cut in the middle is measured again, and what it left is
    kept in the run's folder under `interrupted`.

    With --image every cell that works on an input works on yours (it needs torch, which answers what is right):
    `lab run throughput --image photo.jpg --instruction "What is this?"`
    """
    from lab import runner
    from lab.cli import session

    _check_image_options(image, instruction, resume=resume)
    store = opened(data)
    answers: list[tuple[Answer, list[Trial]]] = []
    if resume:
        _refuse_with_resume(suite=suite, seed=seed, blocks=blocks, iterations=iterations)
        record = session.unfinished(store, name)
        bench = session.bench_of(store, record.device, build or record.build, wait, console())
        bench = session.with_own_inputs(bench, record)
        chosen = session.scenario_of(record)
        runner.reopen(record, chosen, bench)
        done, total = len(store.trials(record.id)), len(record.cells) * record.blocks
        typer.echo(f"Resuming run {short(record.id)}: {record.scenario}, {done} of {total} trials done", err=True)
        answers.append(_measured(record, chosen, bench))
        if rest := session.rest_of_suite(record):
            typer.echo(f"Not measured yet of suite {record.suite}: lab run SCENARIO, for {', '.join(rest)}")
    else:
        plan = {k: v for k, v in {"blocks": blocks, "iterations": iterations}.items() if v is not None}
        if name is None and suite is None:
            suite = "quick"
        scenarios = session.scenarios_of(name, suite, plan)
        line = build or session.DEFAULT_BUILD
        bench = session.bench_of(store, device, line, wait, console())
        if image is not None:
            scenarios = [session.on_own_input(chosen) for chosen in scenarios]
            bench = session.with_image(bench, scenarios, image, instruction)
        for chosen in scenarios:
            drawn = secrets.randbelow(2**31) if seed is None else seed
            record = runner.open_run(
                chosen, bench, seed=drawn, suite=suite or "", line=session.line_of(store, bench.build, line)
            )
            answers.append(_measured(record, chosen, bench))
    _where(store.root, [found.run for found, _ in answers], data)
    if html is not None:
        _write_html(html, answers)


def _refuse_with_resume(**given: object) -> None:
    """A resumed run keeps the plan it was begun with; an option that would change it is refused, not ignored."""
    if names := [f"--{name}" for name, value in given.items() if value is not None]:
        raise RunError(f"--resume goes on with the plan its run began with; leave {', '.join(names)} out")


def _check_image_options(image: Path | None, instruction: str | None, *, resume: bool) -> None:
    if resume and (image is not None or instruction is not None):
        raise RunError("--resume goes on with the input its run began with; leave --image and --instruction out")
    if instruction is not None and image is None:
        raise RunError("--instruction asks about an image of your own; name it with --image FILE")


def _measured(record: Run, chosen: Scenario, bench: Bench) -> tuple[Answer, list[Trial]]:
    """Measure one run and print its answer; leaves with status 2 when interrupted."""
    from lab.cli import session
    from lab.cli.answers import answer_of

    try:
        ended = session.measure(record, chosen, bench, console())
    except KeyboardInterrupt:
        typer.echo(f"\nInterrupted; every finished trial is saved. Go on with: {_resume(record, bench)}", err=True)
        raise typer.Exit(2) from None
    except LabError as error:
        raise type(error)(f"{error}\nThe run can go on: {_resume(record, bench)}") from error
    found, trials = answer_of(bench.store, ended)
    _print_answer(found)
    session.refuse_if_nothing_counts(bench.store, ended, trials)
    return found, trials


def _resume(record: Run, bench: Bench) -> str:
    return f"lab run --resume {record.id}{_data_option(bench.store.root)}{_build_option(bench)}"


def _print_answer(found: Answer) -> None:
    from rich.console import Console

    from lab.report.terminal import render_terminal

    console = Console()
    console.print()
    console.print(render_terminal(found))


def _write_html(path: Path, answers: list[tuple[Answer, list[Trial]]]) -> None:
    from lab.report.html import render_html

    _write(path, render_html(answers))


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RunError(f"{path} could not be written: {error.strerror or error}; the results are saved") from error
    typer.echo(f"Wrote {path}")


def short(run_id: str) -> str:
    """Return the start of a run's id that names it: a UUIDv7's first 13 characters are its millisecond."""
    return run_id[:13]


def _where(root: Path, runs: list[Run], data: Path) -> None:
    """Say where the results lie and how to look further."""
    ids = " ".join(short(found.id) for found in runs)
    option = _data_option(data)
    program = "lab" if shutil.which("lab") else os.path.relpath(Path(sys.executable).with_name("lab"))
    typer.echo(f"Results: {root}")
    typer.echo(f"  {program} show {ids}{option} --html report.html   # one page: charts, every trial, the context")
    typer.echo(f"  {program} trace {short(runs[-1].id)}{option}   # for ui.perfetto.dev: one track a unit")


def _build_option(bench: Bench) -> str:
    """Name the build where the store could not find it by its id: one that was measured from its own folder."""
    folder = bench.build.folder
    known = folder.absolute().is_relative_to(bench.store.builds_folder.absolute())
    return "" if known else f" --build {folder}"


def _data_option(data: Path) -> str:
    default = Path(os.environ.get("POCKETLAB_DATA") or "lab-data")
    return "" if data.absolute() == default.absolute() else f" --data {data}"


@app.command(epilog="Example: `lab show last --html report.html`")
def show(
    runs: Annotated[
        list[str] | None, typer.Argument(metavar="[RUN]...", help="Starts of run ids, or last.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write one self-contained page with tables and charts.")
    ] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write the tables and sentences as Markdown.")] = None,
    data: Data = DATA,
) -> None:
    """Print the answers of runs: tables, intervals, what was not valid and why."""
    from lab.cli.answers import answer_of

    store = opened(data)
    answers = [answer_of(store, store.run(text)) for text in runs or ["last"]]
    if html is not None:
        _write_html(html, answers)
    if markdown is not None:
        from lab.report.markdown import render_markdown

        _write(markdown, "\n".join(render_markdown(found) for found, _ in answers))
    if html is None and markdown is None:
        for found, _ in answers:
            _print_answer(found)


@app.command(name="runs", epilog="Example: `lab runs --limit 5`")
def list_runs(
    limit: Annotated[int, typer.Option(min=1, help="How many, newest first.")] = 20, data: Data = DATA
) -> None:
    """List runs, newest first: what was asked, of which build, where, and whether it finished."""
    from rich.console import Console
    from rich.table import Column, Table

    store = opened(data)
    run_id = Column("run", no_wrap=True, min_width=13)  # an id that is cut cannot be asked for
    table = Table(run_id, "begun (UTC)", "scenario", "suite", "build", "device", "status", box=None)
    for record in store.runs(limit):
        build = f"{record.build_line} {record.build[:8]}"
        begun = record.started_utc[:16].replace("T", " ")
        table.add_row(short(record.id), begun, record.scenario, record.suite, build, record.device, record.status)
    if not table.row_count:
        typer.echo("No run yet: lab run")
        return
    Console().print(table)


@app.command(epilog="Example: `lab trace last --iteration 1 --out trace.json`, then open it in ui.perfetto.dev")
def trace(
    run: Annotated[str, typer.Argument(metavar="[RUN]", help="Start of a run's id, or last.")] = "last",
    trial: Annotated[int | None, typer.Option(min=0, help="The trial; the first valid one if left out.")] = None,
    iteration: Annotated[int | None, typer.Option(min=0, help="Only this iteration; all if left out.")] = None,
    out: Annotated[Path | None, typer.Option(help="The file to write. [default: trace-RUN-TRIAL.json]")] = None,
    data: Data = DATA,
) -> None:
    """Write one trial as a trace that Perfetto opens: one track for each execution unit."""
    import json

    from lab.agent import EVENTS, read_events
    from lab.trace import trace_of

    store = opened(data)
    record = store.run(run)
    trials = {found.number: found for found in store.trials(record.id)}
    valid = [number for number, found in sorted(trials.items()) if found.valid]
    number = trial if trial is not None else next(iter(valid or sorted(trials)), None)
    path = None if number is None else store.root / "runs" / record.id / "trials" / f"{number:04d}" / EVENTS
    if path is None or not path.is_file():
        known = f"0 to {max(trials)}" if trials else "none"
        raise RunError(f"run {record.id} has no trial {number}; it has {known} (0 is the uncounted first process)")
    events = read_events(path.read_bytes()).events
    numbers = sorted(event.iteration for event in events if event.event == "iteration")
    if iteration is not None and iteration not in numbers:
        raise RunError(
            f"trial {number} of run {record.id} has no iteration {iteration}; it has {numbers or 'none'}"
        )
    cell = trials[number].cell if number in trials else "settling"
    title = f"{record.scenario} {cell} trial {number}"
    document = trace_of(title, events, iteration=iteration)
    _write(out or Path(f"trace-{record.id}-{number}.json"), json.dumps(document))


@app.command(epilog="Example: `lab devices`")
def devices() -> None:
    """List the devices that can be measured on, and what each is."""
    from lab.cli.session import connect

    device = connect("host")
    typer.echo(f"{device.identity.name}: {device.identity.kind}, fingerprint {device.identity.fingerprint}")
    for name, value in device.facts.items():
        typer.echo(f"  {name}: {value}")


@app.command(epilog="Example: `lab doctor`")
def doctor(data: Data = DATA) -> None:
    """Say what is missing on this machine and how to get it; exit status 2 when nothing could be measured."""
    from lab.cli.doctor import examine

    builds_known = 0
    try:
        builds_known = len(opened(data).builds())
    except LabError as error:
        typer.echo(f"missing  the results at {data}: {error}")
    fatal = False
    for finding in examine(data, builds_known):
        fatal |= finding.fatal and not finding.ok
        remedy = "" if finding.ok else f"  ->  {finding.remedy}"
        mark = "ok     " if finding.ok else "missing" if finding.fatal else "warning"
        typer.echo(f"{mark}  {finding.what}: {finding.found}{remedy}")
    if fatal:
        raise typer.Exit(2)


@app.command(epilog="Example: `lab reindex --data lab-data`")
def reindex(data: Data = DATA) -> None:
    """Rebuild the index from the raw files alone: after it was lost, damaged or moved."""
    typer.echo(f"Indexed again: {opened(data).reindex()}")


def main() -> None:
    """Run `lab`; every failure of the lab is one message on stderr and exit status 2."""
    try:
        app()
    except LabError as error:
        typer.echo(f"lab: {error}", err=True)
        sys.exit(2)
    except SystemExit as leaving:
        if leaving.code == INTERRUPTED:
            typer.echo("lab: interrupted; everything saved before is safe", err=True)
            sys.exit(2)
        raise
    except Exception as error:  # noqa: BLE001 - the outermost frame: a message and a file instead of a wall of text
        with tempfile.NamedTemporaryFile("w", prefix="pocketlab-", suffix=".log", delete=False) as file:
            traceback.print_exc(file=file)
        typer.echo(
            f"lab: this is a bug in the lab: {type(error).__name__}: {error}\nDetails: {file.name}", err=True
        )
        sys.exit(2)
