"""The progress that a person sees while the lab works; it prints nothing when there is nothing to report."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from device_agents.plain import cut
from lab.records import Trial
from lab.run.bench import Progress as Now
from lab.run.bench import Watch

Done = Callable[[Trial], None]

REFRESH_HZ = 1.0
"""How often the bar is drawn: the lab shares the host's cores with what it measures."""

TOLD_PERCENT = 25
"""Off a terminal a push prints a line whenever this much more of it was sent."""


class Display:
    """The progress of everything that runs at the moment. Any thread may call its methods."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bars = _bars(console) if console.is_terminal else None

    def __enter__(self) -> Display:
        if self._bars is not None:
            self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bars is not None:
            self._bars.stop()

    def say(self, words: str) -> None:
        """Print a line above the bars."""
        self._console.print(cut(words), soft_wrap=True)

    @contextmanager
    def run(self, title: str, total: int, done: int) -> Iterator[tuple[Watch, Done]]:
        """Show a run: a bar on a terminal, one line per trial elsewhere.

        Yields what the runner calls while it measures, and what to call with each trial.
        """
        if self._bars is None:
            yield (lambda now: None), self._lines(title, total, done)
            return
        bars = self._bars
        task = bars.add_task(title, total=total, completed=done)
        try:
            yield _watch(bars, task, title), lambda trial: bars.advance(task)
        finally:
            bars.stop_task(task)

    @contextmanager
    def steps(self, title: str, total: int, done: int) -> Iterator[tuple[Watch, Callable[[str], None]]]:
        """Show work in steps: a line at the end of each, on a terminal with a bar below them.

        Yields what is called while a step is measured, and what to call with the line at its end.
        """
        if self._bars is None:
            yield (lambda now: None), self.say
            return
        bars = self._bars
        task = bars.add_task(title, total=total, completed=done)

        def end(words: str) -> None:
            self.say(words)
            bars.advance(task)

        try:
            yield _watch(bars, task, title), end
        finally:
            bars.stop_task(task)

    def sending(self, device: str) -> Callable[[int, int], None]:
        """Return what a push to `device` calls with (bytes sent, bytes in total)."""
        task: TaskID | None = None
        told = 0

        def tell(sent: int, total: int) -> None:
            nonlocal task, told
            if total == 0:
                return
            if self._bars is None:
                if (share := 100 * sent // total) // TOLD_PERCENT > told // TOLD_PERCENT:
                    told = share
                    self.say(f"{device}: {share} % of {total / 2**20:.1f} MiB sent")
                return
            if task is None:
                task = self._bars.add_task(f"{device}: sending, MiB", total=total / 2**20)
            self._bars.update(task, completed=sent / 2**20, total=total / 2**20, visible=sent < total)

        return tell

    def _lines(self, title: str, total: int, done: int) -> Done:
        """Return what prints a line per trial, with an estimate of the time left."""
        spent_s, count = 0.0, 0

        def line(trial: Trial) -> None:
            nonlocal count, spent_s
            count, spent_s = count + 1, spent_s + trial.wall_s
            seen, verdict = done + count, "ok" if trial.valid else f"does not count: {trial.reason}"
            at = f"{seen}/{total}" if seen <= total else f"{seen}, intervals still too wide,"
            left = f", about {spent_s / count * (total - seen):.0f} s left" if seen < total else ""
            self.say(f"{title} {at} {trial.cell}: {verdict} in {trial.wall_s:.1f} s{left}")

        return line


def _watch(bars: Progress, task: TaskID, title: str) -> Watch:
    """Return what shows, beside a bar, the trial that is measured and its iterations."""

    def watch(now: Now) -> None:
        place = now.place
        at = "settling" if place.number == 0 else f"{place.cell.key}, trial {place.number}/{now.total}"
        bars.update(task, description=f"{title}: {at}, iteration {now.iterations}")

    return watch


def _bars(console: Console) -> Progress:
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    return Progress(
        *columns,
        console=console,
        refresh_per_second=REFRESH_HZ,
        redirect_stdout=False,  # rich would take the colours out of a text and draw them
        redirect_stderr=False,
    )
