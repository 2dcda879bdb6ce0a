"""Workloads and their metrics."""

from __future__ import annotations

from lab.scenario.known import SCENARIOS
from lab.scenario.load import load
from lab.scenario.workloads import WORKLOADS
from lab.trial.metrics import METRICS


def test_the_metrics_of_workloads_are_those_the_lab_derives() -> None:
    """Two modules name them; neither knows one that the other lacks."""
    assert {name for workload in WORKLOADS.values() for name in workload.metrics} == set(METRICS)


def test_a_parameter_that_is_new_leaves_older_cells_as_they_were() -> None:
    """A cell that does not choose it lacks it, or its history would end; one that does has it, the default too."""
    (throughput,) = load(SCENARIOS / "throughput.toml").cells
    late = next(c for c in load(SCENARIOS / "decoupled.toml").cells if c.label == "decoupled, 0 s")

    new = {"instruction_delay_s", "prefill_early", "release_vision"}
    assert not new & throughput.parameters.keys()
    assert {name: late.parameters[name] for name in sorted(new)} == {
        "instruction_delay_s": 0.0,
        "prefill_early": False,
        "release_vision": True,
    }
