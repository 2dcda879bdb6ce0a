"""Where a build's weights come from: options, the manifest's account of them, and the same weights again."""

from __future__ import annotations

import json
import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from device_agents.contract import Input, Manifest, Weights, relative_distance
from models.errors import PrepareError
from models.export import export, refuse_large
from models.mllm import PRESETS, Mllm, random_mllm, skeleton
from models.origins import Origin, add_options, again, chosen, open_source, told
from models.prepare import Prepared
from models.quantize import RECIPES
from models.weights import fill

TINY = PRESETS["tiny"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save the weights of seed 1 in our own layout, as a training does."""
    path = tmp_path_factory.mktemp("weights") / "trained.safetensors"
    save_file({name: p.detach() for name, p in random_mllm(TINY, 1).named_parameters()}, path)
    return path


@pytest.fixture(scope="module")
def trained_build(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Export it."""
    folder = tmp_path_factory.mktemp("build") / "build"
    export("tiny", "w8", folder, origin=Origin(weights=trained))
    return folder


def manifest_in(folder: Path) -> Manifest:
    """Read a build's manifest."""
    return Manifest.model_validate_json((folder / "manifest.json").read_bytes())


def test_a_trained_file_is_what_the_build_answers_with(trained_build: Path, trained: Path) -> None:
    """The manifest names file and hash; no seed, because nothing is random."""
    found = manifest_in(trained_build).weights

    assert (found.origin, found.seed) == ("trained", None)
    assert [(f.option, f.path) for f in found.files] == [("weights", str(trained))]
    assert str(trained) in found.source


def test_the_weights_of_a_build_can_be_had_again(trained_build: Path, screen: Prepared, tmp_path: Path) -> None:
    """`models.prepare --build` asks a model with the build's weights, which is not that of seed 0."""
    assert screen.pixels is not None
    Image.fromarray(screen.pixels).save(tmp_path / "screen.png")
    golden = Input.model_validate_json((trained_build / "inputs/screen/input.json").read_bytes()).golden
    argv = [sys.executable, "-m", "models.prepare", str(tmp_path / "screen.png"), "--instruction", "What?"]
    argv += ["--build", str(trained_build / "manifest.json"), "--out", str(tmp_path / "in")]

    done = subprocess.run(argv, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    found = Input.model_validate_json((tmp_path / "in/input.json").read_bytes()).golden.features
    assert found is not None
    assert golden.features is not None
    assert screen.input.golden.features is not None
    assert relative_distance(found, golden.features) < 1e-5
    assert relative_distance(screen.input.golden.features, golden.features) > 0.5


def test_weights_that_changed_since_are_not_the_same(trained_build: Path, tmp_path: Path) -> None:
    """Another file in the old place is refused with both hashes; a missing one is named."""
    manifest = manifest_in(trained_build)
    (tmp_path / "other.safetensors").write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    for path, found in (("other.safetensors", "411a4852"), ("gone.safetensors", "no file")):
        weights = json.loads(manifest.weights.model_dump_json())
        weights["files"][0]["path"] = str(tmp_path / path)
        changed = manifest.model_copy(update={"weights": Weights.model_validate(weights)})

        with pytest.raises(
            PrepareError, match=rf"{path}: the build's weights came from here, wanted .* found {found}"
        ):
            again(changed, Path("manifest.json"))


def test_each_part_may_come_from_elsewhere(trained: Path) -> None:
    """With only the language from a file, the encoder and the projector are drawn, and the manifest says so."""
    model = skeleton(TINY)
    shapes = {name: tuple(p.shape) for name, p in model.named_parameters()}
    decoder = trained.with_name("decoder.safetensors")
    save_file(as_llama(random_mllm(TINY, 2)), decoder)

    origin = Origin(seed=3, language=decoder)
    fill(model, open_source(TINY, origin))
    weights = told(origin)

    assert len(shapes) == len(list(model.parameters()))
    assert torch.equal(model.language.head.weight, random_mllm(TINY, 2).language.head.weight)
    assert torch.equal(model.projector.first.weight, random_mllm(TINY, 3).projector.first.weight)
    assert (weights.origin, weights.seed) == ("checkpoint", 3)
    assert weights.source == (
        f"language from {decoder}; vision from seed 3, so answers are noise; "
        "projector from seed 3, so answers are noise"
    )


def as_llama(model: Mllm) -> dict[str, torch.Tensor]:
    """Return the language model as transformers stores a Llama: 2 heads and 1 key-value head of 32."""
    stored = {
        "model.embed_tokens.weight": model.language.embedding.weight,
        "model.norm.weight": model.language.norm.weight,
        "lm_head.weight": model.language.head.weight,
    }
    for n, block in enumerate(model.language.layers):
        query, key, value = torch.split(block.attention.qkv.weight, [64, 32, 32])
        gate, up = torch.split(block.gate_up.weight, 128)
        own = {"self_attn.q_proj": query, "self_attn.k_proj": key, "self_attn.v_proj": value}
        own |= {"self_attn.o_proj": block.attention.out.weight, "mlp.gate_proj": gate, "mlp.up_proj": up}
        own |= {"mlp.down_proj": block.down.weight, "input_layernorm": block.attention_norm.weight}
        own |= {"post_attention_layernorm": block.mlp_norm.weight}
        stored |= {f"model.layers.{n}.{module}.weight": tensor for module, tensor in own.items()}
    return {name: tensor.detach().contiguous() for name, tensor in stored.items()}


def test_options_say_the_origin(tmp_path: Path) -> None:
    """Without options a preset without weights of its own is random, from seed 0."""
    parser = ArgumentParser()
    add_options(parser)

    assert chosen(parser.parse_args([]), "nano") == Origin(seed=0)
    assert chosen(parser.parse_args(["--seed", "4", "--vision", "s"]), "nano") == Origin(4, vision=Path("s"))
    assert chosen(parser.parse_args(["--weights", "w"]), "nano") == Origin(weights=Path("w"))


def test_a_recipe_too_large_for_a_session_is_refused_before_any_work() -> None:
    """2.9 G weights take 10.7 GiB in float32; 4 bits and their scales fit."""
    with pytest.raises(
        PrepareError, match=r"bluelm_v_3b: wanted at most 8 GiB .* found 1\d\.\d GiB with recipe fp32"
    ):
        refuse_large(PRESETS["bluelm_v_3b"], RECIPES["fp32"])
    for recipe in ("paper", "paper-kv8", "w8", "w8a8"):
        refuse_large(PRESETS["bluelm_v_3b"], RECIPES[recipe])
