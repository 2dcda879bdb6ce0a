"""From a saved run to its answer: what `lab run` and `lab show` print."""

from __future__ import annotations

import tomllib

from lab.metrics import METRICS
from lab.records import Answer, Published, Run, Trial
from lab.report.answer import answer
from lab.scenario import SCENARIOS, published
from lab.store import Store
from lab.workloads import WORKLOADS


def answer_of(store: Store, record: Run) -> tuple[Answer, list[Trial]]:
    """Return a run's answer, from its own copy of the scenario, and the trials it rests on."""
    document = tomllib.loads(record.scenario_toml)
    header, kind = document["scenario"], document["workload"]["kind"]
    trials = list(store.trials(record.id))
    metric = METRICS[header["metric"]]
    others = [METRICS[name] for name in WORKLOADS[kind].metrics if name != metric.name]
    found = answer(
        record,
        trials,
        question=header["question"],
        metric=metric,
        other_metrics=others,
        published=figures(),
    )
    return found, trials


def figures() -> tuple[Published, ...]:
    """Return the figures from the literature that come with pocketlab."""
    path = SCENARIOS / "published.toml"
    return published(path) if path.exists() else ()
