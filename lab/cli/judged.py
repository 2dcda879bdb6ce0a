"""Comparisons and self-checks on stdout and as files, for `lab compare`, `lab selfcheck` and `lab show`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import typer

from lab.builds.folder import Build
from lab.cli.hints import data_option, program
from lab.cli.output import print_csv, print_json, short, unwritten, write, write_markdown
from lab.cli.terminal import Terminal
from lab.compare.comparable import refusal
from lab.errors import RunError
from lab.records import Comparison, SelfCheck
from lab.report.checked import SELFCHECK_COLUMNS, selfcheck_document, selfcheck_rows
from lab.report.document import Row
from lab.report.selfcheck import render_markdown, render_terminal
from lab.report.verdict import terminal
from lab.report.verdict.document import VERDICT_COLUMNS as VERDICT_COLUMNS  # noqa: PLC0414 - handed on
from lab.report.verdict.document import VerdictDocument, refused_document, verdict_document, verdict_rows
from lab.report.verdict.markdown import render_verdict_markdown
from lab.report.verdict.saved import verdict_of
from lab.report.verdict.view import View
from lab.store import Store


def comparison_document(store: Store, comparison: Comparison) -> VerdictDocument:
    """Return a comparison for programs, also one that was refused."""
    if not comparison.baseline_run:
        return refused_document(comparison, refusal_of(comparison))
    return verdict_document(verdict_of(store, comparison)[0])


def comparison_rows(store: Store, comparison: Comparison) -> list[Row]:
    """Return the cells of a comparison, none of one that was refused."""
    return verdict_rows(verdict_of(store, comparison)[0]) if comparison.baseline_run else []


def print_comparison(
    store: Store,
    comparison: Comparison,
    outside: Sequence[Build] = (),
    *,
    as_json: bool = False,
    as_csv: bool = False,
    html: Path | None = None,
    markdown: Path | None = None,
) -> View | None:
    """Print a comparison in one format, and write its page and its Markdown if these name files.

    `outside` are the builds that were measured just now and may lie outside the store. Returns what was printed,
    None for a comparison that measured nothing; raises `RunError` where that leaves nothing to print.
    """
    if not comparison.baseline_run:
        if as_json or as_csv:
            if as_json:
                print_json([comparison_document(store, comparison)])
            else:
                print_csv([], VERDICT_COLUMNS)
            return None
        lacking = unwritten("", html=html, markdown=markdown)
        raise RunError(f"comparison {comparison.id} measured nothing: {refusal_of(comparison)}{lacking}")
    option = data_option(store.root)
    found, trials = verdict_of(store, comparison, outside)
    if as_json:
        print_json([verdict_document(found)])
    elif as_csv:
        print_csv(verdict_rows(found), VERDICT_COLUMNS)
    else:
        Terminal().print(terminal.render_terminal(found))
        sides = f"{short(comparison.baseline_run)} {short(comparison.candidate_run)}"
        typer.echo(f"The sides: {program()} show {sides}{option}")
    if html is not None:
        from lab.report.verdict.page import render_verdict_page  # noqa: PLC0415 - jinja2: only pages need it

        write(html, render_verdict_page(found, *trials))
    if markdown is not None:
        write_markdown(markdown, [render_verdict_markdown(found)])
    return found


def print_selfchecks(
    found: Sequence[SelfCheck], *, as_json: bool = False, as_csv: bool = False, markdown: Path | None = None
) -> None:
    """Print self-checks in one of their formats; write Markdown too if it names a file."""
    if as_json:
        print_json([selfcheck_document(record) for record in found])
        return
    if as_csv:
        print_csv([row for record in found for row in selfcheck_rows(record)], SELFCHECK_COLUMNS)
        return
    for record in found:
        Terminal().print(render_terminal(record))
    if markdown is not None:
        write_markdown(markdown, (render_markdown(record) for record in found))


def refusal_of(comparison: Comparison) -> str:
    """Return why a comparison compared nothing; empty if it did."""
    return refusal(comparison.dimension, comparison.differs) if comparison.differs else ""
