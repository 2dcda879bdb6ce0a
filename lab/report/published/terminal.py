"""The literature beside ours in a terminal: the count first, then a table for each system."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from lab.report.published.tables import claims_table, differs_table
from lab.report.published.view import View
from lab.report.terminal import draw
from lab.report.wording import PUBLISHED, plain


def render_terminal(view: View) -> RenderableType:
    """Return something for `rich.console.Console.print`; tables that nothing here repeats are only named."""
    parts: list[RenderableType] = [Text(view.sentence, style="bold"), Text(f"{PUBLISHED}.")]
    for system in view.systems:
        parts.append(draw(claims_table(view, system, narrow=True)))
        if (differs := differs_table(view, system)) is not None:
            parts.append(draw(differs))
    for each in view.references:
        parts.append(Text(plain(f"{each.title}: {each.why} ({each.source})"), style="magenta"))
    if view.references:
        parts.append(Text("`lab published --html FILE` or --markdown FILE writes these tables, too.", style="dim"))
    return Group(*parts)
