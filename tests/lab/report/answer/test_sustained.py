"""The answer of a sustained scenario in words, bars and a page, and how trials' states show in answers."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright
from rich.console import Console

from lab.records import Answer, Inject, Sustained, Trial
from lab.report.answer.curves import curves_of
from lab.report.answer.markdown import render_markdown
from lab.report.answer.page import render_html
from lab.report.answer.terminal import render_terminal
from lab.report.answer.view import answer
from lab.report.evidence import Doing, Evidence
from lab.report.explain.page import render_explanation_page
from lab.report.explain.view import explain
from lab.scenario import load as scenario
from lab.stats.sustained import sustained
from tests.lab.report.report_runs import DECODE, ENCODE, NOISE, batches, run_of, trials_of

CELLS = batches(4)


@pytest.fixture(scope="module")
def browser_page() -> Iterator[Page]:
    """Open a page of a real browser."""
    with sync_playwright() as playwright:
        path = next((p for p in ("/usr/bin/chromium", "/usr/bin/chromium-browser") if Path(p).exists()), None)
        try:
            browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        except Exception as error:  # noqa: BLE001 - whatever keeps a browser from starting
            pytest.skip(f"no browser starts here: {str(error).splitlines()[0]}")
        yield browser.new_page(viewport={"width": 1100, "height": 900})
        browser.close()


def hot_phone(celsius: bool = True) -> Sustained:
    """Return twenty minutes: 24 tokens/s for six of them, then 18, while the skin warms."""
    points = [(t * 2.0, 24.0 if t * 2 < 360 else 18.0) for t in range(601)]
    heat = [(float(t), 31.0 + 10 * min(1.0, t / 600)) for t in range(1201)] if celsius else []
    return sustained(points, trial=1, cell=CELLS[0].key, unit="tokens/s", celsius=heat)


def lasting(*curves: Sustained) -> tuple[Answer, list[Trial]]:
    """Answer a sustained run by these curves."""
    trials = [replace(t, state="unsteady") for t in trials_of(CELLS, {DECODE.name: [[20.0]]})]
    return answer(run_of(CELLS, scenario="sustained"), trials, question="?", metric=DECODE, curves=curves), trials


def printed(found: Answer) -> str:
    """Print as into a file of 80 columns."""
    out = io.StringIO()
    Console(file=out, width=80).print(render_terminal(found))
    return out.getvalue()


def test_a_curve_is_the_answer_and_no_interval_is() -> None:
    """The lasting rate, its share of the peak, and when a tenth was lost, at which temperature."""
    found, _ = lasting(hot_phone())

    assert found.sentence == (
        "18.0 tokens/s sustained, 75 % of the peak of 24.0 tokens/s at 0 min; it lost 10 % after 6 min "
        "(skin at 37.5 °C)."
    )
    text = printed(found)
    assert "95 % interval" not in text and max(map(len, text.splitlines())) <= 80
    assert "██████▁▁▁▁▁▁▁▁▁▁▁▁▁▁" in text and "skin 31.5 to 41.0 °C" in text
    assert not any("never settled" in warning for warning in found.warnings)


@pytest.mark.parametrize(
    ("last", "words"),
    [(10.0, "it never lost 10 %."), (8.0, "it lost 10 % in the last 1 min, too late to tell whether that lasts.")],
)
def test_a_slow_last_minute_is_neither_a_loss_nor_none(last: float, words: str) -> None:
    """Ten minutes at 10 tokens/s, the last at another rate: nobody knows whether a loss there lasts."""
    points = [(t * 2.0, 10.0 if t * 2 < 540 else last) for t in range(301)]
    found, _ = lasting(sustained(points, trial=1, cell=CELLS[0].key, unit="tokens/s"))

    assert found.sentence.endswith(words)


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

    dots = browser_page.locator("svg .strip .dot")
    assert dots.count() == 40
    picture = browser_page.locator(".scroll svg").first.bounding_box()
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


def test_the_explanation_is_readable_in_a_browser(browser_page: Page, tmp_path: Path) -> None:
    """Every trial has its dot, no text lies on other text in the picture, and no box is wider than the page."""
    kept = [
        Evidence(replace(t, started_utc=f"2026-11-23T01:{t.number:02d}:00Z"), 1, None, Doing(skin=(30.0, 33.0)))
        for t in trials_of(batches(1, 4), {"encode_s": [[0.4 * n for n in NOISE], [0.3 * n for n in NOISE]]})
    ]
    page = tmp_path / "why.html"
    page.write_text(render_explanation_page(explain(run_of(batches(1, 4)), kept, ENCODE)))
    browser_page.goto(page.as_uri())

    assert browser_page.locator("svg .strip").first.locator(".dot").count() == 12
    boxes = [found.bounding_box() for found in browser_page.locator(".scroll svg text").all()]
    known = [box for box in boxes if box is not None]
    for index, one in enumerate(known):
        for other in known[index + 1 :]:
            apart = (
                one["x"] + one["width"] <= other["x"] + 0.5
                or other["x"] + other["width"] <= one["x"] + 0.5
                or one["y"] + one["height"] <= other["y"] + 3
                or other["y"] + other["height"] <= one["y"] + 3
            )
            assert apart, (one, other)
    assert browser_page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def unsteady_answer() -> tuple[Answer, list[Trial]]:
    """Answer a run in which one trial of the first cell never settled, and two are flagged."""
    cells = batches(1, 4)
    trials = trials_of(cells, {"encode_s": [[0.4 * n for n in NOISE], [0.3 * n for n in NOISE]]})
    trials[0] = replace(trials[0], state="unsteady")
    trials[3] = replace(trials[3], flags=("busy",))
    trials[5] = replace(trials[5], flags=("busy",))
    return answer(run_of(cells), trials, question="?", metric=ENCODE), trials


def test_unsteady_trials_have_a_column_of_their_own_and_flags_a_line() -> None:
    """In the terminal, in Markdown and on the page; a run without any has no such column."""
    found, trials = unsteady_answer()

    assert [(s.valid, s.unsteady) for s in found.summaries] == [(5, 1), (6, 0)]
    assert any("1 of 12 trials never settled and enter no figure" in w for w in found.warnings)
    assert any(re.match(r"Of 12 valid trials: 2 busy \(", w) for w in found.warnings)
    text = printed(found)
    assert max(map(len, text.splitlines())) <= 80 and "unsteady" in text
    assert "| unsteady |" in render_markdown(found)
    assert ">unsteady</th>" in render_html([(found, trials)])
    calm = [replace(trial, state="steady") for trial in trials]
    settled = answer(found.run, calm, question="?", metric=ENCODE)
    assert ">unsteady</th>" not in render_html([(settled, calm)]) and "unsteady" not in printed(settled)


def test_an_injected_run_warns_before_all_else() -> None:
    """So nobody mistakes its figures for the build's."""
    cells = batches(1, 4)
    trials = trials_of(cells, {"encode_s": [[0.4 * n for n in NOISE], [0.3 * n for n in NOISE]]})
    run = replace(run_of(cells), inject=Inject("prefill", 1.1))
    found = answer(run, trials, question="?", metric=ENCODE)

    assert found.warnings[0].startswith("INJECTED: a slow-down of 10 % was injected into prefill")
    assert "INJECTED" in printed(found) and "INJECTED" in render_markdown(found)


def test_the_bundled_scenario_lasts_and_keeps_what_throttles() -> None:
    """Twenty minutes, gated once; a burst scenario does neither."""
    found = scenario.load(scenario.SCENARIOS / "sustained.toml")

    assert (found.plan.duration_s, found.gates.start, found.gates.throttling) == (1200, "first trial", "keep")
