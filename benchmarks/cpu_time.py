"""CPU time of rival pieces of work, alternated in one process: what a busy machine bends least."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from statistics import median
from time import process_time

import onnx_ir as ir
import onnxruntime

from models.net import Net

Work = Callable[[], object]
SHORTEST_S = 0.01
"""One reading lasts at least this long: work that is quicker is repeated."""


def alternated(works: Mapping[str, Work], rounds: int) -> dict[str, float]:
    """Return the median CPU seconds of one call of each; every other round goes through them backwards."""
    calls = {name: max(1, round(SHORTEST_S / max(seconds_of(work, 1), 1e-5))) for name, work in works.items()}
    found: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(rounds):
        for name in list(works) if turn % 2 == 0 else reversed(list(works)):
            found[name].append(seconds_of(works[name], calls[name]))
    return {name: median(seconds) for name, seconds in found.items()}


def seconds_of(work: Work, calls: int) -> float:
    """Return the CPU seconds of one of so many calls, over all threads of the process."""
    start = process_time()
    for _ in range(calls):
        work()
    return (process_time() - start) / calls


def one_thread() -> onnxruntime.SessionOptions:
    """Return the options of a session on the calling thread alone: waiting threads would count as work."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return options


def session_of(net: Net) -> onnxruntime.InferenceSession:
    """Open a graph with its weights in memory."""
    model = ir.to_proto(net.model("graph")).SerializeToString()
    return onnxruntime.InferenceSession(model, sess_options=one_thread(), providers=["CPUExecutionProvider"])


def unpacked_at_every_call(net: Net) -> Net:
    """Return the graph with its MatMulNBits at accuracy level 0: how 8-bit weights were written before ADR 17."""
    for node in net.tape.nodes:
        if node.op_type == "MatMulNBits":
            node.attributes["accuracy_level"] = ir.AttrInt64("accuracy_level", 0)
    return net
