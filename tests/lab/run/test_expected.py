"""What a run would take, by an earlier run of the same work."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lab.builds.folder import open_build
from lab.device.fake.build import write_fake_build
from lab.errors import ScenarioError
from lab.records import Context
from lab.report.expected import expected_lines
from lab.run.expected import expected, refuse_impossible
from lab.scenario.load import read
from lab.scenario.plan import Scenario
from lab.store import Store
from tests.fake_lab import batch_scenario
from tests.lab_process import null_scenario
from tests.saved_answers import saved_run


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store with a run of eight trials, one a second, of which each has 2 iterations and no warm-up."""
    opened = Store(tmp_path)
    run = saved_run(opened)
    facts = Context({**run.context.facts, "warmup": "0", "iterations": "2"})
    opened.update_run(replace(run, context=facts, cells=null().cells))
    yield opened
    opened.close()


def null(blocks: int = 12, iterations: int = 2) -> Scenario:
    """Return the scenario of that run, with a plan of another length."""
    text = null_scenario("null", blocks=blocks, iterations=iterations)
    return read(text, "null", at="a test")


def test_the_time_is_that_of_an_earlier_runs_trials(store: Store) -> None:
    """From one trial's start to the next one's, times the trials of the plan."""
    found = expected(store, null(), "host", "tiny")

    assert (found.trials, found.trial_s, found.same_build) == (12, 1.0, True)
    assert (
        "expected time: about 12 s, waits at gates included: a trial every 1 s in run 018f0000-0000."
        in (expected_lines(found)[-1])
    )
    assert ", of another build (tiny)" in expected_lines(expected(store, null(), "host", "other"))[-1]


@pytest.mark.parametrize(("device", "iterations"), [("virtual-1", 2), ("host", 3)])
def test_other_work_or_another_device_tells_nothing(store: Store, device: str, iterations: int) -> None:
    """Then the time is unknown, and the message says why."""
    found = expected(store, null(iterations=iterations), device, "tiny")

    assert found.by is None
    assert "expected time: unknown: no finished run of these cells" in expected_lines(found)[-1]


def test_a_closed_loop_says_what_it_may_add(store: Store) -> None:
    """Trials and device time at which it gives up."""
    plan = null().plan.model_copy(update={"target": 0.03, "most": 20, "budget_s": 600.0})
    found = expected(store, replace(null(), plan=plan), "host", "tiny")

    assert (found.trials, found.most) == (12, 20)
    assert "up to 20 trials in all, or until 10 min of device time are spent" in expected_lines(found)[-2]
    assert "about 12 s to 20 s" in expected_lines(found)[-1]


def test_cells_that_the_build_cannot_do_are_refused_before_a_run(tmp_path: Path) -> None:
    """In the words of the run: the build has no graph for so many patches."""
    write_fake_build(tmp_path / "build")
    build = open_build(tmp_path / "build")

    refuse_impossible(read(batch_scenario("[1, 3]", blocks=2), "probe", at="a test"), build)
    with pytest.raises(ScenarioError, match=r"cell patches_per_batch=100: the build fake-fp32 runs vit"):
        refuse_impossible(read(batch_scenario("[1, 100]", blocks=2), "probe", at="a test"), build)
