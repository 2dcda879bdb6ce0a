"""The layout of an answer's chart: numbers in, positions out; the page template draws them.

Each cell has a row. A dot is a trial, at its median, from the first block (top) to the last (bottom), so a
slope is drift. A filled dot is a value that counts; invalid and unsettled trials are hollow. The band is the
interval, its line the estimate. Published figures have a panel and a scale of their own: compare their shape with
ours, not their size.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from lab.records import Answer, CellSummary, Metric, Published, Trial, purpose_of
from lab.report.answer.standing import Standing, matches, standing_of
from lab.report.scale import SMALL, WIDTH, Scale
from lab.report.wording import cell_phrase, estimate_with_interval, plain, quantity, scale_of, varying
from lab.stats.sample import counted, value_of

_SPREAD = 26.0
_ROW, _LINE = 46.0, 15.0
_LINES = 3
"""How many lines the name of a cell has at most."""


@dataclass(frozen=True)
class Shape:
    """The places of a chart in pixels: its scale from `left` to `right`, parted at `split` for published figures.

    `characters` of a cell's name fit in a line, beside its row or, where `above`, on top of it.
    """

    width: float
    left: float
    right: float
    split: tuple[float, float]
    top: float
    characters: int
    ticks: tuple[int, int]
    above: bool


LARGE = Shape(WIDTH, 230.0, 930.0, (660.0, 720.0), 30.0, 33, (7, 3), above=False)
SMALL_ONE = Shape(SMALL, 14.0, 322.0, (214.0, 246.0), 46.0, 40, (5, 3), above=True)


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
    text_y: float
    label: str
    lines: tuple[str, ...]
    standing: Standing
    band: tuple[float, ...]
    title: str
    marks: tuple[Mark, ...]
    diamonds: tuple[Diamond, ...]


@dataclass(frozen=True)
class Panel:
    """One scale: its ticks as (pixel, text), its title, and where that begins or, at `end`, ends."""

    x: float
    y: float
    anchor: Literal["start", "end"]
    ticks: tuple[tuple[float, str], ...]
    title: str


@dataclass(frozen=True)
class Sign:
    """A sign of the legend: a dot of a trial's `style`, or the band of a row, in the colour of `standing`."""

    shape: Literal["dot", "band", "line"]
    standing: str
    style: str
    meant: str


@dataclass(frozen=True)
class Chart:
    """Everything the template needs; `published` is None where no figure is of the headline metric.

    `signs` are those that the chart has.
    """

    width: float
    height: float
    row: float
    top: float
    bottom: float
    rows: tuple[Row, ...]
    ours: Panel
    published: Panel | None
    logarithmic: bool
    signs: tuple[Sign, ...]


def charts(answer: Answer, trials: Sequence[Trial]) -> list[Chart]:
    """Return an answer's chart for a desk and for a phone; none when no trial has a value of its metric."""
    return [drawn for shape in (LARGE, SMALL_ONE) if (drawn := chart(answer, trials, shape))]


def chart(answer: Answer, trials: Sequence[Trial], shape: Shape = LARGE) -> Chart | None:
    """Return an answer's chart; None when no trial has a value of the headline metric."""
    metric = answer.metric
    shown = [
        (trial, value)
        for trial in trials
        if trial.purpose == purpose_of(metric.name) and (value := value_of(trial, metric.name)) is not None
    ]
    if not shown:
        return None
    figures = [figure for figure in answer.published if figure.metric == metric.name]
    values = [value for _, value in shown]
    for summary in answer.summaries:
        found = summary.interval
        values += [v for v in (found.low, found.high) if v is not None] if found else []
    scale = Scale(values, shape.left, shape.split[0] if figures else shape.right)
    known = [figure.value for figure in figures]
    other = Scale(known, shape.split[1], shape.right - 40, from_zero=True) if figures else None
    lines = max(len(_lines(_label(answer, each), shape)) for each in answer.summaries)
    height = _ROW + _LINE * (lines + 0.6 if shape.above else max(0, lines + 1 - 3))
    rows = tuple(
        _row(answer, summary, shown, middle=shape.top + height * (index + 0.5), height=height, scale=scale,
             other=other, shape=shape)
        for index, summary in enumerate(answer.summaries)
    )  # fmt: skip
    bottom = shape.top + height * len(rows)
    room = shape.ticks[0] if not figures or not shape.above else shape.ticks[1]
    ours = _panel(scale, metric, f"{metric.label}, {metric.better} is better", room, (shape.left, shape.top - 12))
    published = None
    if other:
        place = (shape.split[1], shape.top - 12) if not shape.above else (shape.right, shape.top - 28)
        published = _panel(other, metric, "published, own scale", shape.ticks[1], place, at_end=shape.above)
    return Chart(
        width=shape.width,
        height=bottom + 30,
        row=height,
        top=shape.top,
        bottom=bottom,
        rows=rows,
        ours=ours,
        published=published,
        logarithmic=scale.log,
        signs=tuple(_signs(rows)),
    )


def _signs(rows: Sequence[Row]) -> Iterator[Sign]:
    """Yield what a chart's rows have: their trials in each row's colour, lost trials, bands and bare estimates."""
    counting = dict.fromkeys(row.standing for row in rows if any(mark.standing == "counts" for mark in row.marks))
    for number, standing in enumerate(counting):
        of = f" ({standing})" if len(counting) > 1 else ""
        more = ", first block on top: a slope is drift" if number == 0 else ""
        yield Sign("dot", standing, "counts", f"a trial{of}{more}")
    lost = {mark.standing for row in rows for mark in row.marks}
    if "invalid" in lost:
        yield Sign("dot", "", "invalid", "invalid trial, counts for nothing")
    if "unsteady" in lost:
        yield Sign("dot", "", "unsteady", "trial that never settled, counts for nothing")
    bands = [row for row in rows if len(row.band) > 1]
    bare = [row for row in rows if len(row.band) == 1]
    if bands:
        yield Sign("band", bands[0].standing, "", "estimate and interval")
    if bare:
        yield Sign("line", bare[0].standing, "", "estimate of too few trials for an interval")


def _row(
    answer: Answer,
    summary: CellSummary,
    trials: Sequence[tuple[Trial, float]],
    *,
    middle: float,
    height: float,
    scale: Scale,
    other: Scale | None,
    shape: Shape,
) -> Row:
    metric, found, cell = answer.metric, summary.interval, summary.cell
    label = _label(answer, summary)
    lines, standing = _lines(label, shape), standing_of(answer, summary)
    y = middle + (height - _ROW) / 2 if shape.above else middle
    said = len(lines) + bool(standing and len(answer.run.cells) > 1)
    text_y = middle - height / 2 + _LINE if shape.above else middle + 4 - _LINE / 2 * (said - 1)
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
        text_y=text_y,
        label=label,
        lines=lines,
        standing=standing,
        band=band,
        title=title,
        marks=tuple(_mark(t, value, metric, y + _offset(t.block, blocks), scale) for t, value in own),
        diamonds=_diamonds(answer, summary, y, other, shape) if other else (),
    )


def _label(answer: Answer, summary: CellSummary) -> str:
    several = len(answer.run.cells) > 1
    return cell_phrase(summary.cell, varying(answer.run.cells)) if several else plain(answer.metric.label)


def _lines(label: str, shape: Shape) -> tuple[str, ...]:
    return tuple(textwrap.wrap(label, shape.characters, max_lines=_LINES, placeholder="…")) or ("",)


def _offset(block: int, blocks: Sequence[int]) -> float:
    first, last = min(blocks), max(blocks)
    return round(_SPREAD * ((block - first) / (last - first) - 0.5), 1) if last > first else 0.0


def _mark(trial: Trial, value: float, metric: Metric, y: float, scale: Scale) -> Mark:
    standing: Literal["counts", "invalid", "unsteady"] = "counts"
    reason = ""
    if not trial.valid:
        standing, reason = "invalid", f", invalid: {trial.reason or 'no reason'} {plain(trial.detail)}".rstrip()
    elif not counted(trial, metric.name):
        standing, reason = "unsteady", ", never settled: counts for nothing"
    text = f"trial {trial.number}, block {trial.block}: {quantity(value, metric.unit)}{reason}"
    return Mark(scale(value), y, value, standing, text)


def _diamonds(answer: Answer, summary: CellSummary, y: float, scale: Scale, shape: Shape) -> tuple[Diamond, ...]:
    return tuple(
        _diamond(figure, answer.metric.unit, scale(figure.value), y, shape)
        for figure in answer.published
        if figure.metric == answer.metric.name and matches(figure, summary.cell)
    )


def _diamond(figure: Published, unit: str, x: float, y: float, shape: Shape) -> Diamond:
    text = quantity(figure.value, unit)
    fits = x + 12 + 7 * len(text) < shape.width
    title = f"{figure.kind}: {text}. {plain(figure.source)}. {plain(figure.note)}"
    return Diamond(x, y, figure.kind, text, x + 12 if fits else x - 12, "start" if fits else "end", title)


def _panel(
    scale: Scale, metric: Metric, title: str, room: int, place: tuple[float, float], *, at_end: bool = False
) -> Panel:
    ticks = scale.ticks(room)
    divisor, unit = scale_of(ticks[-1], metric.unit) if ticks else (1.0, metric.unit)
    texts = tuple((scale(tick), f"{tick / divisor:.10g}") for tick in ticks)
    return Panel(*place, "end" if at_end else "start", texts, f"{title} ({unit})")
