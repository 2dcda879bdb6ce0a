"""Weights one tensor at a time: each drawn alone, parts filled and emptied, 16 bits multiplied as float32."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from models import language, weights
from models.language import Linear
from models.mllm import PRESETS, Mllm, random_mllm, skeleton
from models.weights import Random, Shape, fill, filled, part_of, shapes_of

RANDOM = Random(seed=0, embedding_scale=12.0)


class Sixteenths:
    """A source of float16 ones."""

    def tensor(self, name: str, shape: Shape) -> Tensor:
        """Return ones, whatever the name."""
        return torch.ones(shape, dtype=torch.float16)


def test_a_layer_drawn_alone_is_that_of_the_whole_model(tiny: Mllm) -> None:
    """Tensors do not depend on the order or the number of tensors drawn before."""
    down = tiny.language.layers[1].down.weight

    alone = Random(0, 1.0).tensor("language.blocks.1.down.weight", (64, 128))

    assert torch.equal(alone.float(), down)


def test_seed_and_name_choose_the_numbers() -> None:
    """Another seed, or another name, draws other weights."""
    wanted = RANDOM.tensor("language.blocks.0.down.weight", (4, 8))

    assert torch.equal(RANDOM.tensor("language.blocks.0.down.weight", (4, 8)), wanted)
    assert not torch.equal(Random(1, 12.0).tensor("language.blocks.0.down.weight", (4, 8)), wanted)
    assert not torch.equal(RANDOM.tensor("language.blocks.1.down.weight", (4, 8)), wanted)


@pytest.mark.parametrize(
    ("name", "shape", "deviation"),
    [
        ("language.blocks.0.down.weight", (100, 400), 1 / 20),
        ("patch_embedding.convolution.weight", (100, 3, 10, 10), 300**-0.5),
        ("language.embedding.weight", (100, 400), 1 / 12),
        ("patch_embedding.position", (100, 400), 0.5),
        ("vision.blocks.0.up.bias", (40000,), 0.02),
    ],
)
def test_each_kind_of_tensor_has_its_scale(name: str, shape: Shape, deviation: float) -> None:
    """A standard deviation of 1 / sqrt(inputs) for matrices; five standard errors of 40,000 draws are 1.8 %."""
    found = RANDOM.tensor(name, shape).float()

    assert float(found.std()) == pytest.approx(deviation, rel=0.018 * (40000 / found.numel()) ** 0.5)


def test_matrices_are_bfloat16_values() -> None:
    """They lose nothing in the precision of public checkpoints, in which a large model is held."""
    found = RANDOM.tensor("language.blocks.0.down.weight", (4, 8))

    assert found.dtype == torch.bfloat16
    assert RANDOM.tensor("vision.norm.weight", (3,)).tolist() == [1.0, 1.0, 1.0]
    assert RANDOM.tensor("vision.norm.bias", (2,)).tolist() == [0.0, 0.0]


def test_every_tensor_belongs_to_one_part() -> None:
    """The parts together are the model, a tied head counted once."""
    model = skeleton(PRESETS["bluelm_v_3b"])
    parts = {part: shapes_of(model, part) for part in weights.PARTS}

    assert sum(map(len, parts.values())) == len(list(model.parameters()))
    assert part_of("patch_embedding.position") == "vision"
    assert "language.head.weight" not in parts["language"]
    assert parts["language"]["language.blocks.39.gate_up.weight"] == (11520, 2304)


def test_a_part_takes_memory_only_while_it_is_used() -> None:
    """Before and after, its tensors have shapes and no values; other parts are never touched."""
    model = skeleton(PRESETS["tiny"])

    with filled(model, RANDOM, "language"):
        inside = {name: p.device.type for name, p in model.named_parameters()}

    assert {device for name, device in inside.items() if part_of(name) == "language"} == {"cpu"}
    assert {device for name, device in inside.items() if part_of(name) != "language"} == {"meta"}
    assert {p.device.type for p in model.parameters()} == {"meta"}


def test_a_tied_head_stays_the_table() -> None:
    """Filling gives both the same tensor."""
    model = skeleton(PRESETS["bluelm_v_3b"])
    assert model.language.head.weight is model.language.embedding.weight
    small = skeleton(PRESETS["tiny"])
    small.language.head.weight = small.language.embedding.weight

    fill(small, RANDOM, "language")

    assert small.language.head.weight is small.language.embedding.weight
    assert small.language.head.weight.device.type == "cpu"


def test_a_large_language_model_is_held_as_it_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its matrices stay in 16 bits; norms, and parts that only run on whole tiles, are float32."""
    monkeypatch.setattr(weights, "WIDE_BYTES", 0)
    model = skeleton(PRESETS["tiny"])

    fill(model, Sixteenths())

    assert model.language.layers[0].down.weight.dtype == torch.float16
    assert model.language.embedding.weight.dtype == torch.float16
    assert model.language.norm.weight.dtype == torch.float32
    assert model.vision.layers[0].down.weight.dtype == torch.float32
    assert random_mllm(PRESETS["tiny"], 0).language.head.weight.dtype == torch.bfloat16


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_a_matrix_in_16_bits_multiplies_as_its_float32_values(
    rows: int, kind: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slab by slab, the last one shorter: x W^T with W widened first."""
    monkeypatch.setattr(language, "SLAB", 40)
    generator = torch.Generator().manual_seed(4)
    layer = Linear(8, 13)
    layer.weight = torch.nn.Parameter(torch.randn(13, 8, generator=generator).to(kind), requires_grad=False)
    x = torch.randn(rows, 8, generator=generator)

    assert torch.allclose(layer(x), x @ layer.weight.float().T, atol=1e-6)
