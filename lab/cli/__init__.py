"""The command `lab`; its parts import each other by module, so that no command's name hides one."""

from lab.cli.app import app, main

__all__ = ["app", "main"]
