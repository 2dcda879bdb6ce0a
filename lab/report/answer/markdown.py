"""An answer as Markdown, for pull requests and nightly reports."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lab.records import Answer, Interval, Sustained
from lab.report.answer.chart import state_of
from lab.report.wording import (
    cell_phrase,
    escape,
    estimate,
    interval_head,
    kind_of,
    on_device,
    percent,
    probability,
    quantity,
    ranged,
    varying,
)

_STANDING = {"best": "**best**", "contender": "may be best", "beaten": "behind", "unknown": "not judged"}


def render_markdown(answer: Answer) -> str:
    """Return the sentence, the table of cells, warnings, reasons and published figures; ends with a newline."""
    run, metric = answer.run, answer.metric
    blocks = [
        f"### {escape(answer.question)}",
        "" if kind_of(run) in ("host", "unknown") else f"On {escape(on_device(run))}.",
        escape(answer.sentence),
        "" if answer.curves else _table(_heads(answer), (_row(answer, i) for i in range(len(answer.summaries)))),
        *(_curve(curve) for curve in answer.curves),
        "\n".join(f"- {escape(warning)}" for warning in answer.warnings),
        "\n".join(_reasons(answer)),
    ]
    if answer.published:
        blocks.append("Published figures: another device and another model, shown and never compared.")
        rows = []
        for figure in answer.published:
            found = metric if figure.metric == metric.name else answer.other_metrics[figure.metric][0]
            about = ", ".join(f"{name} = {value}" for name, value in figure.parameters.items())
            value = quantity(figure.value, found.unit)
            rows.append([found.label, value, figure.kind, about, f"{figure.source} {figure.note}".strip()])
        blocks.append(_table(["figure", "value", "kind", "for", "source"], rows))
    for other, by_cell in answer.other_metrics.values():
        head = interval_head(by_cell.values())
        values = [
            [_name(answer, i), *_texts(by_cell.get(s.cell.key), other.unit, head)]
            for i, s in enumerate(answer.summaries)
        ]
        blocks.append(_table(["cell", other.label, head], values))
    blocks.append(
        escape(
            f"{run.scenario} on {run.device}, build {run.build_line} ({run.build[:12]}), {run.started_utc}, "
            f"seed {run.seed}, run {run.id} ({run.status})"
        )
    )
    return "\n\n".join(block for block in blocks if block) + "\n"


def _curve(curve: Sustained) -> str:
    """Return a sustained trial's windows as a table."""
    rows = [
        [
            f"{window.start_s / 60:g}",
            quantity(window.rate, curve.unit),
            "unknown" if window.celsius is None else f"{window.celsius:.1f} °C",
        ]
        for window in curve.windows
    ]
    return _table([f"trial {curve.trial}, from minute", "rate", "skin"], rows)


def _heads(answer: Answer) -> list[str]:
    several = ["P(best)"] if len(answer.run.cells) > 1 else []
    return [
        "cell",
        f"{answer.metric.label} (emulated)" if kind_of(answer.run) == "emulated" else answer.metric.label,
        _interval_head(answer),
        *several,
        "valid",
        "invalid",
        *(["unsteady"] if _any_unsteady(answer) else []),
        "CV of trials",
        "between",
        "within",
        "",
    ]


def _row(answer: Answer, index: int) -> list[str]:
    summary = answer.summaries[index]
    several = len(answer.run.cells) > 1
    return [
        _name(answer, index),
        *_texts(summary.interval, answer.metric.unit, _interval_head(answer)),
        *([probability(summary.probability_best)] if several else []),
        str(summary.valid),
        str(sum(summary.invalid.values())),
        *([str(summary.unsteady)] if _any_unsteady(answer) else []),
        *(
            "unknown" if cv is None else percent(cv)
            for cv in (summary.trial_cv, summary.between_cv, summary.within_cv)
        ),
        _STANDING[state_of(answer, summary)] if several else "",
    ]


def _any_unsteady(answer: Answer) -> bool:
    return any(summary.unsteady for summary in answer.summaries)


def _name(answer: Answer, index: int) -> str:
    cell = answer.summaries[index].cell
    return cell_phrase(cell, varying(answer.run.cells)) if len(answer.run.cells) > 1 else cell.key


def _interval_head(answer: Answer) -> str:
    return interval_head(summary.interval for summary in answer.summaries)


def _texts(found: Interval | None, unit: str, head: str) -> list[str]:
    return ["none", "none"] if found is None else [estimate(found, unit), ranged(found, unit, head)]


def _reasons(answer: Answer) -> list[str]:
    return [
        f"- invalid, {escape(_name(answer, index))}: "
        + ", ".join(f"{count} x {escape(reason)}" for reason, count in sorted(summary.invalid.items()))
        for index, summary in enumerate(answer.summaries)
        if summary.invalid
    ]


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    cells = [[c if c in ("---", "**best**") else escape(c) for c in line] for line in lines]
    return "\n".join("| " + " | ".join(line) + " |" for line in cells)
