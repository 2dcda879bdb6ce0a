"""The layout of an image on three canvases."""

from __future__ import annotations

from lab.report.study.page import render_study
from lab.report.study.picture import Rectangle, canvases
from tests.lab.report.study.study_records import placed_image, study_of


def test_the_canvases_share_one_scale() -> None:
    """Two tiles are 300 pixels wide, so one is 150; an eighth of the canvas's rows is the image."""
    relaxed, llava_next, internvl = canvases(placed_image())

    assert [each.whole for each in (relaxed, llava_next, internvl)] == [
        Rectangle(0, 0, 300.0, 150.0),
        Rectangle(0, 0, 150.0, 150.0),
        Rectangle(0, 0, 300.0, 150.0),
    ]
    assert relaxed.image == Rectangle(0.0, 56.2, 300.0, 37.5)
    assert internvl.image == Rectangle(0.0, 0.0, 300.0, 150.0)
    assert (relaxed.columns, relaxed.rows, llava_next.columns) == ((150.0,), (), ())


def test_the_page_shows_the_image_and_escapes_its_name() -> None:
    """Three canvases; a bare size has a plain rectangle instead."""
    page = render_study(
        "q", study_of(pictures=(placed_image("<b>.png"), placed_image("800x100", ""))), [], seed=None
    )

    assert page.count('href="data:image/png;base64,iVBORw0KGgo="') == 3
    assert page.count('class="body"') == 3 and page.count('class="canvas"') == 6
    assert "<b>" not in page and "&lt;b&gt;.png (800x100)" in page
