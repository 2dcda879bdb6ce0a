"""Weights from safetensors files: our own layout, and the public ones of SigLIP and of Llama-like decoders.

A layout says which stored tensors make each of ours: Hugging Face's transformers stores query, key and value
apart, and gate and up; ours are fused, in this order. Rotary halves are pairs in both (transformers'
`rotate_half`, our :func:`models.language.rotate`), so no row moves. Everything is compared
before the first tensor is read.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from models.errors import PrepareError
from models.language import LanguageConfig
from models.vision import VisionConfig
from models.weights import Shape

Pieces = list[tuple[str, Shape]]
"""Stored tensors, with the shapes wanted, whose rows one after the other make a tensor of ours."""

Layout = Mapping[str, Pieces]

SIGLIP_UNUSED = ("text_model.", "vision_model.head.", "logit_scale", "logit_bias")
"""What transformers' SigLIP also stores: the text encoder and the pooling, which a multimodal LLM leaves out."""

TYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}

INDEX, SINGLE = "model.safetensors.index.json", "model.safetensors"


class Stored:
    """The tensors of a safetensors file, or of a folder that may hold them in shards, as transformers does."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.files = shards(path)
        self._opened = [_open(file) for file in self.files]
        self._where = {name: index for index, opened in enumerate(self._opened) for name in _names(opened)}

    def __contains__(self, name: str) -> bool:
        return name in self._where

    @property
    def names(self) -> set[str]:
        """Return the names of all tensors."""
        return set(self._where)

    def file_of(self, name: str) -> Path:
        """Return the file that holds a tensor."""
        return self.files[self._where[name]]

    def shape(self, name: str) -> Shape:
        """Return the shape of a tensor; raise PrepareError if its type is not a float of 16 or 32 bits."""
        part = self._opened[self._where[name]].get_slice(name)  # type: ignore[no-untyped-call]
        if part.get_dtype() not in TYPES:
            raise PrepareError(
                f"{self.file_of(name)}: wanted tensor {name} as one of {', '.join(TYPES)}, found "
                f"{part.get_dtype()}: convert the checkpoint"
            )
        return tuple(part.get_shape())

    def read(self, name: str) -> Tensor:
        """Return a tensor as it is stored."""
        found: Tensor = self._opened[self._where[name]].get_tensor(name)  # type: ignore[no-untyped-call]
        return found

    def digest(self) -> str:
        """Return the SHA-256 of the file, or of the digests of all shards in order."""
        each = []
        for file in self.files:
            with file.open("rb") as stream:
                each.append(hashlib.file_digest(stream, "sha256").hexdigest())
        return each[0] if len(each) == 1 else hashlib.sha256(" ".join(each).encode()).hexdigest()


class Checkpoint:
    """A source that reads stored tensors by a layout."""

    def __init__(self, stored: Stored, layout: Layout) -> None:
        self.stored, self.layout = stored, layout

    def tensor(self, name: str, shape: Shape) -> Tensor:
        """Return the pieces of a tensor, joined by rows."""
        parts = [self.stored.read(piece) for piece, _ in self.layout[name]]
        whole = parts[0] if len(parts) == 1 else torch.cat(parts)
        return whole.reshape(shape)


def shards(path: Path) -> list[Path]:
    """Return the safetensors files of a path: itself, or those of a folder."""
    if path.is_file():
        return [path]
    if (path / INDEX).is_file():
        try:
            listed = json.loads((path / INDEX).read_bytes())["weight_map"].values()
            files = [path / name for name in sorted(set(listed))]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise PrepareError(f"{path / INDEX}: wanted a weight_map from tensors to files: {error!r}") from error
        for file in files:
            if not file.is_file():
                raise PrepareError(f"{file}: {INDEX} names this file, found none: download it again")
        return files
    if (path / SINGLE).is_file():
        return [path / SINGLE]
    raise PrepareError(
        f"{path}: wanted a .safetensors file, or a folder with {SINGLE} or {INDEX}; found none: give another path"
    )


def _open(file: Path) -> safe_open:
    try:
        return safe_open(file, framework="pt")
    except SafetensorError as error:
        raise PrepareError(f"{file}: wanted a safetensors file: {error}: download or write it again") from error


def open_own(path: Path, shapes: Mapping[str, Shape], others: set[str]) -> Checkpoint:
    """Open weights in our own layout; tensors of `others`, parts that come from elsewhere, may be there too."""
    return checked(Stored(path), {name: [(name, shape)] for name, shape in shapes.items()}, others.__contains__)


def open_siglip(path: Path, config: VisionConfig, shapes: Mapping[str, Shape]) -> Checkpoint:
    """Open transformers' SigLIP as the vision part."""
    stored = Stored(path)
    compare_settings(path, vision_settings(config), "vision_config")
    return checked(stored, siglip(config, shapes), lambda name: name.startswith(SIGLIP_UNUSED))


def open_decoder(path: Path, config: LanguageConfig, shapes: Mapping[str, Shape]) -> Checkpoint:
    """Open a Llama-like decoder, MiniCPM's three scalings included, as the language part."""
    stored = Stored(path)
    compare_settings(path, language_settings(config), "text_config")
    found = checked(stored, decoder(config, shapes), lambda name: _unused_by_a_decoder(name, config))
    if config.tied and "lm_head.weight" in stored:
        head, table = stored.read("lm_head.weight"), stored.read("model.embed_tokens.weight")
        if not torch.equal(head, table):
            raise PrepareError(
                f"{stored.file_of('lm_head.weight')}: wanted lm_head.weight equal to model.embed_tokens.weight, "
                "because this model's head is tied; found another matrix: choose a preset whose head is not tied"
            )
    return found


def _unused_by_a_decoder(name: str, config: LanguageConfig) -> bool:
    return name.endswith("rotary_emb.inv_freq") or (config.tied and name == "lm_head.weight")


def checked(stored: Stored, layout: Layout, unused: Callable[[str], bool]) -> Checkpoint:
    """Return a source, or raise PrepareError that names the first missing, misshaped or extra tensor."""
    wanted = [piece for pieces in layout.values() for piece in pieces]
    missing = [(name, shape) for name, shape in wanted if name not in stored]
    if missing:
        name, shape = missing[0]
        raise PrepareError(
            f"{stored.path}: wanted tensor {name} {list(shape)}, found none{_more(len(missing))}: this is another "
            "model, or another layout (docs/your-own-build.md names the tensors)"
        )
    for name, shape in wanted:
        found = stored.shape(name)
        if found != shape:
            raise PrepareError(
                f"{stored.file_of(name)}: wanted tensor {name} {list(shape)}, found {list(found)}: "
                "choose the preset whose sizes this checkpoint has"
            )
    extra = sorted(name for name in stored.names - {name for name, _ in wanted} if not unused(name))
    if extra:
        raise PrepareError(
            f"{stored.file_of(extra[0])}: wanted no tensor {extra[0]}, found one {list(stored.shape(extra[0]))}"
            f"{_more(len(extra))}: the preset's network has no place for it"
        )
    return Checkpoint(stored, layout)


def _more(count: int) -> str:
    return f" (and {count - 1} more)" if count > 1 else ""


def siglip(config: VisionConfig, shapes: Mapping[str, Shape]) -> Layout:
    """Return the layout of transformers' `SiglipVisionModel`."""
    names = {
        "patch_embedding.convolution": "embeddings.patch_embedding",
        "patch_embedding.position": "embeddings.position_embedding.weight",
        "vision.norm": "post_layernorm",
    }
    for n in range(config.layers):
        names |= {
            f"vision.blocks.{n}.attention_norm": f"encoder.layers.{n}.layer_norm1",
            f"vision.blocks.{n}.attention.out": f"encoder.layers.{n}.self_attn.out_proj",
            f"vision.blocks.{n}.mlp_norm": f"encoder.layers.{n}.layer_norm2",
            f"vision.blocks.{n}.up": f"encoder.layers.{n}.mlp.fc1",
            f"vision.blocks.{n}.down": f"encoder.layers.{n}.mlp.fc2",
        }
    fused = {
        f"vision.blocks.{n}.attention.qkv": [
            (f"encoder.layers.{n}.self_attn.{part}_proj", config.hidden) for part in "qkv"
        ]
        for n in range(config.layers)
    }
    return _layout(shapes, names, fused, "vision_model.")


def decoder(config: LanguageConfig, shapes: Mapping[str, Shape]) -> Layout:
    """Return the layout of transformers' `LlamaForCausalLM`, which MiniCPM's shares."""
    names = {"language.embedding": "embed_tokens", "language.norm": "norm"}
    fused: dict[str, list[tuple[str, int]]] = {}
    wide, narrow = (heads * config.head_dim for heads in (config.heads, config.key_value_heads))
    for n in range(config.layers):
        names |= {
            f"language.blocks.{n}.attention_norm": f"layers.{n}.input_layernorm",
            f"language.blocks.{n}.attention.out": f"layers.{n}.self_attn.o_proj",
            f"language.blocks.{n}.mlp_norm": f"layers.{n}.post_attention_layernorm",
            f"language.blocks.{n}.down": f"layers.{n}.mlp.down_proj",
        }
        fused[f"language.blocks.{n}.attention.qkv"] = [
            (f"layers.{n}.self_attn.{part}_proj", rows)
            for part, rows in zip("qkv", (wide, narrow, narrow), strict=True)
        ]
        fused[f"language.blocks.{n}.gate_up"] = [
            (f"layers.{n}.mlp.{part}_proj", config.mlp) for part in ("gate", "up")
        ]
    layout = dict(_layout({k: v for k, v in shapes.items() if k != HEAD}, names, fused, "model."))
    if HEAD in shapes:
        layout[HEAD] = [("lm_head.weight", shapes[HEAD])]
    return layout


HEAD = "language.head.weight"
"""The only tensor of a decoder that is stored outside `model.`; a tied one is none of its own."""


def _layout(
    shapes: Mapping[str, Shape],
    names: Mapping[str, str],
    fused: Mapping[str, list[tuple[str, int]]],
    prefix: str,
) -> Layout:
    """Return the pieces of every tensor: renamed by module, or joined from modules of so many rows."""
    layout: dict[str, Pieces] = {}
    for name, shape in shapes.items():
        module, _, kind = name.rpartition(".")
        if name in names:
            layout[name] = [(prefix + names[name], shape)]
        elif module in names:
            layout[name] = [(f"{prefix}{names[module]}.{kind}", shape)]
        else:
            layout[name] = [(f"{prefix}{part}.{kind}", (rows, *shape[1:])) for part, rows in fused[module]]
    return layout


Settings = Mapping[str, tuple[float | str | bool | None, float | str | bool | None]]
"""A key of `config.json` -> the value wanted, and what its absence means (None: nothing)."""


def vision_settings(config: VisionConfig) -> Settings:
    """Return what shapes cannot show of an encoder, by the keys of transformers' SiglipVisionConfig."""
    return {
        "num_attention_heads": (config.heads, None),
        "image_size": (config.tile_pixels, None),
        "layer_norm_eps": (config.norm_epsilon, None),
        "hidden_act": ("gelu_pytorch_tanh", None),
    }


def language_settings(config: LanguageConfig) -> Settings:
    """Return what shapes cannot show of a decoder, by the keys of transformers' LlamaConfig and MiniCPM's."""
    return {
        "num_attention_heads": (config.heads, None),
        "num_key_value_heads": (config.key_value_heads, None),
        "rms_norm_eps": (config.norm_epsilon, None),
        "rope_theta": (config.rope_base, None),
        "rope_scaling": (None, None),
        "hidden_act": ("silu", None),
        "scale_emb": (config.embedding_scale, 1.0),
        "scale_depth": (config.residual_scale * math.sqrt(config.layers), math.sqrt(config.layers)),
        "dim_model_base": (config.logit_scale * config.hidden, config.hidden),
    }


def compare_settings(path: Path, wanted: Settings, section: str) -> None:
    """Raise PrepareError if the `config.json` beside a checkpoint, where there is one, says otherwise."""
    file = (path if path.is_dir() else path.parent) / "config.json"
    if not file.is_file():
        return
    try:
        found = json.loads(file.read_bytes())
    except ValueError as error:
        raise PrepareError(f"{file}: wanted JSON: {error}: download it again") from error
    found = found.get(section, found)
    for key, (value, absent) in wanted.items():
        if key not in found and absent is None:
            continue
        said = found.get(key, absent)
        same = said == value
        if isinstance(said, int | float) and isinstance(value, int | float):
            same = math.isclose(said, value, rel_tol=1e-6)
        if not same:
            raise PrepareError(
                f"{file}: wanted {key} {value}, found {said}: choose the preset whose network this checkpoint has"
            )


def _names(opened: safe_open) -> list[str]:
    names: list[str] = opened.keys()  # type: ignore[no-untyped-call]
    return names
