"""ONNX Runtime sessions: one for each graph, on its unit's cores, with memory that is bound once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as native

from device_agents.contract import ErrorClass, Graph, GraphFile, Manifest
from device_agents.reference.failure import AgentError, as_failure, bad_job
from device_agents.reference.package import Package
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
"""The inputs of every build's graphs; `llm` also has the caches `past_key_0`, `past_value_0`, ..."""

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
    """Return the session options of a unit: one thread on each core, one operator at a time.

    The calling thread is the first, pinned by :meth:`ExecutionUnit.pin`; the library starts and pins the others
    (it counts cores from 1).

    Waiting threads spin inside a run and sleep between runs. Measured on two pinned cores of a shared EPYC
    with onnxruntime 1.32, alternating: 24 products of one row by 512 x 512 take 1.36 ms with spinning and
    1.9 ms without (4 of 256 x 256: 0.17 and 0.22 ms). Spinning between runs as well would take a core from
    the other unit. With another program on the same cores, 128 rows are faster without spinning (6.2 against
    8.0 ms), but the lab's turns rule that out.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = len(unit.cores)
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 3  # errors only: warnings would bury our own line on stderr
    if len(unit.cores) > 1:
        others = ";".join(str(core + 1) for core in unit.cores[1:])
        options.add_session_config_entry("session.intra_op_thread_affinities", others)
        options.add_session_config_entry("session.force_spinning_stop", "1")
    return options


def graph_file(manifest: Manifest, graph: Graph, shape: Mapping[str, int]) -> GraphFile:
    """Return the file that may run with `shape`; `bad_job` when the manifest lists no such shape."""
    files = manifest.graphs.get(graph, [])
    if not files:
        raise AgentError(ErrorClass.LOAD, f"the build's manifest has no graph {graph.value!r}: export it again")
    for file in files:
        if not shape or not file.shapes or dict(shape) in file.shapes:
            return file
    offered = [listed for file in files for listed in file.shapes]
    raise bad_job(f"graph {graph.value!r} may be run with {offered}; the job asks for {dict(shape)}")


def open_session(
    package: Package, graph: Graph, file: GraphFile, unit: ExecutionUnit
) -> onnxruntime.InferenceSession:
    """Open one graph of a build on its unit.

    Raises :class:`AgentError` (`load`) when a file is missing, does not have the manifest's size, cannot be
    read by the library, or lacks an input of the contract. (The lab checks hashes when it pushes a build:
    reading every byte here would warm the file cache, which `load` measures.)
    """
    folder, profiler = package.folder, package.profiler
    sizes = {listed.path: listed.bytes for listed in package.manifest.files}
    for path in (file.path, *file.weights):
        found = (folder / path).stat().st_size if (folder / path).is_file() else None
        if found is None or found != sizes.get(path, found):
            what = "nothing" if found is None else f"{found} bytes"
            wanted = f"{sizes[path]} bytes" if path in sizes else "a file"
            raise AgentError(
                ErrorClass.LOAD, f"{path}: wanted {wanted}, found {what} in {folder}: push the build again"
            )
    unit.pin()
    options = options_for(unit)
    if profiler is not None:
        profiler.profile(options, graph)
    try:
        session = onnxruntime.InferenceSession(
            str(folder / file.path), sess_options=options, providers=["CPUExecutionProvider"]
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
    if profiler is not None:
        profiler.opened(session, graph)
    return session


class BoundGraph:
    """A session whose inputs and outputs are NumPy arrays that the caller writes to and reads from.

    Nothing is copied: the library works on the arrays' own memory, so it updates an array in place that is bound
    as `past_key_0` and `present_key_0`.
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
    """Allocate memory to bind, and touch every page now rather than first in a timed stage."""
    array = np.empty(shape, dtype=dtype)
    array.fill(0)
    return array
