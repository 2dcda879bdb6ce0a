"""From questions to a folder that agents can ask, and a key that only the lab needs."""

from __future__ import annotations

import base64
import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from device_agents.contract import AnswerKey, QuestionSet, content_id
from models.errors import PrepareError
from models.images import RGB8
from models.mllm import PRESETS, Mllm
from models.prepare import prepare
from models.questions import Asked, generated, write_sets
from models.vlmevalkit import Row, read_table

TINY = PRESETS["tiny"]


@dataclass(frozen=True)
class Drawn:
    """A generated question."""

    text: str
    answer: str
    kind: str


@dataclass(frozen=True)
class Sample:
    """A generated image."""

    pixels: RGB8
    questions: tuple[Drawn, ...]
    layout: str


def samples() -> list[Sample]:
    """Return two images, with two questions and one."""
    first = np.arange(112 * 56 * 3, dtype=np.uint32).reshape(112, 56, 3).astype(np.uint8)
    second = np.full((56, 56, 3), 9, dtype=np.uint8)
    return [
        Sample(first, (Drawn("How late?", "9:41", "clock"), Drawn("Who?", "Ann", "name")), "chat"),
        Sample(second, (Drawn("Total?", "12.50", "number"),), "receipt"),
    ]


def read(path: Path) -> QuestionSet:
    """Read a question set."""
    return QuestionSet.model_validate_json(path.read_bytes())


def test_a_question_is_asked_as_an_input_is(tiny: Mllm, tmp_path: Path) -> None:
    """The set's prompt, image and placement are those that `prepare` makes of the same image and instruction."""
    write_sets(TINY, "mine", "test", generated(samples()), tmp_path / "set")
    question = read(tmp_path / "set" / "questions.json").questions[0]
    document = prepare(tiny, "x", samples()[0].pixels, "How late?").input

    assert (question.segments, question.placement) == (document.segments, document.placement)
    assert question.prompt_tokens == document.prompt_tokens
    assert question.image is not None
    assert document.image is not None
    assert question.image.sha256 == document.image.sha256
    content = (tmp_path / "set" / question.image.path).read_bytes()
    assert hashlib.sha256(content).hexdigest() == question.image.sha256


def test_the_same_questions_are_asked_blank_and_without_tiles(tmp_path: Path) -> None:
    """Blank, every pixel is 128; as a thumbnail, the image takes the tokens of one tile."""
    write_sets(TINY, "mine", "test", generated(samples()), tmp_path)
    whole, blank, small = (read(tmp_path / f"{name}.json") for name in ("questions", "blank", "thumbnail"))

    assert [q.name for q in whole.questions] == [q.name for q in blank.questions] == ["q00000", "q00001", "q00002"]
    assert blank.questions[0].image is not None
    assert set((tmp_path / blank.questions[0].image.path).read_bytes()) == {128}
    assert small.questions[0].placement is not None
    assert small.questions[0].placement.order == [0]
    assert whole.questions[0].placement is not None
    tiles = len(whole.questions[0].placement.order)
    assert whole.questions[0].prompt_tokens - small.questions[0].prompt_tokens == (tiles - 1) * 4
    assert whole.questions[0].image == whole.questions[1].image == small.questions[0].image


def test_the_answers_lie_in_the_key_alone(tmp_path: Path) -> None:
    """The key names each set by its content id, and holds text, answers, kind, layout and image."""
    key = write_sets(TINY, "mine", "test", generated(samples()), tmp_path)

    assert AnswerKey.model_validate_json((tmp_path / "answers.json").read_bytes()) == key
    assert key.sets["questions.json"] == content_id(read(tmp_path / "questions.json"))
    first, _, last = key.expected
    assert (first.text, first.answers, first.kind, first.layout, first.image) == (
        *("How late?", ["9:41"], "clock", "chat"),
        "image 0",
    )
    assert (last.name, last.image) == ("q00002", "image 1")
    assert b"9:41" not in (tmp_path / "questions.json").read_bytes()


def test_a_folder_with_files_and_a_source_without_questions_are_refused(tmp_path: Path) -> None:
    """Neither leaves a set behind."""
    none: list[Asked] = []
    with pytest.raises(PrepareError, match="at least one question, found none: row 1: bad"):
        write_sets(TINY, "mine", "my.tsv", none, tmp_path / "new", left_out=lambda: ["row 1: bad"])
    (tmp_path / "file").touch()
    with pytest.raises(PrepareError, match="new or empty folder"):
        write_sets(TINY, "mine", "test", generated(samples()), tmp_path)


# --- VLMEvalKit's TSV --------------------------------------------------------------------------------------


def png(colour: int, size: int = 40) -> bytes:
    """Return a PNG file of noise around a colour: large enough that its base64 is no index."""
    pixels = np.random.default_rng(colour).integers(0, 200, (size, size, 3)).astype(np.uint8) + colour
    stream = io.BytesIO()
    PillowImage.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def text(content: bytes) -> str:
    """Return base64."""
    return base64.b64encode(content).decode()


HEADING = "index\timage\timage_path\tquestion\tA\tB\tanswer\tcategory"


def table(tmp_path: Path, *rows: str) -> tuple[list[Row], list[str]]:
    """Read a table of these rows; return its questions, and what was left out."""
    path, left_out = tmp_path / "my.tsv", list[str]()
    path.write_text("\n".join([HEADING, *rows, ""]), encoding="utf-8")
    return list(read_table(path, left_out.append)), left_out


def test_rows_of_one_image_are_asked_together(tmp_path: Path) -> None:
    """An image cell may hold another row's index; its question follows that row's."""
    rows, left_out = table(
        tmp_path,
        f"7\t{text(png(1))}\t\tWhat?\t\t\tcat\tanimal",
        f"8\t{text(png(2))}\t\tWhere?\t\t\there\tplace",
        "9\t7\t\tWhich?\tred\tblue\tB\tcolour",
    )

    assert not left_out
    assert [(row.name, row.image, row.kind) for row in rows] == [
        ("index-7", "image of index 7", "animal"),
        ("index-9", "image of index 7", "colour"),
        ("index-8", "image of index 8", "place"),
    ]
    assert rows[0].pixels is rows[1].pixels
    assert rows[1].answers == ("B",)
    assert rows[1].text == (
        "Question: Which?\nOptions:\nA. red\nB. blue\nPlease select the correct answer from the options above."
    )


def test_an_image_may_be_a_file_and_an_answer_a_list(tmp_path: Path) -> None:
    """The path is relative to the table; every text of a list is accepted."""
    (tmp_path / "a.png").write_bytes(png(3))
    rows, _ = table(tmp_path, "1\t\ta.png\tSay\t\t\t['5 pm', '17:00']\t")

    assert rows[0].answers == ("5 pm", "17:00")
    assert rows[0].pixels.shape == (40, 40, 3)
    assert rows[0].kind == "no category"


def test_every_broken_row_is_named_and_the_rest_is_read(tmp_path: Path) -> None:
    """Bad base64, no image, a truncated one, a double index, a missing answer, letter or reference."""
    good = text(png(4))
    rows, left_out = table(
        tmp_path,
        f"1\t{good}\t\tQ\t\t\tyes\t",
        f"2\t{'!' * 99}\t\tQ\t\t\tyes\t",
        f"3\t{text(b'no image at all ' * 9)}\t\tQ\t\t\tyes\t",
        f"4\t{text(png(5)[:900])}\t\tQ\t\t\tyes\t",
        f"1\t{good}\t\tQ\t\t\tyes\t",
        f"6\t{good}\t\tQ\t\t\t\t",
        f"7\t{good}\t\tQ\tx\ty\tC\t",
        "8\t77\t\tQ\t\t\tyes\t",
        "9\t\t\tQ\t\t\tyes\t",
        "10\t\tnone.png\tQ\t\t\tyes\t",
        f"11\t{good}",
        f"12\t{good}\t\tQ\t\t\tno\t",
    )

    assert [row.name for row in rows] == ["index-1", "index-12"]
    told = {line.partition(":")[0]: line for line in left_out}
    assert list(told) == [f"row {n}" for n in (5, 2, 3, 4, 6, 7, 8, 9, 10, 11)]
    for number, words in {
        2: "no base64",
        3: "no image of these formats",
        4: "cannot be read or decoded",
        5: "its index 1 is that of row 1",
        6: "it has no answer",
        7: "wanted the letter of an option: A, B",
        8: "index 77, which no row has",
        9: "neither image nor image_path",
        10: "no such file",
        11: "it has no question",
    }.items():
        assert words in told[f"row {number}"], told[f"row {number}"]


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    """The columns it needs are named."""
    (tmp_path / "my.tsv").write_text("a\tb\n1\t2\n", encoding="utf-8")
    with pytest.raises(PrepareError, match="found none called answer, index, question"):
        list(read_table(tmp_path / "my.tsv", print))
    (tmp_path / "my.tsv").write_bytes(b"index\tquestion\tanswer\n\xff\xfe\n")
    with pytest.raises(PrepareError, match="UTF-8"):
        list(read_table(tmp_path / "my.tsv", print))
