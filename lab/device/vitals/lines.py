"""Vitals as lines of a file: parse and judge what the sampler printed, write and read what the lab keeps.

There are two kinds of line: a `Reading`, printed by the device's shell (`vitals.script`), has its values as text;
a `Vitals` is JSON. `read` reads both. What a sensor said and what it means are kept apart: the device's own words
stay in the file, and only this module decides that -274000 is not a temperature.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from lab.device.android_text import COLDEST, HOTTEST, number
from lab.device.vitals.script import STALL_S
from lab.documents.strict import json_of
from lab.errors import StoreError
from lab.files import read as read_file
from lab.records import Vitals, plain

FILE_BYTES = 64 << 20
"""The largest file of vitals that is read. A judgement: twice what a sampler may write in its two hours."""

NO_READING = frozenset({-274_000, 0, 125_000})
"""The values, in millidegrees, of MediaTek's thermal zones that have no reading (device_care.md, section 3)."""

TICKS_PER_S = 100
"""Linux reports CPU time in hundredths of a second (USER_HZ on arm64 and x86-64; proc(5), stat)."""

MILLIVOLTS_BELOW = 20_000
"""A `voltage_now` below this is in millivolts already. A battery of one cell has 2.5 to 5 V, which is millions of
microvolts, the kernel's unit (sysfs-class-power), so the two units cannot be confused."""

MILLIVOLTS = (2500.0, 10_000.0)
"""What a battery of one or two lithium cells in series can show: 2.5 V each when empty, 5 V beyond full."""

WHY: Mapping[str, str] = {
    "gone": "no such file any more",
    "none": "there is no such file",
    "refused": "may not be read",
    "nothing": "could be opened, gave nothing",
    "hangs": f"did not answer within {STALL_S} s, and was left out from then on",
    "many": "only the first 64 of a kind are read",
}
"""The sampler's reasons why a sensor gave nothing, in words for people."""

NONE = "this device has none"


@dataclass(frozen=True)
class Reading:
    """One line of the sampler: group -> sensor -> its text, not judged yet."""

    boot_s: str
    zones: Mapping[str, str]
    clock: Mapping[str, str]
    cap: Mapping[str, str]
    top: Mapping[str, str]
    cooling: Mapping[str, str]
    power: Mapping[str, str]
    memory_kb: str
    ticks: str
    ticks_s: str
    missing: Mapping[str, str]


_HUGE = re.compile(r"(?<!\.)\b\d{19}")
_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')


@dataclass(frozen=True)
class Ticks:
    """CPU time of a whole device since boot, in seconds, and the boot clock at that reading."""

    at_s: float
    busy_s: float
    stolen_s: float


def write(vitals: Vitals) -> str:
    """Return one JSON line with its line end. Raises `ValueError` for NaN and infinity."""
    kept = {name: value for name, value in asdict(vitals).items() if value not in (None, {})}
    return json.dumps(kept, ensure_ascii=True, allow_nan=False) + "\n"


def read(path: Path) -> tuple[Vitals, ...]:
    """Read a file of either kind of line; CPU use is the difference from the line before.

    Ignore a cut last line, and a cut line before a blank one: there the sampler was restarted. Any other malformed
    line raises `StoreError`, and so does a file that cannot be read.
    """
    try:
        text = read_file(path, FILE_BYTES).decode(errors="replace")
    except OSError as error:
        raise StoreError(f"{path}: wanted the vitals of a trial, cannot read them: {error}") from error
    return vitals_of(text, str(path))


def vitals_of(text: str, where: str) -> tuple[Vitals, ...]:
    """Return the vitals on each whole line of `text`, as `read` does; `where` names the text in errors."""
    lines = text.split("\n")
    found: list[Vitals] = []
    before: Ticks | None = None
    for place, line in enumerate(lines[:-1], start=1):
        if not line.strip():
            continue
        try:
            said = parse(line)
        except ValueError as error:
            if not lines[place].strip() and place < len(lines) - 1:
                continue
            message = f"{where}, line {place}: wanted vitals, found {line[:80]!r} ({error})"
            raise StoreError(f"{message}; the file was changed or is damaged: its trial has no vitals") from error
        if isinstance(said, Vitals):
            found.append(said)
            continue
        now = ticks_of(said.ticks, said.ticks_s)
        found.append(judged(said, before, now))
        before = now or before
    return tuple(found)


def parse(line: str) -> Reading | Vitals:
    """Parse one line of either kind, strictly; raises `ValueError`."""
    found = json_of(line)
    if '"ticks_s"' in line:
        return plain.checked(Reading, found)
    if _HUGE.search(line) and _HUGE.search(_TEXT.sub('""', line)):
        raise ValueError("a number of 19 digits or more, which none of ours has")
    return plain.checked(Vitals, found)


def judged(reading: Reading, before: Ticks | None, now: Ticks | None) -> Vitals:
    """Return the meaning of a line of the sampler; values without a meaning go to `missing`, with their text."""
    boot_s = number(reading.boot_s)
    if boot_s is None:
        raise StoreError(f"wanted seconds since boot from /proc/uptime, found {reading.boot_s!r}")
    missing = _missing(reading)
    power = reading.power
    zones = {name: _zone(name, said, missing) for name, said in reading.zones.items()}
    celsius = {name: found for name, found in zones.items() if found is not None}
    if "battery" not in celsius:
        fill_battery(celsius, missing, power.get("temp"))
    clocks = {name: _positive(f"{name} clock", said, missing) for name, said in reading.clock.items()}
    used = _used(before, now, missing)
    volts = _number("battery voltage", power.get("voltage_now"), missing)
    if volts is not None and volts >= MILLIVOLTS_BELOW:
        volts /= 1000
    memory = _number("memory", reading.memory_kb or None, missing)
    if not reading.memory_kb:
        missing["memory"] = "no MemAvailable in /proc/meminfo"
    return Vitals(
        boot_s=boot_s,
        celsius=celsius,
        clocks_khz={name: khz for name, khz in clocks.items() if khz is not None},
        caps=_caps(reading, missing),
        cooling=_cooling(reading.cooling, missing),
        battery_level=_level(power.get("capacity"), missing),
        powered=_powered(reading),
        charge_uah=_number("battery charge", power.get("charge_counter"), missing),
        current_ua=_number("battery current", power.get("current_now"), missing),
        voltage_mv=millivolts(volts, power.get("voltage_now", ""), missing),
        busy_cores=None if used is None else used[0],
        stolen_cores=None if used is None else used[1],
        available_bytes=None if memory is None else int(memory) * 1024,
        missing=missing,
    )


def _missing(reading: Reading) -> dict[str, str]:
    """Return why each silent sensor gave nothing, and the kinds of sensors that the device does not have."""
    found = {_place(name): WHY.get(why, why) for name, why in reading.missing.items()}
    kinds = {"thermal zones": reading.zones, "clocks": reading.clock, "battery": "capacity" in reading.power}
    groups = {"thermal zones": "zones/", "clocks": "clock/", "battery": "power/"}
    for kind, there in kinds.items():
        if not there and not any(name.startswith(groups[kind]) for name in reading.missing):
            found[kind] = NONE
    return found


def fill_battery(celsius: dict[str, float], missing: dict[str, str], tenths: str | None) -> None:
    """Add the battery's temperature from a source other than its thermal zone, in tenths of a degree.

    The zone's own problem stays in `missing`: as `battery zone` when the other source answers, else as `battery`.
    `missing` says that a device has no such sensor only if every possible place was read.
    """
    before = missing.pop("battery", NONE)
    found = _number("battery", tenths, missing)
    degrees = None if found is None else plausible("battery", found * 100, f"{tenths} tenths of a degree", missing)
    if degrees is not None:
        celsius["battery"] = degrees
    if before != NONE:
        missing["battery" if degrees is None else "battery zone"] = before
    elif degrees is None and all(missing.get(place, NONE) in (NONE, WHY["none"]) for place in _BATTERY_PLACES):
        missing.setdefault("battery", NONE)


_BATTERY_PLACES = ("thermal zones", "power supply", "battery temperature")
"""Where a battery's temperature may be: keys of `missing`."""

_PLACES: Mapping[str, str] = {
    "power/temp": "battery temperature",
    "power/capacity": "battery level",
    "power/charge_counter": "battery charge",
    "power/current_now": "battery current",
    "power/voltage_now": "battery voltage",
}


_GROUPS: Mapping[str, str] = {
    "zones": "thermal zones",
    "clock": "clocks",
    "cap": "caps",
    "top": "caps",
    "power": "power supply",
}


def _place(name: str) -> str:
    """Return the name for people of a sensor that the sampler names ``group/sensor``."""
    group, _, sensor = name.partition("/")
    if sensor in {"all", "others"}:
        return f"{'other ' if sensor == 'others' else ''}{_GROUPS.get(group, group)}"
    named = {"zones": sensor, "clock": f"{sensor} clock", "cap": f"{sensor} cap", "top": f"{sensor} cap"}
    return _PLACES.get(name) or named.get(group) or f"{_GROUPS.get(group, group)} {sensor}"


def _number(name: str, said: str | None, missing: dict[str, str]) -> float | None:
    """Parse a number that may be absent; report text that is not a number in `missing`."""
    if said is None:
        return None
    found = number(said)
    if found is None:
        missing[name] = f"said {said!r}, which is not a number"
    return found


def _positive(name: str, said: str, missing: dict[str, str]) -> float | None:
    found = _number(name, said, missing)
    if found is not None and found <= 0:
        missing[name] = f"said {said!r}, which no clock runs at"
        return None
    return found


def _zone(name: str, said: str, missing: dict[str, str]) -> float | None:
    found = _number(name, said, missing)
    return None if found is None else plausible(name, found, said, missing)


def plausible(name: str, millidegrees: float, said: str, missing: dict[str, str]) -> float | None:
    """Return degrees; None for a temperature that no phone has, because then its unit is not known.

    `missing` then says so, with what the sensor `said`.
    """
    celsius = millidegrees / 1000
    if millidegrees in NO_READING:
        missing[name] = f"said {said}, which means no reading"
    elif not math.isfinite(celsius) or celsius > HOTTEST:
        missing[name] = f"not known: unit (said {said}, which is impossible in a phone)"
    elif celsius < COLDEST:
        missing[name] = f"not known: unit (said {said}, which would be {celsius:.1f} °C, colder than any room)"
    else:
        return celsius
    return None


def millivolts(found: float | None, said: str, missing: dict[str, str]) -> float | None:
    """Return a battery's voltage in mV; None for one that no battery has, which is then reported in `missing`."""
    if found is None or MILLIVOLTS[0] <= found <= MILLIVOLTS[1]:
        return found
    missing["battery voltage"] = f"not known: unit (said {said}, which would be {found:g} mV)"
    return None


def _caps(reading: Reading, missing: dict[str, str]) -> dict[str, float]:
    """Return, by policy, the highest clock allowed over the highest there is; both must be readable."""
    found: dict[str, float] = {}
    for name in reading.cap.keys() | reading.top.keys():
        cap = _positive(f"{name} cap", reading.cap.get(name, ""), missing) if name in reading.cap else None
        top = _positive(f"{name} cap", reading.top.get(name, ""), missing) if name in reading.top else None
        if cap is not None and top is not None:
            found[name] = cap / top
    return dict(sorted(found.items()))


def _cooling(said: Mapping[str, str], missing: dict[str, str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for name, text in said.items():
        state = _number(f"cooling {name}", text, missing)
        if state is not None and state >= 0 and state.is_integer():
            found[name] = int(state)
        elif state is not None:
            missing[f"cooling {name}"] = f"said {text!r}, which is not a state"
    return found


def _level(said: str | None, missing: dict[str, str]) -> float | None:
    level = _number("battery level", said, missing)
    if level is not None and not 0 <= level <= 100:
        missing["battery level"] = f"said {said!r}, wanted 0 to 100"
        return None
    return level


def _powered(reading: Reading) -> bool | None:
    """Say whether the device is on power; None when no supply says so and some of them could not be read.

    `online` is 0, 1, or 2 for a charger whose voltage can be set (the kernel's sysfs-class-power).
    """
    said = {value for name, value in reading.power.items() if name.startswith("online ")}
    if said & {"1", "2"}:
        return True
    unread = any(name.startswith("power/") and name not in _PLACES for name in reading.missing)
    return False if said == {"0"} and not unread else None


def ticks_of(ticks: str, at_s: str) -> Ticks | None:
    """Parse the first line of /proc/stat; None when it has another form.

    Busy time is user, nice, system, irq and softirq; guests' time is already in user and nice (proc(5)).
    """
    parts, now = ticks.split(), number(at_s)
    if len(parts) < 8 or now is None or not all(re.fullmatch(r"[0-9]{1,19}", part) for part in parts):
        return None
    user, nice, system, _, _, irq, softirq, steal = (int(part) / TICKS_PER_S for part in parts[:8])
    return Ticks(now, user + nice + system + irq + softirq, steal)


def _used(before: Ticks | None, now: Ticks | None, missing: dict[str, str]) -> tuple[float, float] | None:
    """Return how many cores were busy, and how many were stolen, between two readings."""
    if now is None:
        missing["cpu time"] = "no `cpu` line in /proc/stat"
    if before is None or now is None:
        return None
    passed, busy, stolen = now.at_s - before.at_s, now.busy_s - before.busy_s, now.stolen_s - before.stolen_s
    if passed <= 0 or busy < 0 or stolen < 0:
        missing["cpu time"] = "a clock or counter went back"
        return None
    return busy / passed, stolen / passed
