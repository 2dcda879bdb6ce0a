"""An explanation as one self-contained page, with a timeline of its trials."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lab.records.explanation import Explanation, Line
from lab.report.html import environment
from lab.report.table import Column, Head, Table, table
from lab.report.timeline import Mark, Timeline, laid_out


def render_explanation_page(found: Explanation) -> str:
    """Return the page; it loads nothing and escapes every name."""
    template = environment().get_template("explain.html")
    return template.render(e=found, of_trials=of_trials, trials_table=trials_table)


def of_trials(found: Explanation, *, small: bool = False) -> Timeline | None:
    """Lay out a run's trials over time: medians, then temperature, allowed clocks and others' CPU where known.

    Return None where no trial has a figure. `small` is for a phone's screen.
    """
    lines = found.lines
    wanted = [
        ("median, % of its cell's mean", [_median(line) for line in lines]),
        ("temperature, °C: ring at the start, dot the peak", [mark for line in lines for mark in _heat(line)]),
        ("clock allowed, % of the top", _each(lines, "", _cap, "{:.0f} % of its top clock")),
        ("others' CPU, cores", _each(lines, "", lambda line: line.evidence.doing.others_cores, "{:.2f} cores")),
    ]
    if all(line.relative is None for line in lines):
        return None
    return laid_out([(title, marks, False) for title, marks in wanted if marks], small=small)


def _median(line: Line) -> Mark:
    if line.relative is None:
        return Mark(line.at_s, None, line.standing, f"trial {line.number} {line.cell}: no figure, {line.reason}")
    share = 100 * line.relative
    text = f"trial {line.number} {line.cell}: {share:.1f} % of its cell's mean"
    return Mark(line.at_s, share, line.standing, f"{text}, {line.reason or line.standing}")


def _heat(line: Line) -> list[Mark]:
    pair = line.evidence.doing.skin or line.evidence.doing.soc or line.evidence.doing.battery
    if pair is None:
        return []
    text = f"trial {line.number}: {pair[0]:.1f} -> {pair[1]:.1f} °C"
    return [Mark(line.at_s, pair[0], "start", text), Mark(line.at_s, pair[1], "peak", text)]


def _cap(line: Line) -> float | None:
    cap = line.evidence.doing.cap
    return None if cap is None else 100 * cap[1]


def _each(lines: Sequence[Line], style: str, value: Callable[[Line], float | None], words: str) -> list[Mark]:
    return [
        Mark(line.at_s, known, style, f"trial {line.number}: {words.format(known)}")
        for line in lines
        if (known := value(line)) is not None
    ]


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
