"""The arithmetic of a self-check's record: what is still to be measured, and its counts, rates and gaps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import mean, median

import numpy as np

from lab.errors import NotEnoughData
from lab.identifiers import seconds
from lab.records import CHANGED, WORSE, LiveCheck, SelfCheck
from lab.records.telling import stated
from lab.stats.interval import Looks
from lab.stats.resample import LEAST_PAIRS, block_length, rates, smallest_found

SPARE = 1.5
"""How much longer than usual the pairs of one comparison may take: gates, pairs retried. A judgement."""


@dataclass(frozen=True)
class Tally:
    """Counts of live comparisons: `false` of the `alike` ones called a change, `found` of the `slowed` ones.

    Comparisons count when their verdict stood or when they took all their pairs. One that ran out of time is left
    out: what it would have said with its remaining pairs is unknown.
    """

    alike: int
    false: int
    slowed: int
    found: int


def tally(record: SelfCheck) -> Tally:
    """Return the counts of live verdicts. A slow-down is found when it was called worse, not merely changed."""
    judged = [live for live in record.live if not cut_short(record, live)]
    alike = [live.found.verdict for live in judged if live.slow_down == 1]
    slowed = [live.found.verdict for live in judged if live.slow_down != 1]
    false = sum(word in CHANGED for word in alike)
    return Tally(len(alike), false, len(slowed), sum(word in WORSE for word in slowed))


def cut_short(record: SelfCheck, live: LiveCheck) -> bool:
    """Return whether time ran out before a comparison's verdict stood."""
    return live.found.verdict == "cannot tell" and live.found.pairs < record.looks_most


def whole(record: SelfCheck) -> SelfCheck:
    """Return a record without its last comparison if time cut that short, so that it is measured again."""
    if not record.live or not cut_short(record, record.live[-1]):
        return record
    last, kept = record.live[-1], replace(record, live=record.live[:-1])
    if last.slow_down != 1:
        return kept
    known = len(record.ratios) - last.found.pairs
    ratios, firsts = record.ratios[:known], record.firsts[:known]
    return replace(kept, ratios=ratios, firsts=firsts, aa_trials=record.aa_trials - last.trials)


def slow_downs(record: SelfCheck) -> list[float]:
    """Return the slow-down of each comparison in order, 1 for none: the slowed ones are spread evenly."""
    alike = [((i + 0.5) / record.wanted, 1.0) for i in range(record.wanted)]
    slow = record.inject.slow_down
    slowed = [((i + 0.5) / record.wanted_injected, slow) for i in range(record.wanted_injected)]
    return [slow_down for _, slow_down in sorted([*alike, *slowed])]


def share_s(record: SelfCheck, left_s: float) -> float | None:
    """Return how many of the seconds left the next comparison may take; None when they are too few.

    It is begun while it may reach its first look, at the price of a pair without waits: those pass. It may take as
    long as all its pairs need with such waits as there were: fewer whole comparisons are better than more that are
    cut short. After a comparison without a single pair the next may take twice the time, if more is left than such
    a comparison took.
    """
    pair_s = price_of_pair(record)
    if not pair_s:
        fair_s = left_s / (record.wanted + record.wanted_injected - len(record.live))
        took_s = max((live.spent_s for live in record.live), default=0.0)
        return min(left_s, fair_s * 2 ** len(record.live)) if left_s > took_s else None
    if left_s < record.looks_first * pair_s:
        return None
    return min(left_s, _longest_s(record, pair_s) * SPARE)


def price_of_pair(record: SelfCheck) -> float:
    """Return what a pair takes without waiting, the median of the comparisons; 0 without a valid pair.

    In records of older labs, which did not tell waits apart, it is the mean with them.
    """
    pairs = sum(live.found.pairs for live in record.live)
    if not pairs:
        return 0.0
    known = [live.pair_s for live in record.live if live.pair_s]
    return median(known) if known else sum(live.spent_s for live in record.live) / pairs


def budget_for_all(record: SelfCheck) -> int:
    """Return about how many seconds all comparisons asked for take, in whole minutes; 0 if unknown."""
    wanted = record.wanted + record.wanted_injected
    pair_s = price_of_pair(record)
    return 60 * math.ceil(_longest_s(record, pair_s) * wanted / 60) if pair_s else 0


def _longest_s(record: SelfCheck, pair_s: float) -> float:
    """Return how long a comparison with all its pairs takes, with as much waiting as one had on average.

    A run waits for other programs up to a limit, so waiting does not grow with its pairs.
    """
    waits = [max(0.0, live.spent_s - live.found.pairs * pair_s) for live in record.live]
    return record.looks_most * pair_s + mean(waits)


def conclude(record: SelfCheck) -> SelfCheck:
    """Return the record with the rates that its A/A pairs give, and with what is missing, in words."""
    looks = Looks(most=record.looks_most, first=record.looks_first)
    missing = _missing(record)
    between_cv = _between_cv(record.ratios)
    firsts = record.firsts if len(record.firsts) == len(record.ratios) else None  # begun by an older lab
    try:
        found = rates(record.ratios, firsts, looks, seed=record.seed)
        smallest = smallest_found(record.ratios, firsts, looks, seed=record.seed)
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
                f"no rates by slow-down and no smallest slow-down that is found: wanted {LEAST_PAIRS} A/A pairs "
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
    """Return the variation between trials of one side; the log ratio of a pair has twice their variance."""
    if len(ratios) < 2:
        return None
    return math.sqrt(math.expm1(float(np.var(np.log(ratios), ddof=1)) / 2))


def _missing(record: SelfCheck) -> list[str]:
    """Return which live comparisons are missing, and how long all of them would have taken."""
    done = tally(record)
    kinds = (
        (done.alike, record.wanted, "of the build with itself"),
        (done.slowed, record.wanted_injected, f"with {stated(record.inject.slow_down - 1)} injected"),
    )
    words = [
        f"{have or 'none'} of {asked} comparison{'s'[: asked != 1]} {what}"
        for have, asked, what in kinds
        if have < asked
    ]
    if not words:
        return []
    judged = " and ".join(words)
    if record.status != "finished":
        how = "failed" if record.status == "failed" else f"was {record.status}"
        return [f"judged before the self-check {how}: {judged}"]
    said = f"judged within {seconds(record.budget_s)}: {judged}"
    pair_s, needed = price_of_pair(record), budget_for_all(record)
    if not pair_s:
        ids = [live.comparison[:13] for live in record.live[-1:]]
        ask = f"; `lab explain {ids[0]}` says why trials do not count" if ids else ""
        return [f"{said}. No pair was valid{load_words(record)}{ask}"]
    return [
        f"{said}. A pair took {seconds(pair_s)} without waiting; with such waits all comparisons need about "
        f"{needed} s (--budget {needed}){load_words(record)}"
    ]


def load_words(record: SelfCheck) -> str:
    """Return what other programs spoilt, and what to do about it, to follow a sentence; empty if they did not."""
    spoilt = sum(live.spoilt for live in record.live)
    if not spoilt:
        return ""
    trials = f"{spoilt} trial{'s'[: spoilt != 1]}"
    more = "" if price_of_pair(record) else ", since more time alone does not help"
    return f": other programs kept the device's cores busy in {trials}; stop what else runs on it{more}"
