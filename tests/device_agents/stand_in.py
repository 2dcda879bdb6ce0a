"""A build of tiny graphs with the contract's inputs and outputs, and jobs for it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from device_agents.contract import (
    Dimensions,
    File,
    Fingerprint,
    Golden,
    Graph,
    GraphFile,
    Image,
    Input,
    Manifest,
    Placement,
    Precision,
    RecipeError,
    Segment,
    Tokenizer,
    TokenTrail,
    Tolerance,
    Weights,
    canonical_json,
)

TILES, PIXELS, PATCHES, WIDTH, HIDDEN, VOCABULARY = 3, 8, 4, 6, 16, 300
HEADS, HEAD, CACHE = 2, 16, 24
PROMPT = 8
"""Two tokens of text, three of the image (one for each tile), three of text."""

CORES = sorted(os.sched_getaffinity(0))


def _weights(seed: int, *shape: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    values = np.random.default_rng(seed).standard_normal(shape) / np.sqrt(shape[0])
    return np.asarray(values, dtype=np.float32)


def _save(  # noqa: PLR0917  (reads as a table)
    folder: Path, name: str, nodes: Sequence[Any], inputs: Any, outputs: Any, tensors: dict[str, Any]
) -> None:
    """Write one graph; inputs and outputs are (name, element type, shape)."""
    graph = helper.make_graph(
        list(nodes),
        name,
        [helper.make_tensor_value_info(*value) for value in inputs],
        [helper.make_tensor_value_info(*value) for value in outputs],
        [numpy_helper.from_array(np.asarray(array), key) for key, array in tensors.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), folder / f"{name}.onnx")


def write_vision(folder: Path) -> None:
    """Write tile, patch_embed, vit and project: a tile's tokens depend on its number and the image's mean."""
    node, real, whole = helper.make_node, TensorProto.FLOAT, TensorProto.INT64
    _save(
        folder,
        "tile",
        [
            node("Cast", ["image"], ["pixels"], to=real),
            node("ReduceMean", ["pixels"], ["mean"], keepdims=0),
            node("Cast", ["order"], ["numbers"], to=real),
            node("Add", ["numbers", "mean"], ["values"]),
            node("Reshape", ["values", "column"], ["cells"]),
            node("Mul", ["cells", "ones"], ["tiles"]),
        ],
        [
            ("image", TensorProto.UINT8, ["height", "width", 3]),
            ("fit", whole, [2]),
            ("pads", whole, [4]),
            ("grid", whole, [2]),
            ("order", whole, ["tiles"]),
        ],
        [("tiles", real, ["tiles", 3, PIXELS, PIXELS])],
        {"column": np.array([-1, 1, 1, 1]), "ones": np.full((1, 3, PIXELS, PIXELS), 0.01, np.float32)},
    )
    _save(
        folder,
        "patch_embed",
        [
            node("Conv", ["tiles", "kernel"], ["maps"], strides=[PIXELS // 2] * 2),
            node("Reshape", ["maps", "shape"], ["rows"]),
            node("Transpose", ["rows"], ["embeddings"], perm=[0, 2, 1]),
        ],
        [("tiles", real, ["batch", 3, PIXELS, PIXELS])],
        [("embeddings", real, ["batch", PATCHES, WIDTH])],
        {"kernel": _weights(1, WIDTH, 3, PIXELS // 2, PIXELS // 2), "shape": np.array([0, WIDTH, PATCHES])},
    )
    _save(
        folder,
        "vit",
        [node("MatMul", ["embeddings", "w"], ["m"]), node("Add", ["m", "embeddings"], ["features"])],
        [("embeddings", real, ["batch", PATCHES, WIDTH])],
        [("features", real, ["batch", PATCHES, WIDTH])],
        {"w": _weights(2, WIDTH, WIDTH)},
    )
    _save(
        folder,
        "project",
        [node("Reshape", ["features", "shape"], ["row"]), node("MatMul", ["row", "w"], ["tokens"])],
        [("features", real, ["batch", PATCHES, WIDTH])],
        [("tokens", real, ["batch", 1, HIDDEN])],
        {"w": _weights(3, PATCHES * WIDTH, HIDDEN), "shape": np.array([0, 1, PATCHES * WIDTH])},
    )


def write_language(folder: Path, kv_cache: str) -> None:
    """Write embed, and an llm with one layer of real grouped-query attention and rotary positions."""
    node, real = helper.make_node, TensorProto.FLOAT
    _save(
        folder,
        "embed",
        [node("Gather", ["table", "ids"], ["embeddings"])],
        [("ids", TensorProto.INT64, ["tokens"])],
        [("embeddings", real, ["tokens", HIDDEN])],
        {"table": _weights(4, VOCABULARY, HIDDEN) * 4},
    )
    angles = np.outer(np.arange(CACHE), 10000.0 ** (-np.arange(HEAD // 2) / (HEAD // 2)))
    kind = {"float32": real, "float16": TensorProto.FLOAT16, "int8": TensorProto.INT8}[kv_cache]
    half = kv_cache == "float16"  # then all of attention is
    part = "_half" if half else ""
    scales = ["", "", "", "scale", "scale"] if kv_cache == "int8" else []
    quantised: dict[str, Any] = {
        "k_quant_type": "PER_TENSOR",
        "v_quant_type": "PER_TENSOR",
        "kv_cache_bit_width": 8,
    }
    attention = node(
        "GroupQueryAttention",
        [
            *(f"{name}{part}" for name in "qkv"),
            *("past_key_0", "past_value_0", "last_position", "total_tokens", "cos", "sin", *scales),
        ],
        [f"attended{part}", "present_key_0", "present_value_0"],
        domain="com.microsoft",
        num_heads=HEADS,
        kv_num_heads=1,
        do_rotary=1,
        **(quantised if scales else {}),
    )
    cache = [1, 1, CACHE, HEAD]
    _save(
        folder,
        "llm",
        [
            *(node("MatMul", ["embeddings", f"w{name}"], [name]) for name in "qkv"),
            *(node("Cast", [name], [f"{name}_half"], to=kind) for name in "qkv" if half),
            attention,
            *([node("Cast", ["attended_half"], ["attended"], to=real)] if half else []),
            node("MatMul", ["attended", "wo"], ["mixed"]),
            node("Add", ["mixed", "embeddings"], ["hidden"]),
            node("Gather", ["hidden", "positions"], ["wanted"], axis=1),
            node("Reshape", ["wanted", "rows"], ["flat"]),
            node("MatMul", ["flat", "head"], ["logits"]),
        ],
        [
            ("embeddings", real, [1, "tokens", HIDDEN]),
            ("last_position", TensorProto.INT32, [1]),
            ("total_tokens", TensorProto.INT32, []),
            ("positions", TensorProto.INT64, ["k"]),
            ("past_key_0", kind, cache),
            ("past_value_0", kind, cache),
        ],
        [("logits", real, ["k", VOCABULARY]), ("present_key_0", kind, cache), ("present_value_0", kind, cache)],
        {
            "wq": _weights(5, HIDDEN, HEADS * HEAD),
            "wk": _weights(6, HIDDEN, HEAD),
            "wv": _weights(7, HIDDEN, HEAD),
            "wo": _weights(8, HEADS * HEAD, HIDDEN),
            "head": _weights(9, HIDDEN, VOCABULARY),
            "rows": np.array([-1, HIDDEN]),
            "cos": np.cos(angles).astype(np.float16 if half else np.float32),
            "sin": np.sin(angles).astype(np.float16 if half else np.float32),
            **({"scale": np.array([0.05], np.float32)} if scales else {}),
        },
    )


def write_build(folder: Path, *, kv_cache: Literal["float32", "float16", "int8"] = "float32") -> Path:
    """Write a complete build with one input, `screen`, whose golden outputs are arbitrary."""
    write_vision(folder)
    write_language(folder, kv_cache)
    where = folder / "inputs" / "screen"
    where.mkdir(parents=True)
    pixels = bytes(range(60))
    (where / "pixels.rgb8").write_bytes(pixels)
    unknown = Fingerprint(shape=[1], norm=1.0, projections=[0.0] * 64)
    placement = Placement(
        rule="stand_in", columns=2, rows=1, fit_width=16, fit_height=8, left=0, top=0, order=[0, 1, 2]
    )
    source = Input(
        protocol=1,
        name="screen",
        image=Image(path="pixels.rgb8", sha256=hashlib.sha256(pixels).hexdigest(), width=5, height=4),
        placement=placement,
        segments=[Segment(ids=[3, 4]), Segment(ids=None), Segment(ids=[5, 6, 7])],
        prompt_tokens=PROMPT,
        instruction="?",
        golden=Golden(features=None, logits=unknown, tokens=TokenTrail(ids=[], margins=[])),
    )
    (where / "input.json").write_bytes(canonical_json(source))
    batches: list[dict[str, int]] = [{"batch": size} for size in (1, 2, 3)]
    tokens: list[dict[str, int]] = [{"tokens": size} for size in (1, 3, 5, 8)]
    shapes = {Graph.TILE: [], Graph.EMBED: [], Graph.LLM: tokens}
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    manifest = Manifest(
        protocol=1,
        runtime="onnxruntime",
        model="stand-in",
        recipe="fp32",
        dimensions=Dimensions(
            tile_pixels=PIXELS,
            vision_tokens_per_tile=PATCHES,
            vision_hidden=WIDTH,
            tokens_per_tile=1,
            hidden=HIDDEN,
            layers=1,
            key_value_heads=1,
            head_dim=HEAD,
            vocabulary=VOCABULARY,
            cache_tokens=CACHE,
        ),
        graphs={g: [GraphFile(path=f"{g}.onnx", weights=[], shapes=shapes.get(g, batches))] for g in Graph},
        precision={"all": Precision(weights="float32", activations="float32")},
        kv_cache=kv_cache,
        tolerance=Tolerance(features=1e-4, logits=1e-4, margin=0),
        recipe_error=RecipeError(
            feature_relative_error=0,
            feature_cosine=1,
            logit_relative_error=0,
            logit_kl_nats=0,
            top1_agreement=1,
            positions=1,
        ),
        tokenizer=Tokenizer(kind="bytes", first_byte=2, end=0),
        inputs={"screen": "inputs/screen"},
        weights=Weights(origin="random", source="seeds 1 to 9"),
        files=[
            File(
                path=path.relative_to(folder).as_posix(),
                sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
                bytes=path.stat().st_size,
            )
            for path in files
        ],
    )
    (folder / "manifest.json").write_bytes(canonical_json(manifest))
    return folder


def job_of(folder: Path, work: dict[str, object], **changes: object) -> dict[str, object]:
    """Return a job as parsed JSON: vision on two units if there are two cores, the rest on all cores."""
    placed = {Graph.TILE: "cpu", Graph.PATCH_EMBED: "cpu", Graph.VIT: "npu", Graph.PROJECT: "npu"}
    job: dict[str, object] = {
        "protocol": 1,
        "trial": "t1",
        "build": str(folder),
        "work": work,
        "warmup_iterations": 1,
        "iterations": 2,
        "units": {
            "cpu": {"cores": CORES[:1]},
            "npu": {"cores": CORES[-1:]},
            "all": {"cores": CORES[:2]},
        },
        "stages": {graph.value: placed.get(graph, "all") for graph in Graph},
    }
    return job | changes


def batches_of(*sizes: int) -> list[dict[str, int]]:
    """Return batches of these sizes without padding."""
    return [{"true": size, "padded": size} for size in sizes]
