"""The command `lab published`: the paper's tables beside ours, and what differs in each row."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lab.cli.options import DATA, Data, opened, refuse, tell
from lab.cli.output import AsJson, print_json, write, write_markdown
from lab.cli.terminal import Terminal
from lab.errors import LabError


def published(
    *,
    html: Annotated[Path | None, typer.Option(help="Write one self-contained page with every table.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write every table as Markdown.")] = None,
    as_json: AsJson = False,
    data: Data = DATA,
) -> None:
    """Print the paper's figures beside ours, and what differs in each row: device, model, precision.

    For each figure there is the newest one of ours for the same question, metric and parameters, of every line of
    builds and every device in the data root, with its interval and its run. Where there is none yet, the command
    that measures it stands instead. Nothing is compared: no ratio and no verdict between theirs and ours.
    """
    from lab.report.answer.saved import known_literature  # noqa: PLC0415 - statistics, which help does not need
    from lab.report.published.document import published_document  # noqa: PLC0415 - as above
    from lab.report.published.markdown import render_markdown  # noqa: PLC0415 - as above
    from lab.report.published.page import render_html  # noqa: PLC0415 - as above
    from lab.report.published.terminal import render_terminal  # noqa: PLC0415 - as above
    from lab.report.published.view import view_of  # noqa: PLC0415 - as above

    if as_json:
        refuse("--json prints everything on stdout, and writes no file", html=html, markdown=markdown)

    def lost(what: str, error: LabError) -> None:
        tell(f"Left out: {what}: {error}")

    view = view_of(known_literature(), opened(data) if data.is_dir() else None, lost)
    if as_json:
        print_json([published_document(view)])
    if html is not None:
        write(html, render_html(view))
    if markdown is not None:
        write_markdown(markdown, (render_markdown(view),))
    if not as_json and html is None and markdown is None:
        Terminal().print(render_terminal(view))
