"""The export's own count of right answers, against the torch model."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from device_agents.contract import Manifest, QuestionSet, content_id, text_of
from models import tokenizer
from models.accuracy import Features, accuracy, answer
from models.check import Runtime
from models.mllm import PRESETS, Mllm
from models.prepare import prepare
from models.questions import Asked, write_sets

PIXELS = np.arange(70 * 60 * 3, dtype=np.uint32).reshape(70, 60, 3).astype(np.uint8)


def asked(name: str, text: str, wanted: str) -> Asked:
    """Return a question about the one image."""
    return Asked(name, "image", PIXELS, text, (wanted,), "kind", "layout")


def test_a_build_answers_as_the_torch_model_does(tiny: Mllm, tiny_build: Path, tmp_path: Path) -> None:
    """The first tokens of each answer are the oracle's; one of two expected answers is what it says."""
    golden = prepare(tiny, "x", PIXELS, "How late?").input.golden.tokens.ids[:32]
    said = text_of(golden[: golden.index(tokenizer.END)] if tokenizer.END in golden else golden, tokenizer.BYTES)
    questions = [asked("a", "How late?", said), asked("b", "Who?", "nobody says this")]
    key = write_sets(PRESETS["tiny"], "mine", "test", questions, tmp_path)
    question = QuestionSet.model_validate_json((tmp_path / "questions.json").read_bytes()).questions[0]

    runtime = Runtime(tiny_build)
    features = Features(tmp_path).of(runtime, tiny.config, question)
    found = answer(runtime, tiny.config, question, features, cache="float32", end=tokenizer.END, most_tokens=4)
    assert found == golden[:4]
    counted = accuracy(tiny_build, tiny.config, tmp_path, cache="float32")
    assert (counted.questions, counted.asked, counted.right) == (content_id(key), 2, 1)


def test_a_build_without_a_count_keeps_its_id(tiny_build: Path) -> None:
    """The field is absent where nothing was asked, as in older builds."""
    manifest = Manifest.model_validate_json((tiny_build / "manifest.json").read_bytes())

    assert manifest.accuracy is None
    assert "accuracy" not in manifest.model_dump(mode="json")
