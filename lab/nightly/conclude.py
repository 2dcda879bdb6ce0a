"""From the figures of a night to its findings and incidents: screen, confirm, judge, save."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from lab.identifiers import new_run_id, now_utc
from lab.nightly.across import across
from lab.nightly.alarm import confirms
from lab.nightly.coverage import noisy
from lab.nightly.figures import KIND
from lab.nightly.incidents import as_of, settled
from lab.nightly.screen import Known, beyond, finding_of, screened
from lab.nightly.suspect import Confirm, Confirmation, Measured, Suspect
from lab.records import OPEN, OUTCOMES, BuildAt, Finding, Incident, Night, Outcome, Series, Value
from lab.records.telling import number_of, percent
from lab.report.night.page import PICTURES
from lab.scenario.nights import Policy
from lab.store import Store
from lab.store.history import past_of

_OF_VERDICT: Mapping[str, Outcome] = {
    "regressed": "regressed",
    "improved": "improved",
    "same": "not reproduced",
    "cannot tell": "cannot tell",
}
"""Verdict of the confirming comparison -> outcome of the series."""

_ADVICE: Mapping[Outcome, str] = {
    "regressed": "find the build: `lab bisect {line} --good {good} --bad {new} --scenario {scenario} "
    "--device {device}`",
    "suspected": "measure it again: `lab compare {good} {new} --scenario {scenario} --device {device}`",
    "cannot tell": "measure more pairs, or on another phone: `lab compare {good} {new} --scenario {scenario} "
    "--device {device} --all-pairs`",
    "not reproduced": "nothing to do; if a screen notices it again, compare on another phone",
    "improved": "nothing to do; `lab builds baseline {line} {new}` makes it the build that later ones are "
    "judged against",
}


@dataclass(frozen=True)
class _Judged:
    """A suspect judged: its outcome, a finding if there is something to say, and evidence that it came back."""

    series: Series
    outcome: Outcome
    finding: Finding | None = None
    back: str = ""
    comparison: str = ""


def conclude(
    store: Store,
    night: Night,
    values: Sequence[Value],
    confirm: Confirm,
    *,
    policy: Policy,
    utc: Callable[[], str] = now_utc,
    new_id: Callable[[], str] = new_run_id,
) -> Night:
    """Judge a night whose figures are measured, save figures, incidents and night, and return it finished.

    `confirm` measures suspects again. Judging a night twice changes nothing. Raises `StoreError` and `DiskFull`.
    """
    past = past_of(store, night)
    met = as_of(_incidents(store, night), night.date)
    baselines = {each.line: BuildAt(each.id, each.line, each.revision) for each in store.builds() if each.baseline}
    found = screened(values, Known(past, met, policy, baselines), night)
    confirmations = list(confirm(found.suspects, night.confirm_s))
    with store.held():  # nobody acts on an incident between its reading and its saving
        incidents = _incidents(store, night)  # read again: people may have acted while it confirmed
        moved = _anchors(found.values, night, policy)
        judged = [_judge(*each, policy, moved) for each in _answered(found.suspects, confirmations)]
        findings = [*found.findings, *(each.finding for each in judged if each.finding)]
        now = settled(
            incidents,
            findings,
            [(each.series, each.comparison, each.back) for each in judged if each.back],
            date=night.date,
            utc=utc(),
            new_id=new_id,
            demo=night.demo,
        )
        caused = {each.series: each for each in now.findings}
        findings = [caused.get(each.series, each) for each in findings]
        stand = {each.id: each for each in (*incidents, *now.changed)}
        closed = {each.series for each in findings if each.incident and stand[each.incident].status not in OPEN}
        findings = [replace(each, outcome="known") if each.series in closed else each for each in findings]
        outcomes = {each.series: each.outcome for each in judged} | dict.fromkeys(closed, "known")
        told = [replace(each, outcome=outcomes.get(each.series, each.outcome)) for each in found.values]
        counts = Counter(each.outcome for each in told)
        ended = replace(
            night,
            ended_utc=utc(),
            status="finished",
            findings=tuple(pictured(sorted(findings, key=_weight))),
            across=across(findings, {each.series.device: each.context.get(KIND, "") for each in values}),
            incidents=tuple(each for each in stand.values() if each.status in OPEN or _touched(each, night)),
            told=now.told,
            counts={name: counts[name] for name in OUTCOMES if counts[name]},
            confirm_spent_s=sum(each.spent_s for each in confirmations),
            noisy=noisy(findings, past.recent[-1] if past.recent else None),
        )
        store.save_values(night.id, told)
        for incident in now.changed:
            store.save_incident(incident)
        store.save_night(ended)
    return ended


def _incidents(store: Store, night: Night) -> list[Incident]:
    return [each for each in store.incidents() if each.demo == night.demo]


def _answered(
    suspects: Sequence[Suspect], confirmations: Sequence[Confirmation]
) -> Iterator[tuple[Suspect, Confirmation | None]]:
    """Yield each suspect with the comparison that measured it again, None if there was no time."""
    of = {each.value.series: found for found in confirmations for each in found.suspects}
    for suspect in suspects:
        yield suspect, of.get(suspect.value.series)


def _judge(
    suspect: Suspect, confirmation: Confirmation | None, policy: Policy, moved: Mapping[tuple[str, ...], float]
) -> _Judged:
    series = suspect.value.series
    cell = confirmation.cells.get(series.cell) if confirmation else None
    measured = cell if cell is not None and cell.ratios else None
    verdict = measured.verdict.verdict if measured else ""
    comparison = confirmation.comparison if confirmation else ""
    if suspect.known is not None:
        if verdict in ("same", "improved") and measured:
            words = f"as good as {_name(suspect.good)} again, in {number_of(measured.verdict.pairs, 'pair')}"
            return _Judged(series, "no change seen", None, words, comparison)
        return _Judged(series, "known")
    outcome = _OF_VERDICT.get(verdict, "suspected")
    if measured and outcome in ("regressed", "improved") and not confirms(suspect, measured.verdict):
        outcome = "cannot tell"
    change = measured.verdict.change if measured else None
    if not suspect.screens and outcome not in ("regressed", "improved"):
        return _Judged(series, "no change seen" if outcome == "not reproduced" else "no history")
    if change is not None and outcome in ("regressed", "improved") and not beyond(change.estimate, policy.least):
        return _Judged(series, "no change seen")
    failure = confirmation.failure if confirmation else "the time for confirming was used up"
    why = _why(suspect, measured, failure or (cell.verdict.why if cell else "nothing was measured"), moved)
    finding = finding_of(suspect, outcome, why, _advice(suspect, outcome))
    if measured is None:
        return _Judged(series, outcome, finding)
    found = replace(
        finding, comparison=comparison, verdict=measured.verdict, ratios=measured.ratios, stages=measured.stages
    )
    return _Judged(series, outcome, found)


def _why(suspect: Suspect, measured: Measured | None, failure: str, moved: Mapping[tuple[str, ...], float]) -> str:
    """Return what noticed a suspect, and what measuring it again said, or why that failed."""
    by = {"tonight": "tonight's figure is unusual", "steps": f"its history has a step at {suspect.since}"}
    parts = [" and ".join(by[each] for each in suspect.screens) or suspect.breaks]
    if measured is not None:
        parts.append(f"measured again in {number_of(measured.verdict.pairs, 'pair')}: {measured.verdict.why}")
    else:
        parts.append(f"not measured again: {failure.removesuffix('.')}")
    series = suspect.value.series
    if anchor := moved.get((series.scenario, series.cell, series.metric, series.device)):
        parts.append(f"the anchor build moved by {percent(anchor - 1)} too")
    return "; ".join(parts)


def _anchors(values: Sequence[Value], night: Night, policy: Policy) -> Mapping[tuple[str, ...], float]:
    """Return (scenario, cell, metric, device) -> tonight / usual of the anchor, where that moved."""
    anchors = {(each.scenario, each.line, each.device) for each in night.planned if each.anchor}
    found: dict[tuple[str, ...], float] = {}
    for each in values:
        series = each.series
        if (series.scenario, series.line, series.device) in anchors and each.usual is not None:
            ratio = each.value / each.usual
            if beyond(ratio, policy.least):
                found[series.scenario, series.cell, series.metric, series.device] = ratio
    return found


def _advice(suspect: Suspect, outcome: Outcome) -> str:
    series = suspect.value.series
    good = suspect.good.id[:12] if suspect.good else ""
    words = {"line": series.line, "scenario": series.scenario, "device": series.device}
    quoted = {name: shlex.quote(word) for name, word in words.items()}
    return _ADVICE[outcome].format(good=good, new=suspect.value.build.id[:12], **quoted)


def _name(build: BuildAt | None) -> str:
    return build.name if build else "the last good build"


def pictured(findings: Sequence[Finding]) -> Iterator[Finding]:
    """Yield findings, without their histories where there are more of an outcome than a report draws."""
    drawn = Counter[Outcome]()
    for each in findings:
        drawn[each.outcome] += 1
        yield each if drawn[each.outcome] <= PICTURES else replace(each, history=())


def _touched(incident: Incident, night: Night) -> bool:
    return any(event.night == night.date for event in incident.events)


def _weight(finding: Finding) -> tuple[int, float, str]:
    """Return what orders findings: the worst outcome first, then the largest change."""
    size = abs(finding.ratio - 1) if finding.usual else 0.0
    return (list(OUTCOMES).index(finding.outcome), -size, finding.series.name)
