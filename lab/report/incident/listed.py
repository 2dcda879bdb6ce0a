"""Incidents in a list: which are asked for, in which order, and their row. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from lab.records import OPEN, Incident
from lab.report.incident.view import age, revisions, sentence, worse_by
from lab.report.night.said import names, what
from lab.report.signs import SIGNS
from lab.report.table import Column, Head, Table, table


@dataclass(frozen=True)
class Asked:
    """What is asked of incidents. An empty field asks nothing; every word of `words` stands in its texts."""

    states: Collection[str] = ()
    lines: Collection[str] = ()
    devices: Collection[str] = ()
    words: str = ""
    only_open: bool = False


def fitting(incidents: Iterable[Incident], asked: Asked) -> list[Incident]:
    """Return the incidents that fit, the open ones first, and of these the newest."""
    found = [each for each in incidents if _fits(each, asked)]
    newest = sorted(found, key=lambda each: (each.began, each.id), reverse=True)
    return sorted(newest, key=lambda each: each.status not in OPEN)


def devices_of(incident: Incident) -> list[str]:
    """Return the devices on which series got worse, by name."""
    return sorted({each.series.device for each in incident.members})


def table_of(incidents: Sequence[Incident], dates: Collection[str]) -> Table:
    """Return the list as a table; `dates` are those of the nights, by which an incident ages."""
    columns: tuple[Column[Incident], ...] = (
        Column(Head("state", "words"), lambda each: f"{SIGNS.get(each.status, '·')} {each.status}"),
        Column(Head("line", "words"), lambda each: each.line),
        Column(Head("builds", "whole"), revisions),
        Column(Head("series"), lambda each: str(len(each.members))),
        Column(Head("worst", "words"), lambda each: f"{worse_by(each.worst)} worse, {worst_of(each)}"),
        Column(Head("devices", "words"), lambda each: names(devices_of(each))),
        Column(Head("since", "whole"), lambda each: each.began),
        Column(Head("nights"), lambda each: str(age(each, dates))),
        Column(Head("owner", "words"), lambda each: each.owner or "nobody"),
        Column(Head("incident", "whole"), lambda each: each.id),
    )
    return table(columns, incidents)


def worst_of(incident: Incident) -> str:
    """Return what the worst series of an incident measures, and where."""
    worst = incident.worst
    return f"{what(worst.series, worst.metric)} on {worst.series.device}"


def _fits(incident: Incident, asked: Asked) -> bool:
    text = " ".join(
        (
            incident.id,
            incident.owner,
            sentence(incident),
            *(each.series.name for each in incident.members),
            *(each.note for each in incident.events),
        )
    ).lower()
    return (
        (not asked.states or incident.status in asked.states)
        and (not asked.lines or incident.line in asked.lines)
        and (not asked.devices or bool(set(devices_of(incident)) & set(asked.devices)))
        and (not asked.only_open or incident.status in OPEN)
        and all(word in text for word in asked.words.lower().split())
    )
