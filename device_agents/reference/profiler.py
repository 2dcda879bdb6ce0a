"""ONNX Runtime's own profiler on every session of a job: which operators the time of each stage went to.

It writes a line for every operator that ran, which takes time: a profiled job is never a measured trial.
"""

from __future__ import annotations

import json
import time
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from device_agents.contract import Event, Graph, Iteration, Operators, OperatorTime, Span, Stage, StageTime

if TYPE_CHECKING:
    import onnxruntime

STAGES: Mapping[Graph, frozenset[Stage]] = MappingProxyType(
    {graph: frozenset({Stage(graph.value)}) for graph in Graph if graph is not Graph.LLM}
    | {Graph.LLM: frozenset({Stage.PREFILL, Stage.DECODE})}
)
"""The stages that run each graph. The other stages run none: what they take is no operator's."""

Node = tuple[str, int, int]
"""An operator that ran: its type, its start on the monotonic clock and its duration, both in nanoseconds."""


class Profiler:
    """Profiles the sessions of one job; the runtime writes into `folder`, which must be empty."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sessions: list[tuple[Graph, onnxruntime.InferenceSession]] = []

    def profile(self, options: onnxruntime.SessionOptions, graph: Graph) -> None:
        """Turn the profiler on for a session that is about to be opened."""
        options.enable_profiling = True
        options.profile_file_prefix = str(self._folder / f"{len(self._sessions)}-{graph.value}")

    def opened(self, session: onnxruntime.InferenceSession, graph: Graph) -> None:
        """Keep a session until its profile is read."""
        self._sessions.append((graph, session))

    def operators(self, events: Sequence[Event]) -> Operators:
        """End profiling, and return where the time of the measured iterations among `events` went."""
        import onnxruntime  # noqa: PLC0415 - loaded by the job; a package is opened without it

        nodes: dict[Graph, list[Node]] = defaultdict(list)
        for graph, session in self._sessions:
            nodes[graph] += _nodes(session)
        stages, operators, unseen = summed(events, nodes)
        return Operators(
            runtime="onnxruntime",
            runtime_version=onnxruntime.__version__,
            stages=stages,
            operators=operators,
            unseen=unseen,
        )


def summed(
    events: Sequence[Event], nodes: Mapping[Graph, Sequence[Node]]
) -> tuple[list[StageTime], list[OperatorTime], int]:
    """Return the time of stages and of operators in the measured iterations, and the launches without a record.

    An operator belongs to the launch of its graph in which it began. A launch without one was not recorded: the
    runtime stops after a million events.
    """
    measured = {e.iteration for e in events if isinstance(e, Iteration) and e.phase == "measure"}
    spans = [e for e in events if isinstance(e, Span) and e.iteration in measured and e.role != "user"]
    calls: Counter[tuple[Stage, str]] = Counter()
    took: Counter[tuple[Stage, str]] = Counter()
    recorded: set[int] = set()
    for graph, ran in nodes.items():
        launches = sorted((s for s in spans if s.stage in STAGES[graph]), key=lambda span: span.start_ns)
        starts = [span.start_ns for span in launches]
        for operator, start_ns, duration_ns in ran:
            place = bisect_right(starts, start_ns) - 1
            if place < 0 or start_ns > launches[place].start_ns + launches[place].duration_ns:
                continue  # of the warm-up, or of work that is not timed
            recorded.add(id(launches[place]))
            calls[launches[place].stage, operator] += 1
            took[launches[place].stage, operator] += duration_ns
    with_graph = frozenset[Stage]().union(*STAGES.values())
    seen = [span for span in spans if span.stage not in with_graph or id(span) in recorded]
    by_stage: dict[Stage, list[Span]] = defaultdict(list)
    for span in seen:
        by_stage[span.stage].append(span)
    stages = [
        StageTime(
            stage=stage,
            launches=len(of),
            duration_ns=sum(span.duration_ns for span in of),
            items=sum(span.count.true for span in of if span.count is not None),
        )
        for stage, of in by_stage.items()
    ]
    operators = [
        OperatorTime(stage=stage, operator=operator, calls=calls[stage, operator], duration_ns=duration_ns)
        for (stage, operator), duration_ns in took.most_common()
    ]
    return stages, operators, len(spans) - len(seen)


def _nodes(session: onnxruntime.InferenceSession) -> Iterator[Node]:
    """Yield every operator that a session ran. Its clock is the time of day; ours is monotonic."""
    began_ns = session.get_profiling_start_time_ns() - (time.time_ns() - time.monotonic_ns())
    path = Path(session.end_profiling())
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            if '"Node"' not in line:
                continue
            event = json.loads(line.rstrip().rstrip(",").removesuffix("]"))
            yield event["args"]["op_name"], began_ns + event["ts"] * 1000, event["dur"] * 1000
    path.unlink()
