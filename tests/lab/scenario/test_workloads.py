"""Workloads and their metrics."""

from __future__ import annotations

from lab.scenario.workloads import WORKLOADS
from lab.trial.metrics import METRICS


def test_the_metrics_of_workloads_are_those_the_lab_derives() -> None:
    """Two modules name them; neither knows one that the other lacks."""
    assert {name for workload in WORKLOADS.values() for name in workload.metrics} == set(METRICS)
