"""Pairs of trials: their ratios, which side came first, and their cost."""

from __future__ import annotations

from collections.abc import Iterable

from lab.records import Trial
from lab.stats.compare import paired
from lab.stats.sample import Medians


def ratios_by_block(candidate: Medians, baseline: Medians) -> dict[int, float]:
    """Return block -> candidate / baseline for every block that has both."""
    return dict(zip(sorted(candidate.keys() & baseline.keys()), paired(candidate, baseline), strict=True))


def firsts_by_block(candidate: Iterable[Trial], baseline: Iterable[Trial]) -> dict[int, bool]:
    """Return block -> whether the candidate's trial began first, for every block that has both.

    Of a block measured twice on a side (after an interruption) the last trial counts, as in `medians_by_block`.
    """
    theirs, ours = ({trial.block: trial.started_utc for trial in side} for side in (candidate, baseline))
    return {block: theirs[block] < ours[block] for block in theirs.keys() & ours.keys()}


def cost_s(trials: Iterable[Trial]) -> float:
    """Return the device-seconds that trials took, including invalid ones and waiting at the gate."""
    return sum(trial.wall_s + waited_s(trial) for trial in trials)


def waited_s(trial: Trial) -> float:
    """Return how long a trial waited at its gate; 0 where nobody waited."""
    return trial.notes.get("gate_waited_s", 0.0)
