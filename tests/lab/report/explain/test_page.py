"""An explanation as a page, read as text and in a browser."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from playwright.sync_api import Page

from device_agents.contract import InvalidReason
from lab.records.explanation import Doing, Evidence
from lab.report.explain.page import of_trials, render_explanation_page
from lab.report.explain.view import explain
from tests.lab.report.report_runs import (
    CELLS,
    ENCODE,
    HOSTILE,
    NOISE,
    bad,
    batches,
    explained,
    fine,
    kept_of,
    run_of,
    trials_of,
)


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


def test_the_page_escapes_names_and_draws_every_trial() -> None:
    """Each trial has a dot, on the lower edge if it has no figure; temperatures have their own strip."""
    trials = fine(6)
    trials[3] = replace(bad(trials[3], InvalidReason.AGENT_DIED, HOSTILE), samples={})
    kept = kept_of(trials, Doing(skin=(30.0, 33.0), cap=("policy4", 0.9)))
    found = explained(kept, replace(run_of(CELLS), device=HOSTILE))
    drawn, page = of_trials(found), render_explanation_page(found)

    assert drawn is not None and [len(strip.dots) for strip in drawn.strips] == [12, 24, 12]
    assert drawn.strips[0].dots[3].y == drawn.strips[0].bottom
    assert [dot.x for dot in drawn.strips[0].dots] == sorted(dot.x for dot in drawn.strips[0].dots)
    assert "<script" not in page and "\x1b" not in page and "http" not in page


def test_an_invalid_trial_with_a_figure_is_drawn_at_it_in_its_colour_in_every_strip() -> None:
    """Also where no trial of its cell counts; the legend has the signs that are there, and no other."""
    trials = [bad(trial, InvalidReason.STARVED, "") if trial.cell == CELLS[0].key else trial for trial in fine(6)]
    found = explained(kept_of(trials, Doing(skin=(30.0, 33.0), others_cores=1.5)))
    drawn, page = of_trials(found), render_explanation_page(found)

    assert drawn is not None
    medians, heat, others = drawn.strips
    assert len({dot.y for dot in medians.dots[::2]}) > 1, "no edge on which all invalid ones lie"
    assert " ms, " in medians.dots[0].title
    assert "none of which counts, starved" in medians.dots[0].title
    assert {dot.style for dot in heat.dots} == {"start", "peak", "start invalid", "peak invalid"}
    assert [dot.style for dot in others.dots] == [dot.style for dot in medians.dots]
    assert "a trial that counts" in page and "</svg> invalid</span>" in page
    assert "never settled</span>" not in page and "no figure at all" not in page
