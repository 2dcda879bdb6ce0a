"""The answer of an evaluation: its sentence, its tables, and what they warn of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from device_agents.contract import InvalidReason
from lab.records import Answer, Cell, Run, Scored, Scores, Trial
from lab.report.answer.accuracy import answer_of_evaluation
from lab.report.answer.markdown import render_markdown
from lab.report.answer.page import render_html
from lab.report.answer.right import tables
from lab.trial.metrics import METRICS
from tests.saved_runs import run_of

WHOLE, BLANK = Cell("view=whole", {"view": "whole"}), Cell("view=blank", {"view": "blank"})


def scored(number: int, *, correct: bool, said: str = "x", problem: str = "") -> Scored:
    """Return the answer to a question; three questions share an image, two kinds take turns."""
    return Scored(
        name=f"q{number}",
        image=f"image {number // 3}",
        kind="clock" if number % 2 else "name",
        layout="chat",
        text="How late is it?",
        expected=("9:41",),
        said="9:41" if correct else said,
        correct=correct,
        problem=problem,
        tokens=5,
        margin=0.5,
    )


def scores(right: int, *, problem: bool = False) -> Scores:
    """Return 30 answers, the first `right` of them right."""
    answers = [scored(number, correct=number < right) for number in range(30)]
    if problem:
        answers[-1] = replace(answers[-1], said="", problem="too long")
    return Scores("f" * 64, "mine", "my.tsv", ("row 7: no image",), tuple(answers))


def run() -> Run:
    """Return a finished run of two cells."""
    return replace(run_of(), scenario="accuracy", cells=(WHOLE, BLANK), status="finished", blocks=1)


def trial(number: int, cell: Cell, *, valid: bool = True) -> Trial:
    """Return a trial of a cell."""
    reason = None if valid else InvalidReason.TIMEOUT
    started = "2026-01-01T00:00:01.000Z"
    return Trial(number, 0, cell.key, valid, reason, "", started, 9.5, {"answers_per_s": (4.0,)})


def answer(found: Mapping[int, Scores], *trials: Trial) -> Answer:
    """Return the answer of trials, whose scores are kept by number."""
    return answer_of_evaluation(
        run(),
        trials,
        lambda each: found.get(each.number),
        question="How many?",
        metric=METRICS["accuracy"],
        other_metrics=[METRICS["answers_per_s"]],
    )


def both() -> Answer:
    """Return the answer of 24 right answers of 30, and of 6 with the image blanked."""
    return answer({1: scores(24), 2: scores(6)}, trial(1, WHOLE), trial(2, BLANK))


def test_the_sentence_counts_questions_not_trials() -> None:
    """24 of 30, with an interval over ten images, and what remains of it without the image."""
    said = both().sentence

    assert said.startswith("24 of 30 questions are answered exactly: 80 % (95 % interval ")
    assert said.endswith("With view blank: 20 %.")


def test_the_difference_to_the_first_cell_is_paired() -> None:
    """18 answers of 30 are lost: 60 points."""
    first, second = both().accuracy

    assert first.against_first is None
    assert second.against_first is not None
    assert round(second.against_first.estimate, 6) == -0.6
    assert (first.questions, first.images) == (30, 10)


def test_every_format_has_the_tables_of_kind_and_layout_and_some_wrong_answers() -> None:
    """As Markdown and as a page: both kinds, the layout, and a wrong answer beside what was expected."""
    found = both()
    texts = (render_markdown(found), render_html([(found, [trial(1, WHOLE), trial(2, BLANK)])]))

    titles = [each.title for each in tables(found)]
    assert titles[1:] == [
        "Right answers by kind of question, each above its interval",
        "Right answers by layout, each above its interval",
        "Some wrong answers",
    ]
    assert [row.texts[:2] for row in tables(found)[1].rows] == [("clock", "15"), ("name", "15")]
    assert tables(found)[3].rows[0].texts == ("How late is it?", "9:41", "x", "name")
    for text in texts:
        assert "24 of 30 questions" in text
        assert "9:41" in text
        assert "clock" in text


def test_what_was_asked_and_what_could_not_be_is_said() -> None:
    """The source, its broken rows, and questions that no agent could ask."""
    warnings = answer({1: scores(24, problem=True)}, trial(1, WHOLE)).warnings

    assert "Asked: my.tsv (questions ffffffffffff)." in warnings
    assert "1 row of it could not be asked, the first: row 7: no image." in warnings
    assert "view=whole: 1 question could not be asked and is counted as wrong." in warnings


def test_two_trials_that_answer_differently_are_told() -> None:
    """Greedy answers are the same in every trial; the first one counts."""
    other = scores(24)
    changed = replace(other, answers=(replace(other.answers[0], said="9:47", correct=False), *other.answers[1:]))
    found = answer({1: scores(24), 2: changed}, trial(1, WHOLE), trial(2, WHOLE))

    assert found.accuracy[0].differing == 1
    assert found.accuracy[0].share.estimate == 0.8
    assert any("1 question got other answers in another trial" in words for words in found.warnings)


def test_without_a_valid_trial_there_is_no_answer() -> None:
    """The reason stands in the summary."""
    found = answer({}, trial(1, WHOLE, valid=False))

    assert found.sentence == "No answer: no trial of accuracy counts."
    assert found.summaries[0].invalid == {InvalidReason.TIMEOUT: 1}
