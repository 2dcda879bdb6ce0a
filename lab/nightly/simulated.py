"""A comparison measured on a simulated device: drawn trials, judged by the functions that judge a real one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from lab.compare.pairing import CellPair, next_turn, standings, verdicts_of
from lab.records import Cell, Comparison, Trial
from lab.stats.plan import Side

TRIAL_S = 20.0
"""Device-seconds of a simulated trial; a judgement, as of a phone's."""

Draw = Callable[[Cell, Side, int], Mapping[str, tuple[float, ...]]]
"""Draw the trial of a cell, a side and a pair: metric -> a sample for each of its iterations."""


def simulated(
    comparison: Comparison, cells: Sequence[CellPair], draw: Draw, *, trial_s: float = TRIAL_S
) -> tuple[Comparison, dict[Side, list[Trial]]]:
    """Return a comparison as `lab.compare.comparison.measure` would end it, and the trials of both sides.

    Pairs, their order, verdicts and the end are those of `lab.compare.pairing`. Trials begin one after another
    from `started_utc` on and take `trial_s` of the comparison's budget each.
    """
    now = datetime.fromisoformat(comparison.started_utc)
    trials: dict[Side, list[Trial]] = {"baseline": [], "candidate": []}
    found = standings(comparison, cells, trials)
    while (turn := next_turn(comparison, found, stamp(now))) is not None:
        for side in turn.sides:
            cell = cells[turn.index][side == "candidate"]
            number = len(trials[side]) + 1
            samples = draw(cell, side, turn.block)
            trials[side].append(Trial(number, turn.block, cell.key, True, None, "", stamp(now), trial_s, samples))
            now += timedelta(seconds=trial_s)
        found = standings(comparison, cells, trials)
    ended = replace(
        comparison, cells=verdicts_of(comparison, found, goes_on=False), status="finished", ended_utc=stamp(now)
    )
    return ended, trials


def stamp(moment: datetime) -> str:
    """Return a moment as the lab's records write it, in UTC and to the millisecond."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
