"""The tables of `lab published`: claims beside ours, what differs, and tables of the literature."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lab.records import Reference, System
from lab.report.published.differs import ASPECTS, Difference
from lab.report.published.view import Claim, Ours, View
from lab.report.table import Column, Head, Table, table
from lab.report.wording import estimate, span

SHORT = 13
"""Characters of a run's id, which name its millisecond."""


@dataclass(frozen=True)
class _Line:
    """A claim and one of our rows; a claim without one has a line all the same. Only its first line repeats it."""

    claim: Claim
    ours: Ours | None
    first: bool


def claims_table(view: View, system: System, *, narrow: bool = False) -> Table:
    """Return the claims about a system, with a line for each row of ours; `narrow` fits 80 columns."""
    columns: list[Column[_Line]] = [
        Column(Head("claim", "prose"), lambda line: _words(line, narrow=narrow)),
        Column(Head("published"), _published),
        Column(Head("ours"), _ours),
        Column(Head("measured as", "prose"), _measured),
        Column(
            Head("source", "prose"), lambda line: "; ".join(line.claim.sources) if line.first else "", not narrow
        ),
        Column(Head("note", "prose"), lambda line: " ".join(line.claim.notes) if line.first else "", not narrow),
    ]
    claims = [claim for claim in view.claims if claim.system == system.name]
    return table(
        columns, _lines(claims), title=f"{system.name}: {system.device}, {system.runtime} ({system.source})"
    )


def differs_table(view: View, system: System) -> Table | None:
    """Return what differs between a system and each build and device of ours; None where nothing was measured."""
    found: dict[tuple[str, str], dict[str, Difference]] = {}
    for claim in view.claims:
        for ours in claim.ours if claim.system == system.name else ():
            each = found.setdefault((f"{ours.build_line} {ours.build[:8]}", ours.device), {})
            each.update({difference.aspect: difference for difference in ours.differs})
    lines = [
        (" on ".join(of) if place == 0 else "", difference)
        for of, differences in found.items()
        for place, difference in enumerate(
            sorted(differences.values(), key=lambda each: ASPECTS.index(each.aspect))
        )
    ]
    columns: list[Column[tuple[str, Difference]]] = [
        Column(Head("ours", "words"), lambda line: line[0]),
        Column(Head("differs in", "words"), lambda line: line[1].aspect),
        Column(Head("published", "prose"), lambda line: line[1].published),
        Column(Head("here", "prose"), lambda line: line[1].ours),
    ]
    return table(columns, lines, title=f"What differs from {system.name}") if lines else None


def reference_table(reference: Reference) -> Table:
    """Return a table of the literature as it was printed."""
    columns: list[Column[tuple[str, ...]]] = [
        Column(Head(name, "words"), lambda row, place=place: row[place])  # type: ignore[misc]
        for place, name in enumerate(reference.columns)
    ]
    return table(columns, reference.rows, title=f"{reference.title}: {reference.why} ({reference.source})")


def _lines(claims: Sequence[Claim]) -> Iterator[_Line]:
    for claim in claims:
        rows: Sequence[Ours | None] = claim.ours or (None,)
        for place, ours in enumerate(rows):
            yield _Line(claim, ours, place == 0)


def _words(line: _Line, *, narrow: bool) -> str:
    if not line.first:
        return ""
    places = [source.partition(", ")[2] or source for source in line.claim.sources]
    short = dict.fromkeys(place.partition(":")[0].partition(";")[0] for place in places)  # the rest derives it
    return f"{line.claim.words}\n{'; '.join(short)}" if narrow else line.claim.words


def _published(line: _Line) -> str:
    if not line.first:
        return ""
    kind = line.claim.kind.replace("_", " ")
    return kind if line.claim.value is None else f"{line.claim.value:g} {line.claim.unit}\n{kind}"


def _ours(line: _Line) -> str:
    if line.ours is None:
        return "none" if line.claim.instead else "none yet"
    if line.ours.interval is None:
        return "see right"
    return f"{estimate(line.ours.interval, line.ours.unit)}\n{span(line.ours.interval, line.ours.unit)}"


def _measured(line: _Line) -> str:
    ours = line.ours
    if ours is None:
        return line.claim.instead or line.claim.measure
    said = f"{ours.sentence}\n" if ours.sentence else ""
    where = f"{ours.build_line} on {ours.device} ({ours.device_kind}), run {ours.run[:SHORT]}"
    return f"{said}{where}\ndiffers: {', '.join(each.aspect for each in ours.differs)}"
