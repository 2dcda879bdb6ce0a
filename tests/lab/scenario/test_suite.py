"""A suite names scenarios beside it and a plan for them, or is refused with a reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.errors import ScenarioError
from lab.scenario.known import SCENARIOS
from lab.scenario.suite import load_suite, scenarios_of
from tests.lab.scenario.scenario_files import HEADER, SWEEP, WORK, write


def test_a_suite_names_scenarios_and_overrides_only_what_it_says(tmp_path: Path) -> None:
    """Keys that it leaves out keep each scenario's own value."""
    write(tmp_path, HEADER + WORK + SWEEP)
    path = write(tmp_path, '[suite]\nname = "s"\nscenarios = ["x"]\n[plan]\nblocks = 9\n', "s")
    suite = load_suite(path)

    assert (suite.name, suite.scenarios, suite.plan) == ("s", ("x",), {"blocks": 9})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[suite]\nname = "s"\nscenarios = []\n', "'suite.scenarios': List should have at least 1 item"),
        ('[suite]\nname = "s"\nscenarios = ["x", "x"]\n', "names 'x' twice"),
        ('[suite]\nname = "s"\nscenarios = ["xx"]\n', "no xx.toml beside it; did you mean 'x'?"),
        ('[suite]\nname = "t"\nscenarios = ["x"]\n', "'name' is 't', but the file is called 's'"),
        ('[suite]\nname = "s"\nscenarios = ["x"]\n[plan]\nblocks = 0\n', "[plan] 'blocks': wanted greater"),
        (
            '[suite]\nname = "s"\nscenarios = ["x"]\n[plan]\nblock = 1\n',
            "[plan] unknown key 'block'; did you mean 'blocks'?",
        ),
        ('[suite]\nname = "s"\nscenarios = ["x"]\nscenario = 1\n', "[suite] unknown key 'scenario'"),
    ],
)
def test_a_suite_that_makes_no_sense_is_refused_with_a_reason(tmp_path: Path, text: str, words: str) -> None:
    """A suite is refused before anything is measured."""
    write(tmp_path, HEADER + WORK + SWEEP)
    path = write(tmp_path, text, "s")

    with pytest.raises(ScenarioError) as caught:
        load_suite(path)
    assert str(caught.value).startswith(str(path))
    assert words in str(caught.value)


def test_quick_is_three_questions_with_six_trials_a_cell() -> None:
    """One warm-up and three iterations each."""
    suite = load_suite(SCENARIOS / "quick.toml")

    assert suite.scenarios == ("vit_batch", "prefill_tokens", "throughput")
    assert suite.plan == {"warmup": 1, "iterations": 3, "blocks": 6, "most": 6}


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
