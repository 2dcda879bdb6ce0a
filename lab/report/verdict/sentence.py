"""The sentence about one cell of a comparison: the verdict, both figures, the change, and what limits it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from lab.records import CHANGED, CellVerdict, Comparison, Interval, Metric
from lab.report.lost import missing_words, p_words
from lab.report.verdict.sides import Names
from lab.report.wording import estimate, number_of, percent, stated
from lab.stats.compare import SAME_WITHIN

TIMES = 2.0
"""From this ratio on a change is said as a multiple: 150 % more is harder to picture than 2.5 times as much."""

MANY = 1000.0
"""The largest multiple that is written out."""

_DOES = {
    "decode": ("decodes", "decoded"),
    "prefill": ("prefills", "prefilled"),
    "image encoding": ("encodes images", "encoded images"),
}
"""Label of a rate -> what a side does, and did."""

_FOR = {
    "load_s": "to load",
    "first_token_s": "to its first token",
    "tile_s": "to resize and normalise",
    "vit_s": "for the vision transformer",
    "project_s": "for the projector",
    "null_s": "for an empty iteration",
}
"""Metric -> what the time is needed for, where "for" and the label read badly."""


@dataclass(frozen=True)
class Manner:
    """How a change of a metric is said: the words for more and for less of it."""

    kind: Literal["time", "rate", "amount"]
    more: str = "more"
    less: str = "less"


_TIME, _RATE, _AMOUNT = Manner("time"), Manner("rate", "faster", "slower"), Manner("amount")


def manner_of(metric: Metric) -> Manner:
    """Return how a change of a metric is said."""
    if metric.unit.endswith("/s"):
        return _RATE
    return _TIME if metric.unit == "s" and metric.better == "lower" else _AMOUNT


def claim(names: Names, metric: Metric, ratio: float, size: str, *, past: bool) -> str:
    """Return e.g. ``nano-w8a8 decodes 44 % slower than nano-paper``; `size` is the change's size in words.

    `past` says what was seen where nothing may be concluded from it.
    """
    base, other = names
    alike, more = _is_zero(size), ratio >= TIMES
    manner = manner_of(metric)
    if manner is _TIME:
        what, needs = _FOR.get(metric.name, f"for {metric.label}"), "needed" if past else "needs"
        if more:
            return f"{other} {needs} {size} the time of {base} {what}"
        return f"{other} {needs} {'as much' if alike else size} time {what} {'as' if alike else 'than'} {base}"
    does, what = f"{'had' if past else 'has'} ", f" {metric.label}"
    degree = "as much"
    if manner is _RATE:
        does, what = f"{_DOES.get(metric.label, (f'does {metric.label}', f'did {metric.label}'))[past]} ", ""
        degree = "as fast"
    if alike or more:
        return f"{other} {does}{degree if alike else f'{size} {degree}'}{what} as {base}"
    return f"{other} {does}{size}{what} than {base}"


def sizes(change: Interval, manner: Manner) -> tuple[str, str]:
    """Return the size of a change and its interval in words, both to the same digit; the interval may be empty.

    For example ``44 % slower`` and ``20 to 52 % slower``, ``0.4 % more`` and ``3.0 % less to 3.8 % more``, or
    ``2.5 times`` and ``2.1 to 3.0 times``.
    """
    ends = [end for end in (change.low, change.high) if end is not None]
    if change.estimate >= TIMES:
        return f"{multiple(change.estimate)} times", f"{multiples(ends)} times" if len(ends) == 2 else ""
    values = [change.estimate, *(ends if len(ends) == 2 else [])]
    texts = [text.lstrip("+-") for text in signed(values)]
    side = manner.more if change.estimate >= 1 else manner.less
    sides = [
        side if text == "0 %" else manner.more if value >= 1 else manner.less
        for text, value in zip(texts, values, strict=True)
    ]
    size = f"{texts[0]} {sides[0]}"
    if len(values) == 1:
        return size, ""
    if sides[1] != sides[2]:
        return size, f"{texts[1]} {sides[1]} to {texts[2]} {sides[2]}"
    near, far = (1, 2) if change.estimate >= 1 else (2, 1)
    return size, f"{texts[near].removesuffix(' %')} to {texts[far]} {sides[1]}"


def signed(ratios: Sequence[float]) -> list[str]:
    """Return ratios as changes with their sign, all to the same digit: ``-44 %``, ``+3.1 %``, ``0 %``.

    Two digits of the largest; one more, up to hundredths, while a change would be written as zero.
    """
    shares = [100 * (ratio - 1) for ratio in ratios]
    largest = max(map(abs, shares), default=0.0)
    decimals = 0 if largest == 0 else max(0, min(2, 1 - math.floor(math.log10(float(f"{largest:.1e}")))))
    while decimals < 2 and any(share and not round(share, decimals) for share in shares):
        decimals += 1
    return [f"{_above(share)}{share:.{decimals}f} %" if round(share, decimals) else "0 %" for share in shares]


def multiple(ratio: float) -> str:
    """Return a ratio as a number of times, with two significant digits."""
    if ratio > MANY:
        return f"over {MANY:.0f}"
    return f"{ratio:.0f}" if ratio >= 9.95 else f"{ratio:.2g}"


def multiples(ratios: Sequence[float]) -> str:
    """Return the ends of an interval as numbers of times, e.g. ``2.1 to 3.0``; once where both read alike."""
    return " to ".join(dict.fromkeys(map(multiple, ratios)))


def _above(share: float) -> str:
    return "+" if share > 0 else ""


def _is_zero(size: str) -> bool:
    return size.startswith("0 % ")


def sentence_of(
    comparison: Comparison,
    found: CellVerdict,
    metric: Metric,
    names: Names,
    figures: tuple[Interval | None, Interval | None],
    *,
    place: str,
    busy: str,
    alike: bool,
    doubtful: bool,
) -> str:
    """Return everything that is said about one cell.

    `figures` are those of baseline and candidate; `place` names the cell where there are several, `busy` is the
    clause about other load. `alike`: neighbouring pairs are too much alike; `doubtful`: the change does not
    survive the correction for many cells.
    """
    in_turn = comparison.looks_most > 0
    told = _told(found, metric, names, figures, place, in_turn=in_turn)
    said = [*_finding(found, f"{told}{busy}" if told else "", names, place)]
    said += _outlook(found, manner_of(metric)) if in_turn else []
    if alike:
        said.append(
            f"neighbouring pairs are more alike than chance explains (p {p_words(found.serial_p)}), as when a "
            "side keeps a core or a memory layout for some pairs: the verdict is less sure than it says"
        )
    if doubtful:
        said.append(
            "with so many cells some seem to change by chance: do not rely on this one alone (Benjamini-Hochberg)"
        )
    return " ".join(f"{part[:1].upper()}{part[1:]}." for part in (*said, found.why) if part)


def _told(
    found: CellVerdict,
    metric: Metric,
    names: Names,
    figures: tuple[Interval | None, Interval | None],
    place: str,
    *,
    in_turn: bool,
) -> str:
    """Return the change with both figures and its interval; empty where there is none."""
    if found.change is None:
        return ""
    size, interval = sizes(found.change, manner_of(metric))
    sure = found.verdict in (*CHANGED, "same")
    if not interval:
        interval = f"no interval from {number_of(found.change.n, 'valid pair')}" if in_turn else "no interval"
    said = claim(names, metric, found.change.estimate, size, past=not sure)
    return f"{said}{place} ({_against(figures, metric, found.change.estimate)}{interval})"


def _against(figures: tuple[Interval | None, Interval | None], metric: Metric, ratio: float) -> str:
    """Return the candidate's figure against the baseline's, e.g. ``267 against 478 tokens/s; ``; or nothing.

    Where noise turns the medians round against the pairs, it says so: a reader would take it for a mistake.
    """
    ours, theirs = figures
    if ours is None or theirs is None:
        return ""
    base, other = estimate(ours, metric.unit), estimate(theirs, metric.unit)
    number, _, unit = other.partition(" ")
    both = f"{number} against {base}" if base.partition(" ")[2] == unit else f"{other} against {base}"
    turned = base != other and (theirs.estimate - ours.estimate) * (ratio - 1) < 0
    return f"{both}, the medians the other way round; " if turned else f"{both}; "


def _finding(found: CellVerdict, told: str, names: Names, place: str) -> list[str]:
    """Return the verdict with what it rests on; trials missing on one side come first where they decided it."""
    verdict = f"same within {stated(SAME_WITHIN)}" if found.verdict == "same" else str(found.verdict)
    seen = f"in {number_of(found.pairs, 'pair')} {told}" if told else ""
    if found.missing is None:
        if found.verdict in (*CHANGED, "same"):
            return [f"{verdict}: {told}" if told else verdict]
        return [f"{verdict}: {seen}" if seen else f"{verdict}{place}"]
    missing = missing_words(found.missing, names)
    if found.verdict == "cannot tell":
        return [f"cannot tell: {missing}", *([f"of the trials that count: {seen}"] if seen else [])]
    return [f"{verdict}: {told}", missing]


def _outlook(found: CellVerdict, manner: Manner) -> list[str]:
    """Return the smallest change that is found, as a sentence; none where that is not known."""
    smallest = smallest_words(found, manner)
    return [f"at this spread {smallest} is found in 9 of 10 comparisons"] if smallest else []


def smallest_words(found: CellVerdict, manner: Manner) -> str:
    """Return the smallest change that is found in nine of ten comparisons, e.g. ``1.8 % slower``; or nothing."""
    if found.change is None or found.change.low is None or (smallest := found.smallest_found) is None:
        return ""
    less = found.change.estimate < 1  # 1.5 times as much and 1 / 1.5 are as far from 1
    share, side = (smallest / (1 + smallest), manner.less) if less else (smallest, manner.more)
    return f"{percent(share)} {side}"
