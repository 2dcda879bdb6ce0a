"""A comparison in words and numbers: the one view that terminal and page draw."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lab.compare.comparable import NONE, refusal
from lab.records import CHANGED, Cell, CellVerdict, Comparison, Interval, Metric, Run, SelfCheck, Trial
from lab.report.lost import missing_words, p_words
from lab.report.selfcheck import quote
from lab.report.table import Column, Head, Table, table
from lab.report.wording import cell_phrase, number_of, on_device, percent, plain, quantity, varying
from lab.stats.families import failing, listed
from lab.stats.pairs import cost_s, ratios_by_block
from lab.stats.sample import Medians, counted, medians_by_block
from lab.trial.metrics import METRICS


@dataclass(frozen=True)
class CellView:
    """One cell: its verdict, the medians of both sides by block, and the ratios of its valid pairs.

    `doubtful`: a change that does not survive the correction for the number of cells (Benjamini and Hochberg).
    """

    found: CellVerdict
    cells: tuple[Cell, Cell]
    baseline: Medians
    candidate: Medians
    ratios: Mapping[int, float]
    sentence: str
    doubtful: bool


@dataclass(frozen=True)
class View:
    """A comparison with everything to print of it; `fails` names the cells that make a gate fail (Holm)."""

    comparison: Comparison
    metric: Metric
    baseline: Run
    candidate: Run
    cells: tuple[CellView, ...]
    fails: tuple[str, ...]
    headline: str
    facts: tuple[str, ...]
    invalid: tuple[str, ...]
    refusal: str

    @property
    def question(self) -> str:
        """The question that the comparison answers."""
        return plain(f"{self.metric.label}: does B differ from A?")


def view(
    comparison: Comparison,
    baseline: tuple[Run, Sequence[Trial]],
    candidate: tuple[Run, Sequence[Trial]],
    selfcheck: SelfCheck | None = None,
) -> View:
    """Return everything to print of a comparison; `selfcheck` is the newest one of its device."""
    metric = METRICS[comparison.metric]
    p_values = {found.cell: found.p for found in comparison.cells}
    shown, gated = set(listed(p_values)), failing(p_values)
    alike = failing({found.cell: found.serial_p for found in comparison.cells})
    cells = tuple(
        _cell(comparison, found, baseline, candidate, metric, sure=found.cell in shown, alike=found.cell in alike)
        for found in comparison.cells
    )
    fails = tuple(
        each.found.cell for each in cells if each.found.verdict == "regressed" and each.found.cell in gated
    )
    return View(
        comparison=comparison,
        metric=metric,
        baseline=baseline[0],
        candidate=candidate[0],
        cells=cells,
        fails=fails,
        headline=_headline(comparison, cells, fails),
        facts=tuple(_facts(comparison, baseline, candidate, selfcheck)),
        invalid=()
        if comparison.differs  # nothing was judged, and a run of another scenario has other figures
        else (*_apart(comparison), *_invalid("A", baseline[1], metric), *_invalid("B", candidate[1], metric)),
        refusal=refusal(comparison.dimension, comparison.differs) if comparison.differs else "",
    )


def change_words(change: Interval, metric: Metric) -> str:
    """Return e.g. ``B needs 5.2 % more time (3.1 % to 7.4 %)``: more or less of what the metric measures."""
    verb, what = ("needs", "time") if metric.unit == "s" else ("reaches", metric.unit)
    more = "less" if what == "time" else "fewer"

    def side(ratio: float) -> str:
        return "more" if ratio >= 1 else more

    def share(ratio: float) -> str:
        return percent(abs(ratio - 1))

    words = f"B {verb} {share(change.estimate)} {side(change.estimate)} {what}"
    if change.low is None or change.high is None:
        return f"{words} (no interval: {number_of(change.n, 'valid pair')})"
    ends = (change.low, change.high) if change.estimate >= 1 else (change.high, change.low)
    if side(ends[0]) == side(ends[1]):
        return f"{words} ({share(ends[0])} to {share(ends[1])})"
    return f"{words} ({share(ends[0])} {side(ends[0])} to {share(ends[1])} {side(ends[1])})"


def name_of(each: CellView, run: Run) -> str:
    """Return a cell's name; empty where the run has one cell only."""
    return cell_phrase(each.cells[0], varying(run.cells)) if len(run.cells) > 1 else ""


def pairs_table(each: CellView, metric: Metric) -> Table:
    """Return the valid pairs of a cell: both medians and their ratio."""
    columns: list[Column[int]] = [
        Column(Head("pair"), str),
        Column(Head("A"), lambda block: quantity(each.baseline[block], metric.unit)),
        Column(Head("B"), lambda block: quantity(each.candidate[block], metric.unit)),
        Column(Head("B / A"), lambda block: f"{each.ratios[block]:.4f}"),
    ]
    return table(columns, each.ratios)


def contexts_table(found: View) -> Table:
    """Return the facts of both contexts; a row whose sides differ stands as `differs`."""
    ours, theirs = found.baseline.context.facts, found.candidate.context.facts

    def differs(name: str) -> bool:
        return theirs.get(name) != ours.get(name)

    columns: list[Column[str]] = [
        Column(Head("fact", "prose"), str),
        Column(Head("A", "prose"), lambda name: ours.get(name, NONE)),
        Column(Head("B", "prose"), lambda name: theirs.get(name, NONE) if differs(name) else "the same"),
    ]
    return table(columns, sorted({*ours, *theirs}), standing=lambda name: "differs" if differs(name) else "")


def _cell(
    comparison: Comparison,
    found: CellVerdict,
    baseline: tuple[Run, Sequence[Trial]],
    candidate: tuple[Run, Sequence[Trial]],
    metric: Metric,
    *,
    sure: bool,
    alike: bool,
) -> CellView:
    cells = _cells(found.cell, baseline[0], candidate[0])
    ours = medians_by_block(baseline[1], cells[0].key, metric.name)
    theirs = medians_by_block(candidate[1], cells[1].key, metric.name)
    apart = comparison.differs or found.verdict == "incomparable"
    ratios = {} if apart else ratios_by_block(theirs, ours)
    parts = _finding(found, metric)
    if comparison.looks_most:  # measured in turn: between two sessions whatever changed is in the ratios
        parts += _outlook(comparison, found)
    if alike:
        parts.append(
            f"neighbouring pairs are more alike than chance explains (p {p_words(found.serial_p)}), as when a "
            "side keeps a core or a memory layout for some pairs: the verdict is less sure than it says"
        )
    doubtful = found.verdict in CHANGED and not sure
    why = found.why[:1].upper() + found.why[1:]
    if doubtful:
        parts.append(
            "with so many cells some seem to change by chance: do not rely on this one alone (Benjamini-Hochberg)"
        )
    return CellView(found, cells, ours, theirs, ratios, plain(f"{'; '.join(parts)}. {why}."), doubtful)


def _finding(found: CellVerdict, metric: Metric) -> list[str]:
    """Return the verdict with what it rests on; trials missing on one side come first where they decided it."""
    change = "" if found.change is None else change_words(found.change, metric)
    if found.missing is None:
        return [f"{change}: {found.verdict}" if change else found.verdict]
    missing = missing_words(found.missing)
    if found.verdict == "cannot tell":
        return [f"cannot tell: {missing}", *([f"of the trials that count, {change}"] if change else [])]
    return [f"{change}: {found.verdict}", missing]


def _outlook(comparison: Comparison, found: CellVerdict) -> list[str]:
    """Return how far an early stop can be quoted, and the smallest change that is found in nine of ten."""
    if found.change is None or found.change.low is None:
        return []
    words = []
    if found.verdict in CHANGED and found.pairs < comparison.looks_most:
        words.append("a change looks larger than it is where it ends a comparison: to quote it, use --all-pairs")
    less = found.change.estimate < 1  # 1.5 times as much and 1 / 1.5 are as far from 1
    if (smallest := found.smallest_found) is not None:
        share = smallest / (1 + smallest) if less else smallest
        words.append(
            f"at this spread {percent(share)} {'less' if less else 'more'} is found in 9 of 10 comparisons"
        )
    return words


def _cells(key: str, baseline: Run, candidate: Run) -> tuple[Cell, Cell]:
    """Return a cell of the baseline and its counterpart: the same cell, or the one in its place."""
    index = next(index for index, cell in enumerate(baseline.cells) if cell.key == key)
    same = next((cell for cell in candidate.cells if cell.key == key), None)
    return baseline.cells[index], same or candidate.cells[index]


def _headline(comparison: Comparison, cells: Sequence[CellView], fails: Sequence[str]) -> str:
    verdicts = Counter(each.found.verdict for each in cells)
    if len(cells) == 1:
        return str(cells[0].found.verdict)
    words = ", ".join(f"{count} {verdict}" for verdict, count in verdicts.most_common())
    if not verdicts["regressed"]:
        return f"{len(cells)} cells: {words}"
    held = "none of them makes" if not fails else f"{len(fails)} of them make" + ("s" if len(fails) == 1 else "")
    return f"{len(cells)} cells: {words}; {held} the gate fail (Holm)"


def _facts(
    comparison: Comparison,
    baseline: tuple[Run, Sequence[Trial]],
    candidate: tuple[Run, Sequence[Trial]],
    selfcheck: SelfCheck | None,
) -> list[str]:
    (ours, trials_a), (theirs, trials_b) = baseline, candidate
    found = [f"A, the baseline: {_side(comparison, ours)}", f"B, the candidate: {_side(comparison, theirs)}"]
    pairs = sum(each.pairs for each in comparison.cells)
    spent = f"{cost_s([*trials_a, *trials_b]):.0f}"
    if comparison.looks_most:
        once = comparison.looks_first == comparison.looks_most
        judged = (
            f"once, after {comparison.looks_most} pairs"
            if once
            else f"after each of its pairs from the {comparison.looks_first}th to the {comparison.looks_most}th; "
            "its interval allows for that many looks"
        )
        found.append(
            f"{number_of(pairs, 'valid pair')}, interleaved; {spent} of {comparison.budget_s:.0f} s of device "
            f"time. A cell is judged {judged}. Seed {comparison.seed}"
        )
    else:
        found.append(f"{number_of(pairs, 'valid pair')}, block by block; {spent} s of device time")
    if comparison.status != "finished":
        found.append(f"The comparison is {comparison.status}: lab compare --resume {comparison.id[:13]}")
    if selfcheck is not None and not comparison.differs:
        found.append(quote(selfcheck))
    elif comparison.looks_most and not comparison.differs:
        found.append(
            f"Unknown: how often verdicts on {comparison.device} are wrong. To find out: lab selfcheck --device "
            f"{shlex.quote(comparison.device)}"
        )
    return [plain(words) for words in found]


def _apart(comparison: Comparison) -> list[str]:
    """Return why runs that were measured one after the other get no verdict."""
    if comparison.looks_most or comparison.differs:
        return []
    return [
        "The two runs were not interleaved: heat or load that changed between them is in the ratio, so there "
        "is no verdict. To get one, measure in turn: lab compare A B --scenario NAME"
    ]


def _side(comparison: Comparison, run: Run) -> str:
    parts = {
        "parameter": ", ".join(cell.key for cell in run.cells),
        "device": on_device(run),
    }
    what = parts.get(comparison.dimension, f"build {run.build_line} ({run.build[:12]})")
    slowed = "" if run.inject is None else f", {run.inject.stage} slowed down {run.inject.slow_down:g} times"
    return f"{what}{slowed}, run {run.id[:13]}"


def _invalid(name: str, trials: Sequence[Trial], metric: Metric) -> list[str]:
    """Return a line for each reason why trials of a side do not count, with one trial's detail."""
    bad = [trial for trial in trials if trial.purpose == "time" and not counted(trial, metric.name)]
    reasons: dict[str, list[Trial]] = {}
    for trial in bad:
        reasons.setdefault(str(trial.reason or trial.state), []).append(trial)
    return [
        plain(
            f"{name}: {len(found)} of {len(trials)} trials do not count, {reason}: {found[0].detail}".rstrip(": ")
        )
        for reason, found in sorted(reasons.items())
    ]
