"""Answers as a page: complete, escaped, self-contained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

from playwright.sync_api import Page

from lab.records import Answer, Trial
from lab.report.answer.markdown import render_markdown
from lab.report.answer.page import render_html
from lab.report.answer.saved import known_literature
from lab.report.answer.terminal import render_terminal
from lab.report.answer.view import answer
from lab.scenario.workloads import WORKLOADS
from lab.trial.metrics import METRICS
from tests.lab.report.report_runs import (
    ENCODE,
    HOSTILE,
    NOISE,
    batches,
    cell,
    example,
    invalid,
    printed,
    run_of,
    trials_of,
)


class _Page(HTMLParser):
    """Collects tags, and addresses that a browser would load from."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href", "action")]
        if tag not in ("meta", "br") and self.get_starttag_text()[-2:] != "/>":  # type: ignore[index]
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.get_starttag_text() and self.open and self.open[-1] == tag:
            self.open.pop()


def page_of(answers: Sequence[tuple[Answer, Sequence[Trial]]]) -> tuple[str, _Page]:
    """Render and parse."""
    text = render_html(answers)
    page = _Page()
    page.feed(text)
    return text, page


def test_the_page_loads_nothing_and_runs_nothing() -> None:
    """No script, no style sheet, no image, no import; links only inside the page."""
    text, page = page_of([example(), example()])

    assert not {"script", "link", "img", "iframe", "object"} & set(page.tags)
    assert page.addresses == ["#answer-1", "#answer-2"]
    assert "url(" not in text and "@import" not in text and "http" not in text
    assert page.open == [], "every tag is closed"
    assert "prefers-color-scheme: dark" in text


def test_hostile_names_are_text_on_the_page() -> None:
    """Every place a name can reach is escaped."""
    text, page = page_of([example(HOSTILE)])

    assert "script" not in page.tags and "\x1b" not in text
    assert text.count("&lt;script&gt;") >= 6


def test_the_page_draws_every_trial_and_says_what_it_knows() -> None:
    """18 valid dots and a hollow one beside the legend's three, bands, a diamond: for two sizes of screen."""
    text, _ = page_of([example()])

    assert text.count('<circle class="counts"') == 2 * 18 + 2
    assert text.count('<circle class="invalid"') == 2 * 1 + 1
    assert text.count('<rect class="band"') == 2 * 3 + 1
    assert text.count('<g class="published published">') == 2
    for words in (
        "published, vivo X100 NPU",
        "seed 7",
        "wrong_output",
        "device.kind",
        "18 valid, 1 invalid",
        "never compared",
    ):
        assert words in text


def test_an_answer_of_nothing_still_has_a_page() -> None:
    """Without any trial, and without any answer."""
    cells = batches(1, 4)
    found = answer(run_of(cells, status="failed"), [], question="?", metric=ENCODE)

    assert "No chart" in page_of([(found, [])])[0]
    assert "No run" in page_of([])[0]
    assert "No answer" in printed(render_terminal(found)) and "No answer" in render_markdown(found)


CUT_OFF = """chosen => [...document.querySelectorAll(chosen)].flatMap(svg => {
  const box = svg.getBoundingClientRect();
  return [...svg.querySelectorAll('text')].filter(text => {
    const own = text.getBoundingClientRect();
    return own.left < box.left - 1 || own.right > box.right + 1 || own.height < 9;
  }).map(text => text.textContent);
})"""
"""The texts of charts that are cut off, or too small to be read (9 pixels high)."""


def test_no_table_is_wider_than_its_box_and_none_is_blank(browser_page: Page, tmp_path: Path) -> None:
    """On a desk and on a phone: nothing lies outside of a box, and no row is mostly empty."""
    cells = batches(1, 2, 3, 4, 5, 6)
    metrics = [METRICS[name] for name in WORKLOADS["encode_image"].metrics]
    values = {each.name: [[place / 3 * n for n in NOISE] for place in range(1, 7)] for each in metrics}
    trials = [*trials_of(cells, values), invalid(99, 7, cells[0].key, "x" * 200, encode_s=(1.0,))]
    one, many = (cell("all", coupled=True),), {name: [[1234.5 * n for n in NOISE]] for name in METRICS}
    wide = answer(
        run_of(cells),
        trials,
        question="?",
        metric=ENCODE,
        other_metrics=metrics,
        published=known_literature().figures,
    )
    long = answer(
        run_of(one), trials_of(one, many), question="?", metric=ENCODE, other_metrics=[*METRICS.values()]
    )
    page = tmp_path / "report.html"
    page.write_text(render_html([(wide, trials), (long, []), example(HOSTILE)]))

    for width, size in ((1280, ".large"), (390, ".small")):
        browser_page.set_viewport_size({"width": width, "height": 900})
        browser_page.goto(page.as_uri())
        browser_page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        assert browser_page.locator(".scroll").count() >= 6
        outside = "e => e.scrollWidth > e.clientWidth + 1"
        assert browser_page.evaluate(f"[...document.querySelectorAll('.scroll')].filter({outside}).length") == 0
        assert browser_page.locator(f"{size} svg:visible").count() == 2, "each chart once"
        assert browser_page.locator(".large svg:visible, .small svg:visible").count() == 2
        assert browser_page.evaluate(CUT_OFF, f"{size} svg") == []
        assert browser_page.evaluate("document.documentElement.scrollWidth") <= width
    tall = "e => e.getBoundingClientRect().height > 60 + 3 * (e.innerText + e.dataset.head).length"
    assert browser_page.evaluate(f"[...document.querySelectorAll('td')].filter({tall}).length") == 0


def test_a_page_is_headed_by_what_it_asks() -> None:
    """The scenario where it is one, also of a suite or on two devices; the suite where there are several."""
    found, trials = example()
    other = replace(found, run=replace(found.run, scenario="decode")), trials
    elsewhere = replace(other[0], run=replace(other[0].run, suite="full")), trials

    def heading(*answers: tuple[Answer, Sequence[Trial]]) -> str:
        return page_of(answers)[0].partition("<h1>")[2].partition("</h1>")[0]

    assert heading((found, trials)) == heading((found, trials), (found, trials)) == "vit_batch"
    assert heading((found, trials), other) == "Suite quick"
    assert heading((found, trials), elsewhere) == "vit_batch, decode"


def test_a_figure_on_one_trial_says_so() -> None:
    """The legend has its grey dot, the table its one trial."""
    cells = batches(4)
    trials = trials_of(cells, {"encode_s": [[0.3]]})
    text, _ = page_of([(answer(run_of(cells), trials, question="?", metric=ENCODE), trials)])

    assert "none: 1 trial<" in text
    assert '<span class="not-judged"><svg width="12" height="12"><circle class="counts"' in text
    assert "invalid trial, counts for nothing" not in text
