"""A pair of a comparison in a line, printed as soon as it was measured."""

from __future__ import annotations

from lab.compare.comparison import Step
from lab.records import Trial
from lab.report.wording import number_of
from lab.stats.sample import counted


def pair_words(step: Step) -> str:
    """Return what a pair showed: why it does not count if so, and how far its cell is."""
    bad = next((trial for trial in step.trials if not counted(trial, step.comparison.metric)), None)
    change = step.cell.change
    so_far = (
        "no pair yet" if change is None else f"B / A {change.estimate:.3f} after {number_of(change.n, 'pair')}"
    )
    if change is not None and change.low is not None and change.high is not None:
        so_far += f" ({change.low:.3f} to {change.high:.3f})"
    lost = f"does not count: {_why(bad)}; " if bad else ""
    return f"{step.cell.cell}: {lost}{so_far}, {step.cell.verdict}"


def _why(trial: Trial) -> str:
    """Return why a trial does not count."""
    if trial.reason is not None:
        return str(trial.reason)
    return "it never settled" if trial.state == "unsteady" else "it has no figure"
