"""The heat of a virtual phone: two heat nodes, solved exactly in time, and the clock limits of a hot phone.

    load --watts--> [SoC] --R--> [body: battery, skin] --R--> room

Every number below without another source is a judgement: chosen so that full load on every core reaches the
first cooling trip in about two minutes and settles between trips. None was measured on a phone. The model
exists to expose software to heat, not to predict an MT6989's temperature. Power grows with the CPU time
actually used; the model leaves out what a lower voltage saves at lower clocks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

AMBIENT_CELSIUS = 25.0  # device_care.md section 6: rooms of 20 to 25 degC
IDLE_WATTS = 0.3  # judgement: screen on at lowest brightness, radios off
FULL_WATTS = 8.0  # judgement: added at full load on every core
SOC_JOULES_PER_KELVIN = 4.0  # judgement: the chip warms within half a minute
BODY_JOULES_PER_KELVIN = 75.0  # judgement: the half of a 200 g phone that is warm when trips are reached
SOC_TO_BODY_KELVIN_PER_WATT = 4.0  # judgement
BODY_TO_ROOM_KELVIN_PER_WATT = 4.0  # judgement: a hand-sized plate in still air
SKIN_SHARE = 0.1  # judgement: the skin above the chip lies a tenth of the way from body to chip

# Skin temperature at which cooling state 1, 2, ... begins (judgement). The first lies below the first thermal
# status: device_care.md section 4, "status 0 does not prove full clocks".
COOLING_TRIPS_CELSIUS = (38.0, 40.0, 42.0, 44.0, 46.0)
# Skin temperature of thermal status light, moderate, severe, critical, emergency, shutdown (judgement).
STATUS_TRIPS_CELSIUS = (39.5, 43.0, 47.0, 51.0, 55.0, 60.0)
HYSTERESIS_KELVIN = 1.0  # judgement: a level ends this far below its trip


@dataclass(frozen=True)
class Policy:
    """A cluster of cores that share one clock; its clocks are in kHz, from fastest to slowest.

    `work_per_cycle` is relative to a Cortex-A720. Only each fastest clock is the MT6989's (device_care.md
    section 3). The other clocks are invented, evenly spaced down to about 0.3 of the fastest; so are the
    relative speeds of X4 and A720.
    """

    first_cpu: int
    cores: int
    clocks_khz: tuple[int, ...]
    work_per_cycle: float


POLICIES = (
    Policy(0, 4, (2_000_000, 1_700_000, 1_400_000, 1_150_000, 900_000, 600_000), 1.0),
    Policy(4, 3, (2_850_000, 2_450_000, 2_050_000, 1_650_000, 1_250_000, 850_000), 1.5),
    Policy(7, 1, (3_250_000, 2_800_000, 2_350_000, 1_900_000, 1_450_000, 1_000_000), 1.5),
)


@dataclass(frozen=True)
class Heat:
    """Temperatures in degC, and the thermal status (0 to 6) and cooling state (0 to 5) that follow."""

    soc_celsius: float
    body_celsius: float
    status: int = 0
    cooling: int = 0

    @property
    def skin_celsius(self) -> float:
        """Temperature of the skin above the chip, between body and chip."""
        return self.body_celsius + SKIN_SHARE * (self.soc_celsius - self.body_celsius)


def level(celsius: float, trips: tuple[float, ...], before: int) -> int:
    """Return how many trips are reached; a level reached `before` ends `HYSTERESIS_KELVIN` below its trip."""
    reached = sum(celsius >= trip for trip in trips)
    held = sum(celsius >= trip - HYSTERESIS_KELVIN for trip in trips)
    return max(reached, min(held, before))


def _judged(heat: Heat) -> Heat:
    skin = heat.skin_celsius
    return replace(
        heat,
        status=level(skin, STATUS_TRIPS_CELSIUS, heat.status),
        cooling=level(skin, COOLING_TRIPS_CELSIUS, heat.cooling),
    )


def watts(load: float) -> float:
    """Return the power that becomes heat under a load (0 idle, 1 every core busy at full clock)."""
    return IDLE_WATTS + FULL_WATTS * load


def steady(load: float, *, ambient_celsius: float = AMBIENT_CELSIUS) -> Heat:
    """Return the phone's final state under a constant load, if nothing slowed it down."""
    body = ambient_celsius + watts(load) * BODY_TO_ROOM_KELVIN_PER_WATT
    return _judged(Heat(body + watts(load) * SOC_TO_BODY_KELVIN_PER_WATT, body))


IDLE = steady(0.0)  # a phone at rest


def step(heat: Heat, *, seconds: float, load: float, ambient_celsius: float = AMBIENT_CELSIUS) -> Heat:
    """Return the phone's heat after `seconds` of a constant load (as in :func:`watts`).

    Exact for a step of any length: the distance x from the steady state obeys x' = A x, and for a 2x2 matrix
    exp(At) = exp(mt) (cosh(dt) I + sinh(dt)/d (A - mI)), with m half the trace and d = sqrt(m^2 - det A).
    """
    end = steady(load, ambient_celsius=ambient_celsius)
    soc, body = heat.soc_celsius - end.soc_celsius, heat.body_celsius - end.body_celsius
    coupling = 1 / SOC_TO_BODY_KELVIN_PER_WATT
    a = -coupling / SOC_JOULES_PER_KELVIN
    c = coupling / BODY_JOULES_PER_KELVIN
    d = -(coupling + 1 / BODY_TO_ROOM_KELVIN_PER_WATT) / BODY_JOULES_PER_KELVIN
    mean = (a + d) / 2
    spread = math.sqrt(mean**2 - (a * d - (-a) * c))
    slow, fast = math.exp((mean + spread) * seconds), math.exp((mean - spread) * seconds)
    even, odd = (slow + fast) / 2, (slow - fast) / (2 * spread)
    return _judged(
        replace(
            heat,
            soc_celsius=end.soc_celsius + even * soc + odd * ((a - mean) * soc - a * body),
            body_celsius=end.body_celsius + even * body + odd * (c * soc + (d - mean) * body),
        )
    )


def at(celsius: float) -> Heat:
    """Return a phone of one uniform temperature, as the fault `heat C` sets it."""
    return _judged(Heat(celsius, celsius))


def caps_khz(cooling: int) -> tuple[int, ...]:
    """Return the highest clock of each policy in a cooling state, which is an index into its clocks."""
    return tuple(policy.clocks_khz[cooling] for policy in POLICIES)


def speed(limits_khz: tuple[int, ...]) -> float:
    """Return the share of the phone's full speed (0 to 1) that these clock limits leave, one for each policy."""
    weights = [policy.cores * policy.work_per_cycle for policy in POLICIES]
    left = sum(weight * khz for weight, khz in zip(weights, limits_khz, strict=True))
    return left / sum(weight * policy.clocks_khz[0] for weight, policy in zip(weights, POLICIES, strict=True))
