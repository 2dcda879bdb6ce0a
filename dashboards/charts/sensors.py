"""What sensors said around a trial, with its iterations on the same axis of time."""

from __future__ import annotations

from collections.abc import Sequence

from dashboards.charts.strips import Band, Point, Strip, Trace
from dashboards.charts.style import PALETTE
from lab.report.phases import Iteration
from lab.report.readings import Readings
from lab.report.wording import plain


def of_sensors(found: Sequence[Readings], seen: Sequence[Iteration]) -> tuple[list[Strip], list[Band]]:
    """Return a strip for each kind of reading, and warm-up and measurement as bands."""
    strips = [
        Strip(
            each.title,
            [
                Trace(
                    plain(name),
                    PALETTE[number % len(PALETTE)],
                    [Point(at, value, f"{plain(name)}: {value:.4g} at {at:.1f} s") for at, value in curve],
                    joined=True,
                )
                for number, (name, curve) in enumerate(each.curves.items())
            ],
        )
        for each in found
    ]
    return strips, [band for phase, name in _NAMES for band in _band(seen, phase, name)]


_NAMES = (("warmup", "warm-up"), ("measure", "measured"))


def _band(seen: Sequence[Iteration], phase: str, name: str) -> list[Band]:
    own = [one for one in seen if one.phase == phase]
    return [Band(name, own[0].start_s, max(one.start_s + one.duration_s for one in own))] if own else []
