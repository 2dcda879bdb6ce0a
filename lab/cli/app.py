"""The command `lab`: parse, one library call, render, exit code: 0 fine, 1 regressed, 2 the lab failed."""

from __future__ import annotations

import logging
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Annotated

import typer

from lab.cli.builds import builds
from lab.cli.compare import compare
from lab.cli.devices import devices, probe
from lab.cli.explain import explain
from lab.cli.options import DATA, Data, console, opened
from lab.cli.output import print_answer, print_beside, print_percentiles, short, write, write_html
from lab.cli.run import run
from lab.cli.selfcheck import selfcheck
from lab.errors import LabError, RunError

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
    "Exit status: 0 fine, 1 the product regressed (`lab compare`), 2 the lab failed (stderr says why).",
    epilog="Example: `lab run vit_batch --build nano-paper`, then `lab show last --html report.html`",
)
app.command(epilog="Example: `lab run vit_batch --build nano-paper --suite full --html report.html`")(run)
app.command(epilog="Example: `lab selfcheck --device host --budget 900`")(selfcheck)
app.command(epilog="Example: `lab compare nano-paper nano-w8a8 --scenario decode --html verdict.html`")(compare)
app.add_typer(builds, name="builds")
app.add_typer(devices, name="devices")
app.command(epilog="Example: `lab probe virtual-1 --out phone.tar.gz`")(probe)
app.command(epilog="Example: `lab explain last --html why.html`")(explain)


@app.callback()
def top(verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log what the lab does.")] = False) -> None:
    """Measure a multimodal LLM on a device."""
    from lab.cli.progress import configure_logging

    configure_logging(console(), verbose=verbose)


@app.command(epilog="Example: `lab show last --html report.html`")
def show(
    runs: Annotated[
        list[str] | None, typer.Argument(metavar="[RUN]...", help="Starts of run ids, or last.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write one self-contained page with tables and charts.")
    ] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write the tables and sentences as Markdown.")] = None,
    percentiles: Annotated[
        bool, typer.Option("--percentiles", help="Print p50 to p99 of iterations and tokens too, where estimable.")
    ] = False,
    data: Data = DATA,
) -> None:
    """Print the answers of runs: tables, intervals, what was not valid and why."""
    from lab.report.answer.saved import answer_of

    store = opened(data)
    answers = [answer_of(store, store.run(text)) for text in runs or ["last"]]
    if html is not None:
        write_html(html, answers)
    if markdown is not None:
        from lab.report.answer.markdown import render_markdown

        write(markdown, "\n".join(render_markdown(found) for found, _ in answers))
    if html is None and markdown is None:
        for found, trials in answers:
            print_answer(found)
            if percentiles:
                print_percentiles(found, trials, store.trials_folder(found.run.id))
        print_beside([found for found, _ in answers])


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

    from lab.report.trace import trace_of
    from lab.trial.folder import EVENTS, read_events

    store = opened(data)
    record = store.run(run)
    trials = {found.number: found for found in store.trials(record.id)}
    valid = [number for number, found in sorted(trials.items()) if found.valid]
    number = trial if trial is not None else next(iter(valid or sorted(trials)), None)
    path = None if number is None else store.trials_folder(record.id) / f"{number:04d}" / EVENTS
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
    write(out or Path(f"trace-{record.id}-{number}.json"), json.dumps(document))


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
    """Rebuild the index of this data root from its raw files alone, after these were changed by hand."""
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
