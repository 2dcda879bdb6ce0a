"""What the screens pass on, from histories made by hand."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest

from lab.nightly.screen import Known, Screened, screened
from lab.records import BuildAt, Finding, Incident, Night, Outcome, Planned, State, Value
from lab.scenario.nights import Policy
from lab.store.history import RECENT, History, Past
from tests.night_records import DECODE, SERIES, finding, incident, night, value

BUILDS = tuple(BuildAt(f"{i:064x}", "nano-w4", i) for i in range(1, 50))
CONTEXT = {"os": "14", "agent": "native 1"}


def days(many: int) -> list[str]:
    """Return the dates of so many nights before that of :func:`night`."""
    first = np.datetime64("2026-11-29") - many
    return [str(first + i) for i in range(many)]


def past_of(
    values: Sequence[float],
    *,
    builds: Sequence[int] | None = None,
    contexts: Sequence[int] | None = None,
    findings: Mapping[int, Finding] | None = None,
) -> Past:
    """Return the past of one series; by default every night has a build of its own."""
    many = len(values)
    chosen = np.array(range(many) if builds is None else builds, dtype=np.int32)
    of = np.zeros(many, dtype=np.int32) if contexts is None else np.array(contexts, dtype=np.int32)
    known = np.isfinite(np.array(values))
    history = History(np.array(values), np.full(many, 0.004), np.where(known, chosen, -1), np.where(known, of, -1))
    nights = [
        replace(night(), date=day, findings=(findings[i],) if findings and i in findings else ())
        for i, day in enumerate(days(many))
    ]
    return Past(
        tuple(days(many)), {SERIES: history}, BUILDS, (CONTEXT, {**CONTEXT, "os": "13"}), tuple(nights[-RECENT:])
    )


def quiet(many: int, level: float = 412.0) -> list[float]:
    """Return nights that differ by half a per cent."""
    noise = random.Random(5)
    return [level * noise.gauss(1.0, 0.005) for _ in range(many)]


def tonights(figure: float, build: int = 40) -> Value:
    """Return tonight's figure."""
    return replace(value(of=figure), build=BUILDS[build], context=CONTEXT)


def screen(
    past: Past,
    of: Value,
    incidents: Sequence[Incident] = (),
    baselines: Mapping[str, BuildAt] | None = None,
    tonight: Night | None = None,
) -> Screened:
    """Screen one figure."""
    return screened([of], Known(past, incidents, Policy(), baselines or {}), tonight or night())


def outcome_of(found: Screened) -> Outcome:
    """Return the outcome of the only figure."""
    return found.values[0].outcome


def test_an_unusual_figure_of_a_new_build_is_passed_on() -> None:
    """Against the last build, from tonight on."""
    found = screen(past_of(quiet(30)), tonights(381.0))

    (suspect,) = found.suspects
    assert suspect.screens[0] == "tonight"
    assert (suspect.good, suspect.bad, suspect.since) == (BUILDS[29], BUILDS[40], "2026-11-29")
    assert suspect.usual == pytest.approx(412.0, rel=0.005)
    assert [point.date for point in suspect.history[-2:]] == ["2026-11-28", "2026-11-29"]


def test_a_usual_figure_is_no_change() -> None:
    """With the number of nights that say so."""
    found = screen(past_of(quiet(30)), tonights(412.5))

    assert (found.suspects, found.findings, outcome_of(found), found.values[0].nights) == (
        (),
        (),
        "no change seen",
        30,
    )


def test_an_unusual_figure_of_the_same_build_is_noise() -> None:
    """One night says nothing about a build that ran last night too."""
    found = screen(past_of(quiet(30), builds=[3] * 30), tonights(381.0, build=3))

    assert (found.suspects, outcome_of(found)) == ((), "no change seen")


def test_a_step_some_nights_ago_is_passed_on_with_its_range_of_builds() -> None:
    """The build before the step, and the first one behind it."""
    past = past_of([*quiet(30), *quiet(5, 381.0)])

    (suspect,) = screen(past, tonights(381.0, build=35)).suspects

    assert suspect.screens == ("steps",)
    assert (suspect.good, suspect.bad, suspect.since) == (BUILDS[29], BUILDS[30], past.dates[30])


def test_a_step_without_a_new_build_is_not_the_builds() -> None:
    """There is nothing to compare: it is said, not suspected."""
    past = past_of([*quiet(30), *quiet(5, 381.0)], builds=[7] * 35)

    found = screen(past, tonights(381.0, build=7))

    assert [each.outcome for each in found.findings] == ["not the build"]
    assert (found.suspects, outcome_of(found)) == ((), "not the build")


@pytest.mark.parametrize(("outcome", "passed"), [("not reproduced", 0), ("improved", 0), ("cannot tell", 1)])
def test_a_step_that_was_settled_is_not_brought_up_again(outcome: Outcome, passed: int) -> None:
    """One that could not be told is measured again."""
    before = replace(finding(), outcome=outcome, since=days(35)[30], good=BUILDS[28])
    past = past_of([*quiet(30), *quiet(5, 381.0)], findings={33: before})

    assert len(screen(past, tonights(381.0, build=35)).suspects) == passed


def test_a_step_that_three_nights_could_not_tell_is_left() -> None:
    """It would be measured every night, and alert nobody."""
    seen = replace(finding(), outcome="cannot tell", since=days(35)[30], good=BUILDS[29])
    before = dict.fromkeys((31, 32, 33), seen)
    past = past_of([*quiet(30), *quiet(5, 381.0)], findings=before)

    assert screen(past, tonights(381.0, build=35)).suspects == ()


def test_an_update_of_the_phone_is_no_step() -> None:
    """The history begins again there; the picture says what changed."""
    past = past_of([*quiet(30), *quiet(8, 381.0)], contexts=[1] * 30 + [0] * 8)

    found = screen(past, tonights(381.0, build=38))

    assert (found.suspects, found.findings, found.values[0].nights) == ((), (), 8)


def test_a_new_build_behind_an_update_is_compared_at_once() -> None:
    """There are too few nights to judge by, and the report says since when."""
    past = past_of([*quiet(30), *quiet(2, 381.0)], contexts=[1] * 30 + [0] * 2)

    found = screen(past, tonights(381.0))

    (suspect,) = found.suspects
    assert (suspect.screens, suspect.good, suspect.breaks) == (
        (),
        BUILDS[31],
        "2 nights to judge by since os changed",
    )
    assert "os changed" in {point.event for point in suspect.history}


def test_a_first_build_is_compared_with_the_baseline_of_its_line() -> None:
    """Where no night came before, and somebody set one."""
    found = screen(Past((), {}, (), ()), tonights(381.0), baselines={"nano-w4": BUILDS[2]})

    assert [each.good for each in found.suspects] == [BUILDS[2]]
    assert screen(Past((), {}, (), ()), tonights(381.0)).suspects == ()


def test_a_slow_drift_for_the_worse_is_a_trend() -> None:
    """It is no night's doing, and is not measured again."""
    noise = random.Random(3)
    drifting = [412.0 * (1 - 0.002 * i) * noise.gauss(1.0, 0.002) for i in range(60)]

    found = screen(past_of(drifting[:-1], builds=[9] * 59), tonights(drifting[-1], build=9))

    assert [(each.outcome, each.worse) for each in found.findings] == [("trend", True)]


def test_the_level_of_an_open_incident_is_known() -> None:
    """Nobody hears of it again; half-way back to the old level it is looked at."""
    past = past_of([*quiet(30), *quiet(6, 381.0)])
    open_one = replace(incident(), night=past.dates[30])
    open_one = replace(open_one, events=(replace(open_one.events[0], night=past.dates[30]),))

    still, back = (screen(past, tonights(figure), [open_one]) for figure in (381.0, 411.0))

    assert (outcome_of(still), still.suspects) == ("known", ())
    assert [(each.known, each.good) for each in back.suspects] == [(open_one, open_one.good)]


def test_an_anchor_is_never_compared_with_itself() -> None:
    """Its change is the device's."""
    plan = Planned(SERIES.scenario, SERIES.line, SERIES.device, 1, anchor=True)
    past = past_of([*quiet(30), *quiet(5, 381.0)], builds=[7] * 35)

    found = screen(past, tonights(381.0, build=7), tonight=replace(night(), planned=(plan,)))

    assert (found.suspects, [each.outcome for each in found.findings]) == ((), ["not the build"])


def test_missing_nights_are_missing() -> None:
    """They are neither zeros nor the last figure again."""
    figures = quiet(30)
    figures[10:14] = [float("nan")] * 4

    found = screen(past_of(figures), tonights(412.0))

    assert (found.values[0].nights, found.suspects) == (26, ())
    assert found.values[0].metric == DECODE


def test_many_series_are_judged_as_one_is() -> None:
    """On all cores."""
    past = past_of([*quiet(30), *quiet(5, 381.0)])
    series = [replace(SERIES, device=f"phone-{i}") for i in range(1001)]
    wide = replace(past, series=dict.fromkeys(series, past.series[SERIES]))

    found = screened(
        [replace(tonights(381.0, build=35), series=each) for each in series],
        Known(wide, (), Policy(), {}),
        night(),
    )

    assert len(found.suspects) == 1001


@pytest.mark.parametrize("change", [{"good": BUILDS[31]}, {"value": 431.0}])
def test_another_finding_of_these_nights_settles_no_step(change: dict[str, object]) -> None:
    """One whose good build is on the new level already, or one in the other direction."""
    other = replace(finding(), outcome="not reproduced", since=days(35)[31], good=BUILDS[29])
    past = past_of([*quiet(30), *quiet(5, 381.0)], findings={33: replace(other, **change)})  # type: ignore[arg-type]

    assert len(screen(past, tonights(381.0, build=35)).suspects) == 1


def test_a_further_change_for_the_worse_of_a_known_series_is_compared_at_once() -> None:
    """In the first nights of an incident too, with the last build."""
    past = past_of([*quiet(30), *quiet(2, 381.0)])
    known = replace(incident(), night=past.dates[30])
    known = replace(known, events=(replace(known.events[0], night=past.dates[30]),))

    further, same = (screen(past, tonights(figure), [known]) for figure in (300.0, 381.0))

    assert [(each.good, each.known) for each in further.suspects] == [(BUILDS[31], None)]
    assert (same.suspects, outcome_of(same)) == ((), "known")


def test_a_phone_that_was_away_for_weeks_is_held_against_its_last_figures() -> None:
    """The nights that it missed do not count among the thirty."""
    past = past_of([*quiet(30), *[float("nan")] * 28, *quiet(1)], builds=[7] * 59)

    (suspect,) = screen(past, tonights(330.0)).suspects

    assert suspect.screens[0] == "tonight"


def test_an_incident_spoils_only_its_own_nights() -> None:
    """Fixed, back and fixed again: the good months in between count, and those of a false alarm all do."""
    figures = [*quiet(10), *quiet(5, 381.0), *quiet(30), *quiet(5, 381.0), *quiet(5)]
    past = past_of(figures, builds=[7] * 55)
    opened = replace(incident().events[0], night=past.dates[10])
    turns: list[tuple[int, State]] = [(15, "fixed"), (45, "back"), (50, "fixed")]
    events = (opened, *(replace(opened, night=past.dates[at], state=state) for at, state in turns))
    fixed = replace(incident(), status="fixed", night=past.dates[10], events=events)

    nights = [
        screen(past, tonights(412.0), [each]).values[0].nights
        for each in (fixed, replace(fixed, status="invalid"))
    ]

    assert nights == [45, 55]


def test_a_series_that_came_back_is_spoilt_no_longer_than_that() -> None:
    """Others of its incident are worse for longer; notes about them say nothing of this one."""
    past = past_of([*quiet(10), *quiet(5, 381.0), *quiet(20)], builds=[7] * 35)
    opened = replace(incident().events[0], night=past.dates[5])
    story = [(8, "fixed", ""), (10, "back", ""), (15, "back", "came back (comparison c1)"), (20, "back", "more")]
    turns = [replace(opened, night=past.dates[at], state=state, note=note) for at, state, note in story]  # type: ignore[arg-type]
    member = replace(incident().members[0], back="c1")
    found = replace(incident(), status="back", night=past.dates[5], events=(opened, *turns), members=(member,))

    assert screen(past, tonights(412.0), [found]).values[0].nights == 35 - 3 - 5


def test_of_two_open_incidents_the_newest_explains_the_level() -> None:
    """It is the one that may be over; incidents come newest first."""
    past = past_of([*quiet(30), *quiet(6, 381.0)])
    older = replace(incident(), events=(replace(incident().events[0], night=past.dates[20]),))
    newer = replace(older, id="newer", events=(replace(incident().events[0], night=past.dates[30]),))

    (suspect,) = screen(past, tonights(411.0), [newer, older]).suspects

    assert suspect.known is newer


def test_another_anchor_is_no_change_of_the_device() -> None:
    """Somebody set another baseline."""
    plan = Planned(SERIES.scenario, SERIES.line, SERIES.device, 1, anchor=True)

    found = screen(past_of(quiet(30), builds=[7] * 30), tonights(381.0), tonight=replace(night(), planned=(plan,)))

    assert (found.suspects, found.findings) == ((), ())
