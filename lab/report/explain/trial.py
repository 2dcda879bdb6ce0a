"""One trial of an explained run in words: how it stands, and what its device did."""

from __future__ import annotations

from lab.records.explanation import Explanation, Line
from lab.report.wording import percent

STANDINGS = {"counts": "counts", "unsteady": "never settled: does not count", "memory": "memory pass: never timed"}
"""Standing -> its words; those of an invalid trial name its reason."""


def standing_words(line: Line) -> str:
    """Return how a trial stands."""
    return f"invalid, {line.reason}" if line.standing == "invalid" else STANDINGS[line.standing]


def trial_facts(found: Explanation, line: Line) -> list[str]:
    """Return what is to be said of a trial: where it belongs, how it stands and why, which unit did the work."""
    trial = line.evidence.trial
    facts = [
        f"cell {line.cell or trial.cell}, block {trial.block}, began {trial.started_utc}, {trial.wall_s:.1f} s",
        standing_words(line),
        *([line.detail] if line.detail else []),
        line.state,
        *line.remarks,
    ]
    if line.relative is not None:
        facts.append(f"its median of {found.metric.label} is {percent(line.relative)} of its cell's mean")
    if trial.placement:
        facts.append("executed by: " + ", ".join(f"{stage} {unit}" for stage, unit in trial.placement.items()))
    return facts


def device_facts(line: Line) -> list[str]:
    """Return what the device did around a trial, and which of its sensors gave no reading."""
    one = line.evidence
    facts = [line.device]
    if one.looks:
        facts.append(f"{one.looks} look{'s'[: one.looks != 1]} at the gate")
    if one.doing.agent_cores is not None:
        facts.append(f"the agent used {one.doing.agent_cores:.2f} cores while it was measured")
    last = (one.during or one.gate)[-1:]
    return facts + [f"{name}: no reading ({why})" for look in last for name, why in look.missing.items()]
