"""Waits against delays: the arithmetic of the paper's own figures, in words and as positions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.records import Answer, Cell, Metric, Parameter, Trial
from lab.report.answer.delay_chart import delay_charts
from lab.report.answer.delays import delays_of
from lab.report.answer.page import render_html
from lab.report.answer.view import answer
from tests.lab.report.report_runs import FIRST_TOKEN, NOISE, cell, run_of, trials_of

ENCODE_S, PREFILL_S, REST_S = 2.06, 2.7, 0.5
"""Table 5 of BlueLM-V-3B (arXiv 2411.10640), and an assumed part of the prefill that needs the instruction."""

PARTS = [Metric(name, name, "s", "lower") for name in ("encode_s", "prefill_s", "prefill_rest_s")]


def delayed(delay_s: float, **more: Parameter) -> Cell:
    """Return a decoupled cell."""
    return cell(f"{delay_s} {more}", coupled=False, instruction_delay_s=delay_s, **more)


CELLS = (
    cell("coupled", coupled=True),
    delayed(0.0),
    delayed(2.0),
    delayed(5.0),
    delayed(2.0, prefill_early=True),
    delayed(5.0, prefill_early=True),
)
WAITS = (4.76, 4.76, 2.76, 2.7, 2.76, 0.5)
"""max(0, 2.06 - delay) + 2.7; early: max(0, 2.06 + 2.2 - delay) + 0.5."""


def trials(waits: tuple[float, ...] = WAITS) -> list[Trial]:
    """Return six trials of each cell that take what the arithmetic says, give or take a per cent."""
    rows = {FIRST_TOKEN.name: [[wait * n for n in NOISE] for wait in waits]}
    found = trials_of(CELLS, rows)
    parts = {"encode_s": (ENCODE_S,), "prefill_s": (PREFILL_S,)}
    late = {trial.cell for trial in found if "prefill_early" not in trial.cell}
    return [
        replace(t, samples={**t.samples, **parts, **({} if t.cell in late else {"prefill_rest_s": (REST_S,)})})
        for t in found
    ]


def answered(waits: tuple[float, ...] = WAITS) -> Answer:
    """Answer a run of these waits."""
    return answer(
        run_of(CELLS, scenario="decoupled"), trials(waits), question="?", metric=FIRST_TOKEN, other_metrics=PARTS
    )


def test_the_sentence_says_what_decoupling_saves_while_a_user_types() -> None:
    """4.76 s coupled, 2.86 s for an instruction of 2 s: 1.90 s or 40 % less; early is no faster there."""
    assert answered((4.76, 4.76, 2.86, 2.7, 2.86, 0.5)).sentence == (
        "Decoupling saves 1.90 s of 4.76 s for an instruction that takes 2 s to type (40 %, 95 % interval 40 to "
        "40 %): the first token comes after 2.86 s. Prefilling what precedes the instruction while the user types "
        "(ours, not the paper's) cannot be told from waiting for it: 2.86 s. The first token takes up to 100 ms "
        "longer than the arithmetic, max(0, encoding - delay) + prefill of this run's own medians. First token: "
        "from image and instruction given to its text, the model loaded."
    )


def test_an_early_prefill_that_is_faster_says_what_is_left() -> None:
    """0.9 s instead of 2.76 s."""
    assert "(ours, not the paper's) leaves 900 ms of that." in answered((*WAITS[:4], 0.9, 0.5)).sentence


@pytest.mark.parametrize(
    ("late_s", "words"),
    [
        (5.0, "Decoupling costs 240 ms beside 4.76 s for an instruction that takes 2 s to type"),
        (
            4.76,
            "Cannot tell whether decoupling saves anything for an instruction that takes 2 s to type: the first ",
        ),
    ],
)
def test_a_run_in_which_decoupling_saves_nothing_says_so(late_s: float, words: str) -> None:
    """Slower, or tied."""
    assert words in answered((4.76, 4.76, late_s, 2.7, 2.76, 0.5)).sentence


def test_the_arithmetic_is_that_of_the_papers_parts() -> None:
    """Of the cells' delays, and of any between them."""
    found = delays_of(answered().summaries, FIRST_TOKEN, answered().other_metrics)

    assert found is not None
    points = [(p.delay_s, p.arithmetic_s) for p in (*found.late, *found.early)]
    assert [delay_s for delay_s, _ in points] == [0.0, 2.0, 5.0, 2.0, 5.0]
    assert [sum_s for _, sum_s in points] == pytest.approx([4.76, 2.76, 2.7, 2.76, 0.5])
    assert found.arithmetic_s("late", 1.0) == pytest.approx(3.76)


def test_a_run_without_delays_has_no_curve() -> None:
    """It asks something else."""
    both = (cell("a", coupled=True), cell("b", coupled=False))
    found = answer(
        run_of(both), trials_of(both, {FIRST_TOKEN.name: [[1.0] * 6, [0.5] * 6]}), question="?", metric=FIRST_TOKEN
    )

    assert delay_charts(found) == []


def test_the_curve_falls_from_the_coupled_line_to_the_prefill() -> None:
    """A cell without a delay lies in the coupled band; shorter waits lie lower, over their delays."""
    chart, small = delay_charts(answered())
    late, early = chart.series

    assert chart.band[0] <= late.dots[0].y <= chart.band[2]
    assert late.dots[0].y < late.dots[1].y < late.dots[2].y < early.dots[1].y < chart.bottom
    assert [dot.x for dot in late.dots] == sorted(dot.x for dot in late.dots)
    assert late.dots[1].x == early.dots[0].x
    assert all(dot.high <= dot.y <= dot.low for dot in late.dots)
    assert late.dots[1].title == (
        "instruction after 2 s: 2.76 s (95 % interval 2.73 to 2.79 s); by arithmetic 2.76 s"
    )
    assert small.width < chart.width


def test_the_page_draws_the_curve_beside_the_cells() -> None:
    """With a line for the arithmetic, and a legend that says whose idea each curve is."""
    html = render_html([(answered(), trials())])

    assert html.count('class="sum"') == 5  # two curves, in two sizes, and the legend
    assert "decoupled and prefilled early: ours, not the paper&#39;s" in html
