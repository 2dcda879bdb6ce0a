"""The list of what was measured: a line for each run, comparison and self-check."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from lab.report.document import Row
from lab.report.table import Column, Head, Table, table
from lab.store.glance import Glance, Kind, Side


@dataclass(frozen=True)
class Listed:
    """A line of the list, for programs."""

    result: Literal["listed"]
    kind: Kind
    id: str
    started_utc: str
    status: str
    scenario: str
    suite: str
    device: str
    builds: tuple[Side, ...]
    runs: tuple[str, ...]
    part_of: str


def listed(found: Glance) -> Listed:
    """Return a line of the list for programs."""
    return Listed(result="listed", **vars(found))


def listed_rows(found: Sequence[Glance]) -> list[Row]:
    """Return the rows of the list; a comparison has a second build, the candidate."""
    none = Side("", "")
    return [
        {
            "kind": each.kind,
            "id": each.id,
            "started_utc": each.started_utc,
            "status": each.status,
            "scenario": each.scenario,
            "suite": each.suite,
            "device": each.device,
            "build_line": first.line,
            "build": first.id,
            "candidate_line": second.line,
            "candidate_build": second.id,
            "part_of": each.part_of,
        }
        for each in found
        for first, second in [(*each.builds, none, none)[:2]]
    ]


def listed_table(found: Sequence[Glance], names: Sequence[str], *, parts: bool = False) -> Table:
    """Return the list, each record under its id of `names`; with `parts`, also say what made it.

    A terminal of 80 columns has no room for that and for a device that is always the same.
    """
    devices = {each.device for each in found}
    columns: list[Column[tuple[str, Glance]]] = [
        Column(Head("id", "whole"), lambda at: f"{at[0]}{_part(at[1].part_of) if parts else ''}"),
        Column(Head("begun (UTC)", "whole"), lambda at: at[1].started_utc[5:16].replace("T", " ")),
        Column(Head("kind", "whole"), lambda at: at[1].kind),
        Column(Head("scenario", "whole"), lambda at: at[1].scenario),
        Column(Head("build", "prose"), lambda at: _builds(at[1])),
        Column(Head("device", "words"), lambda at: at[1].device, not parts or len(devices) > 1),
        Column(Head("status", "whole"), lambda at: at[1].status),
    ]
    return table(columns, list(zip(names, found, strict=True)))


def _builds(found: Glance) -> str:
    """Return the builds, a line each; one build on both sides once."""
    return "\n".join(dict.fromkeys(f"{side.line} {side.id[:8]}" for side in found.builds))


def _part(part_of: str) -> str:
    """Return a second line with what made a record; empty for what a user asked for."""
    kind, _, record_id = part_of.partition(" ")
    return f"\n of {record_id[:13] or kind}" if part_of else ""
