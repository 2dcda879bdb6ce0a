"""A cell over nights: its usual level, its noise, how devices agree, and what changed."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from lab.report.steady import Nights, agreement_words, changes_of, level_of, reference_words
from tests.night_records import DECODE, SERIES

OLD, NEW = {"device software": "14", "lab": "1"}, {"device software": "15", "lab": "1"}


def nights(*values: float, builds: str = "", contexts: tuple[dict[str, str], ...] = ()) -> Nights:
    """Return a series with a figure a night; each letter of `builds` is a build."""
    return Nights(
        SERIES,
        DECODE,
        "phone",
        tuple(f"2026-11-{day:02d}" for day in range(1, len(values) + 1)),
        values,
        tuple(builds or "a" * len(values)),
        contexts or (OLD,) * len(values),
    )


def test_the_level_is_the_median_of_nights_that_have_a_figure() -> None:
    """A night without one is no zero, and an old level is not told for the newest."""
    found = level_of(nights(10.0, math.nan, 12.0, 11.0, math.nan))

    assert found is not None
    assert (found.usual, found.low, found.high) == (11.0, 10.0, 12.0)
    assert (found.newest, found.newest_date, found.nights) == (11.0, "2026-11-04", 3)
    assert level_of(nights(math.nan)) is None
    assert level_of(nights()) is None


def test_only_nights_with_the_newest_context_are_comparable() -> None:
    """After an update of the device's software its old level says nothing."""
    found = level_of(nights(10.0, 10.0, 20.0, 22.0, contexts=(OLD, OLD, NEW, NEW)))

    assert found is not None
    assert (found.usual, found.nights) == (21.0, 2)


def test_noise_is_pooled_within_builds() -> None:
    """The step from one build to the next is no noise: logs of 1 and e, twice, have an SD of sqrt(1/2)."""
    found = level_of(nights(1.0, math.e, 100.0, 100 * math.e, builds="aabb"))

    assert found is not None
    assert found.noise == pytest.approx(math.sqrt(0.5))
    assert found.freedom == 2
    alone = level_of(nights(1.0, 2.0, builds="ab"))
    assert alone is not None
    assert alone.noise is None


def test_a_reference_that_moved_is_told_with_its_noise() -> None:
    """Or that its nights are too few."""
    found = nights(10.0, 10.0, 10.0, 10.0, 9.0)

    assert reference_words(found, level_of(found)) == (
        "phone-2, 2026-11-05: 9.00 tokens/s, 10 % below the median of its last 5 nights with this context "
        "(10.0 tokens/s), the lowest of them; from night to night it varies by 4.7 % (SD)."
    )
    assert reference_words(nights(10.0), level_of(nights(10.0))) == (
        "phone-2: 1 night of its reference: too few to tell its usual level."
    )


def test_devices_that_differ_are_named() -> None:
    """Lowest and highest, and how far apart; one device agrees with nobody."""
    low, high = level_of(nights(10.0)), level_of(nights(12.5))
    assert low is not None
    assert high is not None

    assert agreement_words({"phone-1": high, "phone-2": low}, DECODE).startswith(
        "2 devices: from 10.0 tokens/s on phone-2 to 12.5 tokens/s on phone-1, 25 % apart."
    )
    assert agreement_words({"phone-1": high}, DECODE).startswith("Only one device of this kind")


def test_a_change_of_context_is_told_once_for_all_series_of_a_device() -> None:
    """Newest first; nights without a figure have no context."""
    found = nights(1.0, math.nan, 2.0, 3.0, contexts=(OLD, {}, NEW, {"device software": "15"}))
    other = replace(found, series=replace(SERIES, cell="context_tokens=2048"))

    assert changes_of([found, other]) == [
        ("2026-11-04", "lab", "1", "(none)"),
        ("2026-11-03", "device software", "14", "15"),
    ]
