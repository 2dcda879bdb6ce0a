"""The study of the tiling rules; expected grids are the worked examples of test_resolution.py."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.errors import PrepareError
from models.sizes import Sizes, drawn
from models.study import main, picture, study


def sizes(*rows: tuple[int, int, int]) -> Sizes:
    """Return a table of (width, height, count)."""
    widths, heights, counts = np.array(rows, dtype=np.int64).T
    return Sizes("mine", "", widths, heights, counts)


def test_tokens_and_pairs_are_counted_by_image() -> None:
    """On 3x3: relaxed 1:1, 1:1, 2:3; LLaVA-NeXT 2:2, 1:1, 2:3; InternVL of at most 9 tiles 1:1, 5:1, 2:4."""
    found = study(sizes((394, 390, 2), (380, 76, 1), (768, 1536, 3)))
    row = found.rows[0]

    assert (found.images, row.grids, row.nothing) == (6, "3x3", 0)
    assert row.tokens == {
        "relaxed": 196 * (2 * 2 + 2 + 3 * 7),
        "llava_next": 196 * (2 * 5 + 2 + 3 * 7),
        "internvl": 196 * (2 * 1 + 6 + 3 * 9),
    }
    assert [(pair.rule, pair.than, pair.fewer, pair.more) for pair in row.pairs] == [
        ("relaxed", "llava_next", 2, 0),
        ("relaxed", "internvl", 4, 0),
        ("llava_next", "internvl", 4, 2),
    ]


def test_the_gap_of_the_published_rule_is_counted() -> None:
    """1x5000 scales to 0 pixels on every grid of 3x3, and 1x1500 not on one of 4x4 (models/resolution.py)."""
    found = study(sizes((1, 5000, 7), (1, 1500, 1)))

    assert [(row.grids, row.nothing) for row in found.rows] == [("3x3", 8), ("4x4", 7), ("max9", 7)]


def test_even_sizes_need_fewer_tiles_in_about_seven_percent() -> None:
    """Another implementation found 7 % for relaxed against LLaVA-NeXT on 3x3, and never more."""
    pair = study(drawn("uniform", 20000, 0)).rows[0].pairs[0]

    assert (pair.rule, pair.than, pair.more) == ("relaxed", "llava_next", 0)
    assert 0.065 < pair.fewer / 20000 < 0.08


def test_a_bare_size_is_placed_by_each_rule() -> None:
    """Fig. 3A of the paper: LLaVA-NeXT makes 768x768 of 394x390 pixels, relaxed matching 384x384."""
    relaxed, llava_next, internvl = picture("394x390", "3x3").placed

    assert [(each.tiles, each.tokens, each.canvas) for each in (relaxed, llava_next, internvl)] == [
        (2, 392, 384 * 384),
        (5, 980, 768 * 768),
        (1, 196, 384 * 384),
    ]
    assert (relaxed.black, relaxed.enlarged) == (384 * 3, 0)  # 384 x 381 of 384 x 384
    assert (llava_next.black, llava_next.enlarged) == (768 * 7, 768 * 761 - 394 * 390)
    assert (internvl.black, internvl.enlarged) == (0, 0)


def test_an_image_file_has_a_small_preview(tmp_path: Path) -> None:
    """The page shows the image itself on each canvas."""
    path = tmp_path / "wide.png"
    Image.new("RGB", (1000, 10), "red").save(path)

    found = picture(str(path), "4x4")

    assert (found.width, found.height) == (1000, 10)
    assert found.preview.startswith("iVBORw0KGgo")  # the signature of a PNG in base64 (RFC 2083)


@pytest.mark.parametrize(("what", "words"), [("0x5", "found 0x5"), ("9999999x5", "found 9999999x5")])
def test_an_impossible_size_is_refused(what: str, words: str) -> None:
    """Sides are 1 to 1,000,000 pixels."""
    with pytest.raises(PrepareError, match=words):
        picture(what, "4x4")


def test_the_program_prints_one_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Tables and pictures together, for the lab to read."""
    (tmp_path / "a.csv").write_text("width,height\n380,76\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["study", f"--sizes={tmp_path / 'a.csv'}", "--picture=380x76", "--grids=max9"])
        assert main() == 0
    found = json.loads(capsys.readouterr().out)

    assert [each["images"] for each in found["tables"]] == [1]
    assert [each["placement"]["columns"] for each in found["pictures"][0]["placed"]] == [1, 1, 5]


def test_the_program_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One message, and status 2."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["study", f"--sizes={tmp_path / 'gone.csv'}"])
        assert main() == 2
    assert capsys.readouterr().err.startswith("study: ") and not capsys.readouterr().out
