"""Numbers in sentences: nouns that agree with them, percentages, and limits that differ from what broke them."""

from __future__ import annotations

import math

MOST_DECIMALS = 6
"""Beyond this many decimals two numbers are told as equal: a judgement."""


def number_of(count: int, noun: str) -> str:
    """Return ``1 trial`` or ``3 trials``."""
    return f"{count} {noun}" + ("" if count == 1 else "s")


def percent(share: float) -> str:
    """Return a share as a percentage with two significant digits, three decimals at most: 0.0512 -> ``5.1 %``."""
    scaled = 100 * share
    if not math.isfinite(scaled):
        return f"{scaled} %"
    if abs(scaled) >= 10000:
        return f"{scaled:,.0f} %"
    text = f"{scaled:.{min(3, max(0, decimals_for(scaled, 2)))}f}"
    return f"{'0' if float(text) == 0 else text} %"


def stated(share: float) -> str:
    """Return a share that somebody chose, with no more digits than it has: 0.05 -> ``5 %``, 0.025 -> ``2.5 %``."""
    return f"{100 * share:.3g} %"


def decimals_for(value: float, digits: int) -> int:
    """Return how many decimals show so many significant digits of a value; negative for large ones, 0 for 0."""
    if value == 0:
        return 0
    return digits - 1 - math.floor(math.log10(float(f"{abs(value):.{digits - 1}e}")))


def apart(value: float, limit: float, decimals: int = 0) -> tuple[str, str]:
    """Return a value and the limit that it broke, as texts with as few decimals as show that it did.

    `decimals` is the least number: 1.04 and 1.0 become ``1.04`` and ``1.0`` where it is 1.
    """
    every = range(decimals, MOST_DECIMALS + 1)
    least = next((each for each in every if math.isclose(round(limit, each), limit)), MOST_DECIMALS)
    shown = next((each for each in every if (round(value, each) - limit) * (value - limit) > 0), MOST_DECIMALS)
    told = f"{limit:.{least}f}"
    return (told if value == limit else f"{value:.{shown}f}"), told


def shares(value: float, limit: float, decimals: int = 0) -> tuple[str, str]:
    """Return a share and the limit that it broke, as percentages that differ: ``84.9 %`` and ``85 %``."""
    told, least = apart(100 * value, 100 * limit, decimals)
    return f"{told} %", f"{least} %"


def above(value: float, limit: float) -> str:
    """Return a value with three significant digits, or as many as show that it is above a limit."""
    texts = (f"{value:.{digits}g}" for digits in range(3, 18))
    return next((text for text in texts if float(text) > limit), f"{value:.17g}")
