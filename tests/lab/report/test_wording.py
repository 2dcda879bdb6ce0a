"""Numbers, cells and hostile names as words."""

from __future__ import annotations

import pytest

from lab.records import Interval, Metric
from lab.report.wording import (
    cell_phrase,
    cell_short,
    estimate_with_interval,
    interval_head,
    lasting,
    listing,
    percent,
    plain,
    quantity,
    ranged,
    span,
    superlative,
    varying,
)
from tests.lab.report.report_runs import batches, cell


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (2.06, "s", "2.06 s"),
        (0.3104, "s", "310 ms"),
        (0.99951, "s", "1.00 s"),
        (0.99949, "s", "999 ms"),
        (0.00123456, "s", "1.23 ms"),
        (1.5e-6, "s", "1.50 µs"),
        (2e-9, "s", "2.00 ns"),
        (0.0, "s", "0 s"),
        (84.0, "s", "84.0 s"),
        (24.4, "tokens/s", "24.4 tokens/s"),
        (9.996, "tokens/s", "10.0 tokens/s"),
        (1234.5, "tokens/s", "1230 tokens/s"),
        (123456.0, "tokens/s", "123,000 tokens/s"),
        (float("nan"), "s", "nan s"),
    ],
)
def test_a_quantity_has_three_digits_and_its_unit(value: float, unit: str, text: str) -> None:
    """Seconds below one become ms, µs or ns; rounding never leaves 1000 ms."""
    assert quantity(value, unit) == text


def test_an_interval_shows_as_many_digits_as_it_resolves() -> None:
    """Three digits by default, more for a narrow interval; one scale for all three figures."""
    assert span(Interval(0.3104, 0.30, 0.32, 0.95, 6), "s") == "300 to 320 ms"
    assert estimate_with_interval(Interval(0.31042, 0.31011, 0.31073, 0.95, 6), "s") == (
        "310.4 ms (95 % interval 310.1 to 310.7 ms)"
    )
    assert span(Interval(1.0, 0.9, 1.11, 0.95, 6), "s") == "0.90 to 1.11 s"
    assert span(Interval(24.4, 23.9, 24.9, 0.95, 6), "tokens/s") == "23.9 to 24.9 tokens/s"


def test_a_missing_interval_is_reported_with_the_number_of_trials() -> None:
    """`none` in a column, and the reason in a sentence."""
    found = Interval(0.31, None, None, 0.95, 1)

    assert span(found, "s") == "none"
    assert estimate_with_interval(found, "s") == "310 ms (no interval: 1 valid trial is too few)"


def test_shares_are_short() -> None:
    """Two digits."""
    assert [percent(v) for v in (0.0512, 0.153, -0.03, 0.0, 0.00042)] == [
        "5.1 %",
        "15 %",
        "-3.0 %",
        "0 %",
        "0.042 %",
    ]


def test_a_cell_is_named_by_the_parameters_that_vary() -> None:
    """One numeric parameter needs only its value; several are spelled out."""
    one, four = batches(1, 4)

    assert varying([one, four]) == ("patches_per_batch",)
    assert cell_phrase(four, ("patches_per_batch",)) == "4 patches per batch"
    assert cell_phrase(one, ("patches_per_batch",)) == "1 patch per batch"
    assert cell_short(four, ("patches_per_batch",)) == "4"
    mixed = cell("x", pipelined=False, placement="all", zoom=1.5)
    assert cell_short(mixed, ("pipelined", "placement", "zoom")) == "serial, on all cores, zoom 1.5"
    assert cell_phrase(mixed, ()) == "x"


def test_lists_read_as_english() -> None:
    """Items with commas are separated by semicolons."""
    assert [listing(x) for x in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a and b", "a, b and c"]
    assert listing(["a, b", "c", "d"]) == "a, b; c; and d"
    assert listing(["a", "b, c"]) == "a; and b, c"


def test_control_characters_cannot_steer_a_terminal() -> None:
    """Escape, new line and right-to-left override become visible."""
    assert plain("a\x1b[31mb\nc\u202ed") == "a\ufffd[31mb\ufffdc\ufffdd"


def test_the_superlative_fits_the_metric() -> None:
    """Times and rates are fast; other things are high or low."""
    assert superlative(Metric("a", "a", "s", "lower")) == "fastest"
    assert superlative(Metric("a", "a", "tokens/s", "higher")) == "fastest"
    assert superlative(Metric("a", "a", "bytes", "lower")) == "lowest"
    assert superlative(Metric("a", "a", "points", "higher")) == "highest"


def test_a_column_of_intervals_says_its_level_once_or_row_by_row() -> None:
    """The range of five trials has 94 %, which a head of 95 % would hide."""
    of_five, of_nine = Interval(2.0, 1.0, 3.0, 0.9375, 5), Interval(2.0, 1.5, 2.5, 0.95, 9)

    assert interval_head([of_five, None]) == "94 % interval"
    head = interval_head([of_five, of_nine])
    assert head == "interval"
    assert ranged(of_five, "s", head) == "1.00 to 3.00 s (94 %)"
    assert ranged(of_nine, "s", "95 % interval") == "1.50 to 2.50 s"


def test_a_percentage_has_two_digits_and_never_more_than_it_shows() -> None:
    """10 %, not 10.0 %; nothing tiny, and huge ones with separators."""
    values = (0.0996, 0.1, 0.0999, 1e-9, -1e-9, 12.34, 1234.5, float("inf"))

    assert [percent(v) for v in values] == ["10 %", "10 %", "10 %", "0 %", "0 %", "1234 %", "123,450 %", "inf %"]


@pytest.mark.parametrize(("seconds", "words"), [(9.4, "9 s"), (600, "10 min"), (4000, "67 min"), (9000, "2.5 h")])
def test_a_length_of_time_is_in_the_unit_of_its_size(seconds: float, words: str) -> None:
    """Seconds, minutes, hours."""
    assert lasting(seconds) == words
