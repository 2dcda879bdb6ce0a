"""Plans: a closed loop must be able to end and to have an interval."""

from __future__ import annotations

import pytest

from lab.errors import ScenarioError
from lab.scenario.plan import Plan, check_closed_loop


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (Plan(blocks=4, target=0.02), "'target', 'most' and 'budget_s' belong together"),
        (Plan(blocks=4, most=9), "'target', 'most' and 'budget_s' belong together"),
        (Plan(blocks=4, most=3), "'most' is 3, fewer than 'blocks', 4"),
        (Plan(blocks=4, most=5, target=0.02, budget_s=9.0), "wanted 'most' of at least 6"),
        (Plan(blocks=2, most=9, target=0.02, budget_s=9.0), "wanted at least 4 blocks"),
    ],
)
def test_a_closed_loop_without_an_end_or_an_interval_is_refused(plan: Plan, words: str) -> None:
    """A target without a limit, a limit below the start, and too few trials for an interval."""
    with pytest.raises(ScenarioError, match=rf"^x\.toml: \[plan\] .*{words}"):
        check_closed_loop(plan, at="x.toml")


@pytest.mark.parametrize(
    "plan",
    [
        Plan(blocks=2),
        Plan(blocks=4, most=6, target=0.02, budget_s=9.0),
        Plan(blocks=2, most=2, target=0.02, budget_s=9.0),
    ],
)
def test_a_fixed_number_of_trials_and_a_loop_that_can_end_are_accepted(plan: Plan) -> None:
    """A plan whose `most` equals `blocks` has no loop, whatever its target."""
    check_closed_loop(plan, at="x.toml")
