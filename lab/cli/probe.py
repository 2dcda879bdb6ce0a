"""The command `lab probe`: what a phone allows, found by trying."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from lab.cli.options import DATA, Data, opened, tell
from lab.cli.terminal import Terminal
from lab.device import roster
from lab.device.adb.transport import Server
from lab.errors import DeviceRefused, RunError
from lab.probe.bundle import write_bundle
from lab.probe.examine import Result, examine
from lab.run.benches import terms_of
from lab.run.turn import lease_of

STYLES = {"available": "", "refused": "red", "missing": "dim", "unverifiable": "yellow"}


def probe(
    device: Annotated[str, typer.Argument(metavar="SERIAL", help="A device's name or adb serial.")],
    *,
    out: Annotated[
        Path | None, typer.Option(help="The bundle to write. [default: probe-MODEL-TIME.tar.gz]")
    ] = None,
    with_serial: Annotated[
        bool, typer.Option("--with-serial", help="Leave serial numbers readable; they are hashed otherwise.")
    ] = False,
    data: Data = DATA,
) -> None:
    """Find out by trying what a phone allows, and write a bundle that you can send.

    A probe reads. To test a setting it writes the value that is already there and reads it back. It touches
    nothing that throttling or charging depends on. It takes a minute or two.
    """
    server, store = Server.from_environment(), opened(data)
    if out is not None and out.exists():
        raise RunError(f"{out}: wanted a new file for the bundle, found one: nothing was written; name another")
    chosen = roster.choose(device, roster.look(server, data))
    if len(chosen) != 1 or isinstance(chosen[0], str):
        raise DeviceRefused(f"{device!r}: wanted one attached phone; `lab devices` lists them")
    entry = chosen[0]
    if entry.held_by:
        raise DeviceRefused(f"{entry.name}: held by {entry.held_by}; a probe would disturb it, try again later")
    found = roster.connect(server, entry, data / "agents")
    results = examine(found, lease=lease_of(found, terms_of(store, 0, tell=tell)), tell=tell)
    now = datetime.now(UTC)
    named = entry.name if with_serial else found.identity.model  # a phone's name is its serial number
    target = out or Path(f"probe-{re.sub(r'[^A-Za-z0-9.-]', '_', named)}-{now:%Y%m%dT%H%M%S}.tar.gz")
    secrets = () if with_serial else (entry.found.serial, entry.name)
    write_bundle(target, found, results, taken_utc=f"{now:%Y-%m-%d %H:%M} UTC", secrets=secrets)
    Terminal().print(_table(results))
    typer.echo(f"Wrote {target}: report.md, probes.json and raw outputs; look through it before you send it")


def _table(results: Sequence[Result]) -> Table:
    """Return one row a probe."""
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), expand=True)
    table.add_column("capability", overflow="fold", width=30)
    table.add_column("result", no_wrap=True, width=12)
    table.add_column("what was found", no_wrap=True, overflow="ellipsis", ratio=1)
    for one in results:
        table.add_row(one.name, one.verdict, one.finding, style=STYLES[one.verdict])
    return table
