"""The looks that all charts share: colours that the colour-blind tell from each other, axes, tooltips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lab.records import Metric
from lab.report.wording import scale_of

Option = dict[str, Any]
"""An ECharts option: what `setOption` takes, as JSON."""

MOST_POINTS = 2000
"""Most points that a chart receives: a judgement, the width of a screen in pixels. See :mod:`.thinned`."""

BLUE, ORANGE, GREEN, PINK, SKY, RED, BROWN, GREY = (
    "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#8C6D31", "#7F7F7F",
)  # fmt: skip
"""The palette of Okabe and Ito (jfly.uni-koeln.de/color, 2008), brown and grey in place of yellow and black: these
two vanish on a white or a dark page."""

PALETTE = (BLUE, ORANGE, GREEN, PINK, SKY, RED, BROWN, GREY)

TONES: Mapping[str, str] = {
    "regressed": RED,
    "slower": RED,
    "suspected": ORANGE,
    "cannot tell": ORANGE,
    "not reproduced": "#F0C878",
    "not the build": PINK,
    "trend": PINK,
    "improved": GREEN,
    "faster": GREEN,
    "known": BROWN,
    "no change seen": "#9CC4DE",
    "same": "#9CC4DE",
    "no history": "#B9B9B9",
    "not measured": "#5B4A7A",
    "incomparable": "#5B4A7A",
}
"""Outcome or verdict -> its colour."""

PALE = ("suspected", "cannot tell", "not reproduced", "no change seen", "same", "no history")
"""Outcomes whose colour is so light that a sign on it is dark."""

INK = "#1F2328"
"""The colour of a sign on a light colour."""

KINDS: Mapping[str, str] = {
    "phone": BLUE,
    "host": GREEN,
    "virtual": SKY,
    "emulated": BROWN,
    "simulated": PINK,
    "published": ORANGE,
}
"""Kind of device, and `published` -> the colour of its figures, which are never mixed."""


STAGES: Mapping[str, str] = {
    "load": BROWN,
    "tile": BROWN,
    "patch_embed": ORANGE,
    "vit": BLUE,
    "project": SKY,
    "embed": PINK,
    "prefill": GREEN,
    "swap": RED,
    "decode": "#5B4A7A",
    "sample": "#9CC4DE",
    "detokenise": "#F0C878",
    "first_token": GREY,
    "unload": BROWN,
}
"""Stage -> its colour; grey for any other."""


def better(metric: Metric, kind: str = "") -> str:
    """Return the direction of better, for the name of an axis; an emulated phone's figures have none."""
    if kind == "emulated":
        return "emulated, not a measurement"
    return "↓ lower is better" if metric.better == "lower" else "↑ higher is better"


def named(metric: Metric, unit: str, kind: str = "") -> str:
    """Return the name of a metric's axis: what, in which unit, and which direction is better."""
    return f"{metric.label} ({unit}), {better(metric, kind)}"


def scaled(values: Sequence[float], unit: str) -> tuple[float, str]:
    """Return the factor and the unit in which values read well: 1000 and ms for 0.12 s; 1 for most units."""
    divisor, name = scale_of(max((abs(each) for each in values), default=0.0), unit)
    return 1 / divisor, name


def frame(**parts: Any) -> Option:
    """Return an option with the margins and the tooltip that charts share; `parts` add to it or replace."""
    return {
        "animation": False,
        "grid": {"left": 16, "right": 24, "top": 40, "bottom": 8, "outerBoundsMode": "same"},
        "tooltip": {"trigger": "item", "confine": True},
        **parts,
    }


def value_axis(name: str, **more: Any) -> Option:
    """Return an axis of numbers that begins near the lowest, with its name along it."""
    return {"type": "value", "name": name, "nameLocation": "end", "scale": True, **more}


def y_axis(name: str, **more: Any) -> Option:
    """Return the vertical axis of numbers; its name stands above it, to the right."""
    return value_axis(name, nameTextStyle={"align": "left"}, **more)
