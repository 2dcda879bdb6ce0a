"""A suite on one device: a scenario that comes to nothing stops no other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from lab.cli.run import _one_by_one
from lab.device.fake.phone import Fault
from lab.run.begin import Beginner
from lab.run.bench import Bench
from lab.scenario.plan import Scenario
from tests.fake_lab import ScriptedLab, make  # noqa: F401 - a fixture


def _spoilt(first: int, last: int, fault: Fault) -> Callable[[int], Fault]:
    return lambda number: fault if first <= number <= last else "none"


def _bench(lab: ScriptedLab) -> Bench:
    """Return the lab's bench without a push."""
    return replace(lab.bench, device=replace(lab.bench.device, scratch=None))


def _named(scenario: Scenario, *names: str) -> list[Scenario]:
    return [replace(scenario, name=name) for name in names]


@pytest.mark.parametrize("fault", ["wrong_output", "no_end"])
def test_a_scenario_without_a_valid_trial_stops_no_other(
    make: Callable[..., ScriptedLab],  # noqa: F811 - the fixture
    capsys: pytest.CaptureFixture[str],
    fault: Fault,
) -> None:
    """The others are measured; the end says what is not answered, and why. Agent 0 settles, 1 to 4 measure."""
    lab = make(_spoilt(1, 2, fault))
    answers, failed = _one_by_one(_bench(lab), _named(lab.scenario, "first", "second"), Beginner("quick", "fake"))

    said = " ".join(capsys.readouterr().err.split())
    assert failed
    assert [found.run.scenario for found, _ in answers] == ["first", "second"]
    assert answers[0][0].sentence == "No answer: no trial of first counts (image encoding)."
    assert f"lab: first: run {lab.store.runs()[-1].id} of first on fake stops: no trial of its first block" in said
    assert said.endswith("Not answered: first (1 of 2 questions)")


def test_a_scenario_that_the_build_cannot_do_stops_no_other(
    make: Callable[..., ScriptedLab],  # noqa: F811 - the fixture
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It is refused before it begins, by name; alone it would end the command."""
    lab = make()
    (impossible,) = _named(lab.scenario, "impossible")
    cells = tuple(replace(cell, parameters={**cell.parameters, "input": "none"}) for cell in impossible.cells)
    impossible = replace(impossible, cells=cells)
    answers, failed = _one_by_one(
        _bench(lab), [impossible, *_named(lab.scenario, "next")], Beginner("quick", "fake")
    )

    said = " ".join(capsys.readouterr().err.split())
    assert (failed, [found.run.scenario for found, _ in answers]) == (True, ["next"])
    assert "lab: impossible: cell patches_per_batch=1: the build has no input 'none'" in said
    assert "Not answered: impossible (1 of 2 questions)" in said
