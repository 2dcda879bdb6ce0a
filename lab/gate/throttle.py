"""Heat during a trial: when it ends the trial, and whether it slowed the trial down."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from device_agents.contract import InvalidReason
from lab.device.vitals.look import battery, skin, soc
from lab.gate.clocks import Offered
from lab.gate.ready import place, throttles
from lab.records import Flaw, Vitals
from lab.records.telling import number_of, percent, shares
from lab.scenario.plan import Gates

STATUS = ("none", "light", "moderate", "severe", "critical", "emergency", "shutdown")
"""Android's thermal statuses by number (device_care.md, section 4)."""


def abort(vitals: Vitals, gates: Gates) -> str:
    """Return why a running trial must end now to protect the device; empty when it need not.

    A look without battery temperature and thermal status never ends a trial: a silent sensor is not heat.
    """
    celsius, status = battery(vitals), vitals.thermal_status
    if celsius is not None and celsius >= gates.abort_battery_celsius:
        return (
            f"the battery reached {celsius:.1f} °C, and a trial ends at {gates.abort_battery_celsius:g} °C to "
            "protect the battery"
        )
    if status is not None and status >= gates.abort_thermal_status:
        warm = _warmest(vitals)
        return (
            f"the thermal status reached {_status(status)}{f' ({warm})' if warm else ''}, and a trial ends at "
            f"{_status(gates.abort_thermal_status)}"
        )
    return ""


def throttled(
    before: Vitals, during: Sequence[Vitals], after: Vitals | None, gates: Gates, offered: Offered
) -> Flaw | None:
    """Return how heat slowed a trial down, in words; None when no reading shows that it did.

    `before` is the look that opened the gate, `during` are the samples of the trial, `after` is a look at its end.
    Clocks are compared with those that the device should have `offered`, or with those at the start where no look
    showed them. Sensors that are missing, frozen or wrong find nothing. With `throttling = "keep"` the scenario
    asks about heat, and the answer is None.
    """
    if gates.throttling == "keep":
        return None
    samples = _placed(during)
    around = [_Moment("when it began", before)]
    around += [] if after is None else [_Moment("when it had ended", after)]
    moments = [*around[:1], *samples, *around[1:]]
    words = _hot(moments, gates) or _slowed(moments) or _capped(samples or around, before, gates, offered)
    return Flaw(InvalidReason.THROTTLED, words) if words else None


@dataclass(frozen=True)
class _Moment:
    """A look, and when it was taken, in words."""

    when: str
    vitals: Vitals


def _placed(during: Sequence[Vitals]) -> list[_Moment]:
    """Say when each sample was taken, by the device's own clock; by its number where that clock went wrong."""
    times = [vitals.boot_s for vitals in during]
    steady = all(math.isfinite(time) for time in times) and times == sorted(times)
    return [
        _Moment(
            f"at {vitals.boot_s - times[0]:.0f} s of {times[-1] - times[0]:.0f} s"
            if steady and times[-1] > times[0]
            else f"at reading {i} of {len(during)}",
            vitals,
        )
        for i, vitals in enumerate(during, start=1)
    ]


def _hot(moments: Sequence[_Moment], gates: Gates) -> str:
    """Say that Android reported the device as hot."""
    status, worst = max(((moment.vitals.thermal_status or 0, moment) for moment in moments), key=_first)
    if status <= gates.thermal_status_most:
        return ""
    return (
        f"{_then(worst)} the thermal status was {_status(status)}, "
        f"allowed at most {_status(gates.thermal_status_most)}"
    )


def _slowed(moments: Sequence[_Moment]) -> str:
    """Say that a thermal driver slowed a processor down."""
    held = [(state, name, moment) for moment in moments for name, state in throttles(moment.vitals) if state > 0]
    if not held:
        return ""
    state, name, worst = max(held, key=_first)
    others = sorted({other for _, other, _ in held} - {name})
    readings = len({id(moment) for _, _, moment in held})
    return (
        f"{_then(worst)} {name} was throttled (cooling state {state}, 0 is none"
        f"{f'; {_listed(others)} too' if others else ''}), "
        f"and throttling was seen in {readings} of {number_of(len(moments), 'reading')}"
    )


def _capped(samples: Sequence[_Moment], before: Vitals, gates: Gates, offered: Offered) -> str:
    """Say that a policy's clocks were capped too low, measured against those that it should have offered."""
    for policy in sorted({name for moment in samples for name in moment.vitals.caps}):
        caps = [
            (cap, moment) for moment in samples if (cap := _finite(moment.vitals.caps.get(policy))) is not None
        ]
        if not caps:
            continue
        at_start = _finite(before.caps.get(policy))
        whole = offered.whole(policy) or at_start or max(cap for cap, _ in caps)
        if whole <= 0:  # a device that reads nonsense
            continue
        middle = statistics.median(cap for cap, _ in caps)
        if middle >= gates.cap_share_least * whole:
            continue
        lowest, worst = min(caps, key=_first)
        found, least = shares(middle / whole, gates.cap_share_least)
        began = f"; {percent(at_start / whole)} when it began" if at_start is not None else ""
        return (
            f"{policy} was allowed {found} of {offered.words}, "
            f"wanted at least {least} (median of {number_of(len(caps), 'reading')}{began}); "
            f"{_then(worst)} it was {shares(lowest / whole, gates.cap_share_least)[0]}"
        )
    return ""


def _first(row: tuple[float, *tuple[object, ...]]) -> float:
    return row[0]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 3 else f"{', '.join(names[:2])} and {len(names) - 2} others"


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _then(moment: _Moment) -> str:
    """Return when the look was taken, and how warm the device was if that is known."""
    warm = _warmest(moment.vitals)
    return f"{warm} {moment.when}:" if warm else moment.when


def _warmest(vitals: Vitals) -> str:
    """Return the temperature of the case, else of the chip, else of the battery; empty without any."""
    for what, read in (("skin", skin), ("chip", soc), ("battery", battery)):
        if (celsius := _finite(read(vitals))) is not None:
            return f"{place(vitals, what, celsius)} read {celsius:.1f} °C"
    return ""


def _status(number: int) -> str:
    return f"{number} ({STATUS[number]})" if 0 <= number < len(STATUS) else str(number)
