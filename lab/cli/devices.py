"""The commands `lab devices …` and `lab probe`: what is attached, and what a phone allows."""

from __future__ import annotations

import dataclasses
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lab import remedies
from lab.cli.options import DATA, Data, console, opened
from lab.errors import DeviceError, DeviceLost, DeviceRefused

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.table import Table

    from lab.device.adb.transport import Attached, Server
    from lab.device.roster import Entry
    from lab.probe.examine import Result

WATCH_AGAIN_S = 2.0
"""How long after its adb server went away a watch tries again; a judgement."""

devices = typer.Typer(
    invoke_without_command=True,
    rich_markup_mode="markdown",
    help="List this machine and every attached device: what each is, its state, and who holds it; connect, "
    "disconnect and release devices.",
    epilog="Example: `lab devices --watch`",
)


@devices.callback()
def list_devices(
    context: typer.Context,
    watch: Annotated[
        bool, typer.Option("--watch", help="Say in a line when a device comes or goes, until Ctrl-C.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a list for programs instead of a table.")] = False,
    data: Data = DATA,
) -> None:
    """List this machine and every attached device; say what to do about those that cannot be used."""
    if context.invoked_subcommand is not None:
        return
    from rich.console import Console

    from lab.device import roster
    from lab.device.adb.transport import Server

    failure, entries = None, []
    try:
        server = Server.from_environment()
        if watch:
            _watch(server, data)
            return
        entries = roster.look(server, data)
    except DeviceError as error:
        failure = error
    if as_json:
        typer.echo(json.dumps([_document(entry) for entry in entries], indent=1))
    else:
        Console().print(_table(data, entries))
        for entry in entries:
            if entry.advice:
                typer.echo(f"! {entry.name}: {entry.advice}")
        if not entries and failure is None:
            typer.echo(
                f"No phone is attached. Start a virtual one: {remedies.virtual_phone()}; connect one "
                "by TCP: `lab devices connect ADDRESS`"
            )
    if failure is not None:
        raise failure


@devices.command(epilog="Example: `lab devices connect 192.168.1.20:5555`")
def connect(
    address: Annotated[
        str, typer.Argument(metavar="ADDRESS", help="HOST:PORT of a phone's adbd; port 5555 if left out.")
    ],
    data: Data = DATA,
) -> None:
    """Connect to a phone by TCP, and from now on whenever devices are looked for."""
    from lab.device import roster
    from lab.device.adb import transport as adb
    from lab.device.addresses import address_of, remember

    named = address_of(address)
    server = adb.Server.from_environment()
    adb.connect_tcp(server, named)
    remember(data, named)
    found = [entry for entry in roster.look(server, data) if entry.found.serial == named]
    for entry in found:
        typer.echo(f"{named}: {entry.name}, {entry.found.kind}, {entry.found.soc or 'SoC unknown'}, {entry.state}")
        if entry.advice:
            typer.echo(f"! {entry.name}: {entry.advice}")


@devices.command(epilog="Example: `lab devices disconnect 192.168.1.20:5555`")
def disconnect(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="An address that was connected.")],
    data: Data = DATA,
) -> None:
    """Let go of a phone reached by TCP, and forget its address."""
    from lab.device.adb import transport as adb
    from lab.device.addresses import address_of, addresses, forget

    named = address_of(address)
    server = adb.Server.from_environment()
    known = named in addresses(data)
    here = named in {each.serial for each in adb.attached(server)}
    if not known and not here:
        remembered = ", ".join(addresses(data)) or "none"
        raise DeviceRefused(f"{named}: not connected, and not remembered; remembered addresses: {remembered}")
    forget(data, named)
    if here:
        adb.disconnect_tcp(server, named)
    typer.echo(f"{named}: disconnected and forgotten")


@devices.command(epilog="Example: `lab devices release virtual-1`")
def release(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A quarantined device's name.")], data: Data = DATA
) -> None:
    """Let a device that failed too often be used again; put right first what it was quarantined for."""
    from lab.device import health

    reason = health.quarantined(data, name)
    if reason is None:
        typer.echo(f"{name}: is not quarantined")
        return
    health.release(data, name)
    typer.echo(f"{name}: released; it had been quarantined: {reason}")


@devices.command(epilog="Example: `lab devices restore virtual-1`")
def restore(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A device's name or adb serial.")], data: Data = DATA
) -> None:
    """Put back the settings of a device that a lab which crashed, or lost it, left changed."""
    from lab.cli.work import teller
    from lab.device import roster
    from lab.device.adb.transport import Server
    from lab.device.care import journal as care_journal
    from lab.device.care import restore as care
    from lab.run.benches import terms_of
    from lab.run.turn import lease_of

    server, store = Server.from_environment(), opened(data)
    here = next((one for one in roster.look(server, data) if name in (one.name, one.found.serial)), None)
    known = here.name if here is not None else name
    device = roster.bare(server, here) if here is not None and here.found.state == roster.READY else None
    entries = care_journal.of(care_journal.read(data)[0], known) if device is None else care.left(device, data)
    if not entries and here is None:
        raise DeviceRefused(
            f"no device {name!r}, and no setting of one so called was noted as changed; "
            f"{roster.listed(roster.look(server, data))}"
        )
    if not entries:
        typer.echo(f"{known}: nothing was left changed")
        return
    if device is None:
        changed = ", ".join(f"{one.setting} (was {one.before})" for one in entries)
        why = here.advice if here is not None else "it is not attached"
        raise DeviceLost(f"{known}: {why}. Attach it and try again. Still changed: {changed}")
    with lease_of(device, terms_of(store, 0, tell=teller(console())))():
        done = care.restore(device, data)
    for words in done.told:
        console().print(words, markup=False, highlight=False, soft_wrap=True)
    typer.echo(f"{known}: put back: {', '.join(done.undone) or 'nothing'}")
    if done.pending:
        raise DeviceRefused(f"{known}: {len(done.pending)} settings are still changed: {', '.join(done.pending)}")


def _table(data: Path, entries: Sequence[Entry]) -> Table:
    """Return one row a device, readable from 80 columns."""
    from rich.table import Table
    from rich.text import Text

    from lab.report.wording import KIND_STYLES, plain

    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in ("name", "serial", "kind", "SoC", "Android", "state"):
        table.add_column(heading, overflow="fold")
    table.add_column("free", justify="right", no_wrap=True)
    table.add_column("°C", justify="right", no_wrap=True)
    table.add_column("held by", overflow="fold")
    for row in (_host(data), *map(_row, entries)):
        table.add_row(*(Text(plain(cell)) for cell in row), style=KIND_STYLES.get(row[2], ""))
    return table


def _host(data: Path) -> tuple[str, ...]:
    """Return this machine's row."""
    import platform
    import shutil

    folder = data.absolute()
    while not folder.exists():
        folder = folder.parent
    free = _size(shutil.disk_usage(folder).free)
    return ("host", "", "host", platform.machine(), "", "device", free, "", "")


def _row(entry: Entry) -> tuple[str, ...]:
    found = entry.found
    return (
        entry.name,
        "" if found.serial == entry.name else found.serial,
        found.kind or "unknown",
        found.soc,
        found.android,
        entry.state,
        "" if found.free_bytes is None else _size(found.free_bytes),
        "" if found.celsius is None else f"{found.celsius:.1f}",
        entry.held_by,
    )


def _size(count: int) -> str:
    return f"{count / 2**30:.1f}G" if count >= 2**30 else f"{count / 2**20:.0f}M"


def _document(entry: Entry) -> dict[str, object]:
    """Return what a program may read: the description, state and advice as shown, and who holds it."""
    return {
        **dataclasses.asdict(entry.found),
        "state": entry.state,
        "detail": entry.advice,
        "held_by": entry.held_by,
    }


# --- watching ------------------------------------------------------------------------------------------


def _watch(server: Server, data: Path) -> None:
    """Print a line for each change until Ctrl-C; a server that goes away is waited for."""
    import time

    from lab.device.adb import transport as adb

    before: dict[str, str] = {}
    try:
        while True:
            try:
                for present in adb.track(server):
                    before = _changes(server, data, before, present)
            except DeviceLost as error:
                _say(f"{error}; trying again")
            time.sleep(WATCH_AGAIN_S)
    except KeyboardInterrupt:
        return


def _changes(server: Server, data: Path, before: Mapping[str, str], present: Sequence[Attached]) -> dict[str, str]:
    """Say what is new since `before` (serial -> state); return what is there now."""
    from lab.device import roster

    now = {each.serial: each.state for each in present}
    for serial in sorted(before.keys() - now.keys()):
        _say(f"{serial}: gone")
    for each in present:
        if before.get(each.serial) == each.state:
            continue
        words = each.state
        if each.state == roster.READY:
            found = roster.described(server, each)
            words = f"{found.name}, {found.kind}, {found.soc or 'SoC unknown'}, {found.state}"
        elif advice := next((text for state, text in roster.ADVICE.items() if each.state.startswith(state)), ""):
            words = f"{each.state}: {advice}"
        _say(f"{each.serial}: {words}")
    return now


def _say(words: str) -> None:
    from lab.report.wording import plain

    typer.echo(f"{datetime.now(UTC):%H:%M:%S} {plain(words)}")


# --- probing -------------------------------------------------------------------------------------------


def probe(
    device: Annotated[str, typer.Argument(metavar="SERIAL", help="A device's name or adb serial.")],
    *,
    out: Annotated[
        Path | None, typer.Option(help="The bundle to write. [default: probe-NAME-TIME.tar.gz]")
    ] = None,
    with_serial: Annotated[
        bool, typer.Option("--with-serial", help="Leave serial numbers readable; they are hashed otherwise.")
    ] = False,
    data: Data = DATA,
) -> None:
    """Find out by trying what a phone allows, and write a bundle one can send.

    Reads first; a setting is written only with the value it already has, and read back. Nothing that throttling or
    charging depends on is touched. It takes a minute or two.
    """
    from lab.cli.work import teller
    from lab.device import roster
    from lab.device.adb.transport import Server
    from lab.probe import examine as probing
    from lab.probe.bundle import write_bundle
    from lab.run.benches import terms_of
    from lab.run.turn import lease_of

    server, store = Server.from_environment(), opened(data)
    chosen = roster.choose(device, roster.look(server, data))
    if len(chosen) != 1 or isinstance(chosen[0], str):
        raise DeviceRefused(f"{device!r}: wanted one attached phone; `lab devices` lists them")
    entry = chosen[0]
    if entry.held_by:
        raise DeviceRefused(f"{entry.name}: held by {entry.held_by}; probing would disturb it, try again later")
    found = roster.connect(server, entry, data / "agents")
    terms = terms_of(store, 0, tell=teller(console()))
    results = probing.examine(found, lease=lease_of(found, terms), tell=terms.tell)
    stamp = datetime.now(UTC)
    target = out or Path(f"probe-{re.sub(r'[^A-Za-z0-9.-]', '_', entry.name)}-{stamp:%Y%m%dT%H%M%S}.tar.gz")
    secrets = () if with_serial else (entry.found.serial, entry.name)
    write_bundle(target, found, results, taken_utc=f"{stamp:%Y-%m-%d %H:%M} UTC", secrets=secrets)
    _print_results(results)
    typer.echo(f"Wrote {target}: report.md, probes.json and raw outputs; look through it before you send it")


def _print_results(results: Sequence[Result]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from lab.report.wording import plain

    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), expand=True)
    table.add_column("capability", overflow="fold", width=30)
    table.add_column("result", no_wrap=True, width=12)
    table.add_column("what was found", no_wrap=True, overflow="ellipsis", ratio=1)
    for one in results:
        style = {"available": "", "refused": "red", "missing": "dim", "unverifiable": "yellow"}[one.verdict]
        table.add_row(*(Text(plain(cell)) for cell in (one.name, one.verdict, one.finding)), style=style)
    Console().print(table)
