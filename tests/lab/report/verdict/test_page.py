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


def test_a_page_without_a_pair_has_no_empty_card_and_no_words_about_figures() -> None:
    """The cause stands once, with what to do; of two cells without a trial nothing is drawn."""
    cells = batches(4, 8)
    verdicts = tuple(CellVerdict(cell.key, "cannot tell", None, None, 1.0, 0, "no pair") for cell in cells)
    failure = "host may not judge builds: found 1 of 81.\nStop what else runs on it."
    comparison = replace(CUT, metric="encode_s", status="failed", cells=verdicts, failure=failure)
    run = run_of(cells)
    text = render_verdict_page(view(comparison, (run, []), (run, [])), [], [])

    assert text.count("No verdict: host may not judge builds: found 1 of 81.") == 1
    assert '<p class="answer none">Stop what else runs on it.</p>' in text
    assert "interval" not in text.split("<main>")[1] and "interleaved" not in text and "Every dot" not in text
    assert text.split("<main>")[1].count("<section") == 2, "the verdict, and both contexts"
