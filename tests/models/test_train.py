"""Training: resumed it ends as if it had never stopped, and what it trains is what its stage says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from models.curriculum import Stage
from models.errors import PrepareError
from models.mllm import PRESETS
from models.train import Trainee, Training, optimiser, weights_of
from models.vision import VisionConfig

STAGES = (
    Stage("glyphs", 2, 2, 0, 1e-3),
    Stage("text", 2, 1, 2, 1e-3),
    Stage("projector", 2, 1, 2, 1e-3),
    Stage("everything", 2, 1, 2, 1e-3),
)
TINY = replace(
    PRESETS["tiny"], vision=VisionConfig(tile_pixels=384, patch_pixels=48, hidden=16, mlp=32, layers=2, heads=1)
)
"""Pages are drawn for tiles of 384 pixels."""


def silent(line: str) -> None:
    """Say nothing."""


def test_a_training_that_is_cut_after_every_step_ends_with_the_same_weights(tmp_path: Path) -> None:
    """Checkpoints hold all that the next step needs."""
    whole = Training(tmp_path / "whole", TINY, 0, STAGES, silent)
    assert whole.run()
    for _ in range(50):
        cut = Training(tmp_path / "cut", TINY, 0, STAGES, silent)
        if cut.run(until_s=0.0):
            break
    else:
        raise AssertionError("50 runs of a step each did not end a training of 8 steps")

    for (name, one), (_, other) in zip(
        whole.trainee.state_dict().items(), cut.trainee.state_dict().items(), strict=True
    ):
        assert torch.equal(one, other), name


def test_each_stage_trains_its_parts_alone(tmp_path: Path) -> None:
    """The projector in stage 1, nothing else."""
    training = Training(tmp_path, TINY, 0, STAGES[2:3], silent)
    before = {name: value.clone() for name, value in training.trainee.state_dict().items()}
    training.run()
    changed = {
        name for name, value in training.trainee.state_dict().items() if not torch.equal(value, before[name])
    }

    assert changed
    assert all(name.startswith("model.projector.") for name in changed)


def test_the_encoders_rates_decay_from_the_last_layer_to_the_first() -> None:
    """By 0.9 a layer (the paper, Tab. 8): two layers and the convolution, 0.9, 0.81 and 0.729 of the peak."""
    shares = sorted(g["share"] for g in optimiser(Trainee(TINY, 0), STAGES[3]).param_groups)

    assert shares == pytest.approx([0.729, 0.81, 0.9, 1.0])


def test_a_folder_of_another_training_is_refused(tmp_path: Path) -> None:
    """The message names the file and what differs."""
    Training(tmp_path, TINY, 0, STAGES[:1], silent).run()

    with pytest.raises(PrepareError, match=r"checkpoint\.pt: wanted a training with the same seed, found another"):
        Training(tmp_path, TINY, 1, STAGES[:1], silent)


def test_the_shipped_weights_are_the_models_in_half_precision(tmp_path: Path) -> None:
    """By the model's own names, so that every program of models/ can read them."""
    trainee = Trainee(TINY, 3)
    save_file(weights_of(trainee.model), tmp_path / "reader.safetensors")
    found = load_file(tmp_path / "reader.safetensors")

    assert found.keys() == dict(trainee.model.named_parameters()).keys()
    for name, parameter in trainee.model.named_parameters():
        torch.testing.assert_close(found[name].float(), parameter.detach(), rtol=1e-3, atol=1e-4)
