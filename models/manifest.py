"""The manifest of a build: its sizes, how each component is stored and multiplied, every file's hash."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from device_agents.contract import (
    PROTOCOL,
    Dimensions,
    File,
    Graph,
    GraphFile,
    Manifest,
    Precision,
    Product,
    Weights,
)
from models import tokenizer
from models.check import Finding, tolerance
from models.mllm import MllmConfig
from models.products import LEVEL, Component, Kind, matrices, mean_bits, ways
from models.quantize import BITS, CacheType, Recipe

BATCHES = (1, 2, 3, 4, 5, 6)
TOKENS = (1, 32, 128, 512, 2048)
"""Shapes the graphs are meant for: the paper's (Fig. 7 and 8) and those in between."""

CACHES: Mapping[CacheType, str] = {
    "float32": "float32",
    "float16": "float16, as is attention",
    "int8": "INT8, one scale a channel, calibrated",
}


def graph_file(graph: Graph, folder: Path) -> GraphFile:
    """Describe one graph for the manifest."""
    shapes: list[dict[str, int]] = [{}]
    if graph in (Graph.PATCH_EMBED, Graph.VIT, Graph.PROJECT):
        shapes = [{"batch": batch} for batch in BATCHES]
    elif graph in (Graph.EMBED, Graph.LLM):
        shapes = [{"tokens": tokens} for tokens in TOKENS]
    weights = f"{graph}.bin"
    return GraphFile(path=f"{graph}.onnx", weights=[weights] if (folder / weights).exists() else [], shapes=shapes)


def dimensions(config: MllmConfig) -> Dimensions:
    """Return the sizes an agent needs."""
    return Dimensions(
        tile_pixels=config.vision.tile_pixels,
        vision_tokens_per_tile=config.vision.tokens,
        vision_hidden=config.vision.hidden,
        tokens_per_tile=config.tokens_per_tile,
        hidden=config.language.hidden,
        layers=config.language.layers,
        key_value_heads=config.language.key_value_heads,
        head_dim=config.language.head_dim,
        vocabulary=config.language.vocabulary,
        cache_tokens=config.language.cache_tokens,
    )


WEIGHTS: Mapping[Kind, str] = {
    "float": "float32",
    "unpacked": "INT{bits}, symmetric, block {block}, round to nearest",
    "blocks": "INT{bits}, symmetric, block {block}, round to nearest",
    "tokens": "INT{bits}, symmetric, one scale a row",
}
ACTIVATIONS: Mapping[Kind, str] = {
    "float": "float32",
    "unpacked": "float32",
    "blocks": "float32 between products, INT8 by block inside them",
    "tokens": "float32 between products, INT8 with one scale a token inside them",
}
OPERATORS: Mapping[Kind, str] = {
    "float": "MatMul",
    "unpacked": "MatMul",
    "blocks": "MatMulNBits",
    "tokens": "MatMulIntegerToFloat",
}


def precision(recipe: Recipe, config: MllmConfig) -> dict[str, Precision]:
    """Describe how each component is stored and computed, and where it departs from the paper (sec. 3.4)."""
    chosen = ways(recipe)

    def of(component: Component, note: str) -> Precision:
        way = chosen[component]
        stored, loaded = mean_bits(config, component, way)
        return Precision(
            weights=WEIGHTS[way.kind].format(bits=BITS[way.storage], block=way.block),
            activations=ACTIVATIONS[way.kind],
            note=note,
            product=Product(
                operator=OPERATORS[way.kind],
                accuracy_level=LEVEL if way.kind == "blocks" else None,
                block=way.block or None,
                unpacked=way.kind == "unpacked",
                stored_bits=stored,
                loaded_bits=loaded,
            ),
        )

    table = "float32" if recipe.table == "float32" else "INT8, symmetric, one scale a row"
    return {
        "patch_embed": Precision(
            weights="float32", activations="float32", note="the paper does not state the convolution's precision"
        ),
        "vision": of("vision", "the paper: INT8 weights, FP16 activations"),
        "projector": of("projector", "the paper: INT8 weights, FP16 activations"),
        "language": of("language", "the paper: INT4 weights, INT16 activations; group size not published"),
        "embedding": Precision(weights=table, activations="float32", note="the paper does not state it"),
        "kv_cache": Precision(
            weights="none",
            activations=CACHES[recipe.cache],
            note="the paper: INT8; granularity not published",
        ),
    }


def manifest(
    config: MllmConfig, recipe: Recipe, findings: Sequence[Finding], folder: Path, weights: Weights
) -> Manifest:
    """Describe the folder as it is; reports the errors of the first finding, the reference screen's."""
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != "manifest.json")
    inputs = {p.parent.name: p.parent.relative_to(folder).as_posix() for p in files if p.name == "input.json"}
    notes = [
        "Activations are not the paper's FP16 and INT16: ONNX Runtime's CPU kernels compute in float32 or INT8."
    ]
    chosen = ways(recipe)
    blocks = {(m.inputs, chosen[m.component].block) for m in matrices(config)}
    if padded := sorted(inputs for inputs, block in blocks if block and inputs % block):
        notes.append(f"Rows of {padded} weights are padded with zeros to a multiple of {recipe.block}.")
    return Manifest(
        protocol=PROTOCOL,
        runtime="onnxruntime",
        model=config.name,
        recipe=recipe.name,
        dimensions=dimensions(config),
        graphs={graph: [graph_file(graph, folder)] for graph in Graph},
        precision=precision(recipe, config),
        kv_cache=recipe.cache,
        tolerance=tolerance(findings),
        recipe_error=findings[0].error,
        tokenizer=tokenizer.BYTES,
        inputs=inputs,
        weights=weights,
        notes=notes,
        files=[
            File(path=p.relative_to(folder).as_posix(), sha256=sha256(p), bytes=p.stat().st_size) for p in files
        ],
    )


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
