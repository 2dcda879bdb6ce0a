"""Stages that moved between the sides of a comparison."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from lab.compare.comparison import measure, open_comparison
from lab.errors import RunError
from lab.nightly.stages import judged_by, moved_stages
from lab.records import Comparison, Inject
from tests.fake_lab import batch_scenario
from tests.lab.compare.compare_lab import Lab


def slowed(lab: Lab, stage: str, slow_down: float) -> Comparison:
    """Compare a build with itself, one stage of the candidate slowed down."""
    lab.accepted()
    first, second = lab.sides()
    second = replace(second, inject=Inject(stage, slow_down))
    opened, _, _ = open_comparison(baseline=first, candidate=second, dimension="build", seed=5)
    list(measure(opened, first, second))
    return lab.store.comparison(opened.id)


def test_the_stage_that_was_slowed_down_is_the_one_that_moved(make: Callable[..., Lab]) -> None:
    """The blocks take 1.5 times as long; tiling, the convolution and the projector take what they took."""
    lab = make()

    found = slowed(lab, "vit", 1.5)

    (stage,) = moved_stages(lab.store, found, found.cells[0].cell)
    assert (stage.metric, stage.change.n) == ("vit_s", found.cells[0].pairs)
    assert stage.change.estimate == pytest.approx(1.5)


def test_stages_are_in_the_order_of_the_seconds_they_moved(make: Callable[..., Lab]) -> None:
    """All become 10 % slower; tiling runs once an image, so it moved fewest seconds."""
    lab = make(toml=batch_scenario("[1]", blocks=4))
    lab.slower = 1.10

    found = lab.compare()

    stages = moved_stages(lab.store, found, found.cells[0].cell)
    assert {stage.metric for stage in stages} == {"tile_s", "patch_embed_s", "vit_s", "project_s"}
    assert stages[-1].metric == "tile_s"
    assert all(stage.change.estimate == pytest.approx(1.10) for stage in stages)


def test_equal_builds_moved_no_stage(make: Callable[..., Lab]) -> None:
    """A ratio of 1 is no change."""
    lab = make()
    found = lab.compare()

    assert moved_stages(lab.store, found, found.cells[0].cell) == ()


def test_a_change_that_is_smaller_than_three_per_cent_is_none(make: Callable[..., Lab]) -> None:
    """The interval excludes 1; 2 % stay below the least that counts, and the stage is the same."""
    lab = make()

    found = slowed(lab, "vit", 1.02)

    assert moved_stages(lab.store, found, found.cells[0].cell) == ()
    assert judged_by(lab.store, found, found.cells[0].cell, "vit_s").verdict == "same"


def test_a_refused_comparison_moved_nothing_and_an_unknown_cell_is_named(make: Callable[..., Lab]) -> None:
    """What measured nothing has no stage; a cell that is misspelt is an error with the cells there are."""
    lab = make()
    found = lab.compare()

    assert moved_stages(lab.store, replace(found, baseline_run="", candidate_run=""), "x") == ()
    with pytest.raises(RunError, match=r"found 'x'; it has patches_per_batch=3"):
        moved_stages(lab.store, found, "x")
