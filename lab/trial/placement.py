"""Proof of unit: which unit did the work of each stage, from the unit that spans claim and the CPU time they used.

An accelerator leaves the CPU idle while it works. A stage that claims one and uses as much CPU time as wall time
ran on the CPU: the silent fall-back that other labs report as a slow accelerator (google-ai-edge/LiteRT issues
7891, 7858 and 6462; mlcommons/mobile_app_open PR 1171). A vendor's service may do the work in another process,
whose CPU time does not count as the agent's: the CPU time of the whole device shows that.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median
from typing import Literal

from device_agents.contract import Event, Hello, Span, Stage
from lab.device.vitals.meaning import Clocks, aligned
from lab.records import Vitals
from lab.trial.metrics import end_ns, measured

Placement = Literal["NPU", "MIXED", "CPU", "UNKNOWN"]

NPU_AT_MOST = 0.2
"""CPU time over wall time up to which an accelerator is believed: "near 0" (methodology.md, section 10) plus the
cost of handing work to a driver; a judgement until a phone with an accelerator has been measured."""

CPU_AT_LEAST = 0.8
"""CPU time over wall time from which the CPU did the work. One busy core shows 1, several show more, and a
competitor for the core takes some of it away; a judgement. A runtime that spins while it waits for its accelerator
looks the same: its claim is not believed until it waits in another way."""

SHORTEST_NS = 1_000_000
"""Spans of an accelerator that are shorter than this on average (1 ms) are not judged: the driver call itself
takes some tens of microseconds of CPU time; a judgement."""

ELSEWHERE_CORES = 0.8
"""Extra cores that everything but the agent uses, compared with before the trial, from which an accelerator's
claim is no longer believed: about one, as `CPU_AT_LEAST`; a judgement, above what drivers and Android's own work
use."""


def placement(spans: Iterable[Span]) -> dict[Stage, Placement]:
    """Return the unit that did the work of each stage; `spans` are those of measured iterations.

    `NPU` where spans claim an accelerator and the CPU was idle, `CPU` where they used CPU time as a CPU does,
    `MIXED` in between or where launches of one stage differ, `UNKNOWN` without evidence: nothing was measured, the
    spans are too short, or they claim a CPU that hardly worked.
    """
    found: dict[Stage, set[Placement]] = {}
    for (stage, unit), own in _groups(spans).items():
        found.setdefault(stage, set()).add(_of(unit, own))
    known = {stage: kinds - {"UNKNOWN"} for stage, kinds in found.items()}
    return {stage: _together(kinds) for stage, kinds in known.items()}


def contradiction(spans: Iterable[Span]) -> str:
    """Return which stage claims a unit other than a CPU and used CPU time like one; empty when none does."""
    for (stage, unit), own in _groups(spans).items():
        if not is_cpu(unit) and _of(unit, own) == "CPU":
            cpu_s, wall_s = sum(s.cpu_ns for s in own) / 1e9, sum(s.duration_ns for s in own) / 1e9
            digits = 2 if wall_s >= 1 else 4
            return (
                f"`{stage}` claims {unit} and used {cpu_s:.{digits}f} s of CPU time in {wall_s:.{digits}f} s: "
                "it ran on the CPU"
            )
    return ""


def others_rose(before: Vitals, during: Iterable[Vitals], events: Sequence[Event]) -> float | None:
    """Return how many more cores everything but the agent used during the measurement than `before` it.

    Return None where either figure is unknown.
    """
    _, others = cores_used(during, events)
    return None if others is None or before.busy_cores is None else others - before.busy_cores


def cores_used(during: Iterable[Vitals], events: Sequence[Event]) -> tuple[float | None, float | None]:
    """Return the cores that the agent used during the measurement, and those that all others used (median)."""
    hello = next((event for event in events if isinstance(event, Hello)), None)
    iterations = measured(events)
    spans = [e for e in events if isinstance(e, Span) and e.parent is None and e.role != "user"]
    return cores_between(
        during,
        hello,
        [(one.start_ns, one.start_ns + one.duration_ns) for one in iterations],
        [(span.start_ns, end_ns(span), span.cpu_ns) for span in spans],
        parsed=any(span.source == "parsed" for span in spans),
    )


def cores_between(
    during: Iterable[Vitals],
    hello: Clocks | None,
    iterations: Iterable[tuple[int, int]],
    work: Iterable[tuple[int, int, int]],
    *,
    parsed: bool,
) -> tuple[float | None, float | None]:
    """Return what `cores_used` does, from measured iterations (start, end) and spans (start, end, CPU time) in ns.

    `parsed`: a foreign tool printed the spans' durations, whose starts are unknown, and so is the answer.
    """
    begin = end = None
    for start_ns, ended_ns in iterations:
        begin = start_ns if begin is None else min(begin, start_ns)
        end = ended_ns if end is None else max(end, ended_ns)
    if hello is None or begin is None or end is None or end <= begin or parsed:
        return None, None
    agent = sum(cpu for start, ended, cpu in work if start >= begin and ended <= end) / (end - begin)
    inside = [
        one.busy_cores for at, one in aligned(during, hello) if one.busy_cores is not None and begin <= at <= end
    ]
    return agent, max(0.0, median(inside) - agent) if inside else None


def _groups(spans: Iterable[Span]) -> dict[tuple[Stage, str], list[Span]]:
    """Return the spans that are evidence, by stage and claimed unit; a unit without evidence has an empty list.

    A duration printed by a foreign tool has no CPU time: no evidence. Unless a unit is a single core, the CPU time
    is that of the whole process (PROTOCOL.md), so it includes the work of any unit that worked beside the span:
    such spans are left out. Of a pipeline that leaves the last batch, which has nothing beside it.
    """
    work = sorted((s for s in spans if s.role != "user" and s.parent is None), key=lambda s: s.start_ns)
    groups: dict[tuple[Stage, str], list[Span]] = {(s.stage, s.unit): [] for s in work}
    measured = [s for s in work if s.source == "measured"]
    for span in _alone(measured):
        groups[span.stage, span.unit].append(span)
    return groups


def _alone(spans: Sequence[Span]) -> list[Span]:
    """Return the spans during which no other unit worked; `spans` are in the order they began."""
    beside: set[int] = set()
    latest: dict[str, int] = {}  # unit -> the span of it that ends last so far
    for number, span in enumerate(spans):
        for unit, other in latest.items():
            if unit != span.unit and end_ns(spans[other]) > span.start_ns:
                beside |= {number, other}
        before = latest.get(span.unit)
        if before is None or end_ns(spans[before]) <= end_ns(span):
            latest[span.unit] = number
    return [span for number, span in enumerate(spans) if number not in beside]


def _of(unit: str, own: Sequence[Span]) -> Placement:
    wall_ns = sum(span.duration_ns for span in own)
    if not wall_ns:
        return "UNKNOWN"
    share = sum(span.cpu_ns for span in own) / wall_ns
    if is_cpu(unit):  # a competitor takes CPU time away: less than a whole core is a CPU all the same
        return "CPU" if share > NPU_AT_MOST else "UNKNOWN"
    if wall_ns < SHORTEST_NS * len(own):
        return "UNKNOWN"
    if share >= CPU_AT_LEAST:
        return "CPU"
    return "NPU" if share <= NPU_AT_MOST else "MIXED"


def _together(kinds: set[Placement]) -> Placement:
    if len(kinds) > 1:
        return "MIXED"
    return next(iter(kinds), "UNKNOWN")


def is_cpu(unit: str) -> bool:
    """Return whether a unit, by its name, is one or several cores of a CPU."""
    return unit.startswith("cpu")
