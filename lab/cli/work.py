"""One `lab run`: its devices, its benches, its scenarios, and the scenario of a run to be resumed."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import FrameType

from rich.console import Console

from lab.cli.progress import Display
from lab.records import Run
from lab.run import fleet
from lab.run.bench import Bench
from lab.run.delivery import present
from lab.run.turn import Terms
from lab.scenario.plan import Scenario


def teller(console: Console) -> Callable[[str], None]:
    """Return what tells a person something in one line, on that console."""
    return lambda words: console.print(words, markup=False, highlight=False, soft_wrap=True)


def measure(record: Run, chosen: Scenario, bench: Bench, console: Console) -> Run:
    """Measure what a run lacks, with progress, and return it as it was saved at the end."""
    with _terminable(), Display(console) as display:
        return fleet.carry_on(record, chosen, _pushing(bench, display), display)


@contextmanager
def at_work(bench: Bench, console: Console) -> Iterator[tuple[Bench, Display]]:
    """Show progress, let SIGTERM end the work as Ctrl-C does, and give the bench with a push that is shown."""
    with _terminable(), Display(console) as display:
        yield _pushing(bench, display), display


@contextmanager
def at_work_on(benches: Sequence[Bench], console: Console) -> Iterator[tuple[list[Bench], Display]]:
    """Do as :func:`at_work` does for several benches."""
    with _terminable(), Display(console) as display:
        yield [_pushing(bench, display) for bench in benches], display


def measure_all(
    benches: Sequence[Bench],
    scenarios: Sequence[Scenario],
    terms: Terms,
    begin: fleet.Begin,
    console: Console,
) -> list[fleet.Ended]:
    """Measure every scenario on every device, with progress, and return what became of each."""
    with _terminable(), Display(console) as display:
        shown = [_pushing(bench, display, terms.stop) for bench in benches]
        return fleet.measure(shown, scenarios, terms, begin=begin, show=display, stop=terms.stop)


def _pushing(bench: Bench, display: Display, stop: threading.Event | None = None) -> Bench:
    """Return the bench with a push that shows its progress and ends once `stop` is set; the host needs none."""
    if bench.device.scratch is None:
        return bench
    tell = display.sending(bench.device.identity.name)

    def progress(sent: int, total: int) -> None:
        if stop is not None and stop.is_set():
            raise KeyboardInterrupt
        tell(sent, total)

    return replace(bench, present=present(bench, progress))


@contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM end a run as Ctrl-C does: the agent stopped, the run marked interrupted."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
