"""The command `lab policy dry-run`: what other thresholds would have alerted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from device_agents.plain import plain
from lab.cli.hints import completed
from lab.cli.options import DATA, Data, console, opened
from lab.cli.quick import QuickCommand, QuickGroup
from lab.cli.terminal import Terminal
from lab.records.telling import number_of, percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lab.nightly.policy import DryNight

policy = typer.Typer(
    cls=QuickGroup,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="Try thresholds on the nights that were measured.",
    epilog="Example: `lab policy dry-run stricter.toml`",
)


@policy.callback()
def top() -> None:
    """Keep `dry-run` a command of its own: typer makes the only command of a group the group itself."""


@policy.command("dry-run", cls=QuickCommand, epilog="Example: `lab policy dry-run stricter.toml --nights 14`")
def dry_run(
    name: Annotated[
        str, typer.Argument(metavar="POLICY", help="A TOML file with a table [policy], or a suite's name.")
    ],
    nights: Annotated[int, typer.Option(min=1, help="How many of the last nights.")] = 30,
    data: Data = DATA,
) -> None:
    """Show what the last nights would have measured again and alerted on under another policy. Measures nothing.

    Screens are run again on the stored figures. What a comparison confirmed stays its evidence; a suspect that
    nobody measured again can only be counted.
    """
    from lab.nightly.policy import dry_run as tried  # noqa: PLC0415 - numpy: help needs none
    from lab.scenario.known import SCENARIOS  # noqa: PLC0415 - pydantic: as above
    from lab.scenario.nights import load_policy  # noqa: PLC0415 - as above

    path = Path(name) if name.endswith(".toml") else SCENARIOS / f"{name}.toml"
    wanted = load_policy(path)
    with console().status("Screening the figures again"):
        found = tried(opened(data), wanted, nights)
    if not found:
        typer.echo(completed("No finished night yet: `lab nightly`"))
        return
    typer.echo(_total(found))
    table = Table("night", "series", "suspects", "never measured again", "alerts", box=None)
    for each in found:
        table.add_row(
            each.date, str(each.series), _change(each.suspects), str(each.unmeasured), _change(each.alerts)
        )
    Terminal().print(table)
    for night in found:
        for gone in night.lost:
            words = f"{gone.series.name}, {percent(abs(gone.ratio - 1))} worse"
            typer.echo(completed(plain(f"! {night.date}: left out, {words}: `lab show {gone.comparison}`")))


def _total(found: Sequence[DryNight]) -> str:
    sums = [[sum(getattr(each, name)[at] for each in found) for at in (0, 1)] for name in ("suspects", "alerts")]
    (then, now), (told, would) = sums
    unmeasured = sum(each.unmeasured for each in found)
    return (
        f"{number_of(len(found), 'night')}: {number_of(now, 'suspect')} instead of {then}, "
        f"{number_of(would, 'alert')} instead of {told}; {unmeasured} of the suspects were never measured again"
    )


def _change(pair: tuple[int, int]) -> str:
    return f"{pair[0]} -> {pair[1]}"
