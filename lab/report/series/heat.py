"""Figures against heat: the temperature at the start of each trial of a run, and its figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.device.vitals.look import battery, read, skin, soc
from lab.errors import StoreError
from lab.records import Run, Series, Trial
from lab.report.series.points import Point, kind_of
from lab.scenario.load import heading_of
from lab.stats.sample import counted, trial_median
from lab.trial.folder import GATE

SENSORS = (("skin", skin), ("chip", soc), ("battery", battery))
"""The sensors in the order in which they are asked: the case is what throttles a phone."""

Groups = Mapping[str, Sequence[tuple[float, float]]]
"""Name of a series and its sensor -> (temperature in °C, figure) of each trial."""


@dataclass(frozen=True)
class Start:
    """A trial that counts: its cell, its figure, and the temperature that its gate read last, in °C."""

    trial: int
    cell: str
    value: float
    sensor: str
    celsius: float


def starts_of(run: Run, trials: Sequence[Trial], folder: Path) -> list[Start]:
    """Return the trials that count and whose gate read a temperature; `folder` holds theirs, by number.

    Raises `ScenarioError` for a run whose scenario this lab cannot read.
    """
    metric, found = heading_of(run).metric, []
    for each in trials:
        if (kept := counted(each, metric)) and (felt := _felt(folder / f"{each.number:04d}" / GATE)):
            found.append(Start(each.number, each.cell, trial_median(kept), *felt))
    return found


def by_kind(points: Mapping[Series, Sequence[Point]]) -> dict[str, list[Series]]:
    """Return the series of each kind of device, which never share a chart."""
    found: dict[str, list[Series]] = {}
    for series, own in points.items():
        found.setdefault(kind_of(own), []).append(series)
    return found


def grouped(runs: Mapping[str, Sequence[Series]], starts: Mapping[str, Sequence[Start]]) -> Groups:
    """Return the (temperature, figure) of trials by series and sensor; `runs` says whose figures a run has."""
    found: dict[str, list[tuple[float, float]]] = {}
    for run, series in runs.items():
        for own in series:
            for each in starts.get(run, ()):
                if each.cell == own.cell:
                    name = f"{own.device} · {own.line} · {own.cell} ({each.sensor})"
                    found.setdefault(name, []).append((each.celsius, each.value))
    return found


def _felt(path: Path) -> tuple[str, float] | None:
    """Return the first sensor that the last reading at a gate has, and its temperature; None without any."""
    try:
        looks = read(path) if path.is_file() else ()
    except StoreError:
        return None
    if not looks:
        return None
    known = ((name, sensor(looks[-1])) for name, sensor in SENSORS)
    return next(((name, celsius) for name, celsius in known if celsius is not None), None)
