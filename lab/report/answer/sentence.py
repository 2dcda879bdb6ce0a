"""The one sentence (or a few) that answers a scenario's question in plain words.

Every percentage in it stands in the table of cells, in the column "slower than" the cell with the best estimate,
and so does its interval, which also decides whether a cell is tied.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lab.records import Cell, CellSummary, Interval, Metric
from lab.report.answer.asked import loss_words, overlap_words, release_words, wait_words
from lab.report.answer.delays import delay_words, delays_of
from lab.report.wording import (
    behind,
    capital,
    cell_phrase,
    cell_short,
    estimate_with_interval,
    listing,
    number_of,
    plain,
    superlative,
    varying,
)
from lab.stats.best import Contenders, centres
from lab.stats.sample import MIN_TRIALS, Medians
from lab.trial.metrics import FIRST_TOKEN_INCLUDES

Others = Mapping[str, tuple[Metric, Mapping[str, Interval]]]

ALONE = {
    "decode_tokens_per_s": "A user sees {}",
    "first_token_s": "The first token comes after {}",
    "load_s": "Opening every graph takes {}",
    "null_s": "An iteration that does nothing takes {}",
    "prefill_s": "The prefill takes {}",
    "encode_s": "Encoding the image takes {}",
}
"""The answer of a scenario with one cell, by its headline metric."""


def sentence(
    scenario: str,
    cells: Sequence[Cell],
    summaries: Sequence[CellSummary],
    *,
    metric: Metric,
    choice: Contenders,
    medians: Mapping[str, Medians],
    others: Others,
) -> str:
    """Return the answer in words, or what is missing where the data cannot support one."""
    by_key = {summary.cell.key: summary for summary in summaries}
    known = [summary.interval for summary in summaries if summary.interval]
    if not known:
        return no_answer(scenario, metric.label)
    if len(cells) == 1:
        return _single(summaries[0], known[0], metric, others)
    best = by_key.get(choice.best or "")
    if best is None or best.interval is None:
        return _too_few(cells, summaries)
    names = varying(cells)
    named = f"{cell_phrase(best.cell, names)}, at {estimate_with_interval(best.interval, metric.unit)}."
    if direct := _direct(by_key, metric, choice, medians, others):
        parts = [direct]
    else:
        overlap, loss = overlap_words(by_key, metric, choice, medians, others), loss_words(by_key, metric, choice)
        parts = [overlap, *_standing(by_key, metric=metric, choice=choice, named=named), loss]
        told = bool(overlap) or (bool(loss) and len(by_key) == 2)  # of the next cell, too
        if len(choice.may_be_best) == 1 and not told:
            parts.append(_next(best, by_key, metric, medians))
    parts += [_unjudged(names, by_key, choice), _extent(metric, others)]
    return " ".join(part for part in parts if part)


def _direct(
    by_key: Mapping[str, CellSummary],
    metric: Metric,
    choice: Contenders,
    medians: Mapping[str, Medians],
    others: Others,
) -> str:
    """Answer a question that asks for a difference and not for the best cell; empty for any other."""
    if choice.unknown:
        return ""
    return (
        wait_words(by_key, metric, choice)
        or delay_words(delays_of(list(by_key.values()), metric, others), medians)
        or release_words(by_key, metric, medians, others)
    )


def no_answer(scenario: str, what: str = "") -> str:
    """Return that nothing of a scenario counts, under the name by which the user asked for it."""
    about = f" ({what})" if what else ""
    return f"No answer: no trial of {plain(scenario)} counts{about}."


def _too_few(cells: Sequence[Cell], summaries: Sequence[CellSummary]) -> str:
    """Say that fewer than two cells have enough trials."""
    enough = sum(1 for s in summaries if s.valid >= MIN_TRIALS)
    have = "1 has" if enough == 1 else "none has"
    counts = listing([str(s.valid) for s in summaries])
    return (
        f"Cannot tell: to be compared, two cells need {MIN_TRIALS} valid trials each, and of {len(cells)} cells "
        f"{have} them (the cells have {counts})."
    )


def _standing(by_key: Mapping[str, CellSummary], *, metric: Metric, choice: Contenders, named: str) -> list[str]:
    """Name the best cell, or first the set of cells that this run cannot separate."""
    judged = len(by_key) - len(choice.unknown)
    if len(choice.may_be_best) == 1:
        of = f" of the {judged} judged cells" if choice.unknown else ""
        return [f"{capital(superlative(metric))}{of}: {named}"]
    names = varying([summary.cell for summary in by_key.values()])
    if len(choice.may_be_best) == judged:
        which = f"{judged} judged cells" if choice.unknown else f"{judged} cells"
        return [
            f"Cannot tell which is {superlative(metric)}: this run cannot separate the {which}.",
            f"Best estimate: {named}",
        ]
    tied = listing([cell_short(by_key[key].cell, names) for key in choice.may_be_best])
    left = judged - len(choice.may_be_best)
    others = "The other cell is" if left == 1 else f"The other {left} cells are"
    return [
        f"Cannot tell which of {tied} is {superlative(metric)}: this run cannot separate them. "
        f"{others} {behind(metric)}.",
        f"Best estimate: {named}",
    ]


def _single(summary: CellSummary, found: Interval, metric: Metric, others: Others) -> str:
    value = estimate_with_interval(found, metric.unit)
    told = ALONE.get(metric.name, f"{capital(metric.label)}: {{}}").format(value)
    if metric.name == "decode_tokens_per_s":
        first = others.get("first_token_s", (None, {}))[1].get(summary.cell.key)
        told += f", the first token after {estimate_with_interval(first, 's')}" if first else ""
    return f"{told}. {_extent(metric, others)}".rstrip()


def _extent(metric: Metric, others: Others) -> str:
    """Say what a time to first token includes, where one is printed."""
    return f"First token: {FIRST_TOKEN_INCLUDES}." if "first_token_s" in (metric.name, *others) else ""


def _next(
    best: CellSummary, by_key: Mapping[str, CellSummary], metric: Metric, medians: Mapping[str, Medians]
) -> str:
    """Say by how much the best leads the next best."""
    sign = 1 if metric.better == "lower" else -1
    order = {key: sign * centre for key, centre in centres(medians).items() if key != best.cell.key}
    following = by_key[min(order, key=lambda key: order[key])]
    name = cell_short(following.cell, varying([s.cell for s in by_key.values()]))
    return f"Next: {name}, which is {behind(metric, following.against_best)}."


def _unjudged(names: Sequence[str], by_key: Mapping[str, CellSummary], choice: Contenders) -> str:
    if not choice.unknown:
        return ""
    counts = [
        f"{cell_phrase(by_key[k].cell, names)} ({number_of(by_key[k].valid, 'valid trial')})"
        for k in choice.unknown
    ]
    return f"Not judged: {listing(counts)}; {MIN_TRIALS} are needed."
