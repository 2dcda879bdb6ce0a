"""The commands `lab incidents …`: what got worse, who looks after it, and what people said of it."""

from __future__ import annotations

import math
import shlex
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Column, Table

from lab.cli.hints import completed
from lab.cli.options import DATA, Data, opened
from lab.cli.terminal import Terminal
from lab.identifiers import now_utc, person
from lab.nightly.incidents import Act, act, began
from lab.records import OPEN, BuildAt, Incident, Member
from lab.report.wording import against, interval_head, plain, quantity
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
            f"{_revision(each.good)}..{_revision(each.bad)}",
            str(len(each.members)),
            against(_worst(each).change, _worst(each).metric)[0],
            began(each),
            each.owner,
        )
    Terminal().print(table)


@incidents.command(epilog="Example: `lab incidents show last`")
def show(incident: Id = "last", data: Data = DATA) -> None:
    """Print an incident: its series, its story, and the commands that find the cause."""
    found = opened(data).incident(incident)
    terminal = Terminal()
    terminal.print(
        f"Incident {found.id}: {found.status}{', made up for a demo' if found.demo else ''}\n"
        f"  after {found.good.name}, not after {found.bad.name}, since the night of {began(found)}; "
        f"owner: {found.owner or 'nobody'}",
        soft_wrap=True,
    )
    worse = f"worse by ({interval_head(each.change for each in found.members)})"
    table = Table("series", worse, "usual before", "came back", box=None)
    for each in found.members:
        usual = quantity(each.usual, each.metric.unit)
        table.add_row(
            each.series.name, _change(each), usual, f"comparison {each.back[:13]}" if each.back else "no"
        )
    terminal.print(table)
    for event in found.events:
        terminal.print(f"{event.night}  {event.state}, {event.who}: {event.note}", soft_wrap=True)
    for line in _commands(found):
        terminal.print(line, soft_wrap=True)


def _commands(found: Incident) -> tuple[str, ...]:
    """Return the commands that find the cause, for the series that changed most."""
    worst = _worst(found)
    line, scenario, device = map(shlex.quote, (found.line, worst.series.scenario, worst.series.device))
    good, bad = found.good.id[:12], found.bad.id[:12]
    return (
        f"evidence: `lab show {worst.comparison}`",
        f"which build: `lab bisect {line} --scenario {scenario} --device {device} --good {good} --bad {bad}`",
        f"measure it again: `lab compare {good} {bad} --scenario {scenario} --device {device}`",
        f"for a colleague: `lab bundle {found.id}`",
    )


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


def _revision(build: BuildAt) -> str:
    return f"r{build.revision}" if build.revision else build.id[:8]


def _worst(found: Incident) -> Member:
    """Return the series that changed most, of those that are still worse; an incident has at least one series."""
    worse = [each for each in found.members if not each.back] or found.members
    return max(worse, key=lambda member: abs(math.log(member.change.estimate)))


def _change(member: Member) -> str:
    share, ends = against(member.change, member.metric)
    return f"{share} ({ends})" if ends else share
