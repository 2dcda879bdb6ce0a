"""A comparison on a simulated device: its end, its verdicts and its trials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from lab.compare.pairing import CellPair, standings, verdicts_of
from lab.nightly.simulated import Draw, simulated
from lab.records import Cell, Comparison
from lab.stats.plan import Side
from tests.saved_runs import comparison_of

CELLS: list[CellPair] = [(Cell("a", {}), Cell("a", {})), (Cell("b", {}), Cell("b", {}))]
TREMBLE = (1.001, 0.999, 1.0005)


def opened(budget_s: float = 10_000.0) -> Comparison:
    """Return a comparison of builds before its first pair."""
    return replace(comparison_of(1), cells=(), differs={}, budget_s=budget_s, seed=1, metric="encode_s")


def slower(by: Mapping[str, float]) -> Draw:
    """Return a device on which the candidate is slower by a factor for each cell, and which trembles by 0.1 %."""

    def draw(cell: Cell, side: Side, block: int) -> Mapping[str, tuple[float, ...]]:
        return {"encode_s": (TREMBLE[block % 3] * (by[cell.key] if side == "candidate" else 1.0),)}

    return draw


@pytest.mark.parametrize(("factor", "verdict"), [(1.1, "regressed"), (1 / 1.1, "improved"), (1.0, "same")])
def test_a_change_that_no_noise_hides_is_judged_at_the_first_look(factor: float, verdict: str) -> None:
    """The first look is at six pairs; the ratio of each is the factor exactly."""
    ended, trials = simulated(opened(), CELLS[:1], slower({"a": factor}))

    (cell,) = ended.cells
    assert (cell.verdict, cell.pairs) == (verdict, 6)
    assert cell.change is not None
    assert cell.change.estimate == pytest.approx(factor)
    assert [len(trials[side]) for side in ("baseline", "candidate")] == [6, 6]


def test_each_cell_gets_its_own_verdict() -> None:
    """One cell of two is slower; the other one is the same."""
    ended, _ = simulated(opened(), CELLS, slower({"a": 1.1, "b": 1.0}))

    assert [cell.verdict for cell in ended.cells] == ["regressed", "same"]


def test_the_pairs_of_a_night_go_on_until_a_change_holds_among_ten() -> None:
    """Alone a change is settled as soon as its interval excludes 1; a night's at p <= .05 / 10."""
    generator = np.random.default_rng(4)

    def draw(cell: Cell, side: Side, block: int) -> Mapping[str, tuple[float, ...]]:
        return {"encode_s": (float(np.exp(generator.normal(0.05 * (side == "candidate"), 0.03))),)}

    alone = [simulated(opened(), CELLS[:1], draw)[0].cells[0] for _ in range(20)]
    tonight = [simulated(replace(opened(), night="n"), CELLS[:1], draw)[0].cells[0] for _ in range(20)]

    assert max(cell.p for cell in alone if cell.verdict == "regressed") > 0.005
    assert all(cell.p <= 0.005 or cell.pairs == 24 for cell in tonight if cell.verdict == "regressed")


def test_a_comparison_ends_when_its_device_time_is_spent() -> None:
    """Four pairs of trials of 20 s fit into 170 s; four pairs have no verdict."""
    ended, trials = simulated(opened(170.0), CELLS[:1], slower({"a": 1.1}))

    assert (ended.status, ended.cells[0].verdict, ended.cells[0].pairs) == ("finished", "cannot tell", 4)
    assert ended.cells[0].why.startswith("the budget is spent")
    assert ended.ended_utc == "2026-01-01T00:02:40.000Z"
    assert sum(map(len, trials.values())) == 8


def test_its_trials_are_judged_alike_when_they_are_read_back() -> None:
    """Whatever judges a stored comparison comes to the same verdicts from its trials."""
    ended, trials = simulated(opened(), CELLS, slower({"a": 1.1, "b": 1.0}))

    assert verdicts_of(ended, standings(ended, CELLS, trials), goes_on=False) == ended.cells
