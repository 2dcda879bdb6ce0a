"""A run's Context holds what was measured and in which state, but not how long the lab waited for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from lab.run.runner import open_run
from tests.fake_lab import ScriptedLab


def test_how_cool_a_device_must_be_is_part_of_what_was_measured(make: Callable[..., ScriptedLab]) -> None:
    """How long the lab waits for that state is not."""
    lab = make()
    facts = lab.begin().context
    cooler = replace(lab.scenario, gates=lab.scenario.gates.model_copy(update={"battery_celsius_most": 30.0}))
    longer = replace(lab.scenario, gates=lab.scenario.gates.model_copy(update={"wait_s": 5.0, "poll_s": 1.0}))

    begun = [open_run(one, lab.bench, seed=7, suite="", line="fake") for one in (cooler, longer)]

    assert [set(facts.differs_from(run.context)) for run in begun] == [{"gates"}, set()]
