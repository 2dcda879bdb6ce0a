"""Trials that one side or one cell lost more of than the others, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from device_agents.reasons import InvalidReason
from lab.records import Metric, Missing, Run, Trial
from lab.report.wording import cell_phrase, number_of, varying
from lab.stats.families import FAMILY_LEVEL
from lab.stats.missing import loses_more
from lab.stats.sample import counted

_SLOWED = {
    str(InvalidReason.THROTTLED): "throttled",
    str(InvalidReason.GATE_TIMEOUT): "not ready in time",
    str(InvalidReason.TIMEOUT): "timed out",
}
"""Reasons that are findings about what was measured: it makes the device hot, or does not end."""


def p_words(value: float) -> str:
    """Return a p as ``= .013`` or ``< .001``."""
    return "< .001" if value < 0.001 else f"= {value:.3f}".replace("0.", ".", 1)


def do(count: int) -> str:
    """Return ``does`` for one and ``do`` for any other number."""
    return "does" if count == 1 else "do"


def missing_words(missing: Missing, names: tuple[str, str]) -> str:
    """Return which side of a comparison lost more of its trials, and to what."""
    sides = [(names[0], missing.baseline), (names[1], missing.candidate)]
    (more, ours), (less, others) = sorted(sides, key=lambda side: -side[1].lost / max(1, side[1].trials))
    return (
        f"{ours.lost} of {number_of(ours.trials, 'trial')} of {more} {do(ours.lost)} not count, and "
        f"{others.lost} of {others.trials} of {less}: more than chance explains (Fisher's exact test, p "
        f"{p_words(missing.p)})"
        f"{_to(ours.reasons, more, less)}"
    )


def lost_best(run: Run, trials: Sequence[Trial], metric: Metric, best: str | None) -> str:
    """Return why the best cell of a sweep is not known to be best; empty unless it lost more of its trials.

    More than the other cells, by Fisher's exact test, one-sided at FAMILY_LEVEL.
    """
    timed = [trial for trial in trials if trial.purpose == "time"]
    own = [trial for trial in timed if trial.cell == best]
    others = [trial for trial in timed if trial.cell != best]
    bad = [str(trial.reason or trial.state) for trial in own if not counted(trial, metric.name)]
    lost = sum(not counted(trial, metric.name) for trial in others)
    p = loses_more((len(own) - len(bad), len(bad)), (len(others) - lost, lost))
    if best is None or p > FAMILY_LEVEL:
        return ""
    name = next(cell_phrase(cell, varying(run.cells)) for cell in run.cells if cell.key == best)
    return (
        f"{len(bad)} of {number_of(len(own), 'trial')} of {name} {do(len(bad))} not count, and {lost} of "
        f"{len(others)} of the others: more than chance explains (Fisher's exact test, p {p_words(p)})"
        f"{_to(Counter(bad), 'it', 'the others')}"
    )


def _to(reasons: Mapping[str, int], more: str, less: str) -> str:
    """Return what the trials were lost to; a finding where most of them were throttled or timed out."""
    by_count = sorted(reasons.items(), key=lambda item: -item[1])
    told = ", ".join(f"{count} {_SLOWED.get(reason, reason)}" for reason, count in by_count)
    if 2 * sum(reasons.get(reason, 0) for reason in _SLOWED) > sum(reasons.values()):
        return f"; {more} throttles or times out more often than {less} ({told})"
    return f" ({told})"
