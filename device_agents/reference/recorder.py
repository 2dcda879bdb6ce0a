"""The events file: spans are buffered while an iteration runs and written when it is over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO

from device_agents.contract import (
    Answer,
    Contract,
    End,
    Error,
    ErrorClass,
    Hello,
    Inject,
    Iteration,
    Memory,
    Output,
    Piece,
)
from device_agents.reference.stage import RawSpan, span_of


class Recorder:
    """Writes events, one JSON object a line, and counts them for `end`.

    :func:`device_agents.reference.stage.run_stage` appends to `spans`. Only the methods below write, so an
    iteration never touches the file system unless its answer is streamed. Each method writes its lines at once and
    flushes them; raises `OSError` (for instance when the disk is full).
    """

    def __init__(self, stream: BinaryIO) -> None:
        self.spans: list[RawSpan] = []
        self._stream = stream
        self._spans = 0
        self._iterations = 0
        self._outputs = 0

    def hello(self, hello: Hello) -> None:
        """Write the first line."""
        self._write([hello])

    def piece(self, piece: Piece) -> None:
        """Write a token of a streamed answer: the one line that an iteration writes."""
        self._write([piece])

    def iteration(
        self, iteration: Iteration, outputs: Sequence[Output | Answer], memory: Sequence[Memory]
    ) -> None:
        """Write the buffered spans, the iteration and its outputs, and empty the buffer."""
        spans = [span_of(raw) for raw in self.spans]
        self.spans.clear()
        self._write([*spans, iteration, *outputs, *memory])
        self._spans += len(spans)
        self._iterations += 1
        self._outputs += sum(isinstance(output, Output) for output in outputs)

    def error(self, error: ErrorClass, message: str) -> None:
        """Drop the unfinished iteration and write why the agent gives up."""
        self.spans.clear()
        self._write([Error(error=error, message=message)])

    def end(self, inject: Inject | None) -> None:
        """Write the last line: how many events of each kind the reader should have received."""
        end = End(spans=self._spans, iterations=self._iterations, outputs=self._outputs, inject=inject)
        self._write([end])

    def _write(self, events: Sequence[Contract]) -> None:
        self._stream.write(b"".join(event.model_dump_json().encode() + b"\n" for event in events))
        self._stream.flush()
