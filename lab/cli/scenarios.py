"""The command `lab scenarios`: what can be asked."""

from __future__ import annotations

from lab.cli.terminal import Terminal
from lab.report.scenarios import scenarios_table, suites_table
from lab.report.terminal import draw
from lab.scenario.known import known


def scenarios() -> None:
    """List the scenarios that come with pocketlab with their questions, and the suites.

    One of your own is a TOML file: `docs/scenarios.md` explains every key. `lab run my/own.toml` measures it.
    """
    found, suites = known()
    console = Terminal()
    console.print(draw(scenarios_table(found)))
    console.print(draw(suites_table(suites)))
