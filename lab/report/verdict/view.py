"""A comparison in words and numbers: the one view that terminal, page and Markdown draw."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from device_agents.plain import plain_lines
from lab.compare.comparable import refusal
from lab.records import CHANGED, Cell, CellVerdict, Comparison, Interval, Metric, Run, SelfCheck, Trial
from lab.report.verdict.facts import facts_of, invalid_of
from lab.report.verdict.sentence import sentence_of
from lab.report.verdict.sides import Manifests, Names, accuracy_words, busy_clause, busy_words, names_of
from lab.report.wording import cell_phrase, plain, varying
from lab.stats.families import failing, listed
from lab.stats.interval import cell_interval
from lab.stats.pairs import ratios_by_block
from lab.stats.sample import Medians, medians_by_block
from lab.trial.metrics import METRICS


@dataclass(frozen=True)
class CellView:
    """One cell: its verdict, the medians of both sides by block, and the ratios of its valid pairs.

    `name` is empty where the run has one cell only. `figures` are those of baseline and candidate, None for a side
    without a trial that counts. `doubtful`: a change that does not survive the correction for the number of cells
    (Benjamini and Hochberg).
    """

    found: CellVerdict
    cells: tuple[Cell, Cell]
    name: str
    baseline: Medians
    candidate: Medians
    figures: tuple[Interval | None, Interval | None]
    ratios: dict[int, float]
    sentence: str
    doubtful: bool


@dataclass(frozen=True)
class View:
    """A comparison with everything to print of it.

    `names` are those of baseline and candidate. `fails` names the cells that make a gate fail (Holm); `beside` is
    what belongs to the figures: the builds' accuracy, and whether the machine was busy. `stopped` says why there
    is no verdict where it ended before its first valid pair, and what to do: the first line is the cause.
    """

    comparison: Comparison
    metric: Metric
    baseline: Run
    candidate: Run
    names: Names
    cells: tuple[CellView, ...]
    fails: tuple[str, ...]
    headline: str
    beside: tuple[str, ...]
    facts: tuple[str, ...]
    invalid: tuple[str, ...]
    refusal: str
    stopped: str

    @property
    def measured(self) -> bool:
        """Whether any side of any cell has a figure."""
        return any(figure is not None for each in self.cells for figure in each.figures)

    @property
    def question(self) -> str:
        """The question that the comparison answers."""
        base, other = self.names
        if self.comparison.dimension in ("build", "runtime"):
            return f"Is {other} better or worse than {base} for {self.metric.label}?"
        return f"Do {base} and {other} differ in {self.metric.label}?"


def view(
    comparison: Comparison,
    baseline: tuple[Run, Sequence[Trial]],
    candidate: tuple[Run, Sequence[Trial]],
    selfcheck: SelfCheck | None = None,
    *,
    manifests: Manifests | None = None,
) -> View:
    """Return everything to print of a comparison.

    `selfcheck` is the newest one of its device; `manifests` are those of the builds that could be found.
    """
    metric = METRICS[comparison.metric]
    names = names_of(comparison, baseline[0], candidate[0])
    p_values = {found.cell: found.p for found in comparison.cells}
    shown, gated = set(listed(p_values)), failing(p_values)
    alike = failing({found.cell: found.serial_p for found in comparison.cells})
    cells = tuple(
        _cell(
            comparison,
            found,
            baseline,
            candidate,
            names,
            sure=found.cell in shown,
            alike=found.cell in alike,
        )
        for found in comparison.cells
    )
    fails = tuple(
        each.found.cell for each in cells if each.found.verdict == "regressed" and each.found.cell in gated
    )
    apart = bool(comparison.differs)  # nothing was judged, and a run of another scenario has other figures
    trials = [*baseline[1], *candidate[1]]
    runs = (baseline[0], candidate[0])
    busy = busy_words(baseline[0], trials, metric) if trials else ""
    beside = [busy, accuracy_words(names, runs, manifests or {})]
    stopped = _stopped(comparison, trials)
    invalid = invalid_of(comparison, baseline, candidate, names, metric=metric, stopped=stopped)
    return View(
        comparison=comparison,
        metric=metric,
        baseline=baseline[0],
        candidate=candidate[0],
        names=names,
        cells=cells,
        fails=fails,
        headline="no verdict" if stopped else _headline(comparison, cells, fails),
        beside=() if apart else tuple(filter(None, beside)),
        facts=tuple(facts_of(comparison, baseline, candidate, names, selfcheck=selfcheck)),
        invalid=() if apart else tuple(invalid),
        refusal=refusal(comparison.dimension, comparison.differs) if comparison.differs else "",
        stopped=stopped,
    )


def _stopped(comparison: Comparison, trials: Sequence[Trial]) -> str:
    """Return why a comparison that ended before its first valid pair has no verdict; empty for any other."""
    early = comparison.status in ("failed", "interrupted") and not comparison.differs
    if not early or any(each.pairs for each in comparison.cells) or (trials and not comparison.failure):
        return ""
    how = "failed" if comparison.status == "failed" else "was interrupted"
    return plain_lines(f"No verdict: {comparison.failure or f'the comparison {how} before its first pair.'}")


def _cell(
    comparison: Comparison,
    found: CellVerdict,
    baseline: tuple[Run, Sequence[Trial]],
    candidate: tuple[Run, Sequence[Trial]],
    names: Names,
    *,
    sure: bool,
    alike: bool,
) -> CellView:
    metric = METRICS[comparison.metric]
    cells = _cells(found.cell, baseline[0], candidate[0])
    ours = medians_by_block(baseline[1], cells[0].key, metric.name)
    theirs = medians_by_block(candidate[1], cells[1].key, metric.name)
    apart = bool(comparison.differs) or found.verdict == "incomparable"
    figures = (None, None) if apart else (_figure(ours), _figure(theirs))
    name = cell_phrase(cells[0], varying(baseline[0].cells)) if len(baseline[0].cells) > 1 else ""
    sides = zip(cells, (baseline[1], candidate[1]), strict=True)
    trials = [trial for cell, side in sides for trial in side if trial.cell == cell.key]
    doubtful = found.verdict in CHANGED and not sure
    sentence = sentence_of(
        comparison,
        found,
        metric,
        names,
        figures,
        place=_place(name),
        busy=busy_clause(baseline[0], trials, metric),
        alike=alike,
        doubtful=doubtful,
    )
    ratios = {} if apart else ratios_by_block(theirs, ours)
    return CellView(found, cells, name, ours, theirs, figures, ratios, plain(sentence), doubtful)


def _figure(medians: Medians) -> Interval | None:
    return cell_interval(list(medians.values()), looks=None) if medians else None


def _place(name: str) -> str:
    """Return where in the sweep a cell lies, to follow the name of a side in a sentence."""
    if not name:
        return ""
    return f" at {name}" if name[0].isdigit() else f" {name}" if name.startswith("on ") else f", {name}"


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
