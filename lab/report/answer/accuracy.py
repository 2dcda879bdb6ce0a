"""From scored answers to the answer of an evaluation: shares by cell, kind of question and layout."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from lab.records import (
    Answer,
    Cell,
    CellAccuracy,
    CellSummary,
    Interval,
    Metric,
    Run,
    Scored,
    Scores,
    Share,
    Trial,
)
from lab.records.telling import number_of, percent
from lab.report.answer.right import ends
from lab.report.answer.sentence import no_answer
from lab.report.wording import cell_phrase, kind_of, varying
from lab.stats.clustered import difference, pairs_of, share

WRONG = 8
"""How many wrong answers of a cell are shown. A judgement: enough to see what kind of mistake it is."""


def accuracies(
    run: Run, trials: Sequence[Trial], scores_of: Callable[[Trial], Scores | None]
) -> list[CellAccuracy]:
    """Return how each cell's questions were answered, by its first valid trial; leaves out cells without one."""
    found: list[CellAccuracy] = []
    first: Scores | None = None
    for cell in run.cells:
        own = [t for t in trials if t.valid and t.purpose == "time" and t.cell == cell.key]
        scores = [each for each in map(scores_of, own) if each is not None and each.answers]
        if not scores:
            continue
        found.append(_of_cell(cell, scores, None if cell is run.cells[0] else first))
        first = scores[0] if cell is run.cells[0] else first
    return found


def answer_of_evaluation(
    run: Run,
    trials: Sequence[Trial],
    scores_of: Callable[[Trial], Scores | None],
    *,
    question: str,
    metric: Metric,
    other_metrics: Iterable[Metric],
) -> Answer:
    """Return a run's answer; its intervals are over questions in clusters of one image, never over trials."""
    cells = accuracies(run, trials, scores_of)
    by_key = {each.cell.key: each for each in cells}
    timed = kind_of(run) != "emulated"
    return Answer(
        run=run,
        question=question,
        metric=metric,
        summaries=tuple(_summary(cell, trials, by_key.get(cell.key)) for cell in run.cells),
        best=None,
        contenders=(),
        sentence=_sentence(run, cells),
        published=(),
        other_metrics={
            other.name: (other, figures)
            for other in other_metrics
            if timed and (figures := _first_figures(run, trials, other.name))
        },
        warnings=tuple(_warnings(run, trials, cells, scores_of)),
        accuracy=tuple(cells),
    )


def _of_cell(cell: Cell, scores: Sequence[Scores], first: Scores | None) -> CellAccuracy:
    answers = scores[0].answers
    said = [{each.name: each.said for each in one.answers} for one in scores]
    return CellAccuracy(
        cell=cell,
        questions=len(answers),
        images=len({each.image for each in answers}),
        share=share((each.image, each.correct) for each in answers),
        against_first=None if first is None else difference(pairs_of(marks(first), marks(scores[0]))),
        kinds=_shares(answers, lambda each: each.kind),
        layouts=_shares(answers, lambda each: each.layout),
        wrong=_some_wrong(answers),
        problems=sum(bool(each.problem) for each in answers),
        differing=sum(any(one.get(name) != text for one in said[1:]) for name, text in said[0].items()),
    )


def _some_wrong(answers: Sequence[Scored]) -> tuple[Scored, ...]:
    """Return a few wrong answers, of each kind of question in turn."""
    turns: dict[str, int] = {}
    ranked: list[tuple[int, Scored]] = []
    for each in answers:
        if not each.correct and not each.problem:
            turns[each.kind] = turns.get(each.kind, 0) + 1
            ranked.append((turns[each.kind], each))
    return tuple(each for _, each in sorted(ranked, key=lambda pair: pair[0])[:WRONG])


def marks(scores: Scores) -> list[tuple[str, str, bool]]:
    """Return (question, image, right or not) of each answer."""
    return [(each.name, each.image, each.correct) for each in scores.answers]


def _shares(answers: Sequence[Scored], of: Callable[[Scored], str]) -> tuple[Share, ...]:
    groups: dict[str, list[Scored]] = {}
    for each in answers:
        groups.setdefault(of(each), []).append(each)
    return tuple(
        Share(name, len(own), share((each.image, each.correct) for each in own))
        for name, own in sorted(groups.items())
    )


def _summary(cell: Cell, trials: Sequence[Trial], found: CellAccuracy | None) -> CellSummary:
    own = [trial for trial in trials if trial.cell == cell.key]
    invalid = [trial.reason for trial in own if not trial.valid and trial.reason is not None]
    return CellSummary(
        cell=cell,
        interval=None if found is None else found.share,
        valid=sum(trial.valid for trial in own),
        invalid={reason: invalid.count(reason) for reason in invalid},
        trial_cv=None,
        between_cv=None,
        within_cv=None,
        may_be_best=False,
    )


def _first_figures(run: Run, trials: Sequence[Trial], name: str) -> dict[str, Interval]:
    """Return the figure of each cell's first valid trial, without an interval: time is not what was asked."""
    found: dict[str, Interval] = {}
    for cell in run.cells:
        values = [t.samples[name][0] for t in trials if t.valid and t.cell == cell.key and t.samples.get(name)]
        if values:
            found[cell.key] = Interval(values[0], None, None, 0.95, len(values))
    return found


def _sentence(run: Run, cells: Sequence[CellAccuracy]) -> str:
    if not cells:
        return no_answer(run.scenario)
    whole, *others = cells
    right = round(whole.share.estimate * whole.questions)
    asked = number_of(whole.questions, "question")
    words = f"{right} of {asked} are answered exactly: {percent(whole.share.estimate)}"
    words += f" (95 % interval {ends(whole.share)})" if whole.share.low is not None else ""
    names = varying(run.cells)
    rest = "; ".join(f"{cell_phrase(each.cell, names)}: {percent(each.share.estimate)}" for each in others)
    return f"{words}.{f' With {rest}.' if rest else ''}"


def _warnings(
    run: Run,
    trials: Sequence[Trial],
    cells: Sequence[CellAccuracy],
    scores_of: Callable[[Trial], Scores | None],
) -> list[str]:
    found = []
    if run.status != "finished":
        found.append(f"The run is {run.status}: planned trials are missing.")
    scores = next((each for each in map(scores_of, (t for t in trials if t.valid)) if each is not None), None)
    if scores is not None:
        found.append(f"Asked: {scores.source} (questions {scores.questions[:12]}).")
        if scores.left_out:
            rows = number_of(len(scores.left_out), "row")
            found.append(f"{rows} of it could not be asked, the first: {scores.left_out[0]}.")
    for cell in cells:
        if cell.problems:
            asked = number_of(cell.problems, "question")
            verb = "is" if cell.problems == 1 else "are"
            found.append(f"{cell.cell.key}: {asked} could not be asked and {verb} counted as wrong.")
        if cell.differing:
            found.append(
                f"{cell.cell.key}: {number_of(cell.differing, 'question')} got other answers in another trial: a "
                "close call between two tokens, or something is not deterministic."
            )
    if cells and cells[0].share.low is None:
        found.append(f"No interval: {number_of(cells[0].images, 'image')} are too few for one.")
    return found
