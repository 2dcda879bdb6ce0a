"""The files in a trial's folder, and the events read from them."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ValidationError

from device_agents.contract import Event, parse_event
from lab.files import disk_errors, read
from lab.records.files import EVENTS as EVENTS  # noqa: PLC0414 - handed on
from lab.records.files import VITALS as VITALS  # noqa: PLC0414 - handed on
from lab.trial.limits import Limits

TURN = "turn"
"""The number of the machine's turn in which a trial was begun."""

BOOT = "boot"
"""The device's boot in which it was begun."""

GATE, AFTER = "gate.jsonl", "after.jsonl"
"""Vitals before a trial (the last line is the look that opened the gate), and after it."""

JOB, STDOUT, STDERR = "job.json", "stdout.txt", "stderr.txt"

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


def read_events(raw: bytes, limits: Limits | None = None) -> Reading:
    """Read one JSON object a line, strictly: no unknown, missing or repeated key, no blank line.

    A dying agent leaves a last line without its newline: it is reported as `half_line`, not as malformed. With
    `limits`, a line that is longer than them is malformed, and so is the first line too many.
    """
    *lines, half = raw.split(b"\n")
    events: list[Event] = []
    for number, line in enumerate(lines, start=1):
        if limits is not None and (problem := _beyond(number, line, limits)):
            return Reading(tuple(events), Malformed(number, _excerpt(line), problem), _excerpt(half))
        try:
            event = parse_event.validate_json(line)
        except ValidationError as error:
            return Reading(tuple(events), Malformed(number, _excerpt(line), _problem(error)), _excerpt(half))
        # each key has a colon, and so have some texts
        if line.count(b":") != _keys(event) and (key := _repeated(line)):
            problem = f"the key {_excerpt(key)!r} stands in it twice"
            return Reading(tuple(events), Malformed(number, _excerpt(line), problem), _excerpt(half))
        events.append(event)
    return Reading(tuple(events), None, _excerpt(half))


def _beyond(number: int, line: bytes, limits: Limits) -> str:
    if number > limits.lines:
        return f"its job makes at most {limits.lines:,} lines"
    if len(line) > limits.line_bytes:
        return f"it has {len(line):,} bytes, a line of its job at most {limits.line_bytes:,}"
    return ""


_NESTED: Mapping[str, tuple[str, ...]] = {
    "hello": ("units",),
    "span": ("count",),
    "output": ("fingerprint", "tokens"),
    "answer": ("tokens",),
    "end": ("inject",),
}
"""The fields of each event that hold an object of their own."""


def _keys(event: Event) -> int:
    """Return how many keys an event that was read had, each counted once."""
    count = len(event.model_fields_set)
    for name in _NESTED.get(event.event, ()):
        value: BaseModel | dict[str, list[int]] | None = getattr(event, name)
        count += len(value.model_fields_set) if isinstance(value, BaseModel) else len(value or ())
    return count


def _repeated(line: bytes) -> str:
    """Return the first key that an object on a line holds twice; empty if there is none."""
    found: list[str] = []

    def look(pairs: list[tuple[str, object]]) -> None:
        if len(dict(pairs)) < len(pairs):
            found.append(next(name for name, times in Counter(name for name, _ in pairs).items() if times > 1))

    json.loads(line, object_pairs_hook=look)
    return next(iter(found), "")


def _excerpt(line: bytes | str) -> str:
    text = line if isinstance(line, str) else line[: 4 * EXCERPT + 4].decode(errors="replace")
    return text if len(text) <= EXCERPT else f"{text[:EXCERPT]}…"


def _problem(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else first["msg"]


def read_or_empty(path: Path) -> bytes:
    """Return a file's bytes; none if there is no such file.

    Raises `StoreError` for anything but a regular file, and for one of more than :data:`MOST_BYTES`.
    """
    with disk_errors("read a trial's file", path):
        return read(path, MOST_BYTES) if os.path.lexists(path) else b""
