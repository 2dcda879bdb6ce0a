"""Benches at work: a person sees their progress, and SIGTERM and SIGHUP end them as Ctrl-C does."""

from __future__ import annotations

import shlex
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import FrameType

from lab.cli.options import console
from lab.cli.progress import Display
from lab.cli.tally import Share
from lab.run.bench import Bench
from lab.run.delivery import present


@contextmanager
def at_work(
    benches: Sequence[Bench], stop: threading.Event | None = None, shares: Sequence[Share] = ()
) -> Iterator[tuple[list[Bench], Display]]:
    """Show progress, and yield the benches with a push that is shown too; it ends once `stop` is set.

    `shares` are the runs that will be begun.
    """
    with interruptible(), Display(console(), shares) as display:
        yield [_pushing(bench, display, stop) for bench in benches], display


@contextmanager
def interruptible() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the block as Ctrl-C does."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = [(number, signal.getsignal(number)) for number in (signal.SIGTERM, signal.SIGHUP)]
    for number, handler in before:
        if handler is not signal.SIG_IGN:  # as under nohup, which ignores that its terminal was closed
            signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)


def _pushing(bench: Bench, display: Display, stop: threading.Event | None) -> Bench:
    """Return the bench with a push that shows its progress; the host needs no push."""
    if bench.device.scratch is None:
        return bench
    tell = display.sending(bench.device.identity.name)

    def progress(sent: int, total: int) -> None:
        if stop is not None and stop.is_set():
            raise KeyboardInterrupt
        tell(sent, total)

    return replace(bench, present=present(bench, progress))


def build_option(bench: Bench) -> str:
    """Return the option that names the build where the store could not find it: one measured in its own folder."""
    folder = bench.build.folder
    known = folder.absolute().is_relative_to(bench.store.builds_folder.absolute())
    return "" if known else f" --build {shlex.quote(str(folder))}"
