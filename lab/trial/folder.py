"""The files in a trial's folder, and the events read from them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from device_agents.contract import Event, parse_event
from lab.files import disk_errors, read

TURN = "turn"
"""The number of the machine's turn in which a trial was begun."""

BOOT = "boot"
"""The device's boot in which it was begun."""

GATE, VITALS, AFTER = "gate.jsonl", "vitals.jsonl", "after.jsonl"
"""Vitals before a trial (the last line is the look that opened the gate), during it, and after it."""

JOB, EVENTS, STDOUT, STDERR = "job.json", "events.jsonl", "stdout.txt", "stderr.txt"

THREADS, PLACED = "threads.txt", "placement.txt"
"""Where the threads of a foreign tool might run, and what that comes to (`lab.trial.watch`)."""

MOST_BYTES = 1 << 30
"""Largest file of a trial that is read. A judgement: a million events have a quarter of that."""

EXCERPT = 120
"""How many characters of a malformed line are quoted."""


@dataclass(frozen=True)
class Malformed:
    """The first line that is not an event."""

    line: int
    excerpt: str
    problem: str


@dataclass(frozen=True)
class Reading:
    """The content of an events file: events up to the first malformed line, and an unfinished last line."""

    events: tuple[Event, ...]
    malformed: Malformed | None
    half_line: str


def read_events(raw: bytes) -> Reading:
    """Read one JSON object a line, strictly: no unknown or missing key, no blank line.

    A dying agent leaves a last line without its newline: it is reported as `half_line`, not as malformed.
    """
    *lines, half = raw.split(b"\n")
    events: list[Event] = []
    for number, line in enumerate(lines, start=1):
        try:
            events.append(parse_event.validate_json(line))
        except ValidationError as error:
            return Reading(tuple(events), Malformed(number, _excerpt(line), _problem(error)), _excerpt(half))
    return Reading(tuple(events), None, _excerpt(half))


def _excerpt(line: bytes) -> str:
    text = line.decode(errors="replace")
    return text if len(text) <= EXCERPT else f"{text[:EXCERPT]}…"


def _problem(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else first["msg"]


def read_or_empty(path: Path) -> bytes:
    """Return a file's bytes; none if there is no such file.

    Raises `StoreError` for anything but a regular file, and for one of more than :data:`MOST_BYTES`.
    """
    with disk_errors("read a trial's file", path):
        return read(path, MOST_BYTES) if os.path.lexists(path) else b""
