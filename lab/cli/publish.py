"""The command `lab publish`: the lab's answers as a static site."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lab.cli.options import DATA, Data, console, opened, tell
from lab.errors import StoreError
from lab.identifiers import now_utc
from lab.report.wording import number_of


def publish(
    out: Annotated[Path, typer.Option(help="The folder to write; a site that this command wrote is replaced.")],
    *,
    nights: Annotated[int, typer.Option(min=1, help="Most nights with a page, newest first.")] = 30,
    runs: Annotated[int, typer.Option(min=1, help="Most runs with a page, those that matter most first.")] = 500,
    data: Data = DATA,
) -> None:
    """Write what the lab knows as a static site that needs no server, for a release page or an archive.

    It begins with index.html: the newest night of each suite, its open incidents, what was measured. Every link is
    relative and works from a file. Beside its pages lie the same figures as JSON and CSV.

    A record that cannot be read has a page that says why, and a line on stderr; the rest is written all the same,
    and the exit status is 0.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn  # noqa: PLC0415 - help draws none

    from lab.report.site.publish import publish as written  # noqa: PLC0415 - jinja2 and statistics

    if not data.is_dir():
        raise StoreError(
            f"{data}: wanted a folder of results, found none; make one with `lab run` or `make nightly-demo`, "
            "or name another one with --data"
        )
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    with Progress(*columns, console=console(), transient=True, disable=not console().is_terminal) as bars:
        task = bars.add_task("Publishing", total=None)

        def progress(done: int, total: int) -> None:
            if not done and not console().is_terminal:
                tell(f"Publishing {number_of(total, 'record')}")
            bars.update(task, completed=done, total=total)

        found = written(opened(data), out, nights=nights, runs=runs, utc=now_utc(), tell=tell, progress=progress)
    for words in found.left:
        if not words.startswith("Left out: "):  # these were told when they were met
            tell(f"Not in the site: {words}")
    typer.echo(f"Wrote {out / 'index.html'}: {number_of(found.files, 'file')}, {found.bytes / 2**20:.1f} MiB")
