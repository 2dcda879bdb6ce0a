"""What was proven when a device was prepared is looked at once more at the end of a run: `lapsed`."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace

from lab.device.care.prepare import Prepared, Setting
from lab.device.care.settings import ROOTS, named
from lab.device.care.shell import Shell
from lab.device.transport import Device
from lab.errors import DeviceError

log = logging.getLogger(__name__)


def lapsed(device: Device, prepared: Prepared) -> tuple[Setting, ...]:
    """Return what was proven and holds no more, as it reads now; call it before it is put back.

    Android switches the screen off and battery saver on by itself. `detail` tells the owner in a sentence. Nothing
    is said of what cannot be read now, nor of a device that is away.
    """
    proven = [one for one in prepared.settings if one.outcome in ("applied", "already")]
    try:
        return tuple(_lapsed(Shell(device), proven)) if proven else ()
    except DeviceError as error:
        log.info("%s: whether its settings held to the end is not known: %s", device.identity.name, error)
        return ()


def _lapsed(shell: Shell, proven: list[Setting]) -> Iterator[Setting]:
    for one in proven:
        knob = named(one.name, lambda: ROOTS[0][1])  # to read a clock takes no root
        if knob is None:
            continue
        now = shell.read(knob)
        if now.problem or knob.same(one.wanted, now.text):
            continue
        detail = (
            f"{shell.name}: {one.name} read {one.wanted} when the run began, as wanted, and reads {now.text} at "
            "its end: it counts as `unverifiable`, and the run is not compared with one in which it held"
        )
        yield replace(one, after=now.text, outcome="unverifiable", detail=detail)
