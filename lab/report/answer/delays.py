"""The wait for the first token against the delay of the instruction: ours, and the arithmetic beside it.

Decoupled (BlueLM-V-3B, arXiv 2411.10640, Fig. 6), the image is encoded while the user types. The wait is what
remains of the encoding when the instruction arrives, and the prefill: max(0, encoding - delay) + prefill. With an
early prefill, which is ours, the known part of the prompt can precede the instruction as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from lab.records import CellSummary, Interval, Metric
from lab.report.wording import estimate, percent, quantity
from lab.stats.compare import ratio
from lab.stats.sample import Medians

WAIT = "first_token_s"

TYPED_S = 2.0
"""Of an instruction that takes about this long the sentence speaks; a judgement: half a dozen spoken words."""

Others = Mapping[str, tuple[Metric, Mapping[str, Interval]]]


@dataclass(frozen=True)
class Point:
    """A cell: the delay of its instruction, its wait, and what the arithmetic says (None: a part is unknown)."""

    delay_s: float
    summary: CellSummary
    wait: Interval
    arithmetic_s: float | None


@dataclass(frozen=True)
class Delays:
    """The cells of a run by delay. `before_s` can pass before the instruction, `after_s` cannot, by series."""

    coupled: CellSummary
    late: tuple[Point, ...]
    early: tuple[Point, ...]
    before_s: Mapping[str, float]
    after_s: Mapping[str, float]

    def arithmetic_s(self, series: str, delay_s: float) -> float | None:
        """Return max(0, before - delay) + after; None where a part is unknown."""
        if series not in self.before_s:
            return None
        return max(0.0, self.before_s[series] - delay_s) + self.after_s[series]


def delays_of(summaries: Sequence[CellSummary], metric: Metric, others: Others) -> Delays | None:
    """Return the cells by delay; None unless one is coupled and several are not, each with its delay."""
    coupled = [s for s in summaries if s.cell.parameters.get("coupled") is True and s.interval]
    delayed = [s for s in summaries if "instruction_delay_s" in s.cell.parameters and s.interval]
    if metric.name != WAIT or len(coupled) != 1 or len(delayed) < 2:
        return None
    late, early = (
        [s for s in delayed if bool(s.cell.parameters.get("prefill_early")) is on] for on in (False, True)
    )
    encode_s = _found(others, "encode_s", coupled)
    prefill_s = _found(others, "prefill_s", coupled)
    rest_s = _found(others, "prefill_rest_s", early)
    before: dict[str, float] = {}
    after: dict[str, float] = {}
    if encode_s is not None and prefill_s is not None:
        before["late"], after["late"] = encode_s, prefill_s
        if rest_s is not None:
            before["early"], after["early"] = encode_s + max(0.0, prefill_s - rest_s), rest_s
    bare = Delays(coupled[0], (), (), before, after)
    return Delays(coupled[0], _points(bare, "late", late), _points(bare, "early", early), before, after)


def delay_words(found: Delays | None, medians: Mapping[str, Medians]) -> str:
    """Say what decoupling saves of the wait for a typical instruction; empty where that is not the question."""
    if found is None or not found.late or found.coupled.interval is None:
        return ""
    late = min(found.late, key=lambda point: abs(point.delay_s - TYPED_S))
    whole = found.coupled.interval
    takes = f"for an instruction that takes {late.delay_s:g} s to type"
    share = ratio(medians[late.summary.cell.key], medians[found.coupled.cell.key])
    parts = []
    if share.low is None or share.high is None or share.low <= 1 <= share.high:
        parts.append(
            f"Cannot tell whether decoupling saves anything {takes}: the first token comes after "
            f"{estimate(late.wait, 's')}, coupled after {estimate(whole, 's')}."
        )
    else:
        saves = share.high < 1
        gain, ends = sorted((1 - share.low, 1 - share.high)), abs(whole.estimate - late.wait.estimate)
        low, high = (percent(abs(each)) for each in (gain if saves else gain[::-1]))
        parts.append(
            f"Decoupling {'saves' if saves else 'costs'} {quantity(ends, 's')} "
            f"{'of' if saves else 'beside'} {estimate(whole, 's')} {takes} "
            f"({percent(abs(1 - share.estimate))}, {share.level * 100:.0f} % interval "
            f"{low.removesuffix(' %')} to {high}): the first token comes after {estimate(late.wait, 's')}."
        )
    parts += [_early_words(found, late, medians), _residual_words(found)]
    return " ".join(part for part in parts if part)


def _early_words(found: Delays, late: Point, medians: Mapping[str, Medians]) -> str:
    same = [point for point in found.early if point.delay_s == late.delay_s]
    if not same:
        return ""
    early = same[0]
    share = ratio(medians[early.summary.cell.key], medians[late.summary.cell.key])
    ours = "Prefilling what precedes the instruction while the user types (ours, not the paper's)"
    if share.high is None or share.high >= 1:
        return f"{ours} cannot be told from waiting for it: {estimate(early.wait, 's')}."
    return f"{ours} leaves {estimate(early.wait, 's')} of that."


def _residual_words(found: Delays) -> str:
    pairs = [(p.wait.estimate, p.arithmetic_s) for p in (*found.late, *found.early) if p.arithmetic_s is not None]
    if not pairs:
        return ""
    most = max((wait - sum_s for wait, sum_s in pairs), key=abs)
    side = "longer" if most > 0 else "shorter"
    return (
        f"The first token takes up to {quantity(abs(most), 's')} {side} than the arithmetic, "
        "max(0, encoding - delay) + prefill of this run's own medians."
    )


def _points(found: Delays, series: str, summaries: Iterable[CellSummary]) -> tuple[Point, ...]:
    points = [
        Point(delay_s, summary, summary.interval, found.arithmetic_s(series, delay_s))
        for summary in summaries
        if summary.interval is not None
        for delay_s in [float(summary.cell.parameters["instruction_delay_s"])]
    ]
    return tuple(sorted(points, key=lambda point: point.delay_s))


def _found(others: Others, name: str, summaries: Sequence[CellSummary]) -> float | None:
    """Return the median of a metric's estimates in those cells; None without any."""
    by_cell = others.get(name, (None, {}))[1]
    values = [by_cell[s.cell.key].estimate for s in summaries if s.cell.key in by_cell]
    return median(values) if values else None
