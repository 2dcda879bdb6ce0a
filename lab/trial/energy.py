"""The battery energy that a trial used: joules from the charge counter and the voltage, or why there is no figure.

Only a device that runs from its battery gives a figure: plugged in, the charger supplies the energy
(methodology.md, section 12; device_care.md, section 6). External meters are not supported. `current_ua` is not
used: its sign and unit differ by vendor (device_care.md, section 5), while Android defines the counter in
microampere-hours.
Implemented and tested on made-up counters; not verified on a phone.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from lab.device.vitals.lines import MILLIVOLTS
from lab.records import Vitals
from lab.records.telling import apart

SHORTEST_S = 300.0
"""Shorter measurements give no figure: methodology.md, section 12."""

QUANTA_LEAST = 20
"""Least fall of the counter, in its own steps, for a figure: methodology.md, section 12. At 20 one step is +- 5 %
of the figure."""

CHARGE_UAH = (20_000.0, 20_000_000.0)
"""Possible values of a counter in microampere-hours: 20 mAh is an empty phone, 20 Ah more than any phone's
battery; a judgement. A counter in mAh shows thousands: it is refused rather than converted on a guess."""

COULOMB_PER_UAH = 3.6e-3
"""A microampere for an hour: 1e-6 A x 3600 s."""


@dataclass(frozen=True)
class Energy:
    """The energy used in `seconds`: `joules` +- `plus_minus_j`, or None and `why` there is no figure.

    `idle_w` is the power of an idle device, which was subtracted; where it is None the figure includes the idle
    device. `why` is empty where there is a figure.
    """

    joules: float | None
    plus_minus_j: float | None
    seconds: float
    idle_w: float | None
    why: str

    @property
    def words(self) -> str:
        """The figure with its error and what it includes, or ``n/a`` with the reason."""
        if self.joules is None or self.plus_minus_j is None:
            return f"n/a: {self.why}"
        idle = "the idle device included"
        if self.idle_w is not None:
            idle = f"{self.idle_w:.3g} W of an idle device subtracted"
        return f"{_joules(self.joules)} +- {_joules(self.plus_minus_j)} in {self.seconds:.0f} s, {idle}"

    def per(self, count: int) -> tuple[float, float] | None:
        """Return joules and their error per token or patch, of which there are `count`; None without a figure."""
        if self.joules is None or self.plus_minus_j is None or count < 1:
            return None
        return self.joules / count, self.plus_minus_j / count


def energy(vitals: Sequence[Vitals], *, around: Sequence[Vitals] = (), idle_w: float | None = None) -> Energy:
    """Return the energy between the first and the last look: the fall of the charge counter times the voltage.

    `vitals` are in the order of time. `around` are looks just before and after, used only for whether the device
    was plugged in: at those looks Android's service could be asked too. The counter moves in steps (its smallest
    change here): the error is one step times the voltage. `idle_w` (watts) is subtracted.
    """
    seconds = vitals[-1].boot_s - vitals[0].boot_s if vitals else 0.0
    why = _refusal(vitals, around, seconds)
    if why:
        return Energy(None, None, seconds, idle_w, why)
    looks = [look for look in vitals if look.charge_uah is not None and look.voltage_mv is not None]
    charges = [float(look.charge_uah or 0.0) for look in looks]
    steps = [before - after for before, after in itertools.pairwise(charges)]
    seconds = looks[-1].boot_s - looks[0].boot_s
    if why := _unsteady_counter(charges, steps, seconds):
        return Energy(None, None, seconds, idle_w, why)
    volts = [float(look.voltage_mv or 0.0) / 1000 for look in looks]
    used_j = sum(
        step * COULOMB_PER_UAH * (one + other) / 2
        for step, (one, other) in zip(steps, itertools.pairwise(volts), strict=True)
    )
    plus_minus_j = _quantum(steps) * COULOMB_PER_UAH * sum(volts) / len(volts)
    idle_j = (idle_w or 0.0) * seconds
    if used_j + plus_minus_j < idle_j:
        words = (
            f"{_joules(used_j)} in {seconds:.0f} s is less than the {_joules(idle_j)} that the idle device uses"
        )
        return Energy(None, None, seconds, idle_w, f"{words}: idle power was measured in another state")
    return Energy(used_j - idle_j, plus_minus_j, seconds, idle_w, "")


def _refusal(vitals: Sequence[Vitals], around: Sequence[Vitals], seconds: float) -> str:
    """Return why these looks cannot give a figure; empty when they may."""
    if any(later.boot_s < earlier.boot_s for earlier, later in itertools.pairwise(vitals)):
        return "the device's clock went back, or it restarted meanwhile"
    if seconds < SHORTEST_S:
        lasted, least = apart(seconds, SHORTEST_S)
        return f"sampled for {lasted} s; wanted at least {least} s, as in a scenario with `duration_s`"
    if any(look.powered for look in vitals):
        return "plugged in, so the charger supplied energy; cut its power (or unplug it and use adb over Wi-Fi)"
    if any(look.powered for look in around):
        return "plugged in just before or after, so the charger supplied energy; cut its power (or unplug it)"
    if all(look.powered is None for look in vitals):
        return "the device does not say whether it is plugged in"
    charge = _unread(vitals, "charge", [look.charge_uah for look in vitals], CHARGE_UAH, "uAh")
    return charge or _unread(vitals, "voltage", [look.voltage_mv for look in vitals], MILLIVOLTS, "mV")


def _unread(
    vitals: Sequence[Vitals], name: str, found: Sequence[float | None], limits: tuple[float, float], unit: str
) -> str:
    """Return why one of the battery's readings is missing or impossible; empty when it is neither."""
    known = [value for value in found if value is not None]
    if len(known) < 2:
        key = f"battery {name}"
        reason = next((look.missing[key] for look in vitals if key in look.missing), "")
        return f"the device shows no {key}" + (f" ({reason})" if reason else "")
    wrong = [value for value in known if not (math.isfinite(value) and limits[0] <= value <= limits[1])]
    if not wrong:
        return ""
    return (
        f"the battery {name} reads {wrong[0]:g} {unit}, impossible for a phone (wanted {limits[0]:g} to "
        f"{limits[1]:g}): another unit, or no sensor"
    )


def _unsteady_counter(charges: Sequence[float], steps: Sequence[float], seconds: float) -> str:
    """Return why the counter gives no figure; empty when it does. All looks have both charge and voltage."""
    if seconds < SHORTEST_S:
        return f"charge and voltage were read together for {seconds:.0f} s only; wanted {SHORTEST_S:.0f} s"
    if any(step < 0 for step in steps):
        return "the charge counter rose: the battery was charged, or the counter corrected itself"
    fall, quantum = charges[0] - charges[-1], _quantum(steps)
    if not quantum:
        return f"the charge counter did not move for {seconds:.0f} s: it is frozen, or its steps are larger"
    if fall < QUANTA_LEAST * quantum:
        return (
            f"the charge counter fell by {fall / quantum:.0f} of its steps of {quantum:g} uAh; wanted "
            f"{QUANTA_LEAST}: measure for longer"
        )
    return ""


def _quantum(steps: Sequence[float]) -> float:
    """Return the counter's smallest change; 0 where it never moved."""
    return min((abs(step) for step in steps if step), default=0.0)


def _joules(joules: float) -> str:
    return f"{joules:,.0f} J" if joules >= 100 else f"{joules:.2g} J"
