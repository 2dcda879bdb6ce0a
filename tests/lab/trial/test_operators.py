"""Operators are summed into products, attention, unpacking and the rest."""

from __future__ import annotations

import pytest

from device_agents.contract import Operators, OperatorTime, Stage, StageTime
from lab.trial.operators import breakdown_of


def operators(stages: dict[Stage, tuple[int, int]], took: dict[tuple[Stage, str], int]) -> Operators:
    """Return a profile: stage -> (milliseconds, items), and (stage, operator) -> milliseconds."""
    return Operators(
        runtime="onnxruntime",
        runtime_version="1.32.0",
        stages=[
            StageTime(stage=stage, launches=1, duration_ns=ms * 10**6, items=items)
            for stage, (ms, items) in stages.items()
        ],
        operators=[
            OperatorTime(stage=stage, operator=operator, calls=1, duration_ns=ms * 10**6)
            for (stage, operator), ms in took.items()
        ],
        unseen=3,
    )


def test_every_millisecond_is_in_one_group() -> None:
    """What no operator took, between operators and in stages without a graph, is in the rest."""
    prefill = Stage.PREFILL
    took = {(prefill, "MatMulNBits"): 30, (prefill, "GroupQueryAttention"): 50, (prefill, "Cast"): 5}
    found = breakdown_of("t128", "prefill", operators({prefill: (100, 256)}, took | {(prefill, "Add"): 4}))

    assert found.seconds == pytest.approx({"products": 0.03, "attention": 0.05, "unpacking": 0.005, "rest": 0.015})
    assert (found.cell, found.items, found.unseen) == ("t128", 256, 3)
    assert found.total_s == pytest.approx(0.1)


def test_the_cast_of_an_images_pixels_unpacks_no_weights() -> None:
    """The `tile` stage turns bytes into floats and normalises them: that is the rest."""
    took = {
        (Stage.TILE, "Cast"): 8,
        (Stage.TILE, "Div"): 2,
        (Stage.VIT, "Round"): 7,
        (Stage.VIT, "MatMulInteger"): 9,
    }
    found = breakdown_of("b4", "encode_image", operators({Stage.TILE: (20, 9), Stage.VIT: (40, 9)}, took))

    assert found.seconds == pytest.approx({"products": 0.009, "attention": 0, "unpacking": 0.007, "rest": 0.044})
    assert found.items == 9
