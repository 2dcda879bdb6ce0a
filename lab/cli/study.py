"""The command `lab study`: what the three tiling rules do with images of given sizes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from lab.cli.output import write
from lab.cli.terminal import Terminal

Grids = Literal["3x3", "4x4", "max9"]


def study(
    sizes: Annotated[
        Path | None,
        typer.Argument(metavar="SIZES", help="A CSV or TSV with the columns width, height and, maybe, count."),
    ] = None,
    *,
    image: Annotated[
        list[str] | None,
        typer.Option(help="Place this image: a file, or a bare size like 394x390. Name it again for another."),
    ] = None,
    grids: Annotated[Grids, typer.Option(help="The grids that images are placed on.")] = "4x4",
    html: Annotated[Path | None, typer.Option(help="Also write one page, with a picture of each image.")] = None,
) -> None:
    """Say how many tiles and tokens the three tiling rules need: on many image sizes, or for an image.

    Nothing is measured, and no device or build is needed: the rules are arithmetic. Without SIZES and --image the
    sizes are drawn: phone screens, photographs, documents, and sides drawn evenly. A row of SIZES that is no size
    is named by its line and left out.

    3x3 are the grids of the paper's statistics. 4x4 those of its training and of the bundled model. "max9" gives
    every rule the same 23 grids of at most 9 tiles.
    """
    from lab.report.answer.saved import known_literature  # noqa: PLC0415 - pydantic: help needs none
    from lab.report.study.page import render_study  # noqa: PLC0415 - jinja2: as above
    from lab.report.study.terminal import render_terminal  # noqa: PLC0415 - as above
    from lab.scenario.study import answered, load_study  # noqa: PLC0415 - as above

    asked = load_study()
    found = answered(asked, sizes, image or [], grids)
    seed = asked.seed if found.tables and sizes is None else None
    published = [each for each in known_literature().figures if each.scenario == asked.name]
    Terminal().print(render_terminal(asked.question, found, published, seed=seed))
    if html is not None:
        write(html, render_study(asked.question, found, published, seed=seed))
