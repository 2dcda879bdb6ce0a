"""The one sentence (or two) that answers a scenario's question in plain words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from lab.errors import NotEnoughData
from lab.records import Cell, CellSummary, Interval, Metric
from lab.report.wording import (
    cell_phrase,
    cell_short,
    estimate,
    estimate_with_interval,
    listing,
    percent,
    probability,
    quantity,
    superlative,
    valid_trials,
    varying,
)
from lab.stats.compare import ratio
from lab.stats.summary import MIN_TRIALS, Contenders, Medians

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
    """Return the answer in words; where the data cannot carry one, it says what is missing."""
    by_key = {summary.cell.key: summary for summary in summaries}
    if not any(summary.interval for summary in summaries):
        return f"No answer: no valid trial of {metric.label}."
    if len(cells) == 1:
        return _single(summaries[0], metric, others)
    best = by_key.get(choice.best or "")
    if best is None or best.interval is None:
        enough = sum(1 for s in summaries if s.valid >= MIN_TRIALS)
        return (
            f"Cannot tell: {enough or 'no'} cell of {len(cells)} has the {MIN_TRIALS} valid trials it takes to be "
            f"judged (they have {listing([str(s.valid) for s in summaries])}), and a comparison takes two."
        )
    names = varying(cells)
    subject, value = cell_phrase(best.cell, names), estimate_with_interval(best.interval, metric.unit)
    rivals = [by_key[key].cell for key in choice.may_be_best if key != best.cell.key]
    told = f"{listing([cell_short(cell, names) for cell in rivals])} cannot be told from it"
    if not rivals:
        head, told = (
            f"{_capital(subject)} is {superlative(metric)}: {value}",
            _lead(best, by_key, choice, metric, medians),
        )
    elif len(rivals) + 1 + len(choice.unknown) == len(cells):
        head = f"Cannot tell which is {superlative(metric)}: {subject} did best, {value}, but"
        told = "no other can be told from it" if len(rivals) > 1 else told
    else:
        head = f"{_capital(subject)} did best: {value}"
    among = " among those judged" if choice.unknown else ""
    chance = probability(best.probability_best)
    joint = " " if head.endswith("but") else "; "
    parts = [f"{head}{joint}{told}; probability of being best{among} {chance}.", _unjudged(cells, by_key, choice)]
    parts.append(_pipelining(cells, by_key, metric, medians, others))
    return " ".join(part for part in parts if part)


def _single(summary: CellSummary, metric: Metric, others: Others) -> str:
    found = summary.interval
    if found is None:
        return f"No answer: no valid trial of {metric.label}."
    value = estimate_with_interval(found, metric.unit)
    if metric.name == "decode_tokens_per_s":
        first = others.get("first_token_s", (None, {}))[1].get(summary.cell.key)
        tail = f", the first token after {estimate_with_interval(first, 's')}" if first else ""
        return f"A user sees {value}{tail}."
    return f"{metric.label[:1].upper()}{metric.label[1:]}: {value}."


def _lead(
    best: CellSummary,
    by_key: Mapping[str, CellSummary],
    choice: Contenders,
    metric: Metric,
    medians: Mapping[str, Medians],
) -> str:
    """Say by how much the best leads the next best."""
    judged = [s for key, s in by_key.items() if key not in choice.unknown and s is not best]
    following = min(judged, key=lambda s: _rank(s, metric))
    gain = _gain(medians[best.cell.key], medians[following.cell.key], metric)
    name = cell_short(following.cell, varying([s.cell for s in by_key.values()]))
    return f"the next, {name}, is behind" + (f" by {gain}" if gain else "")


def _rank(summary: CellSummary, metric: Metric) -> float:
    """Return a number that is lower for better estimates."""
    if summary.interval is None:
        return math.inf
    return summary.interval.estimate * (1 if metric.better == "lower" else -1)


def _gain(better: Medians, worse: Medians, metric: Metric) -> str | None:
    """Return e.g. ``5.1 % (95 % interval 3.0 to 7.2 %)``: how much more time, or less rate, the worse one has."""
    try:
        found = ratio(worse, better)
    except NotEnoughData:
        return None
    sign = 1 if metric.better == "lower" else -1
    text = percent(sign * (found.estimate - 1))
    if found.low is None or found.high is None:
        return f"{text} (no interval: {valid_trials(found.n)} in common)"
    low, high = sorted((sign * (found.low - 1), sign * (found.high - 1)))
    return f"{text} ({found.level * 100:.0f} % interval {percent(low).removesuffix(' %')} to {percent(high)})"


def _unjudged(cells: Sequence[Cell], by_key: Mapping[str, CellSummary], choice: Contenders) -> str:
    if not choice.unknown:
        return ""
    names = varying(cells)
    counts = [f"{cell_phrase(by_key[k].cell, names)} ({valid_trials(by_key[k].valid)})" for k in choice.unknown]
    return f"Not judged: {listing(counts)}; {MIN_TRIALS} are needed."


def _pipelining(
    cells: Sequence[Cell],
    by_key: Mapping[str, CellSummary],
    metric: Metric,
    medians: Mapping[str, Medians],
    others: Others,
) -> str:
    """Quote what pipelining gains against the better serial rival, where the run holds both.

    And what it could gain at most: with a fast convolution there is little to hide, and the reader is told.
    """

    def champion(pipelined: bool) -> CellSummary | None:
        own = [by_key[c.key] for c in cells if c.parameters.get("pipelined") is pipelined]
        return min((s for s in own if s.valid >= MIN_TRIALS), key=lambda s: _rank(s, metric), default=None)

    piped, serial = champion(True), champion(False)
    if piped is None or serial is None:
        return ""
    gain = _gain(medians[piped.cell.key], medians[serial.cell.key], metric)
    if gain is None:
        return ""
    verb = "loses, as a gain of" if gain.startswith("-") else "gains"
    told = f"Against the best serial rival ({cell_phrase(serial.cell, varying(cells))}) pipelining {verb} {gain}."
    return f"{told} {_hidden(piped, others)}".rstrip()


def _hidden(piped: CellSummary, others: Others) -> str:
    """Say what the convolution takes, what overlapping it could hide at most, and what it hid.

    What it hid is a difference of estimates, a number near zero or below: it has no interval on a log scale.
    """

    def found(name: str) -> Interval | None:
        return others.get(name, (None, {}))[1].get(piped.cell.key)

    convolution, possible = found("patch_embed_s"), found("overlap_possible_s")
    if convolution is None or possible is None or piped.interval is None:
        return ""
    stages = [found(name) for name in ("tile_s", "patch_embed_s", "vit_s", "project_s")]
    busy = sum(stage.estimate for stage in stages if stage is not None)
    hid = busy - piped.interval.estimate
    return (
        f"Its stages take {quantity(busy, 's')} one by one, {estimate(convolution, 's')} of that the convolution; "
        f"overlapping can hide at most {estimate(possible, 's')} ({percent(possible.estimate / busy)}) and hid "
        f"{quantity(hid, 's') if hid > 0 else 'nothing'}."
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
