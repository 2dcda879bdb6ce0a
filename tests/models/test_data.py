"""Generated pages: drawn from a seed, split by layout, with answers that stand on them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from models.data import FAMILIES, LAYOUTS, SMALLEST, Page, page, samples
from models.ink import glyphs, width
from models.prompt import placed


@pytest.fixture(scope="module")
def pages() -> list[Page]:
    """A hundred pages of training: every family is among them."""
    found = list(samples(3, "train", 100))
    assert {each.layout.split()[0] for each in found} == set(FAMILIES)
    return found


def test_a_page_follows_from_its_split_seed_and_index_alone() -> None:
    """Drawn again it is the same to the pixel; any other index gives another page."""
    assert page("train", 7, 5) == page("train", 7, 5)
    assert np.array_equal(page("train", 7, 5).pixels, page("train", 7, 5).pixels)
    assert len({(split, page(split, 7, i).questions) for split in LAYOUTS for i in range(5)}) == 15


def test_the_splits_share_no_layout() -> None:
    """A model is judged on arrangements that it never saw."""
    for one, other in itertools.combinations(LAYOUTS.values(), 2):
        assert not set(one) & set(other)
    for split in LAYOUTS:
        assert all(int(each.layout.split()[1]) in LAYOUTS[split] for each in samples(1, split, 40))


def test_every_answer_stands_on_its_page(pages: list[Page]) -> None:
    """Word for word, as one line of text."""
    for each in pages:
        lines = [text.words for text in each.texts]
        assert all(question.answer in lines for question in each.questions)


def test_no_two_questions_of_a_page_are_the_same(pages: list[Page]) -> None:
    """Each has one right answer."""
    for each in pages:
        assert len({question.text for question in each.questions}) == len(each.questions)


def test_text_is_on_the_page_and_large_enough_once_it_is_on_tiles(pages: list[Page]) -> None:
    """Four tiles of 384 are the longest side; a rounded size may lose half a pixel."""
    for each in pages:
        placement = placed(each.width, each.height, 384)
        scale = placement.fit_width / each.width
        for glyph in glyphs(each.texts):
            assert 0 <= glyph.x < each.width
            assert 0 <= glyph.y < each.height
            assert glyph.height * scale >= SMALLEST - 1


def test_no_two_lines_of_text_lie_on_each_other(pages: list[Page]) -> None:
    """An answer that is written over can be read by nobody."""
    for each in pages:
        for one, other in itertools.combinations(each.texts, 2):
            beside = (
                one.x + width(one.words, one.size) <= other.x or other.x + width(other.words, other.size) <= one.x
            )
            assert beside or abs(one.y - other.y) >= one.size, (each.layout, one.words, other.words)


def test_pages_are_wide_tall_and_square(pages: list[Page]) -> None:
    """The shapes that tell the tiling rules apart."""
    aspects = [each.width / each.height for each in pages]
    assert min(aspects) < 0.5
    assert max(aspects) > 6
    assert any(0.9 < aspect < 1.5 for aspect in aspects)
