"""Intervals of shares over questions in clusters, against algebra and by simulation."""

from __future__ import annotations

import numpy as np
import pytest

from lab.errors import NotEnoughData
from lab.stats.clustered import difference, pairs_of, share


def test_ten_questions_about_ten_images_have_wilsons_interval() -> None:
    """8 of 10: with t of 9 degrees (2.2622) and an effective number of 9, the linearised variance's n - 1."""
    found = share((image, image < 8) for image in range(10))

    assert found.estimate == 0.8
    assert (found.low, found.high) == pytest.approx((0.42700, 0.95550), abs=1e-4)
    assert found.n == 10


def test_questions_that_say_the_same_of_an_image_count_as_one() -> None:
    """Five equal answers about each of ten images tell no more than one about each."""
    once = share((image, image < 8) for image in range(10))
    five = share((image, image < 8) for image in range(10) for _ in range(5))

    assert (five.low, five.high) == pytest.approx((once.low, once.high))


def test_all_wrong_is_no_certainty() -> None:
    """None right of 30 questions about 10 images: Wilson's upper end for 0 of 10, t^2 / (10 + t^2)."""
    found = share((image, False) for image in range(10) for _ in range(3))

    assert found.estimate == 0.0
    assert (found.low, found.high) == pytest.approx((0.0, 2.26216**2 / (10 + 2.26216**2)), abs=1e-5)


def test_few_images_have_no_interval_and_none_no_share() -> None:
    """Four images are too few; no question is an error."""
    assert share((image, True) for image in range(4) for _ in range(100)).low is None
    assert difference((image, True, False) for image in range(4)).low is None
    with pytest.raises(NotEnoughData):
        share([])


def test_a_difference_is_paired_by_question() -> None:
    """Of ten questions, each about an image, two get right and none wrong: 0.2, and t times sqrt(0.16 / 9)."""
    found = difference((image, image < 5, image < 7) for image in range(10))

    assert found.estimate == pytest.approx(0.2)
    half = 2.26216 * (0.16 / 9) ** 0.5
    assert (found.low, found.high) == pytest.approx((0.2 - half, 0.2 + half), abs=1e-5)


def test_no_changed_answer_is_no_certainty() -> None:
    """The ends are the share of images that may change unseen."""
    found = difference((image, True, True) for image in range(10))

    assert found.estimate == 0.0
    assert found.low == pytest.approx(-(found.high or 0.0))
    assert found.high == pytest.approx(2.26216**2 / (10 + 2.26216**2), abs=1e-5)


def test_only_questions_that_both_answered_are_paired() -> None:
    """By name, whatever their order."""
    before, now = [("a", "i", True), ("b", "i", False)], [("b", "i", True), ("c", "j", True)]

    assert pairs_of(before, now) == [("i", False, True)]


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    """40 images of 5 questions, right with a chance drawn for each image (Beta(4, 1): 0.8): 95 of 100 intervals.

    If the clusters are ignored, far fewer do: the test would notice.
    """
    random = np.random.default_rng(14)
    rounds, held, naive, paired = 400, 0, 0, 0
    for _ in range(rounds):
        chance = random.beta(4, 1, 40)
        right = random.random((40, 5)) < chance[:, None]
        other = np.where(random.random((40, 5)) < 0.1, random.random((40, 5)) < 0.5, right)
        cells = [(i, bool(right[i, k]), bool(other[i, k])) for i in range(40) for k in range(5)]
        clustered = share((i, ok) for i, ok, _ in cells)
        single = share((number, ok) for number, (_, ok, _) in enumerate(cells))
        change = difference(cells)
        held += (clustered.low or 0) <= 0.8 <= (clustered.high or 0)
        naive += (single.low or 0) <= 0.8 <= (single.high or 0)
        paired += (change.low or 0) <= 0.1 * (0.5 - 0.8) <= (change.high or 0)

    assert 0.93 <= held / rounds <= 0.98
    assert 0.93 <= paired / rounds <= 0.98
    assert naive / rounds < 0.91
