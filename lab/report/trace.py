"""A trial's spans as a trace that Perfetto opens: one track for each execution unit.

Format: the JSON array format of Chrome's Trace Event Format document, with complete events (``ph = "X"``)
and metadata events (``ph = "M"``); times are microseconds from the first event.
"""

from __future__ import annotations

from collections.abc import Sequence

from device_agents.contract import Event, Iteration, Span
from lab.errors import RunError
from lab.records import Run
from lab.store import Store
from lab.trial.folder import EVENTS, read_events, read_or_empty
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


def trace_of_saved(
    store: Store, record: Run, trial: int | None = None, iteration: int | None = None
) -> tuple[int, dict[str, list[TraceEvent]]]:
    """Return the number and the trace of a saved trial; without `trial` of the first valid one.

    Trial 0 is the uncounted first process. Raises `RunError` for a trial or an iteration that is not there.
    """
    trials = {found.number: found for found in store.trials(record.id)}
    valid = [number for number, found in sorted(trials.items()) if found.valid]
    number = trial if trial is not None else next(iter(valid or sorted(trials)), None)
    path = None if number is None else store.trials_folder(record.id) / f"{number:04d}" / EVENTS
    if number is None or path is None or not path.is_file():
        known = f"0 to {max(trials)}" if trials else "none"
        raise RunError(f"run {record.id} has no trial {number}; it has {known} (0 is the uncounted first process)")
    events = read_events(read_or_empty(path)).events
    numbers = sorted(event.iteration for event in events if event.event == "iteration")
    if iteration is not None and iteration not in numbers:
        raise RunError(
            f"trial {number} of run {record.id} has no iteration {iteration}; it has {numbers or 'none'}"
        )
    cell = trials[number].cell if number in trials else "settling"
    return number, trace_of(f"{record.scenario} {cell} trial {number}", events, iteration=iteration)


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
