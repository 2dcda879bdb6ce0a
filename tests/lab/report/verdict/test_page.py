"""A comparison as a page: both sides of a cell in one chart."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from lab.records import CellVerdict, Interval, Verdict
from lab.report.verdict.page import render_verdict_page
from lab.report.verdict.view import view
from tests.lab.report.report_runs import HOSTILE, batches, invalid, run_of, trials_of
from tests.saved_checks import CUT

CELLS = batches(4)


def page_of(verdict: Verdict, line: str = "nano-paper", p: float = 1.0) -> str:
    """Return the page of two runs of two blocks; the baseline has an invalid trial too."""
    found = CellVerdict(CELLS[0].key, verdict, Interval(1.1, None, None, 0.95, 2), None, p, 2, "")
    comparison = replace(CUT, metric="encode_s", status="finished", cells=(found,))
    ours, theirs = (trials_of(CELLS, {"encode_s": [times]}) for times in ([0.4, 0.5], [0.44, 0.6]))
    ours.append(invalid(3, 3, CELLS[0].key, encode_s=(0.1,)))
    run = run_of(CELLS, line=line)
    return render_verdict_page(view(comparison, (run, ours), (run, theirs)), ours, theirs)


@pytest.mark.parametrize(
    ("verdict", "standings"),
    [
        ("improved", ["behind", "best"]),
        ("faster", ["behind", "best"]),
        ("regressed", ["best", "behind"]),
        ("slower", ["best", "behind"]),
        ("same", ["tied", "tied"]),
        ("cannot tell", ["tied", "tied"]),
    ],
)
def test_the_better_side_is_the_best_row_and_without_a_change_there_is_none(
    verdict: Verdict, standings: list[str]
) -> None:
    """The baseline is the first row, the candidate the second."""
    text = page_of(verdict)

    assert re.findall(r'<g class="row ([a-z-]+)">', text) == 2 * standings  # for two sizes of screen
    assert text.index("nano-paper (A), the baseline") < text.index("nano-paper (B), the candidate")


@pytest.mark.parametrize(
    ("verdict", "tone"), [("regressed", "worse"), ("slower", "worse"), ("improved", ""), ("cannot tell", "none")]
)
def test_a_regression_is_not_green(verdict: Verdict, tone: str) -> None:
    """Each sentence has the colour of its verdict."""
    assert f'<p class="answer {tone}">' in page_of(verdict, p=0.001)


def test_every_trial_of_both_sides_has_a_dot() -> None:
    """Two valid ones a side and a hollow one, beside the two of the legend."""
    text = page_of("same")

    assert text.count('<circle class="counts"') == 2 * 4 + 1
    assert text.count('<circle class="invalid"') == 2 * 1 + 1


def test_hostile_names_are_text_on_the_page() -> None:
    """A build may have any name."""
    text = page_of("same", HOSTILE)

    assert "<script" not in text and "\x1b" not in text
    assert "&lt;script&gt;" in text
