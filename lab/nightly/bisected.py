"""The answer of a bisection in words, and its steps as a table."""

from __future__ import annotations

import shlex

from lab.nightly.bisect import Bisection, Step
from lab.records import BuildAt, Interval
from lab.report.table import Head, Row, Table
from lab.report.verdict.sentence import claim, manner_of, sizes
from lab.report.wording import listing, plain, stated
from lab.trial.metrics import METRICS


def answer_words(found: Bisection) -> list[str]:
    """Return sentences: the build or the range that introduced the change, then what moved and what is open."""
    halving, builds = found.halving, found.asked.builds
    inside = builds[halving.good + 1 : halving.bad + 1]
    if len(inside) == 1:
        first = f"Introduced by {found.bad.name}: {_changed(found, found.bad)}; {_last_good(found)}."
    else:
        first = (
            f"Introduced after {_r(found.good)} and not after {_r(found.bad)}, by one of "
            f"{listing([each.name for each in inside])}: {_changed(found, found.bad)}; {_last_good(found)}."
        )
    said = [first, *(_undecided(found, builds[at]) for at in halving.skipped)]
    if found.stages:
        most, *rest = found.stages
        moved = _claim(found, "the good end", "the bad end", most.metric, most.change)
        also = f"; {listing([METRICS[stage.metric].label for stage in rest])} moved too" if rest else ""
        said.append(f"Most of the time between the ends moved in {METRICS[most.metric].label}: {moved}{also}.")
    if found.short:
        said.append(f"It is not finished: {found.short}; give a larger --budget to go on.")
    return [plain(each) for each in said]


def table_of(found: Bisection) -> Table:
    """Return the steps in the order they were made."""
    against = f"{METRICS[found.asked.metric].label} against {_r(found.asked.builds[0])}"
    heads = (
        Head("build", "whole"),
        Head("outcome", "words"),
        Head(against, "words"),
        Head("comparison", "whole"),
        Head("why", "prose"),
    )
    return Table(heads, tuple(_row(found, step) for step in found.steps))


def commands(found: Bisection, device: str, scenario: str) -> list[str]:
    """Return the commands that show the evidence."""
    good, bad = found.asked.builds[0].id[:12], found.bad.id[:12]
    scenario, device = shlex.quote(scenario), shlex.quote(device)
    step = found.step_of(found.bad)
    ends = step.comparison[:13] if step is not None else "last"
    return [
        f"evidence: `lab show {ends}`",
        f"measure it again: `lab compare {good} {bad} --scenario {scenario} --device {device}`",
        f"for a colleague: `lab bundle {ends}`",
    ]


def _row(found: Bisection, step: Step) -> Row:
    change = ""
    if step.change is not None:
        size, ends = sizes(step.change, manner_of(METRICS[found.asked.metric]))
        change = f"{size} ({ends})" if ends else size
    known = " (known)" if step.known else ""
    why = step.why or ("the bad end" if step.build == found.asked.builds[-1] else "")
    return Row((step.build.name, step.outcome, change, f"{step.comparison[:13]}{known}", why))


def _last_good(found: Bisection) -> str:
    end = found.asked.builds[0]
    if found.good == end:
        return f"{_r(end)} is the good end"
    return f"{_r(found.good)} is as good as {_r(end)}"


def _changed(found: Bisection, build: BuildAt) -> str:
    step = found.step_of(build)
    if step is None or step.change is None:  # a build that the line holds twice
        return f"{_r(build)} is the bad end"
    words = _claim(found, _r(found.asked.builds[0]), _r(build), found.asked.metric, step.change)
    _, ends = sizes(step.change, manner_of(METRICS[found.asked.metric]))
    return f"{words} ({stated(step.change.level)} interval {ends})" if ends else words


def _undecided(found: Bisection, build: BuildAt) -> str:
    step = found.step_of(build)
    why = f": {step.why}" if step is not None else ""
    does_not_run = step is not None and step.outcome == "does not run"
    return f"{_r(build)} {'does not run' if does_not_run else 'cannot be told from either end'}{why}."


def _claim(found: Bisection, base: str, other: str, metric: str, change: Interval) -> str:
    manner = manner_of(METRICS[metric])
    return claim((base, other), METRICS[metric], change.estimate, sizes(change, manner)[0], past=False)


def _r(build: BuildAt) -> str:
    return f"r{build.revision}"
