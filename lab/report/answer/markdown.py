"""An answer as Markdown, for pull requests and nightly reports."""

from __future__ import annotations

from lab.records import Answer
from lab.report.answer import right
from lab.report.answer.tables import cells_table, curve_table, invalid_lines, others_table, published_table
from lab.report.markdown import draw
from lab.report.wording import PUBLISHED, device_note, escape, origin


def render_markdown(answer: Answer) -> str:
    """Return the sentence, the table of cells, warnings, reasons and published figures; ends with a newline."""
    tables = [curve_table(curve) for curve in answer.curves]
    tables += right.tables(answer) if answer.accuracy else []
    tables = tables or [cells_table(answer)]
    others = others_table(answer)
    blocks = [
        f"### {escape(answer.question)}",
        escape(device_note(answer.run)),
        escape(answer.sentence),
        *map(draw, tables),
        "\n".join(f"- {escape(line)}" for line in (*answer.warnings, *invalid_lines(answer))),
        *([f"{PUBLISHED}.", draw(published_table(answer))] if answer.published else []),
        *([f"{escape(others.title)}:", draw(others)] if others else []),
        escape(origin(answer.run)),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"
