"""A build for the fake phone: a real manifest and input, and files in place of networks (`stand_in`)."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from device_agents.contract import (
    PROTOCOL,
    Dimensions,
    File,
    Golden,
    Graph,
    GraphFile,
    Image,
    Input,
    Manifest,
    Placement,
    RecipeError,
    Segment,
    Tokenizer,
    TokenTrail,
    Tolerance,
    Weights,
    canonical_json,
    fingerprint,
)

TILES, TOKENS_PER_TILE, HIDDEN = 9, 4, 8
PROMPT_TOKENS = TILES * TOKENS_PER_TILE + 14
BATCHES, CHUNKS = (1, 2, 3, 4, 5, 6), (1, 8, 32)
MARGIN = 0.5


def write_fake_build(folder: Path) -> Manifest:
    """Write a stand-in build of 9 tiles, a prompt of 50 tokens and a cache of 128; return its manifest."""
    pixels = bytes(12 * 12 * 3)
    document = _input(pixels)
    contents = {
        "inputs/screen/input.json": canonical_json(document),
        "inputs/screen/pixels.rgb8": pixels,
        **{f"{graph.value}.onnx": b"a stand-in, no network" for graph in Graph},
    }
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    files = [
        File(path=name, sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))
        for name, content in sorted(contents.items())
    ]
    manifest = _manifest(files)
    (folder / "manifest.json").write_bytes(canonical_json(manifest))
    return manifest


def _input(pixels: bytes) -> Input:
    random = np.random.default_rng(1)
    features = random.standard_normal((TILES * TOKENS_PER_TILE, HIDDEN)).astype(np.float32)
    logits = random.standard_normal((1, 260)).astype(np.float32)
    return Input(
        protocol=PROTOCOL,
        name="screen",
        image=Image(path="pixels.rgb8", sha256=hashlib.sha256(pixels).hexdigest(), width=12, height=12),
        placement=Placement(
            rule="relaxed", columns=2, rows=4, fit_width=8, fit_height=16, left=0, top=0, order=list(range(TILES))
        ),
        segments=[Segment(ids=[1] * 7), Segment(ids=None), Segment(ids=[2] * 7)],
        prompt_tokens=PROMPT_TOKENS,
        instruction="What is on the screen?",
        golden=Golden(
            features=fingerprint(features),
            logits=fingerprint(logits),
            tokens=TokenTrail(
                ids=[10, 11, 12, 13, 14, 15, 16, 17], margins=[2.0, 2.0, 0.1, 2.0, 2.0, 2.0, 2.0, 2.0]
            ),
        ),
    )


def _manifest(files: list[File]) -> Manifest:
    shapes: dict[Graph, list[dict[str, int]]] = {
        **{g: [{"batch": n} for n in BATCHES] for g in (Graph.PATCH_EMBED, Graph.VIT, Graph.PROJECT)},
        Graph.LLM: [{"tokens": n} for n in CHUNKS],
    }
    return Manifest(
        protocol=PROTOCOL,
        runtime="stand_in",
        model="fake",
        recipe="fp32",
        dimensions=Dimensions(
            tile_pixels=4,
            vision_tokens_per_tile=16,
            vision_hidden=8,
            tokens_per_tile=TOKENS_PER_TILE,
            hidden=HIDDEN,
            layers=1,
            key_value_heads=1,
            head_dim=8,
            vocabulary=260,
            cache_tokens=128,
        ),
        graphs={
            graph: [GraphFile(path=f"{graph.value}.onnx", weights=[], shapes=shapes.get(graph, []))]
            for graph in Graph
        },
        precision={},
        kv_cache="float32",
        tolerance=Tolerance(features=0.01, logits=0.01, margin=MARGIN),
        recipe_error=RecipeError(
            feature_relative_error=0.0,
            feature_cosine=1.0,
            logit_relative_error=0.0,
            logit_kl_nats=0.0,
            top1_agreement=1.0,
            positions=1,
        ),
        tokenizer=Tokenizer(kind="bytes", first_byte=4, end=1),
        inputs={"screen": "inputs/screen"},
        weights=Weights(origin="random", source="none: a stand-in for tests"),
        files=files,
    )
