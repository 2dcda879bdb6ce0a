"""A trial's spans as a trace that Perfetto opens: one track for each execution unit.

Format: the JSON array format of Chrome's Trace Event Format document, with complete events (``ph = "X"``)
and metadata events (``ph = "M"``); times are microseconds from the first event.
"""

from __future__ import annotations

from collections.abc import Sequence

from device_agents.contract import Event, Iteration, Span
from lab.trial.metrics import spans_by_iteration

Json = str | int | float | None
TraceEvent = dict[str, Json | dict[str, Json]]

PROCESS = 1
RANK = {"cpu": 0, "npu": 1, "user": 3}
"""Tracks from top to bottom: the paper's two units, then any other, then the user's wait."""


def trace_of(title: str, events: Sequence[Event], *, iteration: int | None = None) -> dict[str, list[TraceEvent]]:
    """Return the trace of all iterations, or of one; an unknown iteration gives an empty trace."""
    iterations = [e for e in events if isinstance(e, Iteration) and iteration in (None, e.iteration)]
    found = spans_by_iteration(events)
    spans = [span for i in iterations for span in found.get(i.iteration, [])]
    origin_ns = min([*(i.start_ns for i in iterations), *(s.start_ns for s in spans)], default=0)
    tracks = {key: number for number, key in enumerate(sorted({_track(span) for span in spans}), start=2)}
    names = [_metadata("process_name", 0, {"name": title}), *_thread(1, "iteration", 0)]
    for key, number in tracks.items():
        names += _thread(number, key[2], number)
    whole = [_whole(i, origin_ns) for i in iterations]
    return {"traceEvents": [*names, *whole, *(_span(span, tracks[_track(span)], origin_ns) for span in spans)]}


def _track(span: Span) -> tuple[int, str, str]:
    """Return the sort key and the name of a span's track: the unit that executed it, or the user."""
    if span.role == "user":
        return RANK["user"], "user", "user"
    return RANK.get(span.role, 2), span.unit, f"{span.role} (unit {span.unit})"


def _span(span: Span, track: int, origin_ns: int) -> TraceEvent:
    counts: dict[str, Json] = {"true": span.count.true, "padded": span.count.padded} if span.count else {}
    return {
        "name": f"{span.stage.value} {span.index}",
        "cat": span.stage.value,
        "ph": "X",
        "pid": PROCESS,
        "tid": track,
        "ts": (span.start_ns - origin_ns) / 1e3,
        "dur": span.duration_ns / 1e3,
        "args": {
            "role": span.role,
            "unit": span.unit,
            "iteration": span.iteration,
            "parent": span.parent.value if span.parent else None,
            "cpu_ms": span.cpu_ns / 1e6,
            "source": span.source,
            **counts,
        },
    }


def _whole(iteration: Iteration, origin_ns: int) -> TraceEvent:
    return {
        "name": f"{iteration.phase} {iteration.iteration}",
        "cat": "iteration",
        "ph": "X",
        "pid": PROCESS,
        "tid": 1,
        "ts": (iteration.start_ns - origin_ns) / 1e3,
        "dur": iteration.duration_ns / 1e3,
        "args": {"phase": iteration.phase},
    }


def _thread(number: int, name: str, rank: int) -> list[TraceEvent]:
    return [
        _metadata("thread_name", number, {"name": name}),
        _metadata("thread_sort_index", number, {"sort_index": rank}),
    ]


def _metadata(name: str, thread: int, arguments: dict[str, Json]) -> TraceEvent:
    return {"name": name, "ph": "M", "pid": PROCESS, "tid": thread, "args": dict(arguments)}
