"""An explanation for programs: every trial and what the device did around it, as a document and as rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lab.records import Metric, Run, Trial
from lab.records.explanation import Explanation, Line, Sources, Standing
from lab.report.document import Row


@dataclass(frozen=True)
class ExplainedTrial:
    """A trial. `value` is its figure, in the unit of the metric's name; `relative` is that over its cell's mean.

    Temperatures are (at the start, highest during). What is unknown is null.
    """

    trial: Trial
    standing: Standing
    value: float | None
    relative: float | None
    reason: str
    remarks: tuple[str, ...]
    waited_s: float | None
    warmups: int
    agent_cores: float | None
    others_cores: float | None
    stolen_cores: float | None
    skin_celsius: tuple[float, float] | None
    soc_celsius: tuple[float, float] | None
    battery_celsius: tuple[float, float] | None


@dataclass(frozen=True)
class ExplanationDocument:
    """The explanation of a run; `common` names damaged files, then what concerns most trials.

    `verdict` is that of the comparison that the run is a side of; empty for other runs.
    """

    result: Literal["explanation"]
    run: Run
    metric: Metric
    summary: str
    common: tuple[str, ...]
    trials: tuple[ExplainedTrial, ...]
    device: tuple[str, ...]
    variance: tuple[str, ...]
    sources: Sources
    advice: tuple[str, ...]
    verdict: tuple[str, ...]


def explanation_document(found: Explanation) -> ExplanationDocument:
    """Return an explanation for programs."""
    return ExplanationDocument(
        result="explanation",
        run=found.run,
        metric=found.metric,
        summary=found.summary,
        common=found.common,
        trials=tuple(_trial(line) for line in found.lines),
        device=found.device,
        variance=found.variance,
        sources=found.sources,
        advice=found.advice,
        verdict=found.verdict,
    )


def explanation_columns(found: Explanation) -> tuple[str, ...]:
    """Return the columns of :func:`explanation_rows`, for a run without a trial."""
    return (
        *("run", "trial", "block", "cell", "started_utc", "standing", "reason", "detail", "flags", "state"),
        *("wall_s", "waited_s", "agent_cores", "others_cores", found.metric.name, "relative"),
    )


def explanation_rows(found: Explanation) -> list[Row]:
    """Return a row for each trial."""
    return [
        {
            "run": found.run.id,
            "trial": trial.number,
            "block": trial.block,
            "cell": trial.cell,
            "started_utc": trial.started_utc,
            "standing": line.standing,
            "reason": trial.reason,
            "detail": trial.detail,
            "flags": " ".join(trial.flags),
            "state": trial.state,
            "wall_s": trial.wall_s,
            "waited_s": line.evidence.waited_s,
            "agent_cores": line.evidence.doing.agent_cores,
            "others_cores": line.evidence.doing.others_cores,
            found.metric.name: line.value,
            "relative": line.relative,
        }
        for line in found.lines
        for trial in [line.evidence.trial]
    ]


def _trial(line: Line) -> ExplainedTrial:
    one, doing = line.evidence, line.evidence.doing
    return ExplainedTrial(
        trial=one.trial,
        standing=line.standing,
        value=line.value,
        relative=line.relative,
        reason=line.reason,
        remarks=line.remarks,
        waited_s=one.waited_s,
        warmups=one.warmups,
        agent_cores=doing.agent_cores,
        others_cores=doing.others_cores,
        stolen_cores=doing.stolen_cores,
        skin_celsius=doing.skin,
        soc_celsius=doing.soc,
        battery_celsius=doing.battery,
    )
