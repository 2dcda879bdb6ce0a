"""Judge vitals together: how hot a place is, which sensor stands still, when a clock jumped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from statistics import median
from typing import Protocol

from lab.device.android_text import TEMPERATURES
from lab.records import Vitals

FROZEN_S = 60.0
"""How long a sensor must stand still to count as frozen. A judgement: long compared with a chip's half minute."""

MOVED_CELSIUS = 2.0
"""How far its neighbours must move meanwhile. A judgement: twice the coarsest step of a phone's sensors."""

HAL_CPU, HAL_SKIN, HAL_NPU = 0, 3, 9
"""Sensor types of Android's thermal HAL (device_care.md, section 4); each vendor has its own names (AP, CPU0)."""

_HAL_NAMES: Mapping[str, int] = {"CPU": HAL_CPU, "SKIN": HAL_SKIN, "NPU": HAL_NPU}
"""Types of the HAL's sensors in files from before the lab stored the types."""

LEAP_S = 15.0
"""A longer step between two readings is a leap. A judgement: a sensor that hangs costs the sampler less."""


class Clocks(Protocol):
    """Two clocks of a device in nanoseconds, read together, as an agent's hello has them."""

    @property
    def monotonic_ns(self) -> int: ...
    @property
    def boot_ns(self) -> int: ...


def skins(vitals: Vitals) -> dict[str, float]:
    """Return degrees by name for the case: the zones `vtskin*`, or else Android's thermal service."""
    zones = {name: celsius for name, celsius in vitals.celsius.items() if "skin" in name}
    return zones or _by_hal(vitals, {HAL_SKIN})


def skin(vitals: Vitals) -> float | None:
    """Return the degrees of the warmest place of the case; None when no sensor says."""
    return max(skins(vitals).values(), default=None)


def chips(vitals: Vitals) -> dict[str, float]:
    """Return degrees by name for the chip: zones of NPU, CPU and their maximum, or else Android's service."""
    parts = ("apu", "soc_max", "cpu", "npu")
    zones = {name: celsius for name, celsius in vitals.celsius.items() if name.startswith(parts)}
    return zones or _by_hal(vitals, {HAL_CPU, HAL_NPU})


def soc(vitals: Vitals) -> float | None:
    """Return the degrees of the warmest place of the chip; None when no sensor says."""
    return max(chips(vitals).values(), default=None)


def battery(vitals: Vitals) -> float | None:
    """Return the degrees of the battery; None when no sensor says."""
    return vitals.celsius.get("battery")


def _by_hal(vitals: Vitals, kinds: set[int]) -> dict[str, float]:
    found = vitals.hal_kinds or _HAL_NAMES
    return {name: celsius for name, celsius in vitals.celsius.items() if found.get(name) in kinds}


def aligned(vitals: Iterable[Vitals], hello: Clocks) -> list[tuple[int, Vitals]]:
    """Place each reading on the monotonic clock of the agent's spans, in nanoseconds.

    The offset comes from the agent's hello, which reads both clocks together. /proc/uptime counts hundredths of a
    second, so a reading is exact to 10 ms. A device that slept meanwhile has no single offset: `jumps` reports it.
    """
    offset_ns = hello.monotonic_ns - hello.boot_ns
    return [(round(each.boot_s * 1e9) + offset_ns, each) for each in vitals]


def jumps(vitals: Sequence[Vitals]) -> tuple[str, ...]:
    """Say in words where a sampler's clock went back or leapt; empty if it did neither."""
    found = []
    for before, after in pairwise(vitals):
        step, place = after.boot_s - before.boot_s, f"after {before.boot_s:.2f} s since boot"
        if step < 0:
            found.append(f"{place} the boot clock went back by {-step:.2f} s")
        elif step > LEAP_S:
            found.append(f"{place} there is no reading for {step:.0f} s: the clock leapt, or all stood still")
    return tuple(found)


def frozen(vitals: Sequence[Vitals]) -> tuple[str, ...]:
    """Return the names of temperature sensors that stood still while their neighbours moved.

    Still means exactly one value for `FROZEN_S`. Neighbours are the other sensors of the chip, or of the case with
    its battery, which lags behind the chip by minutes (device_care.md, section 4). At least two of them must have
    answered meanwhile, and half of them moved by `MOVED_CELSIUS`: with fewer nobody can tell.
    """
    names = sorted({name for each in vitals for name in each.celsius if _is_temperature(name, each)})
    stills = {name: _stills(name, vitals) for name in names}
    return tuple(name for name in names if any(_left_behind(name, names, still) for still in stills[name]))


def _is_temperature(name: str, vitals: Vitals) -> bool:
    """Say whether a reading is a temperature; files of older labs also hold the HAL's volts and amperes."""
    return name not in vitals.hal_kinds or vitals.hal_kinds[name] in TEMPERATURES


def _stills(name: str, vitals: Sequence[Vitals]) -> list[list[Vitals]]:
    """Return each stretch of at least `FROZEN_S` in which a sensor gave one value; gaps do not break a stretch."""
    answered = [each for each in vitals if name in each.celsius]
    stretches: list[list[Vitals]] = []
    for each in answered:
        if stretches and stretches[-1][-1].celsius[name] == each.celsius[name]:
            stretches[-1].append(each)
        else:
            stretches.append([each])
    return [one for one in stretches if one[-1].boot_s - one[0].boot_s >= FROZEN_S]


def _left_behind(name: str, names: Iterable[str], still: Sequence[Vitals]) -> bool:
    moved = []
    kinds = {name: kind for each in still for name, kind in each.hal_kinds.items()}
    for other in names:
        if other == name or _slow(other, kinds) != _slow(name, kinds):
            continue
        said = [each.celsius[other] for each in still if other in each.celsius]
        if said:
            moved.append(max(said) - min(said))
    return len(moved) >= 2 and median(moved) >= MOVED_CELSIUS


def _slow(name: str, kinds: Mapping[str, int]) -> bool:
    """Say whether a sensor is in the case or the battery, not on the chip."""
    return kinds.get(name) == HAL_SKIN or any(part in name.lower() for part in ("skin", "battery", "ntc"))
