"""The comparison that confirmed a series of an incident: its pairs, their cost, its stages. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from lab.compare.pairing import price_s
from lab.device.vitals.look import battery, skin, soc
from lab.records import Comparison, Finding, Member, Run, Trial, Vitals
from lab.stats.pairs import firsts_by_block
from lab.stats.sample import medians_by_block

SENSORS: Mapping[str, Callable[[Vitals], float | None]] = {"case": skin, "battery": battery, "chip": soc}
"""Places whose temperature at the start counts, the first that has any; the case says what a user feels."""

Place = tuple[str, int]
"""A run's id, and the number of a trial in it."""


@dataclass(frozen=True)
class Pair:
    """A pair of trials: the medians of the good build and of the bad one, in the unit of the metric.

    `bad_first` says which began first. `celsius` are their start temperatures; None where no sensor said.
    """

    number: int
    good: float
    bad: float
    bad_first: bool
    celsius: tuple[float | None, float | None]


@dataclass(frozen=True)
class Moved:
    """A stage that moved: its median seconds with the good build and with the bad one."""

    stage: str
    good_s: float
    bad_s: float


@dataclass(frozen=True)
class Confirmed:
    """A series of an incident with its evidence; `missing` says why there is none, or not all of it.

    `finding` is what the night said that confirmed it. A pair takes `pair_s` without waits (0: unknown). `sensor`
    is the place of the start temperatures (empty: none was read), `cells` the number of the scenario's cells (0:
    unknown).
    """

    member: Member
    finding: Finding | None = None
    comparison: Comparison | None = None
    pairs: tuple[Pair, ...] = ()
    moved: tuple[Moved, ...] = ()
    pair_s: float = 0.0
    sensor: str = ""
    cells: int = 0
    missing: str = ""


def confirmed(
    member: Member,
    finding: Finding | None,
    comparison: Comparison,
    *,
    sides: Sequence[tuple[Run, Sequence[Trial]]],
    starts: Mapping[Place, Vitals],
    cells: int = 0,
) -> Confirmed:
    """Return a series with its evidence; `sides` are the good run and the bad one, with their trials.

    `starts` holds the reading that opened each trial's gate.
    """
    (good, ours), (bad, theirs) = (_own(side, sides[0][0], member.series.cell) for side in sides)
    if good is None or bad is None:
        why = f"comparison {comparison.id} did not measure {member.series.cell}"
        return Confirmed(member, finding, comparison, missing=why)
    metric = member.series.metric
    before, after = medians_by_block(ours, good, metric), medians_by_block(theirs, bad, metric)
    blocks = sorted(before.keys() & after.keys())
    firsts = firsts_by_block(theirs, ours)
    counted = [
        {trial.block: (run.id, trial.number) for trial in own}
        for (run, _), own in zip(sides, (ours, theirs), strict=True)
    ]
    sensor = next((name for name, read in SENSORS.items() if any(read(each) for each in starts.values())), "")

    def celsius(side: int, block: int) -> float | None:
        start = starts.get(counted[side][block])
        return SENSORS[sensor](start) if sensor and start is not None else None

    pairs = tuple(
        Pair(block + 1, before[block], after[block], firsts[block], (celsius(0, block), celsius(1, block)))
        for block in blocks
    )
    return Confirmed(
        member=member,
        finding=finding,
        comparison=comparison,
        pairs=pairs,
        moved=_moved(finding, (ours, good), (theirs, bad), blocks),
        pair_s=price_s(metric, {"baseline": ours, "candidate": theirs}),
        sensor=sensor,
        cells=cells,
        missing="" if pairs else f"comparison {comparison.id} has no pair whose two trials count",
    )


def _own(side: tuple[Run, Sequence[Trial]], good: Run, cell: str) -> tuple[str | None, list[Trial]]:
    """Return the key of a cell on a side, and its trials there; cells of both sides correspond by place."""
    run, trials = side
    place = next((at for at, each in enumerate(good.cells) if each.key == cell), None)
    if place is None or place >= len(run.cells):
        return None, []
    key = run.cells[place].key
    return key, [trial for trial in trials if trial.cell == key]


def _moved(
    finding: Finding | None,
    ours: tuple[Sequence[Trial], str],
    theirs: tuple[Sequence[Trial], str],
    blocks: Sequence[int],
) -> tuple[Moved, ...]:
    """Return the stages that the night found to have moved, in seconds, on the blocks of the pairs."""
    found = []
    for stage in finding.stages if finding else ():
        sides = [medians_by_block(trials, key, stage.metric) for trials, key in (ours, theirs)]
        both = [block for block in blocks if all(block in side for side in sides)]
        if both:
            found.append(Moved(stage.metric, *(median(side[block] for block in both) for side in sides)))
    return tuple(found)
