"""Read a device's vitals: once with `look`, or during a trial with a sampler, from `begin` to `end`.

`look` also asks Android's services. The sampler runs on the device, so that no reading costs an adb call
(device_care.md, section 5). Tested on virtual phones over a real adbd; not verified on a phone.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import replace
from pathlib import Path

from lab.device.android_text import dumpsys_battery, dumpsys_thermal, no_battery, number
from lab.device.transport import Device, Process
from lab.device.vitals import script
from lab.device.vitals.lines import (
    NONE,
    Reading,
    fill_battery,
    judged,
    millivolts,
    parse,
    plausible,
    read,
    ticks_of,
    vitals_of,
    write,
)
from lab.device.vitals.meaning import HAL_SKIN, aligned, battery, frozen, jumps, skin, soc
from lab.errors import DeviceLost, DeviceRefused, StoreError
from lab.records import Vitals

__all__ = [
    "aligned",
    "battery",
    "begin",
    "end",
    "frozen",
    "jumps",
    "look",
    "read",
    "skin",
    "soc",
    "vitals_of",
    "write",
]

BOUND_S = 2 * 3600
"""The longest life of a sampler, whatever became of the lab that began it. A judgement: longer than any trial."""

MOST_BYTES = BOUND_S * 4096
"""The most bytes of samples to fetch: a line of 64 sensors has about 3 kB, and there is one each second."""

HANGS_MOST = 8
"""How many hanging sensors one look skips. A judgement: each costs `script.STALL_S`."""

_SHORT_S = 20.0
"""Deadline of a short call."""


def look(device: Device) -> Vitals:
    """Read every sensor once, and on an adb device the battery and thermal services, in one call to the device.

    A sensor that does not answer costs one more call and `script.STALL_S`, and is reported in `missing`; slow
    sensors cost only their time. Raises `DeviceLost`, and `DeviceRefused` for a device that gives no readings.
    """
    hanging: list[str] = []
    said = ""
    services = device.identity.kind != "host"
    while True:
        argv = script.looking("\n".join(hanging), services=services)
        done = device.transport.shell(argv, timeout_s=_SHORT_S + script.SLOW_S + 2 * script.DUMPSYS_S)
        sensors, mark, told = done.stdout.partition("@dumpsys ")
        said = said or mark + told
        lines = [line for line in sensors.splitlines() if line.startswith("{")]
        if lines:
            break
        if "slow" in sensors.splitlines():
            raise DeviceRefused(
                f"{device.identity.name}: wanted its sensors' readings, did not have all after {script.SLOW_S} s "
                "though each answered; restart the device"
            )
        at = re.findall(r"^at (/\S+)$", sensors, re.MULTILINE)
        if not at:
            raise DeviceRefused(
                f"{device.identity.name}: wanted its sensors' readings, its shell printed "
                f"{(done.stdout or done.stderr)[:120]!r} (status {done.returncode})"
            )
        hanging.append(_hung(at[-1]))
        if len(hanging) > HANGS_MOST:
            raise DeviceLost(
                f"{device.identity.name}: more than {HANGS_MOST} of its sensors do not answer, "
                f"{', '.join(hanging)}; restart the device"
            )
        services = services and not said
    return _with_services(_one(lines, device), said)


def _hung(path: str) -> str:
    """Return the path that the next look skips: the folder of a value that hangs, or a `type` file itself."""
    return path if path.endswith("/type") else posixpath.dirname(path)


def _one(lines: list[str], device: Device) -> Vitals:
    """Judge the reading of a look; count CPU time up to its last line."""
    try:
        found = parse(lines[0])
        if not isinstance(found, Reading):
            return found
        later = re.fullmatch(r'\{"ticks":"([^"]*)","ticks_s":"([^"]*)"\}', lines[-1])
        first = ticks_of(found.ticks, found.ticks_s)
        return judged(found, first, ticks_of(later[1], later[2]) if later else None)
    except (ValueError, StoreError) as error:
        raise DeviceRefused(
            f"{device.identity.name}: wanted a reading, found {lines[0][:120]!r}: {error}"
        ) from error


def _with_services(vitals: Vitals, said: str) -> Vitals:
    """Add the output of Android's services, in sections ``@dumpsys NAME`` ... ``@took FROM TO``."""
    absent = False
    for part in f"\n{said}".split("\n@dumpsys ")[1:]:
        service, _, rest = part.partition("\n")
        text, mark, took = f"\n{rest}".partition("\n@took ")
        begun, _, ended = took.partition("\n")[0].partition(" ")
        took_s = round((number(ended) or 0.0) - (number(begun) or 0.0), 2)  # hundredths, as /proc/uptime prints
        if mark and service == "battery":
            vitals = with_battery(vitals, text[1:], took_s)
            absent = absent or no_battery(dumpsys_battery(text))
        elif mark and service == "thermalservice":
            vitals = with_thermal(vitals, text[1:], took_s)
    return _without_battery(vitals) if absent else vitals  # the HAL may name a sensor in its place


def _silence(text: str, took_s: float, service: str) -> str:
    """Return, for `missing`, what a service printed instead of what was wanted."""
    if took_s >= script.DUMPSYS_S and not text.strip():
        return f"`dumpsys {service}` did not answer within {script.DUMPSYS_S} s"
    first = next((line.strip() for line in text.splitlines() if line.strip()), "nothing")
    return f"`dumpsys {service}` said: {first[:120]}"


def with_battery(vitals: Vitals, text: str, took_s: float = 0.0) -> Vitals:
    """Fill in from `dumpsys battery` what sysfs lacks; ignore a service whose values are faked.

    A device without a battery has no reading of one, whatever stands in its place.
    """
    said = dumpsys_battery(text)
    if not said or "faked" in said:
        why = "`dumpsys battery` is faked: `dumpsys battery reset`" if said else _silence(text, took_s, "battery")
        return replace(vitals, missing={**vitals.missing, "dumpsys battery": why})
    powered = [value == "true" for name, value in said.items() if name.endswith(" powered")]
    feeds = vitals.powered or any(powered)  # the service knows supplies by their types, and misses one without
    vitals = replace(vitals, powered=feeds if powered else vitals.powered)
    if no_battery(said):
        return _without_battery(vitals)
    missing, celsius = dict(vitals.missing), dict(vitals.celsius)
    if "battery" not in celsius:
        fill_battery(celsius, missing, said.get("temperature"))
    level, scale = number(said.get("level", "")), number(said.get("scale", ""))
    percent = 100 * level / scale if level is not None and scale else None
    if vitals.battery_level is None and percent is not None and 0 <= percent <= 100:
        missing.pop("battery level", None)
    else:
        percent = vitals.battery_level
    volts = vitals.voltage_mv
    if volts is None:  # some ROMs print whole volts (device_care.md, section 4), which say too little
        volts = millivolts(number(said.get("voltage", "")), said.get("voltage", ""), missing)
    return replace(
        vitals,
        celsius=celsius,
        battery_level=percent,
        charge_uah=vitals.charge_uah if vitals.charge_uah is not None else number(said.get("Charge counter", "")),
        voltage_mv=volts,
        missing=missing,
    )


def _without_battery(vitals: Vitals) -> Vitals:
    """Return the readings of a device that has no battery."""
    return replace(
        vitals,
        celsius={name: celsius for name, celsius in vitals.celsius.items() if name != "battery"},
        battery_level=None,
        charge_uah=None,
        current_ua=None,
        voltage_mv=None,
        missing={name: why for name, why in vitals.missing.items() if "battery" not in name} | {"battery": NONE},
    )


def with_thermal(vitals: Vitals, text: str, took_s: float = 0.0) -> Vitals:
    """Add the thermal service's status, and the sensors of its HAL with their own names and types."""
    thermal = dumpsys_thermal(text)
    missing, celsius = dict(vitals.missing), dict(vitals.celsius)
    status = thermal.status
    if thermal.overridden:
        status, missing["thermal status"] = None, "it is faked: `cmd thermalservice reset`"
    elif status is None:
        missing["thermal status"] = _silence(text, took_s, "thermalservice")
    elif "HAL Ready: true" not in text:
        status, missing["thermal status"] = None, "the thermal service has no HAL to ask"
    for name, degrees in thermal.celsius.items():
        found = plausible(name, degrees * 1000, f"{degrees:g}", missing)
        if found is not None and name not in celsius:
            celsius[name] = found
            if (why := missing.pop(name, NONE)) != NONE:  # another source's problem stays reported
                missing[f"dumpsys {name}"] = why
    if thermal.status is not None and HAL_SKIN not in thermal.kinds.values():
        missing["SKIN"] = "the thermal service names no such sensor"
    for name, word in thermal.silent.items():
        missing[name] = f"said {word}"
    for name, kind in thermal.others.items():
        missing.setdefault(name, f"is of type {kind}, which is not known to be a temperature")
    kinds = {**vitals.hal_kinds, **{name: thermal.kinds[name] for name in thermal.celsius if name in celsius}}
    return replace(vitals, thermal_status=status, celsius=celsius, hal_kinds=kinds, missing=missing)


def begin(device: Device, folder: str, bound_s: int = BOUND_S) -> Process:
    """Create `folder` on the device and start the sampler in it; it reads the sensors every second.

    It ends by itself after `bound_s`, or when its folder is removed. First kills a sampler that a dead lab left
    there. Raises `DeviceLost`, `DeviceRefused`, `DeviceFull`.
    """
    transport = device.transport
    if (left := transport.find(folder)) is not None:
        transport.kill(left)
        transport.shell(["rm", "-rf", folder], timeout_s=_SHORT_S)  # its readings do not belong to what begins now
    transport.push(script.SAMPLER.encode(), posixpath.join(folder, script.SCRIPT))
    return transport.start(
        ["sh", script.SCRIPT, str(bound_s)],
        environment=device.environment,
        folder=folder,
        stdout=posixpath.join(folder, "stdout.txt"),
        stderr=posixpath.join(folder, "stderr.txt"),
        limit_s=bound_s + script.STALL_S,
    )


def end(device: Device, process: Process, folder: str, target: Path) -> None:
    """Kill the sampler, copy its readings to `target` on the host, and remove its folder."""
    transport = device.transport
    if Path(folder) in target.absolute().parents:
        raise DeviceRefused(f"{device.identity.name}: {target} lies in the sampler's own folder, which is removed")
    transport.kill(process)
    transport.pull(posixpath.join(folder, script.LINES), target, most=MOST_BYTES)
    transport.shell(["rm", "-rf", folder], timeout_s=_SHORT_S)
