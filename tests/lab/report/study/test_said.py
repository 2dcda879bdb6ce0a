"""What a study says."""

from __future__ import annotations

from lab.records import Published
from lab.report.study.said import (
    notes,
    pairs_table,
    pictures_table,
    published_lines,
    sentence,
    tokens_table,
    warnings,
)
from tests.lab.report.study.study_records import grid_set, placed_image, size_table, study_of


def test_one_table_is_answered_in_shares() -> None:
    """74 and 0 of 1,000 images; 970 tokens instead of 1,000, and 970 instead of 900."""
    found = study_of(size_table(grid_set((970, 1000, 900), (74, 0), (450, 160))))

    assert sentence(found) == (
        "Relaxed matching needs fewer tiles than LLaVA-NeXT for 7.4 % of 1,000 images and more for none; it takes "
        "3.0 % fewer tokens. Against InternVL 1.5 it needs fewer tiles for 45 % and more for 16 %; it takes 7.8 % "
        "more tokens (grids 3x3)."
    )


def test_several_tables_are_answered_in_ranges() -> None:
    """From the table with the least to the one with the most."""
    found = study_of(
        size_table(grid_set((100, 100, 120), (0, 0), (1000, 0))),
        size_table(grid_set((90, 100, 75), (190, 0), (280, 440))),
    )

    assert sentence(found) == (
        "Relaxed matching needs fewer tiles than LLaVA-NeXT for 0 to 19 % of the images, depending on what they "
        "show, and more for none; it takes 0 to 10 % fewer tokens. Against InternVL 1.5 it needs fewer tiles for "
        "28 to 100 % and more for 0 to 44 %; it takes from 17 % fewer to 20 % more tokens (grids 3x3)."
    )


def test_one_image_of_very_many_is_not_told_as_none() -> None:
    """A share that rounds to 0."""
    found = study_of(size_table(grid_set((9, 9, 9), (1, 0), (0, 0)), images=10**9))

    assert "for < 0.001 % of 1,000,000,000 images and more for none; it takes as many tokens" in sentence(found)
    assert pairs_table(found).rows[0].texts[2:4] == ("< 0.001 % / 0 %", "0 % / 0 %")


def test_images_alone_are_answered_one_by_one() -> None:
    """A line for each; a name cannot control a terminal."""
    found = study_of(pictures=(placed_image("a\x1bb.png"),))

    assert sentence(found) == (
        "a\ufffdb.png (800x100) takes 588 tokens with relaxed matching (2:1), 392 with LLaVA-NeXT (1:1) and 588 "
        "with InternVL 1.5 (2:1)."
    )


def test_the_tables_hold_every_rule() -> None:
    """Tokens an image, and what relaxed matching saves against each of the others."""
    found = study_of(size_table(grid_set((970_000, 1_000_000, 900_000), (74, 0), (450, 160))))

    assert tokens_table(found).rows[0].texts == ("mine.csv", "3x3", "970", "1,000", "900", "3.0 %", "-7.8 %")
    assert pairs_table(found).rows[0].texts == ("mine.csv", "3x3", "7.4 % / 0 %", "45 % / 16 %", "0 % / 0 %")


def test_a_placed_image_has_a_row_for_each_rule() -> None:
    """Of 768x384 pixels 75 % are bars (96 of 384 rows are the image), or 73 % are made by stretching."""
    rows = [row.texts for row in pictures_table(study_of(pictures=(placed_image(),))).rows]

    assert rows == [
        ("wide.png (800x100)", "relaxed", "2:1", "768x384", "75 % black", "588"),
        ("", "LLaVA-NeXT", "1:1", "384x384", "88 % black", "392"),
        ("", "InternVL", "2:1", "768x384", "73 % enlarged", "588"),
    ]


def test_rows_left_out_and_the_rules_gap_are_told() -> None:
    """With the line, and how many more there are."""
    found = study_of(size_table(grid_set((9, 9, 9), (0, 0), (0, 0), nothing=3), bad=25))

    assert warnings(found) == [
        "mine.csv: left out 25 of its rows: line 2: wanted whole numbers, found 'x'; and 24 more",
        "mine.csv: for 3 of the images relaxed matching as published chooses no grid: their short side scales to "
        "0 pixels. Counted with LLaVA-NeXT's choice (docs/adr/0005)",
    ]


def test_drawn_tables_name_their_seed_and_their_error() -> None:
    """Half of 10,000 draws: 1.96 * 0.5 / 100 is one point."""
    found = study_of(size_table(grid_set((9, 9, 9), (0, 0), (0, 0)), images=10_000))

    assert any("seed 7" in words and "within 1.0 points" in words for words in notes(found, 7))
    assert not any("seed" in words for words in notes(found, None))


def test_published_counts_are_shown_as_shares_of_their_own_images() -> None:
    """29k of 624k are 4.6 %."""
    source = "BlueLM-V-3B (arXiv 2411.10640), sec. 5.1"
    figures = [
        Published(
            "resolution_study", "images", {"grids": "3x3"}, 624000.0, "derived", f"{source}: 665k less 41k", ""
        ),
        Published(
            "resolution_study",
            "fewer",
            {"rule": "relaxed", "than": "llava_next"},
            29000.0,
            "published",
            source,
            "x.",
        ),
    ]

    assert published_lines(figures) == [
        f"{source}: other images (the list of their sizes was not published), shown and never compared",
        "  published: relaxed needs fewer tiles than LLaVA-NeXT for 29,000 of about 624,000 images "
        "(4.6 %, derived). x.",
    ]
    assert published_lines([]) == []
