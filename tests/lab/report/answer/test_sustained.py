"""The answer of a sustained scenario in words, bars and a page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page

from lab.records import Answer, Sustained, Trial
from lab.report.answer.curves import curves_of
from lab.report.answer.markdown import render_markdown
from lab.report.answer.page import render_html
from lab.report.answer.terminal import render_terminal
from lab.report.answer.view import answer
from lab.scenario import load as scenario
from lab.scenario.known import SCENARIOS
from lab.stats.sustained import sustained
from tests.lab.report.report_runs import (
    DECODE,
    batches,
    printed,
    run_of,
    trials_of,
)

CELLS = batches(4)


def hot_phone(celsius: bool = True) -> Sustained:
    """Return twenty minutes: 24 tokens/s for six of them, then 18, while the skin warms."""
    points = [(t * 2.0, 24.0 if t * 2 < 360 else 18.0) for t in range(601)]
    heat = [(float(t), 31.0 + 10 * min(1.0, t / 600)) for t in range(1201)] if celsius else []
    return sustained(points, trial=1, cell=CELLS[0].key, unit="tokens/s", celsius=heat)


def lasting(*curves: Sustained) -> tuple[Answer, list[Trial]]:
    """Answer a sustained run by these curves."""
    trials = [replace(t, state="unsteady") for t in trials_of(CELLS, {DECODE.name: [[20.0]]})]
    return answer(run_of(CELLS, scenario="sustained"), trials, question="?", metric=DECODE, curves=curves), trials


def test_a_curve_is_the_answer_and_no_interval_is() -> None:
    """The lasting rate, its share of the peak, and when a tenth was lost, at which temperature."""
    found, _ = lasting(hot_phone())

    assert found.sentence == (
        "18.0 tokens/s sustained, 75 % of the peak of 24.0 tokens/s at 0 min; 25 % lost (95 % interval of the "
        "loss 25 to 25 %), the first 10 % after 6 min (skin at 37.5 °C)."
    )
    text = printed(render_terminal(found))
    assert "valid" not in text and max(map(len, text.splitlines())) <= 80
    assert "██████▁▁▁▁▁▁▁▁▁▁▁▁▁▁" in text and "skin 31.5 to 41.0 °C" in text
    assert not any("never settled" in warning for warning in found.warnings)


@pytest.mark.parametrize(
    ("last", "words"),
    [
        (10.0, "no loss seen (95 % interval of the loss 0 to 0 %)."),
        (8.0, "no loss seen (95 % interval of the loss"),
    ],
)
def test_a_slow_last_minute_is_neither_a_loss_nor_none(last: float, words: str) -> None:
    """Ten minutes at 10 tokens/s, the last at another rate: nobody knows whether a loss there lasts."""
    points = [(t * 2.0, 10.0 if t * 2 < 540 else last) for t in range(301)]
    found, _ = lasting(sustained(points, trial=1, cell=CELLS[0].key, unit="tokens/s"))

    assert words in found.sentence


def test_a_short_curve_says_what_is_missing() -> None:
    """Three minutes have no peak; the warning says how long it takes."""
    found, _ = lasting(
        sustained([(t * 2.0, 24.0) for t in range(95)], trial=1, cell=CELLS[0].key, unit="tokens/s")
    )

    assert found.sentence == ("n/a: it lasted 3.13 min, which is 3 windows of 60 s; peak and lasting rate take 4.")
    assert found.warnings[0].startswith("Whole windows measured: 3 min. A phone may take 20 min")


def test_no_valid_trial_is_no_curve(tmp_path: Path) -> None:
    """Trials whose raw lines are gone have no curve either."""
    found, trials = lasting()

    assert found.sentence == "No answer: no valid trial has a curve over time."
    assert curves_of(trials, tmp_path, DECODE) == ()


def test_the_curve_stands_on_the_page_and_in_markdown(browser_page: Page, tmp_path: Path) -> None:
    """Each minute has a dot for the rate and one for the skin, inside the picture; intervals have no table."""
    found, trials = lasting(hot_phone())
    page = tmp_path / "page.html"
    page.write_text(render_html([(found, trials)]))
    browser_page.goto(page.as_uri())

    dots = browser_page.locator(".large svg .strip .dot")
    assert dots.count() == 40
    picture = browser_page.locator(".large svg").first.bounding_box()
    assert picture is not None
    for index in (0, 19, 20, 39):
        box = dots.nth(index).bounding_box()
        assert box is not None
        assert picture["x"] <= box["x"] <= picture["x"] + picture["width"]
        assert picture["y"] <= box["y"] <= picture["y"] + picture["height"]
    first, later = dots.nth(0).bounding_box(), dots.nth(10).bounding_box()
    assert first is not None and later is not None and first["y"] < later["y"], "a lower rate lies lower"
    assert browser_page.locator("th", has_text="95 % interval").count() == 0
    assert "| 6 | 18.0 tokens/s | 37.5 °C |" in render_markdown(found)


def test_the_bundled_scenario_lasts_and_keeps_what_throttles() -> None:
    """Twenty minutes, gated once; a burst scenario does neither."""
    found = scenario.load(SCENARIOS / "sustained.toml")

    assert (found.plan.duration_s, found.gates.start, found.gates.throttling) == (1200, "first trial", "keep")
