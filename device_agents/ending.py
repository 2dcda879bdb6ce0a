"""How a program of pocketlab ends: its exit status, also when its output cannot be written.

| status | meaning |
|---|---|
| 0 | success |
| 1 | the product regressed: only `lab compare` says so |
| 2 | it failed, was interrupted, or was called wrongly; or its output could not be written: stderr says why |
| 141 | whoever read its output closed the pipe (128 + SIGPIPE, as a shell counts) |
"""

from __future__ import annotations

import errno
import io
import os
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable
from typing import BinaryIO, NoReturn, TextIO, cast

from device_agents.plain import cut, plain_lines

FAILED, PIPE_CLOSED = 2, 141

INTERRUPTED = 130
"""The exit status that typer gives Ctrl-C, and Python before a program has begun: 128 + SIGINT."""


class OutputLost(SystemExit):
    """The results can no longer be written; no `except Exception` may take it for another failure."""

    def __init__(self, error: OSError) -> None:
        closed = error.errno == errno.EPIPE
        super().__init__(PIPE_CLOSED if closed else FAILED)
        self.words = "" if closed else f"the output could not be written: {error.strerror or error}"


def run(program: str, main: Callable[[], int], *, expected: type[Exception] | None = None) -> NoReturn:
    """Run a program and exit with its status.

    An `expected` error is one message; any other is a bug, whose traceback goes into a file. Both end with 2.
    """
    sys.exit(_status(program, main, expected, guard()))


def guard() -> Output:
    """Put streams in place of stdout and stderr that neither break nor refuse a character, nor control a terminal.

    One that is closed becomes /dev/null, lest the next file that is opened gets its number. What an encoding lacks
    is replaced, and so is what a terminal would obey (:func:`drawn` lets that pass). When stdout fails,
    :class:`OutputLost` is raised in the main thread, once; stderr is given up silently: it holds no results.
    Returns what stdout writes to.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    out, err = (Output(number, "wb", closefd=False) for number in (1, 2))
    sys.stdout = _stream(out, getattr(sys.stdout, "encoding", None))
    sys.stderr = _stream(err, getattr(sys.stderr, "encoding", None))
    return out


def _stream(raw: Output, encoding: str | None) -> io.TextIOWrapper:
    lines = raw.fileno() == 2 or raw.isatty()
    return _Text(io.BufferedWriter(raw), encoding or "utf-8", errors="replace", line_buffering=lines)


class Output(io.FileIO):
    """Standard output or error: after its first failure it takes everything and writes nothing."""

    lost: OutputLost | None = None

    def write(self, content: object, /) -> int:
        """Write bytes, as `io.FileIO` does."""
        if self.lost is None:
            try:
                return super().write(content)  # type: ignore[arg-type]
            except OSError as error:
                self.lost = OutputLost(error)
                if self.fileno() == 1 and threading.current_thread() is threading.main_thread():
                    raise self.lost from None
        return memoryview(content).nbytes  # type: ignore[arg-type]


class _Text(io.TextIOWrapper):
    """Text that a terminal shows and does not obey: the one place where all that a program prints is made plain.

    It hides its bytes: typer writes UTF-8 to the bytes of a stream whose encoding is ASCII.
    """

    def write(self, text: str, /) -> int:
        """Write text; what would control a terminal is made visible, and a message on stderr is cut."""
        shown = plain_lines(text)
        super().write(cut(shown) if self.fileno() == 2 else shown)
        return len(text)

    @property
    def buffer(self) -> BinaryIO:
        """Raise AttributeError."""
        raise AttributeError("buffer")


class _Drawn:
    """The same stream, for what a library drew with colours and movements of its own."""

    def __init__(self, text: _Text) -> None:
        self._text = text

    def write(self, text: str) -> int:
        """Write text as it is."""
        return io.TextIOWrapper.write(self._text, text)

    def __getattr__(self, name: str) -> object:
        return getattr(self._text, name)


def drawn(stream: TextIO) -> TextIO:
    """Return the stream for a library that draws on a terminal; the texts in its drawing must be plain already."""
    return cast(TextIO, _Drawn(stream)) if isinstance(stream, _Text) else stream


def _status(program: str, main: Callable[[], int], expected: type[Exception] | None, out: Output) -> int:
    try:
        try:
            status = main()
        except SystemExit as leaving:
            status = _of(leaving, program)
        sys.stdout.flush()
        if out.lost is not None:  # in another thread, or the lab went on
            raise out.lost
        return status
    except OutputLost as lost:
        if lost.words:
            _say(f"{program}: {lost.words}")
        return int(str(lost.code))
    except KeyboardInterrupt:
        _say(f"{program}: interrupted; everything saved before is safe")
    except Exception as error:  # noqa: BLE001 - the outermost frame: a message instead of status 1 and a wall of text
        known = expected is not None and isinstance(error, expected)
        _say(f"{program}: {error}" if known else _bug(program, error))
    return FAILED


def _of(leaving: SystemExit, program: str) -> int:
    """Return a status for what libraries leave with: 1 is not theirs to give."""
    if isinstance(leaving, OutputLost):
        raise leaving
    if leaving.code == INTERRUPTED:
        raise KeyboardInterrupt
    if isinstance(leaving.code, str):
        _say(leaving.code)
    if leaving.code == 1:  # typer's status for a connection that broke (EPIPE), without a word
        _say(f"{program}: a connection broke, or a library gave up; what was saved before is safe")
    return 0 if leaving.code in (None, 0) else FAILED


def _bug(program: str, error: Exception) -> str:
    words = f"{program}: this is a bug in the lab: {type(error).__name__}: {error}"
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="pocketlab-", suffix=".log", delete=False, encoding="utf-8", errors="backslashreplace"
        ) as file:
            traceback.print_exception(error, file=file)
    except OSError:  # a full disk, perhaps: the reason too
        return f"{''.join(traceback.format_exception(error))}{words}"
    return f"{words}\nDetails: {file.name}"


def _say(words: str) -> None:
    sys.stderr.write(f"{words}\n")
    sys.stderr.flush()
