"""Runs of one scenario share a table, each with the source of its figures; nothing is concluded."""

from __future__ import annotations

from dataclasses import replace

from rich.console import Console

from lab.records import Answer, Context
from lab.report.answer.beside import render_beside, source_of, together
from lab.report.answer.view import answer
from tests.lab.report.report_runs import ENCODE, NOISE, batches, run_of, trials_of

CELLS = batches(1, 4)


def answered(line: str, seconds: float, *, scenario: str = "vit_batch", **facts: str) -> Answer:
    """Answer a run of two cells, the second twice as fast."""
    run = run_of(CELLS, line=line, scenario=scenario)
    run = replace(run, context=Context({"device_kind": "host", **facts}))
    medians = [[seconds * noise for noise in NOISE], [seconds / 2 * noise for noise in NOISE]]
    return answer(run, trials_of(CELLS, {"encode_s": medians}), question="Which?", metric=ENCODE)


def test_each_run_has_a_row_with_the_source_of_its_figures() -> None:
    """Our own build was measured, the foreign one parsed; the columns are the scenario's cells."""
    ours, theirs = answered("nano-paper", 1.0), answered("bench-llama", 2.0, source="parsed")
    console = Console(width=120)
    with console.capture() as capture:
        console.print(render_beside([ours, theirs]))
    text = capture.get()

    assert [source_of(ours), source_of(theirs)] == ["measured", "parsed"]
    rows = [line.split() for line in text.splitlines() if "host" in line]
    assert [row[:5] for row in rows] == [
        ["nano-paper", "a3a3a3a3", "host", "(host)", "measured"],
        ["bench-llama", "a3a3a3a3", "host", "(host)", "parsed"],
    ]
    assert [row[5:] for row in rows] == [["1.00", "s", "500", "ms"], ["2.00", "s", "1.00", "s"]]
    assert "Shown, not compared" in text


def test_only_runs_of_one_scenario_are_put_together() -> None:
    """A single run, or another question, gets no table."""
    one, two = answered("a", 1.0), answered("b", 1.0)
    other = answered("c", 1.0, scenario="other")

    assert together([one, other]) == []
    assert together([one, other, two]) == [[one, two]]


def test_an_emulated_phones_times_are_left_out() -> None:
    """Even from a table that compares nothing."""
    here, there = answered("a", 1.0), answered("a", 90.0, device_kind="emulated")

    assert together([here, there]) == []
    assert together([here, there, here]) == [[here, here]]
