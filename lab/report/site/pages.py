"""The pages of a site that no other report has: the index, incidents, scenarios, comparisons, and itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lab.compare.newest import newest_that_judged
from lab.records import OPEN, OUTCOMES, Incident
from lab.report.html import environment
from lab.report.incident.view import View as Incidental
from lab.report.incident.view import revisions, worse_by
from lab.report.night.covered import Covered
from lab.report.night.page import LINKS
from lab.report.night.plot import history_plot, pairs_plot
from lab.report.night.said import member_words, of_finding
from lab.report.night.view import View
from lab.report.quality import Sum, alert_words, lost_rows, rates_of
from lab.report.rack import CONDITIONS, check_words, reading_words
from lab.report.reasons import meaning_of
from lab.report.selfcheck import quote
from lab.report.signs import SIGNS
from lab.report.site.frame import About
from lab.report.site.names import Links
from lab.report.site.plan import map_of
from lab.report.site.state import State
from lab.report.trust import Trust, record_of, record_words
from lab.report.wording import KINDS, percent

QUIET = ("no change seen", "no history", "known")
"""Outcomes that the map of a night shows by their sign alone; the legend has the word."""


LOST_ROWS = 100
"""Most rows of trials that did not count; a judgement."""


@dataclass(frozen=True)
class NightLine:
    """A night in the list of nights: its page, its date with its suite, its sentence."""

    path: str
    title: str
    verdict: str
    demo: bool


@dataclass(frozen=True)
class Newest:
    """The newest night of a suite: its page, everything to print of it, what it covered, whether to trust it."""

    path: str
    view: View
    covered: Sequence[Covered]
    trust: Trust


@dataclass(frozen=True)
class AnswerLine:
    """The answer of a run in a list."""

    path: str
    scenario: str
    question: str
    device: str
    kind: str
    build: str
    started_utc: str
    sentence: str


@dataclass(frozen=True)
class ComparisonLine:
    """A comparison in a list: each of its verdicts with its sentence."""

    id: str
    path: str
    scenario: str
    device: str
    kind: str
    started_utc: str
    said: tuple[tuple[str, str], ...]


def index_page(
    nights: tuple[Sequence[Newest], Sequence[NightLine]],
    incidents: Sequence[Incident],
    answers: Sequence[AnswerLine],
    *,
    about: About,
    left: Sequence[str],
    links: Links,
) -> str:
    """Return the first page: each suite's newest night, open incidents, what was measured, the nights before."""
    newest, before = nights
    return _render(
        "index",
        about=about,
        newest=newest,
        before=before,
        open=[each for each in incidents if each.status in OPEN],
        closed=sum(each.status not in OPEN for each in incidents),
        answers=answers,
        left=left,
        sections=LINKS,
        links=links,
    )


def coverage_part(covered: Sequence[Covered], links: Links, at: str) -> str:
    """Return the section of a night's page that leads to the runs of everything it measured; empty for nothing."""
    return _render("coverage", covered=covered, links=links, at=at) if covered else ""


def incidents_page(incidents: Sequence[Incident], links: Links) -> str:
    """Return the list of incidents, open ones first."""
    ordered = sorted(incidents, key=lambda each: each.status not in OPEN)
    return _render("incidents", incidents=ordered, links=links)


def incident_page(found: Incidental) -> str:
    """Return the page of an incident: its series with their evidence, the reasons, its story, what to do next."""
    items = [(each, of_finding(each.finding) if each.finding else None) for each in found.known.series]
    return _render("incident", v=found, items=items)


def scenarios_page(answers: Sequence[AnswerLine], left: int) -> str:
    """Return the newest answer of each scenario, device and line of builds."""
    by: dict[str, list[AnswerLine]] = {}
    for each in answers:
        by.setdefault(each.scenario, []).append(each)
    return _render("scenarios", scenarios=by, left=left)


def comparisons_page(comparisons: Sequence[ComparisonLine]) -> str:
    """Return the list of comparisons, newest first."""
    ordered = sorted(comparisons, key=lambda each: (each.started_utc, each.id), reverse=True)
    return _render("comparisons", comparisons=ordered)


def devices_page(state: State, links: Links, today: str) -> str:
    """Return every device with its state, its noise, and what was last seen of it."""
    return _render(
        "devices",
        rack=state.rack,
        links=links,
        today=today,
        conditions=CONDITIONS,
        percent=percent,
        reading_words=reading_words,
        check_words=check_words,
    )


def quality_page(state: State, nights: Sequence[Sum]) -> str:
    """Return how often the lab itself is wrong, as far as it was measured, and which trials did not count."""
    devices = dict.fromkeys(each.device for each in state.checks)
    newest = (newest_that_judged([each for each in state.checks if each.device == device]) for device in devices)
    return _render(
        "quality",
        record=record_words(state.checks) if record_of(state.checks)[1] else "",
        rates=rates_of(state.checks, state.incidents, nights),
        alert_words=alert_words(state.incidents, nights),
        quotes=[quote(each) for each in newest if each is not None],
        counted=state.counted,
        lost=lost_rows(state.tallies),
        most=LOST_ROWS,
        trials=sum(each.trials for each in state.tallies),
        meaning_of=meaning_of,
    )


def about_page(about: About, counts: Sequence[str], left: Sequence[str]) -> str:
    """Return what is in the site, what is not, and how to read it."""
    return _render("about", about=about, counts=counts, left=left)


def lost_page(what: str, why: str) -> str:
    """Return the page that stands in the place of a record that could not be shown."""
    return _render("lost", what=what, why=why)


def _render(name: str, **values: object) -> str:
    template = environment().get_template(f"site/{name}.html")
    return template.render(
        signs=SIGNS,
        meanings=OUTCOMES,
        meant_by=KINDS,
        quiet=QUIET,
        map_of=map_of,
        revisions=revisions,
        worse_by=worse_by,
        member_words=member_words,
        history_plot=history_plot,
        pairs_plot=pairs_plot,
        **values,
    )
