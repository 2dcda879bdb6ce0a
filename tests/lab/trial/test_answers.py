"""Answers of an evaluation: what must hold of them, and when one is right."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from device_agents.contract import (
    Answer,
    EvaluateWork,
    Event,
    InvalidReason,
    Iteration,
    Job,
    Span,
    Stage,
    TokenTrail,
    normalised,
    text_of,
)
from lab.builds import questions
from lab.records import Scores
from lab.trial.answers import check, score
from lab.trial.flaws import Found
from tests.question_sets import BYTES, write_questions


def job_of(count: int) -> Job:
    """Return a job that asks so many questions."""
    work = EvaluateWork(questions="mine", patches_per_batch=1, pipelined=False, parallel_tokens=8, most_tokens=9)
    return Job(
        protocol=1,
        trial="t",
        build="b",
        work=work,
        warmup_iterations=0,
        iterations=count,
        units={},
        stages={},
    )


def answered(number: int, name: str, text: str, margin: float = 1.0) -> list[Event]:
    """Return the events of one question: a visible token for each byte and the end."""
    ids = [byte + 2 for byte in text.encode()] + [0]
    start = number * 10**9
    spans: list[Event] = [
        Span(
            stage=Stage.DETOKENISE,
            iteration=number,
            index=index,
            start_ns=start + 10**6 * index,
            duration_ns=0,
            role="cpu",
            unit="cpu0",
            thread=1,
            cpu_ns=0,
        )
        for index in range(len(ids))
    ]
    trail = TokenTrail(ids=ids, margins=[margin] * len(ids))
    done = Iteration(iteration=number, phase="measure", start_ns=start, duration_ns=5 * 10**8)
    return [*spans, done, Answer(iteration=number, question=name, tokens=trail)]


def scores_of(events: Sequence[Event], tmp_path: Path) -> Scores:
    """Score events by the key of the small folder of questions."""
    write_questions(tmp_path / "questions" / "set")
    found = questions.find(tmp_path, "set")
    assert found is not None
    return score(events, found, BYTES)


@pytest.mark.parametrize(
    ("text", "wanted"), [(" 9:41 ", "9:41"), ("Ann  LEE\n", "ann lee"), ("STRASSE", "strasse"), ("ß", "ss")]
)
def test_case_and_spaces_make_no_difference(text: str, wanted: str) -> None:
    """Stripped, folded, and with single spaces inside."""
    assert normalised(text) == wanted


def test_the_end_and_ids_without_a_byte_have_no_text() -> None:
    """Id 2 is byte 0; ids 0, 1 and 258 are none; half a character becomes U+FFFD."""
    assert text_of([1, 67, 68, 258, 0], BYTES) == "AB"
    assert text_of([0xC3 + 2], BYTES) == "\ufffd"


def test_an_answer_is_right_if_any_accepted_one_equals_it(tmp_path: Path) -> None:
    """A choice is a letter and nothing else; a longer text that holds the answer is wrong."""
    events = [*answered(0, "a1", "9:41 "), *answered(1, "a2", "B."), *answered(2, "b1", "ann lee")]
    found = scores_of(events, tmp_path)

    assert [(each.name, each.said, each.correct) for each in found.answers] == [
        ("a1", "9:41 ", True),
        ("a2", "B.", False),
        ("b1", "ann lee", True),
    ]
    assert (found.answers[0].tokens, found.answers[0].margin) == (6, 1.0)


def test_a_question_that_could_not_be_asked_is_wrong(tmp_path: Path) -> None:
    """Its problem is kept."""
    done = Iteration(iteration=1, phase="measure", start_ns=10**9, duration_ns=1)
    events = [*answered(0, "a1", "9:41"), done, Answer(iteration=1, question="a2", problem="too long")]
    found = scores_of(events, tmp_path).answers[1]

    assert (found.correct, found.problem, found.said, found.margin) == (False, "too long", "", None)


def test_an_evaluation_without_a_flaw_passes() -> None:
    """One answer in each iteration, of the tokens that were made visible."""
    check(job_of(2), [*answered(0, "a1", "x"), *answered(1, "a2", "y")])


@pytest.mark.parametrize(
    ("events", "reason"),
    [
        (answered(0, "a1", "x")[:-1], InvalidReason.COUNT_MISMATCH),
        ([*answered(0, "a1", "x"), answered(0, "a1", "x")[-1]], InvalidReason.COUNT_MISMATCH),
        (answered(0, "a1", "x", float("nan")), InvalidReason.WRONG_OUTPUT),
        (answered(0, "a1", "x")[1:], InvalidReason.WRONG_TOKEN_COUNT),
        (answered(0, "a1", "x" * 9), InvalidReason.WRONG_TOKEN_COUNT),
    ],
    ids=["none", "two", "no number", "a token nobody saw", "too long"],
)
def test_a_flawed_evaluation_counts_nothing(events: list[Event], reason: InvalidReason) -> None:
    """The flaw names the contract's reason."""
    with pytest.raises(Found) as caught:
        check(job_of(1), events)

    assert caught.value.flaw.reason is reason
