"""The command `lab show`: saved runs with their answers, comparisons with their verdicts, self-checks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from lab.cli.answers import answer_named, breakdown_of, print_answer, print_beside, print_breakdown
from lab.cli.named import named
from lab.cli.options import DATA, Data, opened, refuse
from lab.cli.output import AsCsv, AsJson, only_one, print_csv, print_json
from lab.errors import RunError
from lab.report.answer.document import answer_document, answer_rows
from lab.report.document import Row
from lab.store.glance import Glance


def show(
    records: Annotated[
        list[str] | None,
        typer.Argument(metavar="ID", help="Starts of ids of runs, comparisons or self-checks, or last."),
    ] = None,
    *,
    html: Annotated[
        Path | None,
        typer.Option(help="Write one self-contained page with tables and charts: of runs, or of one comparison."),
    ] = None,
    markdown: Annotated[
        Path | None, typer.Option(help="Write the tables and sentences of records of one kind as Markdown.")
    ] = None,
    percentiles: Annotated[
        bool, typer.Option("--percentiles", help="Print p50 to p99 of iterations and tokens too, where estimable.")
    ] = False,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
    data: Data = DATA,
) -> None:
    """Print the answers of runs, the verdicts of comparisons, and self-checks.

    `last` is what you last asked for: a run, a comparison or a self-check, not the runs that these two made.
    """
    only_one(json=as_json, csv=as_csv)
    if as_json or as_csv:
        why = "--json and --csv print what is known of each record, and write no file"
        refuse(why, html=html, markdown=markdown, percentiles=percentiles or None)
    found = [named(data, text) for text in records or ["last"]]
    if as_json:
        print_json([_document(data, each) for each in found])
    elif as_csv:
        tables = [_rows(data, each) for each in found]
        print_csv([row for rows, _ in tables for row in rows], [name for _, names in tables for name in names])
    elif html is not None or markdown is not None or percentiles:
        _write(data, found, html=html, markdown=markdown)
    else:
        _print(data, found)


def _print(data: Path, found: Sequence[Glance]) -> None:
    """Print each record, then one table for each scenario that several answers are about."""
    answers = []
    for each in found:
        if each.kind == "run":
            answer = answer_named(data, each.id)
            print_answer(answer)
            print_breakdown(data, answer.run)
            answers.append(answer)
            continue
        from lab.cli import judged  # noqa: PLC0415 - verdicts and statistics: an answer that was kept needs neither

        store = opened(data)
        if each.kind == "comparison":
            judged.print_comparison(store, store.comparison(each.id))
        else:
            judged.print_selfchecks([store.selfcheck(each.id)])
    print_beside(answers)


def _write(data: Path, found: Sequence[Glance], *, html: Path | None, markdown: Path | None) -> None:
    """Write pages, Markdown or percentiles of records of one kind; raise `RunError` where a kind has none."""
    from lab.cli import judged, pages  # noqa: PLC0415 - pages and statistics: answers need neither

    ids, kinds = [each.id for each in found], {each.kind for each in found}
    if kinds == {"run"}:
        pages.show_trials(data, ids, html=html, markdown=markdown)
    elif kinds == {"comparison"} and len(found) == 1 and (html is not None or markdown is not None):
        store = opened(data)
        judged.print_comparison(store, store.comparison(ids[0]), html=html, markdown=markdown)
    elif kinds == {"self-check"} and html is None and markdown is not None:
        store = opened(data)
        judged.print_selfchecks([store.selfcheck(each) for each in ids], markdown=markdown)
    else:
        what = ", ".join(f"{each.kind} {each.id[:13]}" for each in found)
        raise RunError(
            "wanted runs (--html, --markdown, --percentiles), one comparison (--html, --markdown) or "
            f"self-checks (--markdown), found {what}. --json prints any of them"
        )


def _document(data: Path, found: Glance) -> object:
    if found.kind == "run":
        answer = answer_named(data, found.id)
        return answer_document(answer, breakdown_of(data, answer.run))
    from lab.cli.judged import comparison_document  # noqa: PLC0415 - as above
    from lab.report.checked import selfcheck_document  # noqa: PLC0415 - as above

    store = opened(data)
    if found.kind == "comparison":
        return comparison_document(store, store.comparison(found.id))
    return selfcheck_document(store.selfcheck(found.id))


def _rows(data: Path, found: Glance) -> tuple[list[Row], Sequence[str]]:
    """Return the rows of a record, and the columns that they have also where there is none."""
    if found.kind == "run":
        return answer_rows(answer_named(data, found.id)), ()  # a run has a cell
    from lab.cli.judged import VERDICT_COLUMNS, comparison_rows  # noqa: PLC0415 - as above
    from lab.report.checked import SELFCHECK_COLUMNS, selfcheck_rows  # noqa: PLC0415 - as above

    store = opened(data)
    if found.kind == "comparison":
        return comparison_rows(store, store.comparison(found.id)), VERDICT_COLUMNS
    return selfcheck_rows(store.selfcheck(found.id)), SELFCHECK_COLUMNS
