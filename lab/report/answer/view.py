"""From trials to the answer of a scenario's question: summaries, the best cell, those tied with it, warnings."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from lab.records import (
    LEVEL,
    UNGATED,
    Answer,
    Cell,
    CellSummary,
    Interval,
    Metric,
    Published,
    Run,
    Sustained,
    Trial,
)
from lab.records.telling import shares
from lab.report.answer.sentence import no_answer, sentence
from lab.report.answer.standing import matches
from lab.report.answer.sustained import lasting_sentence, short_of
from lab.report.lost import lost_best
from lab.report.reasons import FLAGS
from lab.report.wording import cell_short, kind_of, listing, number_of, percent, varying
from lab.stats.best import Contenders, contenders
from lab.stats.interval import Looks, cell_interval, spread, trial_cv
from lab.stats.plan import goes_on, looks_of
from lab.stats.sample import MIN_TRIALS, Medians, counted, medians_by_block
from lab.stats.suspicion import suspicions
from lab.trial import memory

NOISY_CV = 0.05
"""A cell whose trials vary by more is called noisy; above the same share omnimind-ai/OmniInfer PR 268 writes no
result at all."""

SELFCHECK = "`lab selfcheck` answers that, from many runs like this one. "
"""Before the answer of a single run of the scenario `selfcheck`, whose question is about many."""


def answer(
    run: Run,
    trials: Sequence[Trial],
    *,
    question: str,
    metric: Metric,
    other_metrics: Sequence[Metric] = (),
    published: Sequence[Published] = (),
    curves: Sequence[Sustained] | None = None,
) -> Answer:
    """Return a run's answer to its scenario's question, by the headline `metric`.

    `other_metrics` are summarised beside it where trials hold them. `published` figures of the scenario are kept
    when they match a cell on every parameter they name; nothing is computed from them. Invalid trials are counted
    by reason and enter no figure; trials that never settled enter none either. For a sustained scenario `curves`
    are the answer instead of an interval (empty: no trial has one).
    """
    cells = {cell.key: medians_by_block(trials, cell.key, metric.name) for cell in run.cells}
    emulated = kind_of(run) == "emulated"
    choice = Contenders(None, (), tuple(cells)) if emulated else contenders(cells, metric.better)
    lost = "" if emulated else lost_best(run, trials, metric, choice.best)
    looks = looks_of(run) if goes_on(run) else None
    summaries = tuple(
        _summary(cell, trials, metric, medians=cells, choice=choice, looks=looks) for cell in run.cells
    )
    others = {
        other.name: (other, found)
        for other in other_metrics
        if other.name != metric.name and (found := _intervals(run.cells, trials, other.name, looks))
    }
    if emulated:
        said = _of_emulated(run, trials)
    elif curves is not None:
        said = lasting_sentence(curves, run.cells)
    else:
        said = sentence(
            run.scenario, run.cells, summaries, metric=metric, choice=choice, medians=cells, others=others
        )
        if lost:
            said = f"Cannot tell which is best: {lost}. Of the trials that count: {said[:1].lower()}{said[1:]}"
        if run.scenario == "selfcheck":
            said = SELFCHECK + said
    return Answer(
        run=run,
        question=question,
        metric=metric,
        summaries=summaries,
        best=choice.best if curves is None and not lost and len(choice.may_be_best) == 1 else None,
        contenders=() if curves is not None else choice.may_be_best,
        leader=None if curves is not None else choice.best,
        sentence=said,
        published=() if emulated else _matching(published, run, {metric.name, *others}),
        other_metrics=others if metric.name in memory.METRICS else others | _memory(run.cells, trials),
        warnings=_warnings(run, trials, metric, summaries, choice=choice, curves=curves),
        curves=tuple(curves or ()),
    )


def _of_emulated(run: Run, trials: Sequence[Trial]) -> str:
    """Return what an emulated phone can show: that the code runs there and its outputs are right."""
    counted = sum(trial.valid for trial in trials)
    if not counted:
        return f"{no_answer(run.scenario)} Emulated: its times would not be measurements."
    return (
        f"It works: {number_of(counted, 'valid trial')} of {len(trials)}. Emulated: the times below are not "
        "measurements and are never compared."
    )


def _summary(
    cell: Cell,
    trials: Sequence[Trial],
    metric: Metric,
    *,
    medians: Mapping[str, Medians],
    choice: Contenders,
    looks: Looks | None,
) -> CellSummary:
    own = [trial for trial in trials if trial.cell == cell.key]
    ours = medians[cell.key]
    variation = spread([found for trial in own if (found := counted(trial, metric.name))])
    return CellSummary(
        cell=cell,
        interval=cell_interval(list(ours.values()), looks=looks) if ours else None,
        valid=len(ours),
        invalid=Counter(trial.reason for trial in own if not trial.valid and trial.reason is not None),
        trial_cv=trial_cv(list(ours.values())) if ours else None,
        between_cv=variation.between_cv,
        within_cv=variation.within_cv,
        may_be_best=cell.key in choice.may_be_best or cell.key in choice.unknown,
        unsteady=sum(_unsteady(trial) for trial in own),
        against_best=choice.against_best.get(cell.key),
    )


def _unsteady(trial: Trial) -> bool:
    return trial.valid and trial.purpose == "time" and trial.state == "unsteady"


def _intervals(
    cells: Sequence[Cell], trials: Sequence[Trial], metric: str, looks: Looks | None
) -> Mapping[str, Interval]:
    medians = {cell.key: medians_by_block(trials, cell.key, metric) for cell in cells}
    return {key: cell_interval(list(found.values()), looks=looks) for key, found in medians.items() if found}


def _memory(cells: Sequence[Cell], trials: Sequence[Trial]) -> dict[str, tuple[Metric, Mapping[str, Interval]]]:
    """Return metric -> (what it is, cell -> bytes) of the valid trials of the memory pass; empty without one.

    One trial a cell has no interval. Of a repeated pass the largest value counts, as for any peak.
    """
    found: dict[str, tuple[Metric, Mapping[str, Interval]]] = {}
    passed = [trial for trial in trials if trial.valid and trial.purpose == "memory"]
    for name, metric in memory.METRICS.items():
        peaks = {
            cell.key: max(values)
            for cell in cells
            if (values := [t.samples[name][0] for t in passed if t.cell == cell.key and t.samples.get(name)])
        }
        if peaks:
            found[name] = metric, {key: Interval(peak, None, None, LEVEL, 1) for key, peak in peaks.items()}
    return found


def _matching(published: Sequence[Published], run: Run, metrics: set[str]) -> tuple[Published, ...]:
    return tuple(
        figure
        for figure in published
        if figure.scenario == run.scenario
        and figure.runtime in ("", run.context.facts.get("device_runtime"))
        and figure.metric in metrics
        and any(matches(figure, cell) for cell in run.cells)
    )


def _warnings(
    run: Run,
    measured: Sequence[Trial],
    metric: Metric,
    summaries: Sequence[CellSummary],
    *,
    choice: Contenders,
    curves: Sequence[Sustained] | None,
) -> tuple[str, ...]:
    names = varying(run.cells)
    found = _injected(run)
    if run.status != "finished":
        found.append(f"The run is {run.status}: planned trials are missing.")
    invalid = sum(1 for trial in measured if not trial.valid)
    if invalid:
        verbs = "is invalid and enters" if invalid == 1 else "are invalid and enter"
        found.append(f"{invalid} of {number_of(len(measured), 'trial')} {verbs} no figure.")
    if curves is not None:
        return (*found, *filter(None, (short_of(curves), _flagged(run, measured))))
    unsteady = sum(_unsteady(trial) for trial in measured)
    if unsteady:
        found.append(
            f"{unsteady} of {number_of(len(measured), 'trial')} never settled and "
            f"{'enters' if unsteady == 1 else 'enter'} no figure: `lab explain {run.id[:13]}`."
        )
    timed = [trial for trial in measured if trial.valid and trial.purpose == "time" and not _unsteady(trial)]
    silent = sum(1 for trial in timed if not counted(trial, metric.name))
    if silent:
        found.append(f"{number_of(silent, 'valid trial')} without a usable value of {metric.name}: left out.")
    if choice.unknown and choice.best is not None:
        unknown = listing([cell_short(s.cell, names) for s in summaries if s.cell.key in choice.unknown])
        found.append(f"Not judged, for fewer than {MIN_TRIALS} valid trials: {unknown}.")
    unchecked = [
        s for s in summaries if any(t.cell == s.cell.key and t.notes.get("golden_checked") == 0 for t in measured)
    ]
    if unchecked:
        which = listing([cell_short(s.cell, names) for s in unchecked])
        found.append(f"Outputs of {which} were counted, not compared: the oracle answered whole prompts only.")
    noisy = [(s, s.trial_cv) for s in summaries if s.trial_cv is not None and s.trial_cv > NOISY_CV]
    if noisy:
        which = listing([cell_short(s.cell, names) for s, _ in noisy])
        least, most = (percent(pick(cv for _, cv in noisy)) for pick in (min, max))
        span = most if least == most else f"{least.removesuffix(' %')} to {most}"
        found.append(f"Noisy: trials of {which} vary by {span}.")
    found += _short_of_target(run, summaries, names)
    flagged = _flagged(run, measured)
    if flagged:
        found.append(flagged)
    edge = None if choice.unknown else _edge(summaries, names, choice.best)
    if edge:
        found.append(edge)
    if kind_of(run) != "emulated":  # its times are not measurements
        found += [f"Suspect: {words}." for words in suspicions(run, measured)]
    return tuple(found)


def _injected(run: Run) -> list[str]:
    """Warn of a slow-down that the lab injected: such figures say nothing about the build."""
    if run.inject is None:
        return []
    return [
        f"INJECTED: a slow-down of {percent(run.inject.slow_down - 1)} was injected into {run.inject.stage}: "
        "this run tests the lab, its figures are not the build's."
    ]


def _short_of_target(run: Run, summaries: Sequence[CellSummary], names: Sequence[str]) -> list[str]:
    """Return which cells a closed loop left less precise than its plan asks for."""
    if run.status != "finished" or run.target is None or not goes_on(run):
        return []
    widths = [
        (s, math.sqrt(s.interval.high / s.interval.low) - 1)
        for s in summaries
        if s.interval is not None and s.interval.low is not None and s.interval.high is not None
    ]
    wide = [(s, width) for s, width in widths if width > run.target]
    if not wide:
        return []
    told = listing([f"{cell_short(s.cell, names)} (±{shares(w, run.target, 1)[0]})" for s, w in wide])
    ended = all(s.valid >= (run.most or 0) for s, _ in wide)
    why = f"after {run.most} trials, plan.most" if ended else "when the time ran out (plan.budget_s)"
    return [f"Less precise than plan.target asks (±{percent(run.target)}): {told}. The run stopped {why}."]


def _flagged(run: Run, measured: Sequence[Trial]) -> str:
    """Return in one line the flags of trials that count, with counts; every trial on a host is ungated."""
    always = {UNGATED} if run.context.facts.get("device_kind") == "host" else set()
    flags = Counter(flag for trial in measured if trial.valid for flag in trial.flags if flag not in always)
    told = [
        f"{count} {flag} ({FLAGS[flag]})" if flag in FLAGS else f"{count} {flag}" for flag, count in flags.items()
    ]
    return (
        f"Of {number_of(sum(trial.valid for trial in measured), 'valid trial')}: {'; '.join(told)}."
        if told
        else ""
    )


def _edge(summaries: Sequence[CellSummary], names: Sequence[str], best: str | None) -> str | None:
    """Return a warning when the best cell is the largest that was tried: the optimum may lie beyond."""
    if len(names) != 1 or len(summaries) < 3 or best is None:
        return None
    values = {s.cell.key: s.cell.parameters.get(names[0]) for s in summaries}
    numbers = {k: v for k, v in values.items() if isinstance(v, int | float) and not isinstance(v, bool)}
    if len(numbers) < len(values) or numbers[best] < max(numbers.values()):
        return None
    name = names[0].replace("_", " ")
    return f"The largest {name} that was tried has the best estimate: the true optimum may lie beyond."
