"""Terminal, Markdown and HTML: complete, escaped, self-contained."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from rich.console import Console

from lab.records import Answer, Trial
from lab.report.answer.chart import chart
from lab.report.answer.markdown import render_markdown
from lab.report.answer.page import render_html
from lab.report.answer.terminal import render_terminal
from lab.report.answer.view import answer
from lab.report.wording import escape
from tests.lab.report.report_runs import (
    ENCODE,
    FIRST_TOKEN,
    NOISE,
    batches,
    cell,
    figure,
    invalid,
    run_of,
    trials_of,
)

HOSTILE = "</td><script>alert(1)</script>\x1b[2J|`*[x](javascript:alert(1)) \"'"


def example(hostile: str = "nano-paper") -> tuple[Answer, list[Trial]]:
    """Answer a sweep of 1, 4 and 6 with an invalid trial, another metric and a published figure."""
    cells = batches(1, 4, 6)
    encode = [[t * NOISE[(b + 2 * i) % 6] for b in range(6)] for i, t in enumerate((0.4, 0.3, 0.301))]
    trials = trials_of(cells, {"encode_s": encode, "first_token_s": encode})
    trials.append(invalid(19, 6, "patches_per_batch=1", hostile, encode_s=(0.35,)))
    run = replace(run_of(cells, line=hostile), device=hostile, scenario_toml=hostile)
    published = [replace(figure(2.06, patches_per_batch=4), source=hostile, note=hostile)]
    found = answer(
        run,
        trials,
        question=f"Which {hostile}?",
        metric=ENCODE,
        other_metrics=[FIRST_TOKEN],
        published=published,
    )
    return found, trials


def terminal(found: Answer, width: int) -> str:
    """Return what would be printed into a file."""
    out = io.StringIO()
    Console(file=out, width=width).print(render_terminal(found))
    return out.getvalue()


@pytest.mark.parametrize("width", [80, 100, 120])
def test_a_terminal_of_80_columns_shows_every_figure_whole(width: int) -> None:
    """No line is longer than the terminal, nothing is cut off, no escape codes in a file."""
    text = terminal(example()[0], width)

    assert max(len(line) for line in text.splitlines()) <= width
    assert "…" not in text and "\x1b" not in text
    rows = [line.split() for line in text.splitlines() if re.match(r" [* ~]  [146] ", line)]
    assert [row[:2] for row in rows] == [["1", "400"], ["*", "4"], ["~", "6"]]
    assert "297 to 303" in text and "1 x wrong_output" in text
    assert "published: image encoding 2.06 s (patches_per_batch=4)" in text and "not compared" in text


def test_a_hostile_name_stays_text_in_a_terminal() -> None:
    """Neither escape codes nor rich markup get through."""
    text = terminal(example(HOSTILE + "[bold red]")[0], 120)

    assert "\x1b" not in text and "[bold red]" in text.replace("\n", "")


def test_markdown_has_a_row_for_each_cell_and_escapes_names() -> None:
    """A pipe cannot make a column, a tag cannot make HTML."""
    text = render_markdown(example(HOSTILE)[0])
    table = [line for line in text.splitlines() if re.match(r"\| \d patch", line)]

    assert len(table) == 6
    assert all(len(re.findall(r"(?<!\\)\|", line)) == 11 for line in table[:3])
    assert "| 4 patches per batch | 300 ms | 297 to 303 ms |" in text and "**best**" in text
    assert "<script" not in text and "\x1b" not in text
    assert escape("a|b<c>*d*&\n") == "a\\|b&lt;c\\>\\*d\\*&amp;\ufffd"


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

    assert text.count('<circle class="valid"') == 18 + 1
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
    assert "No answer" in terminal(found, 80) and "No answer" in render_markdown(found)


def test_the_chart_places_trials_by_value_and_block() -> None:
    """Larger is further right, later is further down; the interval contains its estimate."""
    found, trials = example()
    drawn = chart(found, trials)

    assert drawn is not None and drawn.published is not None and not drawn.logarithmic
    slow, best = drawn.rows[0], drawn.rows[1]
    assert (best.standing, drawn.rows[2].standing, slow.standing) == ("best", "tied", "behind")
    assert min(m.x for m in slow.marks) > max(m.x for m in best.marks)
    assert [m.y for m in best.marks] == sorted(m.y for m in best.marks)
    assert best.band[0] < best.band[1] < best.band[2] <= drawn.ours.right < drawn.published.left
    assert [m.valid for m in slow.marks].count(False) == 1
    assert len(best.diamonds) == 1 and not slow.diamonds
    assert drawn.published.ticks[0][1] == "0"


def test_the_chart_turns_logarithmic_for_a_wide_range() -> None:
    """One token in parallel takes a hundred times longer than 512."""
    cells = tuple(cell(f"parallel_tokens={v}", parallel_tokens=v) for v in (1, 512))
    trials = trials_of(cells, {"encode_s": [[90.0] * 6, [0.9] * 6]})
    drawn = chart(answer(run_of(cells), trials, question="?", metric=ENCODE), trials)

    assert drawn is not None and drawn.logarithmic
    assert [text for _, text in drawn.ours.ticks] == ["1", "2", "5", "10", "20", "50", "100"]


def test_the_chart_of_equal_values_has_a_scale() -> None:
    """A single trial, or constants, do not divide by zero."""
    cells = batches(4)
    drawn = chart(
        answer(run_of(cells), (t := trials_of(cells, {"encode_s": [[0.3]]})), question="?", metric=ENCODE), t
    )

    assert drawn is not None and drawn.ours.ticks
    assert drawn.rows[0].band == (drawn.rows[0].marks[0].x,)
