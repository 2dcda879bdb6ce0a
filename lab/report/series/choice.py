"""Which series to show: those that fit what was asked, the ones that matter first. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lab.records import OPEN, Incident, Night, Series


@dataclass(frozen=True)
class Asked:
    """What is asked of series. An empty field asks nothing; every word of `words` stands in a series' name."""

    scenarios: tuple[str, ...] = ()
    cells: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    words: str = ""


def fitting(series: Iterable[Series], asked: Asked) -> list[Series]:
    """Return the series that fit, by name."""
    words = asked.words.lower().split()
    return sorted(
        (each for each in series if _fits(each, asked) and all(word in each.name.lower() for word in words)),
        key=lambda each: each.name,
    )


def mattering(nights: Sequence[Night], incidents: Sequence[Incident]) -> set[Series]:
    """Return the series that had a finding in one of these nights, or are in an incident that is open."""
    found = {finding.series for night in nights for finding in night.findings}
    return found | {member.series for each in incidents if each.status in OPEN for member in each.members}


def short_names(series: Sequence[Series]) -> list[str]:
    """Return a name for each series that tells it from the others; of one alone its device."""
    parts = [(each.scenario, each.cell, each.metric, each.line, each.device) for each in series]
    told = [place for place in range(5) if len({each[place] for each in parts}) > 1] or [4]
    return [" · ".join(each[place] for place in told) for each in parts]


def _fits(series: Series, asked: Asked) -> bool:
    pairs = (
        (series.scenario, asked.scenarios),
        (series.cell, asked.cells),
        (series.metric, asked.metrics),
        (series.line, asked.lines),
        (series.device, asked.devices),
    )
    return all(not wanted or own in wanted for own, wanted in pairs)
