"""Advice on a run: the two or three things that would help most, each with its reason."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from statistics import median

from device_agents.reasons import InvalidReason
from lab.records import BUSY, Metric, Run
from lab.records.explanation import Evidence, Sources
from lab.report.answer.view import NOISY_CV
from lab.report.explain.variance import Split
from lab.report.reasons import reason_words
from lab.report.wording import number_of, plain
from lab.scenario.known import SCENARIOS
from lab.stats.sample import counted
from lab.stats.steady import SHORTEST

MOST = 3
"""How many pieces of advice are given: nobody reads more."""

INVALID = 3.0
"""An invalid trial weighs as much as this many that are only disturbed: a judgement."""


def advice(
    run: Run, kept: Sequence[Evidence], found: Sources, metric: Metric, split: Split | None
) -> tuple[str, ...]:
    """Return what to do, starting with what concerns most trials; one line where nothing is wrong."""
    unsettled = any(one.trial.valid and one.trial.state == "unsteady" for one in kept)
    steps = [  # more iterations are advised once, for the strongest of the reasons to have them
        *_invalid(kept),
        *_unfinished(run, kept),
        *_unsteady(kept),
        *_busy(kept),
        *_noise(found, None if unsettled or _short(kept, metric) else split, len(kept)),
    ]
    ordered = [step for _, step in sorted(steps, key=lambda pair: -pair[0])]
    ordered += [] if len(ordered) >= MOST else list(_blind(run, kept, () if unsettled else _short(kept, metric)))
    fine = "Nothing: the trials are as they should be." if kept else "Measure it again: it has no trial."
    return tuple(ordered[:MOST]) or (fine,)


def _invalid(kept: Sequence[Evidence]) -> Iterator[tuple[float, str]]:
    reasons = Counter(one.trial.reason for one in kept if not one.trial.valid)
    of = number_of(len(kept), "trial")
    for reason, count in reasons.most_common(2):
        yield INVALID * count, f"{reason or 'invalid'} ({count} of {of}). {reason_words(reason).do}"


def _unfinished(run: Run, kept: Sequence[Evidence]) -> Iterator[tuple[float, str]]:
    if run.status == "finished":
        return
    whole = run.comparison  # a side is resumed together with the other one
    resume = f"lab run --resume {run.id[:13]}" if whole is None else f"lab compare --resume {whole[:13]}"
    if run.status == "running":
        yield (
            len(kept),
            "The run is still being measured: ask again when it has ended. If its lab was killed, "
            f"`{resume}` resumes it.",
        )
        return
    how = "failed" if run.status == "failed" else f"is {run.status}"
    yield len(kept), f"The run {how}: `{resume}` measures the missing trials."


def _unsteady(kept: Sequence[Evidence]) -> Iterator[tuple[float, str]]:
    timed = [one.trial for one in kept if one.trial.purpose == "time"]
    count = sum(trial.valid and trial.state == "unsteady" for trial in timed)
    if count:
        yield (
            count,
            f"{count} of {number_of(len(timed), 'trial')} never settled: give them more iterations "
            "(plan.iterations) or more "
            "warm-up; where heat is the cause, use the scenario `sustained` instead.",
        )


def _busy(kept: Sequence[Evidence]) -> Iterator[tuple[float, str]]:
    busy = [one for one in kept if BUSY in one.trial.flags]
    starved = sum(one.trial.reason is InvalidReason.STARVED for one in busy)
    if len(busy) > starved:  # the advice on starved trials is the same
        used = [one.doing.others_cores for one in busy if one.doing.others_cores is not None]
        cores = f" (during these others used {median(used):.1f} cores, the median)" if used else ""
        lost = f", {starved} of them starved" if starved else ""
        yield (
            len(busy),
            f"{len(busy)} of {number_of(len(kept), 'trial')} began on a busy device{lost}{cores}: stop what else "
            "runs there and measure again.",
        )


def _noise(found: Sources, split: Split | None, trials: int) -> Iterator[tuple[float, str]]:
    claimed = {link.name for link in found.links if link.claimed}
    if "start temperature" in claimed:
        yield (
            trials,
            "Figures vary with the temperature at which trials begin: let the gate wait for a cooler device "
            "(gates.skin_above_idle_most, gates.wait_s).",
        )
    if "others' CPU" in claimed:
        yield (
            trials,
            "Figures vary with other load on the device's cores: stop it, or lower gates.busy_per_core_most.",
        )
    if claimed == {"time"}:
        yield (
            trials / 2,
            "Figures drift with time; no link with temperature or load was found. Cells are still compared "
            "fairly, block by block, but a single figure holds for this hour only.",
        )
    if found.between_cv is None:
        return
    if found.between_cv > NOISY_CV and not claimed:
        yield (
            0,
            "Trials vary by more than 5 % and no cause was found in what was watched: look for what differs "
            "between processes (placement, memory, background work) before you add trials.",
        )
    elif split is not None and split.lacking and (found.within_cv or 0.0) > NOISY_CV:
        yield (
            0,
            "Most of the variance lies within trials: more iterations (plan.iterations) steady their medians.",
        )


def _short(kept: Sequence[Evidence], metric: Metric) -> list[Evidence]:
    """Return the trials with too few iterations to show whether they settled, if they are most of them."""
    unknown = [one for one in kept if one.trial.state == "unknown" and counted(one.trial, metric.name)]
    few = [one for one in unknown if one.warmups + len(one.trial.samples[metric.name]) < SHORTEST]
    return few if 2 * len(few) > len(kept) else []


def _blind(run: Run, kept: Sequence[Evidence], few: Sequence[Evidence]) -> Iterator[str]:
    """Yield advice on what the lab could not see, for when nothing worse is left."""
    if few:
        yield (
            f"Whether trials had settled is unknown: that takes at least {SHORTEST} iterations, warm-up included "
            f"({_more_iterations(run, max(1, SHORTEST - max(one.warmups for one in few)))})."
        )
    gone = sum("sensor_gone" in one.trial.flags for one in kept)
    if gone:
        yield (
            f"{gone} of {number_of(len(kept), 'trial')} began without a reading of a sensor that usually gives "
            f"one; `lab probe {shlex.quote(run.device)}` shows whether it does now, or why not."
        )
    dark = sum("ungated" in one.trial.flags for one in kept)
    if dark and run.context.facts.get("device_kind") != "host":  # a host is never left to cool
        yield (
            f"{dark} of {number_of(len(kept), 'trial')} began at an unknown temperature: "
            f"`lab probe {shlex.quote(run.device)}` shows which sensors the device lets the lab read."
        )


def _more_iterations(run: Run, count: int) -> str:
    """Return the command that measures this scenario, and nothing else, with so many iterations; or the key."""
    if run.comparison is not None or run.scenario not in {path.stem for path in SCENARIOS.glob("*.toml")}:
        return f"plan.iterations = {count} in its scenario"
    words = ["lab run", run.scenario, f"--iterations {count}"]
    words += [f"--build {shlex.quote(run.build_line)}"] if run.build_line else []
    words += [f"--device {shlex.quote(run.device)}"] if run.context.facts.get("device_kind") != "host" else []
    return plain(f"`{' '.join(words)}`")
