"""Many comparisons judged on arrays, against the judgement of one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.stats.compare import judge
from lab.stats.interval import Looks
from lab.stats.many import drawn_orders, judge_many

SHORT = Looks(most=10, first=6)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.sampled_from([0.0, 0.04, 0.1]), st.floats(0.003, 0.08), st.booleans())
def test_many_are_judged_as_one_is(seed: int, shift: float, cv: float, known: bool) -> None:
    """The arrays give the verdicts of `judge` after every pair."""
    logs = np.random.default_rng(seed).normal(shift, cv, (10, SHORT.most))
    firsts = np.random.default_rng(seed).random(logs.shape) < 0.5
    judged = judge_many(logs, SHORT, firsts if known else None)

    for row, turns, word, taken in zip(logs, firsts, judged.verdicts, judged.pairs, strict=True):
        for n in range(1, SHORT.most + 1):
            order = dict(enumerate(turns.tolist())) if known else None
            one = judge(
                dict(enumerate(np.exp(row[:n]))), dict.fromkeys(range(n), 1.0), "lower", SHORT, firsts=order
            )
            if one.settled or n == SHORT.most:
                break
        assert (one.verdict, n) == (word, taken)


def test_fewer_pairs_than_looks_are_refused() -> None:
    """Every comparison needs as many pairs as there are looks."""
    with pytest.raises(ValueError, match="10 pairs each"):
        judge_many(np.zeros((5, 9)), SHORT, None)


def test_orders_are_drawn_as_a_comparison_draws_them() -> None:
    """Twelve of 24 pairs begin with the candidate."""
    drawn = drawn_orders(np.random.default_rng(1), 50, 24)

    assert drawn.shape == (50, 24)
    assert (drawn.sum(axis=1) == 12).all()
    assert len({tuple(row) for row in drawn.tolist()}) == 50


@pytest.mark.parametrize("spread", [0.03, 0.06, 0.10])
def test_unchanged_builds_are_seldom_called_changed_at_any_spread(spread: float) -> None:
    """At most 1 % of 20,000 with a second place 6 % slower, plus four standard deviations of the drawing."""
    generator = np.random.default_rng(7)
    firsts = drawn_orders(generator, 20_000, 24)
    logs = generator.normal(0, spread * np.sqrt(2), (20_000, 24)) + np.where(firsts, -1, 1) * np.log(1.06)

    changed = np.isin(judge_many(logs, Looks(), firsts).verdicts, ["regressed", "improved"]).mean()

    assert changed <= 0.01 + 4 * np.sqrt(0.01 * 0.99 / 20_000)


def test_a_slow_down_of_five_per_cent_is_found_in_ninety_five_of_a_hundred() -> None:
    """At a spread of 3 % a side, with a second place 6 % slower; less four deviations of 20,000 comparisons."""
    generator = np.random.default_rng(7)
    firsts = drawn_orders(generator, 20_000, 24)
    logs = generator.normal(np.log(1.05), 0.03 * np.sqrt(2), (20_000, 24)) + np.where(firsts, -1, 1) * np.log(1.06)

    assert (judge_many(logs, Looks(), firsts).verdicts == "regressed").mean() >= 0.95 - 4 * np.sqrt(
        0.95 * 0.05 / 2e4
    )
