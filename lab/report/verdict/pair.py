"""A pair of a comparison in a line, printed as soon as it was measured."""

from __future__ import annotations

from lab.compare.comparison import Step
from lab.identifiers import seconds
from lab.records import Trial
from lab.report.verdict.sides import Names
from lab.report.wording import number_of, plain
from lab.stats.sample import counted


def pair_words(step: Step, names: Names) -> str:
    """Return what a pair showed, why it does not count if so, how far its cell is, and the time left."""
    bad = next((trial for trial in step.trials if not counted(trial, step.comparison.metric)), None)
    change, verdict = step.cell.change, step.cell.verdict
    so_far = "no valid pair yet"
    if change is not None:
        base, other = names
        so_far = f"{other} / {base} {_ratio(change.estimate)} after {number_of(change.n, 'pair')}"
    if change is not None and change.low is not None and change.high is not None:
        so_far += f" ({_ratio(change.low)} to {_ratio(change.high)})"
    lost = f"does not count: {_why(bad)}; " if bad else ""
    said = "no verdict yet" if verdict == "cannot tell" else verdict
    return plain(f"{step.cell.cell}: {lost}{so_far}, {said}; {left_words(step)}")


def left_words(step: Step) -> str:
    """Return what is left of the budget, and about how long until the next look."""
    look = "" if step.look_s is None else f", next look in about {seconds(step.look_s)}"
    return f"{seconds(step.left_s)} of {seconds(step.comparison.budget_s)} left{look}"


def _ratio(value: float) -> str:
    return f"{value:.3f}" if value < 10 else f"{value:.3g}"


def _why(trial: Trial) -> str:
    """Return why a trial does not count."""
    if trial.reason is not None:
        return str(trial.reason)
    return "it never settled" if trial.state == "unsteady" else "it has no figure"
