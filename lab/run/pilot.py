"""A pilot: a few iterations that say how many fill a trial of a given duration."""

from __future__ import annotations

from dataclasses import replace

from device_agents.contract import InvalidReason
from lab.records import Trial

PILOT_ITERATIONS = 3
"""How many iterations say how long one takes, where a trial is to go on for a given time."""


def without_pilot(trial: Trial) -> Trial:
    """Return a trial whose pilot failed: it is not begun, as nobody knows how long it would have taken."""
    why = trial.detail or "it ended well and told of no iteration"
    detail = f"its pilot of {PILOT_ITERATIONS} iterations, which says how many fill plan.duration_s, failed: {why}"
    reason = trial.reason or InvalidReason.NO_WORK
    return replace(trial, valid=False, reason=reason, detail=detail, samples={}, placement={}, flags=())
