"""The command `lab run`: scenarios on one device, or on several at once."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lab.cli.options import DATA, WAIT_S, Data, Wait, console, opened, refuse
from lab.cli.output import data_option, print_answer, short, where, write_html
from lab.errors import LabError, RunError

if TYPE_CHECKING:
    from lab.records import Answer, Run, Trial
    from lab.run.bench import Bench
    from lab.run.fleet import Ended
    from lab.run.turn import Terms
    from lab.scenario.plan import Scenario
    from lab.store import Store

    Answers = list[tuple[Answer, list[Trial]]]


class ProfileName(StrEnum):
    """The profiles of device care, as words on the command line."""

    OBSERVE = "observe"
    FIXED = "fixed"
    ROOTED = "rooted"


def run(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[SCENARIO]",
            help="A scenario's name or .toml file; all of the suite when left out. With --resume: a run's id.",
        ),
    ] = None,
    *,
    suite: Annotated[
        str | None,
        typer.Option(
            help="The suite with its scenarios and plan: quick, full, once. [default: quick; one scenario: none]"
        ),
    ] = None,
    build: Annotated[
        str | None, typer.Option(help="A build's line, the start of its id, or its folder. [default: nano-paper]")
    ] = None,
    device: Annotated[
        str,
        typer.Option(
            help="Where to measure: host, a device's name or serial, soc:MT6989, all (attached devices), or "
            "several with commas; `lab devices` lists them."
        ),
    ] = "host",
    data: Data = DATA,
    seed: Annotated[
        int | None, typer.Option(help="Seed of the cells' order; drawn and recorded if left out.")
    ] = None,
    image: Annotated[
        Path | None, typer.Option(help="Work on this image file instead of the input the scenario names.")
    ] = None,
    instruction: Annotated[
        str | None, typer.Option(help="What to ask about --image. [default: Describe this image.]")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with an unfinished run: the newest, or the one named.")
    ] = False,
    blocks: Annotated[
        int | None, typer.Option(min=1, help="Trials of each cell, no more and no fewer, instead of the plan's.")
    ] = None,
    iterations: Annotated[
        int | None, typer.Option(min=1, help="Measured iterations of a trial, instead of the plan's.")
    ] = None,
    wait: Wait = WAIT_S,
    profile: Annotated[
        ProfileName,
        typer.Option(
            help="How much of a phone is changed while it is measured: observe (little), fixed (Android's fixed "
            "performance mode), rooted (clocks pinned). Runs of different profiles are never compared."
        ),
    ] = ProfileName.OBSERVE,
    memory: Annotated[
        bool, typer.Option("--memory", help="Afterwards, one more trial a cell for memory; it is not timed.")
    ] = False,
    html: Annotated[Path | None, typer.Option(help="Also write one page with all answers.")] = None,
) -> None:
    """Measure a scenario, or every scenario of a suite, and answer its question.

    On a phone the build, the agent and inputs of your own are pushed first, as far as it lacks them. With several
    devices those that share this machine's cores take turns, phones run beside each other, and one that
    fails stops no other; every device has an answer of its own.

    Every trial is saved as it arrives. Ctrl-C stops cleanly, and even after kill -9 `lab run --resume` goes
    on with the trials that are missing: a trial cut in the middle is measured again, and what it left is
    kept in the run's folder under `interrupted`.

    With --image every cell that works on an input works on yours (it needs torch, which answers what is right):
    `lab run throughput --image photo.jpg --instruction "What is this?"`
    """
    from lab.cli.work import teller
    from lab.run.benches import DEFAULT_BUILD, benches_of, devices_of, on_own_input, terms_of, with_image
    from lab.run.resume import unfinished
    from lab.scenario.suite import scenarios_of

    _check_image_options(image, instruction, resume=resume)
    store, answers, failed = opened(data), [], False
    terms = terms_of(store, wait, tell=teller(console()))
    if resume:
        why = "--resume goes on with the plan its run began with"
        refuse(why, suite=suite, seed=seed, blocks=blocks, iterations=iterations)
        answers = [_resumed(unfinished(store, name), store, build, terms)]
    else:
        given = {"blocks": blocks, "most": blocks, "iterations": iterations}
        plan = {k: v for k, v in given.items() if v is not None}
        if name is None and suite is None:
            suite = "quick"
        scenarios = scenarios_of(name, suite, plan)
        line = build or DEFAULT_BUILD
        devices = devices_of(store, device, tell=terms.tell)
        benches = benches_of(store, devices, line, terms, profile.value)
        if image is not None:
            scenarios = [on_own_input(chosen) for chosen in scenarios]
            benches = with_image(benches, scenarios, image, instruction, wait)
        begin = _Begin(suite or "", line, seed, memory)
        if len(benches) == 1:
            for chosen in scenarios:
                answers.append(_measured(begin(chosen, benches[0]), chosen, benches[0]))
        else:
            answers, failed = _everywhere(benches, scenarios, terms, begin)
    if answers:
        where(store.root, [found.run for found, _ in answers], data)
    if html is not None:
        write_html(html, answers)
    if failed:
        raise typer.Exit(2)


def _check_image_options(image: Path | None, instruction: str | None, *, resume: bool) -> None:
    if resume and (image is not None or instruction is not None):
        raise RunError("--resume goes on with the input its run began with; leave --image and --instruction out")
    if instruction is not None and image is None:
        raise RunError("--instruction asks about an image of your own; name it with --image FILE")


@dataclass
class _Begin:
    """Writes new runs down, each with a seed of its own unless one was given, and remembers them."""

    suite: str
    line: str
    seed: int | None
    memory: bool = False

    def __post_init__(self) -> None:
        self.begun: list[tuple[Run, Bench]] = []

    def __call__(self, chosen: Scenario, bench: Bench) -> Run:
        from lab.run import runner
        from lab.run.benches import line_of

        drawn = secrets.randbelow(2**31) if self.seed is None else self.seed
        line = line_of(bench.store, bench.build, self.line)
        record = runner.open_run(chosen, bench, seed=drawn, suite=self.suite, line=line, memory=self.memory)
        self.begun.append((record, bench))
        return record


def _resumed(record: Run, store: Store, build: str | None, terms: Terms) -> tuple[Answer, list[Trial]]:
    """Go on with a run on the device it was begun on."""
    from lab.run.benches import benches_of, devices_of
    from lab.run.resume import profile_of, reopen, rest_of_suite, scenario_of, with_own_inputs

    terms = replace(terms, keep=record.id)
    devices = devices_of(store, record.device, tell=terms.tell)
    profile = profile_of(record)
    benches = benches_of(store, devices, build or record.build, terms, profile)
    bench = with_own_inputs(benches[0], record)
    chosen = scenario_of(record)
    reopen(record, chosen, bench)
    done, total = len(store.trials(record.id)), len(record.cells) * (record.blocks + record.memory)
    typer.echo(f"Resuming run {short(record.id)}: {record.scenario}, {done} of {total} trials done", err=True)
    found = _measured(record, chosen, bench)
    if rest := rest_of_suite(record):
        typer.echo(f"Not measured yet of suite {record.suite}: lab run SCENARIO, for {', '.join(rest)}")
    return found


def _measured(record: Run, chosen: Scenario, bench: Bench) -> tuple[Answer, list[Trial]]:
    """Measure one run and print its answer; leaves with status 2 when interrupted."""
    from lab.cli import work as session
    from lab.report.answer.saved import answer_of
    from lab.run.runner import refuse_if_nothing_counts

    try:
        ended = session.measure(record, chosen, bench, console())
    except KeyboardInterrupt:
        typer.echo(f"\nInterrupted; every finished trial is saved. Go on with: {_resume(record, bench)}", err=True)
        raise typer.Exit(2) from None
    except LabError as error:
        raise type(error)(f"{error}\nThe run can go on: {_resume(record, bench)}") from error
    found, trials = answer_of(bench.store, ended)
    print_answer(found)
    refuse_if_nothing_counts(bench.store, ended, trials)
    return found, trials


def _everywhere(
    benches: list[Bench], scenarios: list[Scenario], terms: Terms, begin: _Begin
) -> tuple[Answers, bool]:
    """Measure on several devices; print every answer, grouped by question, then whatever failed."""
    from lab.cli import work as session

    try:
        ended = session.measure_all(benches, scenarios, terms, begin, console())
    except KeyboardInterrupt:
        typer.echo("\nInterrupted; every finished trial is saved. Go on with:", err=True)
        for record, bench in begin.begun:
            if bench.store.run(record.id).status != "finished":
                typer.echo(f"  {_resume(record, bench)}", err=True)
        raise typer.Exit(2) from None
    answers, words = _told(ended, {record.id: bench for record, bench in begin.begun})
    for found, _ in answers:
        print_answer(found)
    for line in words:
        typer.echo(f"lab: {line}", err=True)
    return answers, bool(words)


def _told(ended: list[Ended], benches: dict[str, Bench]) -> tuple[Answers, list[str]]:
    """Return the answers of runs that ended well, and a message for each that did not."""
    from lab.report.answer.saved import answer_of
    from lab.run.runner import refuse_if_nothing_counts

    answers: Answers = []
    words: list[str] = []
    for one in ended:
        if one.error is not None:
            bench = benches[one.run.id] if one.run is not None else None
            go_on = f"\nThe run can go on: {_resume(one.run, bench)}" if one.run and bench else ""
            words.append(f"{one.device}: {one.scenario}: {one.error}{go_on}")
        elif one.run is not None:
            found, trials = answer_of(benches[one.run.id].store, one.run)
            answers.append((found, trials))
            try:
                refuse_if_nothing_counts(benches[one.run.id].store, one.run, trials)
            except RunError as error:
                words.append(str(error))
    return answers, words


def _resume(record: Run, bench: Bench) -> str:
    return f"lab run --resume {record.id}{data_option(bench.store.root)}{build_option(bench)}"


def build_option(bench: Bench) -> str:
    """Name the build where the store could not find it by its id: one that was measured from its own folder."""
    folder = bench.build.folder
    known = folder.absolute().is_relative_to(bench.store.builds_folder.absolute())
    return "" if known else f" --build {folder}"
