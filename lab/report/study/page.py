"""A study of the tiling rules as one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Sequence

from lab.records import Published
from lab.records.study import Study
from lab.report.html import environment
from lab.report.study import picture, said


def render_study(question: str, study: Study, figures: Sequence[Published], *, seed: int | None) -> str:
    """Return the page: the answer, tables, published figures, then each image on the three canvases."""
    template = environment().get_template("study.html")
    return template.render(question=question, study=study, figures=figures, seed=seed, said=said, picture=picture)
