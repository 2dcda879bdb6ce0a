"""The command `lab selfcheck`: what verdicts on a device are worth, measured there."""

from __future__ import annotations

import secrets
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lab.cli.options import DATA, WAIT_S, Data, Wait, console, finite, opened, refuse
from lab.cli.output import data_option, write
from lab.errors import RunError

if TYPE_CHECKING:
    from lab.records import SelfCheck
    from lab.run.bench import Bench
    from lab.scenario.plan import Scenario
    from lab.store import Store

SCENARIO = "selfcheck"
"""The bundled scenario made for this: one short cell."""

COMPARISONS, INJECTED, BUDGET_S = 10, 5, 900.0
"""As in `lab.selfcheck`, which is not loaded for `--help`."""


def selfcheck(
    scenario: Annotated[
        str, typer.Argument(metavar="[SCENARIO]", help="A scenario of one cell, by name or .toml file.")
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
            help="Seconds that it may take on a device, in all; with --resume those spent before are among them. "
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
            help="Go on with the device's newest self-check that was left early; with --budget, also with one "
            "whose time was spent.",
        ),
    ] = False,
    show: Annotated[
        bool,
        typer.Option("--show", help="Measure nothing: print the device's newest self-check that judged anything."),
    ] = False,
    wait: Wait = WAIT_S,
    markdown: Annotated[Path | None, typer.Option(help="Also write it as Markdown.")] = None,
) -> None:
    """Check the lab itself on a device: how often its verdicts are wrong, and the smallest change it can show.

    The build is compared with itself, live, and with a slow-down of 10 % that the agent injects and reports back
    (a comparison in which it does not is no comparison). From the pairs of the first kind comparisons are drawn
    in blocks, one side of them slowed by 0 to 10 %. Every rate is k of n with its exact bound.

    It is saved after each comparison, stops when the time is spent and says what could not be shown. Ctrl-C
    keeps what was measured; `--resume` goes on.
    """
    from lab.cli.work import teller
    from lab.run.benches import DEFAULT_BUILD, benches_of, devices_of, terms_of
    from lab.scenario.suite import scenarios_of

    store = opened(data)
    begun_with = {"comparisons": comparisons, "injected": injected, "seed": seed}
    if show:
        refuse("--show takes a self-check as it was made", **begun_with, budget=budget, resume=resume or None)
        _print([_newest(store, each.strip()) for each in device.split(",")], markdown)
        return
    if resume:
        refuse("--resume takes a self-check as it was begun", **begun_with)
    terms = terms_of(store, wait, tell=teller(console()))
    (chosen,) = scenarios_of(scenario, None, {})
    line = build or DEFAULT_BUILD
    benches = benches_of(store, devices_of(store, device, tell=terms.tell), line, terms)
    found = []
    for bench in benches:
        if resume:
            record = _left(store, bench, budget)
        else:
            record = _begun(
                chosen,
                bench,
                line,
                seed=seed,
                comparisons=COMPARISONS if comparisons is None else comparisons,
                injected=INJECTED if injected is None else injected,
                budget_s=BUDGET_S if budget is None else budget,
            )
        found.append(_measured(record, chosen, bench, data))
    _print(found, markdown)


def _begun(
    chosen: Scenario,
    bench: Bench,
    named: str,
    *,
    seed: int | None,
    comparisons: int,
    injected: int,
    budget_s: float,
) -> SelfCheck:
    from lab.compare import selfcheck as library
    from lab.run.benches import line_of

    return library.begin(
        chosen,
        bench,
        line_of(bench.store, bench.build, named),
        seed=secrets.randbelow(2**31) if seed is None else seed,
        comparisons=comparisons,
        injected=injected,
        budget_s=budget_s,
    )


def _measured(record: SelfCheck, chosen: Scenario, bench: Bench, data: Path) -> SelfCheck:
    """Measure what is lacking, with progress; Ctrl-C says how to go on."""
    from lab.cli import work as session
    from lab.compare import selfcheck as library
    from lab.compare.newest import lacking
    from lab.report.selfcheck import step

    library.reopen(record, chosen, bench)
    total, done = record.wanted + record.wanted_injected, len(record.live)
    try:
        with (
            session.at_work(bench, console()) as (shown, display),
            display.steps(f"self-check of {record.device}", total, done) as (watch, end),
        ):
            record = library.carry_on(
                record,
                library.comparing(record, chosen, shown, watch=watch),
                clock=bench.clock,
                save=bench.store.save_selfcheck,
                tell=lambda found: end(step(found)),
            )
    except KeyboardInterrupt:
        typer.echo(
            "\nInterrupted; every comparison that had ended is saved and counted. Go on with:\n"
            f"  {_go_on(record, data)}",
            err=True,
        )
        raise typer.Exit(2) from None
    if lacking(record):
        typer.echo(f"More time: {_go_on(record, data)} --budget SECONDS (in all)", err=True)
    return record


def _go_on(record: SelfCheck, data: Path) -> str:
    """Return the command that goes on with a self-check."""
    name = "" if record.scenario == SCENARIO else f" {record.scenario}"
    return f"lab selfcheck{name} --resume --device {record.device} --build {record.build}{data_option(data)}"


def _newest(store: Store, device: str) -> SelfCheck:
    """Return the newest self-check of a device that tells anything; says so where there is a newer one."""
    from lab.compare.newest import newest_that_judged

    found = store.selfchecks(device)
    if not found:
        raise RunError(f"{device}: no self-check of it yet; make one with `lab selfcheck --device {device}`")
    shown, newest = newest_that_judged(found) or found[0], found[0]
    if newest_that_judged(found) is None:
        typer.echo(f"{device}: no self-check of it has judged anything yet; this is the newest", err=True)
    if shown.id != newest.id:
        left = newest.status in ("interrupted", "failed")
        go_on = f"; `{_go_on(newest, store.root)}` goes on with it" if left else ""
        typer.echo(
            f"{device}: a newer self-check, begun {newest.started_utc}, is {newest.status} and has judged nothing"
            f"{go_on}",
            err=True,
        )
    return shown


def _left(store: Store, bench: Bench, budget_s: float | None) -> SelfCheck:
    """Return the self-check of a device to go on with, within `budget_s` in all where that is given."""
    from lab.compare.newest import selfcheck_to_go_on_with

    name = bench.device.identity.name
    found = selfcheck_to_go_on_with(store.selfchecks(name), longer=budget_s is not None)
    if found is None:
        more = (
            "" if budget_s is not None else "; one whose time was spent goes on with more of it, --budget SECONDS"
        )
        raise RunError(
            f"{name}: there is no self-check to go on with (`lab selfcheck --show` prints the newest){more}"
        )
    if budget_s is None:
        return found
    if budget_s <= found.spent_s:
        raise RunError(
            f"self-check {found.id} has taken {found.spent_s:.0f} s already: wanted a --budget of more than that, "
            f"for all of it, found {budget_s:g}"
        )
    return replace(found, budget_s=budget_s)


def _print(found: list[SelfCheck], markdown: Path | None) -> None:
    from rich.console import Console

    from lab.report.selfcheck import render_markdown, render_terminal

    for record in found:
        Console().print(render_terminal(record))
    if markdown is not None:
        write(markdown, "\n".join(render_markdown(record) for record in found))
