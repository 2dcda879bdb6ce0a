"""A self-check in a terminal and as Markdown: how far to trust verdicts on this device.

Every rate is k of n with its exact one-sided 95 % bound (Clopper and Pearson): the upper bound of what should not
happen, the lower bound of what should.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from lab.compare.tally import cut_short, price_of_pair, tally
from lab.identifiers import seconds
from lab.records import CHANGED, WORSE, Interval, LiveCheck, ResampledRates, SelfCheck
from lab.report import markdown, terminal
from lab.report.table import Column, Head, Table, table
from lab.report.wording import KIND_STYLES, KINDS, escape, number_of, percent, plain, stated
from lab.stats.compare import SAME_WITHIN, SMALLEST_EFFECT
from lab.stats.findable import LARGEST
from lab.stats.resample import LEAST_PAIRS, WELL_FOUND, at_least, at_most

BAR = 30
"""Characters of a full bar."""


def upper(k: int, n: int, none: str = "none measured") -> str:
    """Return e.g. ``0 of 10 (≤ 25.9 %)``, for what should not happen; `none` when n is 0."""
    return f"{k} of {n} (≤ {_bound(at_most(k, n))})" if n else none


def lower(k: int, n: int, none: str = "none measured") -> str:
    """Return e.g. ``5 of 5 (≥ 54.9 %)``, for what should happen; `none` when n is 0."""
    return f"{k} of {n} (≥ {_bound(at_least(k, n))})" if n else none


def beforehand(record: SelfCheck, before: SelfCheck | None, load_wait_s: float = 0.0) -> list[str]:
    """Return what a new self-check can show at best, and what not; `before` is an earlier one of the device.

    The price of a pair is taken from there, since nothing else is known of it before the first pair. A run waits
    `load_wait_s` at most for other programs: where a comparison's share of the budget is smaller, it says so.
    """
    wanted, slowed = record.wanted, record.wanted_injected
    first, most, budget_s = record.looks_first, record.looks_most, record.budget_s
    pair_s = 0.0 if before is None else price_of_pair(before)
    said = [
        f"{record.device}: {_comparisons(wanted)} of {record.build_line} with itself and {slowed} with "
        f"{_injected(record)} injected, of {first} to {most} pairs each, within {seconds(budget_s)}",
        f"at best it shows: equal builds called changed: {upper(0, wanted)}; slow-downs found: "
        f"{lower(slowed, slowed, 'none asked for')}",
    ]
    if wanted * most < LEAST_PAIRS:
        said.append(
            f"it cannot show rates by slow-down: they need {LEAST_PAIRS} pairs of the build with itself, and "
            f"{wanted * most} is the most it measures"
        )
    share_s = budget_s / (wanted + slowed)
    if share_s < load_wait_s:
        said.append(
            f"on a busy machine it may show nothing: a run may wait {seconds(load_wait_s)} there for other "
            f"programs, and the share of a comparison is {seconds(share_s)}; stop them first, or give it at least "
            f"--budget {math.ceil(load_wait_s * (wanted + slowed))}"
        )
    if not pair_s:
        said.append(
            "what a pair takes is not known here yet: all comparisons surely fit at "
            f"{seconds(budget_s / (most * (wanted + slowed)))} or less, none at over {seconds(budget_s / first)}"
        )
        return [plain(words) for words in said]
    paid = math.floor(budget_s / pair_s)
    least, greatest = min(wanted + slowed, paid // most), min(wanted + slowed, paid // first)
    fit = f"{greatest}" if least == greatest else f"{least} to {greatest}"
    last = f"a pair took {seconds(pair_s)} the last time, without waiting"
    words = f"{last}: by that about {fit} of {_comparisons(wanted + slowed)} fit, and fewer if pairs wait"
    if not greatest:
        words = f"{last}: by that none of {_comparisons(wanted + slowed)} fits, so it cannot show anything"
    elif paid * wanted < LEAST_PAIRS * (wanted + slowed) and wanted * most >= LEAST_PAIRS:
        words += f", with too few pairs of the build with itself ({LEAST_PAIRS}) for rates by slow-down"
    return [plain(each) for each in (*said, words)]


def quote(record: SelfCheck) -> str:
    """Return in one line how far to trust verdicts on this device; printed beside each of them."""
    count = tally(record)
    none = [_unjudged(record, slowed=slowed) for slowed in (False, True)]
    parts = [
        f"equal builds called changed: {upper(count.false, count.alike, none[0])}",
        f"{_injected(record)} slow-downs found: {lower(count.found, count.slowed, none[1])}",
    ]
    if record.smallest_found is not None:
        parts.append(f"found in {percent(WELL_FOUND)} of cases: slow-downs from {percent(record.smallest_found)}")
    day = record.started_utc[:10]
    return plain(f"Self-check of {record.device}, {day}, {record.scenario}: " + "; ".join(parts))


def step(record: SelfCheck) -> str:
    """Return a line with the newest live comparison's verdict and the time left."""
    live, total = record.live[-1], record.wanted + record.wanted_injected
    left_s = record.budget_s - record.spent_s
    what = "alike" if live.slow_down == 1 else f"{_scale(live.slow_down)} injected"
    change = "" if live.found.change is None else f", ratio {live.found.change.estimate:.3f}"
    verdict = "cut short" if cut_short(record, live) else live.found.verdict
    return plain(
        f"{record.device} {len(record.live)}/{total} {what}: {verdict} after "
        f"{number_of(live.found.pairs, 'pair')}{change}, {seconds(live.spent_s)}; "
        f"{left_words(record, left_s)}"
    )


def pair_step(record: SelfCheck, number: int, pairs: int, left_s: float) -> str:
    """Return a line within a comparison, `number` from 1: its pairs so far, and the time left of all."""
    total = record.wanted + record.wanted_injected
    return plain(
        f"{record.device} {number}/{total}: {number_of(pairs, 'pair')} so far; {left_words(record, left_s)}"
    )


def left_words(record: SelfCheck, left_s: float) -> str:
    """Return what is left of the budget, or by how much it is overdrawn: its last pair may have waited."""
    if left_s <= -1:
        return f"{seconds(record.budget_s)} spent, and {seconds(-left_s)} more"
    return f"{seconds(max(0.0, left_s))} of {seconds(record.budget_s)} left"


def sentences(record: SelfCheck) -> list[str]:
    """Return the results in words: live, resampled, and the smallest slow-down that is found."""
    count = tally(record)
    found = [
        f"Live: {record.build_line} against itself, called changed: "
        f"{upper(count.false, count.alike, _unjudged(record, slowed=False))}. "
        f"With {_injected(record)} injected into {record.inject.stage}, found: "
        f"{lower(count.found, count.slowed, _unjudged(record, slowed=True))}."
    ]
    if record.smallest_found is not None:
        found.append(
            f"The smallest slow-down found in {percent(WELL_FOUND)} of the resampled comparisons is "
            f"{percent(record.smallest_found)}; by policy nothing under {_scale(1 + SMALLEST_EFFECT)} is called a "
            "change."
        )
    elif record.resampled:
        found.append(
            f"No slow-down up to {percent(LARGEST)} is found in {percent(WELL_FOUND)} of the resampled "
            "comparisons."
        )
    return [plain(words) for words in found]


def notes(record: SelfCheck) -> list[str]:
    """Return how to read the rates: their data and their assumptions."""
    spread = "" if record.between_cv is None else f", {percent(record.between_cv)} between trials of a side"
    found = [
        f"A/A trials: {record.aa_trials}, pairs: {len(record.ratios)}{spread}. Bounds: exact, one-sided, 95 %."
    ]
    if record.resampled:
        pairs = len(record.ratios)
        found += [
            f"Resampled: blocks of {record.block_pairs} consecutive pairs, drawn from all {pairs}; in each "
            "comparison a side chosen at random is slowed. Assumption: slower work has the same relative noise. "
            f"The bounds cover the drawing, not the fact that there are only {pairs} pairs.",
            "`wrong`: a change called in the other direction (at 0 %: in any direction). `same` is right up to "
            f"{_scale(1 + SAME_WITHIN)}.",
        ]
    return found


def render_terminal(record: SelfCheck) -> RenderableType:
    """Return something for `rich.console.Console.print`; readable from 80 columns, and without colours."""
    kind = record.context.facts.get("device_kind", "unknown")
    title = f"What are verdicts on {record.device} worth? ({KINDS.get(kind, f'of kind {kind}')})"
    count = tally(record)
    fine = not count.false and count.found == count.slowed and not record.missing
    parts: list[RenderableType] = [Text(plain(title), style=f"bold {KIND_STYLES.get(kind, '')}".strip())]
    parts += [Text(words, style="green" if fine else "yellow") for words in sentences(record)]
    parts += [Text(plain(f"! {words}"), style="yellow") for words in record.missing]
    parts += [terminal.draw(found) for found in tables(record)]
    if record.resampled:
        parts.append(Text("found, by slow-down"))
        parts += [Text(f"  {bar}") for bar in bars(record.resampled)]
    parts += [Text(words, style="dim") for words in notes(record)]
    parts.append(Text(_origin(record), style="dim"))
    return Group(*parts)


def render_markdown(record: SelfCheck) -> str:
    """Return the same as Markdown, ending with a newline."""
    blocks = [
        f"### What are verdicts on {escape(record.device)} worth?",
        *(escape(words) for words in sentences(record)),
        "\n".join(f"- {escape(words)}" for words in record.missing),
    ]
    blocks += [markdown.draw(found) for found in tables(record)]
    if record.resampled:
        blocks.append("```\n" + "\n".join(bars(record.resampled)) + "\n```")
    blocks += [escape(words) for words in (*notes(record), _origin(record))]
    return "\n\n".join(block for block in blocks if block) + "\n"


def bars(found: Sequence[ResampledRates]) -> list[str]:
    """Return a line for each slow-down, with a bar for the share of comparisons that found it."""
    return [
        f"{_scale(one.slow_down):>5} {'█' * round(BAR * one.found / one.n):<{BAR}} {_share(one.found, one.n)}"
        for one in found
        if one.slow_down != 1
    ]


def tables(record: SelfCheck) -> list[Table]:
    """Return the tables of live and of resampled comparisons, without empty ones; bounds stand below rates."""
    live: list[Column[tuple[int, LiveCheck]]] = [
        Column(Head(""), lambda at: str(at[0])),
        Column(Head("injected"), lambda at: "-" if at[1].slow_down == 1 else _scale(at[1].slow_down)),
        Column(Head("verdict"), lambda at: "cut short" if cut_short(record, at[1]) else at[1].found.verdict),
        Column(Head("ratio"), lambda at: _change(at[1].found.change)[0]),
        Column(Head("95 % interval"), lambda at: _change(at[1].found.change)[1]),
        Column(Head("pairs"), lambda at: str(at[1].found.pairs)),
        Column(Head("s"), lambda at: seconds(at[1].spent_s).removesuffix(" s")),
    ]
    resampled: list[Column[ResampledRates]] = [
        Column(Head("slower by"), lambda one: _scale(one.slow_down)),
        Column(Head("found"), lambda one: "-" if one.slow_down == 1 else _below(lower(one.found, one.n))),
        Column(Head("wrong"), lambda one: _below(upper(one.wrong, one.n))),
        Column(Head("same"), lambda one: _below((lower if _is_same(one.slow_down) else upper)(one.same, one.n))),
        Column(Head("cannot tell"), lambda one: _below(upper(one.undecided, one.n))),
        Column(Head("pairs"), lambda one: f"{one.pairs:.1f}"),
    ]
    drawn = [
        table(live, list(enumerate(record.live, start=1)), standing=lambda at: _standing(at[1]), title="live"),
        table(resampled, record.resampled, title="resampled"),
    ]
    return [each for each in drawn if each.rows]


def _change(change: Interval | None) -> tuple[str, str]:
    """Return the estimate of the ratio B / A, and its interval."""
    if change is None:
        return "none", "none"
    if change.low is None or change.high is None:
        return f"{change.estimate:.3f}", "none"
    return f"{change.estimate:.3f}", f"{change.low:.3f} to {change.high:.3f}"


def _below(rate: str) -> str:
    return rate.replace(" (", "\n(")


def _is_same(slow_down: float) -> bool:
    """Return whether `same` is right for this slow-down; the edge, which no float hits exactly, included."""
    return slow_down <= 1 + SAME_WITHIN + 1e-9


def _standing(live: LiveCheck) -> str:
    """Return `wrong` for a false verdict and `missed` for one that could not tell a slow-down."""
    right = live.found.verdict not in CHANGED if live.slow_down == 1 else live.found.verdict in WORSE
    if right:
        return ""
    return "missed" if live.found.verdict == "cannot tell" else "wrong"


def _origin(record: SelfCheck) -> str:
    return plain(
        f"{record.scenario} ({record.metric}) on {record.device}, build {record.build_line} "
        f"({record.build[:12]}), seed {record.seed}, {seconds(record.spent_s)} of {seconds(record.budget_s)}, "
        f"{record.started_utc}, self-check {record.id} ({record.status})"
    )


def _unjudged(record: SelfCheck, *, slowed: bool) -> str:
    """Return why no comparison of a kind is in a rate: none was measured, or time cut all of them short."""
    pairs = [live.found.pairs for live in record.live if (live.slow_down != 1) == slowed]
    if not pairs:
        return "none measured"
    return (
        f"none judged (time ran out after {number_of(sum(pairs), 'pair')})"
        if sum(pairs)
        else ("none judged (no pair was valid)")
    )


def _comparisons(count: int) -> str:
    return number_of(count, "comparison")


def _injected(record: SelfCheck) -> str:
    return _scale(record.inject.slow_down)


def _scale(slow_down: float) -> str:
    return stated(slow_down - 1)


def _share(k: int, n: int) -> str:
    return f"{k} of {n}"


def _bound(share: float) -> str:
    return f"{round(100 * share, 1):g} %"
