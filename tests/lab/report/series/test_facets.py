"""Series share an axis only if they are of one metric and one kind of device."""

from __future__ import annotations

from dataclasses import replace

from lab.records import BuildAt, Series
from lab.report.series.facets import facets_of, summary
from lab.report.series.points import Point
from tests.night_records import SERIES

R1 = BuildAt("a" * 64, "nano-w4", 1)
HOST = replace(SERIES, device="host")
PREFILL = replace(SERIES, metric="prefill_s", scenario="prefill_tokens")


def points(kind: str, *values: float) -> tuple[Point, ...]:
    """Return a point a night, of a device of this kind."""
    return tuple(
        Point(f"2026-11-{day:02d}", f"2026-11-{day:02d}", value, R1, {"device kind": kind})
        for day, value in enumerate(values, 1)
    )


ALL: dict[Series, tuple[Point, ...]] = {
    SERIES: points("phone", 400.0, 380.0),
    HOST: points("host", 20.0, 21.0),
    PREFILL: points("phone", 0.5, 0.75),
}


def test_kinds_and_metrics_have_axes_of_their_own() -> None:
    """A phone and this machine never share one, nor tokens a second and seconds."""
    found = facets_of(ALL, normalised=False)

    assert [(each.metric.name, [line.series for line in each.lines]) for each in found] == [
        ("decode_tokens_per_s", [SERIES]),
        ("decode_tokens_per_s", [HOST]),
        ("prefill_s", [PREFILL]),
    ]
    assert [each.words for each in found] == ["a phone", "this machine, no phone", "a phone"]


def test_over_builds_every_line_has_an_axis_of_its_own() -> None:
    """Also relative: revision 3 of one line is no neighbour of revision 3 of another."""
    other = replace(SERIES, line="nano-w8")
    both = {SERIES: points("phone", 400.0), other: points("phone", 300.0)}

    assert [each.words for each in facets_of(both, normalised=False, over_builds=True)] == [
        "a phone; builds of nano-w4",
        "a phone; builds of nano-w8",
    ]
    assert len(facets_of(both, normalised=True, over_builds=True)) == 2
    assert len(facets_of(both, normalised=False)) == 1


def test_an_emulated_phone_never_shares_an_axis_and_has_no_better_direction() -> None:
    """Not even relative: its times are no measurements."""
    both = {SERIES: points("phone", 400.0), HOST: points("emulated", 3.0)}
    phone, emulated = facets_of(both, normalised=True)

    assert "higher is better" in phone.alt
    assert "emulated, not a measurement" in emulated.alt and "is better" not in emulated.alt


def test_relative_series_share_an_axis_if_they_share_what_is_better() -> None:
    """Each begins at 100 %."""
    rates, times = facets_of(ALL, normalised=True)

    assert [[point.value for point in line.points] for line in rates.lines] == [[100.0, 95.0], [100.0, 105.0]]
    assert [[point.value for point in line.points] for line in times.lines] == [[100.0, 150.0]]
    assert (rates.metric.unit, rates.metric.better, times.metric.better) == ("%", "higher", "lower")


def test_an_axis_says_its_newest_figures_and_what_is_better() -> None:
    """For who does not see the picture."""
    assert facets_of({SERIES: ALL[SERIES]}, normalised=False)[0].alt == (
        "1 series of decode in tokens/s, higher is better; the newest figures: phone-2 380 tokens/s"
    )
    assert facets_of({SERIES: ()}, normalised=False)[0].alt == "1 series of decode, without a figure"


def test_the_summary_has_the_first_the_newest_and_the_range() -> None:
    """The change is between the two, and claims nothing."""
    (row,) = summary(facets_of({SERIES: ALL[SERIES]}, normalised=False)).rows

    assert row.texts == (
        SERIES.name,
        "2",
        "400 tokens/s (2026-11-01)",
        "380 tokens/s (2026-11-02)",
        "-5.0 %",
        "380 tokens/s (2026-11-02)",
        "400 tokens/s (2026-11-01)",
    )
    assert summary(facets_of({SERIES: ()}, normalised=False)).rows[0].texts[2:] == ("none",) * 5
