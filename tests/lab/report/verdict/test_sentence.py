"""The sentence about a cell of a comparison: whoever reads nothing else has the answer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.records import Cell, CellVerdict, Context, Interval
from lab.report.verdict.markdown import render_verdict_markdown
from lab.report.verdict.sentence import claim, manner_of, sizes
from lab.report.verdict.tables import figures_table
from lab.report.verdict.view import View, view
from lab.trial.metrics import METRICS
from tests.lab.report.report_runs import run_of, trials_of
from tests.saved_checks import CUT

CELLS = tuple(Cell(f"context_tokens={n}", {"context_tokens": n}) for n in (128, 512))
NOISE = (0.99, 1.0, 1.01, 1.0, 1.0, 1.0)


def boss(busy: bool = True) -> View:
    """Compare two builds on a machine: 267 against 478 tokens/s at 128 tokens of context, the same at 512."""
    metric = "decode_tokens_per_s"
    found = (
        CellVerdict(CELLS[0].key, "regressed", Interval(0.56, 0.48, 0.8, 0.95, 6), None, 1e-4, 6, "six pairs"),
        CellVerdict(CELLS[1].key, "same", Interval(1.0, 0.98, 1.03, 0.95, 6), None, 1.0, 6, "six pairs"),
    )
    sides = []
    for line, build, rates in (("nano-paper", "a3", (478, 400)), ("nano-w8a8", "b7", (267, 400))):
        run = replace(run_of(CELLS, line=line), build=build * 32, context=Context({"device_kind": "host"}))
        trials = trials_of(CELLS, {metric: [[rate * noise for noise in NOISE] for rate in rates]})
        flags = ("busy",) if busy else ()
        sides.append((run, [replace(each, flags=flags, notes={"gate_waited_s": 1.0}) for each in trials]))
    return view(replace(CUT, metric=metric, status="finished", cells=found), sides[0], sides[1])


def test_a_verdict_names_the_builds_and_gives_both_figures_the_change_and_the_load() -> None:
    """The boss's question in one sentence, and the same figures in the table below it."""
    found = boss()

    assert found.question == "Is nano-w8a8 better or worse than nano-paper for decode?"
    assert found.cells[0].sentence == (
        "Regressed: nano-w8a8 decodes 44 % slower than nano-paper at 128 tokens of context (267 against 478 "
        "tokens/s; 20 to 52 % slower), on a busy machine: 12 of 12 trials. Six pairs."
    )
    (advice,) = [words for words in found.facts if "--all-pairs" in words]
    assert advice.startswith(
        "A comparison that stops at a change shows it larger than it is. For a figure to quote: "
    )
    assert "`lab compare a3a3a3a3a3a3 b7b7b7b7b7b7 --scenario decode --device " in advice
    assert found.cells[1].sentence == (
        "Same within 5 %: nano-w8a8 decodes as fast as nano-paper at 512 tokens of context (400 against 400 "
        "tokens/s; 2.0 % slower to 3.0 % faster), on a busy machine: 12 of 12 trials. Six pairs."
    )
    assert figures_table(found).rows[0].texts == (
        "128 tokens of context",
        "478 tokens/s\n473 to 483",
        "267 tokens/s\n264 to 270",
        "-44 %\n-52 to -20 %",
        "6",
        "regressed",
    )
    assert "busy" not in boss(busy=False).cells[0].sentence


def test_markdown_says_the_same() -> None:
    """Question, sentences, table and what belongs to it; nothing that Markdown would misread."""
    text = render_verdict_markdown(boss())

    assert text.startswith("### Is nano-w8a8 better or worse than nano-paper for decode?\n")
    assert "| 128 tokens of context | 478 tokens/s<br>473 to 483 | 267 tokens/s<br>264 to 270 |" in text
    assert "The machine was busy: 24 of 24 counted trials" in text
    assert "Accuracy unknown" in text


@pytest.mark.parametrize(
    ("metric", "change", "words"),
    [
        ("prefill_s", (1.052, 1.031, 1.074), "b needs 5.2 % more time for prefill than a, 3.1 to 7.4 % more"),
        ("prefill_s", (0.9, 0.85, 0.95), "b needs 10 % less time for prefill than a, 5 to 15 % less"),
        ("prefill_s", (2.5, 2.1, 3.0), "b needs 2.5 times the time of a for prefill, 2.1 to 3 times"),
        ("decode_s", (1e5, 1e4, 1e6), "b needs over 1000 times the time of a for decode, over 1000 times"),
        (
            "first_token_s",
            (1.0, 0.9996, 1.0004),
            "b needs as much time to its first token as a, 0.04 % less to 0.04 % more",
        ),
        ("decode_tokens_per_s", (0.1, 0.05, 0.2), "b decodes 90 % slower than a, 80 to 95 % slower"),
        ("decode_tokens_per_s", (12.4, 9.0, 14.0), "b decodes 12 times as fast as a, 9 to 14 times"),
        ("patches_per_s", (1.0999, 1.05, 1.1), "b encodes images 10 % faster than a, 5 to 10 % faster"),
        ("decode_s", (0.98, 0.9, 1.07), "b needs 2 % less time for decode than a, 10 % less to 7 % more"),
        ("decode_s", (1.059, 0.76, 1.48), "b needs 6 % more time for decode than a, 24 % less to 48 % more"),
        ("prefill_s", (1.104, 1.003, 1.21), "b needs 10.4 % more time for prefill than a, 0.3 to 21.0 % more"),
        ("overlap_possible_s", (1.07, 1.05, 1.1), "b has 7 % more overlap possible than a, 5 to 10 % more"),
    ],
)
def test_a_change_is_said_as_people_say_it(metric: str, change: tuple[float, float, float], words: str) -> None:
    """More time is not faster, a rate is; large changes are multiples; all of a sentence has one last digit."""
    known = METRICS[metric]
    size, interval = sizes(Interval(*change, 0.95, 8), manner_of(known))

    assert f"{claim(('a', 'b'), known, change[0], size, past=False)}, {interval}" == words


def test_medians_that_noise_turned_round_are_said_to_be() -> None:
    """Pair by pair 2 % faster, and yet the lower median: no reader must take that for a mistake."""
    found = boss(busy=False)
    noisy = replace(found.cells[0].found, verdict="cannot tell", change=Interval(1.02, 0.48, 2.17, 0.95, 6))
    sides = [(found.baseline, 478.0), (found.candidate, 267.0)]
    runs = [(run, trials_of(CELLS, {"decode_tokens_per_s": [[rate] * 6] * 2})) for run, rate in sides]

    told = view(replace(found.comparison, cells=(noisy,)), runs[0], runs[1]).cells[0].sentence

    assert (
        "decoded 2 % faster than nano-paper at 128 tokens of context (267 against 478 tokens/s, the medians"
        in told
    )
    assert "the medians the other way round; 52 % slower to 117 % faster)" in told
