"""The command `lab bisect`: the build of a line that introduced a change."""

from __future__ import annotations

import secrets
import shlex
from dataclasses import replace
from typing import Annotated

import typer

from lab.cli.compare import measure_pairs
from lab.cli.hints import completed, data_option, program
from lab.cli.options import DATA, WAIT_S, Data, Wait, finite, opened, tell
from lab.cli.terminal import Terminal
from lab.compare.comparison import Side
from lab.compare.sides import Wanted, one_cell, one_scenario, sides_of
from lab.errors import DeviceError, ScenarioError, StoreError
from lab.nightly.bisect import BUDGET_S, Asked
from lab.nightly.bisect import bisect as search
from lab.nightly.bisected import answer_words, commands, table_of
from lab.nightly.ends import between
from lab.records import Profile
from lab.records.telling import number_of
from lab.report.terminal import draw
from lab.run.benches import terms_of
from lab.scenario.plan import Scenario
from lab.scenario.workloads import WORKLOADS


def bisect(
    line: Annotated[str, typer.Argument(metavar="LINE", help="The line of builds, as in `lab builds list`.")],
    *,
    scenario: Annotated[str, typer.Option(help="What to measure: a scenario's name or .toml file.")],
    device: Annotated[str, typer.Option(help="Where to measure: host, or a device's name or serial.")] = "host",
    good: Annotated[
        str | None,
        typer.Option(
            metavar="REV|ID",
            help="A build without the change: a revision or the start of an id. [default: the baseline of the "
            "line, or its first build]",
        ),
    ] = None,
    bad: Annotated[
        str | None, typer.Option(metavar="REV|ID", help="A later build with the change. [default: the newest]")
    ] = None,
    stage: Annotated[
        str | None,
        typer.Option(help="Judge by another metric of the trials, such as vit_s. [default: the scenario's own]"),
    ] = None,
    cell: Annotated[
        str | None,
        typer.Option(help="Measure one cell, as patches_per_batch=4. [default: all, then the one that changed]"),
    ] = None,
    budget: Annotated[
        float,
        typer.Option(min=1, callback=finite, help="Device-seconds for all comparisons, including reused ones."),
    ] = BUDGET_S,
    profile: Annotated[
        Profile, typer.Option(help="How much the lab changes on a phone, as for `lab run`.")
    ] = "observe",
    data: Data = DATA,
    wait: Wait = WAIT_S,
) -> None:
    """Find the build of a line that introduced a change, by comparing builds with a good one.

    First the two ends are compared: equal ends are refused. Then the middle of the builds in question is compared
    with the good end, and the half with the change is halved again. Each step is an ordinary comparison, measured
    in turn, that `lab show` prints. The answer is a range where builds in it do not run, or cannot be separated
    within the budget.

    Comparisons that answer the question already are used again, and one that was cut is resumed: after Ctrl-C give
    the same command again.
    """
    store = opened(data)
    builds = between(store.builds(), line, good, bad)
    chosen = one_scenario(scenario)
    if cell is not None:
        chosen = replace(chosen, cells=(one_cell(chosen, cell),))
    metrics = WORKLOADS[chosen.kind].metrics
    if stage is not None and stage not in metrics:
        raise ScenarioError(f"{chosen.name}: --stage: wanted one of {', '.join(metrics)}, found {stage!r}")
    asked = Asked(builds, chosen, stage or chosen.metric, budget, secrets.randbelow(2**31))
    terms = terms_of(store, wait, tell=tell)

    def sides(first: str, second: str, scenario: Scenario, keep: str) -> tuple[Side, Side]:
        wanted = Wanted((first, second), "build", scenario, device, None, profile)
        ours, theirs = sides_of(store, wanted, replace(terms, keep=keep))
        return replace(ours, line=line), replace(theirs, line=line)

    inside = number_of(len(builds) - 2, "build")
    tell(f"{line}: from {builds[0].name}, good, to {builds[-1].name}, bad: {inside} between")
    ends = f" --good r{builds[0].revision} --bad r{builds[-1].revision}"
    more = "".join(f" --{name} {shlex.quote(each)}" for name, each in (("stage", stage), ("cell", cell)) if each)
    again = f"{program()} {shlex.join(['bisect', line, '--scenario', scenario, '--device', device])}"
    again += f"{ends}{more} --budget {budget:g} --profile {profile}{data_option(data)}"
    try:
        found = search(store, asked, sides, measured=measure_pairs, tell=tell)
    except KeyboardInterrupt:
        typer.echo(f"\nInterrupted; every finished trial is saved. To go on: {again}", err=True)
        raise typer.Exit(2) from None
    except (DeviceError, StoreError) as error:
        raise type(error)(f"{error}\nTo go on: {again}") from error
    terminal = Terminal()
    for words in answer_words(found):
        terminal.print(words, soft_wrap=True)
    terminal.print(draw(table_of(found)))
    for words in commands(found, device, scenario):
        terminal.print(completed(words), soft_wrap=True)
