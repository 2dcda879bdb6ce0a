"""Answers as a page: complete, escaped, self-contained."""

from __future__ import annotations

from collections.abc import Sequence
from html.parser import HTMLParser

from lab.records import Answer, Trial
from lab.report.answer.markdown import render_markdown
from lab.report.answer.page import render_html
from lab.report.answer.terminal import render_terminal
from lab.report.answer.view import answer
from tests.lab.report.report_runs import (
    ENCODE,
    HOSTILE,
    batches,
    example,
    printed,
    run_of,
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
    """18 valid dots and a hollow one beside the legend's two; bands; one diamond; context and reasons."""
    text, _ = page_of([example()])

    assert text.count('<circle class="counts"') == 18 + 1
    assert text.count('<circle class="invalid"') == 1 + 1
    assert text.count('<rect class="band"') == 3 + 1
    assert text.count('<g class="published published">') == 1
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
