"""The axes that series share: one for each metric and kind of device, which are never mixed. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lab.records import Metric, Series
from lab.report.series.choice import short_names
from lab.report.series.points import Point, kind_of, metric_of, relative
from lab.report.table import Column, Head, Table, table
from lab.report.verdict.sentence import signed
from lab.report.wording import KINDS, quantity


@dataclass(frozen=True)
class Drawn:
    """A series with its points, its name beside the others, and the kind of its device."""

    series: Series
    name: str
    kind: str
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Facet:
    """The series of one axis; `words` name the kind of their devices and the line of builds, where it is one."""

    metric: Metric
    words: str
    lines: tuple[Drawn, ...]

    @property
    def alt(self) -> str:
        """The facet in a sentence, for who does not see it."""
        known = [point.at for line in self.lines for point in line.points if point.known]
        many = f"{len(self.lines)} series of"
        if not known:
            return f"{many} {self.metric.label}, without a figure"
        newest = "; ".join(
            f"{line.name} {quantity(point.value, self.metric.unit)}"
            for line in self.lines[:4]
            if (point := next((each for each in reversed(line.points) if each.known), None))
        )
        emulated = any(line.kind == "emulated" for line in self.lines)
        meant = "emulated, not a measurement" if emulated else f"{self.metric.better} is better"
        return (
            f"{many} {self.metric.label} in {self.metric.unit or 'no unit'}, {meant}; the newest figures: {newest}"
        )


def facets_of(
    points: Mapping[Series, tuple[Point, ...]], *, normalised: bool, over_builds: bool = False
) -> list[Facet]:
    """Return the axes that these series need.

    Normalised, each in percent of its first figure, all that share a better direction share an axis, but for
    emulated phones: their times are no measurements. Over builds
    each line of builds has its own: revisions of two lines have nothing to do with each other.
    """
    names = dict(zip(points, short_names(list(points)), strict=True))
    groups: dict[tuple[Metric, str, str], list[Drawn]] = {}
    for series, own in points.items():
        metric, kind = metric_of(series), kind_of(own)
        if normalised:
            values = relative(own)
            own = tuple(  # noqa: PLW2901 - the same points in another unit
                Point(each.at, each.date, value, each.build, each.context, each.nights)
                for each, value in zip(own, values, strict=True)
            )
            metric = Metric("relative", "relative to the first figure", "%", metric.better)
        line = Drawn(series, names[series], kind, own)
        same = metric, kind if kind == "emulated" or not normalised else "", series.line if over_builds else ""
        groups.setdefault(same, []).append(line)
    return [Facet(metric, _words(kind, builds), tuple(lines)) for (metric, kind, builds), lines in groups.items()]


def _words(kind: str, line: str) -> str:
    of_kind = KINDS.get(kind, f"kind of device: {kind}") if kind else ""
    return "; ".join(filter(None, (of_kind, f"builds of {line}" if line else "")))


def summary(facets: Sequence[Facet]) -> Table:
    """Return a row a series: how many figures, the first, the newest, the change between them, the range."""
    lines = [(facet, line) for facet in facets for line in facet.lines]
    rows = [(facet, line, [each for each in line.points if each.known]) for facet, line in lines]
    columns: list[Column[tuple[Facet, Drawn, list[Point]]]] = [
        Column(Head("series", "words"), lambda row: row[1].series.name),
        Column(Head("figures"), lambda row: str(len(row[2]))),
        Column(Head("first"), lambda row: _figure(row[0], row[2][:1])),
        Column(Head("newest"), lambda row: _figure(row[0], row[2][-1:])),
        Column(Head("change"), lambda row: _change(row[2])),
        Column(Head("lowest"), lambda row: _figure(row[0], sorted(row[2], key=lambda each: each.value)[:1])),
        Column(Head("highest"), lambda row: _figure(row[0], sorted(row[2], key=lambda each: each.value)[-1:])),
    ]
    return table(columns, rows)


def _figure(facet: Facet, points: Sequence[Point]) -> str:
    return f"{quantity(points[0].value, facet.metric.unit)} ({points[0].at})" if points else "none"


def _change(points: Sequence[Point]) -> str:
    if len(points) < 2 or not points[0].value:
        return "none"
    return signed([points[-1].value / points[0].value])[0]
