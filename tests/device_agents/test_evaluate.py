from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from device_agents.contract import (
    Answer,
    Event,
    Image,
    Iteration,
    Piece,
    Placement,
    Question,
    QuestionSet,
    Segment,
    Span,
    Tokenizer,
    canonical_json,
)
from tests.both_agents import Agent
from tests.device_agents.stand_in import CACHE, PIXELS, batches_of, job_of, write_build

WORK: dict[str, object] = {
    "kind": "evaluate",
    "questions": "mine",
    "patches_per_batch": 2,
    "pipelined": False,
    "parallel_tokens": 3,
    "most_tokens": 4,
}
PLACEMENT = Placement(
    rule="stand_in", columns=2, rows=1, fit_width=16, fit_height=8, left=0, top=0, order=[0, 1, 2]
)


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the stand-in build once."""
    return write_build(tmp_path_factory.mktemp("build"))


def picture(folder: Path, step: int) -> Image:
    """Write an image of 5 x 4 pixels and describe it."""
    pixels = bytes(step * each % 256 for each in range(60))
    (folder / f"{step}.rgb8").write_bytes(pixels)
    return Image(path=f"{step}.rgb8", sha256=hashlib.sha256(pixels).hexdigest(), width=5, height=4)


def question(name: str, image: Image | None, ask: list[int]) -> Question:
    """Ask about an image: two tokens, the image's three, and the question's."""
    segments = [Segment(ids=[3, 4]), *([] if image is None else [Segment(ids=None)]), Segment(ids=ask)]
    tokens = 2 + (0 if image is None else 3) + len(ask)
    placement = None if image is None else PLACEMENT
    return Question(name=name, image=image, placement=placement, segments=segments, prompt_tokens=tokens)


def four(folder: Path) -> list[Question]:
    """Return two questions about one image, one about another, and one about none."""
    one, other = picture(folder, 1), picture(folder, 3)
    return [
        question("a1", one, [5, 6, 7]),
        question("a2", one, [8, 9, 10, 11]),
        question("b1", other, [5, 6, 7]),
        question("text", None, [5, 6, 7, 8]),
    ]


def write_set(folder: Path, questions: Sequence[Question], *, end: int = 0, tile_pixels: int = PIXELS) -> None:
    """Write a question set for the stand-in build."""
    document = QuestionSet(
        protocol=1,
        name="mine",
        tile_pixels=tile_pixels,
        tokens_per_tile=1,
        tokenizer=Tokenizer(kind="bytes", first_byte=2, end=end),
        questions=list(questions),
    )
    (folder / "questions.json").write_bytes(canonical_json(document))


def job(build: Path, folder: Path, count: int, **changes: object) -> dict[str, object]:
    """Return a job that asks a set of `count` questions."""
    whole: dict[str, object] = {
        "inputs": {"mine": str(folder)},
        "warmup_iterations": 0,
        "iterations": count,
    }
    return job_of(build, WORK | changes, **whole)


def events_of(agent: Agent, job: dict[str, object], folder: Path) -> list[Event]:
    """Run a job that must end well, and return its events."""
    done = agent.run(job, folder)
    assert done.returncode == 0, done.stderr
    return done.events


def answers(events: Sequence[Event]) -> dict[str, Answer]:
    """Return the answer to each question."""
    return {event.question: event for event in events if isinstance(event, Answer)}


def ids(answer: Answer) -> list[int]:
    """Return the tokens of an answer."""
    assert answer.tokens is not None
    return answer.tokens.ids


def generated(agent: Agent, build: Path, asked: Question, folder: Path, tmp_path: Path) -> list[int]:
    """Return what `generate` answers to the same prompt, all of it prefilled at once."""
    document = json.loads((build / "inputs/screen/input.json").read_bytes())
    own = tmp_path / asked.name
    own.mkdir()
    assert asked.image is not None
    (own / asked.image.path).write_bytes((folder / asked.image.path).read_bytes())
    document |= asked.model_dump(mode="json")
    (own / "input.json").write_text(json.dumps(document), encoding="utf-8")
    work: dict[str, object] = {"kind": "generate", "input": asked.name, "batches": batches_of(3)}
    work |= {"pipelined": False, "parallel_tokens": 3, "new_tokens": 4, "coupled": True}
    events = events_of(agent, job_of(build, work, inputs={asked.name: str(own)}), tmp_path)
    tokens = [event.tokens for event in events if event.event == "output" and event.tokens is not None]
    return tokens[-1].ids


def test_each_answer_is_that_of_its_prompt_alone(agent: Agent, build: Path, tmp_path: Path) -> None:
    """A shared image and a kept cache change no token: `generate`, which keeps nothing, answers the same."""
    questions = four(tmp_path)
    write_set(tmp_path, questions)
    found = answers(events_of(agent, job(build, tmp_path, 4), tmp_path))

    assert list(found) == ["a1", "a2", "b1", "text"]
    for asked in questions[:3]:
        assert ids(found[asked.name]) == generated(agent, build, asked, tmp_path, tmp_path), asked.name
    assert ids(found["a1"]) != ids(found["b1"])


def test_the_order_of_the_questions_changes_no_answer(agent: Agent, build: Path, tmp_path: Path) -> None:
    """Chunks start at the same tokens whatever the cache holds, so even the margins are the same."""
    questions = four(tmp_path)
    write_set(tmp_path, questions)
    forward = answers(events_of(agent, job(build, tmp_path, 4), tmp_path))
    write_set(tmp_path, questions[::-1])
    backward = answers(events_of(agent, job(build, tmp_path, 4), tmp_path))

    assert {name: answer.tokens for name, answer in forward.items()} == {
        name: answer.tokens for name, answer in backward.items()
    }


def test_an_image_is_encoded_once_and_a_shared_prompt_stays_in_the_cache(
    agent: Agent, build: Path, tmp_path: Path
) -> None:
    """Two questions share five tokens: the second encodes nothing, and prefills all but one chunk of three."""
    write_set(tmp_path, four(tmp_path)[:2])
    events = events_of(agent, job(build, tmp_path, 2), tmp_path)

    def told(iteration: int) -> list[tuple[str, int, int]]:
        spans = [event for event in events if isinstance(event, Span) and event.iteration == iteration]
        own = ("tile", "patch_embed", "vit", "project", "embed", "prefill")
        spans.sort(key=lambda span: span.start_ns)
        return [
            (s.stage.value, s.count.true, s.count.padded)
            for s in spans
            if s.stage.value in own and s.count and (s.stage.value != "embed" or s.index == 0)
        ]

    assert told(0) == [
        *[("tile", 3, 3), ("patch_embed", 2, 2), ("vit", 2, 2), ("project", 2, 2)],
        *[("patch_embed", 1, 1), ("vit", 1, 1), ("project", 1, 1)],
        *[("embed", 5, 5), ("prefill", 3, 3), ("prefill", 3, 3), ("prefill", 2, 3)],
    ]
    assert told(1) == [("embed", 4, 4), ("prefill", 3, 3), ("prefill", 3, 3)]
    assert [event.iteration for event in events if isinstance(event, Span) and event.role == "user"] == [0, 1]


def test_a_question_that_cannot_be_asked_leaves_the_others(agent: Agent, build: Path, tmp_path: Path) -> None:
    """A prompt longer than the cache, or a token that the build lacks, is an answer with a problem."""
    one, *_, last = four(tmp_path)
    long, strange = question("long", one.image, [5] * 30), question("strange", None, [9000])
    write_set(tmp_path, [one, long, strange, last])
    events = events_of(agent, job(build, tmp_path, 4), tmp_path)
    found = answers(events)

    assert [answer.problem is None for answer in found.values()] == [True, False, False, True]
    assert f"the cache holds {CACHE}" in (found["long"].problem or "")
    assert "token 9000, the build has 300" in (found["strange"].problem or "")
    assert not [event for event in events if isinstance(event, Span) and event.iteration in (1, 2)]


def test_an_answer_ends_with_the_end_token(agent: Agent, build: Path, tmp_path: Path) -> None:
    """If the second token ends a text, there are two tokens, and the second is that end."""
    write_set(tmp_path, four(tmp_path)[:1])
    whole = ids(answers(events_of(agent, job(build, tmp_path, 1), tmp_path))["a1"])
    again = tmp_path / "again"
    again.mkdir()
    ended = write_build(again)
    manifest = json.loads((ended / "manifest.json").read_bytes())
    manifest["tokenizer"]["end"] = whole[1]
    (ended / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    write_set(tmp_path, four(tmp_path)[:1], end=whole[1])

    found = answers(events_of(agent, job(ended, tmp_path, 1), tmp_path))
    assert len(set(whole[:2])) == 2
    assert ids(found["a1"]) == whole[:2]


def test_a_streamed_answer_comes_piece_by_piece(agent: Agent, build: Path, tmp_path: Path) -> None:
    """Each token has a line before the iteration ends, in order; without `stream` there is none."""
    write_set(tmp_path, four(tmp_path)[:2])
    events = events_of(agent, job(build, tmp_path, 2, stream=True), tmp_path)
    pieces = [event for event in events if isinstance(event, Piece)]
    found = answers(events)

    assert [piece.id for piece in pieces] == [*ids(found["a1"]), *ids(found["a2"])]
    assert [(piece.iteration, piece.index) for piece in pieces] == [(i, n) for i in (0, 1) for n in range(4)]
    kinds = [event.event for event in events if not isinstance(event, Span)]
    one = ["piece"] * 4 + ["iteration", "answer"]
    assert kinds == ["hello", *one, *one, "end"]
    silent = events_of(agent, job(build, tmp_path, 2), tmp_path)
    assert not [event for event in silent if isinstance(event, Piece)]


REFUSED: list[tuple[str, dict[str, object], dict[str, object], int, str]] = [
    ("folder", {"questions": "moon"}, {}, PIXELS, "no questions 'moon'"),
    ("warm-up", {}, {"warmup_iterations": 1}, PIXELS, "1 questions and no warm-up"),
    ("iterations", {}, {"iterations": 2}, PIXELS, "iteration for each of 1 questions"),
    ("model", {}, {}, 16, "tiles of 16 pixels"),
]


@pytest.mark.parametrize(
    ("work", "changes", "pixels", "words"), [c[1:] for c in REFUSED], ids=[c[0] for c in REFUSED]
)
def test_a_set_that_does_not_fit_the_job_is_refused(  # noqa: PLR0917  (fixtures)
    work: dict[str, object],
    changes: dict[str, object],
    pixels: int,
    words: str,
    agent: Agent,
    build: Path,
    tmp_path: Path,
) -> None:
    """The agent asks nothing, and says what does not fit."""
    write_set(tmp_path, four(tmp_path)[:1], tile_pixels=pixels)
    done = agent.run(job(build, tmp_path, 1, **work) | changes, tmp_path)

    assert [event.event for event in done.events] == ["hello", "error", "end"]
    assert done.events[1].event == "error"
    assert done.events[1].error == "bad_job"
    assert words in done.events[1].message
    assert not [event for event in done.events if isinstance(event, Iteration)]
