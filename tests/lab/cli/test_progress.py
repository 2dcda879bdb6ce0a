"""The progress of runs: one line on a terminal, every tenth trial in a log."""

from __future__ import annotations

import io
from dataclasses import replace

from rich.console import Console

from lab.cli.progress import Display
from lab.cli.tally import Share
from tests.lab.report.report_runs import batches, invalid, run_of, times, trials_of

CELLS = batches(1, 2, 4)
RUN = run_of(CELLS)
TRIALS = trials_of(CELLS, {"encode_s": times(0.4, 0.3, 0.2)})


class Clock:
    """A clock that goes on by two seconds whenever it is read."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Return the seconds."""
        self.now += 2.0
        return self.now


def shown(*, terminal: bool) -> str:
    """Show two runs of 18 trials; the third of the second does not count."""
    out = io.StringIO()
    console = Console(file=out, width=100, force_terminal=terminal, _environ={})
    with Display(console, [Share(18, 18), Share(18, 18)], Clock()) as display:
        for title, trials in (("first", TRIALS), ("second", [*TRIALS[:2], invalid(3, 1, "x"), *TRIALS[3:]])):
            with display.run(title, replace(RUN, most=6), 0) as (_, tell):
                for trial in trials:
                    tell(trial)
    return out.getvalue()


def test_a_log_has_a_line_for_every_tenth_trial_and_one_at_the_end_of_a_run() -> None:
    """Beside a run's name stand its own numbers, then those of the whole command with the time left."""
    assert shown(terminal=False).splitlines() == [
        "first: 10 of 18 trials; 10 of 36 in all; about 52 s left",
        "first: 18 trials done",
        "second: 2 of 18 trials; 20 of 36 in all; about 32 s left",
        "second: 12 of 18 trials (1 wrong_output); 30 of 36 in all; about 12 s left",
        "second: 18 trials done (1 wrong_output)",
    ]


def test_a_terminal_has_one_line_that_changes() -> None:
    """All runs share it: it is drawn over and over, and never a second one below it."""
    text = shown(terminal=True)

    assert text.count("\n") == 1
    assert "in all" in text and "36/36" in text
