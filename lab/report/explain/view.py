"""The explanation of a run: why trials counted or not, the device, the sources of variance, what to do next.

Pure: from a run and the evidence of its trials to words and numbers; `terminal` and `page` draw them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from datetime import datetime

import numpy as np

from device_agents.contract import InvalidReason
from lab.records import ACCEPTANCE, BUSY, Metric, Run, Trial
from lab.records.explanation import Evidence, Explanation, Group, Line, Standing
from lab.report.explain.advice import advice
from lab.report.explain.device import care_words, device_words, doing_words, energy_words
from lab.report.explain.variance import split_of, variance_words
from lab.report.reasons import FLAGS, reason_words
from lab.report.wording import cell_phrase, listing, number_of, percent, plain, stated, varying
from lab.stats.sample import counted, spoilt, trial_median, undisturbed, value_of
from lab.stats.steady import SHORTEST
from lab.stats.variance import ENOUGH, TIME, Point, sources

FAR = 5.0
"""A trial this many robust standard deviations from its cell's others gets a remark (as `stats.steady` clips)."""

FAR_LEAST = 0.05
"""And at least this far: a judgement; smaller differences are within the largest tolerance of a verdict."""

FAR_TRIALS = 8
"""With fewer trials nothing is called far: a judgement; a robust spread of fewer is a guess."""

EXAMPLES = 3
"""How many trials of a group are shown in full; of the others only the numbers."""


def explain(run: Run, kept: Sequence[Evidence], metric: Metric) -> Explanation:
    """Return the explanation of a run by its headline metric; `kept` is the evidence of its trials in order."""
    relative = _relative(run, [one.trial for one in kept], metric)
    shared = Counter(flag for one in kept for flag in one.trial.flags)
    common = {flag for flag, count in shared.items() if flag == "ungated" or 2 * count > len(kept)}
    if run.suite == ACCEPTANCE:
        common.discard(BUSY)  # it decides here which tries are used, so each says it
    began_s, far = min((_seconds(one.trial) for one in kept), default=0.0), _far(relative)
    lines = tuple(
        _line(run, one, relative, metric=metric, common=common, began_s=began_s, far=one.trial.number in far)
        for one in kept
    )
    found = sources([point for one in kept if (point := _point(one, began_s, metric)) is not None])
    split = split_of(kept, found, metric)
    hint = f" (of {trials_of(found.trials)}: a hint at most)" if 0 < found.trials < ENOUGH else ""
    return Explanation(
        run=run,
        metric=metric,
        summary=_summary(run, lines, sum(bool(undisturbed(one.trial, metric.name)) for one in kept)),
        common=tuple(f"{shared[flag]} of {trials_of(len(kept))}: {_flag(flag)}" for flag in sorted(common)),
        lines=lines,
        groups=_groups(lines),
        device=(*device_words(kept), *energy_words(kept), *care_words(run)),
        sources=found,
        variance_title=f"Where the variance comes from{hint}",
        variance=variance_words(found, split),
        advice=advice(run, kept, found, metric, split),
    )


def numbers_of(numbers: Sequence[int]) -> str:
    """Return ``1-4, 6, 9-12`` for sorted numbers."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][-1] + 1:
            parts[-1].append(number)
        else:
            parts.append([number])
    return ", ".join(str(part[0]) if len(part) == 1 else f"{part[0]}-{part[-1]}" for part in parts)


def trials_of(count: int) -> str:
    """Return a number of trials with its noun."""
    return number_of(count, "trial")


def _flag(flag: str) -> str:
    return FLAGS.get(flag, f"flagged {plain(flag)}")


def _line(
    run: Run,
    one: Evidence,
    relative: dict[int, float],
    *,
    metric: Metric,
    common: set[str],
    began_s: float,
    far: bool,
) -> Line:
    trial = one.trial
    standing = _standing(trial)
    remarks = [_flag(flag) for flag in trial.flags if flag not in common]
    if run.suite == ACCEPTANCE and standing == "counts" and spoilt(trial):
        remarks.append("so it is not used for acceptance")
    if (one.doing.cooling or one.doing.status) and trial.reason is not InvalidReason.THROTTLED:
        remarks.append("throttled")
    share = relative.get(trial.number)
    if standing == "counts" and share is not None and far:
        remarks.append(f"{percent(abs(share - 1))} {_slower(share, metric)} than its cell's mean")
    remarks += one.doing.oddities
    return Line(
        number=trial.number,
        cell=_cell(run, trial.cell),
        when=trial.started_utc[11:19],
        at_s=_seconds(trial) - began_s,
        standing=standing,
        reason=f"{trial.reason}: {reason_words(trial.reason).means}" if standing == "invalid" else "",
        detail=plain(trial.detail),
        state=state_words(one, metric),
        remarks=tuple(remarks),
        device=doing_words(one),
        value=value_of(trial, metric.name),
        relative=share,
        evidence=one,
    )


def state_words(one: Evidence, metric: Metric) -> str:
    """Return from which measured iteration on a trial was steady, or why not; warm-up iterations count too."""
    trial = one.trial
    measured = len(trial.samples.get(metric.name, ()))
    if trial.state == "steady":
        return f"steady from iteration {trial.first_steady + 1} of {measured}" if trial.first_steady else "steady"
    count = one.warmups + measured
    if trial.state == "unsteady":
        return f"never settled in {number_of(count, 'iteration')}"
    if count < SHORTEST:
        return f"steadiness unknown: {count} of the {SHORTEST} iterations needed"
    return f"steadiness unknown after {number_of(count, 'iteration')}"


def _standing(trial: Trial) -> Standing:
    if not trial.valid:
        return "invalid"
    if trial.purpose == "memory":
        return "memory"
    return "unsteady" if trial.state == "unsteady" else "counts"


def _cell(run: Run, key: str) -> str:
    if len(run.cells) < 2:
        return ""
    cell = next((cell for cell in run.cells if cell.key == key), None)
    return plain(key) if cell is None else cell_phrase(cell, varying(run.cells))


def _seconds(trial: Trial) -> float:
    try:
        return datetime.fromisoformat(trial.started_utc.replace("Z", "+00:00")).timestamp()
    except (ValueError, OverflowError):
        return 0.0


def _relative(run: Run, trials: Sequence[Trial], metric: Metric) -> dict[int, float]:
    """Return number -> median over the geometric mean of the cell's trials that count; invalid trials included."""
    found: dict[int, float] = {}
    for cell in run.cells:
        own = [trial for trial in trials if trial.cell == cell.key and trial.purpose == "time"]
        logs = [math.log(trial_median(kept)) for trial in own if (kept := counted(trial, metric.name))]
        if not logs:
            continue
        centre = math.exp(sum(logs) / len(logs))
        for trial in own:
            value = value_of(trial, metric.name)
            if value is not None:
                found[trial.number] = value / centre
    return found


def _far(relative: dict[int, float]) -> set[int]:
    """Return the numbers of the trials that lie far from the others of their cells."""
    logs = np.log(list(relative.values()))
    if logs.size < FAR_TRIALS:
        return set()
    centre = float(np.median(logs))
    reach = max(FAR * 1.4826 * float(np.median(np.abs(logs - centre))), math.log1p(FAR_LEAST))
    return {number for number, log in zip(relative, logs, strict=True) if abs(log - centre) > reach}


def _slower(share: float, metric: Metric) -> str:
    if metric.unit != "s" and not metric.unit.endswith("/s"):
        return "more" if share > 1 else "less"
    return "slower" if (share > 1) == (metric.better == "lower") else "faster"


def _point(one: Evidence, began_s: float, metric: Metric) -> Point | None:
    samples = counted(one.trial, metric.name)
    if not samples:
        return None
    begun = one.doing.skin or one.doing.soc or one.doing.battery
    known = {
        TIME: _seconds(one.trial) - began_s,
        "start temperature": begun[0] if begun else math.nan,
        "others' CPU": math.nan if one.doing.others_cores is None else one.doing.others_cores,
    }
    return Point(one.trial.cell, one.trial.block, samples, {k: v for k, v in known.items() if math.isfinite(v)})


def _summary(run: Run, lines: Sequence[Line], used: int) -> str:
    """Return the trials by their standing; `used` of a reference run can be used to accept its device."""
    counts = Counter(line.standing for line in lines)
    words = [{0: "none counts", 1: "1 counts"}.get(counts["counts"], f"{counts['counts']} count")]
    if counts["invalid"]:
        words.append(f"{counts['invalid']} invalid")
    if counts["unsteady"]:
        words.append(f"{counts['unsteady']} never settled")
    if counts["memory"]:
        words.append(f"{counts['memory']} of the memory pass")
    text = f"{trials_of(len(lines))}: {listing(words)}." if lines else "No trial."
    if run.suite == ACCEPTANCE and lines:
        text += f" {used or 'None'} can be used for acceptance: a try that began on a busy device is not."
    if run.inject is not None:
        text += (
            f" A slow-down of {stated(run.inject.slow_down - 1)} was injected into {plain(run.inject.stage)}: "
            "this run tests the lab, its figures are not the build's."
        )
    ended = {"finished": "", "failed": " The run failed."}
    return text + ended.get(run.status, f" The run is {run.status}.")


def _groups(lines: Sequence[Line]) -> tuple[Group, ...]:
    """Group the trials: those that do not count by reason, then those with a remark, then those that are fine."""

    def group(title: str, chosen: Sequence[Line], *, good: bool, examples: int = EXAMPLES) -> list[Group]:
        return [_group(title, chosen, len(lines), good=good, examples=examples)] if chosen else []

    by: dict[str, list[Line]] = {}
    for line in lines:
        fine = line.standing == "counts" and not line.remarks
        by.setdefault("fine" if fine else line.standing, []).append(line)
    bad = by.get("invalid", [])
    groups = group("never settled, so no iteration counts", by.get("unsteady", []), good=False)
    for reason, _ in Counter(line.reason for line in bad).most_common():
        groups += group(f"invalid, {reason}", [line for line in bad if line.reason == reason], good=False)
    groups += group(_fine(by.get("fine", [])), by.get("fine", []), good=True, examples=0)
    groups += group("count, with a remark", by.get("counts", []), good=True)
    groups += group("memory pass, never timed", by.get("memory", []), good=True, examples=0)
    return tuple(groups)


def _fine(lines: Sequence[Line]) -> str:
    states = Counter("steady from" if line.state.startswith("steady from") else line.state for line in lines)
    same = next(iter(states), "")
    words = [same if same.startswith("steadiness unknown") else f"all {same}"] if len(states) == 1 else []
    if not words or words == ["all steady from"]:
        late = [line.evidence.trial.first_steady for line in lines if line.evidence.trial.first_steady]
        words = [f"{count} {state}" for state, count in states.items() if state != "steady from"]
        words += [f"{len(late)} steady from iteration {min(late) + 1} to {max(late) + 1}"] if late else []
    return f"fine ({listing(words)})"


def _group(title: str, lines: Sequence[Line], of: int, *, good: bool, examples: int) -> Group:
    numbers = [line.number for line in lines]
    heading = f"Trials {numbers_of(numbers)} ({len(numbers)} of {of}): {title}"
    if len(numbers) == 1:
        heading = f"Trial {numbers[0]}: {title.replace('count,', 'counts,')}"
    return Group(plain(heading), tuple(lines[:examples]), numbers_of(numbers[examples:]), good)
