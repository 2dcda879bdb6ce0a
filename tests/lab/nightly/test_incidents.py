"""Incidents: one for each cause, alerted once, closed with evidence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from threading import Barrier, Thread
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.errors import RunError
from lab.nightly.incidents import Act, Settled, act, acted, as_of, settled
from lab.records import OPEN, BuildAt, Finding, Incident, Series, State
from lab.store import Store
from tests.night_records import DATE, INCIDENT, SERIES, finding, incident

Back = tuple[Series, str, str]

UTC = f"{DATE}T09:00:00.000Z"


def series_of(name: str) -> Series:
    """Return a series by its scenario."""
    return replace(SERIES, scenario=name)


def worse(name: str, good: int, bad: int) -> Finding:
    """Return a confirmed regression of a series after one revision and up to another; 0 is an unknown one."""
    ends = [BuildAt(f"r{revision}-of-{SERIES.line}", SERIES.line, revision) for revision in (good, bad)]
    return replace(finding(), series=series_of(name), good=ends[0], bad=ends[1], incident="")


def ids(prefix: str = "i") -> Callable[[], str]:
    """Return a source of ids that sort by their order."""
    numbers = count(1)
    return lambda: f"{prefix}{next(numbers)}"


NEW_ID = ids("unique")


def a_night(
    incidents: Sequence[Incident],
    findings: Sequence[Finding],
    back: Sequence[Back] = (),
    *,
    date: str = DATE,
    new_id: Callable[[], str] = NEW_ID,
) -> Settled:
    """Settle a night."""
    return settled(incidents, findings, back, date=date, utc=f"{date}T04:00:00Z", new_id=new_id)


def after(incidents: Sequence[Incident], found: Settled) -> list[Incident]:
    """Return the incidents as a store has them after a night."""
    return list({each.id: each for each in (*incidents, *found.changed)}.values())


def opened(*findings: Finding, date: str = "2026-11-20") -> list[Incident]:
    """Return the incidents of an earlier night."""
    return list(a_night((), findings, date=date).changed)


def said(incident: Incident, state: Act, owner: str = "", date: str = "2026-11-21") -> Incident:
    """Return an incident after a person acted."""
    return acted(incident, state, who="ada@lab", note="seen", utc=f"{date}T09:00:00Z", date=date, owner=owner)


def test_one_step_is_one_incident_whatever_the_scenario() -> None:
    """Two scenarios that got worse at one build share an incident, which is reported once."""
    found = a_night((), [worse("decode", 11, 12), worse("prefill", 11, 12)], new_id=ids())

    (incident,) = found.changed
    assert (incident.id, incident.status, incident.night) == ("i1", "new", DATE)
    assert [each.series.scenario for each in incident.members] == ["decode", "prefill"]
    assert [each.incident for each in found.findings] == ["i1", "i1"]
    assert found.told == ("i1",)
    assert incident.events[0].note.startswith("2 series got worse: decode / ")


def test_ranges_that_overlap_are_one_cause_and_narrow_it() -> None:
    """The cause lies in both ranges, so after r10 and up to r12."""
    (incident,) = a_night((), [worse("decode", 9, 12), worse("prefill", 10, 14)]).changed

    assert (incident.good.revision, incident.bad.revision) == (10, 12)


def test_ranges_that_only_touch_are_two_causes() -> None:
    """The build that ends one range is the last good one of the other."""
    found = a_night((), [worse("decode", 11, 12), worse("prefill", 12, 13)], new_id=ids())

    assert [each.bad.revision for each in found.changed] == [12, 13]
    assert found.told == ("i1", "i2")


def test_another_line_is_another_cause() -> None:
    """Builds of two lines share no step."""
    other = worse("decode", 11, 12)
    other = replace(other, series=replace(other.series, line="nano-w8"))

    assert len(a_night((), [worse("decode", 11, 12), other]).changed) == 2


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_the_order_of_the_findings_does_not_matter(order: tuple[int, ...]) -> None:
    """A wide range joins one of the two steps that it holds, and merges them never."""
    findings = [worse("a", 1, 9), worse("b", 1, 3), worse("c", 6, 9)]

    found = a_night((), [findings[n] for n in order], new_id=ids())

    assert [(each.good.revision, each.bad.revision) for each in found.changed] == [(1, 3), (6, 9)]


def test_unknown_revisions_overlap_by_their_builds() -> None:
    """Ranges that share an end are one cause; the revisions say nothing."""
    here, there = worse("decode", 0, 12), worse("prefill", 11, 12)
    apart = worse("vit", 0, 15)
    apart = replace(apart, good=BuildAt("elsewhere", SERIES.line, 0))

    found = a_night((), [here, there, apart], new_id=ids())

    assert [len(each.members) for each in found.changed] == [2, 1]


def test_a_series_that_joins_later_is_not_told_again() -> None:
    """The incident is known; the story says who joined."""
    known = opened(worse("decode", 11, 12))

    found = a_night(known, [worse("prefill", 10, 12)])

    assert found.told == ()
    (incident,) = found.changed
    assert [each.note.split(":")[0] for each in incident.events] == ["1 series got worse"] * 2
    assert len(incident.members) == 2
    assert incident.began == "2026-11-20"


def test_a_known_member_only_narrows_the_range() -> None:
    """Nothing else of the incident changes, not even its story."""
    known = opened(worse("decode", 9, 14))

    (incident,) = a_night(known, [worse("decode", 10, 12)]).changed

    assert incident == replace(known[0], good=incident.good, bad=incident.bad)
    assert (incident.good.revision, incident.bad.revision) == (10, 12)
    assert a_night([incident], [worse("decode", 9, 14)]).changed == ()


def test_an_incident_is_fixed_when_all_its_series_came_back() -> None:
    """One is not enough; the story names each, its comparison and what it found."""
    known = opened(worse("decode", 11, 12), worse("prefill", 11, 12))

    first = a_night(known, [], [(series_of("decode"), "c1", "1 % faster in 12 pairs")])
    assert [each.status for each in first.changed] == ["new"]
    second = a_night(first.changed, [], [(series_of("prefill"), "c2", "equal")], date="2026-11-30")

    (incident,) = second.changed
    assert incident.status == incident.events[-1].state == "fixed"
    assert [each.back for each in incident.members] == ["c1", "c2"]
    assert (
        incident.events[-2].note == f"{series_of('decode').name} came back (comparison c1): 1 % faster in 12 pairs"
    )
    assert second.told == ()
    assert as_of([incident], "2026-11-30") == list(first.changed)


def test_one_comparison_brings_several_series_back() -> None:
    """It measured both cells."""
    known = opened(worse("decode", 11, 12), worse("prefill", 11, 12))

    back = [(series_of("decode"), "c1", "equal"), (series_of("prefill"), "c1", "equal")]

    assert a_night(known, [], back).changed[0].status == "fixed"


def fixed(*names: str) -> list[Incident]:
    """Return an incident of these series after r11, fixed."""
    known = opened(*(worse(name, 11, 12) for name in names))
    return after(known, a_night(known, [], [(series_of(n), f"c-{n}", "equal") for n in names], date="2026-11-25"))


def test_a_fixed_incident_comes_back_and_is_told() -> None:
    """It is reopened at the new step instead of another being opened, once for all its series."""
    known = fixed("decode", "prefill")
    assert known[0].status == "fixed"

    found = a_night(known, [worse("decode", 19, 20), worse("prefill", 18, 20)])

    (incident,) = found.changed
    assert (incident.id, incident.status) == (known[0].id, "back")
    assert (incident.good.revision, incident.bad.revision) == (19, 20)
    assert [each.back for each in incident.members] == ["", ""]
    assert "2 series got worse again" in incident.events[-1].note
    assert found.told == (incident.id,)
    assert (known[0].began, incident.began) == ("2026-11-20", DATE)


def test_another_series_does_not_reopen_a_fixed_incident() -> None:
    """It never was a part of it."""
    found = a_night(fixed("decode"), [worse("vit", 19, 20)])

    assert [each.status for each in found.changed] == ["new"]


@pytest.mark.parametrize("state", ["expected", "invalid"])
def test_a_step_that_a_person_closed_is_not_told_again(state: Act) -> None:
    """The same step is explained; a further one is news."""
    closed = [said(opened(worse("decode", 11, 12))[0], state)]

    same = a_night(closed, [worse("decode", 11, 12), worse("prefill", 10, 12)])
    further = a_night(closed, [worse("decode", 12, 13)])

    assert same.told == ()
    assert {each.incident for each in same.findings} == {closed[0].id}
    assert len(further.told) == 1
    assert further.findings[0].incident != closed[0].id


def test_a_regression_without_evidence_is_no_incident() -> None:
    """No comparison, no incident; nor is a suspect one."""
    bare = replace(worse("decode", 11, 12), verdict=None)
    suspected = replace(worse("decode", 11, 12), outcome="suspected")

    assert a_night((), [bare, suspected]) == Settled((), (), ())


def test_the_demo_and_the_lab_share_no_incident() -> None:
    """A regression that was made up must not hide a real one."""
    known = opened(worse("decode", 11, 12))

    found = settled(known, [worse("decode", 11, 12)], (), date=DATE, utc="", new_id=ids(), demo=True)

    assert [each.demo for each in found.changed] == [True]
    assert found.told == ("i1",)


def test_a_person_takes_an_incident() -> None:
    """The owner stays until another takes it; the story says who said what."""
    (incident,) = opened(worse("decode", 11, 12))

    taken = said(incident, "acknowledged", owner="ada")

    assert (taken.status, taken.owner) == ("acknowledged", "ada")
    assert said(taken, "expected").owner == "ada"
    assert (taken.events[-1].who, taken.events[-1].note) == ("ada@lab", "seen")


def test_an_incident_is_seen_as_a_night_met_it() -> None:
    """Not before it was opened; with what people said of it by that date."""
    (incident,) = opened(worse("decode", 11, 12))
    taken = said(incident, "acknowledged", date="2026-11-22")

    assert as_of([taken], "2026-11-20") == []
    assert as_of([taken], "2026-11-21") == [incident]
    assert as_of([taken], "2026-11-22") == [taken]


@pytest.mark.parametrize(
    ("first", "then", "words"),
    [
        ("expected", "acknowledged", "wanted one that is new or acknowledged or back to mark it acknowledged"),
        ("invalid", "acknowledged", "found it invalid"),
        ("fixed", "expected", "found it fixed"),
    ],
)
def test_what_makes_no_sense_is_refused(first: State, then: Act, words: str) -> None:
    """Nobody works on an incident that is closed, and a figure that came back was not expected to stay."""
    incident = replace(opened(worse("decode", 11, 12))[0], status=first)

    with pytest.raises(RunError, match=words):
        said(incident, then)


def test_of_two_people_who_act_at_once_the_second_learns_who_was_faster(tmp_path: Path) -> None:
    """Nothing of the first is lost, and the second is told what to read before acting again."""
    Store(tmp_path).save_incident(incident())
    together, refused = Barrier(2), list[str]()

    def says(who: str) -> None:
        store = Store(tmp_path)
        together.wait()
        try:
            act(store, INCIDENT, "acknowledged", who=who, note=f"{who} looks", utc=UTC, date=DATE, seen=1)
        except RunError as error:
            refused.append(f"{who}: {error}")

    people = [Thread(target=says, args=(who,)) for who in ("ada", "ben")]
    for each in people:
        each.start()
    for each in people:
        each.join()
    first = Store(tmp_path).incident(INCIDENT).events[-1].who
    second = {"ada": "ben", "ben": "ada"}[first]

    assert len(Store(tmp_path).incident(INCIDENT).events) == 2
    assert refused == [
        f"{second}: incident {INCIDENT} changed after you opened it, and nothing was saved: {first}, {UTC}, "
        f"acknowledged: {first} looks. Read this, then mark it again if what you say still holds"
    ]


def test_who_has_read_the_whole_story_may_act(tmp_path: Path) -> None:
    """The number of events that they saw is the number there is; the owner stays as it was."""
    store = Store(tmp_path)
    store.save_incident(replace(incident(), owner="ada"))

    for seen, state in ((1, "acknowledged"), (2, "expected"), (None, "invalid")):
        act(store, INCIDENT, cast(Act, state), who="ben", note="read", utc=UTC, date=DATE, seen=seen)

    found = store.incident(INCIDENT)
    assert (found.status, found.owner, len(found.events)) == ("invalid", "ada", 4)


NAMES = st.sampled_from("abc")
STEPS = st.tuples(NAMES, st.integers(0, 5), st.integers(1, 3)).map(lambda s: worse(s[0], s[1], s[1] + s[2]))
NIGHTS = st.lists(
    st.tuples(
        st.lists(STEPS, max_size=3, unique_by=lambda each: each.series),
        st.lists(NAMES, max_size=2, unique=True),
        st.sampled_from(["", "acknowledged", "expected", "invalid"]),
    ),
    max_size=8,
)


@settings(max_examples=150, deadline=None)
@given(NIGHTS)
def test_nothing_is_told_twice_and_a_night_may_be_settled_twice(
    nights: list[tuple[list[Finding], list[str], Act]],
) -> None:
    """Over any sequence of nights and acts: an incident is reported again only after it was fixed in between."""
    known: list[Incident] = []
    told: set[str] = set()
    new_id = ids()
    for number, (findings, names, said_of_it) in enumerate(nights, start=1):
        date = f"2026-11-{number:02d}"
        back = [(series_of(name), f"c{number}", "equal") for name in names]
        found = a_night(known, findings, back, date=date, new_id=new_id)
        met, known = known, after(known, found)
        assert [(each.id, each.status) for each in as_of(known, date)] == [(each.id, each.status) for each in met]

        again = a_night(known, findings, back, date=date, new_id=new_id)
        assert again == Settled((), found.findings, found.told)

        assert not told & set(found.told)
        assert len(found.findings) == len(findings) and all(each.incident for each in found.findings)
        told = (told | set(found.told)) - {each.id for each in known if each.status == "fixed"}
        assert all(all(m.back for m in each.members) for each in known if each.status == "fixed")
        assert not any(all(m.back for m in each.members) for each in known if each.status in OPEN)
        if said_of_it and known and (known[-1].status in OPEN or said_of_it == "invalid"):
            known[-1] = said(known[-1], said_of_it, date=date)
