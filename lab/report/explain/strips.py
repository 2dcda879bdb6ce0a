"""A run's trials over time, figure by figure: what a timeline draws, whoever draws it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import geometric_mean

from lab.records import Metric
from lab.records.explanation import Explanation, Line
from lab.report.timeline import Mark
from lab.report.wording import quantity


@dataclass(frozen=True)
class Strip:
    """One figure of the trials over time; `lines` holds the trial of each mark."""

    title: str
    marks: tuple[Mark, ...]
    lines: tuple[Line, ...]


def strips_of(found: Explanation) -> tuple[Strip, ...]:
    """Return medians, then temperature, allowed clocks and others' CPU where known; none without a figure.

    A mark has its trial's standing as its style, in every strip.
    """
    lines, centres = found.lines, _centres(found.lines)
    if not any(has_figure(line) for line in lines):
        return ()
    strips = (
        _strip("median, % of its cell's mean", lines, lambda line: [_median(line, found.metric, centres)]),
        _strip("temperature, °C: ring at the start, dot the peak", lines, _heat),
        _strip("clock allowed, % of the top", lines, _each(_cap, "{:.0f} % of its top clock")),
        _strip("others' CPU, cores", lines, _each(lambda line: line.evidence.doing.others_cores, "{:.2f} cores")),
    )
    return tuple(strip for strip in strips if strip.marks)


def has_figure(line: Line) -> bool:
    """Return whether a trial has a figure to draw."""
    return line.standing != "memory" and line.value is not None and line.value > 0


def _strip(title: str, lines: Sequence[Line], marks: Callable[[Line], Sequence[Mark]]) -> Strip:
    found = [(mark, line) for line in lines for mark in marks(line)]
    return Strip(title, tuple(mark for mark, _ in found), tuple(line for _, line in found))


def _centres(lines: Sequence[Line]) -> dict[str, float]:
    """Return cell -> geometric mean of its trials that have a figure, for cells of which no trial counts."""
    alone = [line for line in lines if line.relative is None and has_figure(line)]
    by: dict[str, list[float]] = {}
    for line in alone:
        by.setdefault(line.evidence.trial.cell, []).append(line.value or 0.0)
    return {cell: geometric_mean(values) for cell, values in by.items()}


def _median(line: Line, metric: Metric, centres: Mapping[str, float]) -> Mark:
    name = f"trial {line.number} {line.cell}".rstrip()
    why = line.reason or line.standing
    if not has_figure(line) or line.value is None:
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


def _each(value: Callable[[Line], float | None], words: str) -> Callable[[Line], list[Mark]]:
    def marks(line: Line) -> list[Mark]:
        known = value(line)
        if known is None:
            return []
        return [Mark(line.at_s, known, line.standing, f"trial {line.number}: {words.format(known)}")]

    return marks
