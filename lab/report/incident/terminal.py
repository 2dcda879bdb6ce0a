"""An incident in a terminal: its sentence, its series, the reasons, its story, and what to do."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from lab.report.incident.view import View
from lab.report.signs import SIGNS
from lab.report.wording import interval_head, plain

_HEADS = {"for": "Speaks for it", "against": "Speaks against it", "unknown": "Unknown"}


def render_terminal(found: View) -> RenderableType:
    """Return something for `rich.console.Console.print`; readable without colours."""
    incident = found.incident
    worse = f"worse by ({interval_head(each.change for each in incident.members)})"
    table = Table("series", worse, "usual before", "came back", box=None)
    for line in found.lines:
        table.add_row(*(Text(plain(each)) for each in (line.name, line.worse, line.usual, line.back)))
    sign = SIGNS.get(incident.status, "")
    parts: list[RenderableType] = [
        _line(
            f"Incident {incident.id}: {sign} {incident.status}{', made up for a demo' if incident.demo else ''}"
        ),
        _line(
            f"  after {incident.good.name}, not after {incident.bad.name}, since the night of {incident.began}; "
            f"owner: {incident.owner or 'nobody'}"
        ),
        _line(found.sentence),
        table,
    ]
    for side, head in _HEADS.items():
        told = [each.words for each in found.reasons if each.side == side]
        parts += [_line(f"{head}:"), *(_line(f"  {words}") for words in told)] if told else []
    parts += [_line(f"{each.night}  {each.state}, {each.who}: {each.note}") for each in incident.events]
    for each in found.offers:
        parts += [_line(f"{each.what}: `{each.command}`"), _line(f"  {each.cost}")]
    return Group(*parts)


def _line(words: str) -> Text:
    """Return a line that a terminal breaks and nothing else does: commands in it can be pasted."""
    return Text(plain(words), overflow="ignore")
