"""The nouns of an evaluation: scored answers, and the shares of right ones."""

from __future__ import annotations

from dataclasses import dataclass

from lab.records.run import Cell
from lab.records.verdict import Interval


@dataclass(frozen=True)
class Scored:
    """The answer to one question: what was said, what was wanted, and whether they match.

    `image` names the question's image: answers about one image are no independent samples. `tokens` counts the ids
    with the end; `margin` is the least top-1 minus top-2 logit among them, None without an answer; `problem` says
    why there is none.
    """

    name: str
    image: str
    kind: str
    layout: str
    text: str
    expected: tuple[str, ...]
    said: str
    correct: bool
    problem: str
    tokens: int
    margin: float | None


@dataclass(frozen=True)
class Scores:
    """A trial's scored answers, in the order of the questions; `questions` is the content id of the answer key."""

    questions: str
    name: str
    source: str
    left_out: tuple[str, ...]
    answers: tuple[Scored, ...]


@dataclass(frozen=True)
class Share:
    """The share of right answers among the questions of a kind or of a layout."""

    name: str
    questions: int
    interval: Interval


@dataclass(frozen=True)
class CellAccuracy:
    """How a cell's questions were answered.

    `against_first` is the paired difference of shares to the run's first cell, on the same questions; None of the
    first itself. `wrong` holds a few wrong answers, `differing` counts questions that two trials answered
    differently.
    """

    cell: Cell
    questions: int
    images: int
    share: Interval
    against_first: Interval | None
    kinds: tuple[Share, ...]
    layouts: tuple[Share, ...]
    wrong: tuple[Scored, ...]
    problems: int
    differing: int
