"""What a person sees while the lab works: log lines, and progress that is silent about nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.logging import RichHandler
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from lab.records import Trial
from lab.runner import Progress as Now
from lab.runner import Watch

Done = Callable[[Trial], None]

REFRESH_HZ = 1.0
"""How often the bar is drawn: the lab shares the host's cores with what it measures."""


def configure_logging(console: Console, *, verbose: bool) -> None:
    """Send the lab's log to stderr, through the console that also draws progress."""
    handler = RichHandler(console=console, show_path=False, show_time=False, markup=False)
    level = logging.DEBUG if verbose else logging.WARNING
    logging.basicConfig(level=level, format="%(message)s", handlers=[handler], force=True)
    logging.getLogger("alembic").setLevel(logging.WARNING)


@contextmanager
def shown(console: Console, title: str, total: int, done: int) -> Iterator[tuple[Watch, Done]]:
    """Show a run's progress: a bar on a terminal, one line a trial elsewhere.

    Yields what the runner calls while it measures and what to call with each trial it yields.
    """
    if console.is_terminal:
        with _bar(console, title, total, done) as calls:
            yield calls
        return
    spent_s, count = 0.0, 0

    def line(trial: Trial) -> None:
        nonlocal count, spent_s
        count, spent_s = count + 1, spent_s + trial.wall_s
        left_s = spent_s / count * (total - done - count)
        verdict = "ok" if trial.valid else f"does not count: {trial.reason}"
        console.print(
            f"{title} {done + count}/{total} {trial.cell}: {verdict} in {trial.wall_s:.1f} s, "
            f"about {left_s:.0f} s left",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )

    yield (lambda now: None), line


@contextmanager
def _bar(console: Console, title: str, total: int, done: int) -> Iterator[tuple[Watch, Done]]:
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, refresh_per_second=REFRESH_HZ) as progress:
        task = progress.add_task(title, total=total, completed=done)

        def watch(now: Now) -> None:
            place = now.place
            at = "settling" if place.number == 0 else f"{place.cell.key}, trial {place.number}/{now.total}"
            progress.update(task, description=f"{title}: {at}, iteration {now.iterations}")

        yield watch, lambda trial: progress.advance(task)
