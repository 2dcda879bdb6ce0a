"""What the sensors said around a trial, as curves over the time of its agent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from lab.device.vitals.meaning import aligned, battery, skin, soc
from lab.records import Vitals
from lab.records.explanation import Evidence
from lab.report.phases import NS
from lab.store.events import Clocks

MOST = 8
"""Most curves of one kind that are named: those that moved the most. A phone has fifty temperature zones."""

Curve = tuple[tuple[float, float], ...]
"""(seconds since the agent's hello, value) of each reading."""


@dataclass(frozen=True)
class Readings:
    """One kind of reading: its title with the unit, sensor -> curve, and how many curves were left out."""

    title: str
    curves: Mapping[str, Curve]
    left_out: int = 0


def readings_of(one: Evidence, clocks: Clocks | None) -> tuple[Readings, ...]:
    """Return the readings at the gate, during and after a trial, kind by kind; a kind without any is left out.

    Without the agent's clocks, times count from the first reading.
    """
    every = (*one.gate, *one.during, *one.after)
    if not every:
        return ()
    if clocks is None:
        timed = [(each.boot_s - every[0].boot_s, each) for each in every]
    else:
        timed = [((at_ns - clocks.monotonic_ns) * NS, each) for at_ns, each in aligned(every, clocks)]
    kinds: Sequence[tuple[str, Callable[[Vitals], Mapping[str, float | None]]]] = (
        ("temperature, °C", _celsius),
        ("clock allowed, % of the top", lambda each: {name: 100 * share for name, share in each.caps.items()}),
        ("clock, MHz", lambda each: {name: khz / 1e3 for name, khz in each.clocks_khz.items()}),
        ("CPU, cores", lambda each: {"everything": each.busy_cores, "taken by the machine": each.stolen_cores}),
        ("battery, %", lambda each: {"level": each.battery_level}),
    )
    found = (_readings(title, timed, values) for title, values in kinds)
    return tuple(each for each in found if each.curves)


@dataclass(frozen=True)
class GateLook:
    """What the gate saw at one look, `before_s` the last one, which opened it; None is unknown."""

    before_s: float
    battery: float | None
    skin: float | None
    chip: float | None
    allowed_percent: float | None
    busy_cores: float | None
    level_percent: float | None
    missing: str


def gate_looks(one: Evidence) -> tuple[GateLook, ...]:
    """Return every look at the gate of a trial, in order."""
    return tuple(
        GateLook(
            one.gate[-1].boot_s - each.boot_s,
            battery(each),
            skin(each),
            soc(each),
            100 * min(each.caps.values()) if each.caps else None,
            each.busy_cores,
            each.battery_level,
            "; ".join(f"{name}: {why}" for name, why in each.missing.items()),
        )
        for each in one.gate
    )


def _celsius(each: Vitals) -> Mapping[str, float | None]:
    """Return every temperature, first those that the gate goes by."""
    return {"battery": battery(each), "skin": skin(each), "chip": soc(each), **each.celsius}


def _readings(
    title: str, timed: Sequence[tuple[float, Vitals]], values: Callable[[Vitals], Mapping[str, float | None]]
) -> Readings:
    curves: dict[str, list[tuple[float, float]]] = {}
    for at_s, each in timed:
        for name, value in values(each).items():
            if value is not None:
                curves.setdefault(name, []).append((at_s, value))
    first = [name for name in ("battery", "skin", "chip") if name in curves]
    others = sorted((name for name in curves if name not in first), key=lambda name: -_moved(curves[name]))
    told = [*first, *others][:MOST]
    return Readings(title, {name: tuple(curves[name]) for name in told}, len(curves) - len(told))


def _moved(curve: Sequence[tuple[float, float]]) -> float:
    values = [value for _, value in curve]
    return max(values) - min(values)
