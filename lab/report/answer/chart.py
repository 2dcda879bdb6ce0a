"""The layout of an answer's chart: numbers in, positions out; the page template draws them.

Each cell has a row. A dot is a trial, at its median, from the first block (top) to the last (bottom), so a
slope is drift. A filled dot is a value that counts; invalid and unsettled trials are hollow. The band is the
interval, its line the estimate. Published figures have a panel and a scale of their own: compare their shape with
ours, not their size.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from lab.records import Answer, CellSummary, Metric, Published, Trial
from lab.report.answer.standing import Standing, matches, standing_of
from lab.report.scale import WIDTH, Scale
from lab.report.wording import cell_phrase, estimate_with_interval, plain, quantity, varying
from lab.stats.sample import counted, value_of

_LEFT, _RIGHT, _TOP = 230.0, 930.0, 30.0
_SPLIT = (660.0, 720.0)
_SPREAD = 26.0
_ROW, _LINE = 46.0, 20.0
_CHARACTERS = 33
"""How many characters of a cell's name fit in a line beside its row; `_LINES` is how many lines."""
_LINES = 3


@dataclass(frozen=True)
class Mark:
    """A trial: its position, its value, its standing (a CSS class), and a tooltip."""

    x: float
    y: float
    value: float
    standing: Literal["counts", "invalid", "unsteady"]
    title: str


@dataclass(frozen=True)
class Diamond:
    """A published figure: its position, its kind (`published` or `derived`), and a tooltip."""

    x: float
    y: float
    kind: str
    text: str
    text_x: float
    anchor: Literal["start", "end"]
    title: str


@dataclass(frozen=True)
class Row:
    """One cell. `band` is (low, estimate, high) in pixels, the estimate alone, or empty."""

    y: float
    label: str
    lines: tuple[str, ...]
    standing: Standing
    band: tuple[float, ...]
    title: str
    marks: tuple[Mark, ...]
    diamonds: tuple[Diamond, ...]


@dataclass(frozen=True)
class Panel:
    """One scale: its ends in pixels, its ticks as (pixel, text) and its title."""

    left: float
    right: float
    ticks: tuple[tuple[float, str], ...]
    title: str


@dataclass(frozen=True)
class Chart:
    """Everything the template needs; `published` is None where no figure is of the headline metric."""

    width: float
    height: float
    row: float
    top: float
    bottom: float
    rows: tuple[Row, ...]
    ours: Panel
    published: Panel | None
    logarithmic: bool


def chart(answer: Answer, trials: Sequence[Trial]) -> Chart | None:
    """Return an answer's chart; None when no trial has a value of the headline metric."""
    metric = answer.metric
    shown = [
        (trial, value)
        for trial in trials
        if trial.purpose == "time" and (value := value_of(trial, metric.name)) is not None
    ]
    if not shown:
        return None
    figures = [figure for figure in answer.published if figure.metric == metric.name]
    values = [value for _, value in shown]
    for summary in answer.summaries:
        found = summary.interval
        values += [v for v in (found.low, found.high) if v is not None] if found else []
    scale = Scale(values, _LEFT, _SPLIT[0] if figures else _RIGHT)
    other = (
        Scale([figure.value for figure in figures], _SPLIT[1], _RIGHT - 40, from_zero=True) if figures else None
    )
    height = _ROW + _LINE * max(0, max(len(_lines(_label(answer, s))) for s in answer.summaries) - 2)
    rows = tuple(
        _row(answer, summary, shown, y=_TOP + height * (index + 0.5), scale=scale, other=other)
        for index, summary in enumerate(answer.summaries)
    )
    bottom = _TOP + height * len(rows)
    return Chart(
        width=WIDTH,
        height=bottom + 30,
        row=height,
        top=_TOP,
        bottom=bottom,
        rows=rows,
        ours=_panel(scale, metric, f"{metric.label}, {metric.better} is better", room=7),
        published=_panel(other, metric, "published, own scale", room=3) if other else None,
        logarithmic=scale.log,
    )


def _row(
    answer: Answer,
    summary: CellSummary,
    trials: Sequence[tuple[Trial, float]],
    *,
    y: float,
    scale: Scale,
    other: Scale | None,
) -> Row:
    metric, found, cell = answer.metric, summary.interval, summary.cell
    label = _label(answer, summary)
    band: tuple[float, ...] = ()
    title = f"{label}: no valid trial"
    if found is not None:
        ends = (
            (found.estimate,)
            if found.low is None or found.high is None
            else (found.low, found.estimate, found.high)
        )
        band = tuple(scale(end) for end in ends)
        title = f"{label}: {estimate_with_interval(found, metric.unit)}"
    own = [(trial, value) for trial, value in trials if trial.cell == cell.key]
    blocks = [trial.block for trial, _ in own]
    return Row(
        y=y,
        label=label,
        lines=_lines(label),
        standing=standing_of(answer, summary),
        band=band,
        title=title,
        marks=tuple(_mark(t, value, metric, y + _offset(t.block, blocks), scale) for t, value in own),
        diamonds=_diamonds(answer, summary, y, other) if other else (),
    )


def _label(answer: Answer, summary: CellSummary) -> str:
    several = len(answer.run.cells) > 1
    return cell_phrase(summary.cell, varying(answer.run.cells)) if several else plain(answer.metric.label)


def _lines(label: str) -> tuple[str, ...]:
    return tuple(textwrap.wrap(label, _CHARACTERS, max_lines=_LINES, placeholder="…")) or ("",)


def _offset(block: int, blocks: Sequence[int]) -> float:
    first, last = min(blocks), max(blocks)
    return round(_SPREAD * ((block - first) / (last - first) - 0.5), 1) if last > first else 0.0


def _mark(trial: Trial, value: float, metric: Metric, y: float, scale: Scale) -> Mark:
    standing: Literal["counts", "invalid", "unsteady"] = "counts"
    reason = ""
    if not trial.valid:
        standing, reason = "invalid", f", invalid: {trial.reason} {plain(trial.detail)}".rstrip()
    elif not counted(trial, metric.name):
        standing, reason = "unsteady", ", never settled: counts for nothing"
    text = f"trial {trial.number}, block {trial.block}: {quantity(value, metric.unit)}{reason}"
    return Mark(scale(value), y, value, standing, text)


def _diamonds(answer: Answer, summary: CellSummary, y: float, scale: Scale) -> tuple[Diamond, ...]:
    return tuple(
        _diamond(figure, answer.metric.unit, scale(figure.value), y)
        for figure in answer.published
        if figure.metric == answer.metric.name and matches(figure, summary.cell)
    )


def _diamond(figure: Published, unit: str, x: float, y: float) -> Diamond:
    text = quantity(figure.value, unit)
    fits = x + 12 + 7 * len(text) < WIDTH
    title = f"{figure.kind}: {text}. {plain(figure.source)}. {plain(figure.note)}"
    return Diamond(x, y, figure.kind, text, x + 12 if fits else x - 12, "start" if fits else "end", title)


def _panel(scale: Scale, metric: Metric, title: str, *, room: int) -> Panel:
    ticks = scale.ticks(room)
    divisor, unit = (1.0, metric.unit)
    if unit == "s" and ticks:
        divisor, unit = next(
            (p for p in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")) if ticks[-1] >= p[0]), (1e-9, "ns")
        )
    texts = tuple((scale(tick), f"{tick / divisor:.10g}") for tick in ticks)
    return Panel(scale.left, scale.right, texts, f"{title} ({unit})")
