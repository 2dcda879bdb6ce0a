"""A small folder of question sets, written by hand: three questions about two images."""

from __future__ import annotations

import hashlib
from pathlib import Path

from device_agents.contract import (
    AnswerKey,
    Expected,
    Image,
    Placement,
    Question,
    QuestionSet,
    Segment,
    Tokenizer,
    canonical_json,
    content_id,
)

BYTES = Tokenizer(kind="bytes", first_byte=2, end=0)
EXPECTED = [
    Expected(name="a1", text="How late?", answers=["9:41"], kind="clock", layout="chat", image="one"),
    Expected(name="a2", text="Which?", answers=["B"], kind="choice", layout="chat", image="one"),
    Expected(name="b1", text="Who?", answers=["Ann", "Ann Lee"], kind="name", layout="page", image="two"),
]


def write_questions(folder: Path) -> AnswerKey:
    """Write the three sets, their images and the key; return the key."""
    folder.mkdir(parents=True, exist_ok=True)
    place = Placement(rule="x", columns=1, rows=1, fit_width=8, fit_height=8, left=0, top=0, order=[0, 1])
    sets: dict[str, str] = {}
    for name in ("questions.json", "blank.json", "thumbnail.json"):
        questions = []
        for each in EXPECTED:
            pixels = bytes([128 if name == "blank.json" else len(each.image)]) * 12
            digest = hashlib.sha256(pixels).hexdigest()
            (folder / f"{digest[:8]}.rgb8").write_bytes(pixels)
            shown = Image(path=f"{digest[:8]}.rgb8", sha256=digest, width=2, height=2)
            segments = [Segment(ids=[1]), Segment(ids=None), Segment(ids=[5, 6])]
            tokens = 3 + 2
            questions.append(
                Question(name=each.name, image=shown, placement=place, segments=segments, prompt_tokens=tokens)
            )
        document = QuestionSet(
            protocol=1, name="mine", tile_pixels=8, tokens_per_tile=1, tokenizer=BYTES, questions=questions
        )
        (folder / name).write_bytes(canonical_json(document))
        sets[name] = content_id(document)
    key = AnswerKey(protocol=1, name="mine", source="by hand", sets=sets, expected=EXPECTED)
    (folder / "answers.json").write_bytes(canonical_json(key))
    return key
