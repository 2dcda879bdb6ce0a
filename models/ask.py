"""Prepare one question about an image for a build, as a question set of one. Needs no torch and no weights.

    python -m models.ask photo.jpg --question "What is this?" --build FOLDER --out FOLDER

Decides what an agent would otherwise have to decide, as models/prepare.py does: decoding, the grid and the prompt.
"""

from __future__ import annotations

from device_agents import ending
from models.extras import need

if __name__ == "__main__":  # before the imports below would fail with a traceback
    need("ask", "models", "PIL")

import argparse
import sys
from pathlib import Path

from pydantic import ValidationError

from device_agents.contract import PROTOCOL, Manifest, Placement, Question, QuestionSet, canonical_json
from models import tokenizer
from models.errors import PrepareError
from models.images import RGB8, image_of, read_image
from models.prompt import TEMPLATE, placed, prompt_of

NAME = "ask"
"""The name of the set and of its question."""


def question_set(
    pixels: RGB8, text: str, build: Manifest, *, parallel_tokens: int, answer_tokens: int
) -> QuestionSet:
    """Lay out a question about an image [H, W, 3] for a build.

    Raises PrepareError for an empty question, a tokenizer that is not ours, and a prompt that does not fit the
    build's cache together with an answer of `answer_tokens`; it is prefilled in chunks of `parallel_tokens`.
    """
    if not text.strip():
        raise PrepareError('wanted a question about the image, found an empty one: ask "What is this?"')
    if build.tokenizer != tokenizer.BYTES:
        raise PrepareError(
            f"wanted a build with the tokenizer of our models, found {build.tokenizer}: export the build again"
        )
    sizes = build.dimensions
    height, width = pixels.shape[:2]
    placement = placed(width, height, sizes.tile_pixels)
    image_tokens = len(placement.order) * sizes.tokens_per_tile
    ask = tokenizer.encode(text)
    most = min(sizes.cache_tokens // parallel_tokens * parallel_tokens, sizes.cache_tokens - answer_tokens + 1)
    room = most - image_tokens - TEMPLATE
    if len(ask) > room:
        raise PrepareError(_too_long(build, placement, image_tokens, len(ask), room))
    return QuestionSet(
        protocol=PROTOCOL,
        name=NAME,
        tile_pixels=sizes.tile_pixels,
        tokens_per_tile=sizes.tokens_per_tile,
        tokenizer=build.tokenizer,
        questions=[
            Question(
                name=NAME,
                image=image_of(pixels),
                placement=placement,
                segments=prompt_of(ask, image=True),
                prompt_tokens=image_tokens + TEMPLATE + len(ask),
            )
        ],
    )


def _too_long(build: Manifest, at: Placement, image_tokens: int, found: int, room: int) -> str:
    held = (
        f"the cache of {build.model}-{build.recipe} holds {build.dimensions.cache_tokens} tokens, and the image "
        f"({at.columns}:{at.rows}) takes {image_tokens}"
    )
    if room < 1:
        return (
            f"{held}: wanted room for a question and an answer, found none: crop the image, or take another build"
        )
    return (
        f"wanted a question of at most {room} tokens (bytes of UTF-8), found {found}: {held}; shorten the question"
    )


def main() -> int:
    """Prepare one question from the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m models.ask", description=__doc__)
    parser.add_argument("image", type=Path)
    parser.add_argument("--question", required=True)
    parser.add_argument("--build", type=Path, required=True, help="folder of the build that is asked")
    parser.add_argument("--parallel-tokens", type=int, default=1, help="prompt tokens a call (default 1)")
    parser.add_argument("--answer-tokens", type=int, default=128, help="longest answer (default 128)")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    try:
        build = Manifest.model_validate_json((arguments.build / "manifest.json").read_bytes())
        pixels = read_image(arguments.image)
        found = question_set(
            pixels,
            arguments.question,
            build,
            parallel_tokens=arguments.parallel_tokens,
            answer_tokens=arguments.answer_tokens,
        )
        arguments.out.mkdir(parents=True, exist_ok=True)
        (arguments.out / "pixels.rgb8").write_bytes(pixels.tobytes())
        (arguments.out / "questions.json").write_bytes(canonical_json(found))
    except (PrepareError, OSError, ValidationError) as error:
        print(f"ask: {error}", file=sys.stderr)  # noqa: T201 - this is the program's message
        return 2
    print(f"{arguments.out}: {found.questions[0].prompt_tokens} prompt tokens")  # noqa: T201 - its answer
    return 0


if __name__ == "__main__":
    ending.run("ask", main)
