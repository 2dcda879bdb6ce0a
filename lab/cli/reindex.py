"""The command `lab reindex`: rebuild what can be rebuilt."""

from __future__ import annotations

import typer

from lab.cli.options import DATA, Data, opened
from lab.records.telling import number_of
from lab.report.wording import listing


def reindex(data: Data = DATA) -> None:
    """Rebuild the index of this data root from its raw files alone, after these were changed by hand."""
    held = opened(data).reindex()
    typer.echo(f"Rebuilt the index: it holds {listing([number_of(count, noun) for noun, count in held.items()])}.")
