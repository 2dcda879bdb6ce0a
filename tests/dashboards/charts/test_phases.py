"""The phases of an iteration: a rectangle for each span, on the track of its unit."""

from __future__ import annotations

from dashboards.charts.phases import height_of, merged, phases, tracks_of
from lab.report.phases import Span


def span(
    stage: str, start_s: float, duration_s: float, unit: str = "cpu0", role: str = "cpu", **more: str
) -> Span:
    """Return a span of one patch."""
    return Span(stage, role, unit, 0, start_s, duration_s, 0.0, 1, 4, more.get("parent"))


SPANS = [
    span("tile", 0.0, 0.010),
    span("vit", 0.010, 0.020, "npu0", "npu"),
    span("layer", 0.012, 0.004, "npu0", "npu", parent="vit"),
    span("first_token", 0.0, 0.030, "user", "user"),
]


def test_each_unit_has_a_track_and_parts_of_a_stage_have_their_own() -> None:
    """The user's wait is on top, then the paper's two units."""
    assert tracks_of(SPANS) == ["user's wait", "cpu cpu0", "in vit, npu0", "npu npu0"]
    assert height_of(SPANS) == 4 * 44 + 88


def test_a_span_is_a_rectangle_in_milliseconds() -> None:
    """From its start to its end, with its amounts in the tooltip; the axis ends where the iteration does."""
    found = phases(SPANS)

    (vit,) = next(series for series in found["series"] if series["name"] == "vit")["markArea"]["data"]
    assert (vit[0]["xAxis"], vit[1]["xAxis"]) == (10.0, 30.0)
    assert (vit[0]["yAxis"], vit[1]["yAxis"]) == (3.14, 3.86)
    assert vit[0]["name"] == "vit 0 on npu0 · 20.0 ms · from 10.0 ms · 1 wanted of 4 computed"
    assert (found["xAxis"]["name"], found["xAxis"]["max"]) == ("ms", 30.0)


def test_short_neighbours_of_one_stage_are_drawn_as_one() -> None:
    """Ten thousand tokens of 1 us each, and one of a second that stays as it is."""
    tokens = [span("decode", n * 2e-6, 1e-6) for n in range(10_000)] + [span("prefill", 0.5, 1.0)]

    found = merged(tokens, 100)

    assert len(found) <= 100
    assert span("prefill", 0.5, 1.0) in found
    assert abs(sum(each.duration_s for each in found if each.stage == "decode") - 0.02) < 0.001


def test_more_stages_than_a_chart_holds_are_cut_to_the_longest() -> None:
    """Nothing can be joined: each has a name of its own."""
    spans = [span(f"stage {n}", float(n), 1.0 + n) for n in range(50)]

    assert [each.stage for each in merged(spans, 10)] == [f"stage {n}" for n in range(40, 50)]


def test_no_span_is_an_empty_chart() -> None:
    """It does not fail."""
    assert phases([])["series"] == []
