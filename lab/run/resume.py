"""Find an unfinished run, and restore what it is measured with."""

from __future__ import annotations

from dataclasses import replace

from pydantic import TypeAdapter, ValidationError

from lab.builds import inputs, questions
from lab.errors import RunError, ScenarioError
from lab.records import ACCEPTANCE, Context, Profile, Run
from lab.run.bench import Bench, inputs_of
from lab.run.context import context_of
from lab.run.turn import LOCK
from lab.scenario.known import SCENARIOS
from lab.scenario.load import read
from lab.scenario.plan import Scenario
from lab.scenario.suite import load_suite
from lab.store import Store


def with_own_inputs(bench: Bench, record: Run) -> Bench:
    """Return the bench with the user's own inputs that a run was begun with, found by content id."""
    named = {str(cell.parameters["input"]) for cell in record.cells if "input" in cell.parameters}
    own: dict[str, inputs.OwnInput] = {}
    for name in sorted(named):
        found = inputs.find(bench.store.root, record.context.facts.get(f"input_{name}", "none"))
        if found is not None:
            own[name] = found
    asked = {str(cell.parameters["questions"]) for cell in record.cells if "questions" in cell.parameters}
    known = {
        name: questions.find(bench.store.root, record.context.facts.get(f"questions_{name}", "none"))
        for name in sorted(asked)
    }
    sets = {name: each for name, each in known.items() if each is not None}
    return replace(bench, own_inputs=own, questions=sets)


def unfinished(store: Store, text: str | None) -> Run:
    """Return the run to resume: by the start of its id, or the newest unfinished one. Raises `RunError`."""
    if text not in {None, "last"}:
        record = store.run(str(text))
        if record.comparison is not None:
            raise RunError(
                f"run {record.id} is a side of a comparison; resume the whole: "
                f"`lab compare --resume {record.comparison}`"
            )
        if record.night is not None:
            raise RunError(f"run {record.id} is part of a night; resume the whole: `lab nightly --resume`")
        if record.status == "finished":
            raise RunError(
                f"run {record.id} is finished: there is nothing to resume (`lab show {record.id[:13]}`)"
            )
        return record
    for record in store.runs(1000):
        made = record.comparison or record.night or record.suite == ACCEPTANCE
        if record.status != "finished" and not made:
            return record
    raise RunError("there is no unfinished run to resume (`lab runs` lists all)")


def scenario_of(record: Run) -> Scenario:
    """Return a saved run's scenario from its own copy, with the plan that it was begun with."""
    facts = record.context.facts
    plan: dict[str, float | int] = {}
    try:
        plan |= load_suite(SCENARIOS / f"{record.suite}.toml").plan
    except ScenarioError:  # the suite's file is gone, and its time-out with it: the scenario's own holds
        plan = {}
    try:
        plan |= {name: int(facts[name]) for name in ("warmup", "iterations")}
    except (KeyError, ValueError) as error:
        raise _unclear(record, error) from error
    plan |= {
        "blocks": record.blocks,
        "most": record.blocks,  # unless the run says so: a side of a comparison has no closed loop
        **{k: v for k in ("most", "target", "budget_s") if (v := getattr(record, k)) is not None},
    }
    return read(record.scenario_toml, record.scenario, at=f"the scenario of run {record.id}", plan=plan)


def profile_of(record: Run) -> Profile | None:
    """Return the profile that a run was begun with; None for a run without one, or older than profiles."""
    name = record.context.facts.get("profile", "none")
    try:
        return None if name == "none" else TypeAdapter[Profile](Profile).validate_python(name)
    except ValidationError as error:
        raise _unclear(record, ValueError(f"no profile {name!r}")) from error


def _unclear(record: Run, error: Exception) -> RunError:
    return RunError(
        f"run {record.id}: its context does not say how it was measured ({error}): it was changed by hand, and "
        "cannot be resumed; restore its run.json from a copy, or start a new run"
    )


def rest_of_suite(record: Run) -> list[str]:
    """Return the scenarios that follow a run's own in its suite."""
    try:
        names = load_suite(SCENARIOS / f"{record.suite}.toml").scenarios
    except ScenarioError:
        return []
    return list(names[names.index(record.scenario) + 1 :]) if record.scenario in names else []


def reopen(record: Run, scenario: Scenario, bench: Bench) -> None:
    """Check that a run can be resumed here; raises `RunError` saying what differs from when it was begun."""
    if (name := bench.device.identity.name) != record.device:  # two phones of one model have equal Contexts
        raise RunError(
            f"run {record.id} cannot go on: it was begun on {record.device}, and the device found there now is "
            f"{name}. Attach the first one, or start a new run"
        )
    now = context_of(scenario, record.cells, bench, inputs_of(record.cells, bench), record.inject)
    later = ("care_", LOCK)  # care is compared once the device is prepared again; any lock will do
    then = Context({name: fact for name, fact in record.context.facts.items() if not name.startswith(later)})
    if changed := then.differs_from(now):
        words = "; ".join(f"{name} was {was}, is {now}" for name, (was, now) in changed.items())
        raise RunError(f"run {record.id} cannot go on, its trials could not be compared: {words}. Start a new run")
