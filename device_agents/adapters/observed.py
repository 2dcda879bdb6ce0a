"""What the lab saw of where a foreign tool's threads ran: the only proof of a unit that an adapter may use.

The lab leaves it beside the tool's output (PROTOCOL.md, "Foreign tools"). What a tool says of its own options is
an echo, and no proof.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from device_agents.contract import ErrorClass
from device_agents.reference.failure import AgentError
from device_agents.reference.units import label_of

PLACED = "placement.txt"
"""The lab's file: `observed`, `unknown` or `contradicted`, and why."""

UNKNOWN = "unknown"
"""The unit of a span when nobody saw what executed it."""


def beside(stdout: Path) -> str:
    """Return the lab's answer for the tool that printed `stdout`; `unknown` when there is none."""
    path = stdout.with_name(PLACED)
    return path.read_text(encoding="utf-8").strip() if path.is_file() else UNKNOWN


def unit_of(cores: Iterable[int], placed: str) -> str:
    """Return the unit of a tool's spans: its cores if its threads were seen there, otherwise `unknown`.

    Raises :class:`AgentError` (`unit_unavailable`) when they were seen elsewhere.
    """
    kind, _, words = placed.partition(" ")
    if kind == "contradicted":
        raise AgentError(ErrorClass.UNIT_UNAVAILABLE, f"the tool did not run where it was asked to: {words}")
    return label_of(cores) if kind == "observed" else UNKNOWN
