"""The command `lab doctor`: what is missing on this machine, and how to get it."""

from __future__ import annotations

import typer

from lab.cli.hints import completed
from lab.cli.options import DATA, Data, opened
from lab.device.machine import examine
from lab.errors import LabError


def doctor(data: Data = DATA) -> None:
    """Report what is missing on this machine and how to get it.

    Exit status 2 means that nothing can be measured.
    """
    builds_known = 0
    try:
        builds_known = len(opened(data).builds())
    except LabError as error:
        typer.echo(f"missing  the results at {data}: {error}")
    fatal = False
    for finding in examine(data, builds_known):
        fatal |= finding.fatal and not finding.ok
        remedy = "" if finding.ok else f"  ->  {finding.remedy}"
        mark = "ok     " if finding.ok else "missing" if finding.fatal else "warning"
        typer.echo(completed(f"{mark}  {finding.what}: {finding.found}{remedy}"))
    if fatal:
        raise typer.Exit(2)
