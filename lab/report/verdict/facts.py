"""What a comparison rests on, line by line: its sides, pairs, time, doubts, and the trials that do not count."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from statistics import mean, median

from lab.identifiers import seconds
from lab.records import CHANGED, Comparison, Metric, Run, SelfCheck, Trial
from lab.report.lost import do
from lab.report.selfcheck import quote
from lab.report.verdict.sides import Names
from lab.report.wording import number_of, on_device, plain
from lab.stats.pairs import cost_s, waited_s
from lab.stats.sample import counted

_STATES = {"unsteady": "never settled", "steady": "no figure", "unknown": "no figure"}
"""State of a valid trial that does not count -> why."""


def facts_of(
    comparison: Comparison,
    baseline: tuple[Run, Sequence[Trial]],
    candidate: tuple[Run, Sequence[Trial]],
    names: Names,
    *,
    selfcheck: SelfCheck | None,
) -> list[str]:
    """Return the facts of a comparison; `selfcheck` is its device's newest."""
    (ours, trials_a), (theirs, trials_b) = baseline, candidate
    trials = [*trials_a, *trials_b]
    found = [
        f"Baseline: {_side(comparison, ours, names[0])}",
        f"Candidate: {_side(comparison, theirs, names[1])}",
        "" if comparison.differs else _pairs(comparison, trials),
    ]
    if budget := _short(comparison, trials):
        found.append(f"{budget[0]}: `{again(comparison, ours, theirs)} --budget {budget[1]}`")
    if any(each.verdict in CHANGED and each.pairs < comparison.looks_most for each in comparison.cells):
        found.append(
            "A comparison that stops at a change shows it larger than it is. For a figure to quote: "
            f"`{again(comparison, ours, theirs)} --all-pairs`"
        )
    if comparison.status != "finished":
        found.append(f"{_unfinished(comparison)}: `lab compare --resume {comparison.id[:13]}`")
    if selfcheck is not None and not comparison.differs:
        found.append(quote(selfcheck))
    elif comparison.looks_most and not comparison.differs:
        found.append(
            f"How often verdicts on {comparison.device} are wrong is unknown; to find out: `lab selfcheck "
            f"--device {shlex.quote(comparison.device)}`"
        )
    return [plain(words) for words in found if words]


def invalid_of(
    comparison: Comparison,
    baseline: tuple[Run, Sequence[Trial]],
    candidate: tuple[Run, Sequence[Trial]],
    names: Names,
    *,
    metric: Metric,
    stopped: str,
) -> list[str]:
    """Return why it ended early, how to get a verdict on runs measured apart, and why trials do not count.

    `stopped` is what the comparison says already of an early end, if it does.
    """
    ended = f"It ended early: {' '.join(comparison.failure.splitlines())}"
    apart = f"To get a verdict, measure in turn: `{again(comparison, baseline[0], candidate[0])}`"
    return [
        *([plain(ended)] if comparison.failure and not stopped else []),
        *([] if comparison.looks_most else [plain(apart)]),
        *_invalid(names[0], baseline[1], metric),
        *_invalid(names[1], candidate[1], metric),
    ]


def _pairs(comparison: Comparison, trials: Sequence[Trial]) -> str:
    """Return how many pairs there are, what they took, and when they are judged."""
    count = sum(each.pairs for each in comparison.cells)
    pairs = number_of(count, "valid pair")
    if comparison.looks_most and not count:
        spent = f"{seconds(cost_s(trials))} of device time, of a budget of {seconds(comparison.budget_s)}"
        return f"No valid pair; {spent}. Seed {comparison.seed}"
    if not comparison.looks_most:
        return f"{pairs}, block by block; {seconds(cost_s(trials))} of device time"
    judged = (
        f"once, after {comparison.looks_most} pairs"
        if comparison.looks_first == comparison.looks_most
        else f"after each of its pairs from the {comparison.looks_first}th to the {comparison.looks_most}th; "
        "its interval allows for that many looks"
    )
    whose = "The cell is" if len(comparison.cells) == 1 else "A cell is"
    return (
        f"{pairs}, interleaved; {seconds(cost_s(trials))} of device time, of a budget of "
        f"{seconds(comparison.budget_s)}. {whose} judged {judged}. Seed {comparison.seed}"
    )


def _short(comparison: Comparison, trials: Sequence[Trial]) -> tuple[str, int] | None:
    """Return what all pairs would take, in words and in seconds, where the budget ended before a verdict."""
    open_cells = [
        each for each in comparison.cells if each.verdict == "cannot tell" and each.pairs < comparison.looks_most
    ]
    if comparison.status != "finished" or not open_cells or cost_s(trials) < comparison.budget_s / 2:
        return None
    known = [price for cell in {trial.cell for trial in trials} if (price := _usual_s(comparison, trials, cell))]
    if not known:
        return None
    pair_s = mean(known)
    most = 10 * math.ceil(comparison.looks_most * len(comparison.cells) * pair_s / 10)
    return (
        f"The budget ended before {number_of(len(open_cells), 'verdict')}. A pair takes {seconds(pair_s)} with "
        f"the usual wait (the median), so all {comparison.looks_most} pairs of "
        f"{number_of(len(comparison.cells), 'cell')} take about {seconds(most)}",
        most,
    )


def _usual_s(comparison: Comparison, trials: Sequence[Trial], cell: str) -> float:
    """Return what a pair of a cell takes with the median wait of a trial at its gate; 0 where nothing counts."""
    own = [trial for trial in trials if trial.cell == cell and counted(trial, comparison.metric)]
    return 2 * median(trial.wall_s for trial in own) + 2 * median(waited_s(trial) for trial in own) if own else 0.0


def again(comparison: Comparison, ours: Run, theirs: Run) -> str:
    """Return the command that measures the same comparison anew."""
    builds = [ours.build[:12], theirs.build[:12]]
    options = ["--scenario", comparison.scenario]
    if comparison.dimension in ("build", "runtime"):
        sides = builds
        options += ["--device", comparison.device]
    elif comparison.dimension == "device":
        sides = [ours.device, theirs.device]
        options += ["--build", builds[0]]
    else:
        sides = [ours.cells[0].key, theirs.cells[0].key]
        options += ["--device", comparison.device, "--build", builds[0]]
    if comparison.dimension != "build":
        options += ["--differs", comparison.dimension]
    return shlex.join(["lab", "compare", *sides, *options])


def _unfinished(comparison: Comparison) -> str:
    """Return how a comparison that is not finished stands; the command that resumes it follows."""
    if comparison.status == "running":
        return "The comparison is still being measured; if its lab was killed"
    how = "failed" if comparison.status == "failed" else f"was {comparison.status}"
    return f"The comparison {how}; to measure what is missing"


def _side(comparison: Comparison, run: Run, name: str) -> str:
    build = f"build {run.build_line} ({run.build[:12]})"
    what = f"{on_device(run)}; {build}" if comparison.dimension == "device" else f"{name}, {build}"
    if name == run.build_line:
        what = build
    return f"{what}, run {run.id[:13]}"


def _invalid(name: str, trials: Sequence[Trial], metric: Metric) -> list[str]:
    """Return a line for each reason why trials of a side do not count, with one trial's detail."""
    timed = [trial for trial in trials if trial.purpose == "time"]
    reasons: dict[str, list[Trial]] = {}
    for trial in timed:
        if not counted(trial, metric.name):
            reasons.setdefault(str(trial.reason or _STATES[trial.state]), []).append(trial)
    return [
        plain(
            f"{name}: {len(found)} of {number_of(len(timed), 'trial')} {do(len(found))} not count, {reason}: "
            f"{found[0].detail}".removesuffix(": ")
        )
        for reason, found in sorted(reasons.items())
    ]
