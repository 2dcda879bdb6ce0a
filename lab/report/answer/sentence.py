"""The one sentence (or two) that answers a scenario's question in plain words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lab.errors import NotEnoughData
from lab.records import Cell, CellSummary, Interval, Metric
from lab.report.wording import (
    cell_phrase,
    cell_short,
    estimate,
    estimate_with_interval,
    listing,
    number_of,
    percent,
    superlative,
    varying,
)
from lab.stats.best import Contenders, centres
from lab.stats.compare import ratio
from lab.stats.sample import MIN_TRIALS, Medians
from lab.trial.metrics import FIRST_TOKEN_INCLUDES

Others = Mapping[str, tuple[Metric, Mapping[str, Interval]]]


def sentence(
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
    if not any(summary.interval for summary in summaries):
        return f"No answer: no valid trial of {metric.label}."
    if len(cells) == 1:
        return _single(summaries[0], metric, others)
    best = by_key.get(choice.best or "")
    if best is None or best.interval is None:
        enough = sum(1 for s in summaries if s.valid >= MIN_TRIALS)
        return (
            f"Cannot tell: {enough or 'none'} of {len(cells)} cells has the {MIN_TRIALS} valid trials needed to "
            f"be judged (they have {listing([str(s.valid) for s in summaries])}), and a comparison needs two such "
            "cells."
        )
    names = varying(cells)
    rivals = [by_key[key].cell for key in choice.may_be_best if key != best.cell.key]
    named = f"{cell_phrase(best.cell, names)}, at {estimate_with_interval(best.interval, metric.unit)}."
    judged = len(cells) - len(choice.unknown)
    if not rivals:
        parts = [f"{_capital(superlative(metric))}: {named}", _lead(best, by_key, choice, metric, medians)]
    elif len(rivals) + 1 == judged:
        which = f"{judged} judged cells" if choice.unknown else f"{judged} cells"
        parts = [
            f"Cannot tell which is {superlative(metric)}: this run cannot separate the {which}.",
            f"Best estimate: {named}",
        ]
    else:
        tied = listing([cell_short(cell, names) for cell in rivals])
        parts = [
            f"{_capital(superlative(metric))}: {named}",
            f"Tied with {tied}: this run cannot separate them.",
        ]
    parts += [
        _unjudged(cells, by_key, choice),
        _pipelining(cells, by_key, metric, medians, others),
        _extent(metric, others),
    ]
    return " ".join(part for part in parts if part)


def _single(summary: CellSummary, metric: Metric, others: Others) -> str:
    found = summary.interval
    if found is None:
        return f"No answer: no valid trial of {metric.label}."
    value = estimate_with_interval(found, metric.unit)
    if metric.name == "decode_tokens_per_s":
        first = others.get("first_token_s", (None, {}))[1].get(summary.cell.key)
        tail = f", the first token after {estimate_with_interval(first, 's')}" if first else ""
        return f"A user sees {value}{tail}. {_extent(metric, others)}".rstrip()
    return f"{metric.label[:1].upper()}{metric.label[1:]}: {value}. {_extent(metric, others)}".rstrip()


def _extent(metric: Metric, others: Others) -> str:
    """Say what a time to first token includes, where one is printed."""
    return f"First token: {FIRST_TOKEN_INCLUDES}." if "first_token_s" in (metric.name, *others) else ""


def _lead(
    best: CellSummary,
    by_key: Mapping[str, CellSummary],
    choice: Contenders,
    metric: Metric,
    medians: Mapping[str, Medians],
) -> str:
    """Say by how much the best leads the next best."""
    sign = 1 if metric.better == "lower" else -1
    order = {key: sign * centre for key, centre in centres(medians).items() if key != best.cell.key}
    following = by_key[min(order, key=lambda key: order[key])]
    name = cell_short(following.cell, varying([s.cell for s in by_key.values()]))
    behind = _behind(medians[best.cell.key], medians[following.cell.key], metric)
    return f"Next: {name}, which is {behind}."


def _behind(better: Medians, worse: Medians, metric: Metric) -> str:
    """Return e.g. ``5.1 % slower (95 % interval 3.0 to 7.2 %)``: so much more time, or less rate."""
    word = {"fastest": "slower", "lowest": "higher", "highest": "lower"}[superlative(metric)]
    try:
        found = ratio(worse, better)
    except NotEnoughData:
        return word
    sign = 1 if metric.better == "lower" else -1
    text = f"{percent(sign * (found.estimate - 1))} {word}"
    if found.low is None or found.high is None:
        return f"{text} (no interval: {number_of(found.n, 'valid trial')} in common)"
    low, high = sorted((sign * (found.low - 1), sign * (found.high - 1)))
    return f"{text} ({found.level * 100:.0f} % interval {percent(low).removesuffix(' %')} to {percent(high)})"


def _unjudged(cells: Sequence[Cell], by_key: Mapping[str, CellSummary], choice: Contenders) -> str:
    if not choice.unknown:
        return ""
    names = varying(cells)
    counts = [
        f"{cell_phrase(by_key[k].cell, names)} ({number_of(by_key[k].valid, 'valid trial')})"
        for k in choice.unknown
    ]
    return f"Not judged: {listing(counts)}; {MIN_TRIALS} are needed."


def _pipelining(
    cells: Sequence[Cell],
    by_key: Mapping[str, CellSummary],
    metric: Metric,
    medians: Mapping[str, Medians],
    others: Others,
) -> str:
    """Say what pipelining saves over the best serial cell, where the run holds both kinds.

    Also compare it with the same units in turn, and say how much overlap could save there at most: with a fast
    convolution there is little to hide.
    """
    order = centres(medians)

    def champion(pipelined: bool) -> CellSummary | None:
        own = [cell.key for cell in cells if cell.parameters.get("pipelined") is pipelined and cell.key in order]
        return by_key[min(own, key=lambda key: order[key])] if own else None

    piped, serial = champion(True), champion(False)
    if piped is None or serial is None or metric.unit != "s":
        return ""
    told = (
        f"Compared with the best serial cell ({cell_phrase(serial.cell, varying(cells))}), pipelining "
        f"{_saving(medians[piped.cell.key], medians[serial.cell.key])}."
    )
    return f"{told} {_hidden(piped, by_key, medians, others)}".rstrip()


def _saving(piped: Medians, serial: Medians) -> str:
    """Return e.g. ``saves 4.1 % (95 % interval of the saving 1.0 to 7.1 %)`` of the serial time, by block."""
    try:
        found = ratio(piped, serial)
    except NotEnoughData:
        return "cannot be judged: no block holds both"
    share = 1 - found.estimate
    words = f"saves {percent(share)}" if share >= 0 else f"costs {percent(-share)} more"
    if found.low is None or found.high is None:
        return f"{words} (no interval: {number_of(found.n, 'valid trial')} in common)"
    low, high = percent(1 - found.high).removesuffix(" %"), percent(1 - found.low)
    return f"{words} ({found.level * 100:.0f} % interval of the saving {low} to {high})"


def _hidden(
    piped: CellSummary, by_key: Mapping[str, CellSummary], medians: Mapping[str, Medians], others: Others
) -> str:
    """Compare with the same batches on the same units in turn, where no stage slows another."""
    wanted = {**piped.cell.parameters, "pipelined": False}
    twin = next((s for s in by_key.values() if dict(s.cell.parameters) == wanted and s.interval), None)
    if twin is None or twin.interval is None:
        return ""

    def found(name: str) -> Interval | None:
        return others.get(name, (None, {}))[1].get(twin.cell.key)

    convolution, possible = found("patch_embed_s"), found("overlap_possible_s")
    if (
        convolution is None
        or possible is None
        or not medians[piped.cell.key].keys() & medians[twin.cell.key].keys()
    ):
        return ""
    whole = twin.interval.estimate
    saved = ratio(medians[piped.cell.key], medians[twin.cell.key])
    beyond = saved.high is not None and 1 - saved.high > possible.estimate / whole
    odd = " That is more than overlap can explain: look for other load and measure again." if beyond else ""
    return (
        f"The same batches on the same units, run in turn, take {estimate(twin.interval, 's')}, of which "
        f"{estimate(convolution, 's')} is convolution: overlap could save at most "
        f"{estimate(possible, 's')} ({percent(possible.estimate / whole)}) and "
        f"{_saving(medians[piped.cell.key], medians[twin.cell.key])}.{odd}"
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
