"""The answer of a saved run, which `lab run` and `lab show` print."""

from __future__ import annotations

from dataclasses import replace

from lab.builds import inputs
from lab.errors import PrepareError
from lab.records import Answer, Literature, Run, Trial
from lab.report.answer.accuracy import answer_of_evaluation
from lab.report.answer.curves import curves_of
from lab.report.answer.view import answer
from lab.report.kept import ANSWER, digest, keep
from lab.report.wording import plain
from lab.scenario.known import SCENARIOS
from lab.scenario.load import heading_of
from lab.scenario.published import literature
from lab.scenario.workloads import WORKLOADS
from lab.store import Store
from lab.trial.answers import scores_in
from lab.trial.metrics import METRICS


def answer_of(store: Store, record: Run) -> tuple[Answer, list[Trial]]:
    """Return a run's answer, from its own copy of the scenario, and the trials it rests on; keep the answer."""
    folder = store.trials_folder(record.id)
    computed_from = digest(folder.parent)  # before anything is read: a change meanwhile makes the answer invalid
    scenario = heading_of(record)
    examined = store.examined(record.id)
    trials = list(examined.kept)
    metric = METRICS[scenario.metric]
    others = [METRICS[name] for name in WORKLOADS[scenario.kind].metrics if name != metric.name]
    if scenario.kind == "evaluate":
        found = answer_of_evaluation(
            record,
            trials,
            lambda trial: scores_in(folder / f"{trial.number:04d}"),
            question=scenario.question,
            metric=metric,
            other_metrics=others,
        )
    else:
        found = answer(
            record,
            trials,
            question=scenario.question,
            metric=metric,
            other_metrics=others,
            published=known_literature().figures,
            curves=curves_of(trials, folder, metric) if scenario.duration_s is not None else None,
        )
    own = _own_inputs(store, record)
    lost = tuple(plain(f"Damaged or changed later, and in no figure: {words}.") for words in examined.problems)
    found = replace(found, warnings=(*_foreign(record), *lost, *found.warnings, *own))
    if not own:  # an input of the user's own lies outside the run's folder
        keep(folder.parent / ANSWER, computed_from, found)
    return found, trials


def _foreign(record: Run) -> list[str]:
    """Return a warning where a foreign tool printed the figures."""
    facts = record.context.facts
    if facts.get("source") != "parsed":
        return []
    return [
        f"Parsed: {facts.get('device_agent', 'a foreign tool')} printed the durations. It works on tokens of its "
        "own: their number is checked, its output is not."
    ]


def _own_inputs(store: Store, record: Run) -> list[str]:
    """Return a warning for each input of the user's own: question and published figures are about others."""
    named = sorted({str(cell.parameters["input"]) for cell in record.cells if "input" in cell.parameters})
    words: list[str] = []
    for name in named:
        try:
            own = inputs.find(store.root, record.context.facts.get(f"input_{name}", "none"))
        except PrepareError as error:  # results are shown nevertheless
            words.append(str(error))
            continue
        if own is not None:
            words.append(f"Not measured on the scenario's own input but on {inputs.described(own.document)}.")
    return words


def known_literature() -> Literature:
    """Return what comes with pocketlab of the literature."""
    path = SCENARIOS / "published.toml"
    return literature(path) if path.exists() else Literature((), (), (), ())
