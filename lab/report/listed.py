"""The list of what was measured: a line for each run, comparison and self-check."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from lab.report.document import Row
from lab.report.table import Column, Head, Table, table
from lab.store.glance import Glance, Kind, Side

NAME, DEVICE = 16, 10
"""Characters of a name and of a device where there is little room. Beside an id, which takes 17 with what made the
record, and a status of 11 they fit 80 columns, and the longest name of a bundled scenario fits them."""


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


LISTED_COLUMNS = (
    *("kind", "id", "started_utc", "status", "scenario", "suite", "device", "build_line", "build"),
    *("candidate_line", "candidate_build", "part_of"),
)
"""The columns of :func:`listed_rows`, for an empty list."""


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


def listed_table(found: Sequence[Glance], names: Sequence[str], *, width: int, parts: bool = False) -> Table:
    """Return the list, each record under its id of `names`; with `parts`, also say what made it.

    Where `width` characters are too few for that, each record takes two lines, long names are cut, and the ids of
    builds are left out.
    """
    records = list(zip(names, found, strict=True))
    columns: list[Column[tuple[str, Glance]]] = [
        Column(Head("id", "whole"), lambda at: _id(at, parts=parts)),
        Column(Head("begun (UTC)", "whole"), lambda at: _begun(at[1])),
        Column(Head("kind", "whole"), lambda at: at[1].kind),
        Column(Head("scenario", "whole"), lambda at: at[1].scenario),
        Column(Head("build", "whole"), lambda at: _builds(f"{each.line} {each.id[:8]}" for each in at[1].builds)),
        Column(Head("device", "whole"), lambda at: at[1].device),
        Column(Head("status", "whole"), lambda at: at[1].status),
    ]
    whole = table(columns, records)
    if _width(whole) <= width:
        return whole
    columns = [
        Column(Head("id", "whole"), lambda at: _id(at, parts=parts)),
        Column(Head("scenario\nbegun (UTC)", "whole"), lambda at: f"{_cut(at[1].scenario)}\n{_begun(at[1])}"),
        Column(Head("build", "whole"), lambda at: _builds(_cut(each.line) for each in at[1].builds)),
        Column(Head("device", "whole"), lambda at: _cut(at[1].device, DEVICE)),
        Column(Head("kind\nstatus", "whole"), lambda at: f"{at[1].kind}\n{at[1].status}"),
    ]
    return table(columns, records)


def _id(at: tuple[str, Glance], *, parts: bool) -> str:
    return f"{at[0]}{_part(at[1].part_of) if parts else ''}"


def _begun(found: Glance) -> str:
    return found.started_utc[5:16].replace("T", " ")


def _builds(texts: Iterable[str]) -> str:
    """Return the builds, a line each; one build on both sides once."""
    return "\n".join(dict.fromkeys(texts))


def _part(part_of: str) -> str:
    """Return a second line with what made a record; empty for what a user asked for."""
    kind, _, record_id = part_of.partition(" ")
    return f"\n of {record_id[:13] or kind}" if part_of else ""


def _cut(text: str, most: int = NAME) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _width(drawn: Table) -> int:
    """Return how many characters a terminal needs for a table: two more than its texts for each column."""
    grid = [[head.text for head in drawn.heads], *(row.texts for row in drawn.rows)]
    return sum(
        2 + max(len(line) for text in texts for line in text.split("\n")) for texts in zip(*grid, strict=True)
    )
