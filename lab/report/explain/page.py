"""An explanation as one self-contained page, with a timeline of its trials."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import geometric_mean

from lab.records import Metric
from lab.records.explanation import Explanation, Line
from lab.report.html import environment
from lab.report.table import Column, Head, Table, table
from lab.report.timeline import Mark, Timeline, laid_out
from lab.report.wording import quantity


def render_explanation_page(found: Explanation) -> str:
    """Return the page; it loads nothing and escapes every name."""
    template = environment().get_template("explain.html")
    return template.render(e=found, of_trials=of_trials, signs=signs_of(found), trials_table=trials_table)


def of_trials(found: Explanation, *, small: bool = False) -> Timeline | None:
    """Lay out a run's trials over time: medians, then temperature, allowed clocks and others' CPU where known.

    A mark has its trial's standing in every strip. Return None where no trial has a figure. `small` is for a
    phone's screen.
    """
    lines, centres = found.lines, _centres(found.lines)
    wanted = [
        ("median, % of its cell's mean", [_median(line, found.metric, centres) for line in lines]),
        ("temperature, °C: ring at the start, dot the peak", [mark for line in lines for mark in _heat(line)]),
        ("clock allowed, % of the top", _each(lines, _cap, "{:.0f} % of its top clock")),
        ("others' CPU, cores", _each(lines, lambda line: line.evidence.doing.others_cores, "{:.2f} cores")),
    ]
    if not any(_has_figure(line) for line in lines):
        return None
    return laid_out([(title, marks, False) for title, marks in wanted if marks], small=small)


def signs_of(found: Explanation) -> set[str]:
    """Return the signs that a timeline has: standings, and ``edge`` where a trial has no figure."""
    edge = {"edge"} if any(not _has_figure(line) for line in found.lines) else set()
    return {line.standing for line in found.lines} | edge


def _has_figure(line: Line) -> bool:
    return line.standing != "memory" and line.value is not None and line.value > 0


def _centres(lines: Sequence[Line]) -> dict[str, float]:
    """Return cell -> geometric mean of its trials that have a figure, for cells of which no trial counts."""
    alone = [line for line in lines if line.relative is None and _has_figure(line)]
    by: dict[str, list[float]] = {}
    for line in alone:
        by.setdefault(line.evidence.trial.cell, []).append(line.value or 0.0)
    return {cell: geometric_mean(values) for cell, values in by.items()}


def _median(line: Line, metric: Metric, centres: Mapping[str, float]) -> Mark:
    name = f"trial {line.number} {line.cell}".rstrip()
    why = line.reason or line.standing
    if not _has_figure(line) or line.value is None:
        return Mark(line.at_s, None, line.standing, f"{name}: no figure, {why}")
    alone = line.relative is None
    share = line.value / centres[line.evidence.trial.cell] if line.relative is None else line.relative
    of = "the mean of its cell's trials, none of which counts" if alone else "its cell's mean"
    text = f"{name}: {quantity(line.value, metric.unit)}, {100 * share:.1f} % of {of}"
    return Mark(line.at_s, 100 * share, line.standing, f"{text}, {why}")


def _heat(line: Line) -> list[Mark]:
    pair = line.evidence.doing.skin or line.evidence.doing.soc or line.evidence.doing.battery
    if pair is None:
        return []
    text = f"trial {line.number}: {pair[0]:.1f} -> {pair[1]:.1f} °C"
    lost = " invalid" if line.standing == "invalid" else ""
    return [Mark(line.at_s, pair[0], f"start{lost}", text), Mark(line.at_s, pair[1], f"peak{lost}", text)]


def _cap(line: Line) -> float | None:
    cap = line.evidence.doing.cap
    return None if cap is None else 100 * cap[1]


def _each(lines: Sequence[Line], value: Callable[[Line], float | None], words: str) -> list[Mark]:
    return [
        Mark(line.at_s, known, line.standing, f"trial {line.number}: {words.format(known)}")
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
