"""The command `lab`: one file a command."""

from device_agents import ending
from lab.errors import LabError


def main() -> None:
    """Run `lab` to its end: every failure is one message on stderr, and status 2."""
    ending.run("lab", _command, expected=LabError)


def _command() -> int:
    from lab.cli.app import command  # noqa: PLC0415 - a package that is missing must not end with status 1

    return command()
