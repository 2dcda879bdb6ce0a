"""The two-unit pipeline: while one unit works on a batch, the other prepares the next.

Stages are plain callables, so that a benchmark can drive the pipeline with stand-ins. They must release the
interpreter's lock while they compute (ONNX Runtime, NumPy and hashlib do), or the units wait for each other::

    with Pipeline(ExecutionUnit((0,)), ExecutionUnit((1,))) as pipeline:
        pipeline.run([(convolve_0, blocks_0), (convolve_1, blocks_1)], pipelined=True)

NPU stage i starts when CPU stage i is done and the NPU is free (BlueLM-V-3B, arXiv 2411.10640, Fig. 5).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from types import TracebackType

from device_agents.reference.units import ExecutionUnit

Work = Callable[[], object]
Batch = tuple[Work, Work]
"""The CPU stage of a batch and its NPU stage."""


class Pipeline:
    """Two units: CPU stages run on the calling thread, NPU stages on a thread that lives as long as the pipeline.

    If both units are the same, everything runs on the calling thread, one stage after the other.
    """

    def __init__(self, cpu: ExecutionUnit, npu: ExecutionUnit) -> None:
        self._cpu = cpu
        self._jobs: SimpleQueue[Work | None] = SimpleQueue()
        self._done: SimpleQueue[BaseException | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._failed = False
        self._npu = npu
        if npu != cpu:
            self._thread = threading.Thread(target=self._serve, name="npu", daemon=True)
            self._thread.start()

    def run(self, batches: Sequence[Batch], *, pipelined: bool) -> None:
        """Run every batch in order, and return when the last NPU stage is done.

        Serial (`pipelined` false): the same threads on the same cores, but CPU stage i + 1 waits for NPU
        stage i. Raises the first exception of either side, after the other side has stopped.
        """
        self._cpu.pin()
        if self._thread is None:
            for cpu_stage, npu_stage in batches:
                cpu_stage()
                npu_stage()
            return
        self._failed = False
        results: list[BaseException | None] = []
        handed = 0
        try:
            for cpu_stage, npu_stage in batches:
                cpu_stage()
                self._jobs.put(npu_stage)
                handed += 1
                if not pipelined:
                    results.append(self._done.get())
                if self._failed:
                    break
        finally:
            results += [self._done.get() for _ in range(handed - len(results))]
        for failure in results:
            if failure is not None:
                raise failure

    def close(self) -> None:
        """End the NPU thread."""
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join()
            self._thread = None

    def __enter__(self) -> Pipeline:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _serve(self) -> None:
        self._npu.pin()
        while (work := self._jobs.get()) is not None:
            failure: BaseException | None = None
            try:
                if not self._failed:
                    work()
            except BaseException as error:  # noqa: BLE001  (passed to the waiting thread)
                self._failed = True
                failure = error
            del work  # it holds its graphs open, and whoever waits may close them next
            self._done.put(failure)
