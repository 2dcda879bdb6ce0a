"""The answer of a sustained scenario: each trial's rate over time, in words and in a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import RenderableType
from rich.text import Text

from lab.records import LOSS, PLANNED_S, Cell, Sustained
from lab.report.spark import spark
from lab.report.wording import cell_phrase, percent, plain, quantity, varying

WIDTH = 72
"""Characters of a line of bars: fits 80 columns with some room."""


def lasting_sentence(curves: Sequence[Sustained], cells: Sequence[Cell]) -> str:
    """Return the answer in words, a sentence for each trial."""
    if not curves:
        return "No answer: no valid trial has a curve over time."
    return " ".join(_told(curve, cells, several=len(curves) > 1) for curve in curves)


def short_of(curves: Sequence[Sustained]) -> str:
    """Return a warning where a curve is too short for a device to warm through; else an empty string."""
    if any(not curve.windows for curve in curves):
        return ""  # the sentence says how long it lasted
    lasted = [curve.windows[-1].start_s + curve.window_s for curve in curves]
    if not lasted or min(lasted) >= 0.9 * PLANNED_S:
        return ""
    return (
        f"Whole windows measured: {_minutes(min(lasted))}. A phone may take {_minutes(PLANNED_S)} to show its "
        "lasting rate (plan.duration_s)."
    )


def render_curves(curves: Sequence[Sustained], cells: Sequence[Cell]) -> list[RenderableType]:
    """Return lines for a terminal: the rate of each trial over time, and below it the skin temperature."""
    parts: list[RenderableType] = []
    for curve in curves:
        if not curve.windows:
            continue
        rates = [window.rate for window in curve.windows]
        warm = [window.celsius for window in curve.windows]
        known = [value for value in warm if value is not None]
        head = f"{_name(curve, cells)}: rate {_range(rates, curve.unit)}, a bar {_minutes(curve.window_s)}"
        parts += [Text(), Text(plain(head)), Text(f"  {spark(rates, width=WIDTH)}", style="green")]
        if known:
            parts.append(Text(f"  skin {min(known):.1f} to {max(known):.1f} °C"))
            parts.append(Text(f"  {spark(warm, width=WIDTH)}", style="yellow"))
    return parts


def _told(curve: Sustained, cells: Sequence[Cell], *, several: bool) -> str:
    about = f"{_name(curve, cells)}: " if several else ""
    if curve.peak is None or curve.lasting is None or curve.ratio is None:
        return f"{about}n/a: {curve.why}."
    found = curve.ratio
    peak = f"{quantity(curve.peak, curve.unit)} at {_minutes(curve.peak_at_s or 0)}"
    head = (
        f"{about}{quantity(curve.lasting, curve.unit)} sustained, {percent(found.estimate)} of the peak of {peak}"
    )
    if found.low is None or found.high is None:
        return f"{head}."
    low, high = percent(1 - found.high).removesuffix(" %"), percent(1 - found.low)
    span = f"({found.level * 100:.0f} % interval of the loss {low} to {high})"
    if found.high >= 1:
        return f"{head}; no loss seen {span}."
    told = f"{head}; {percent(1 - found.estimate)} lost {span}"
    if curve.loss_at_s is None:
        return f"{told}."
    heat = next((w.celsius for w in curve.windows if w.start_s == curve.loss_at_s), None)
    skin = f" (skin at {heat:.1f} °C)" if heat is not None else ""
    return f"{told}, the first {LOSS * 100:.0f} % after {_minutes(curve.loss_at_s)}{skin}."


def _name(curve: Sustained, cells: Sequence[Cell]) -> str:
    cell = next((cell for cell in cells if cell.key == curve.cell), None)
    about = f" ({cell_phrase(cell, varying(cells))})" if cell is not None and len(cells) > 1 else ""
    return f"trial {curve.trial}{about}"


def _range(values: Sequence[float], unit: str) -> str:
    return f"{quantity(min(values), unit)} to {quantity(max(values), unit)}"


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.3g} min"
