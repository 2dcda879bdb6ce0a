"""What a step of training works on, and its rate."""

from __future__ import annotations

import pytest
import torch

from models.curriculum import Stage, limit, rate_at, work_of
from models.mllm import PRESETS

VISION = PRESETS["nano"].vision


def test_the_rate_rises_for_a_hundredth_of_the_steps_and_falls_as_a_cosine() -> None:
    """34 of 3434 steps of warm-up in the paper (Tab. 7): at the half it is half the peak, at the end near 0."""
    stage = Stage("projector", 3434, 1, 1, 1e-3)

    assert rate_at(stage, 0) == pytest.approx(1e-3 / 34, rel=1e-3)
    assert rate_at(stage, 33) == pytest.approx(1e-3, rel=1e-3)
    assert rate_at(stage, 1717) == pytest.approx(0.5e-3)
    assert rate_at(stage, 3433) < 1e-9


def test_limits_are_lifted_one_after_the_other() -> None:
    """Each holds until its share of the steps."""
    table = ((0.5, 2), (0.8, 8))

    assert [limit(table, share, 99) for share in (0.0, 0.49, 0.5, 0.79, 0.8, 1.0)] == [2, 2, 8, 8, 99, 99]


@pytest.mark.parametrize("name", ["glyphs", "text", "projector", "everything"])
def test_a_steps_work_follows_from_seed_stage_and_step(name: str) -> None:
    """The same again for the same three, other work for another step."""
    stage = Stage(name, 4, 2, 3, 1e-3)  # type: ignore[arg-type]

    def seen(step: int) -> list[torch.Tensor]:
        return [work.shown for work in work_of(stage, step, 5, VISION)]

    assert all(torch.equal(one, other) for one, other in zip(seen(1), seen(1), strict=True))
    other = seen(2)
    assert [each.shape for each in other] != [each.shape for each in seen(1)] or not all(
        torch.equal(one, two) for one, two in zip(seen(1), other, strict=True)
    )


def test_stage_projector_sees_one_tile_and_its_thumbnail() -> None:
    """The paper's stage 1 has no dynamic resolution (Tab. 7)."""
    stage = Stage("projector", 4, 6, 2, 1e-3)

    assert {len(work.shown) for work in work_of(stage, 0, 0, VISION)} == {2}
