"""Export a model with a precision recipe as a Build folder, after a check against torch.

    python -m models.export nano --recipe paper --out folder

One part of the model is in memory at a time: the encoder answers and becomes graphs, then the language model.
"""

from __future__ import annotations

from device_agents import ending
from models.extras import need

if __name__ == "__main__":  # before the imports below would fail with a traceback
    need("export", "models", "torch", "onnx_ir", "PIL", "safetensors")

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from device_agents.contract import Graph, canonical_json, content_id
from models import origins
from models.check import FP32_LIMIT, Finding, Runtime, check
from models.errors import PrepareError
from models.graphs import embed_graph, llm_graph, patch_embed_graph, project_graph, tile_graph, vit_graph
from models.images import read_image
from models.manifest import manifest
from models.mllm import PRESETS, Mllm, MllmConfig, skeleton
from models.origins import Origin
from models.prepare import Draft, Pixels, Prepared, answer, draft, look, prepare, write_input
from models.products import matrices, ways
from models.quantize import Recipe, recipe_named
from models.sample_image import draw_screen
from models.weights import filled

BUILDABLE = tuple(PRESETS)
"""Presets this exporter can write."""

LARGEST_BYTES = 8 * 2**30
"""Most weights that a session may hold; beyond, an export is refused. Our judgement, for hosts of 16 GB."""

INSTRUCTION = (
    "This is a screenshot of a phone. Read what is on it from the top to the bottom, name the app, say what "
    "the chart shows and which of the cards asks for an answer today, and then draft that answer in two short "
    "and friendly sentences. If any text is cut off, say so and do not guess."
)
"""The bundled request; the reference input cuts or pads it to the paper's 2048 prompt tokens."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Request:
    """An image and an instruction to add to a build as an input."""

    name: str
    pixels: Pixels
    instruction: str


def reference_draft(config: MllmConfig) -> Draft:
    """Draft the bundled screen at two by four tiles: 2048 prompt tokens if a tile is 196, as in the paper."""
    side = config.vision.tile_pixels
    pixels = draw_screen(width=2 * side, height=4 * side)
    return draft(config, "screen", pixels, INSTRUCTION, prompt_tokens=reference_prompt_tokens(config))


def reference_prompt_tokens(config: MllmConfig) -> int:
    """Return the tokens of the bundled screen and request: nine tiles and 284 of text, the paper's 2048."""
    return 9 * config.tokens_per_tile + 284


def reference_input(model: Mllm) -> Prepared:
    """Prepare the bundled screen with a whole model."""
    drafted = reference_draft(model.config)
    return answer(model, drafted, look(model, drafted))


def text_input(model: Mllm) -> Prepared:
    """Prepare the bundled request alone, without an image, with a whole model."""
    return prepare(model, "text", None, INSTRUCTION)


def write_graphs(model: Mllm, recipe: Recipe, prepared: Sequence[Prepared], folder: Path) -> None:
    """Write the six graphs of a whole model and their weight files."""
    write_encoder(model, recipe, folder)
    write_language(model, recipe, prepared, folder)


def write_encoder(model: Mllm, recipe: Recipe, folder: Path) -> None:
    """Write the graphs from image to image tokens; needs no language model."""
    config, chosen = model.config, ways(recipe)
    tile_graph(config).save(folder, Graph.TILE)
    at = weights_of(folder, Graph.PATCH_EMBED)
    patch_embed_graph(model.patch_embedding, config, at).save(folder, Graph.PATCH_EMBED)
    at = weights_of(folder, Graph.VIT)
    vit_graph(model.vision, config, chosen["vision"], at).save(folder, Graph.VIT)
    at = weights_of(folder, Graph.PROJECT)
    project_graph(model.projector, config, chosen["projector"], at).save(folder, Graph.PROJECT)


def write_language(model: Mllm, recipe: Recipe, prepared: Sequence[Prepared], folder: Path) -> None:
    """Write the graphs of the language model."""
    largest = cache_largest(prepared) if recipe.cache == "int8" else None
    embed_graph(model.language, recipe.table, weights_of(folder, Graph.EMBED)).save(folder, Graph.EMBED)
    at = weights_of(folder, Graph.LLM)
    llm_graph(model.language, ways(recipe)["language"], recipe.cache, largest, at).save(folder, Graph.LLM)


def weights_of(folder: Path, graph: Graph) -> Path:
    """Return where a graph's weights go."""
    return folder / f"{graph}.bin"


def cache_largest(prepared: Sequence[Prepared]) -> tuple[list[Tensor], list[Tensor]]:
    """Return the largest key and value of each channel [G, E] in each layer, over the reference prompts."""

    def largest(prompts: list[list[Tensor]]) -> list[Tensor]:
        return [torch.stack(layer).amax(0) for layer in zip(*prompts, strict=True)]

    return largest([p.largest[0] for p in prepared]), largest([p.largest[1] for p in prepared])


def export(
    preset: str,
    recipe_name: str,
    folder: Path,
    *,
    origin: Origin,
    requests: Sequence[Request] = (),
    say: Say = lambda line: None,
) -> str:
    """Write a build into `folder`, which must be new or empty; return the build's id.

    Raises PrepareError if the folder holds files, the weights do not fit the model, or the graphs do not answer
    as torch does.
    """
    if folder.exists() and any(folder.iterdir()):
        raise PrepareError(f"wanted a new or empty folder for the build, found files in {folder}: name another")
    config, recipe = PRESETS[preset], recipe_named(recipe_name)
    refuse_large(config, recipe)
    source = origins.open_source(config, origin)
    weights = origins.told(origin)
    drafts = [
        reference_draft(config),
        draft(config, "text", None, INSTRUCTION),
        *(draft(config, one.name, one.pixels, one.instruction) for one in requests),
    ]
    folder.mkdir(parents=True, exist_ok=True)
    model = skeleton(config)
    say(f"{preset}: weights of the encoder ({weights.source})")
    with filled(model, source, "vision", "projector"):
        say("encoding with the fp32 oracle")
        features = [look(model, one) for one in drafts]
        say(f"writing graphs of the encoder, recipe {recipe.name}")
        write_encoder(model, recipe, folder)
    say("weights of the language model")
    with filled(model, source, "language"):
        prepared = []
        for one, seen in zip(drafts, features, strict=True):
            say(f"answering {one.name} with the fp32 oracle, {one.prompt_tokens} prompt tokens")
            prepared.append(answer(model, one, seen))
            write_input(prepared[-1], folder / "inputs" / one.name)
        say(f"writing graphs of the language model, recipe {recipe.name}")
        write_language(model, recipe, prepared, folder)
    say("checking the graphs against torch")
    runtime = Runtime(folder)
    findings = [check(runtime, config, one, recipe.cache) for one in prepared]
    for finding in findings:
        refuse_wrong(recipe, finding)
    document = manifest(config, recipe, findings, folder, weights)
    (folder / "manifest.json").write_bytes(canonical_json(document))
    error = findings[0].error
    say(
        f"against fp32: features off by {error.feature_relative_error:.2g} (cosine {error.feature_cosine:.6f}), "
        f"logits by {error.logit_relative_error:.2g} (KL {error.logit_kl_nats:.2g} nats), "
        f"same top-1 token at {100 * error.top1_agreement:.1f} % of {error.positions} positions"
    )
    return content_id(document)


def refuse_large(config: MllmConfig, recipe: Recipe) -> None:
    """Raise PrepareError if a session with the recipe's weights would not fit into a usual host's memory."""
    chosen = ways(recipe)
    loaded = sum(m.weights * chosen[m.component].loaded_bits(m.inputs) for m in matrices(config)) / 8
    if loaded > LARGEST_BYTES:
        raise PrepareError(
            f"{config.name}: wanted at most {LARGEST_BYTES / 2**30:.0f} GiB of weights in a session, found "
            f"{loaded / 2**30:.1f} GiB with recipe {recipe.name}: choose one of fewer bits, such as paper"
        )


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
    origins.add_options(parser)
    parser.add_argument("--image", type=Path, help="an image file to add as an input of your own")
    parser.add_argument("--instruction", default="Describe this image.", help="what to ask about --image")
    parser.add_argument("--out", type=Path, required=True, help="a new or empty folder")
    arguments = parser.parse_args()
    try:
        requests = []
        if arguments.image is not None:
            requests = [Request("mine", read_image(arguments.image), arguments.instruction)]
        name = export(
            arguments.preset,
            arguments.recipe,
            arguments.out,
            origin=origins.chosen(arguments, arguments.preset),
            requests=requests,
            say=lambda line: print(f"  {line}", file=sys.stderr, flush=True),  # noqa: T201 - progress
        )
    except (PrepareError, OSError) as error:
        print(f"export: {error}", file=sys.stderr)  # noqa: T201 - the program's message
        return 2
    print(name)  # noqa: T201 - the program's answer
    return 0


if __name__ == "__main__":
    ending.run("export", main)
