"""Output that several commands share: files, where results lie, the options that a hint needs."""

from __future__ import annotations

import html
import shlex
from collections.abc import Container, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lab.cli.hints import completed, data_option, program
from lab.errors import RunError
from lab.report.document import Row, as_csv, as_json
from lab.report.wording import MARK

if TYPE_CHECKING:
    from lab.records import Run


MARK_BYTES = 1000
"""In how many bytes at its beginning a file bears the mark of the lab that wrote it: a judgement."""


class Regressed(Exception):  # noqa: N818 - a verdict, not an error
    """A comparison found that the product regressed; `lab` ends with status 1, which nothing else may."""


AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON document for programs instead (docs/results.md).")
]
AsCsv = Annotated[bool, typer.Option("--csv", help="Print one CSV table, nothing rounded, instead.")]


def only_one(**given: object) -> None:
    """Refuse more than one format: a file and a document on stdout are two answers (None and False: left out)."""
    names = [f"--{name}" for name, value in given.items() if value is not None and value is not False]
    if len(names) > 1:
        raise RunError(f"wanted one of {', '.join(names)}: run the command once for each")


def print_json(results: Sequence[object]) -> None:
    """Print the document of some results, and nothing else on stdout."""
    typer.echo(as_json(results), nl=False)


def print_csv(rows: Sequence[Row], columns: Sequence[str]) -> None:
    """Print rows as one table, and nothing else on stdout; `columns` are there without a row, too."""
    typer.echo(as_csv(rows, columns), nl=False)


def short(run_id: str) -> str:
    """Return the start of a run's id that names it: the first 13 characters of a UUIDv7 are its millisecond."""
    return run_id[:13]


def write(path: Path, text: str | Iterable[str]) -> None:
    """Write a file that the user asked for, whole or in pieces, and say so.

    What stands there stays until the whole is written, and for good if no lab wrote it: raises `RunError`, as for
    a file that cannot be written.
    """
    refuse_others(path)
    if isinstance(text, str):
        text = completed(text, html.escape if text[:200].lstrip().lower().startswith("<!doctype html") else str)
    ordinary = path.is_file() or not path.exists()
    aside = path.with_name(f".{path.name[:200]}.part") if ordinary else path
    try:
        with aside.open("w", encoding="utf-8") as file:
            file.writelines((text,) if isinstance(text, str) else text)
        if ordinary:
            aside.replace(path)
    except OSError as error:
        raise RunError(f"{path} could not be written: {error.strerror or error}; the results are saved") from error
    finally:
        if ordinary:
            aside.unlink(missing_ok=True)
    typer.echo(f"Wrote {path}")


def write_markdown(path: Path, texts: Iterable[str]) -> None:
    """Write Markdown as :func:`write`, with the mark where no reader sees it."""
    write(path, f"<!-- {MARK} -->\n\n" + "\n".join(texts))


def refuse_others(path: Path) -> None:
    """Raise `RunError` for a file with content that bears no mark of a lab; a device or a pipe may be written."""
    try:
        with path.open("rb") as file:
            there = file.read(MARK_BYTES) if path.is_file() else b""
    except OSError:
        return  # nothing is there, or writing will say what is wrong
    if there and MARK.encode() not in there:
        raise RunError(
            f"{path}: wanted a new file or one that a lab wrote, found another: nothing was written; name another "
            "file. The results are saved"
        )


def unwritten(record: str, **files: Path | None) -> str:
    """Return a line about files that were to be written and were not, and the command that does; empty for none.

    `files` are keyed by their option; `record` is the ids of what was measured, empty where there is nothing.
    """
    named = {option: path for option, path in files.items() if path is not None}
    if not named:
        return ""
    options = "".join(f" --{option} {shlex.quote(str(path))}" for option, path in named.items())
    how = f"; `lab show {record}{options}` writes what was measured" if record else ": nothing was measured"
    return f"\nNot written: {', '.join(map(str, named.values()))}{how}"


def where(root: Path, runs: Sequence[Run], data: Path, build: str | None, counting: Container[str]) -> None:
    """Print where the results are and what to do with them; `build` is what the user named, if anything.

    `counting` are the ids of runs with a valid trial: the others are explained, they have nothing to look into.
    """
    ids = " ".join(short(found.id) for found in runs)
    option = data_option(data)
    typer.echo(f"Results: {root}")
    typer.echo(
        f"  {program()} show {ids}{option} --html report.html   # one page: charts, every trial, the context"
    )
    for found in runs:
        if found.id not in counting:
            why = f"why no trial of {found.scenario} counts, and what to do"
            typer.echo(f"  {program()} explain {short(found.id)}{option}   # {why}")
    good = next((found for found in reversed(runs) if found.id in counting), None)
    if good is None:
        return
    typer.echo(f"  {program()} trace {short(good.id)}{option}   # for ui.perfetto.dev: one track per unit")
    if good.context.facts.get("device_kind") == "host":
        outside = build is not None and not (root / "builds" / good.build).is_dir()
        again = f" --build {shlex.quote(str(build))}" if outside else ""
        typer.echo(
            f"  {program()} profile {short(good.id)}{option}{again}   # products, attention, unpacking, rest"
        )
