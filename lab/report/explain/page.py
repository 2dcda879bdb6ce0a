"""An explanation as one self-contained page, with a timeline of its trials."""

from __future__ import annotations

from lab.records.explanation import Explanation, Line
from lab.report.explain.strips import has_figure, strips_of
from lab.report.html import environment
from lab.report.table import Column, Head, Table, table
from lab.report.timeline import Timeline, laid_out


def render_explanation_page(found: Explanation) -> str:
    """Return the page; it loads nothing and escapes every name."""
    template = environment().get_template("explain.html")
    return template.render(e=found, of_trials=of_trials, signs=signs_of(found), trials_table=trials_table)


def of_trials(found: Explanation, *, small: bool = False) -> Timeline | None:
    """Lay out a run's trials over time; None where no trial has a figure. `small` is for a phone's screen."""
    strips = strips_of(found)
    return laid_out([(strip.title, strip.marks, False) for strip in strips], small=small) if strips else None


def signs_of(found: Explanation) -> set[str]:
    """Return the signs that a timeline has: standings, and ``edge`` where a trial has no figure."""
    edge = {"edge"} if any(not has_figure(line) for line in found.lines) else set()
    return {line.standing for line in found.lines} | edge


def trials_table(found: Explanation) -> Table:
    """Return every trial: how it stands, why, and what the device did around it."""
    columns: list[Column[Line]] = [
        Column(Head("trial"), lambda line: str(line.number)),
        Column(Head("cell", "words"), lambda line: line.cell or "-"),
        Column(Head("began", "words"), lambda line: line.when),
        Column(Head("standing", "words"), lambda line: line.standing),
        Column(Head("why, and what is worth knowing", "prose"), _why),
        Column(Head("device", "prose"), lambda line: line.device),
    ]
    return table(columns, found.lines, standing=lambda line: "" if line.standing == "counts" else "odd")


def _why(line: Line) -> str:
    why = ": ".join(filter(None, (line.reason, line.detail)))
    return "; ".join(filter(None, (why, *line.remarks, line.state)))
