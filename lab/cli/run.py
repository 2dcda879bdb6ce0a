"""The command `lab run`: scenarios on one device, or on several at once."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from lab.cli.answers import print_answers
from lab.cli.hints import completed, data_option, program
from lab.cli.options import DATA, WAIT_S, Data, Wait, opened, refuse, tell
from lab.cli.output import short, unwritten, where, write
from lab.cli.tally import Share, share_of
from lab.cli.terminal import Terminal
from lab.cli.work import at_work, build_option
from lab.errors import BuildError, LabError, RunError, ScenarioError
from lab.records import Answer, Profile, Run, Trial
from lab.report.answer.page import render_html
from lab.report.answer.saved import answer_of
from lab.report.answer.terminal import render_sentences
from lab.report.expected import expected_lines
from lab.report.wording import listing, number_of
from lab.run import fleet
from lab.run.begin import Beginner
from lab.run.bench import Bench
from lab.run.benches import (
    DEFAULT_BUILD,
    benches_of,
    devices_of,
    on_own_input,
    terms_of,
    with_image,
    with_questions,
)
from lab.run.expected import expected, refuse_impossible
from lab.run.fleet import Ended
from lab.run.resume import profile_of, reopen, rest_of_suite, scenario_of, unfinished, with_own_inputs
from lab.run.runner import refuse_if_nothing_counts
from lab.run.turn import Terms
from lab.scenario.plan import Scenario
from lab.scenario.suite import scenarios_of
from lab.store import Store

Answered = tuple[Answer, list[Trial]]


def run(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="SCENARIO",
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
    questions: Annotated[
        Path | None,
        typer.Option(
            help="Ask the questions of this table (a TSV of VLMEvalKit's form), or of a folder that `python -m "
            "models.questions` made, instead of generated ones."
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Resume an unfinished run: the newest, or the one named.")
    ] = False,
    blocks: Annotated[
        int | None, typer.Option(min=1, help="Exactly this many trials of each cell, instead of the plan's.")
    ] = None,
    iterations: Annotated[
        int | None, typer.Option(min=1, help="Measured iterations of a trial, instead of the plan's.")
    ] = None,
    wait: Wait = WAIT_S,
    profile: Annotated[
        Profile,
        typer.Option(
            help="How much the lab changes on a phone while it measures: observe (little), fixed (Android's fixed "
            "performance mode), rooted (clocks pinned). Runs of different profiles are never compared."
        ),
    ] = "observe",
    memory: Annotated[
        bool, typer.Option("--memory", help="At the end, one more trial of each cell for memory; it is not timed.")
    ] = False,
    html: Annotated[Path | None, typer.Option(help="Also write one page with all answers.")] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Measure nothing: print the cells, the trials and the expected time."),
    ] = False,
) -> None:
    """Measure a scenario, or every scenario of a suite, and answer its question.

    On a phone, the lab first pushes whatever is missing of the build, the agent and your own inputs. With several
    devices, those that share this machine's cores take turns and real phones run in parallel. A device that fails
    stops no other. Every device has its own answer.

    Every trial is saved as it ends. Ctrl-C stops cleanly, and even after kill -9 `lab run --resume` measures the
    missing trials. It measures a trial that was cut again, and keeps what the cut trial left in the run's folder
    under `interrupted`.

    With --image every cell that works on an input works on yours. That needs torch, which computes the expected
    output: `lab run throughput --image photo.jpg --instruction "What is this?"`
    """
    _check_image_options(image, instruction, resume=resume)
    store, answers, failed = opened(data), list[Answered](), False
    terms = terms_of(store, wait, tell=tell)
    if resume:
        refuse("--resume measures what its run lacks", **{"dry-run": dry_run or None})
        why = "--resume continues the plan its run began with"
        refuse(why, questions=questions, suite=suite, seed=seed, blocks=blocks, iterations=iterations)
        record = unfinished(store, name)
        with _files(lambda: [record], html):
            answers = [_resumed(record, store, build, terms)]
    else:
        given = {"blocks": blocks, "most": blocks, "iterations": iterations}
        plan = {k: v for k, v in given.items() if v is not None}
        if name is None and suite is None:
            suite = "quick"
        scenarios = scenarios_of(name, suite, plan)
        line = build or DEFAULT_BUILD
        if dry_run:
            refuse("--dry-run measures nothing", html=html)
            _foretell(store, scenarios, device, line, memory=memory, own_image=image is not None)
            return
        benches = benches_of(store, devices_of(store, device, tell=tell), line, terms, profile)
        if image is not None:
            scenarios = [on_own_input(chosen) for chosen in scenarios]
            benches = with_image(benches, scenarios, image, instruction, wait)
        benches = with_questions(benches, scenarios, questions, wait)
        begin = Beginner(suite or "", line, seed, memory)
        shares = [share_of(len(each.cells), each.plan, memory=memory) for each in scenarios for _ in benches]
        with _files(lambda: [record for record, _ in begin.begun], html):
            if len(benches) == 1:
                answers, failed = _one_by_one(benches[0], scenarios, begin, shares)
            else:
                answers, failed = _everywhere(benches, scenarios, terms, begin, shares)
    if answers:
        counting = {found.run.id for found, trials in answers if any(trial.valid for trial in trials)}
        where(store.root, [found.run for found, _ in answers], data, build, counting)
    if html is not None:
        write(html, render_html(answers))
    if failed:
        raise typer.Exit(2)


@contextmanager
def _files(records: Callable[[], Sequence[Run]], html: Path | None) -> Iterator[None]:
    """Say, when measuring ends early, that the page was not written and which command writes it."""
    try:
        yield
    except (typer.Exit, LabError):
        if lacking := unwritten(" ".join(short(record.id) for record in records()), html=html):
            tell(completed(lacking.strip()))
        raise


def _foretell(
    store: Store, scenarios: Sequence[Scenario], devices: str, line: str, *, memory: bool, own_image: bool
) -> None:
    """Print what would be measured and how long it takes; the devices are not looked for.

    Raises `ScenarioError` for cells that the build cannot do; of an image of the user's own nothing is known yet.
    """
    found = None
    try:
        found = store.find_build(line)
    except BuildError as error:
        typer.echo(completed(f"! {error}"))
    for chosen in scenarios:
        for device in devices.split(","):
            for words in expected_lines(expected(store, chosen, device.strip(), line, memory=memory)):
                typer.echo(completed(words))
    if found is None or own_image:
        return
    wrong = []
    for chosen in scenarios:
        try:
            refuse_impossible(chosen, found)
        except ScenarioError as error:
            wrong.append(f"{chosen.name}: {error}")
    if wrong:
        raise ScenarioError("\n".join(wrong))


def _check_image_options(image: Path | None, instruction: str | None, *, resume: bool) -> None:
    if resume and (image is not None or instruction is not None):
        raise RunError("--resume uses the input its run began with; leave --image and --instruction out")
    if instruction is not None and image is None:
        raise RunError("--instruction asks about an image of your own; name it with --image FILE")


def _resumed(record: Run, store: Store, build: str | None, terms: Terms) -> Answered:
    """Resume a run on the device it was begun on."""
    devices = devices_of(store, record.device, tell=tell)
    terms = replace(terms, keep=record.id)
    (bench,) = benches_of(store, devices, build or record.build, terms, profile_of(record))
    bench = with_own_inputs(bench, record)
    chosen = scenario_of(record)
    reopen(record, chosen, bench)
    done, total = len(store.trials(record.id)), len(record.cells) * (record.blocks + record.memory)
    of = number_of(total, "trial")
    typer.echo(f"Resuming run {short(record.id)}: {record.scenario}, {done} of {of} done", err=True)
    (found,), _ = _one_by_one(bench, [chosen], lambda chosen, bench: record)
    if rest := rest_of_suite(record):
        typer.echo(f"Not measured yet of suite {record.suite}:")
        more = f" --suite {record.suite} --build {record.build} --device {shlex.quote(record.device)}"
        for name in rest:
            typer.echo(f"  {program()} run {name}{more}{data_option(bench.store.root)}")
    return found


def _one_by_one(
    bench: Bench, scenarios: Sequence[Scenario], begin: fleet.Begin, shares: Sequence[Share] = ()
) -> tuple[list[Answered], bool]:
    """Measure scenario after scenario on one device; print the answers together, also those before a stop.

    One that cannot be measured, or of which no trial counts, stops no other: returns the answers, and whether one
    failed; alone, it raises. Leaves with status 2 when interrupted.
    """
    answers: list[Answered] = []
    failures: list[str] = []
    record: Run | None = None
    try:
        with at_work([bench], shares=shares) as ((shown,), display):
            for chosen in scenarios:
                record = None
                try:
                    record = begin(chosen, bench)
                    found, trials = answer_of(bench.store, fleet.carry_on(record, chosen, shown, display))
                    answers.append((found, trials))
                    refuse_if_nothing_counts(bench.store, found.run, trials)
                except (RunError, ScenarioError) as error:
                    if len(scenarios) == 1:
                        raise
                    display.say(f"{chosen.name} failed: {str(error).splitlines()[0]}")
                    failures.append(f"{chosen.name}: {error}{_to_resume(record, answers, bench)}")
                    answers += _stopped(record, answers, bench)
    except KeyboardInterrupt:
        _print_together(answers)
        how = f" To resume: {_resume(record, bench)}" if record else ""
        typer.echo(f"\nInterrupted; every finished trial is saved.{how}", err=True)
        raise typer.Exit(2) from None
    except LabError as error:
        _print_together(answers)
        _tell_failures(failures, [bench], scenarios, answers)
        raise type(error)(f"{error}{_to_resume(record, answers, bench)}") from error
    _print_together(answers)
    _tell_failures(failures, [bench], scenarios, answers)
    return answers, bool(failures)


def _to_resume(record: Run | None, answers: Sequence[Answered], bench: Bench) -> str:
    """Return a line that says how to resume a run that failed; empty if it is complete or never began."""
    if record is None or any(found.run.id == record.id for found, _ in answers):
        return ""
    return f"\nTo resume the run: {_resume(record, bench)}"


def _stopped(record: Run | None, answers: Sequence[Answered], bench: Bench) -> list[Answered]:
    """Return the answer of a run that stopped with trials none of which counts: it stands among the others."""
    if record is None or any(found.run.id == record.id for found, _ in answers):
        return []
    found = answer_of(bench.store, bench.store.run(record.id))
    return [found] if found[1] and not any(trial.valid for trial in found[1]) else []


def _tell_failures(
    failures: Sequence[str], benches: Sequence[Bench], scenarios: Sequence[Scenario], answers: Sequence[Answered]
) -> None:
    """Print what failed, and at the end which of several questions are not answered."""
    for line in failures:
        tell(f"lab: {line}")
    counted = {(found.run.scenario, found.run.device) for found, trials in answers if any(t.valid for t in trials)}
    asked = [(chosen.name, bench.device.identity.name) for chosen in scenarios for bench in benches]
    missing = [f"{name}{f' on {on}' * (len(benches) > 1)}" for name, on in asked if (name, on) not in counted]
    if missing and len(asked) > 1:
        tell(f"Not answered: {listing(missing)} ({len(missing)} of {len(asked)} questions)")


def _print_together(answers: Sequence[Answered]) -> None:
    """Print every answer with its tables; at the end the sentences alone, one below the other."""
    found = [each for each, _ in answers]
    print_answers(found)
    if len(found) > 1:
        Terminal().print(render_sentences(found))


def _everywhere(
    benches: Sequence[Bench],
    scenarios: Sequence[Scenario],
    terms: Terms,
    begin: Beginner,
    shares: Sequence[Share],
) -> tuple[list[Answered], bool]:
    """Measure on several devices; print every answer, grouped by question, then whatever failed."""
    try:
        with at_work(benches, terms.stop, shares) as (shown, display):
            ended = fleet.measure(shown, scenarios, terms, begin=begin, show=display, stop=terms.stop)
    except KeyboardInterrupt:
        typer.echo("\nInterrupted; every finished trial is saved. To resume:", err=True)
        for record, bench in begin.begun:
            if bench.store.run(record.id).status != "finished":
                typer.echo(f"  {_resume(record, bench)}", err=True)
        raise typer.Exit(2) from None
    benches_by_run = {record.id: bench for record, bench in begin.begun}
    answers = [
        answer_of(benches_by_run[one.run.id].store, one.run) for one in ended if one.run and one.error is None
    ]
    _print_together(answers)
    failures = _failures(ended, answers, benches_by_run)
    _tell_failures(failures, benches, scenarios, answers)
    return answers, bool(failures)


def _failures(ended: Sequence[Ended], answers: Sequence[Answered], benches: dict[str, Bench]) -> list[str]:
    """Return a message for each run that did not end well, or of which no trial counts."""
    words = []
    for one in ended:
        if one.error is not None:
            bench = benches[one.run.id] if one.run is not None else None
            to_resume = f"\nTo resume the run: {_resume(one.run, bench)}" if one.run and bench else ""
            words.append(f"{one.device}: {one.scenario}: {one.error}{to_resume}")
    for found, trials in answers:
        try:
            refuse_if_nothing_counts(benches[found.run.id].store, found.run, trials)
        except RunError as error:
            words.append(str(error))
    return words


def _resume(record: Run, bench: Bench) -> str:
    return f"{program()} run --resume {record.id}{data_option(bench.store.root)}{build_option(bench)}"
