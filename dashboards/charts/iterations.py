"""The iterations of one trial as dots, with the warm-up cut."""

from __future__ import annotations

from collections.abc import Sequence

from dashboards.charts.strips import Band, Point, Strip, Trace
from dashboards.charts.style import BLUE, GREY, named, scaled
from lab.records import Metric, Trial
from lab.report.phases import Iteration
from lab.report.wording import quantity
from lab.trial.metrics import METRICS


def of_iterations(
    trial: Trial, seen: Sequence[Iteration], name: str, kind: str = ""
) -> tuple[list[Strip], list[Band]]:
    """Return a strip of a metric's samples and one of whole iterations, and what does not count as bands.

    Samples are of measured iterations only; `seen` holds every iteration, warm-up too, or nothing.
    """
    warm = [one.number for one in seen if one.phase != "measure"]
    measured = [one.number for one in seen if one.phase == "measure"]
    samples = trial.samples.get(name, ())
    numbers = measured if len(measured) == len(samples) else [len(warm) + i for i in range(len(samples))]
    metric = METRICS.get(name, Metric(name, name, "", "lower"))
    unsteady = trial.state == "unsteady" or not trial.valid
    strips = []
    if samples:
        points = [
            Point(
                number,
                value,
                f"iteration {number}: {quantity(value, metric.unit)}",
                unsteady or i < trial.first_steady,
            )
            for i, (number, value) in enumerate(zip(numbers, samples, strict=True))
        ]
        strips.append(_strip(metric, points, BLUE, kind))
    if seen:
        cut = {*warm, *numbers[: trial.first_steady]}
        points = [
            Point(
                one.number,
                one.duration_s,
                f"{'iteration' if one.phase == 'measure' else 'warm-up'} {one.number}: "
                f"{quantity(one.duration_s, 's')}",
                unsteady or one.number in cut,
            )
            for one in seen
        ]
        strips.append(_strip(Metric("iteration_s", "whole iteration", "s", "lower"), points, GREY, kind))
    return strips, _bands(warm, numbers[: trial.first_steady])


def _strip(metric: Metric, points: Sequence[Point], colour: str, kind: str) -> Strip:
    factor, unit = scaled([point.value for point in points if point.value is not None], metric.unit)
    scaled_points = [
        Point(point.at, None if point.value is None else point.value * factor, point.words, point.hollow)
        for point in points
    ]
    return Strip(named(metric, unit, kind), [Trace("", colour, scaled_points)])


def _bands(warm: Sequence[int], unsteady: Sequence[int]) -> list[Band]:
    found = [("warm-up", warm), ("not steady yet", unsteady)]
    return [Band(name, min(numbers) - 0.5, max(numbers) + 0.5) for name, numbers in found if numbers]
