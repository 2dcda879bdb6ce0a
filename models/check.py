"""Check a build against torch: run its graphs in ONNX Runtime and measure their distance from the oracle.

Shares no code with the agents: the code that runs an export must not be the code that judges it.
"""

from __future__ import annotations

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # must be set before the library loads, or it reports usage

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
import torch

from device_agents.contract import Graph, Placement, RecipeError, Tolerance
from models.mllm import MllmConfig
from models.prepare import Prepared, tiles_of

Floats = npt.NDArray[np.float32]

FP32_LIMIT = 1e-4
"""Largest allowed relative error of a float32 export against torch: about a thousand roundings of 2**-24."""


@dataclass(frozen=True)
class Finding:
    """How a build differs from the oracle on one prompt."""

    error: RecipeError
    tiles: float
    worst_logit_error: float
    undecided_margin: float

    def tolerance(self) -> Tolerance:
        """Return 1.5 times the measured errors, plus a floor for fp32.

        The extra half allows for other kernels on other processors. The fingerprint estimates a distance
        with 9 % standard error, so the half also covers three standard errors.
        """
        return Tolerance(
            features=1.5 * self.error.feature_relative_error + FP32_LIMIT,
            logits=1.5 * self.worst_logit_error + FP32_LIMIT,
            margin=1.5 * self.undecided_margin + FP32_LIMIT,
        )


def tolerance(findings: Sequence[Finding]) -> Tolerance:
    """Return the tolerance for trials: the widest that any reference input needs."""
    each = [finding.tolerance() for finding in findings]
    return Tolerance(
        features=max(t.features for t in each),
        logits=max(t.logits for t in each),
        margin=max(t.margin for t in each),
    )


class Runtime:
    """The graphs of a build folder, one session each."""

    def __init__(self, folder: Path) -> None:
        self.sessions = {
            graph: onnxruntime.InferenceSession(str(folder / f"{graph}.onnx"), providers=["CPUExecutionProvider"])
            for graph in Graph
        }

    def run(
        self, graph: Graph, only: Sequence[str] | None = None, **inputs: npt.NDArray[np.generic]
    ) -> list[npt.NDArray[np.generic]]:
        """Run one graph; return its outputs, or those named in `only`, in the order it declares them."""
        outputs: list[npt.NDArray[np.generic]] = self.sessions[graph].run(only, inputs)
        return outputs

    def tiles(self, pixels: npt.NDArray[np.uint8], placement: Placement, side: int) -> Floats:
        """Run the `tile` graph: [H, W, 3] -> [n, 3, S, S]."""
        bottom = placement.rows * side - placement.fit_height - placement.top
        right = placement.columns * side - placement.fit_width - placement.left
        return np.asarray(
            self.run(
                Graph.TILE,
                image=pixels,
                fit=np.array([placement.fit_height, placement.fit_width]),
                pads=np.array([placement.top, placement.left, bottom, right]),
                grid=np.array([placement.rows, placement.columns]),
                order=np.array(placement.order),
            )[0],
            dtype=np.float32,
        )

    def encode(self, tiles: Floats) -> Floats:
        """Encode all tiles in one batch: [n, 3, S, S] -> image tokens [n * T, H]."""
        embeddings = self.run(Graph.PATCH_EMBED, tiles=tiles)[0]
        features = self.run(Graph.VIT, embeddings=embeddings)[0]
        tokens = np.asarray(self.run(Graph.PROJECT, features=features)[0], dtype=np.float32)
        return tokens.reshape(-1, tokens.shape[-1])

    def logits(self, config: MllmConfig, prompt: Floats, positions: npt.NDArray[np.int64], cache: str) -> Floats:
        """Run the whole prompt [n, H] in one call -> logits [k, V] at `positions`."""
        language = config.language
        shape = (1, language.key_value_heads, language.cache_tokens, language.head_dim)
        empty = np.zeros(shape, dtype=cache)
        past = {f"past_{part}_{i}": empty for part in ("key", "value") for i in range(language.layers)}
        count = len(prompt)
        found = self.run(
            Graph.LLM,
            only=["logits"],
            embeddings=prompt[None],
            last_position=np.array([count - 1], dtype=np.int32),
            total_tokens=np.array(count, dtype=np.int32),
            positions=positions,
            **past,
        )[0]
        return np.asarray(found, dtype=np.float32)


def relative_error(found: Floats, wanted: Floats) -> float:
    """Return ||found - wanted|| / ||wanted||."""
    return float(np.linalg.norm(found - wanted) / np.linalg.norm(wanted))


def check(runtime: Runtime, config: MllmConfig, prepared: Prepared, cache: str) -> Finding:
    """Compare every graph of a build with the oracle on a prepared prompt and its image, if it has one.

    The language model receives the build's own image tokens and embeddings, so its error is that of the
    whole system, as a user sees it.
    """
    features = wanted_features = np.ones((1, 1), dtype=np.float32)  # without an image, equal features
    tile_error = 0.0
    if prepared.pixels is not None and prepared.features is not None and prepared.input.placement is not None:
        side = config.vision.tile_pixels
        tiles = runtime.tiles(prepared.pixels, prepared.input.placement, side)
        wanted_tiles = tiles_of(prepared.pixels, prepared.input.placement, side).numpy()
        tile_error = relative_error(tiles, wanted_tiles)
        features, wanted_features = runtime.encode(tiles), prepared.features.numpy()
    parts = [
        features if s.ids is None else runtime.run(Graph.EMBED, ids=np.array(s.ids))[0]
        for s in prepared.input.segments
    ]
    prompt = np.concatenate(parts, dtype=np.float32)
    wanted = prepared.logits.numpy()
    positions = np.arange(len(prompt) - len(wanted), len(prompt))
    found = runtime.logits(config, prompt, positions, cache)
    each = np.linalg.norm(found - wanted, axis=1) / np.linalg.norm(wanted, axis=1)
    agree = found.argmax(1) == wanted.argmax(1)
    ordered = np.sort(wanted, axis=1)
    margins = ordered[:, -1] - ordered[:, -2]
    ours, theirs = features.astype(np.float64).ravel(), wanted_features.astype(np.float64).ravel()
    cosine = ours @ theirs / (np.linalg.norm(ours) * np.linalg.norm(theirs))
    return Finding(
        error=RecipeError(
            feature_relative_error=relative_error(features, wanted_features),
            feature_cosine=float(cosine),
            logit_relative_error=relative_error(found, wanted),
            logit_kl_nats=divergence(wanted, found),
            top1_agreement=float(agree.mean()),
            positions=len(positions),
        ),
        tiles=tile_error,
        worst_logit_error=float(each.max()),
        undecided_margin=float(margins[~agree].max(initial=0.0)),
    )


def divergence(wanted: Floats, found: Floats) -> float:
    """Return the mean Kullback-Leibler divergence of softmax(found) from softmax(wanted), [k, V] each, in nats."""
    p = torch.log_softmax(torch.from_numpy(wanted).double(), dim=-1)
    q = torch.log_softmax(torch.from_numpy(found).double(), dim=-1)
    return max(0.0, float((p.exp() * (p - q)).sum(-1).mean()))
