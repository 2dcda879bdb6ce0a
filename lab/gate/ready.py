"""Deciding from looks at a device whether it is cool, charged and quiet enough for a trial to start."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from lab.device.android_text import COLDEST, HOTTEST
from lab.device.vitals.look import battery, skin, soc
from lab.device.vitals.meaning import chips, skins
from lab.gate.clocks import Offered
from lab.gate.idle import Idle
from lab.records import SENSOR_GONE, UNGATED, Vitals
from lab.records.telling import apart, number_of, shares
from lab.scenario.plan import Gates

GONE_LOOKS = 3
"""Looks in a row without a reading after which a sensor counts as gone (device_care.md, section 5)."""

STILL_LOOKS = 12
"""Looks after which a message says that a temperature never moved: a judgement, a minute by default."""

AGES_S = 1e10
"""No device has been up for so long (three hundred years): such a reading comes from no clock."""


@dataclass(frozen=True)
class Slope:
    """How still case or battery must hold once one of them had to cool: a slower change, over at least so long.

    0.2 degC a minute over 60 s is a judgement (methodology.md, section 4). Both directions count: a phone that
    still cools is warm inside. A chip that had to cool need not hold still: it cools within seconds, so its limit
    alone is enough.
    """

    celsius_per_minute: float = 0.2
    seconds: float = 60.0


SLOPE = Slope()


@dataclass(frozen=True)
class Decision:
    """A decision after some looks: `care` says why the device is not ready, `load` why it is not quiet.

    `gone` says why waiting does not help: a sensor read too warm when it vanished. `flags` are keys of `FLAGS`.
    """

    kind: Literal["open", "wait", "ungated"]
    care: tuple[str, ...] = ()
    load: str = ""
    gone: str = ""
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Rule:
    """One reading of a look, and its test: `refuse` returns why the value is not good enough, or nothing."""

    what: str
    read: Callable[[Vitals], float | None]
    refuse: Callable[[float, Vitals], str]
    expected: bool = False
    is_warmth: bool = False


def decide(
    looks: Sequence[Vitals],
    gates: Gates,
    idle: Idle | None,
    cores: int,
    *,
    slope: Slope = SLOPE,
    offered: Offered | None = None,
) -> Decision:
    """Decide whether a trial may start after these looks, the last of which is now; never raises.

    `idle` is how cool the device is at rest: without it only the absolute limits hold. `offered` are the clocks it
    should have, by default the hardware's highest. A sensor that was read before (in these looks, or when `idle`
    was learnt) and gives nothing now is worth waiting for during `GONE_LOOKS` looks. A frozen or lying sensor goes
    undetected here.
    """
    if not looks:
        return Decision("wait", care=("no look was taken yet",))
    rules = _rules(gates, idle, offered or Offered())
    care: list[str] = []
    gone: list[str] = []
    flags: list[str] = []
    for rule in rules:
        state, words = _judged(rule, looks)
        if state == "waits":
            care.append(words)
        elif state == "gone":
            gone.append(words)
        if state in {"gone", "missing"} and SENSOR_GONE not in flags:
            flags.append(SENSOR_GONE)
    warm = [rule for rule in rules if rule.is_warmth]
    body = [rule for rule in warm if rule.what != "chip"]
    if any(_refused(rule, look) for rule in body for look in looks[:-1]) and (words := _moving(looks, slope)):
        care.append(words)
    load = _too_busy(looks[-1], gates, cores)
    if all(_reading(rule, looks[-1]) is None for rule in warm if rule.what != "battery"):
        flags.append(UNGATED)  # a battery lags the chip by minutes: it does not show that the phone has cooled
    if care or gone or load:
        return Decision("wait", tuple(care), load, "; ".join(gone), tuple(flags))
    return Decision("ungated" if UNGATED in flags else "open", flags=tuple(flags))


def _rules(gates: Gates, idle: Idle | None, offered: Offered) -> list[_Rule]:
    at_rest = idle or Idle(None, None)
    caps = _Rule(
        "clock caps", lambda v: (offered.lowest(v) or (None, None))[1], lambda _, v: _cut(v, gates, offered)
    )
    return [
        _warmth("skin", skin, _above(at_rest.skin, gates.skin_above_idle_most), expected=at_rest.skin is not None),
        _warmth("chip", soc, _above(at_rest.soc, gates.soc_above_idle_most), expected=at_rest.soc is not None),
        _warmth("battery", battery, (gates.battery_celsius_most, "")),
        _Rule("battery level", lambda v: v.battery_level, lambda level, _: _too_low(level, gates)),
        _Rule(
            "thermal status",
            lambda v: v.thermal_status,
            lambda status, _: (
                f"the thermal status is {status:g}, wanted at most {gates.thermal_status_most}"
                if status > gates.thermal_status_most
                else ""
            ),
        ),
        _Rule(
            "cooling",
            lambda v: max((state for _, state in throttles(v)), default=None),
            lambda state, v: _held_back(v) if state > 0 and gates.throttling == "reject" else "",
        ),
        *([caps] if gates.throttling == "reject" and gates.cap_share_least > 0 else []),
    ]


def _warmth(
    what: str,
    read: Callable[[Vitals], float | None],
    limit: tuple[float, str] | None,
    *,
    expected: bool = False,
) -> _Rule:
    """Return the rule for a temperature (degC); `limit` is the limit and, in words, where it comes from."""

    def refuse(celsius: float, vitals: Vitals) -> str:
        if limit is None or celsius <= limit[0]:
            return ""
        found, most = apart(celsius, limit[0], 1)
        return f"{place(vitals, what, celsius)} reads {found} °C, wanted at most {most} °C{limit[1]}"

    return _Rule(what, read, refuse, expected, is_warmth=True)


def _above(at_rest: float | None, most: float) -> tuple[float, str] | None:
    if at_rest is None:
        return None
    return at_rest + most, f" ({most:g} above the {at_rest:.1f} °C it has at rest)"


def _too_low(level: float, gates: Gates) -> str:
    if level >= gates.battery_level_least:
        return ""
    return f"the battery is at {level:g} %, wanted at least {gates.battery_level_least:g} %"


def _held_back(vitals: Vitals) -> str:
    held = [name for name, state in throttles(vitals) if state > 0]
    return f"{_listed(held)} still throttled by its thermal driver (state {max(s for _, s in throttles(vitals))})"


def _cut(vitals: Vitals, gates: Gates, offered: Offered) -> str:
    """Say that a policy's clocks are capped too low; heat from charging does so without a cooling state."""
    lowest = offered.lowest(vitals)
    if lowest is None or lowest[1] >= gates.cap_share_least:
        return ""
    found, least = shares(lowest[1], gates.cap_share_least)
    return f"{lowest[0]} is allowed {found} of {offered.words}, wanted at least {least}"


def _listed(names: Sequence[str]) -> str:
    if len(names) <= 2:
        return f"{' and '.join(names)} {'is' if len(names) == 1 else 'are'}"
    return f"{names[0]} and {len(names) - 1} others are"


def _too_busy(vitals: Vitals, gates: Gates, cores: int) -> str:
    """Say that other programs use too much of the cores; time stolen from a virtual machine counts."""
    used = sum(n for n in (vitals.busy_cores, vitals.stolen_cores) if n is not None and math.isfinite(n))
    most = gates.busy_per_core_most * max(cores, 1)
    if used <= most:
        return ""
    found, limit = apart(used, most, 1)
    verb = "is" if cores == 1 else "are"
    return f"{found} of {number_of(cores, 'core')} {verb} busy with something else, wanted at most {limit}"


def _reading(rule: _Rule, vitals: Vitals) -> float | None:
    """Return a rule's reading; None if it is not finite, or a temperature that no part of a phone can have."""
    value = rule.read(vitals)
    if value is None or not math.isfinite(value) or (rule.is_warmth and not COLDEST <= value <= HOTTEST):
        return None
    return value


def _refused(rule: _Rule, vitals: Vitals) -> str:
    value = _reading(rule, vitals)
    return "" if value is None else rule.refuse(value, vitals)


def _judged(rule: _Rule, looks: Sequence[Vitals]) -> tuple[Literal["fine", "waits", "missing", "gone"], str]:
    """Judge the last look by one rule; judge a sensor that gives nothing by its last reading."""
    silent = 0
    for look in reversed(looks):
        if _reading(rule, look) is not None:
            break
        silent += 1
    if silent == 0:
        words = _refused(rule, looks[-1])
        return ("waits" if words else "fine"), words and words + _still(rule, looks)
    last = looks[-silent - 1] if silent < len(looks) else None
    if last is None and not rule.expected:
        return "fine", ""
    before = _refused(rule, last) if last is not None else ""
    why = _why_missing(rule, last, looks[-1])
    words = f"the {rule.what} sensor gives no reading any more{why}"
    if silent < GONE_LOOKS:
        return "waits", words
    if before:
        return "gone", f"{words}, {silent} looks in a row; before, {before}"
    return "missing", ""


def _still(rule: _Rule, looks: Sequence[Vitals]) -> str:
    """Say that a temperature never moved: it does not fall or the sensor is frozen; looks cannot say which."""
    if not rule.is_warmth or len(looks) < STILL_LOOKS or len({_reading(rule, look) for look in looks}) > 1:
        return ""
    return f", the same at each of {len(looks)} looks"


def _why_missing(rule: _Rule, last: Vitals | None, now: Vitals) -> str:
    """Return the reason that the look gives for a vanished sensor, if it gives one."""
    names = [rule.what]
    if last is not None and (value := _reading(rule, last)) is not None:
        names.insert(0, place(last, rule.what, value))
    return next((f" ({now.missing[name]})" for name in names if name in now.missing), "")


def _moving(looks: Sequence[Vitals], slope: Slope) -> str:
    """Say that the case's temperature (without one the battery's) still changes, or was not watched long enough.

    The chip does not count: it follows every program within seconds. The rate is a least-squares slope over the
    device's own clock; looks before a backward step of that clock are left out.
    """
    for what, read in (("skin", skin), ("battery", battery)):
        rule = _Rule(what, read, lambda celsius, v: "", is_warmth=True)
        if (now := _reading(rule, looks[-1])) is not None:
            break
    else:
        return ""
    times: list[float] = []
    values: list[float] = []
    for look in reversed(looks):
        if (value := _reading(rule, look)) is None or not 0 <= look.boot_s < AGES_S:
            continue
        if times and look.boot_s >= times[-1]:
            break
        times.append(look.boot_s)
        values.append(value)
        if times[0] - times[-1] >= slope.seconds:
            break
    watched = times[0] - times[-1] if times else 0.0
    name = place(looks[-1], what, now)
    if watched < slope.seconds:
        seen, wanted = apart(watched, slope.seconds)
        return f"{name} was watched for {seen} s of the {wanted} s that it must hold still"
    if watched == 0:
        return ""
    rate = 60 * statistics.linear_regression(times, values).slope
    if abs(rate) < slope.celsius_per_minute:
        return ""
    doing = "warms up" if rate > 0 else "cools down"
    return f"{name} {doing} by {abs(rate):.2f} °C a minute, wanted less than {slope.celsius_per_minute:g}"


def place(vitals: Vitals, what: str, celsius: float) -> str:
    """Return the thermal zone of a reading; where that is unknown, the part that it is the temperature of."""
    places = {"skin": skins, "chip": chips}
    found = places[what](vitals) if what in places else {}
    return min((name for name, value in found.items() if value == celsius), default=f"the {what}")


def throttles(vitals: Vitals) -> list[tuple[str, int]]:
    """Return (name, state) of the cooling devices that slow processors down; chargers and lights do not count."""
    return [(name, state) for name, state in vitals.cooling.items() if "cpufreq" in name or "devfreq" in name]
