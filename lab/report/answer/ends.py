"""The end-to-end table of a run, from image to streamed text, with published figures beside ours."""

from __future__ import annotations

from collections.abc import Iterable

from lab.records import Answer, CellSummary, Interval, Metric, Published
from lab.report.answer.standing import matches
from lab.report.table import Column, Head, Table, table
from lab.report.wording import estimate, interval_head, quantity, ranged

STEPS = ("encode_s", "prefill_s", "first_token_s", "decode_tokens_per_s")
"""The metrics of the table, in the order in which a user meets them (Table 5 of arXiv 2411.10640)."""

Step = tuple[Metric, Interval | None, tuple[Published, ...]]


def end_to_end(answer: Answer) -> Table | None:
    """Return a row for each step of the run's first cell with its published figures; None for other workloads.

    Published figures are of another device and another model: they stand in a column of their own.
    """
    steps = _steps(answer)
    if len(steps) < len(STEPS):
        return None
    head = interval_head(found for _, found, _ in steps)
    columns: list[Column[Step]] = [
        Column(Head("step", "words"), lambda step: step[0].label),
        Column(Head("here"), lambda step: "none" if step[1] is None else estimate(step[1], step[0].unit)),
        Column(Head(head), lambda step: "none" if step[1] is None else ranged(step[1], step[0].unit, head)),
        Column(Head("published"), lambda step: _joined(quantity(each.value, step[0].unit) for each in step[2])),
        Column(Head("kind", "words"), lambda step: _joined(each.kind.replace("_", " ") for each in step[2])),
        Column(Head("source", "prose"), lambda step: _joined(each.source for each in step[2])),
        Column(Head("note", "prose"), lambda step: _joined(each.note for each in step[2])),
    ]
    return table(columns, steps, title="End to end, with the published table beside it")


def _steps(answer: Answer) -> list[Step]:
    first = answer.summaries[0]
    return [
        (metric, found, tuple(f for f in answer.published if f.metric == metric.name and matches(f, first.cell)))
        for name in STEPS
        if (step := _measured(answer, first, name)) is not None
        for metric, found in [step]
    ]


def _measured(answer: Answer, summary: CellSummary, name: str) -> tuple[Metric, Interval | None] | None:
    if name == answer.metric.name:
        return answer.metric, summary.interval
    if name not in answer.other_metrics:
        return None
    metric, by_cell = answer.other_metrics[name]
    return metric, by_cell.get(summary.cell.key)


def _joined(texts: Iterable[str]) -> str:
    return "; ".join(each for each in texts if each)
