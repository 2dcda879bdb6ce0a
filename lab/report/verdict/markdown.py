"""A comparison as Markdown, for pull requests and nightly reports."""

from __future__ import annotations

from lab.report.markdown import draw
from lab.report.verdict.tables import figures_table
from lab.report.verdict.view import View
from lab.report.wording import escape, on_device


def render_verdict_markdown(found: View) -> str:
    """Return the sentences, the table of figures, what belongs to them, and the facts; ends with a newline."""
    figures = figures_table(found)
    said = found.stopped.splitlines() or [each.sentence for each in found.cells]
    table = [f"{escape(figures.title)}:", draw(figures), escape(figures.note)] if found.measured else []
    judged = [*map(escape, said), *table, *map(escape, found.beside)]
    blocks = [
        f"### {escape(found.question)}",
        f"On {escape(on_device(found.baseline))}: {escape(found.headline)}.",
        *(map(escape, found.refusal.splitlines()) if found.refusal else judged),
        "\n".join(f"- {escape(words)}" for words in (*found.invalid, *found.facts)),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"
