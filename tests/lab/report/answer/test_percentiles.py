"""Percentiles are printed where there are enough samples; times between tokens stay within an iteration."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from device_agents.contract import Event, Iteration, Span, Stage, Tokens
from lab.report.answer.percentiles import percentiles, texts, token_times
from lab.report.answer.view import answer
from tests.lab.report.report_runs import ENCODE, batches, run_of, trials_of

CELLS = batches(4)


def test_percentiles_are_printed_where_there_are_enough(tmp_path: Path) -> None:
    """Twelve iterations a trial carry a median and nothing beyond it."""
    trials = [
        replace(trial, samples={"encode_s": tuple(0.3 + 0.001 * i for i in range(12))})
        for trial in trials_of(CELLS, {"encode_s": [[0.3] * 4]})
    ]
    found = answer(run_of(CELLS), trials, question="?", metric=ENCODE)
    rows = percentiles(found, trials, tmp_path)

    assert [row.what for row in rows] == ["image encoding"]
    assert texts(rows[0])[1:] == ("not estimable",) * 3
    assert texts(rows[0])[0].startswith("306 ms") or texts(rows[0])[0].startswith("305")


def token(index: int, at_ms: int, iteration: int = 0) -> Span:
    """Make a token that became visible then."""
    return Span(
        stage=Stage.DETOKENISE,
        iteration=iteration,
        index=index,
        start_ns=at_ms * 1_000_000,
        duration_ns=0,
        role="cpu",
        unit="cpu0",
        thread=1,
        cpu_ns=0,
        count=Tokens(true=1, padded=1),
    )


def test_times_between_tokens_do_not_cross_iterations() -> None:
    """Two iterations of three tokens are two intervals each; no token, no times."""
    events: list[Event] = [
        *(token(i, at) for i, at in enumerate((10, 20, 35))),
        Iteration(iteration=0, phase="measure", start_ns=0, duration_ns=40_000_000),
        *(token(i, at, 1) for i, at in enumerate((110, 130, 131))),
        Iteration(iteration=1, phase="measure", start_ns=100_000_000, duration_ns=40_000_000),
    ]

    assert token_times(events) == pytest.approx((0.010, 0.015, 0.020, 0.001))
    assert token_times(events, first_steady=1) == pytest.approx((0.020, 0.001))
    assert token_times([]) == ()
