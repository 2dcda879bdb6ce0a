"""The list of records, at the widths of terminals."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from lab.report.listed import listed_table
from lab.report.terminal import draw
from lab.store.glance import Glance, Side

A, B = Side("nano-paper", "8af4d04b" * 8), Side("nano-w8a8", "9eddaa5f" * 8)
RUN = Glance(
    kind="run",
    id="018f0000-0001-7000-8000-000000000001",
    started_utc="2026-01-02T03:04:05.000Z",
    scenario="pipeline_overlap",
    suite="",
    builds=(A,),
    device="virtual-1",
    status="interrupted",
    runs=("018f0000-0001-7000-8000-000000000001",),
    part_of="",
)
CHECK = replace(RUN, kind="self-check", scenario="selfcheck", runs=())
COMPARISON = replace(RUN, kind="comparison", builds=(A, B), runs=("a", "b"))
PART = replace(RUN, part_of="comparison 018f0000-0002-7000-8000-000000000001")
LONG = replace(RUN, scenario="s" * 60, builds=(Side("b" * 60, "c" * 64),), device="d" * 60)


def shown(*found: Glance, width: int, parts: bool = False) -> list[str]:
    """Return the lines of the list without its head."""
    out = io.StringIO()
    names = [each.id[:13] for each in found]
    Console(file=out, width=width).print(draw(listed_table(found, names, width=width, parts=parts)))
    lines = [line.rstrip() for line in out.getvalue().splitlines() if line.strip()]
    assert max(map(len, lines)) <= width
    return lines[next(place for place, line in enumerate(lines) if "───" in line) + 1 :]


@pytest.mark.parametrize("parts", [False, True])
@pytest.mark.parametrize("width", [80, 100])
def test_a_record_takes_at_most_two_lines(width: int, parts: bool) -> None:
    """A comparison, a self-check, a run and a side of a comparison, with the names of bundled ones whole."""
    lines = shown(COMPARISON, CHECK, RUN, PART, width=width, parts=parts)

    text = "\n".join(lines)
    assert len(lines) <= 8
    assert "…" not in text
    for word in ("nano-paper", "nano-w8a8", "virtual-1", "pipeline_overlap", "self-check", "interrupted"):
        assert word in text


def test_long_names_are_cut_where_there_is_little_room() -> None:
    """No name takes a column's room from another, or a line of its own for each two letters."""
    assert shown(LONG, width=80) == [
        " 018f0000-0001  sssssssssssssss…  bbbbbbbbbbbbbbb…  ddddddddd…  run",
        "                01-02 03:04                                     interrupted",
    ]
    part = replace(LONG, part_of=PART.part_of)
    assert len(shown(part, part, width=80, parts=True)) == 4


def test_short_records_take_one_line_where_they_fit() -> None:
    """With the begin of the build's id."""
    short = replace(RUN, scenario="decode", status="finished", device="host")

    assert shown(short, width=100) == [
        " 018f0000-0001  01-02 03:04  run   decode    nano-paper 8af4d04b  host    finished"
    ]
