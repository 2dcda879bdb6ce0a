"""What a self-check still has to measure, and what its record says: counts, rates, and what could not be shown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from lab.errors import NotEnoughData
from lab.records import CHANGED, WORSE, LiveCheck, SelfCheck
from lab.stats.interval import Looks
from lab.stats.resample import LEAST_PAIRS, block_length, rates, smallest_found

SPARE = 1.5
"""How much longer than usual the pairs of one comparison may take: gates, pairs measured anew. A judgement."""


@dataclass(frozen=True)
class Tally:
    """Live comparisons in counts: `false` of `alike` called a change, `found` of `slowed` rightly.

    Counted are those whose verdict stood, or that took all their pairs. One that the time cut short is no
    comparison as users make them: what it would have said with its last pairs is not known.
    """

    alike: int
    false: int
    slowed: int
    found: int


def tally(record: SelfCheck) -> Tally:
    """Count the live verdicts. A slow-down counts as found when it was called worse, not merely changed."""
    judged = [live for live in record.live if not cut_short(record, live)]
    alike = [live.found.verdict for live in judged if live.slow_down == 1]
    slowed = [live.found.verdict for live in judged if live.slow_down != 1]
    false = sum(word in CHANGED for word in alike)
    return Tally(len(alike), false, len(slowed), sum(word in WORSE for word in slowed))


def cut_short(record: SelfCheck, live: LiveCheck) -> bool:
    """Tell whether time ran out before a comparison's verdict stood."""
    return live.found.verdict == "cannot tell" and live.found.pairs < record.looks_most


def whole(record: SelfCheck) -> SelfCheck:
    """Return a record without its last comparison where time cut that short, so that it is measured anew."""
    if not record.live or not cut_short(record, record.live[-1]):
        return record
    last, kept = record.live[-1], replace(record, live=record.live[:-1])
    if last.slow_down != 1:
        return kept
    ratios = record.ratios[: len(record.ratios) - last.found.pairs]
    return replace(kept, ratios=ratios, aa_trials=record.aa_trials - last.trials)


def slow_downs(record: SelfCheck) -> list[float]:
    """Return what is injected into each comparison, in their order: the slowed ones evenly among those alike."""
    alike = [((i + 0.5) / record.wanted, 1.0) for i in range(record.wanted)]
    slow = record.inject.slow_down
    slowed = [((i + 0.5) / record.wanted_injected, slow) for i in range(record.wanted_injected)]
    return [slow_down for _, slow_down in sorted([*alike, *slowed])]


def share_s(record: SelfCheck, left_s: float) -> float | None:
    """Return the seconds that the next comparison may take of those left; None when it would come to nothing.

    As many as all its pairs take: rather fewer comparisons than such as are cut short. What a pair costs is
    taken from those that were measured; after one without any pair the next may take twice the time, if more is
    left than such a one took.
    """
    pairs = sum(live.found.pairs for live in record.live)
    if not pairs:
        fair_s = left_s / (record.wanted + record.wanted_injected - len(record.live))
        took_s = max((live.spent_s for live in record.live), default=0.0)
        return min(left_s, fair_s * 2 ** len(record.live)) if left_s > took_s else None
    pair_s = sum(live.spent_s for live in record.live) / pairs
    if left_s < record.looks_first * pair_s:
        return None
    return min(left_s, record.looks_most * pair_s * SPARE)


def conclude(record: SelfCheck) -> SelfCheck:
    """Return the record with the rates that its A/A pairs give, and in words what could not be shown."""
    looks = Looks(most=record.looks_most, first=record.looks_first)
    missing = _missing(record)
    between_cv = _between_cv(record.ratios)
    try:
        found = rates(record.ratios, looks, seed=record.seed)
        smallest = smallest_found(record.ratios, looks, seed=record.seed)
        length = block_length(len(record.ratios))
    except NotEnoughData:
        return replace(
            record,
            resampled=(),
            smallest_found=None,
            block_pairs=0,
            between_cv=between_cv,
            missing=(
                *missing,
                f"no rates by slow-down and no smallest one that is found: wanted {LEAST_PAIRS} A/A pairs "
                f"({2 * LEAST_PAIRS} trials), found {len(record.ratios)}",
            ),
        )
    return replace(
        record,
        resampled=found,
        smallest_found=smallest,
        block_pairs=length,
        between_cv=between_cv,
        missing=tuple(missing),
    )


def _between_cv(ratios: Sequence[float]) -> float | None:
    """Return the variation between trials of one side, as pairs show it: a log ratio has twice their variance."""
    if len(ratios) < 2:
        return None
    return math.sqrt(math.expm1(float(np.var(np.log(ratios), ddof=1)) / 2))


def _missing(record: SelfCheck) -> list[str]:
    """Say which of the live comparisons are not there, and what all of them would have taken."""
    done = tally(record)
    wanted = record.wanted + record.wanted_injected
    words = [
        f"{have} of {asked} comparisons {what}"
        for have, asked, what in (
            (done.alike, record.wanted, "of the build with itself"),
            (done.slowed, record.wanted_injected, f"with {100 * (record.inject.slow_down - 1):.3g} % injected"),
        )
        if have < asked
    ]
    if not words:
        return []
    measured = " and ".join(words)
    if record.status != "finished":
        return [f"only {measured} were measured: the self-check was {record.status}"]
    said = f"only {measured} were judged within {record.budget_s:.0f} s: "
    pairs = sum(live.found.pairs for live in record.live)
    if not pairs:
        return [f"{said}no pair was valid. Give it more time, or ask `lab explain` why trials do not count"]
    pair_s = sum(live.spent_s for live in record.live) / pairs
    needed = 60 * math.ceil(record.looks_most * pair_s * wanted / 60)
    return [
        f"{said}a pair took {pair_s:.0f} s, waiting at gates included; all of them take {needed} s at most "
        f"(--budget {needed})"
    ]
