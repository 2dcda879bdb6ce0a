"""Public checkpoints, made small here: what they compute by their public definition, and what is refused.

The definitions are transformers' `modeling_siglip.py` and `modeling_llama.py` and MiniCPM's `modeling_minicpm.py`,
written again below on the stored tensors.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from models.checkpoints import open_decoder, open_own, open_siglip
from models.errors import PrepareError
from models.language import Cache, LanguageConfig
from models.mllm import Mllm, MllmConfig, skeleton
from models.vision import VisionConfig
from models.weights import Part, fill, shapes_of

VISION = VisionConfig(tile_pixels=28, patch_pixels=14, hidden=8, mlp=20, layers=2, heads=2)
LLAMA = LanguageConfig(2, 16, 24, 4, 2, 4, 32, 16)
MINICPM = replace(LLAMA, tied=True, embedding_scale=12.0, residual_scale=1.4 / math.sqrt(2), logit_scale=256 / 16)

Tensors = dict[str, Tensor]


def config_of(language: LanguageConfig = LLAMA) -> MllmConfig:
    """Return a model of the small sizes."""
    return MllmConfig("small", VISION, language)


def random(shapes: Mapping[str, tuple[int, ...]]) -> Tensors:
    """Draw tensors; norms are near one."""
    generator = torch.Generator().manual_seed(5)
    return {
        name: torch.randn(shape, generator=generator) * 0.3 + ("norm" in name and name.endswith("weight"))
        for name, shape in shapes.items()
    }


def siglip() -> Tensors:
    """Return a SigLIP as transformers stores it, its unused parts included."""
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.patch_embedding.weight": (8, 3, 14, 14),
        "embeddings.patch_embedding.bias": (8,),
        "embeddings.position_embedding.weight": (4, 8),
        "post_layernorm.weight": (8,),
        "post_layernorm.bias": (8,),
        "head.probe": (1, 1, 8),
    }
    for n in range(2):
        matrices = {f"self_attn.{p}_proj": (8, 8) for p in ("q", "k", "v", "out")} | {"mlp.fc1": (20, 8)}
        for module, shape in (matrices | {"mlp.fc2": (8, 20)}).items():
            shapes |= {
                f"encoder.layers.{n}.{module}.weight": shape,
                f"encoder.layers.{n}.{module}.bias": shape[:1],
            }
        for module in ("layer_norm1", "layer_norm2"):
            shapes |= {f"encoder.layers.{n}.{module}.{kind}": (8,) for kind in ("weight", "bias")}
    stored = {f"vision_model.{name}": tensor for name, tensor in random(shapes).items()}
    return stored | {"text_model.head.weight": torch.ones(2, 2), "logit_scale": torch.ones(1)}


def siglip_features(t: Tensors, tiles: Tensor) -> Tensor:
    """Compute SigLIP's last hidden state [B, P, D] after its final norm."""

    def linear(x: Tensor, name: str) -> Tensor:
        return functional.linear(x, t[f"vision_model.{name}.weight"], t[f"vision_model.{name}.bias"])

    def norm(x: Tensor, name: str) -> Tensor:
        weight, bias = t[f"vision_model.{name}.weight"], t[f"vision_model.{name}.bias"]
        return functional.layer_norm(x, (8,), weight, bias, 1e-6)

    at = "vision_model.embeddings"
    x = functional.conv2d(tiles, t[f"{at}.patch_embedding.weight"], t[f"{at}.patch_embedding.bias"], stride=14)
    x = x.flatten(2).transpose(1, 2) + t[f"{at}.position_embedding.weight"]
    for n in range(2):
        layer = f"encoder.layers.{n}"
        h = norm(x, f"{layer}.layer_norm1")
        query, key, value = (
            linear(h, f"{layer}.self_attn.{p}_proj").view(len(x), 4, 2, 4).transpose(1, 2) for p in "qkv"
        )
        weights = torch.softmax(query @ key.transpose(2, 3) * 4**-0.5, dim=-1)
        mixed = (weights @ value).transpose(1, 2).reshape(len(x), 4, 8)
        x = x + linear(mixed, f"{layer}.self_attn.out_proj")
        h = linear(norm(x, f"{layer}.layer_norm2"), f"{layer}.mlp.fc1")
        x = x + linear(functional.gelu(h, approximate="tanh"), f"{layer}.mlp.fc2")
    return norm(x, "post_layernorm")


def llama(*, tied: bool = False) -> Tensors:
    """Return a decoder as transformers stores it: 4 heads and 2 key-value heads of 4."""
    shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (32, 16), "model.norm.weight": (16,)}
    for n in range(2):
        rows = {"self_attn.q_proj": (16, 16), "self_attn.k_proj": (8, 16), "self_attn.v_proj": (8, 16)}
        rows |= {"self_attn.o_proj": (16, 16), "mlp.gate_proj": (24, 16), "mlp.up_proj": (24, 16)}
        shapes |= {f"model.layers.{n}.{module}.weight": shape for module, shape in rows.items()}
        shapes[f"model.layers.{n}.mlp.down_proj.weight"] = (16, 24)
        shapes |= {f"model.layers.{n}.{k}_layernorm.weight": (16,) for k in ("input", "post_attention")}
    return random(shapes if tied else shapes | {"lm_head.weight": (32, 16)})


def llama_logits(t: Tensors, ids: Tensor, config: LanguageConfig) -> Tensor:
    """Compute logits [t, V] of a whole prompt; MiniCPM scales embeddings, branches and the last hidden state."""

    def norm(x: Tensor, name: str) -> Tensor:
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5) * t[f"{name}.weight"]

    def rotated(x: Tensor) -> Tensor:
        frequencies = 1.0 / 10_000 ** (torch.arange(0, 4, 2).float() / 4)
        angles = torch.outer(torch.arange(x.shape[1]).float(), frequencies).repeat(1, 2)
        half = torch.cat((-x[..., 2:], x[..., :2]), dim=-1)  # rotate_half
        return x * angles.cos() + half * angles.sin()

    count = len(ids)
    x = t["model.embed_tokens.weight"][ids] * config.embedding_scale
    for n in range(2):
        layer = {k.removeprefix(f"model.layers.{n}."): v for k, v in t.items() if f".layers.{n}." in k}
        h = norm(x, f"model.layers.{n}.input_layernorm")
        query, key, value = (
            (h @ layer[f"self_attn.{p}_proj.weight"].T).view(count, -1, 4).transpose(0, 1) for p in "qkv"
        )
        query, key = rotated(query), rotated(key).repeat_interleave(2, 0)
        scores = query @ key.transpose(1, 2) / 2 + torch.full((count, count), -math.inf).triu(1)
        mixed = (torch.softmax(scores, -1) @ value.repeat_interleave(2, 0)).transpose(0, 1).reshape(count, 16)
        x = x + config.residual_scale * (mixed @ layer["self_attn.o_proj.weight"].T)
        h = norm(x, f"model.layers.{n}.post_attention_layernorm")
        gated = functional.silu(h @ layer["mlp.gate_proj.weight"].T) * (h @ layer["mlp.up_proj.weight"].T)
        x = x + config.residual_scale * (gated @ layer["mlp.down_proj.weight"].T)
    head = t["model.embed_tokens.weight" if config.tied else "lm_head.weight"]
    return norm(x, "model.norm") @ head.T * config.logit_scale


def our_shapes(part: Part, language: LanguageConfig = LLAMA) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a part."""
    return shapes_of(skeleton(config_of(language)), part)


def decoder_of(path: Path, config: LanguageConfig) -> Mllm:
    """Return a model with the language part of a checkpoint."""
    model = skeleton(config_of(config))
    fill(model, open_decoder(path, config, our_shapes("language", config)), "language")
    return model


def our_logits(model: Mllm, ids: Tensor) -> Tensor:
    """Compute ours of a whole prompt."""
    cache = Cache.empty(model.config.language)
    logits: Tensor = model.language(model.language.embed(ids), cache, torch.arange(len(ids)))
    return logits


IDS = torch.tensor([1, 5, 9, 31, 2, 0, 7])


def test_a_siglip_checkpoint_computes_siglip(tmp_path: Path) -> None:
    """The convolution, both blocks and the final norm; the text encoder and the pooling are left out."""
    save_file(siglip(), tmp_path / "model.safetensors")
    model = skeleton(config_of())
    tiles = torch.randn(3, 3, 28, 28, generator=torch.Generator().manual_seed(6))

    fill(model, open_siglip(tmp_path, VISION, our_shapes("vision")), "vision")

    found = model.vision(model.patch_embedding(tiles))
    assert torch.allclose(found, siglip_features(siglip(), tiles), atol=1e-5)


@pytest.mark.parametrize("kind", [torch.float32, torch.float16, torch.bfloat16])
def test_a_llama_checkpoint_computes_llama(tmp_path: Path, kind: torch.dtype) -> None:
    """Grouped heads, rotated halves and the gated MLP, in each precision that checkpoints have."""
    stored = {name: tensor.to(kind) for name, tensor in llama().items()}
    save_file(stored, tmp_path / "decoder.safetensors")

    model = decoder_of(tmp_path / "decoder.safetensors", LLAMA)

    wanted = llama_logits({name: tensor.float() for name, tensor in stored.items()}, IDS, LLAMA)
    assert torch.allclose(our_logits(model, IDS), wanted, atol=1e-5)


def test_a_minicpm_checkpoint_in_shards_computes_minicpm(tmp_path: Path) -> None:
    """Three scalings, a tied head, and tensors that lie in the files which the index names."""
    stored = llama(tied=True)
    names = sorted(stored)
    shards = {"model-1.safetensors": names[::2], "model-2.safetensors": names[1::2]}
    for file, own in shards.items():
        save_file({name: stored[name] for name in own}, tmp_path / file)
    where = {name: file for file, own in shards.items() for name in own}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": where}))
    (tmp_path / "config.json").write_text(
        json.dumps({"num_attention_heads": 4, "scale_emb": 12, "scale_depth": 1.4, "dim_model_base": 256})
    )

    model = decoder_of(tmp_path, MINICPM)

    assert torch.allclose(our_logits(model, IDS), llama_logits(stored, IDS, MINICPM), rtol=1e-4, atol=1e-4)


def test_an_own_file_is_read_by_its_own_names(tmp_path: Path) -> None:
    """Other parts may lie in it as well."""
    tensors = {name: torch.full(shape, 2.0) for name, shape in our_shapes("projector").items()}
    save_file(tensors | {"language.norm.weight": torch.ones(16)}, tmp_path / "own.safetensors")
    model = skeleton(config_of())

    fill(
        model,
        open_own(tmp_path / "own.safetensors", our_shapes("projector"), {"language.norm.weight"}),
        "projector",
    )

    assert bool((model.projector.first.weight == 2.0).all())


def changed(change: str) -> Tensors:
    """Return a decoder with one thing wrong."""
    stored = llama()
    up = "model.layers.1.mlp.up_proj.weight"
    if change == "missing":
        del stored[up]
    elif change == "misshaped":
        stored[up] = torch.zeros(25, 16)
    elif change == "extra":
        stored["model.layers.1.self_attn.q_proj.bias"] = torch.zeros(16)
    else:
        stored[up] = torch.zeros(24, 16, dtype=torch.int8)
    return stored


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("missing", r"wanted tensor model\.layers\.1\.mlp\.up_proj\.weight \[24, 16\], found none"),
        ("misshaped", r"wanted tensor model\.layers\.1\.mlp\.up_proj\.weight \[24, 16\], found \[25, 16\]"),
        ("extra", r"wanted no tensor model\.layers\.1\.self_attn\.q_proj\.bias, found one \[16\]"),
        ("integers", r"wanted tensor model\.layers\.1\.mlp\.up_proj\.weight as one of F32, F16, BF16, found I8"),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_refused(tmp_path: Path, change: str, words: str) -> None:
    """The message names the file, the tensor, and the shape or type wanted and found."""
    save_file(changed(change), tmp_path / "bad.safetensors")

    with pytest.raises(PrepareError, match=rf"bad\.safetensors: {words}"):
        decoder_of(tmp_path / "bad.safetensors", LLAMA)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"num_attention_heads": 2}, "wanted num_attention_heads 4, found 2"),
        ({"rope_theta": 500000.0}, "wanted rope_theta 10000.0, found 500000.0"),
        ({"scale_emb": 12}, "wanted scale_emb 1.0, found 12"),
        ({"rope_scaling": {"type": "linear", "factor": 2.0}}, "wanted rope_scaling None, found {'type': 'linear'"),
    ],
)
def test_what_shapes_cannot_show_is_compared_with_the_configuration(
    tmp_path: Path, settings: dict[str, object], words: str
) -> None:
    """Equal shapes with other heads, rotation or scalings would answer nonsense without a word."""
    save_file(llama(), tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(settings))

    with pytest.raises(PrepareError, match=words):
        decoder_of(tmp_path, LLAMA)


def test_a_head_of_its_own_is_refused_where_the_model_ties_it(tmp_path: Path) -> None:
    """A copy of the table is fine; another matrix would be lost."""
    stored = llama(tied=True)
    save_file(
        stored | {"lm_head.weight": stored["model.embed_tokens.weight"].clone()}, tmp_path / "copy.safetensors"
    )
    save_file(stored | {"lm_head.weight": torch.zeros(32, 16)}, tmp_path / "other.safetensors")

    decoder_of(tmp_path / "copy.safetensors", MINICPM)
    with pytest.raises(PrepareError, match=r"wanted lm_head\.weight equal to model\.embed_tokens\.weight"):
        decoder_of(tmp_path / "other.safetensors", MINICPM)


def test_a_folder_without_weights_and_a_broken_file_are_refused(tmp_path: Path) -> None:
    """Each names the path; a missing shard names the index too."""
    (tmp_path / "torn.safetensors").write_bytes(b"\x00" * 5)
    with pytest.raises(PrepareError, match=r"wanted a \.safetensors file, or a folder with model\.safetensors"):
        decoder_of(tmp_path, LLAMA)
    with pytest.raises(PrepareError, match=r"torn\.safetensors: wanted a safetensors file"):
        decoder_of(tmp_path / "torn.safetensors", LLAMA)

    (tmp_path / "model.safetensors.index.json").write_text('{"weight_map": {"a": "gone.safetensors"}}')
    with pytest.raises(PrepareError, match=r"gone\.safetensors: model\.safetensors\.index\.json names this file"):
        decoder_of(tmp_path, LLAMA)
