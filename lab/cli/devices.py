"""The commands `lab devices …`: what is attached, and who may use it."""

from __future__ import annotations

import dataclasses
import json
import platform
import shutil
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from lab.cli.hints import completed
from lab.cli.options import DATA, Data, opened, tell
from lab.cli.terminal import Terminal
from lab.device import android, health, roster
from lab.device.adb import transport as adb
from lab.device.adb.transport import Attached, Server
from lab.device.addresses import address_of, addresses, forget, remember
from lab.device.care import journal as care_journal
from lab.device.care import restore as care
from lab.device.roster import Entry
from lab.errors import DeviceError, DeviceLost, DeviceRefused
from lab.islands import remedies
from lab.records.telling import number_of
from lab.report.wording import KIND_STYLES
from lab.run.benches import terms_of
from lab.run.turn import lease_of

WATCH_AGAIN_S = 2.0
"""How long a watch waits before it asks an adb server again that went away; a judgement."""

devices = typer.Typer(
    invoke_without_command=True,
    add_completion=False,
    rich_markup_mode=None,
    epilog="Example: `lab devices --watch`",
)


@devices.callback()
def list_devices(
    context: typer.Context,
    watch: Annotated[
        bool, typer.Option("--watch", help="Print a line when a device connects or disconnects, until Ctrl-C.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a list for programs instead of a table.")] = False,
    data: Data = DATA,
) -> None:
    """List this machine and every attached device; connect, disconnect and release devices.

    A row says what a device is, its state, its temperature and who holds it. A line below the table says what to
    do about each device that cannot be used.
    """
    if context.invoked_subcommand is not None:
        return
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
        Terminal().print(_table(data, entries))
        for entry in entries:
            if entry.advice:
                typer.echo(completed(f"! {entry.name}: {entry.advice}"))
        for words in care.changed_elsewhere(data, {entry.name for entry in entries}):
            typer.echo(completed(f"! {words}"))
        if not entries and failure is None:
            typer.echo(
                completed(
                    f"No phone is attached. Start a virtual one: {remedies.virtual_phone()}; connect one "
                    "over TCP: `lab devices connect ADDRESS`"
                )
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
    """Connect to a phone over TCP. From now on the lab connects to it whenever it looks for devices."""
    named = address_of(address)
    server = adb.Server.from_environment()
    adb.connect_tcp(server, named)
    remember(data, named)
    found = [entry for entry in roster.look(server, data) if entry.called(named)]
    for entry in found:
        typer.echo(f"{named}: {entry.name}, {entry.found.kind}, SoC {entry.found.soc}, {entry.state}")
        if entry.advice:
            typer.echo(completed(f"! {entry.name}: {entry.advice}"))


@devices.command(epilog="Example: `lab devices disconnect 192.168.1.20:5555`")
def disconnect(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="An address that was connected to.")],
    data: Data = DATA,
) -> None:
    """Disconnect from a phone over TCP, and forget its address."""
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
    """Release a quarantined device. First fix what it was quarantined for."""
    reason = health.quarantined(data, name)
    if reason is None:
        typer.echo(f"{name}: not quarantined")
        return
    health.release(data, name)
    typer.echo(f"{name}: released; it had been quarantined: {reason}")


@devices.command(epilog="Example: `lab devices restore virtual-1`")
def restore(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A device's name or adb serial.")], data: Data = DATA
) -> None:
    """Restore settings that a lab left changed on a device. It crashed, or lost the device."""
    server, store = Server.from_environment(), opened(data)
    here = next((one for one in roster.look(server, data) if one.called(name)), None)
    known = here.name if here is not None else name
    device = roster.bare(server, here) if here is not None and here.found.state == android.READY else None
    entries = care_journal.of(care_journal.read(data)[0], known) if device is None else care.left(device, data)
    if not entries and here is None:
        raise DeviceRefused(
            f"no device {name!r}, and the journal has no changed setting of a device of that name; "
            f"{roster.listed(roster.look(server, data))}"
        )
    if not entries:
        typer.echo(f"{known}: nothing was left changed")
        return
    if device is None:
        changed = ", ".join(f"{one.setting} (was {one.before})" for one in entries)
        why = here.advice if here is not None else "it is not attached"
        raise DeviceLost(f"{known}: {why}. Attach it and try again. Still changed: {changed}")
    with lease_of(device, terms_of(store, 0, tell=tell))():
        done = care.restore(device, data)
    for words in done.told:
        tell(words)
    typer.echo(f"{known}: restored: {', '.join(done.undone) or 'nothing'}")
    if done.pending:
        left = number_of(len(done.pending), "setting")
        raise DeviceRefused(f"{known}: {left} still changed: {', '.join(done.pending)}")


def _table(data: Path, entries: Sequence[Entry]) -> Table:
    """Return one row a device, readable from 80 columns."""
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in ("name", "serial", "kind", "SoC", "Android", "state"):
        table.add_column(heading, overflow="fold")
    table.add_column("free", justify="right", no_wrap=True)
    table.add_column("°C", justify="right", no_wrap=True)
    table.add_column("held by", overflow="fold")
    for row in (_host(data), *map(_row, entries)):
        table.add_row(*row, style=KIND_STYLES.get(row[2], ""))
    return table


def _host(data: Path) -> tuple[str, ...]:
    """Return this machine's row."""
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
    """Return a device for programs: its description, state and advice as shown, and who holds it."""
    return {
        **dataclasses.asdict(entry.found),
        "state": entry.state,
        "detail": entry.advice,
        "held_by": entry.held_by,
    }


# --- watching ------------------------------------------------------------------------------------------


def _watch(server: Server, data: Path) -> None:
    """Print a line for each change until Ctrl-C; when the adb server goes away, wait for it."""
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
    """Print what changed since `before` (serial -> state); return what is there now."""
    now = {each.serial: each.state for each in present}
    for serial in sorted(before.keys() - now.keys()):
        _say(f"{serial}: gone")
    for each in present:
        if before.get(each.serial) == each.state:
            continue
        entry = Entry(android.describe(server, each))
        found, words = entry.found, entry.advice
        if entry.usable:
            words = f"{found.name}, {found.kind}, {found.soc}, {found.state}"
        _say(f"{found.serial}: {words}")
    return now


def _say(words: str) -> None:
    typer.echo(f"{datetime.now(UTC):%H:%M:%S} {words}")
