"""The lines of an events file, one at a time and unchecked: for readers of a trial that was judged long ago.

`lab.trial.folder.read_events` checks every key of every line and keeps them all: of a million spans that is ten
times the work, and some gigabytes.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from io import BufferedReader
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from device_agents.contract import Hello
from lab.files import open_regular
from lab.trial.folder import MOST_BYTES

LINE_BYTES = 64 << 20
"""The longest line that is read. A judgement: an output of a million tokens has 48 MB (`lab.trial.limits`)."""

EXCERPT = 60
"""How many characters of a line that is no event are quoted."""


class NotAnEvent(ValueError):  # noqa: N818 - what the line is
    """A line that is no event; its text says which and why."""


def lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the object of each whole line. A last line without its end is left out: its agent died.

    Raises `NotAnEvent` at the first line that is no JSON object with an `event` or is longer than
    :data:`LINE_BYTES`, and `OSError`, also for what is no regular file or larger than any agent may write.
    """
    with BufferedReader(open_regular(path, MOST_BYTES)) as file:
        for number, line in enumerate(iter(partial(file.readline, LINE_BYTES), b""), start=1):
            if len(line) == LINE_BYTES:
                raise NotAnEvent(f"line {number} is no event: it has {LINE_BYTES:,} bytes or more")
            if not line.endswith(b"\n"):
                return
            try:
                found = from_json(line, allow_inf_nan=False)
                found["event"]
            except (ValueError, TypeError, KeyError) as error:
                text = line[:EXCERPT].decode(errors="replace")
                raise NotAnEvent(f"line {number} is no event ({error}): {text!r}") from error
            yield found


@dataclass
class Summary:
    """What a trial's events come to: its hello, its measured iterations, and the work of its spans.

    Times are nanoseconds of the device's monotonic clock; `work` holds start, end and CPU time of each stage that
    is no part of another, in three columns. `parsed`: a foreign tool printed durations, whose starts are unknown.
    """

    hello: Hello | None = None
    starts_ns: array[int] = field(default_factory=lambda: array("q"))
    durations_ns: array[int] = field(default_factory=lambda: array("q"))
    warmups: int = 0
    work: tuple[array[int], array[int], array[int]] = field(
        default_factory=lambda: (array("q"), array("q"), array("q"))
    )
    parsed: bool = False


def summary(path: Path) -> Summary:
    """Return the summary of an events file, up to the first line that is no event; an empty one without a file."""
    found = Summary()
    begin, end, cpu = found.work
    try:
        for each in lines(path) if path.is_file() else ():
            if each["event"] == "span":
                if each.get("parent") is None and each["role"] != "user":
                    start_ns, duration_ns, cpu_ns = each["start_ns"], each["duration_ns"], each["cpu_ns"]
                    begin.append(start_ns)
                    end.append(start_ns + duration_ns)
                    cpu.append(cpu_ns)
                    found.parsed |= each.get("source") == "parsed"
            elif each["event"] == "iteration" and each["phase"] == "measure":
                found.starts_ns.append(each["start_ns"])
                found.durations_ns.append(each["duration_ns"])
            elif each["event"] == "iteration":
                found.warmups += 1
            elif each["event"] == "hello":
                found.hello = Hello.model_validate(each)
    except (ValueError, TypeError, KeyError, OverflowError, OSError):
        whole = min(len(found.starts_ns), len(found.durations_ns)), min(map(len, found.work))
        del found.starts_ns[whole[0] :], found.durations_ns[whole[0] :]
        for column in found.work:
            del column[whole[1] :]
    return found
