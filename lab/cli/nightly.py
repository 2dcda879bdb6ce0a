"""The commands `lab nightly …`: measure a night and say what got worse; render its report again."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Literal

import typer

from lab.cli.hints import completed, data_option, program
from lab.cli.options import DATA, WAIT_S, Data, Wait, opened, tell
from lab.cli.output import Regressed, print_json
from lab.cli.terminal import Terminal
from lab.cli.work import at_work
from lab.errors import RunError
from lab.identifiers import now_utc
from lab.nightly.measure import Seams
from lab.nightly.night import finished_on, go_on, the_only_nightly, to_resume
from lab.nightly.places import Places
from lab.nightly.plan import date_in, devices_named, nightly_suite, planned_night, suite_of
from lab.records import OPEN, Night
from lab.report.night.document import night_document
from lab.report.night.files import write_reports
from lab.report.night.junit import render_junit
from lab.report.night.mail import render_mail
from lab.report.night.markdown import render_markdown
from lab.report.night.page import render_page
from lab.report.night.terminal import render_terminal
from lab.report.night.view import view_of
from lab.run.benches import terms_of
from lab.scenario.known import SCENARIOS
from lab.scenario.suite import scenario_in
from lab.store import Store

Format = Literal["terminal", "markdown", "html", "mail", "junit", "json"]

nightly = typer.Typer(
    invoke_without_command=True,
    add_completion=False,
    rich_markup_mode=None,
    epilog="Example: `lab nightly --suite scenarios/nightly.toml --resume`",
)


@nightly.callback()
def night(
    context: typer.Context,
    suite: Annotated[
        str, typer.Option(help="The suite with its table [nightly]: a name that comes with pocketlab, or a file.")
    ] = "nightly",
    device: Annotated[
        str | None, typer.Option(help="Where to measure, instead of the suite's devices, as for `lab run`.")
    ] = None,
    *,
    minutes: Annotated[
        float | None, typer.Option(min=0.1, help="Minutes of measuring on each device, instead of the suite's.")
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="Go on with the last night if it was cut, and keep tonight's if it is done."
        ),
    ] = False,
    data: Data = DATA,
    wait: Wait = WAIT_S,
) -> None:
    """Measure a suite, judge it by the nights before, and say what got worse, since which build.

    What a screen notices is measured again the same night, the last good build against the new one, in turn on the
    same device. Only what that confirms is a regression. The reports go to reports/DATE/ in the data root.

    Exit status 0 fine, 1 a build regressed tonight, 2 the lab failed. After Ctrl-C, kill -9 or a power cut,
    `--resume` measures only what is missing; a timer can give it always.
    """
    if context.invoked_subcommand is not None:
        return
    store = opened(data)
    path = Path(suite) if suite.endswith(".toml") else SCENARIOS / f"{suite}.toml"
    with the_only_nightly(store):
        done = _measure(store, path, device, minutes, wait, resume=resume)
    _tell(store, done)
    open_now = {incident.id for incident in done.incidents if incident.status in OPEN}
    if any(finding.incident in open_now for finding in done.findings if finding.outcome == "regressed"):
        raise Regressed


@nightly.command(epilog="Example: `lab nightly report 2026-11-29 --format markdown`")
def report(
    date: Annotated[
        str, typer.Argument(metavar="DATE", help="The night's date (2026-11-29), the start of its id, or last.")
    ] = "last",
    form: Annotated[Format, typer.Option("--format", help="Print the report in this format.")] = "terminal",
    out: Annotated[
        Path | None, typer.Option(help="Write the report in every format to this folder instead.")
    ] = None,
    data: Data = DATA,
) -> None:
    """Render a stored night again, in any format; nothing is measured or judged."""
    store = opened(data)
    found = store.night(date)
    if found.status != "finished":
        raise RunError(
            f"the night of {found.date} is {found.status}: it has no report yet; `lab nightly --resume` ends it"
        )
    values = store.values(found.id)
    if out is not None:
        for path in write_reports(out, found, values):
            typer.echo(f"Wrote {path}")
        return
    if form == "json":
        print_json([night_document(found, values)])
        return
    view = view_of(found, values)
    if form == "terminal":
        Terminal().print(render_terminal(view))
    elif form in ("mail", "junit"):
        typer.echo((render_mail(view) if form == "mail" else render_junit(view)).decode(), nl=False)
    else:
        text = render_markdown(view) if form == "markdown" else render_page(view)
        typer.echo(completed(text), nl=False)


def _measure(
    store: Store, path: Path, device: str | None, minutes: float | None, wait: float, *, resume: bool
) -> Night:
    """Return tonight's night, finished: a new one, the one that was cut, or with `resume` the one that is done."""
    suite, own = nightly_suite(path)
    terms = terms_of(store, wait, tell=tell)
    cut = to_resume(store, suite.name, now_utc()) if resume else None
    if resume and cut is None and (done := finished_on(store, suite.name, date_in(own.zone, now_utc()))):
        tell(f"The night of {done.date} is done. Without --resume it would be measured again")
        return done
    if cut is None:
        names, away = devices_named(store, device or own.devices, tell)
        found, gone = planned_night(store, path, names, utc=now_utc(), minutes=minutes)
        away |= gone
    else:
        found, away = cut, {}
        suite, _ = suite_of(cut, path.parent)
    seams = Seams(lambda name: scenario_in(suite, name, path.parent), Places(store, terms).bench, at_work, terms)
    devices = ", ".join(dict.fromkeys(plan.device for plan in found.planned))
    tell(f"{'Resuming' if cut else 'Beginning'} the night of {found.date}: {len(found.planned)} runs on {devices}")
    try:
        return go_on(store, found, seams, suite.policy, away, tell=tell)
    except KeyboardInterrupt:
        again = f"{program()} nightly --suite {shlex.quote(str(path))} --resume{data_option(store.root)}"
        typer.echo(f"\nInterrupted; every finished trial is saved. To resume: {again}", err=True)
        raise typer.Exit(2) from None


def _tell(store: Store, done: Night) -> None:
    """Print a night's report, and write it in every format."""
    values = store.values(done.id)
    Terminal().print(render_terminal(view_of(done, values)))
    alone = len({row.suite for row in store.nights() if row.date == done.date}) == 1
    folder = done.date if alone else f"{done.date}-{done.suite}"  # two suites a night keep a report each
    written = write_reports(store.root / "reports" / folder, done, values)
    for path in written:
        typer.echo(f"Wrote {path}")
