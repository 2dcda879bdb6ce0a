"""The command `lab selfcheck`: what verdicts on a device are worth, measured there."""

from __future__ import annotations

import math
import secrets
import shlex
from pathlib import Path
from typing import Annotated

import typer

from lab.cli.hints import data_option, program
from lab.cli.judged import print_selfchecks
from lab.cli.options import DATA, WAIT_S, Data, Wait, finite, opened, refuse, tell
from lab.cli.output import AsCsv, AsJson, only_one
from lab.cli.work import at_work
from lab.compare.comparison import Step
from lab.compare.newest import lacking, newest_selfcheck, newest_that_judged, selfcheck_to_resume
from lab.compare.selfcheck import BUDGET_S, COMPARISONS, INJECTED, Order, begin, carry_on, comparing, reopen
from lab.compare.tally import budget_for_all, load_words, price_of_pair
from lab.errors import LabError
from lab.records import SelfCheck
from lab.report.selfcheck import beforehand, left_words, pair_step, step
from lab.run.bench import Bench
from lab.run.benches import DEFAULT_BUILD, benches_of, devices_of, line_of, terms_of
from lab.scenario.plan import Scenario
from lab.scenario.suite import scenarios_of
from lab.store import Store

SCENARIO = "selfcheck"
"""The bundled scenario made for this: one short cell."""

_ENDED = {
    "running": "is still running or was killed",
    "finished": "is finished",
    "interrupted": "was interrupted",
    "failed": "failed",
}

TOLD_S = 60.0
"""Within a comparison the time left is said this often: a self-check of an hour must not look dead."""


def selfcheck(
    scenario: Annotated[
        str, typer.Argument(metavar="SCENARIO", help="A scenario of one cell, by name or .toml file.")
    ] = SCENARIO,
    *,
    build: Annotated[
        str | None, typer.Option(help="A build's line, the start of its id, or its folder. [default: nano-paper]")
    ] = None,
    device: Annotated[
        str,
        typer.Option(help="Where: host, a device's name or serial, or several with commas, in turn."),
    ] = "host",
    data: Data = DATA,
    budget: Annotated[
        float | None,
        typer.Option(
            min=1,
            callback=finite,
            help="Seconds in total on a device; with --resume, those spent before included. "
            f"[default: {BUDGET_S:.0f}]",
        ),
    ] = None,
    comparisons: Annotated[
        int | None,
        typer.Option(min=1, help=f"Comparisons of the build with itself. [default: {COMPARISONS}]"),
    ] = None,
    injected: Annotated[
        int | None,
        typer.Option(min=0, help=f"Comparisons with an injected slow-down of 10 %. [default: {INJECTED}]"),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of all orders and draws; drawn if left out.")] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Resume the device's newest interrupted self-check; with --budget, also one that spent it all.",
        ),
    ] = False,
    show: Annotated[
        bool,
        typer.Option("--show", help="Measure nothing: print the device's newest self-check that judged anything."),
    ] = False,
    wait: Wait = WAIT_S,
    markdown: Annotated[Path | None, typer.Option(help="Also write it as Markdown.")] = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Check the lab itself on a device: how often its verdicts are wrong, and the smallest change it can show.

    The lab compares the build with itself, live, and with a slow-down of 10 % that the agent injects and reports
    back; without that report a comparison does not count. From the pairs of the build with itself it draws more
    comparisons, in blocks, with one side slowed by 0 to 10 %. Every rate is k of n with its exact bound.

    The self-check is saved after each comparison. It stops when the budget is spent, and says what it could not
    show. Ctrl-C keeps what was measured; `--resume` measures the rest.
    """
    only_one(json=as_json, csv=as_csv, markdown=markdown)
    store = opened(data)
    begun_with = {"comparisons": comparisons, "injected": injected, "seed": seed}
    if show:
        refuse("--show takes a self-check as it was made", **begun_with, budget=budget, resume=resume or None)
        shown = [_newest(store, each.strip()) for each in device.split(",")]
        print_selfchecks(shown, as_json=as_json, as_csv=as_csv, markdown=markdown)
        return
    if resume:
        refuse("--resume keeps what was decided at the start", **begun_with)
    terms = terms_of(store, wait, tell=tell)
    (chosen,) = scenarios_of(scenario, None, {})
    line = build or DEFAULT_BUILD
    benches = benches_of(store, devices_of(store, device, tell=tell), line, terms)
    found = []
    for bench in benches:
        earlier = store.selfchecks(bench.device.identity.name)
        record = (
            selfcheck_to_resume(store, bench.device.identity.name, budget)
            if resume
            else begin(
                chosen,
                bench,
                line_of(store, bench.build, line),
                seed=secrets.randbelow(2**31) if seed is None else seed,
                comparisons=COMPARISONS if comparisons is None else comparisons,
                injected=INJECTED if injected is None else injected,
                budget_s=BUDGET_S if budget is None else budget,
            )
        )
        if not resume:
            alike = (one for one in earlier if one.scenario == record.scenario and price_of_pair(one))
            for words in beforehand(record, next(alike, None), chosen.gates.load_wait_s):
                tell(words)
        found.append(measured(record, chosen, bench, data, scenario))
    print_selfchecks(found, as_json=as_json, as_csv=as_csv, markdown=markdown)


def measured(record: SelfCheck, chosen: Scenario, bench: Bench, data: Path, named: str) -> SelfCheck:
    """Measure what a self-check lacks, with progress; leave with status 2 when interrupted."""
    reopen(record, chosen, bench)
    total, done = record.wanted + record.wanted_injected, len(record.live)
    told_s = bench.clock.monotonic()
    try:
        with (
            at_work([bench]) as ((shown,), display),
            display.steps(f"self-check of {record.device}", total, done) as (watch, end, left),
        ):

            def after_pair(order: Order, step: Step, left_s: float) -> None:
                nonlocal told_s
                left(left_words(record, left_s))
                if bench.clock.monotonic() - told_s >= TOLD_S:
                    told_s = bench.clock.monotonic()
                    display.say(pair_step(record, order.number + 1, step.cell.pairs, left_s))

            record = carry_on(
                record,
                comparing(record, chosen, shown, watch=watch, after_pair=after_pair),
                clock=bench.clock,
                save=bench.store.save_selfcheck,
                tell=lambda found: end(step(found), len(found.live)),
            )
    except KeyboardInterrupt:
        typer.echo(
            "\nInterrupted; every finished comparison is saved and counted. To resume:\n"
            f"  {_resume(record, data, named)}",
            err=True,
        )
        raise typer.Exit(2) from None
    except LabError as error:
        raise type(error)(f"{error}\nTo resume the self-check: {_resume(record, data, named)}") from error
    if lacking(record):
        when, budget_s = _more(record)
        typer.echo(f"{when}: {_resume(record, data, named)} --budget {budget_s}", err=True)
    return record


def _more(record: SelfCheck) -> tuple[str, int]:
    """Return when to go on with a self-check that spent its budget, and the budget to give it.

    Without a pair nothing is foretold: it gets as much again, once what spoilt its trials is gone.
    """
    if price_of_pair(record):
        words = "To give it more time, about what the pairs so far foretell"
        return words, max(budget_for_all(record), math.ceil(2 * record.spent_s))
    load = "once nothing else runs on the device" if load_words(record) else "once its trials count"
    return f"To measure what is missing, {load}", math.ceil(record.spent_s + record.budget_s)


def _resume(record: SelfCheck, data: Path, named: str) -> str:
    """Return the command that resumes a self-check; `named` is its scenario, by name or file."""
    name = "" if named == SCENARIO else f" {shlex.quote(named)}"
    device = shlex.quote(record.device)
    return f"{program()} selfcheck{name} --resume --device {device} --build {record.build}{data_option(data)}"


def _newest(store: Store, device: str) -> SelfCheck:
    """Return the self-check of a device to print; say so when a newer one has judged nothing."""
    shown, newest = newest_selfcheck(store, device)
    if newest_that_judged([shown]) is None:
        typer.echo(f"{device}: no self-check of it has judged anything yet; this is the newest", err=True)
    elif shown.id != newest.id:
        left = newest.status in ("interrupted", "failed")
        to_resume = f"; `{_resume(newest, store.root, newest.scenario)}` resumes it" if left else ""
        typer.echo(
            f"{device}: a newer self-check, begun {newest.started_utc}, {_ENDED[newest.status]} and has "
            f"judged nothing{to_resume}",
            err=True,
        )
    return shown
