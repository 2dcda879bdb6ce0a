"""The command `lab`: one file a command."""

from lab.cli.app import app, main

__all__ = ["app", "main"]
