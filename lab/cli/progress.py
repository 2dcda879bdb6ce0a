"""The progress that a person sees while the lab works; it prints nothing when there is nothing to report."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from device_agents.plain import cut
from lab.cli.tally import Share, Tally, share_of_run
from lab.records import Run, Trial
from lab.report.wording import number_of
from lab.run.bench import Progress as Now
from lab.run.bench import Watch

Done = Callable[[Trial], None]
End = Callable[[str, int], None]

REFRESH_HZ = 1.0
"""How often the bar is drawn: the lab shares the host's cores with what it measures."""

TOLD_TRIALS = 10
"""Off a terminal every so many trials have a line."""

TOLD_PERCENT = 25
"""Off a terminal a push prints a line whenever this much more of it was sent."""


class Display:
    """The progress of everything that runs at the moment. Any thread may call its methods.

    `shares` are the runs that the command will begin, in any order: what is left is told from the first trial on.
    """

    def __init__(
        self, console: Console, shares: Sequence[Share] = (), clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._console, self._clock = console, clock
        self._bars = _bars(console) if console.is_terminal else None
        self._task: TaskID | None = None
        self._about, self._lock = "", threading.Lock()
        self.tally = Tally(list(shares))

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
    def run(self, title: str, record: Run, done: int) -> Iterator[tuple[Watch, Done]]:
        """Show a run in the one line of its command on a terminal, elsewhere as a line for every tenth trial.

        Yields what the runner calls while it measures, and what to call with each trial.
        """
        share = self._begun(record, done)
        last, bad = self._clock(), Counter[str]()

        def watch(now: Now) -> None:
            nonlocal last
            if not share.measured and now.place.number and not now.iterations:
                last = self._clock()  # before the first trial a device is made ready, once
            at = "settling" if now.place.number == 0 else f"{now.place.cell.key}, iteration {now.iterations}"
            self._about = f"{title}: {at}"
            self._draw()

        def end(trial: Trial) -> None:
            nonlocal last
            now = self._clock()
            share.add(now - last, counts=trial.valid)
            last = now
            if not trial.valid:
                bad[str(trial.reason or "invalid")] += 1
            if self._bars is None and self.tally.done % TOLD_TRIALS == 0:
                self.say(self._line(title, share, bad))
            self._draw()

        try:
            yield watch, end
        finally:
            share.over = True
            if self._bars is None and share.done > done:
                self.say(f"{title}: {number_of(share.done, 'trial')} done{_not_counting(bad)}")
            self._draw()

    def _begun(self, record: Run, done: int) -> Share:
        """Return the share of a run that begins: one like it that was foretold, or one of its own."""
        own = share_of_run(record)
        with self._lock:
            share = next((each for each in self.tally.shares if not each.begun and each.like(own)), own)
            if share is own:
                self.tally.shares.append(own)
            share.begun, share.done = True, done
        return share

    def _line(self, title: str, share: Share, bad: Mapping[str, int]) -> str:
        """Return where a run is, then where all of them are, and how long they may still take."""
        own = f"{title}: {share.place()}{_not_counting(bad)}"
        return "; ".join(filter(None, (own, self.tally.place(), self.tally.left())))

    def _draw(self) -> None:
        """Bring the one line up to date."""
        if self._bars is None:
            return
        if self._task is None:
            of = "in all" if len(self.tally.shares) > 1 else ""
            self._task = self._bars.add_task("", total=None, left="", of=of)
        done, total, left = self.tally.done, self.tally.total, self.tally.left()
        self._bars.update(self._task, description=self._about, completed=done, total=total, left=left)

    @contextmanager
    def steps(self, title: str, total: int, done: int) -> Iterator[tuple[Watch, End, Callable[[str], None]]]:
        """Show work in steps: a line at the end of each, on a terminal with a bar below them.

        Yields what is called while a step is measured, with a line and how many steps are done at a step's end,
        and with what is left, in words: how many steps there will be is not known, so no pace of theirs tells it.
        """
        if self._bars is None:
            yield (lambda now: None), (lambda words, done: self.say(words)), (lambda words: None)
            return
        bars = self._bars
        task = bars.add_task(title, total=total, completed=done, left="")

        def end(words: str, done: int) -> None:
            self.say(words)
            bars.update(task, completed=done)

        try:
            yield _watch(bars, task, title), end, (lambda words: bars.update(task, left=words))
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
                task = self._bars.add_task(f"{device}: sending, MiB", total=total / 2**20, left=None)
            self._bars.update(task, completed=sent / 2**20, total=total / 2**20, visible=sent < total)

        return tell


def _not_counting(bad: Mapping[str, int]) -> str:
    """Return how many trials of a run do not count, and why; empty where all do."""
    return f" ({', '.join(f'{count} {reason}' for reason, count in bad.items())})" if bad else ""


def _watch(bars: Progress, task: TaskID, title: str) -> Watch:
    """Return what shows, beside a bar, the trial that is measured and its iterations."""

    def watch(now: Now) -> None:
        place = now.place
        at = "settling" if place.number == 0 else f"{place.cell.key}, trial {place.number}/{now.total}"
        bars.update(task, description=f"{title}: {at}, iteration {now.iterations}")

    return watch


class _Of(ProgressColumn):
    """Of what the numbers beside it are, where the line names one run and counts several."""

    def render(self, task: Task) -> Text:
        """Return the text."""
        return Text(task.fields.get("of", ""))


class _Left(TimeRemainingColumn):
    """The time left: in a tally's words, else as the pace of the bar suggests."""

    def render(self, task: Task) -> Text:
        """Return the text."""
        words: str | None = task.fields["left"]
        return super().render(task) if words is None else Text(words)


def _bars(console: Console) -> Progress:
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=12),
        _Of(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        _Left(),
    )
    return Progress(
        *columns,
        console=console,
        refresh_per_second=REFRESH_HZ,
        redirect_stdout=False,  # rich would take the colours out of a text and draw them
        redirect_stderr=False,
    )
