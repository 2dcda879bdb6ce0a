"""Pilots: a few iterations before a cell's first trial tell how many fill a trial of a given duration."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from device_agents.contract import InvalidReason
from lab.errors import DeviceLost, DeviceRebooted
from lab.records import Trial
from lab.run.attempt import Attempts
from lab.run.recovery import tidy
from lab.trial.agent import carry_out
from lab.trial.job import Place
from lab.trial.judge import reading_of
from lab.trial.limits import limits_of
from lab.trial.metrics import iterations_of

PILOT_ITERATIONS = 3
"""Iterations of a pilot; a judgement: the longest of them sets the number."""


@dataclass(frozen=True)
class Piloted:
    """How many `iterations` a trial has (None: as many as the plan says), or the trial whose pilot `failed`."""

    iterations: int | None = None
    failed: Trial | None = None


class Pilots:
    """The pilots of one run, one for each cell."""

    def __init__(self, attempts: Attempts) -> None:
        self._attempts = attempts
        self._known: dict[str, Piloted] = {}

    def before(self, place: Place, boot: str) -> Piloted:
        """Return how many iterations the trial at `place` has, running the cell's pilot if need be.

        Raises `DeviceRebooted` or `DeviceLost` when the device goes away meanwhile.
        """
        if self._attempts.scenario.plan.duration_s is None or place.purpose == "memory":
            return Piloted()
        found = self._known.get(place.cell.key) or self._piloted(place, boot)
        if found.failed is None:
            self._known[place.cell.key] = found
        return found

    def _piloted(self, place: Place, boot: str) -> Piloted:
        attempt = self._attempts.begin(place, boot=boot, iterations=PILOT_ITERATIONS, pilot=True)
        bench, plan = self._attempts.bench, self._attempts.scenario.plan
        outcome = carry_out(attempt.errand)
        if outcome.lost:
            raise (DeviceRebooted if outcome.rebooted else DeviceLost)(outcome.lost)
        limits = limits_of(attempt.job, self._attempts.inputs)
        done = iterations_of(reading_of(outcome, attempt.errand.folder, bench.build, limits).events)
        longest_s = max((iteration.duration_ns for iteration in done), default=0) / 1e9
        if outcome.returncode == 0 and longest_s > 0:
            fill = math.ceil((plan.duration_s or 0.0) / longest_s)
            found = Piloted(max(plan.iterations, fill))
        else:
            found = Piloted(failed=_without_pilot(attempt.judged(outcome)))
        tidy(bench.device, attempt.job.trial)
        return found


def _without_pilot(trial: Trial) -> Trial:
    """Return a trial that was not begun, because its pilot failed: nobody knows how long it would have taken."""
    why = trial.detail or "it ended well and reported no iteration"
    detail = f"its pilot of {PILOT_ITERATIONS} iterations, which says how many fill plan.duration_s, failed: {why}"
    reason = trial.reason or InvalidReason.NO_WORK
    return replace(trial, valid=False, reason=reason, detail=detail, samples={}, placement={}, flags=())
