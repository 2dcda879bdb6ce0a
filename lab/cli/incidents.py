"""The commands `lab incidents …`: what got worse, who looks after it, and what people said of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Column, Table

from lab.cli.hints import completed
from lab.cli.options import DATA, Data, opened
from lab.cli.terminal import Terminal
from lab.identifiers import now_utc, person
from lab.nightly.incidents import Act, act
from lab.records import OPEN
from lab.report.incident.saved import view_of
from lab.report.incident.terminal import render_terminal
from lab.report.incident.view import revisions
from lab.report.wording import against, plain
from lab.store import glance

incidents = typer.Typer(
    invoke_without_command=True,
    add_completion=False,
    rich_markup_mode=None,
    epilog="Example: `lab incidents --all`",
)

Id = Annotated[str, typer.Argument(metavar="ID", help="The start of an incident's id, or last.")]
Note = Annotated[str, typer.Option(help="A sentence for whoever reads the story.")]
Owner = Annotated[str, typer.Option(help="Who looks after it; stays as it is if left out.")]


@incidents.callback()
def list_incidents(
    context: typer.Context,
    *,
    everything: Annotated[bool, typer.Option("--all", help="List the closed ones, too.")] = False,
    data: Data = DATA,
) -> None:
    """List what got worse and is still open: one incident for each cause, with its builds and its owner.

    The cause lies after the first build of the range and not after the second. A night opens an incident, adds
    series to it, and closes it when all came back; people acknowledge it, or close it as expected or invalid.
    """
    if context.invoked_subcommand is not None:
        return
    found = [each for each in opened(data).incidents() if everything or each.status in OPEN]
    if not found:
        typer.echo(
            "No incident." if everything else completed("No open incident; `lab incidents --all` lists all.")
        )
        return
    there = glance.ids(data, ("incident",))
    table = Table(
        Column("id", no_wrap=True),
        "state",
        "line",
        "builds",
        "series",
        "worst",
        Column("since", no_wrap=True),
        "owner",
        box=None,
    )
    for each in found:
        table.add_row(
            glance.start_of(each.id, there),
            each.status + (" (demo)" if each.demo else ""),
            each.line,
            revisions(each),
            str(len(each.members)),
            against(each.worst.change, each.worst.metric)[0],
            each.began,
            each.owner,
        )
    Terminal().print(table)


@incidents.command(epilog="Example: `lab incidents show last`")
def show(incident: Id = "last", data: Data = DATA) -> None:
    """Print an incident: its series, its story, and the commands that find the cause."""
    store = opened(data)
    Terminal().print(render_terminal(view_of(store, store.incident(incident))), soft_wrap=True)


@incidents.command(epilog='Example: `lab incidents acknowledge last --note "bisecting" --owner ada`')
def acknowledge(incident: Id, note: Note, owner: Owner = "", data: Data = DATA) -> None:
    """Say that somebody looks after an open incident."""
    _act(data, incident, "acknowledged", note, owner)


@incidents.command(epilog='Example: `lab incidents expected last --note "8-bit cache, agreed"`')
def expected(incident: Id, note: Note, owner: Owner = "", data: Data = DATA) -> None:
    """Close an incident: the step is real and wanted. The series are judged by their new level from now on."""
    _act(data, incident, "expected", note, owner)


@incidents.command(epilog='Example: `lab incidents invalid last --note "the phone lay in the sun"`')
def invalid(incident: Id, note: Note, owner: Owner = "", data: Data = DATA) -> None:
    """Close an incident: it was a false alarm. The same step is not reported again; a later one is."""
    _act(data, incident, "invalid", note, owner)


def _act(data: Path, text: str, state: Act, note: str, owner: str) -> None:
    utc = now_utc()
    found = act(opened(data), text, state, who=person(), note=note, utc=utc, date=utc[:10], owner=owner)
    typer.echo(plain(f"Incident {found.id}: {found.status}; owner: {found.owner or 'nobody'}"))
