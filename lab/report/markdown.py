"""A report's table as Markdown."""

from __future__ import annotations

from lab.report.table import Table
from lab.report.wording import escape


def draw(table: Table) -> str:
    """Return the table with every text escaped; the row that is best says so in bold."""
    lines = [
        [_text(head.text) for head in table.heads],
        ["---" if head.left else "---:" for head in table.heads],
    ]
    for row in table.rows:
        texts = [_text(text) for text in row.texts]
        lines.append([*texts[:-1], f"**{texts[-1]}**"] if row.standing == "best" else texts)
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _text(text: str) -> str:
    return "<br>".join(map(escape, text.split("\n")))
