"""From a saved run to its answer: what `lab run` and `lab show` print."""

from __future__ import annotations

from dataclasses import replace

from lab.builds import inputs
from lab.errors import PrepareError
from lab.records import Answer, Published, Run, Trial
from lab.report.answer.sustained import curves_of
from lab.report.answer.view import answer
from lab.scenario.load import SCENARIOS, heading_of
from lab.scenario.published import published
from lab.scenario.workloads import WORKLOADS
from lab.store import Store
from lab.trial.metrics import METRICS


def answer_of(store: Store, record: Run) -> tuple[Answer, list[Trial]]:
    """Return a run's answer, from its own copy of the scenario, and the trials it rests on."""
    scenario = heading_of(record)
    trials = list(store.trials(record.id))
    metric = METRICS[scenario.metric]
    folder = store.trials_folder(record.id)
    others = [METRICS[name] for name in WORKLOADS[scenario.kind].metrics if name != metric.name]
    found = answer(
        record,
        trials,
        question=scenario.question,
        metric=metric,
        other_metrics=others,
        published=figures(),
        curves=curves_of(trials, folder, metric) if scenario.duration_s is not None else None,
    )
    warnings = (*_foreign(record), *found.warnings, *_own_inputs(store, record))
    return replace(found, warnings=warnings), trials


def _foreign(record: Run) -> list[str]:
    """Say what a foreign tool's figures are worth."""
    facts = record.context.facts
    if facts.get("source") != "parsed":
        return []
    return [
        f"Parsed: the durations are those that {facts.get('device_agent', 'a foreign tool')} printed. It works on "
        "tokens of its own: how many is checked, what comes out is not."
    ]


def _own_inputs(store: Store, record: Run) -> list[str]:
    """Say what the user's own inputs are: the scenario's question and published figures are about others."""
    named = sorted({str(cell.parameters["input"]) for cell in record.cells if "input" in cell.parameters})
    words: list[str] = []
    for name in named:
        try:
            own = inputs.find(store.root, record.context.facts.get(f"input_{name}", "none"))
        except PrepareError as error:  # results are shown all the same
            words.append(str(error))
            continue
        if own is not None:
            words.append(f"Not measured on the scenario's own input but on {inputs.described(own.document)}.")
    return words


def figures() -> tuple[Published, ...]:
    """Return the figures from the literature that come with pocketlab."""
    path = SCENARIOS / "published.toml"
    return published(path) if path.exists() else ()
