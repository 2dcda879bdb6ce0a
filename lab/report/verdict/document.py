"""A comparison for programs: verdicts, and the pairs they rest on, as a document and as rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from lab.records import CellVerdict, Comparison, Metric, Run
from lab.report.document import Row
from lab.report.verdict.view import CellView, View
from lab.trial.metrics import METRICS


@dataclass(frozen=True)
class JudgedCell:
    """A cell. `baseline` and `candidate` hold the median of each block's trial, in the unit of the metric's name.

    `ratios` are those of the valid pairs, candidate / baseline, by block. `cells` names the cell on each side.
    """

    cells: tuple[str, str]
    verdict: CellVerdict
    sentence: str
    doubtful: bool
    baseline: Mapping[str, float]
    candidate: Mapping[str, float]
    ratios: Mapping[str, float]


@dataclass(frozen=True)
class VerdictDocument:
    """A comparison. The sides are null, and `refusal` says why, if they differ in more than what was compared.

    Without a valid pair `refusal` says why it ended before one, as when its device may not judge builds.

    `regressed` names the cells that make `lab compare` end with status 1.
    """

    result: Literal["verdict"]
    comparison: Comparison
    headline: str
    refusal: str
    metric: Metric
    regressed: tuple[str, ...]
    cells: tuple[JudgedCell, ...]
    facts: tuple[str, ...]
    warnings: tuple[str, ...]
    baseline: Run | None
    candidate: Run | None


def verdict_document(found: View) -> VerdictDocument:
    """Return a comparison for programs."""
    return VerdictDocument(
        result="verdict",
        comparison=found.comparison,
        headline=found.headline,
        refusal=found.refusal or found.stopped,
        metric=found.metric,
        regressed=found.fails,
        cells=tuple(_cell(each) for each in found.cells),
        facts=found.facts,
        warnings=found.invalid,
        baseline=found.baseline,
        candidate=found.candidate,
    )


VERDICT_COLUMNS = (
    *("comparison", "scenario", "dimension", "device", "baseline_line", "baseline_build", "candidate_line"),
    *("candidate_build", "metric", "cell", "candidate_cell", "verdict", "change", "low", "high", "level", "pairs"),
    *("p", "smallest_found"),
)
"""The columns of :func:`verdict_rows`, for a comparison without a cell."""


def verdict_rows(found: View) -> list[Row]:
    """Return a row for each cell; `change` is candidate / baseline."""
    comparison = found.comparison
    return [
        {
            "comparison": comparison.id,
            "scenario": comparison.scenario,
            "dimension": comparison.dimension,
            "device": comparison.device,
            "baseline_line": found.baseline.build_line,
            "baseline_build": found.baseline.build,
            "candidate_line": found.candidate.build_line,
            "candidate_build": found.candidate.build,
            "metric": found.metric.name,
            "cell": each.cells[0].key,
            "candidate_cell": each.cells[1].key,
            "verdict": each.found.verdict,
            "change": change.estimate if (change := each.found.change) else None,
            "low": change.low if change else None,
            "high": change.high if change else None,
            "level": change.level if change else None,
            "pairs": each.found.pairs,
            "p": each.found.p,
            "smallest_found": each.found.smallest_found,
        }
        for each in found.cells
    ]


def _cell(each: CellView) -> JudgedCell:
    return JudgedCell(
        cells=(each.cells[0].key, each.cells[1].key),
        verdict=each.found,
        sentence=each.sentence,
        doubtful=each.doubtful,
        baseline=_by_block(each.baseline),
        candidate=_by_block(each.candidate),
        ratios=_by_block(each.ratios),
    )


def _by_block(values: Mapping[int, float]) -> dict[str, float]:
    return {str(block): value for block, value in values.items()}


def refused_document(comparison: Comparison, refusal: str) -> VerdictDocument:
    """Return a comparison that measured nothing because its sides differ in more than what was compared."""
    return VerdictDocument(
        result="verdict",
        comparison=comparison,
        headline="incomparable",
        refusal=refusal,
        metric=METRICS[comparison.metric],
        regressed=(),
        cells=(),
        facts=(),
        warnings=(),
        baseline=None,
        candidate=None,
    )
