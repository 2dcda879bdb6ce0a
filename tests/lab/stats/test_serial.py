"""Neighbouring pairs that are more alike than chance explains."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from lab.stats.plan import order_of
from lab.stats.serial import p_serial

TURNS = [order_of(2, n)[0] == "candidate" for n in range(24)]


def test_p_is_the_share_of_orders_with_neighbours_as_alike() -> None:
    """Of all 5,040 orders of seven pairs, counted; the drawn ones come within 3 %."""
    logs = np.array([0.05, 0.04, 0.02, 0.01, -0.03, -0.04, -0.05])
    seen = float((logs[1:] * logs[:-1]).sum())
    orders = np.array(list(itertools.permutations(logs)))
    exact = float(np.mean((orders[:, 1:] * orders[:, :-1]).sum(axis=1) >= seen - 1e-12))

    assert exact < 0.01
    assert p_serial(np.exp(logs).tolist(), None) == pytest.approx(exact, abs=0.005)


def test_sides_that_keep_a_mode_are_seen_and_independent_pairs_are_not() -> None:
    """Blocks of six pairs 6 % apart; of 300 independent ones about 5 % have a p of .05 or less."""
    generator = np.random.default_rng(3)
    kept = np.repeat([0.0, 0.06, 0.0, 0.06], 6) + generator.normal(0, 0.02, 24)
    free = [p_serial(np.exp(row).tolist(), TURNS) for row in generator.normal(0, 0.04, (300, 24))]

    assert p_serial(np.exp(kept).tolist(), TURNS) < 0.01
    assert np.mean(np.array(free) <= 0.05) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 300)


def test_the_effect_of_the_order_is_no_likeness() -> None:
    """Orders that happen to come in runs, and a second place 6 % slower: the effect is taken out first."""
    turns = [True] * 6 + [False] * 6
    noise = np.random.default_rng(5).normal(0, 0.01, 12)
    placed = noise + np.where(turns, -0.06, 0.06)

    assert p_serial(np.exp(placed).tolist(), turns) == p_serial(np.exp(noise).tolist(), turns)
    assert p_serial(np.exp(placed).tolist(), None) < 0.01


def test_few_or_constant_pairs_say_nothing() -> None:
    """Their p is 1."""
    assert p_serial([], None) == p_serial([1.1], None) == p_serial([1.1] * 8, None) == 1.0
