"""The command `lab reindex`: rebuild what can be rebuilt."""

from __future__ import annotations

import typer

from lab.cli.options import DATA, Data, opened


def reindex(data: Data = DATA) -> None:
    """Rebuild the index of this data root from its raw files alone, after these were changed by hand."""
    typer.echo(f"Rebuilt the index: {opened(data).reindex()}")
