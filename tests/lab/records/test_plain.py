"""Records survive the way to JSON and back, with their classes."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from device_agents.contract import InvalidReason
from lab.records import (
    Answer,
    Cell,
    CellSummary,
    Context,
    Interval,
    Metric,
    Published,
    Run,
    Sustained,
    Window,
    plain,
)

METRIC = Metric("decode_s", "decoding", "s", "lower")
CELL = Cell("input=screen, pipelined=True", {"input": "screen", "pipelined": True, "share": 0.5, "tokens": 4})
RUN = Run(
    id="018f",
    scenario="decode",
    suite="",
    build="b" * 64,
    build_line="nano",
    device="host",
    started_utc="2026-01-01T00:00:00.000Z",
    ended_utc=None,
    status="finished",
    seed=2**70,
    blocks=3,
    context=Context({"device_kind": "host"}),
    cells=(CELL,),
    scenario_toml="",
)
ANSWER = Answer(
    run=RUN,
    question="How fast?",
    metric=METRIC,
    summaries=(
        CellSummary(
            CELL, Interval(0.1, None, 1 / 3, 0.95, 3), 3, {InvalidReason.TIMEOUT: 2}, 0.1, None, 0.2, True
        ),
    ),
    best=None,
    contenders=(CELL.key,),
    sentence="1 ≈ 2",
    published=(Published("decode", "decode_s", {"input": "screen"}, 24.4, "derived", "a paper", ""),),
    other_metrics={"vit_s": (METRIC, {CELL.key: Interval(5e-324, 1e308, 2.0, 0.95, 4)})},
    warnings=("one",),
    curves=(
        Sustained(
            1,
            CELL.key,
            "1/s",
            60.0,
            (Window(0.0, 2.0, 9, None),),
            2.0,
            0.0,
            2.0,
            Interval(1.0, 0.9, 1.1, 0.95, 9),
            None,
            "",
        ),
    ),
)


def test_every_part_of_an_answer_comes_back() -> None:
    """Tuples, mappings, parts that may be missing, words of an enum as keys, and the smallest float."""
    found = plain.loads(Answer, plain.dumps(ANSWER))

    assert found == ANSWER
    assert isinstance(next(iter(found.summaries[0].invalid)), InvalidReason)
    assert isinstance(found.curves[0].windows, tuple)


def test_infinity_comes_back_too() -> None:
    """Python's JSON has a word for it."""
    endless = replace(ANSWER.summaries[0], trial_cv=math.inf)

    assert plain.loads(CellSummary, plain.dumps(endless)) == endless


@pytest.mark.parametrize("text", ["[]", "{}", "3", '{"key": 1}', "{"])
def test_what_is_no_record_is_refused(text: str) -> None:
    """Another shape, a missing field, an unknown one, no JSON."""
    with pytest.raises((ValueError, KeyError, TypeError, AttributeError)):
        plain.loads(Metric, text)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("best", 1),
        ("question", None),
        ("warnings", [2]),
        ("sentence", {}),
        ("contenders", "c"),
        ("published", [None]),
    ],
)
def test_a_value_of_another_kind_is_refused(field: str, value: object) -> None:
    """Who edits a kept answer gets it computed again, not a crash where it is drawn."""
    document = json.loads(plain.dumps(ANSWER)) | {field: value}

    with pytest.raises((TypeError, ValueError, AttributeError)):
        plain.loads(Answer, json.dumps(document))
