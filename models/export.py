"""Export a model with a precision recipe as a Build folder, after a check against torch.

python -m models.export nano --recipe paper --out folder
"""

from __future__ import annotations

from device_agents import ending
from models.extras import need

if __name__ == "__main__":  # before the imports below would fail with a traceback
    need("export", "models", "torch", "onnx_ir", "PIL")

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from device_agents.contract import Graph, canonical_json, content_id
from models.check import FP32_LIMIT, Finding, check
from models.errors import PrepareError
from models.graphs import embed_graph, llm_graph, patch_embed_graph, project_graph, tile_graph, vit_graph
from models.images import read_image
from models.language import Cache
from models.manifest import manifest
from models.mllm import PRESETS, Mllm, MllmConfig, random_mllm
from models.prepare import Prepared, prepare, write_input
from models.products import ways
from models.quantize import Recipe, recipe_named
from models.sample_image import draw_screen

BUILDABLE = ("tiny", "nano", "bench")
"""Presets this exporter can write; bluelm_v_3b has only a configuration and a cost so far."""

INSTRUCTION = (
    "This is a screenshot of a phone. Read what is on it from the top to the bottom, name the app, say what "
    "the chart shows and which of the cards asks for an answer today, and then draft that answer in two short "
    "and friendly sentences. If any text is cut off, say so and do not guess."
)
"""The bundled request; the reference input cuts or pads it to the paper's 2048 prompt tokens."""

Say = Callable[[str], None]


def reference_input(model: Mllm) -> Prepared:
    """Prepare the bundled screen at two by four tiles: 2048 prompt tokens if a tile is 196, as in the paper."""
    side = model.config.vision.tile_pixels
    pixels = draw_screen(width=2 * side, height=4 * side)
    prompt_tokens = reference_prompt_tokens(model.config)
    return prepare(model, "screen", pixels, INSTRUCTION, prompt_tokens=prompt_tokens)


def reference_prompt_tokens(config: MllmConfig) -> int:
    """Return the tokens of the bundled screen and request: nine tiles and 284 of text, the paper's 2048."""
    return 9 * config.tokens_per_tile + 284


def text_input(model: Mllm) -> Prepared:
    """Prepare the bundled request alone, without an image."""
    return prepare(model, "text", None, INSTRUCTION)


def write_graphs(model: Mllm, recipe: Recipe, prepared: Sequence[Prepared], folder: Path) -> None:
    """Write the six graphs and their weight files."""
    config = model.config
    largest = cache_largest(prepared) if recipe.cache == "int8" else None
    chosen = ways(recipe)
    nets = {
        Graph.TILE: tile_graph(config),
        Graph.PATCH_EMBED: patch_embed_graph(model.patch_embedding, config),
        Graph.VIT: vit_graph(model.vision, config, chosen["vision"]),
        Graph.PROJECT: project_graph(model.projector, config, chosen["projector"]),
        Graph.EMBED: embed_graph(model.language, recipe.table),
        Graph.LLM: llm_graph(model.language, chosen["language"], recipe.cache, largest),
    }
    for graph, net in nets.items():
        net.save(folder, graph)


def cache_largest(prepared: Sequence[Prepared]) -> tuple[list[Tensor], list[Tensor]]:
    """Return the largest key and value of each channel [G, E] in each layer, over the reference prompts."""

    def largest(tensors: list[list[Tensor]], counts: list[int]) -> list[Tensor]:
        layers = zip(*tensors, strict=True)
        return [
            torch.stack([t[:, :n].abs().amax(1) for t, n in zip(layer, counts, strict=True)]).amax(0)
            for layer in layers
        ]

    caches: list[Cache] = [p.cache for p in prepared]
    counts = [c.tokens for c in caches]
    return largest([c.keys for c in caches], counts), largest([c.values for c in caches], counts)


def export(preset: str, recipe_name: str, folder: Path, *, seed: int, extra: Sequence[Prepared], say: Say) -> str:
    """Write a build into `folder`, which must be new or empty; return the build's id.

    Raises PrepareError if the folder holds files or the graphs do not answer as torch does.
    """
    if folder.exists() and any(folder.iterdir()):
        raise PrepareError(f"wanted a new or empty folder for the build, found files in {folder}: name another")
    recipe = recipe_named(recipe_name)
    say(f"{preset}: weights from seed {seed}")
    model = random_mllm(PRESETS[preset], seed)
    say("computing golden outputs with the fp32 oracle")
    prepared = [reference_input(model), text_input(model), *extra]
    folder.mkdir(parents=True, exist_ok=True)
    for one in prepared:
        write_input(one, folder / "inputs" / one.input.name)
    say(f"writing graphs, recipe {recipe.name}")
    write_graphs(model, recipe, prepared, folder)
    say("checking them against torch")
    findings = [check(folder, model, one, recipe.cache) for one in prepared]
    for finding in findings:
        refuse_wrong(recipe, finding)
    document = manifest(model, recipe, findings, folder, seed)
    (folder / "manifest.json").write_bytes(canonical_json(document))
    error = findings[0].error
    say(
        f"against fp32: features off by {error.feature_relative_error:.2g} (cosine {error.feature_cosine:.6f}), "
        f"logits by {error.logit_relative_error:.2g} (KL {error.logit_kl_nats:.2g} nats), "
        f"same top-1 token at {100 * error.top1_agreement:.1f} % of {error.positions} positions"
    )
    return content_id(document)


def refuse_wrong(recipe: Recipe, finding: Finding) -> None:
    """Raise PrepareError unless a float32 export equals torch, and a quantised one resembles it."""
    limit = FP32_LIMIT if recipe.name == "fp32" else 0.5
    worst = {
        "tile": (finding.tiles, FP32_LIMIT),
        "features": (finding.error.feature_relative_error, limit),
        "logits": (finding.error.logit_relative_error, limit),
    }
    for what, (found, allowed) in worst.items():
        if not found <= allowed:
            raise PrepareError(
                f"wanted the exported {what} within {allowed:g} of torch, found {found:.3g}: "
                f"the graph is wrong, or this ONNX Runtime differs; try the version that requirements.lock pins"
            )


def _recipe(name: str) -> str:
    """Return the name of a recipe, for argparse, whose message says what was wanted."""
    try:
        return recipe_named(name).name
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def main() -> int:
    """Export from the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m models.export", description=__doc__)
    parser.add_argument("preset", choices=BUILDABLE)
    parser.add_argument("--recipe", type=_recipe, default="paper", help="e.g. paper, or paper-b128: blocks of 128")
    parser.add_argument("--seed", type=int, default=0, help="seed of the weights (default 0)")
    parser.add_argument("--image", type=Path, help="an image file to add as an input of your own")
    parser.add_argument("--instruction", default="Describe this image.", help="what to ask about --image")
    parser.add_argument("--out", type=Path, required=True, help="a new or empty folder")
    arguments = parser.parse_args()
    try:
        extra = []
        if arguments.image is not None:
            model = random_mllm(PRESETS[arguments.preset], arguments.seed)
            extra = [prepare(model, "mine", read_image(arguments.image), arguments.instruction)]
        name = export(
            arguments.preset,
            arguments.recipe,
            arguments.out,
            seed=arguments.seed,
            extra=extra,
            say=lambda line: print(f"  {line}", file=sys.stderr, flush=True),  # noqa: T201 - progress
        )
    except (PrepareError, OSError) as error:
        print(f"export: {error}", file=sys.stderr)  # noqa: T201 - the program's message
        return 2
    print(name)  # noqa: T201 - the program's answer
    return 0


if __name__ == "__main__":
    ending.run("export", main)
