"""The files of a site, one after the other: each page, and the same for programs beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from lab.errors import LabError
from lab.records import Answer, Run
from lab.report.answer.document import answer_document, answer_rows
from lab.report.answer.page import render_html
from lab.report.answer.saved import answer_of
from lab.report.document import as_csv, as_json
from lab.report.explain.document import explanation_columns, explanation_document, explanation_rows
from lab.report.explain.page import render_explanation_page
from lab.report.explain.saved import explained
from lab.report.incident.saved import view_of as incident_of
from lab.report.night.covered import covered
from lab.report.night.document import night_document
from lab.report.night.page import render_page
from lab.report.night.view import view_of
from lab.report.quality import Sum, sum_of
from lab.report.site import pages
from lab.report.site.frame import About, framed
from lab.report.site.gather import Lost, Plan, night_of
from lab.report.site.names import page_of
from lab.report.site.state import State, trust_in
from lab.report.verdict.document import VERDICT_COLUMNS, verdict_document, verdict_rows
from lab.report.verdict.page import render_verdict_page
from lab.report.verdict.saved import verdict_of
from lab.report.wording import kind_of, number_of
from lab.store import Store, breakdowns

File = tuple[str, str]
"""A path below the site's folder, and the text of the file."""


@dataclass(frozen=True)
class Site:
    """A site while it is made; its lists are what the pages that list others learn of them meanwhile."""

    store: Store
    plan: Plan
    about: About
    state: State
    lost: Lost
    newest: list[pages.Newest] = field(default_factory=list)
    sums: list[Sum] = field(default_factory=list)
    before: list[pages.NightLine] = field(default_factory=list)
    answers: dict[str, pages.AnswerLine] = field(default_factory=dict)
    comparisons: list[pages.ComparisonLine] = field(default_factory=list)

    def page(self, text: str, path: str, beside: Sequence[tuple[str, str]] = (), more: str = "") -> File:
        """Return a page of the site, in its frame."""
        return path, framed(text, path, self.plan.links, self.about, beside=beside, more=more)


Make = Callable[[Site, str, str], Iterator[File]]
"""What makes the files of a record: of the site, the record's id, and where its page lies."""


def files_of(site: Site, left: Sequence[str], step: Callable[[], None]) -> Iterator[File]:
    """Yield the files of a site, its index last; `step` is called after each record.

    A record that cannot be shown has a page that says why, and `site.lost` is called. `left` is read at the end:
    the sentences about what was left out until then.
    """
    plan = site.plan
    kinds: tuple[tuple[str, Sequence[str], Make], ...] = (
        ("night", [row.id for row in plan.nights], _night),
        ("incident", [each.id for each in plan.incidents], _incident),
        ("run", plan.chosen.runs, _run),
        ("comparison", plan.chosen.comparisons, _comparison),
    )
    for kind, ids, make in kinds:
        for record_id in ids:
            path = plan.links.paths[record_id]
            try:
                files = list(make(site, record_id, path))
            except LabError as error:
                site.lost(f"{kind} {record_id}", error)
                files = [site.page(pages.lost_page(f"{kind} {record_id}", str(error)), path)]
            yield from files
            step()
    yield from _lists(site, [*plan.left, *left])


def _night(site: Site, night_id: str, path: str) -> Iterator[File]:
    night, values = night_of(site.store, night_id)
    view, seen = view_of(night, values), covered(night, values)
    beside = path.removesuffix(".html") + ".json"
    yield beside, as_json([night_document(view, values)])
    more = pages.coverage_part(seen, site.plan.links, path)
    page = render_page(view, beside.removeprefix("nights/"))
    yield site.page(page, path, beside=[("this night as JSON", beside)], more=more)
    if night.status == "finished":
        site.sums.append(sum_of(night))
    if night.suite not in {each.view.night.suite for each in site.newest}:
        trust = trust_in(site.store, site.state, night, values)
        site.newest.append(pages.Newest(path, view, seen, trust))
    else:
        site.before.append(pages.NightLine(path, f"{night.date} {night.suite}", view.verdict, night.demo))


def _incident(site: Site, incident_id: str, path: str) -> Iterator[File]:
    view = incident_of(site.store, site.store.incident(incident_id))
    text = path.removesuffix(".html") + ".txt"
    yield text, view.tracker
    yield site.page(pages.incident_page(view), path, beside=[("text for a bug tracker", text)])


def _run(site: Site, run_id: str, path: str) -> Iterator[File]:
    record, base = site.store.run(run_id), path.removesuffix(".html")
    answer, trials = answer_of(site.store, record)
    yield f"{base}.json", as_json([answer_document(answer, breakdowns.read(site.store.root, run_id))])
    yield f"{base}.csv", as_csv(answer_rows(answer), ())
    beside = [("the figures as JSON", f"{base}.json"), ("as CSV", f"{base}.csv")]
    try:
        yield from (why := list(_why(site, record, base, path)))
        beside = [("why each trial counted or not", why[0][0]), *beside, ("the trials as CSV", why[2][0])]
    except LabError as error:
        site.lost(f"the explanation of run {run_id}", error)
    yield site.page(render_html([(answer, trials)]), path, beside=beside)
    site.answers[run_id] = _answer_line(answer, path)


def _why(site: Site, record: Run, base: str, back: str) -> Iterator[File]:
    """Yield the explanation of a run, which lists every trial: as a page, JSON and CSV."""
    found, at = explained(site.store, record), f"{base}-why"
    beside = [("the answer", back), ("this as JSON", f"{at}.json"), ("the trials as CSV", f"{at}.csv")]
    yield site.page(render_explanation_page(found), f"{at}.html", beside=beside)
    yield f"{at}.json", as_json([explanation_document(found)])
    yield f"{at}.csv", as_csv(explanation_rows(found), explanation_columns(found))


def _comparison(site: Site, comparison_id: str, path: str) -> Iterator[File]:
    record, base = site.store.comparison(comparison_id), path.removesuffix(".html")
    view, trials = verdict_of(site.store, record)
    yield f"{base}.json", as_json([verdict_document(view)])
    yield f"{base}.csv", as_csv(verdict_rows(view), VERDICT_COLUMNS)
    sides = [("baseline", view.baseline.id), ("candidate", view.candidate.id)]
    beside = [(f"trials of the {side}", page_of("run", run_id)) for side, run_id in sides]
    beside += [("the pairs as JSON", f"{base}.json"), ("the verdicts as CSV", f"{base}.csv")]
    yield site.page(render_verdict_page(view, *trials), path, beside=beside)
    said = [(each.found.verdict, each.sentence) for each in view.cells]
    site.comparisons.append(
        pages.ComparisonLine(
            comparison_id,
            path,
            record.scenario,
            record.device,
            kind_of(view.baseline),
            record.started_utc,
            (("", view.stopped.splitlines()[0]),) if view.stopped else tuple(said),
        )
    )


def _answer_line(answer: Answer, path: str) -> pages.AnswerLine:
    run = answer.run
    return pages.AnswerLine(
        path=path,
        scenario=run.scenario,
        question=answer.question,
        device=run.device,
        kind=kind_of(run),
        build=f"{run.build_line} ({run.build[:8]})",
        started_utc=run.started_utc,
        sentence=answer.sentence,
    )


def _lists(site: Site, left: Sequence[str]) -> Iterator[File]:
    """Yield the pages that list what the others show."""
    plan, about = site.plan, site.about
    answers = [site.answers[each] for each in plan.answers if each in site.answers]
    counts = (
        (len(plan.nights), "night"),
        (len(plan.incidents), "incident"),
        (len(plan.chosen.runs), "run"),
        (len(plan.chosen.comparisons), "comparison"),
    )
    texts = {
        "incidents.html": pages.incidents_page(plan.incidents, plan.links),
        "scenarios.html": pages.scenarios_page(answers, len(plan.answers) - len(answers)),
        "comparisons.html": pages.comparisons_page(site.comparisons),
        "devices.html": pages.devices_page(site.state, plan.links, about.utc),
        "quality.html": pages.quality_page(site.state, site.sums),
        "about.html": pages.about_page(about, [number_of(*each) for each in counts], left),
        "index.html": pages.index_page(
            (site.newest, site.before), plan.incidents, answers, about=about, left=left, links=plan.links
        ),
    }
    for path, text in texts.items():
        yield site.page(text, path)
