"""The comparison behind a series: pairs, start temperatures, stages, price."""

from __future__ import annotations

from dataclasses import replace

from lab.records import Interval, Stage
from lab.report.incident.confirmed import Moved, Pair, confirmed
from tests.lab.report.incident.incident_records import comparison, series, sides, starts
from tests.night_records import finding, incident


def test_a_pair_has_both_figures_their_order_and_the_case_at_the_start() -> None:
    """The first pair began with the good build, the second with the bad one, 0.4 °C warmer."""
    found = series(warmer=0.4)

    assert found.sensor == "case"
    assert found.pairs[:2] == (
        Pair(1, 400.0, 370.0, False, (31.0, 31.4)),
        Pair(2, 401.0, 371.0, True, (31.0, 31.4)),
    )
    assert (len(found.pairs), found.pair_s, found.missing) == (6, 40.0, "")


def test_the_stages_that_moved_are_told_in_seconds() -> None:
    """The medians of both sides over the pairs: 100 tokens at 402.5 and at 372.5 tokens/s, the middle two."""
    (stage,) = series(replace(finding(), stages=(Stage("decode_s", Interval(1.08, 1.06, 1.1, 0.95, 6)),))).moved

    assert stage.stage == "decode_s"
    assert round(stage.good_s, 4) == 0.2484 and round(stage.bad_s, 4) == 0.2685


def test_stages_without_samples_are_left_out() -> None:
    """A night may have known more than its trials keep."""
    assert series(replace(finding(), stages=(Stage("vit_s", Interval(1.08, 1.06, 1.1, 0.95, 6)),))).moved == ()
    assert series().moved == tuple[Moved, ...]()


def test_a_device_without_sensors_has_no_start_temperature() -> None:
    """Unknown, not zero."""
    found = confirmed(incident().members[0], finding(), comparison(), sides=sides(), starts={})

    assert found.sensor == ""
    assert {pair.celsius for pair in found.pairs} == {(None, None)}


def test_the_battery_tells_the_start_where_the_case_does_not() -> None:
    """One place for all trials: temperatures of two places are not compared."""
    cooler = {at: replace(each, celsius={"battery": 29.5}) for at, each in starts().items()}
    found = confirmed(incident().members[0], finding(), comparison(), sides=sides(), starts=cooler)

    assert (found.sensor, found.pairs[0].celsius) == ("battery", (29.5, 29.5))


def test_a_comparison_without_the_cell_says_so() -> None:
    """A record that does not fit its runs is no reason to fail."""
    member = replace(incident().members[0], series=replace(finding().series, cell="context_tokens=9"))
    found = confirmed(member, None, comparison(), sides=sides(), starts={})

    assert found.missing == f"comparison {comparison().id} did not measure context_tokens=9"
    assert found.pairs == ()


def test_trials_that_do_not_count_make_no_pair() -> None:
    """Both sides of a pair must be valid."""
    (good, ours), (bad, theirs) = sides()
    lost = [replace(each, valid=False) for each in theirs]
    found = confirmed(incident().members[0], None, comparison(), sides=[(good, ours), (bad, lost)], starts={})

    assert found.pairs == ()
    assert found.missing == f"comparison {comparison().id} has no pair whose two trials count"
