"""The pair that comes next, the pairs that count, and the cells that get no more of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from device_agents.contract import InvalidReason
from lab.compare.comparison import measure, open_comparison, runs_of
from lab.compare.pairing import left_of, next_look_s, standings, verdicts_of
from lab.records import UNPLACED, Cell, Lost, Trial
from lab.run.bench import Progress
from lab.stats.plan import Side
from tests.lab.compare.compare_lab import TOML, Lab
from tests.saved_runs import comparison_of


def test_each_cell_is_a_comparison_of_its_own_and_settled_ones_are_left_alone(make: Callable[..., Lab]) -> None:
    """Cells take turns; the one whose verdict stands gets no further pair."""
    lab = make(toml=TOML.replace("[3]", "[3, 1]"))
    lab.noise = 0.04

    found = lab.compare()

    trials = lab.store.trials(found.baseline_run)
    pairs = {cell.cell: sum(trial.cell == cell.cell for trial in trials) for cell in found.cells}
    assert pairs == {cell.cell: cell.pairs for cell in found.cells}
    least = min(pairs.values())
    assert all(len({t.cell for t in trials[2 * i : 2 * i + 2]}) == 2 for i in range(least)), "they take turns"
    assert all(cell.verdict != "cannot tell" or cell.pairs == 24 for cell in found.cells)


def test_an_invalid_trial_costs_its_pair_which_is_retried(make: Callable[..., Lab]) -> None:
    """Agents 0 and 2 settle; the fourth trial dies: its block stays without a partner, no block is used twice."""
    lab = make(script=lambda number: "dies" if number == 5 else "none")

    found = lab.compare()

    sides = [lab.store.trials(each) for each in (found.baseline_run, found.candidate_run)]
    assert found.cells[0].pairs == 6
    assert sum(not trial.valid for side in sides for trial in side) == 1
    assert max(trial.block for side in sides for trial in side) == 6
    assert all(len({trial.block for trial in side}) == len(side) for side in sides)
    assert any("agent_died" in words for words in lab.told(found).invalid)


def test_a_candidate_that_answers_wrongly_is_given_up_after_three_trials(make: Callable[..., Lab]) -> None:
    """Trying again would not make it right; the verdict says what is wrong with it."""
    lab = make()
    lab.phone.lies_about = lab.candidate_id

    found = lab.compare()

    (cell,) = found.cells
    assert (cell.verdict, cell.pairs) == ("cannot tell", 0)
    assert "none of 3 trials of the candidate counts; the last: wrong_output" in cell.why


@pytest.mark.parametrize(("budget_s", "pairs"), [(1.0, 1), (4.0, 2)])
def test_a_budget_that_cannot_reach_the_first_look_is_spent_all_the_same(
    make: Callable[..., Lab], budget_s: float, pairs: int
) -> None:
    """A pair takes 1.5 s: 4 s pay for two. Fewer than six have no interval, and the sentence says so."""
    lab = make()

    found = lab.compare(budget_s=budget_s)

    (cell,) = found.cells
    assert (cell.verdict, cell.pairs) == ("cannot tell", pairs)
    assert cell.change is not None
    assert cell.change.low is None
    assert "s are left, and a pair takes 1.5 s without waiting" in cell.why
    assert f"no interval from {pairs} valid pair" in lab.told(found).cells[0].sentence


def test_the_waits_of_the_first_pair_are_not_the_price_of_the_next(make: Callable[..., Lab]) -> None:
    """Of 400 s the first pair took 86, 84 of them at the gate; the 314 s left pay for a verdict."""
    comparison = replace(comparison_of(1), cells=(), differs={}, budget_s=400.0)
    cell = Cell("a", {}, "a")
    waited = [
        replace(trial, wall_s=1.0, notes={"gate_waited_s": 42.0}) for trial in (*baselines(1), *candidates(0))
    ]

    (found,) = standings(comparison, [(cell, cell)], {"baseline": waited[:1], "candidate": waited[1:2]})

    assert found.pair_s == 2.0
    assert found.plan.order is not None
    assert left_of(comparison, {"baseline": waited[:1], "candidate": waited[1:2]}) == 314.0


def test_what_no_verdict_can_use_goes_to_the_cells_left_out() -> None:
    """Three cells at 19 s a pair and 60 s: the first look of none can be paid for, and three pairs are."""
    comparison = replace(comparison_of(1), cells=(), differs={}, budget_s=60.0)
    cells = [(each, each) for each in (Cell(name, {}, name) for name in "abc")]

    fresh = standings(comparison, cells, {"baseline": (), "candidate": ()})
    one = standings(comparison, cells, {"baseline": baselines(1), "candidate": candidates(0)[:1]})
    spent = standings(comparison, cells, {"baseline": baselines(3), "candidate": candidates(0)[:3]})

    assert all(each.plan.order for each in fresh)
    assert all(each.plan.order for each in one)
    assert [each.plan.order for each in spent] == [None] * 3
    assert spent[0].plan.why.startswith("the budget is spent: 3 s of 60 s are left, and a pair takes 19 s")
    assert next_look_s(comparison, one, 41.0) is None, "out of reach"
    assert next_look_s(comparison, one, 1e3) == pytest.approx(4 * 3 * 19 + 19), "the sixth pair of the first cell"
    assert next_look_s(comparison, spent, 1e3) is None, "no pair follows"


@pytest.mark.parametrize("side", ["baseline", "candidate"])
def test_an_unknown_unit_is_not_compared_with_a_known_one(make: Callable[..., Lab], side: Side) -> None:
    """Nobody saw what a tool ran on: its speed may be another processor's. No more pairs are measured."""
    lab = make()
    found = lab.compare()
    runs = runs_of(lab.store, found)
    cells = list(zip(runs["baseline"].cells, runs["candidate"].cells, strict=True))
    trials = {name: tuple(lab.store.trials(run.id)) for name, run in runs.items()}
    unseen = tuple(replace(trial, flags=(*trial.flags, UNPLACED)) for trial in trials[side])

    (apart,) = standings(found, cells, {**trials, side: unseen})
    (alike,) = standings(found, cells, dict.fromkeys(trials, unseen))

    (verdict,) = verdicts_of(found, [apart])
    assert (verdict.verdict, verdict.change, apart.plan.order) == ("incomparable", None, None)
    assert verdict.why == "what executed it is known of one side alone (`unplaced`)"
    assert verdicts_of(found, [alike])[0].verdict != "incomparable"
    (told,) = lab.told(replace(found, cells=(verdict,))).cells
    assert told.sentence == "Incomparable. What executed it is known of one side alone (`unplaced`)."


@pytest.mark.parametrize(("budget_s", "pairs"), [(20.0, [0, 6, 6]), (28.0, [6, 6, 6])])
def test_a_budget_that_is_short_brings_some_cells_to_their_first_look_instead_of_none(
    make: Callable[..., Lab], budget_s: float, pairs: list[int]
) -> None:
    """Three noisy cells, 1.5 s a pair: 27 s pay for three first looks, 20 s for two, not for a pair of each."""
    lab = make(toml=TOML.replace("[3]", "[1, 2, 3]"))
    lab.noise = 0.3

    found = lab.compare(budget_s=budget_s)

    assert sorted(min(cell.pairs, 6) for cell in found.cells) == pairs


def test_of_many_cells_each_is_measured_until_the_gate_can_fail_on_it(make: Callable[..., Lab]) -> None:
    """All six are 6 % slower: each goes on beyond its own first verdict until all six can be reported at once."""
    lab = make(toml=TOML.replace("[3]", "[1, 2, 3, 4, 5, 6]"))
    lab.noise, lab.slower = 0.02, 1.06

    found = lab.compare()
    told = lab.told(found)

    assert [cell.verdict for cell in found.cells] == ["regressed"] * 6
    assert len(told.fails) == 6
    assert max(cell.p for cell in found.cells) <= 0.05 / 6
    assert told.headline == "6 cells: 6 regressed; 6 of them make the gate fail (Holm)"


def test_a_pair_interrupted_long_ago_is_started_again(make: Callable[..., Lab]) -> None:
    """Its first side is from another night: a second side now would have nothing in common with it."""
    lab = make()
    first, second = lab.sides()
    comparison, _, _ = open_comparison(baseline=first, candidate=second, dimension="build", seed=5)
    lab.accepted()

    def interrupt(progress: Progress) -> None:
        if sum(len(lab.store.trials(run.id)) for run in runs_of(lab.store, comparison).values()) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(measure(comparison, first, second, watch=interrupt))
    lab.phone.clock.seconds += 8 * 3600

    list(measure(lab.store.comparison(comparison.id), first, second))

    (cell,) = lab.store.comparison(comparison.id).cells
    trials = [t for run in runs_of(lab.store, comparison).values() for t in lab.store.trials(run.id)]
    assert cell.pairs == 6
    assert [t.block for t in trials].count(1) == 1
    assert sorted(t.block for t in trials if t.block != 1) == sorted([0, 2, 3, 4, 5, 6] * 2)


def candidates(lost: int) -> list[Trial]:
    """Return 8 trials that count after `lost` that were throttled, a minute each; every other began first."""
    return [
        Trial(
            n,
            n,
            "a",
            n >= lost,
            None if n >= lost else InvalidReason.THROTTLED,
            "",
            f"2026-01-01T00:{n:02d}:{(1 - n % 2) * 20:02d}.000Z",
            9.5,
            {"encode_s": (1.0,)} if n >= lost else {},
        )
        for n in range(8 + lost)
    ]


def baselines(pairs: int) -> list[Trial]:
    """Return as many trials that count, ten seconds into each minute."""
    return [
        Trial(n, n, "a", True, None, "", f"2026-01-01T00:{n:02d}:10.000Z", 9.5, {"encode_s": (1.0,)})
        for n in range(pairs)
    ]


@pytest.mark.parametrize(("lost", "verdict"), [(0, "same"), (2, "same"), (12, "cannot tell")])
def test_a_side_that_lost_more_trials_than_chance_explains_is_not_called_the_same(lost: int, verdict: str) -> None:
    """Equal where they count; of 20 trials of the candidate twelve were throttled, of the baseline's none."""
    comparison = replace(comparison_of(1), cells=(), differs={})
    cell = Cell("a", {}, "a")

    found = standings(comparison, [(cell, cell)], {"baseline": baselines(8 + lost), "candidate": candidates(lost)})
    (said,) = verdicts_of(comparison, found)

    assert said.verdict == verdict
    assert said.smallest_found == 0.03
    assert (said.missing is None) == (verdict == "same")
    if said.missing is not None:
        assert (said.missing.baseline, said.missing.candidate) == (Lost(20, {}), Lost(20, {"throttled": 12}))
        assert said.missing.p < 0.001
        assert said.why == "of the trials that count: same; the verdict stands after 8 pairs"
