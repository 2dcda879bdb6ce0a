"""ONNX Runtime sessions: one for each graph, on the cores of its unit, run on memory that is bound once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as native

from device_agents.contract import ErrorClass, Graph, GraphFile, Manifest
from device_agents.reference.failure import AgentError, as_failure, bad_job
from device_agents.reference.units import ExecutionUnit

Array = npt.NDArray[Any]

INPUTS: Mapping[Graph, tuple[str, ...]] = {
    Graph.TILE: ("image", "fit", "pads", "grid", "order"),
    Graph.PATCH_EMBED: ("tiles",),
    Graph.VIT: ("embeddings",),
    Graph.PROJECT: ("features",),
    Graph.EMBED: ("ids",),
    Graph.LLM: ("embeddings", "last_position", "total_tokens", "positions"),
}
"""The inputs every build's graphs have; `llm` has the caches `past_key_0`, `past_value_0`, ... besides."""

_LIBRARY_ERRORS: tuple[type[Exception], ...] = (
    native.EPFail,
    native.Fail,
    native.InvalidArgument,
    native.InvalidGraph,
    native.InvalidProtobuf,
    native.NoModel,
    native.NoSuchFile,
    native.NotImplemented,
    native.RuntimeException,
)


def options_for(unit: ExecutionUnit) -> onnxruntime.SessionOptions:
    """Return the session options of a unit: one thread a core, each on its own, one operator at a time.

    The calling thread is the first of them and is pinned by :meth:`ExecutionUnit.pin`; the library's own
    threads are the others (core numbers count from 1 there).

    Waiting threads spin inside a run and sleep between runs. Measured on two pinned cores of a shared EPYC
    with onnxruntime 1.32, alternating: 24 products of one row by 512 x 512 take 1.36 ms so against 1.9 ms
    without spinning (4 of 256 x 256: 0.17 against 0.22 ms). Spinning on between runs would take a core
    from the other unit; with another program on the same cores, 128 rows are better off without (6.2 against
    8.0 ms), which the lab's turns rule out.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = len(unit.cores)
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 3  # errors only: warnings would fill stderr, where our own line must be seen
    if len(unit.cores) > 1:
        others = ";".join(str(core + 1) for core in unit.cores[1:])
        options.add_session_config_entry("session.intra_op_thread_affinities", others)
        options.add_session_config_entry("session.force_spinning_stop", "1")
    return options


def graph_file(manifest: Manifest, graph: Graph, shape: Mapping[str, int]) -> GraphFile:
    """Find the file that may be run with `shape`; `bad_job` when the manifest lists no such shape."""
    files = manifest.graphs.get(graph, [])
    if not files:
        raise AgentError(ErrorClass.LOAD, f"the build's manifest has no graph {graph.value!r}: export it again")
    for file in files:
        if not shape or not file.shapes or dict(shape) in file.shapes:
            return file
    offered = [listed for file in files for listed in file.shapes]
    raise bad_job(f"graph {graph.value!r} may be run with {offered}; the job asks for {dict(shape)}")


def open_session(
    folder: Path, manifest: Manifest, graph: Graph, file: GraphFile, unit: ExecutionUnit
) -> onnxruntime.InferenceSession:
    """Open one graph on its unit.

    Raises :class:`AgentError` (`load`) when a file is missing, is not as long as the manifest says, cannot
    be read by the library, or has other inputs than the contract's. (Hashes are the lab's to check, when it
    pushes a build: reading every byte here would warm the file cache that `load` wants to measure.)
    """
    sizes = {listed.path: listed.bytes for listed in manifest.files}
    for path in (file.path, *file.weights):
        found = (folder / path).stat().st_size if (folder / path).is_file() else None
        if found is None or found != sizes.get(path, found):
            what = "nothing" if found is None else f"{found} bytes"
            wanted = f"{sizes[path]} bytes" if path in sizes else "a file"
            raise AgentError(
                ErrorClass.LOAD, f"{path}: wanted {wanted}, found {what} in {folder}: push the build again"
            )
    unit.pin()
    try:
        session = onnxruntime.InferenceSession(
            str(folder / file.path), sess_options=options_for(unit), providers=["CPUExecutionProvider"]
        )
    except _LIBRARY_ERRORS as error:
        if as_failure(error).error is ErrorClass.OOM:
            raise
        raise AgentError(
            ErrorClass.LOAD, f"{file.path}: the runtime cannot open it: {error}: export or push the build again"
        ) from error
    missing = set(INPUTS[graph]) - {value.name for value in session.get_inputs()}
    if missing:
        raise AgentError(ErrorClass.LOAD, f"{file.path}: graph {graph.value!r} lacks inputs {sorted(missing)}")
    return session


class BoundGraph:
    """A session whose inputs and outputs are NumPy arrays the caller keeps writing to and reading from.

    Nothing is copied: the library works on the arrays' own memory, so an array that is bound as `past_key_0`
    and `present_key_0` is updated in place.
    """

    def __init__(
        self, session: onnxruntime.InferenceSession, inputs: Mapping[str, Array], outputs: Mapping[str, Array]
    ) -> None:
        self.session = session
        self.binding = session.io_binding()
        self._keep: dict[str, Array] = {}
        for name, array in inputs.items():
            self.bind_input(name, array)
        for name, array in outputs.items():
            self._keep["output " + name] = _contiguous(name, array)
            self.binding.bind_output(name, "cpu", 0, array.dtype.type, array.shape, array.ctypes.data)

    def bind_input(self, name: str, array: Array) -> None:
        """Bind another array to an input, from the next run on."""
        self._keep["input " + name] = _contiguous(name, array)
        self.binding.bind_input(name, "cpu", 0, array.dtype.type, array.shape, array.ctypes.data)

    def run(self) -> None:
        """Run the graph once on the bound arrays."""
        self.session.run_with_iobinding(self.binding)


def _contiguous(name: str, array: Array) -> Array:
    if not array.flags.c_contiguous:
        raise ValueError(f"{name}: only contiguous memory can be bound")
    return array


def zeros(shape: tuple[int, ...], dtype: npt.DTypeLike = np.float32) -> Array:
    """Allocate memory to bind: touched now, so that no page is first touched while something is timed."""
    array = np.empty(shape, dtype=dtype)
    array.fill(0)
    return array
