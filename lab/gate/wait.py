"""The gate: looking at a device until it is cool, charged and quiet enough for a trial, up to a time limit.

    look -> decide -> open                         the trial starts
                   -> wait (too warm, too busy)    look again, `poll_s` later
                   -> ungated                      neither case nor chip can be read: a phone rests instead

docs/measuring.md lists the limits and their sources. :mod:`lab.gate.ready` judges the looks;
:mod:`lab.gate.throttle` judges heat during a trial and after it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from lab.device.transport import Clock, Device
from lab.device.vitals.look import frozen, skin, soc
from lab.errors import DeviceRefused
from lab.gate.clocks import Offered
from lab.gate.idle import Idle
from lab.gate.ready import SLOPE, Decision, Slope, decide
from lab.records import BUSY, FLAGS, IDLE_UNKNOWN, SENSOR_GONE, SENSOR_STILL, UNGATED, Vitals
from lab.scenario.plan import Gates

TELL_EVERY_S = 60.0
"""How often the message of a long wait is repeated: a judgement."""

TELL_LOAD_AFTER_S = 10.0
"""How long a wait for other programs stays silent: a judgement. Most end sooner, and trials may be hundreds."""


@dataclass(frozen=True)
class Opened:
    """How a trial passed the gate: `timed_out` says why the trial does not count, or is empty.

    `load_waited_s` is the part of `waited_s` spent on other programs alone. `vitals` is the last look.
    """

    waited_s: float
    load_waited_s: float
    flags: tuple[str, ...]
    timed_out: str
    vitals: Vitals


def wait(
    device: Device,
    gates: Gates,
    *,
    idle: Idle | None,
    look: Callable[[Device], Vitals],
    clock: Clock,
    sleep: Callable[[float], None],
    load_left_s: float,
    tell: Callable[[str], None] = lambda words: None,
    record: Callable[[Vitals], None] = lambda vitals: None,
    rested_s: float = 0.0,
    slope: Slope = SLOPE,
    offered: Offered | None = None,
) -> Opened:
    """Look until a trial may start, or until the time limit.

    `record` gets each look. `tell` gets the reason for waiting when the wait begins (for other programs: when they
    do not end soon) and once a minute. `load_left_s` is how long this run may still wait for other programs,
    `rested_s` how long ago the last trial ended: a phone whose case and chip cannot be read rests `pause_s`
    between trials. `offered` takes note of each look's clocks. With `start = "never"` there is one look and no
    wait. Raises `DeviceRefused` when the sensors are faked, or when the battery is too low and nothing charges it;
    and what `look` raises.
    """
    if device.identity.kind == "host":  # its chip follows every program within seconds: it has no idle temperature
        idle, gates = None, gates.model_copy(update={"battery_celsius_most": math.inf, "cap_share_least": 0.0})
    cores = len(device.identity.cores)
    looks: list[Vitals] = []
    offered = offered or Offered()
    waited_s = load_waited_s = 0.0

    def look_again() -> None:
        looks.append(look(device))
        record(looks[-1])
        _refuse_faked(device, looks[-1])
        if gates.start != "never":
            _refuse_empty(device, looks[-1], gates)
        offered.note(looks[-1])

    def judged() -> tuple[Decision, _Patience]:
        decision = decide(looks, gates, idle, cores, slope=slope, offered=offered)
        rest_s = gates.pause_s - rested_s if device.identity.kind == "phone" else 0.0
        return decision, _patience(decision, gates, waited_s, rest_s - waited_s, load_left_s - load_waited_s)

    look_again()
    decision, patience = judged()
    told_s = -math.inf
    while patience.left_s > 0:
        soon = patience.for_load and waited_s < TELL_LOAD_AFTER_S
        if waited_s - told_s >= TELL_EVERY_S and not soon:
            tell(f"{patience.words}; {patience.left_s:.0f} s left to wait")
            told_s = waited_s
        nap = min(gates.poll_s, patience.left_s)
        before = clock.monotonic()
        sleep(nap)
        look_again()  # takes time too, on a busy device more than the nap
        passed = max(clock.monotonic() - before, nap)  # a clock that goes back must not make the wait endless
        waited_s += passed
        load_waited_s += passed if patience.for_load else 0.0
        decision, patience = judged()
    opened = _opened(device, gates, idle, looks, decision)
    if IDLE_UNKNOWN in opened.flags:
        tell(f"its idle temperature is not known yet; this look becomes the reference: {_warmths(looks[-1])}")
    return replace(opened, waited_s=waited_s, load_waited_s=load_waited_s)


def passed(
    looks: Sequence[Vitals], gates: Gates, idle: Idle | None, device: Device, offered: Offered | None = None
) -> Opened:
    """Return what :func:`wait` returned to a lab that is gone, from its recorded looks."""
    if gates.start == "first trial" and len(looks) == 1:  # there was no wait, or none was needed
        gates = gates.model_copy(update={"start": "never"})
    offered = offered or Offered()
    for look in looks:
        offered.note(look)
    decision = decide(looks, gates, idle, len(device.identity.cores), offered=offered)
    waited_s = max(0.0, looks[-1].boot_s - looks[0].boot_s)
    return replace(_opened(device, gates, idle, looks, decision), waited_s=waited_s)


def _opened(
    device: Device, gates: Gates, idle: Idle | None, looks: Sequence[Vitals], decision: Decision
) -> Opened:
    """Return how the gate opened after these looks, without the time it took."""
    never = gates.start == "never"
    flags = _flags(device, idle, looks, decision, never=never)
    return Opened(0.0, 0.0, flags, "" if never else _timed_out(decision, gates), looks[-1])


@dataclass(frozen=True)
class _Patience:
    """How long the wait may still go on, its reason in words, and whether it is only for other programs."""

    left_s: float
    words: str = ""
    for_load: bool = False


def _patience(decision: Decision, gates: Gates, waited_s: float, rest_s: float, load_left_s: float) -> _Patience:
    if gates.start == "never" or decision.gone:
        return _Patience(0.0)
    if decision.care:
        return _Patience(gates.wait_s - waited_s, f"waiting: {'; '.join(decision.care)}")
    if UNGATED in decision.flags and rest_s > 0:
        return _Patience(rest_s, "resting: neither case nor chip can be read, so it is given time to cool")
    if decision.load:
        return _Patience(load_left_s, f"waiting: {decision.load}", for_load=True)
    return _Patience(0.0)


def _flags(
    device: Device, idle: Idle | None, looks: Sequence[Vitals], decision: Decision, *, never: bool
) -> tuple[str, ...]:
    """Return the flags of the trial, in the order of `FLAGS`."""
    flags = set(decision.flags)
    if device.identity.kind == "host":
        flags = flags - {SENSOR_GONE} | {UNGATED}
    elif idle is None and not never and _warmths(looks[-1]):
        flags.add(IDLE_UNKNOWN)
    if decision.load:
        flags.add(BUSY)
    if frozen(looks):
        flags.add(SENSOR_STILL)
    return tuple(flag for flag in FLAGS if flag in flags)


def _warmths(vitals: Vitals) -> str:
    """Return skin and chip temperature in words; empty without either."""
    found = [(what, read(vitals)) for what, read in (("skin", skin), ("chip", soc))]
    return ", ".join(f"{what} {celsius:.1f} °C" for what, celsius in found if celsius is not None)


def _timed_out(decision: Decision, gates: Gates) -> str:
    """Return why the trial does not count although it runs; empty when the device became ready."""
    if decision.gone:
        return f"whether the device had cooled cannot be known: {decision.gone}"
    if not decision.care:
        return ""
    return f"the device was not ready within {gates.wait_s:g} s: {'; '.join(decision.care)}"


def _refuse_faked(device: Device, vitals: Vitals) -> None:
    """Raise `DeviceRefused` when an override replaces what Android reports of its sensors."""
    faked = sorted(f"{name} ({why})" for name, why in vitals.missing.items() if "is faked" in why)
    if faked:
        raise DeviceRefused(
            f"{device.identity.name}: wanted its sensors' own values, found faked ones: {', '.join(faked)}; run "
            "the command named there with `adb shell` (or restart the device), then run again"
        )


def _refuse_empty(device: Device, vitals: Vitals, gates: Gates) -> None:
    """Raise `DeviceRefused` when the battery is too low and nothing charges it: waiting and work empty it more."""
    level = vitals.battery_level
    if level is not None and level < gates.battery_level_least and vitals.powered is False:
        raise DeviceRefused(
            f"{device.identity.name}: the battery is at {level:g} %, wanted at least "
            f"{gates.battery_level_least:g} %, and nothing charges it: plug it in, then resume the run (--resume)"
        )
