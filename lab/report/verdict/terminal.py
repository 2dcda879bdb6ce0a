"""A comparison in a terminal: the verdict first, then its pairs as dots, then the facts it rests on."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from lab.records import Interval
from lab.report.terminal import draw
from lab.report.verdict.tables import figures_table
from lab.report.verdict.view import CellView, View
from lab.report.wording import KIND_STYLES, kind_of, on_device, percent, plain

COLUMNS = 61
"""Width of the picture of pairs: odd, so that `no change` has a column of its own."""

LEAST_SPAN = 0.06
"""The picture reaches at least this far to each side: a little beyond what counts as the same."""

LARGEST, FARTHEST = 10.0, 1e9
"""From this ratio on the scale is in multiples; an interval's end beyond the second is drawn there."""

_STYLES = {
    "regressed": "bold red",
    "slower": "bold red",
    "improved": "bold green",
    "faster": "bold green",
    "same": "green",
}


def render_terminal(found: View) -> RenderableType:
    """Return something for `rich.console.Console.print`; readable from 80 columns, and without colours."""
    comparison = found.comparison
    title = f"{found.question} ({comparison.scenario})"
    parts: list[RenderableType] = [
        Text(plain(title), style="bold"),
        Text(on_device(found.baseline), style=KIND_STYLES.get(kind_of(found.baseline), "")),
    ]
    if (len(found.cells) != 1 or found.refusal) and not found.stopped:
        parts.append(Text(found.headline, style=_STYLES.get(found.headline, "yellow")))
    if found.refusal:
        parts += [Text(plain(line), style="yellow") for line in found.refusal.splitlines()[1:]]
    else:
        parts += [Text(line, style="yellow") for line in found.stopped.splitlines()]
        for each in () if found.stopped else found.cells:
            parts += _cell(each)
        parts += [draw(figures_table(found))] if found.measured else []
        parts += [Text(words) for words in found.beside]
    parts += [Text(f"! {words}", style="yellow") for words in found.invalid]
    parts += [Text(words, style="dim") for words in found.facts]
    parts.append(Text(plain(f"comparison {comparison.id} ({comparison.status})"), style="dim"))
    return Group(*parts)


def picture(ratios: Sequence[float], change: Interval | None) -> list[str]:
    """Return lines: pairs as dots (a digit where several share a column), the change's interval, the scale.

    Without an interval, two lines. ``|`` marks no change where neither a dot nor the interval lies.
    """
    ends = [] if change is None else [end for end in (change.low, change.high) if end is not None]
    ends = [min(max(end, 1 / FARTHEST), FARTHEST) for end in ends]
    reach = max([math.log1p(LEAST_SPAN), *(abs(math.log(value)) for value in [*ratios, *ends])])

    def column(ratio: float) -> int:
        return round((math.log(ratio) / reach + 1) / 2 * (COLUMNS - 1))

    empty = [" "] * COLUMNS
    empty[COLUMNS // 2] = "|"
    lines = [empty.copy()]
    for place, count in Counter(map(column, ratios)).items():
        lines[0][place] = "•" if count == 1 else str(count) if count < 10 else "+"
    if len(ends) == 2:
        first, last = map(column, ends)
        bar = "[" + "─" * (last - first - 1) + "]" if last > first else "I"
        lines.append([*empty[:first], *bar, *empty[first + len(bar) :]])
    many = reach > math.log(LARGEST)
    left = f"1/{math.exp(reach):.3g}" if many else f"-{percent(-math.expm1(-reach))}"
    right = f"{math.exp(reach):.3g} times" if many else f"+{percent(math.expm1(reach))}"
    gap = COLUMNS - len(left) - len(right)
    return [*("".join(line).rstrip() for line in lines), f"{left}{'0'.center(gap)}{right}"]


def _cell(each: CellView) -> list[RenderableType]:
    style = "yellow" if each.doubtful else _STYLES.get(each.found.verdict, "yellow")
    parts: list[RenderableType] = [Text(each.sentence, style=style)]
    if each.ratios:
        dots, *interval, scale = picture(list(each.ratios.values()), each.found.change)
        lines = [f"{dots:{COLUMNS}}  a dot a pair", *(f"{line:{COLUMNS}}  interval" for line in interval)]
        parts += [Text(f"  {line}") for line in lines]
        parts.append(Text(f"  {scale}", style="dim"))
    return parts
