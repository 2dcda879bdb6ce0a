"""Pages, Markdown and percentiles: the output of `lab show` that needs the trials of runs, not only answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lab.cli.answers import print_answers, print_beside
from lab.cli.options import opened
from lab.cli.output import write, write_markdown
from lab.cli.terminal import Terminal
from lab.report.answer.markdown import render_markdown
from lab.report.answer.page import render_html
from lab.report.answer.percentiles import percentiles, render_percentiles
from lab.report.answer.saved import answer_of


def show_trials(data: Path, named: Sequence[str], *, html: Path | None, markdown: Path | None) -> None:
    """Write the answers of runs as one page, as Markdown, or as both; else print them with percentiles."""
    store = opened(data)
    answers = [answer_of(store, store.run(text)) for text in named]
    if html is not None:
        write(html, render_html(answers))
    if markdown is not None:
        write_markdown(markdown, (render_markdown(found) for found, _ in answers))
    if html is None and markdown is None:
        for found, trials in answers:
            print_answers([found])
            rows = percentiles(found, trials, store.trials_folder(found.run.id))
            Terminal().print(render_percentiles(rows))
        print_beside([found for found, _ in answers])
