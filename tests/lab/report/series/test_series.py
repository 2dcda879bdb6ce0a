"""Series in words: their points by night and by build, what changed beside them, and which are asked for."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from lab.records import BuildAt, Event, Series
from lab.report.series.choice import Asked, fitting, mattering, short_names
from lab.report.series.events import Happened, build_events, context_events, incident_builds, incident_events
from lab.report.series.points import by_builds, by_nights, kind_of, metric_of, relative, said_of
from lab.store.history import History, Past
from tests.night_records import SERIES, incident, night

R1, R2 = BuildAt("a" * 64, "nano-w4", 1), BuildAt("b" * 64, "nano-w4", 2)
DATES = ("2026-11-26", "2026-11-27", "2026-11-28", "2026-11-29")
OTHER = replace(SERIES, device="phone-3")


def past_of(*series: Series) -> Past:
    """Return four nights: r1 measures 400 and 404, a night has no figure, and r2 380 on a newer system."""
    history = History(
        values=np.array([400.0, 404.0, math.nan, 380.0]),
        errors=np.full(4, np.nan),
        builds=np.array([0, 0, -1, 1], dtype=np.int32),
        contexts=np.array([0, 0, -1, 1], dtype=np.int32),
    )
    return Past(DATES, dict.fromkeys(series, history), (R1, R2), ({"os": "14"}, {"os": "15"}))


def test_a_night_without_a_figure_stays_a_point() -> None:
    """Its value is NaN and its build is not known."""
    points = by_nights(past_of(SERIES), SERIES)

    assert [each.at for each in points] == list(DATES)
    assert not points[2].known and points[2].build is None
    assert (points[3].value, points[3].build, points[3].context) == (380.0, R2, {"os": "15"})


def test_a_build_has_the_median_of_its_nights() -> None:
    """400 and 404 are 402; it is dated by its last night."""
    first, second = by_builds(past_of(SERIES), SERIES)

    assert (first.at, first.value, first.nights, first.date) == ("r1", 402.0, 2, "2026-11-27")
    assert (second.at, second.value, second.nights) == ("r2", 380.0, 1)


def test_a_build_without_a_revision_is_placed_by_its_id() -> None:
    """Two of them are two points."""
    unknown = tuple(replace(each, revision=0) for each in (R1, R2))

    assert [each.at for each in by_builds(replace(past_of(SERIES), builds=unknown), SERIES)] == [
        "aaaaaaaa",
        "bbbbbbbb",
    ]


def test_values_relative_to_the_first_are_percent() -> None:
    """A gap stays a gap."""
    found = relative(by_nights(past_of(SERIES), SERIES))

    assert found[:2] == [100.0, 101.0] and math.isnan(found[2]) and found[3] == 95.0


def test_a_point_says_its_difference_the_builds_between_and_what_changed() -> None:
    """The point before is the last one with a figure, over the gap."""
    said = said_of(by_nights(past_of(SERIES), SERIES), 3, metric_of(SERIES))

    assert said.figure == "380 tokens/s on 2026-11-29"
    assert said.against == "-5.9 % against 2026-11-27 (404 tokens/s); higher is better"
    assert said.builds == "nano-w4 r1 (aaaaaaaa) to nano-w4 r2 (bbbbbbbb)"
    assert said.changes == ("os: 14 -> 15",)


def test_the_first_point_has_nothing_before_it() -> None:
    """No difference is invented."""
    assert said_of(by_nights(past_of(SERIES), SERIES), 0, metric_of(SERIES)).against == (
        "the first figure of this series"
    )


def test_a_metric_that_is_not_known_has_its_name() -> None:
    """A store of a newer lab can be looked at."""
    assert metric_of(replace(SERIES, metric="joules")).label == "joules"


def test_a_series_has_the_kind_of_the_device_that_measured_it_last() -> None:
    """Without that fact in any context it is unknown."""
    phone = by_nights(
        replace(past_of(SERIES), contexts=({"device kind": "host"}, {"device kind": "phone"})), SERIES
    )

    assert kind_of(phone) == "phone"
    assert kind_of(by_nights(past_of(SERIES), SERIES)) == "unknown"


def test_a_change_of_context_is_one_event_for_all_its_devices() -> None:
    """It stands at the first night that has a figure with it."""
    assert context_events(past_of(SERIES, OTHER), [SERIES, OTHER]) == [
        Happened("2026-11-29", "phone-2 and phone-3: os 14 -> 15")
    ]


def test_a_new_build_is_an_event_once() -> None:
    """The first build of a line is none: nothing changed."""
    assert build_events(past_of(SERIES, OTHER), [SERIES, OTHER]) == [
        Happened("2026-11-29", "new build: nano-w4 r2")
    ]


def test_an_incident_is_an_event_where_its_series_is_shown() -> None:
    """Each change of its state is one; a state that is said again is none."""
    opened = incident()
    again = replace(
        opened, events=(*opened.events, *opened.events, Event("2026-12-01T08:00:00Z", "", "fixed", "ada", ""))
    )

    assert incident_events([again], [SERIES]) == [
        Happened("2026-11-29", "incident opened: nano-w4 r11..r12"),
        Happened("2026-12-01", "incident fixed: nano-w4 r11..r12"),
    ]
    assert incident_events([again], [OTHER]) == []


def test_on_an_axis_of_builds_an_incident_stands_at_its_first_bad_build() -> None:
    """It says its state."""
    assert incident_builds([incident()], [SERIES]) == [Happened("r12", "incident new: nano-w4 r11..r12")]
    assert incident_builds([incident()], [OTHER]) == []


def test_series_fit_what_is_asked_and_every_word_of_a_search() -> None:
    """An empty field asks nothing."""
    both = [OTHER, SERIES]

    assert fitting(both, Asked()) == [SERIES, OTHER]
    assert fitting(both, Asked(devices=("phone-3",))) == [OTHER]
    assert fitting(both, Asked(words="DECODE phone-2")) == [SERIES]
    assert fitting(both, Asked(words="phone-2 phone-3")) == []


def test_what_matters_had_a_finding_or_is_in_an_open_incident() -> None:
    """A closed incident matters no more."""
    closed = replace(incident(), status="fixed")

    assert mattering([night()], []) == mattering([], [incident()]) == {SERIES}
    assert mattering([], [closed]) == set()


def test_series_that_stand_together_are_named_by_what_differs() -> None:
    """One alone has the name of its device."""
    cell = replace(OTHER, cell="context_tokens=128")

    assert short_names([SERIES, OTHER]) == ["phone-2", "phone-3"]
    assert short_names([SERIES, cell]) == ["context_tokens=512 · phone-2", "context_tokens=128 · phone-3"]
    assert short_names([SERIES]) == ["phone-2"]
