"""What `lab run` measures: whose plan holds, and whose line a build is measured for."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.device.local import physical
from lab.errors import ScenarioError
from lab.scenario.load import SCENARIOS
from lab.scenario.suite import scenarios_of

OWN_PLAN = "warmup = 5\niterations = 50\nblocks = 20"


def own(folder: Path) -> str:
    """Write a scenario with a plan of its own and return its path."""
    text = (SCENARIOS / "null.toml").read_text(encoding="utf-8").replace('name = "null"', 'name = "own"')
    head, _, _ = text.partition("[plan]")
    path = folder / "own.toml"
    path.write_text(f"{head}[plan]\n{OWN_PLAN}\n", encoding="utf-8")
    return str(path)


def test_a_scenario_alone_keeps_its_own_plan(tmp_path: Path) -> None:
    """What its file says is what runs; options of the command line still win."""
    found = scenarios_of(own(tmp_path), None, {"blocks": 7})[0].plan

    assert (found.warmup, found.iterations, found.blocks) == (5, 50, 7)


def test_a_named_suite_puts_its_plan_over_the_scenarios(tmp_path: Path) -> None:
    """Quick is 1, 3 and 6."""
    found = scenarios_of(own(tmp_path), "quick", {})[0].plan

    assert (found.warmup, found.iterations, found.blocks) == (1, 3, 6)


def test_neither_scenario_nor_suite_is_refused() -> None:
    """There would be nothing to measure."""
    with pytest.raises(ScenarioError, match="wanted a scenario or a suite"):
        scenarios_of(None, None, {})


@pytest.mark.parametrize(
    ("siblings", "cores"),
    [
        ({0: "0", 1: "1"}, (0, 1)),
        ({0: "0-1", 1: "0-1", 2: "2-3", 3: "2-3"}, (0, 2)),
        ({0: "0,4", 1: "1,5", 4: "0,4", 5: "1,5"}, (0, 1)),
        ({4: "0,4", 5: "1,5"}, (4, 5)),
        ({0: "unknown", 1: "unknown"}, (0, 1)),
    ],
)
def test_one_cpu_is_kept_for_each_physical_core(siblings: dict[int, str], cores: tuple[int, ...]) -> None:
    """Two execution units on the two threads of one core would measure each other."""
    assert physical(siblings) == cores
