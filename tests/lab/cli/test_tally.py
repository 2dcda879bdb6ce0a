"""How far a command's runs are, and how long they may take."""

from __future__ import annotations

from dataclasses import replace

from lab.cli.tally import Share, Tally, share_of
from lab.scenario.plan import Plan


def test_nothing_is_foretold_before_the_first_trial() -> None:
    """Nobody knows yet how long one takes."""
    assert Tally([Share(36, 36)]).left() == ""


def test_the_time_left_holds_the_waits_and_the_runs_still_to_come() -> None:
    """Ten trials in 50 s, waits included, of 36 and 30: 56 are left."""
    tally = Tally([Share(36, 36, done=10, measured=10, spent_s=50.0), Share(30, 30)])

    assert (tally.done, tally.total) == (10, 66)
    assert tally.left() == "about 5 min left"


def test_each_run_has_its_own_pace() -> None:
    """The first run's trials took 1 s, the second's take 10 s."""
    first = Share(10, 10, done=10, measured=10, spent_s=10.0, over=True)
    second = Share(4, 4, done=2, measured=2, spent_s=20.0)

    assert Tally([first, second]).left() == "about 20 s left"


def test_a_closed_loop_may_add_trials_within_its_budget() -> None:
    """90 - 36 trials of 2 s would add 108 s; the budget of 100 s leaves 28 s after the planned 72 s."""
    begun = Share(36, 90, done=6, measured=6, spent_s=12.0)

    assert Tally([begun]).left() == "about 60 s left, at most 3 min"
    assert Tally([replace(begun, budget_s=100.0)]).left() == "about 60 s left, at most 88 s"
    assert Tally([Share(36, 90, 100.0, done=40, measured=40, spent_s=80.0)]).left() == "at most 20 s left"


def test_lost_trials_leave_no_time_below_zero() -> None:
    """A closed loop is bounded by trials that count: 32 of 80 do not, so 12 of 60 may follow, of 5 s each."""
    loop = Share(20, 60, 500.0, done=80, lost=32, measured=80, spent_s=400.0, begun=True)

    assert Tally([loop]).left() == "at most 60 s left"
    assert Tally([replace(loop, spent_s=480.0)]).left() == "at most 20 s left"
    assert Tally([replace(loop, spent_s=900.0)]).left() == ""
    assert loop.place() == "80 trials, more where intervals are wide"
    fixed = Share(20, 20, done=20, lost=9, measured=20, spent_s=9.0, begun=True)
    assert (fixed.place(), Tally([fixed]).place()) == ("20 of 20 trials", "")
    assert (Tally([fixed, fixed]).place(), Tally([fixed, loop]).place()) == ("40 of 40 in all", "100 in all")


def test_what_was_measured_before_a_resume_tells_no_pace() -> None:
    """Thirty of 36 trials were there; the 31st took 4 s."""
    assert Tally([Share(36, 36, done=31, measured=1, spent_s=4.0)]).left() == "about 20 s left"


def test_a_finished_run_leaves_nothing_and_its_additions_count() -> None:
    """A closed loop that stopped after 40 of 36 planned and 90 possible trials."""
    tally = Tally([Share(36, 90, done=40, measured=40, spent_s=80.0, over=True)])

    assert (tally.done, tally.total, tally.left()) == (40, 40, "")


def test_a_share_is_the_plans() -> None:
    """Six cells, six blocks, a memory pass, fifteen trials at most; a fixed number of trials adds none."""
    loop = Plan(blocks=6, most=15, target=0.03, budget_s=600.0)

    assert share_of(6, loop, memory=True) == Share(42, 96, 600.0)
    assert share_of(6, Plan(blocks=6, most=6), memory=False) == Share(36, 36)
