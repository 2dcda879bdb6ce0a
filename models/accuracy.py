"""Count the questions that an exported build answers, by running its graphs without an agent.

Shares no code with the agents, as :mod:`models.check`: what runs an export must not be what judges it. Every token
runs its whole prompt again, without a cache, which is slow and simple: for tens of questions.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from device_agents.contract import (
    Accuracy,
    AnswerKey,
    Graph,
    Question,
    QuestionSet,
    content_id,
    is_right,
    text_of,
)
from models.check import Floats, Runtime
from models.errors import PrepareError
from models.mllm import MllmConfig
from models.questions import KEY, WHOLE

ASKED, MOST_TOKENS = 64, 32
"""Questions to ask, and tokens of an answer at most: a judgement, a minute of the bundled model."""


def accuracy(build: Path, config: MllmConfig, questions: Path, *, cache: str, asked: int = ASKED) -> Accuracy:
    """Return how many of the first `asked` questions of a folder the build answers exactly.

    `config` gives the sizes, `cache` is the type of the key-value cache. Raises PrepareError when the questions
    were made for another kind of model.
    """
    document = QuestionSet.model_validate_json((questions / WHOLE).read_bytes())
    key = AnswerKey.model_validate_json((questions / KEY).read_bytes())
    if document.tile_pixels != config.vision.tile_pixels:
        raise PrepareError(
            f"{questions}: wanted questions for tiles of {config.vision.tile_pixels} pixels, found "
            f"{document.tile_pixels}: make them for {config.name}"
        )
    runtime, features, right = Runtime(build), Features(questions), 0
    chosen = list(zip(document.questions, key.expected, strict=True))[:asked]
    for question, expected in chosen:
        shown, end = features.of(runtime, config, question), document.tokenizer.end
        ids = answer(runtime, config, question, shown, cache=cache, end=end)
        right += is_right(text_of(ids, document.tokenizer), expected.answers)
    return Accuracy(questions=content_id(key), asked=len(chosen), right=right)


class Features:
    """The image tokens of the last question's image, kept for the next question about it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: tuple[object, Floats | None] = (None, None)

    def of(self, runtime: Runtime, config: MllmConfig, question: Question) -> Floats | None:
        """Return a question's image tokens [n * T, H]; None without an image."""
        image, placement = question.image, question.placement
        if image is None or placement is None:
            return None
        if self._known[0] != (image, placement):
            pixels = np.fromfile(self._folder / image.path, dtype=np.uint8).reshape(image.height, image.width, 3)
            tiles = runtime.tiles(pixels, placement, config.vision.tile_pixels)
            self._known = ((image, placement), runtime.encode(tiles))
        return self._known[1]


def answer(
    runtime: Runtime,
    config: MllmConfig,
    question: Question,
    features: Floats | None,
    *,
    cache: str,
    end: int,
    most_tokens: int = MOST_TOKENS,
) -> list[int]:
    """Return the greedy answer to a question, up to and with the `end`."""

    def embedded(ids: list[int]) -> Floats:
        return np.asarray(runtime.run(Graph.EMBED, ids=np.array(ids, dtype=np.int64))[0], dtype=np.float32)

    parts = [features if each.ids is None else embedded(each.ids) for each in question.segments]
    prompt = np.concatenate([part for part in parts if part is not None], dtype=np.float32)
    found: list[int] = []
    while len(found) < most_tokens and (not found or found[-1] != end):
        logits = runtime.logits(config, prompt, np.array([len(prompt) - 1]), cache)
        found.append(int(logits[0].argmax()))
        prompt = np.concatenate([prompt, embedded(found[-1:])])
    return found
