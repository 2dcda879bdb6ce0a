"""An evaluation's answers: each question has one, and each is compared with the accepted ones.

The comparison is exact but for case and spaces (`device_agents.contract.is_right`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from device_agents.contract import (
    Answer,
    EvaluateWork,
    Event,
    Expected,
    InvalidReason,
    Job,
    Stage,
    Tokenizer,
    is_right,
    text_of,
)
from lab.builds.questions import OwnQuestions
from lab.files import write_atomically
from lab.records import Scored, Scores, Trial, plain
from lab.trial.flaws import Found
from lab.trial.metrics import NS, end_ns, measured, spans_by_iteration

SCORES = "scores.json"
"""The scored answers of a trial, in its folder."""


def check(job: Job, events: Sequence[Event]) -> None:
    """Raise `Found` unless each iteration has one answer, finite and of as many tokens as its spans decoded."""
    if not isinstance(job.work, EvaluateWork):
        return
    answers = [event for event in events if isinstance(event, Answer)]
    numbers = [answer.iteration for answer in answers]
    if numbers != [iteration.iteration for iteration in measured(events)]:
        raise Found(
            InvalidReason.COUNT_MISMATCH,
            f"wanted an answer in each of {job.iterations} iterations, found {len(answers)}",
        )
    spans = spans_by_iteration(events)
    for answer in answers:
        own = spans.get(answer.iteration, [])
        shown = sum(span.stage is Stage.DETOKENISE for span in own)
        ids, margins = ([], []) if answer.tokens is None else (answer.tokens.ids, answer.tokens.margins)
        where = f"question {answer.question}"
        if not all(map(math.isfinite, margins)):
            raise Found(InvalidReason.WRONG_OUTPUT, f"{where}: the margins of its tokens are not finite")
        if len(ids) != shown or len(ids) > job.work.most_tokens or (answer.tokens is not None and not ids):
            raise Found(
                InvalidReason.WRONG_TOKEN_COUNT,
                f"{where}: {len(ids)} tokens in its answer, {shown} made visible, at most {job.work.most_tokens}",
            )


def score(events: Sequence[Event], questions: OwnQuestions, tokenizer: Tokenizer) -> Scores:
    """Compare every answer with the accepted ones."""
    answers = {event.question: event for event in events if isinstance(event, Answer)}
    key = questions.key
    return Scores(
        questions=questions.id,
        name=key.name,
        source=key.source,
        left_out=tuple(key.left_out),
        answers=tuple(
            _scored(each, answers[each.name], tokenizer) for each in key.expected if each.name in answers
        ),
    )


def with_scores(trial: Trial, events: Sequence[Event], scores: Scores, folder: Path) -> Trial:
    """Return the trial with the figures of its answers in place of times, and keep the scores in its folder."""
    write_atomically(folder / SCORES, plain.dumps(scores).encode())
    return replace(trial, samples={name: (value,) for name, value in _figures(events, scores).items()})


def scores_in(folder: Path) -> Scores | None:
    """Return the scored answers of a trial; None where there are none that can be read."""
    try:
        return plain.loads(Scores, (folder / SCORES).read_bytes())
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _scored(expected: Expected, answer: Answer, tokenizer: Tokenizer) -> Scored:
    trail = answer.tokens
    said = "" if trail is None else text_of(trail.ids, tokenizer)
    return Scored(
        name=expected.name,
        image=expected.image,
        kind=expected.kind,
        layout=expected.layout,
        text=expected.text,
        expected=tuple(expected.answers),
        said=said,
        correct=trail is not None and is_right(said, expected.answers),
        problem=answer.problem or "",
        tokens=0 if trail is None else len(trail.ids),
        margin=None if trail is None else min(trail.margins),
    )


def _figures(events: Sequence[Event], scores: Scores) -> Mapping[str, float]:
    """Return the share of right answers, answers a second, and the rate of tokens after the first of each."""
    found = {"accuracy": sum(each.correct for each in scores.answers) / len(scores.answers)}
    seconds = sum(iteration.duration_ns for iteration in measured(events)) * NS
    answered = sum(not each.problem for each in scores.answers)
    if seconds > 0 and answered:
        found["answers_per_s"] = answered / seconds
    tokens, decode_ns = 0, 0
    for spans in spans_by_iteration(events).values():
        shown = [end_ns(span) for span in spans if span.stage is Stage.DETOKENISE]
        tokens += max(0, len(shown) - 1)
        decode_ns += max(shown) - min(shown) if shown else 0
    if decode_ns:
        found["decode_tokens_per_s"] = tokens / (decode_ns * NS)
    return found
