"""What a site shows of a data root, read from it: which nights, incidents, runs and comparisons have a page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from lab.errors import LabError, StoreError
from lab.records import OPEN, Incident, Night, Value
from lab.report.answer.own import newest_own
from lab.report.site.names import SAFE, Links, links_of, page_of, pages_of_nights
from lab.report.site.plan import Chosen, Wanted, chosen, of_incidents, of_night
from lab.report.wording import number_of
from lab.store import Store, glance
from lab.store.kinds import NightRow

CLOSED = 200
"""Most closed incidents that have a page; a judgement: all open ones have."""

OWN, LOOKED_AT = 50, 500
"""Most comparisons that a person asked for, and how many of the newest are looked at for them; judgements."""

Lost = Callable[[str, LabError], None]
"""What is called with a record that could not be read, and why."""


@dataclass(frozen=True)
class Plan:
    """What has a page. `answers` are the newest runs of each scenario, device and line, of all that there are."""

    nights: tuple[NightRow, ...]
    paths: dict[str, str]
    incidents: tuple[Incident, ...]
    answers: tuple[str, ...]
    chosen: Chosen
    links: Links
    left: tuple[str, ...]
    demo: bool

    @property
    def steps(self) -> int:
        """How many records have a page."""
        return len(self.nights) + len(self.incidents) + len(self.chosen.runs) + len(self.chosen.comparisons)


def planned(store: Store, *, nights: int, runs: int, lost: Lost) -> Plan:
    """Return what a site of at most so many nights and runs shows; raise `StoreError` if nothing can be listed."""
    rows = [row for row in store.nights() if SAFE.fullmatch(row.id)]
    shown, good = rows[:nights], list[NightRow]()
    wanted: list[Wanted] = []
    demo = False
    for row in shown:
        try:
            night, values = night_of(store, row.id)
            wanted.extend(of_night(night, values))
            good.append(row)
            demo = demo or night.demo
        except LabError as error:
            lost(f"the night of {row.date}", error)
    every = store.incidents()
    closed = [each for each in every if each.status not in OPEN]
    older = {each.id for each in closed[CLOSED:]}
    incidents = [each for each in every if each.id not in older and SAFE.fullmatch(each.id)]
    answers = list(_answers(store, lost))
    order = [
        *of_incidents([each for each in incidents if each.status in OPEN]),
        *(Wanted("run", each) for each in answers),
        *(Wanted("comparison", each) for each in _asked_for(store)),
        *wanted,
        *of_incidents(incidents),
    ]
    there = {each for each in dict.fromkeys(order) if _is_there(store, each)}
    picked = chosen((each for each in order if each in there), lambda each: _sides(store, each, lost), runs)
    paths = pages_of_nights(good)
    pages = {**paths, **{each.id: page_of("incident", each.id) for each in incidents}}
    pages |= {each: page_of("run", each) for each in picked.runs}
    pages |= {each: page_of("comparison", each) for each in picked.comparisons}
    left = (
        f"{number_of(len(rows) - len(shown), 'older night')}: `lab publish --out FOLDER --nights N` shows more."
        if len(rows) > len(shown)
        else "",
        f"{number_of(len(older), 'older closed incident')}." if older else "",
        picked.sentence,
        _others(store, picked),
        f"{number_of(len({*order} - there), 'record')} that these pages name and this data root does not hold."
        if {*order} - there
        else "",
    )
    return Plan(
        nights=tuple(good),
        paths=paths,
        incidents=tuple(incidents),
        answers=tuple(answers),
        chosen=picked,
        links=links_of(pages),
        left=tuple(filter(None, left)),
        demo=demo,
    )


def _others(store: Store, picked: Chosen) -> str:
    """Return how many runs and comparisons have no page because no page names them; empty for none."""
    counts = [len(glance.ids(store.root, (kind,))) for kind in ("run", "comparison")]
    others = (
        counts[0] - len(picked.runs) - picked.runs_left,
        (counts[1] - len(picked.comparisons) - picked.comparisons_left),
    )
    told = [number_of(n, what) for n, what in zip(others, ("run", "comparison"), strict=True) if n > 0]
    if not told:
        return ""
    return (
        f"{' and '.join(told)} that no page here names: older ones, and parts of self-checks (`lab runs --all`)."
    )


def night_of(store: Store, night_id: str) -> tuple[Night, Sequence[Value]]:
    """Return a night and its figures, none of one that is not finished; raise `StoreError`."""
    night = store.night(night_id)
    return night, store.values(night.id) if night.status == "finished" else []


def _answers(store: Store, lost: Lost) -> Iterator[str]:
    """Yield the newest finished run of each scenario, device and line that answers a question of its own."""
    for group in store.run_groups():
        if group.finished and (row := newest_own(store, *group.same, lost)):
            yield row.id


def _asked_for(store: Store) -> list[str]:
    """Return the newest comparisons that a person asked for."""
    newest = islice(glance.newest(store.root, ("comparison",)), LOOKED_AT)
    return list(islice((each.id for each in newest if not each.part_of), OWN))


def _is_there(store: Store, wanted: Wanted) -> bool:
    try:
        return glance.path_of(store.root, wanted.kind, wanted.id).is_file()
    except StoreError:
        return False


def _sides(store: Store, comparison: str, lost: Lost) -> Sequence[str] | None:
    """Return the runs of a comparison; None where it measured nothing, or one of them is gone."""
    try:
        found = store.comparison(comparison)
    except LabError as error:
        lost(f"comparison {comparison}", error)
        return None
    sides = (found.baseline_run, found.candidate_run)
    return sides if all(each and _is_there(store, Wanted("run", each)) for each in sides) else None
