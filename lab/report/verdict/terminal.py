"""A comparison in a terminal: the verdict first, then its pairs as dots, then the facts it rests on."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from lab.records import Interval
from lab.report.verdict.view import CellView, View, name_of
from lab.report.wording import KIND_STYLES, kind_of, on_device, percent, plain

COLUMNS = 61
"""Width of the picture of pairs: odd, so that `no change` has a column of its own."""

LEAST_SPAN = 0.06
"""The picture reaches at least this far to each side: a little beyond what counts as the same."""

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
    title = f"{found.question} ({comparison.dimension}, {comparison.scenario})"
    parts: list[RenderableType] = [
        Text(plain(title), style="bold"),
        Text(on_device(found.baseline), style=KIND_STYLES.get(kind_of(found.baseline), "")),
        Text(found.headline, style=_STYLES.get(found.headline, "yellow")),
    ]
    if found.refusal:
        parts += [Text(plain(line), style="yellow") for line in found.refusal.splitlines()[1:]]
    for each in found.cells:
        if not found.refusal:
            parts += _cell(each, found)
    parts += [Text(f"! {words}", style="yellow") for words in found.invalid]
    parts += [Text(words, style="dim") for words in found.facts]
    parts.append(Text(plain(f"comparison {comparison.id} ({comparison.status})"), style="dim"))
    return Group(*parts)


def picture(ratios: Sequence[float], change: Interval | None) -> list[str]:
    """Return two lines: pairs as dots (a digit where several share a column) on the change's scale, and the scale.

    ``|`` marks no change; ``[`` and ``]`` are the interval's ends.
    """
    ends = [] if change is None else [end for end in (change.low, change.high) if end is not None]
    reach = max([math.log1p(LEAST_SPAN), *(abs(math.log(value)) for value in [*ratios, *ends])])

    def column(ratio: float) -> int:
        return round((math.log(ratio) / reach + 1) / 2 * (COLUMNS - 1))

    line = [" "] * COLUMNS
    line[COLUMNS // 2] = "|"
    if len(ends) == 2:
        line[column(ends[0])], line[column(ends[1])] = "[", "]"
    for place, count in Counter(map(column, ratios)).items():
        line[place] = "•" if count == 1 else str(count) if count < 10 else "+"
    left, right = f"-{percent(-math.expm1(-reach))}", f"+{percent(math.expm1(reach))}"
    gap = COLUMNS - len(left) - len(right)
    return ["".join(line).rstrip(), f"{left}{'0'.center(gap)}{right}"]


def _cell(each: CellView, found: View) -> list[RenderableType]:
    name = name_of(each, found.baseline)
    style = "yellow" if each.doubtful else _STYLES.get(each.found.verdict, "yellow")
    parts: list[RenderableType] = [Text(f"{name}: {each.sentence}" if name else each.sentence, style=style)]
    if each.ratios:
        dots, scale = picture(list(each.ratios.values()), each.found.change)
        parts += [Text(f"  {dots}"), Text(f"  {scale}  a dot a pair", style="dim")]
    return parts
