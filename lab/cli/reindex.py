"""The command `lab reindex`: rebuild what can be rebuilt."""

from __future__ import annotations

import typer

from lab.cli.options import DATA, Data, opened


def reindex(data: Data = DATA) -> None:
    """Rebuild the index from the raw files alone, after it was lost, damaged or moved."""
    typer.echo(f"Rebuilt the index: {opened(data).reindex()}")
