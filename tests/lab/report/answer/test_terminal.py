"""An answer in a terminal: every figure whole, every name plain text."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from lab.records import Context
from lab.report.answer.saved import known_literature
from lab.report.answer.tables import published_lines
from lab.report.answer.terminal import render_sentences, render_terminal
from lab.report.answer.view import answer
from lab.scenario.known import SCENARIOS
from lab.scenario.load import load
from lab.scenario.workloads import WORKLOADS
from lab.trial.metrics import METRICS
from tests.lab.report.report_runs import (
    HOSTILE,
    example,
    printed,
    run_of,
    trials_of,
)


@pytest.mark.parametrize("width", [80, 100, 120])
def test_a_terminal_of_80_columns_shows_every_figure_whole(width: int) -> None:
    """No line is longer than the terminal, nothing is cut off, no escape codes in a file."""
    text = printed(render_terminal(example()[0]), width)

    assert max(len(line) for line in text.splitlines()) <= width
    assert "…" not in text and "\x1b" not in text
    rows = [line.split() for line in text.splitlines() if re.match(r" [* ~]  [146] ", line)]
    assert [row[:2] for row in rows] == [["1", "400"], ["~", "4"], ["~", "6"]]
    assert "297 to 303" in text and "1 x wrong_output" in text
    assert "published: image encoding 2.06 s (4 patches per batch)" in text and "not compared" in text


def test_a_hostile_name_stays_text_in_a_terminal() -> None:
    """Neither escape codes nor rich markup get through."""
    text = printed(render_terminal(example(HOSTILE + "[bold red]")[0]), 120)

    assert "\x1b" not in text and "[bold red]" in text.replace("\n", "")


def test_the_answers_of_a_suite_stand_together() -> None:
    """Each question with its sentence, and no table between them; another device is named."""
    found, _ = example()
    phone = replace(found, run=replace(found.run, device="lab-3", context=Context({"device_kind": "phone"})))

    lines = printed(render_sentences([found, phone]), 900).splitlines()

    assert lines[1] == "The answers"
    assert lines[2] == found.question and lines[4] == f"{found.question} (lab-3)"
    assert lines[3] == lines[5] == f"  {found.sentence}"


@pytest.mark.parametrize(
    "name",
    sorted({each.scenario for each in known_literature().figures if not each.runtime and each.metric in METRICS}),
)
def test_a_published_figure_takes_one_line(name: str) -> None:
    """In a terminal of 80 columns, for every bundled scenario."""
    scenario = load(SCENARIOS / f"{name}.toml")
    metrics = [METRICS[each] for each in WORKLOADS[scenario.kind].metrics]
    values = {each.name: [[1.0 if each.unit == "s" else 90.0] * 6 for _ in scenario.cells] for each in metrics}
    found = answer(
        run_of(scenario.cells, scenario=name),
        trials_of(scenario.cells, values),
        question="?",
        metric=METRICS[scenario.metric],
        other_metrics=metrics,
        published=known_literature().figures,
    )

    lines = published_lines(found)

    assert len(lines) == 1 + len(found.published) > 1
    assert [line for line in lines if len(line) > 80] == []
