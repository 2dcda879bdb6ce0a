"""The standing of a comparison, cell by cell, and the pair that comes next. Pure: no I/O."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from statistics import mean, median

import numpy as np

from lab.compare.comparable import unplaced
from lab.records import Cell, CellVerdict, Comparison, Lost, Missing, Trial
from lab.run.runner import LEAST_S, PASSING, TRIES
from lab.stats.compare import Judgement, judge
from lab.stats.families import NIGHT_FAMILY, settled
from lab.stats.findable import smallest_found
from lab.stats.interval import Looks
from lab.stats.missing import Counts, believed, lopsided
from lab.stats.pairs import cost_s, firsts_by_block, ratios_by_block
from lab.stats.plan import Budget, NextPair, Side, next_pair
from lab.stats.sample import Medians, counted, medians_by_block
from lab.stats.sequential import centre_of, p_value
from lab.stats.serial import p_serial
from lab.trial.metrics import METRICS

HOPELESS = 3
"""A cell is given up after this many trials of a side of which none counts; as health.PATIENCE."""

WITHIN_S = 1800.0
"""How long after its first side an interrupted pair may get its second: as long as a gate may hold that back.
Later the pair is started again, because whatever changed meanwhile would be in its ratio."""

_LEFT_OUT = NextPair(None, "budget spent", "left out: the budget is too small for a verdict on every cell")

Trials = Mapping[Side, Sequence[Trial]]
"""The trials of both runs; block n of a cell is its pair n."""

CellPair = tuple[Cell, Cell]
"""A cell of the baseline, and its counterpart of the candidate."""


@dataclass(frozen=True)
class Turn:
    """The next thing to measure: pair `block` of a cell, and its missing sides in order."""

    index: int
    block: int
    sides: tuple[Side, ...]


@dataclass(frozen=True)
class Standing:
    """The standing of a cell: its valid pairs by block, pairs begun, and what the plan says.

    `pair_s` is what one takes without waiting. `firsts` says of each valid pair whether the candidate came first;
    `lost` counts the trials of both sides. `p` is the p-value of "nothing changed"; `lacking` is the missing side
    of an interrupted pair, whose other side began at `cut_utc`; `given_up` says why no more pairs are tried, and
    `unplaced` why they cannot be compared.
    """

    cells: CellPair
    ratios: Mapping[int, float]
    firsts: Mapping[int, bool]
    lost: tuple[Lost, Lost]
    judgement: Judgement
    p: float
    tried: int
    pair_s: float
    lacking: Side | None
    cut_utc: str
    given_up: str
    plan: NextPair
    unplaced: str = ""


def standings(comparison: Comparison, cells: Sequence[CellPair], trials: Trials) -> list[Standing]:
    """Return the standing of every cell, and what each measures next with its part of the budget.

    First every unsettled cell gets to its first look. Where the budget is too small for that, cells are left out,
    those with the fewest pairs first (the later of equals), so that the others are judged. What the others leave
    is spent on the cells left out: a ratio without an interval says more than time that nobody used.
    """
    family = max(len(cells), NIGHT_FAMILY if comparison.night else 1)
    found = [_standing(comparison, pair, trials, family) for pair in cells]
    known = [each.pair_s for each in found if each.pair_s]
    usual_s = max(mean(known), LEAST_S) if known else LEAST_S
    found = [replace(each, pair_s=each.pair_s or usual_s) for each in found]
    left_s = left_of(comparison, trials)
    open_s = {
        index: max(0, comparison.looks_first - len(each.ratios)) * each.pair_s
        for index, each in enumerate(found)
        if not (each.judgement.settled or each.given_up)
    }
    wanted_s = dict(open_s)
    while sum(wanted_s.values()) > left_s * (1 + 1e-9):
        del wanted_s[min(wanted_s, key=lambda index: (len(found[index].ratios), -index))]
    spare_s = left_s - sum(wanted_s.values())
    planned = [
        replace(each, plan=_LEFT_OUT)
        if index in open_s and index not in wanted_s
        else replace(each, plan=_plan(comparison, each, index, spare_s + wanted_s.get(index, 0.0)))
        for index, each in enumerate(found)
    ]
    if any(each.plan.order for each in planned):
        return planned
    return [replace(each, plan=_plan(comparison, each, index, left_s)) for index, each in enumerate(found)]


def left_of(comparison: Comparison, trials: Trials) -> float:
    """Return the device-seconds that a comparison has left; it has spent those of trials and of their waits."""
    return Budget(comparison.budget_s, sum(map(cost_s, trials.values()))).left_s


def next_look_s(comparison: Comparison, found: Sequence[Standing], left_s: float) -> float | None:
    """Return about how many device-seconds pass until a cell is looked at next; None if that exceeds `left_s`.

    Cells get their pairs in turn, at their prices without waits; a cell is looked at from its first look on.
    """
    going = [each for each in found if each.plan.order]
    if not going:
        return None
    missing = [max(1, comparison.looks_first - len(each.ratios)) for each in going]
    soonest = min(missing)
    last_s = min(each.pair_s for each, pairs in zip(going, missing, strict=True) if pairs == soonest)
    look_s = (soonest - 1) * sum(each.pair_s for each in going) + last_s
    return look_s if look_s <= left_s * (1 + 1e-9) else None


def price_s(metric: str, own: Trials) -> float:
    """Return what a pair of a cell takes without waiting: twice the mean of the sides' medians; 0 without a trial.

    Waits pass: after one slow start at a gate the next may open at once. A trial that died early counts only where
    no other is known.
    """
    valid = {side: [trial.wall_s for trial in found if counted(trial, metric)] for side, found in own.items()}
    known = [valid[side] or [trial.wall_s for trial in found] for side, found in own.items() if found]
    return 2 * mean(map(median, known)) if known else 0.0


def next_turn(comparison: Comparison, found: Sequence[Standing], now_utc: str) -> Turn | None:
    """Return what comes next: a pair interrupted recently, else one of the cell with the fewest; None at the end.

    Between cells with equally many pairs the seed decides, so a resumed comparison takes the same order.
    """
    for index, each in enumerate(found):
        if each.lacking is not None and not long_ago([each.cut_utc], now_utc):
            return Turn(index, each.tried - 1, (each.lacking,))
    going = {index: each.plan.order for index, each in enumerate(found) if each.plan.order}
    if not going:
        return None
    fewest = min(found[index].tried for index in going)
    index = random.Random(f"{comparison.seed}/cells/{fewest}").choice(
        [index for index in going if found[index].tried == fewest]
    )
    return Turn(index, fewest, going[index])


def long_ago(begun_utc: Iterable[str], now_utc: str) -> bool:
    """Return whether all of these trials began too long ago for a pair with one that begins now; True if none."""
    now = datetime.fromisoformat(now_utc)
    ages_s = [(now - datetime.fromisoformat(utc)).total_seconds() for utc in begun_utc]
    return not any(abs(age_s) <= WITHIN_S for age_s in ages_s)


def verdicts_of(
    comparison: Comparison, found: Sequence[Standing], *, goes_on: bool = True
) -> tuple[CellVerdict, ...]:
    """Return the verdict on every cell as it stands; `goes_on` is False where nothing follows, whatever is left.

    Where the sides lost different shares of their trials, tested as one family over the cells, the verdict is
    what may still be believed (`lab.stats.missing`). That decides nothing about when to stop, so the one test that
    counts is the one at the end.
    """
    sides = {each.cells[0].key: each.lost for each in found}
    differ = lopsided({key: (_counts(ours), _counts(theirs)) for key, (ours, theirs) in sides.items()})
    return tuple(_verdict(comparison, each, differ.get(each.cells[0].key), goes_on=goes_on) for each in found)


def _verdict(comparison: Comparison, each: Standing, missing_p: float | None, *, goes_on: bool) -> CellVerdict:
    if each.unplaced:
        return CellVerdict(each.cells[0].key, "incomparable", None, None, 1.0, 0, each.unplaced)
    ratios, firsts, looks = list(each.ratios.values()), list(each.firsts.values()), looks_of(comparison)
    centre = centre_of(np.log(ratios), firsts) if len(ratios) >= looks.first else None
    verdict, (ours, theirs) = each.judgement.verdict, each.lost
    why = each.plan.why if goes_on else each.plan.why.replace("more pairs follow", "no more pairs followed")
    return CellVerdict(
        cell=each.cells[0].key,
        verdict=verdict if missing_p is None else believed(verdict, _counts(ours), _counts(theirs)),
        change=each.judgement.change,
        smallest_found=None if centre is None else smallest_found(centre.spread, centre.freedom, looks),
        p=each.p,
        pairs=len(ratios),
        why=why if missing_p is None else f"of the trials that count: {verdict}; {why}",
        missing=None if missing_p is None else Missing(ours, theirs, missing_p),
        serial_p=1.0 if centre is None else p_serial(ratios, firsts),
    )


def _counts(side: Lost) -> Counts:
    return side.trials - side.lost, side.lost


def looks_of(comparison: Comparison) -> Looks:
    """Return the interim looks that were fixed before the first pair."""
    return Looks(comparison.looks_most, comparison.looks_first)


def _standing(comparison: Comparison, cells: CellPair, trials: Trials, family: int) -> Standing:
    ours, theirs = _medians(comparison.metric, cells, trials)
    better = METRICS[comparison.metric].better
    keys: dict[Side, str] = {"baseline": cells[0].key, "candidate": cells[1].key}
    own = {side: [trial for trial in trials[side] if trial.cell == key] for side, key in keys.items()}
    tried = max((trial.block + 1 for side in own.values() for trial in side), default=0)
    lacking, cut_utc = _lacking(comparison.metric, own, tried - 1)
    ratios = ratios_by_block(theirs, ours)
    known = firsts_by_block(own["candidate"], own["baseline"])
    firsts = {block: known[block] for block in ratios}
    judgement = judge(theirs, ours, better, looks_of(comparison), firsts=firsts, dimension=comparison.dimension)
    p = p_value(list(ratios.values()), looks_of(comparison), list(firsts.values())) if ratios else 1.0
    judgement = replace(judgement, settled=settled(judgement, p, family))
    return Standing(
        cells=cells,
        ratios=ratios,
        firsts=firsts,
        lost=(_lost(comparison.metric, own["baseline"]), _lost(comparison.metric, own["candidate"])),
        judgement=judgement,
        p=p,
        tried=tried,
        pair_s=price_s(comparison.metric, own),
        lacking=lacking,
        cut_utc=cut_utc,
        given_up=_given_up(comparison, own, tried),
        plan=NextPair(None, None, ""),
        unplaced=unplaced(own["baseline"], own["candidate"]),
    )


def _lost(metric: str, trials: Sequence[Trial]) -> Lost:
    timed = [trial for trial in trials if trial.purpose == "time"]
    bad = [str(trial.reason or trial.state) for trial in timed if not counted(trial, metric)]
    return Lost(len(timed), dict(Counter(bad)))


def _plan(comparison: Comparison, each: Standing, index: int, allowed_s: float) -> NextPair:
    """Return what a cell measures next with the device-seconds that it may use."""
    if each.unplaced:
        return NextPair(None, "budget spent", each.unplaced)
    if each.given_up and not each.judgement.settled:
        return NextPair(None, "budget spent", each.given_up)
    return next_pair(
        each.judgement,
        looks_of(comparison),
        tried=each.tried,
        seed=comparison.seed + index,
        pair_s=each.pair_s,
        budget=Budget(comparison.budget_s, max(0.0, comparison.budget_s - allowed_s)),
    )


def _medians(metric: str, cells: CellPair, trials: Trials) -> tuple[Medians, Medians]:
    ours = medians_by_block(trials["baseline"], cells[0].key, metric)
    return ours, medians_by_block(trials["candidate"], cells[1].key, metric)


def _lacking(metric: str, own: Trials, block: int) -> tuple[Side | None, str]:
    """Return the missing side of pair `block`, and when its other side began.

    A pair whose first trial does not count is over.
    """
    last = [(side, trial) for side, found in own.items() for trial in found if trial.block == block]
    if len(last) != 1 or not counted(last[0][1], metric):
        return None, ""
    side, trial = last[0]
    return ("candidate" if side == "baseline" else "baseline"), trial.started_utc


def _given_up(comparison: Comparison, own: Trials, tried: int) -> str:
    for side, found in own.items():
        if len(found) < HOPELESS or any(counted(t, comparison.metric) or t.reason in PASSING for t in found):
            continue
        last = found[-1]
        why = f"{last.reason}: {last.detail}" if last.reason else f"{last.state}, no value of {comparison.metric}"
        return f"none of {len(found)} trials of the {side} counts; the last: {why}"
    most = TRIES * comparison.looks_most
    return f"{tried} pairs were tried" if tried >= most else ""
