"""Make a folder of question sets: what agents need to ask them, and, apart from that, the answers.

    python -m models.questions --model nano --images 400 --out folder    # generated screens and documents
    python -m models.questions --model nano --table my.tsv --out folder  # a benchmark of yours (VLMEvalKit's TSV)

The folder holds the same questions three times: `questions.json` as they are; `blank.json` with every pixel one
grey, which shows what can be guessed; and `thumbnail.json` without the tiles, which shows what needs them.
`answers.json` is the key to all three, for the lab alone.
"""

from __future__ import annotations

from device_agents import ending
from models.extras import need

if __name__ == "__main__":  # before the imports below would fail with a traceback
    need("questions", "models", "torch", "PIL")

import argparse
import hashlib
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol

import numpy as np

from device_agents.contract import (
    PROTOCOL,
    AnswerKey,
    Expected,
    Image,
    Placement,
    Question,
    QuestionSet,
    canonical_json,
    content_id,
)
from models import tokenizer
from models.errors import PrepareError
from models.images import RGB8
from models.mllm import PRESETS, MllmConfig
from models.prompt import placed, prompt_of
from models.vlmevalkit import read_table

GREY = 128
"""Every channel of a blanked image: between black and white. Our choice."""

WHOLE, BLANK, THUMBNAIL = "questions.json", "blank.json", "thumbnail.json"
KEY = "answers.json"
SAY_EVERY = 100


@dataclass(frozen=True)
class Asked:
    """One question about an image, and what is known of it; `image` is the image's name."""

    name: str
    image: str
    pixels: RGB8
    text: str
    answers: tuple[str, ...]
    kind: str
    layout: str


class Drawn(Protocol):
    """A generated question with its one right answer."""

    @property
    def text(self) -> str:
        """The question."""

    @property
    def answer(self) -> str:
        """Its answer."""

    @property
    def kind(self) -> str:
        """The kind of question."""


class Sample(Protocol):
    """A generated image with its questions."""

    @property
    def pixels(self) -> RGB8:
        """RGB8 [height, width, 3]."""

    @property
    def questions(self) -> Sequence[Drawn]:
        """The questions about it."""

    @property
    def layout(self) -> str:
        """The layout it was drawn with."""


def generated(samples: Iterable[Sample]) -> Iterator[Asked]:
    """Yield every question about generated images, image by image."""
    number = 0
    for index, sample in enumerate(samples):
        for question in sample.questions:
            yield Asked(
                name=f"q{number:05d}",
                image=f"image {index}",
                pixels=sample.pixels,
                text=question.text,
                answers=(question.answer,),
                kind=question.kind,
                layout=sample.layout,
            )
            number += 1


def write_sets(
    config: MllmConfig,
    name: str,
    source: str,
    asked: Iterable[Asked],
    folder: Path,
    *,
    left_out: Callable[[], list[str]] = list,
    say: Callable[[str], None] = lambda line: None,
) -> AnswerKey:
    """Write the three question sets, their images and the key into `folder`; return the key.

    `left_out` is called at the end: rows of the source that could not be asked. Raises PrepareError when there is
    no question, or the folder holds files.
    """
    if folder.exists() and any(folder.iterdir()):
        raise PrepareError(
            f"wanted a new or empty folder for the questions, found files in {folder}: name another"
        )
    folder.mkdir(parents=True, exist_ok=True)
    found: dict[str, list[Question]] = {WHOLE: [], BLANK: [], THUMBNAIL: []}
    expected: list[Expected] = []
    last, image, blank = None, None, None
    for one in asked:
        if image is None or one.pixels is not last:
            image, blank = _kept(one.pixels, folder), _kept(np.full_like(one.pixels, GREY), folder)
            last = one.pixels
        assert blank is not None
        whole = placed(image.width, image.height, config.vision.tile_pixels)
        ask = tokenizer.encode(one.text)
        small = whole.model_copy(update={"order": [0]})
        for document, shown, place in ((WHOLE, image, whole), (BLANK, blank, whole), (THUMBNAIL, image, small)):
            found[document].append(_question(config, one.name, shown, place, ask))
        expected.append(
            Expected(
                name=one.name,
                text=one.text,
                answers=list(one.answers),
                kind=one.kind,
                layout=one.layout,
                image=one.image,
            )
        )
        if len(expected) % SAY_EVERY == 0:
            say(f"{len(expected)} questions")
    if not expected:
        raise PrepareError(f"{source}: wanted at least one question, found none: {'; '.join(left_out()[:3])}")
    sets: dict[str, str] = {}
    for document, questions in found.items():
        whole_set = QuestionSet(
            protocol=PROTOCOL,
            name=name,
            tile_pixels=config.vision.tile_pixels,
            tokens_per_tile=config.tokens_per_tile,
            tokenizer=tokenizer.BYTES,
            questions=questions,
        )
        (folder / document).write_bytes(canonical_json(whole_set))
        sets[document] = content_id(whole_set)
    key = AnswerKey(protocol=PROTOCOL, name=name, source=source, sets=sets, expected=expected, left_out=left_out())
    (folder / KEY).write_bytes(canonical_json(key))
    return key


def _question(config: MllmConfig, name: str, image: Image, placement: Placement, ask: list[int]) -> Question:
    segments = prompt_of(ask, image=True)
    text = sum(len(segment.ids or ()) for segment in segments)
    return Question(
        name=name,
        image=image,
        placement=placement,
        segments=segments,
        prompt_tokens=text + len(placement.order) * config.tokens_per_tile,
    )


def _kept(pixels: RGB8, folder: Path) -> Image:
    """Write pixels under the name of their hash, and describe them."""
    content = pixels.tobytes()
    digest = hashlib.sha256(content).hexdigest()
    height, width = pixels.shape[:2]
    path = folder / f"{width}x{height}-{digest[:16]}.rgb8"
    if not path.exists():
        path.write_bytes(content)
    return Image(path=path.name, sha256=digest, width=width, height=height)


def _drawn(seed: int, split: str, images: int) -> Iterator[Sample]:
    try:
        samples: Iterator[Sample] = import_module("models.data").samples(seed, split, images)
    except (ModuleNotFoundError, AttributeError) as error:
        raise PrepareError(f"this version draws no questions ({error}): give a --table of your own") from error
    return samples


def main() -> int:
    """Make question sets from the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m models.questions", description=__doc__)
    parser.add_argument("--model", choices=sorted(PRESETS), default="nano")
    parser.add_argument("--name", default="questions", help="the set's name (default questions)")
    parser.add_argument("--table", type=Path, help="a TSV of VLMEvalKit's form instead of generated images")
    parser.add_argument("--images", type=int, default=400, help="how many images to generate (default 400)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the generator (default 0)")
    parser.add_argument("--split", default="held-out", help="split of the generator (default held-out)")
    parser.add_argument("--out", type=Path, required=True, help="a new or empty folder")
    arguments = parser.parse_args()

    def say(line: str) -> None:
        print(f"  {line}", file=sys.stderr, flush=True)  # noqa: T201 - progress

    left_out: list[str] = []
    try:
        if arguments.table is None:
            asked = generated(_drawn(arguments.seed, arguments.split, arguments.images))
            source = f"models/data.py, {arguments.split}, seed {arguments.seed}, {arguments.images} images"
        else:
            rows = read_table(arguments.table, left_out.append)
            asked = (Asked(**vars(row)) for row in rows)
            source = arguments.table.name
        key = write_sets(
            PRESETS[arguments.model],
            arguments.name,
            source,
            asked,
            arguments.out,
            left_out=lambda: left_out,
            say=say,
        )
    except (PrepareError, OSError, ValueError) as error:
        print(f"questions: {error}", file=sys.stderr)  # noqa: T201 - the program's message
        return 2
    for line in left_out:
        say(f"left out: {line}")
    print(content_id(key))  # noqa: T201 - the program's answer
    return 0


if __name__ == "__main__":
    ending.run("questions", main)
