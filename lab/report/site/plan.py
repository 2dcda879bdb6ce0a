"""What a site shows: the records that have a page, and the map of what a night covered. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from lab.records import OPEN, Incident, Night, Value
from lab.report.night.covered import Covered
from lab.report.wording import number_of


@dataclass(frozen=True)
class Wanted:
    """A run or a comparison that some page names."""

    kind: Literal["run", "comparison"]
    id: str


@dataclass(frozen=True)
class Chosen:
    """The runs and the comparisons that have a page, as they were wanted, and how many were left out."""

    runs: tuple[str, ...]
    comparisons: tuple[str, ...]
    runs_left: int
    comparisons_left: int

    @property
    def sentence(self) -> str:
        """What was left out, in words; empty for nothing."""
        if not self.runs_left and not self.comparisons_left:
            return ""
        counts = ((self.runs_left, "run"), (self.comparisons_left, "comparison"))
        left = [number_of(number, what) for number, what in counts if number]
        return (
            f"Named by these pages and left out: {' and '.join(left)}. This site holds the "
            f"{number_of(len(self.runs), 'run')} that matter most, its limit; `lab publish --out FOLDER --runs N` "
            "sets another."
        )


def chosen(wanted: Iterable[Wanted], sides: Callable[[str], Sequence[str] | None], most: int) -> Chosen:
    """Return the first `most` runs that are wanted; a comparison is shown with both of its sides, or not at all.

    `sides` returns the runs of a comparison, None for one that cannot be shown; it is asked only while there is
    room. `wanted` may name a record more than once.
    """
    runs: dict[str, None] = {}
    comparisons: dict[str, None] = {}
    left: dict[Wanted, None] = {}
    for each in dict.fromkeys(wanted):
        room = most - len(runs)
        own = (each.id,) if each.kind == "run" else sides(each.id) if room > 0 else ()
        if own is None:
            continue
        if not own or len({*own} - runs.keys()) > room:
            left[each] = None
            continue
        runs.update(dict.fromkeys(own))
        if each.kind == "comparison":
            comparisons[each.id] = None
    runs_left = sum(each.kind == "run" and each.id not in runs for each in left)
    return Chosen(tuple(runs), tuple(comparisons), runs_left, sum(each.kind == "comparison" for each in left))


def of_night(night: Night, values: Sequence[Value]) -> Iterator[Wanted]:
    """Yield what the page of a night names: the evidence of its findings, then what it measured."""
    for finding in night.findings:
        if finding.comparison:
            yield Wanted("comparison", finding.comparison)
    for run in dict.fromkeys([*(each.run for each in night.findings), *(each.run for each in values)]):
        if run:
            yield Wanted("run", run)


def of_incidents(incidents: Sequence[Incident]) -> Iterator[Wanted]:
    """Yield the comparisons that confirmed incidents or saw them end, those of open incidents first."""
    for incident in sorted(incidents, key=lambda each: each.status not in OPEN):
        for member in incident.members:
            yield from (Wanted("comparison", each) for each in (member.comparison, member.back) if each)


@dataclass(frozen=True)
class Map:
    """What a night covered: a column for each device, a row for each scenario with a line of builds."""

    devices: tuple[str, ...]
    rows: tuple[tuple[str, str, tuple[Covered | None, ...]], ...]


def map_of(found: Sequence[Covered]) -> Map:
    """Return the map, in the order of the night's plan; a place that was not planned is None."""
    devices = tuple(dict.fromkeys(each.device for each in found))
    at = {(each.scenario, each.line, each.device): each for each in found}
    rows = dict.fromkeys((each.scenario, each.line) for each in found)
    return Map(devices, tuple((*row, tuple(at.get((*row, device)) for device in devices)) for row in rows))
