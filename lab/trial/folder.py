"""The files in a trial's folder, by name, and the events read from them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from device_agents.contract import Event, parse_event

TURN = "turn"
"""The file in a trial's folder that says in which of the machine's turns it was begun."""

BOOT = "boot"
"""The file there that says in which of the device's boots."""


GATE, VITALS, AFTER = "gate.jsonl", "vitals.jsonl", "after.jsonl"
"""What the device's sensors said before a trial, the last line when it was let begin; during it; and after it."""


JOB, EVENTS, STDOUT, STDERR = "job.json", "events.jsonl", "stdout.txt", "stderr.txt"


EXCERPT = 120
"""How much of a malformed line is quoted."""


@dataclass(frozen=True)
class Malformed:
    """The first line that is no event."""

    line: int
    excerpt: str
    problem: str


@dataclass(frozen=True)
class Reading:
    """What an events file holds: whole events, up to the first that is none, and half a last line."""

    events: tuple[Event, ...]
    malformed: Malformed | None
    half_line: str


def read_events(raw: bytes) -> Reading:
    """Read one JSON object a line, strictly: nothing unknown, nothing missing, no blank line.

    A last line without its newline is what a dying agent leaves: reported as `half_line`, not malformed.
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
    """Return a file's bytes; none where there is no such file."""
    return path.read_bytes() if path.exists() else b""
