"""What differs between a published system and a run of ours, in words: device, model, precision, conditions."""

from __future__ import annotations

from dataclasses import dataclass

from device_agents.contract import ForeignManifest, Manifest
from lab.builds.folder import Build, load_input
from lab.builds.inputs import described, find
from lab.errors import BuildError, PrepareError
from lab.records import Cell, Run, System
from lab.report.wording import KINDS, kind_of, number_of, plain
from lab.store import Store

VISION = frozenset(
    {"encode_s", "patches_per_s", "tile_s", "patch_embed_s", "vit_s", "project_s", "overlap_possible_s"}
)
"""Metrics for which the language model's prompt, cache and precision do not matter."""

UNKNOWN = "unknown"

ASPECTS = ("device", "runtime", "model", "weights", "precision", "cache", "prompt", "input", "conditions")
"""The aspects that may differ, in the order they are listed."""


@dataclass(frozen=True)
class Difference:
    """One aspect in which a published system and ours differ, in the words of each."""

    aspect: str
    published: str
    ours: str


def differences(store: Store, system: System, run: Run, cell: Cell, metric: str) -> tuple[Difference, ...]:
    """Return what differs, as far as both say it; `cell` and `metric` are the figure's.

    A build that is gone from the data root is unknown in every aspect of it.
    """
    manifest, tokens = _build_of(store, run, cell)
    found = [
        Difference("device", system.device, plain(f"{_device(run)} ({KINDS.get(kind_of(run), kind_of(run))})")),
        Difference("runtime", system.runtime, plain(run.context.facts.get("device_runtime", UNKNOWN))),
        Difference("model", system.model, _model(manifest)),
    ]
    told = {
        "weights": (system.weights, UNKNOWN if manifest is None else manifest.weights.origin),
        "cache": (system.cache, UNKNOWN if manifest is None else manifest.kv_cache),
        "prompt": (
            "" if system.prompt_tokens is None else number_of(system.prompt_tokens, "token"),
            UNKNOWN if tokens is None else number_of(tokens, "token"),
        ),
    }
    left_out = {"cache", "prompt"} if metric in VISION else {"prompt"} if metric == "load_s" else set()
    found += [
        Difference(aspect, theirs or "not published", ours)
        for aspect, (theirs, ours) in told.items()
        if aspect not in left_out and theirs != ours
    ]
    if own := _own_input(store, run):
        found.append(Difference("input", "its own", own))
    ours = f"{run.blocks} blocks, each trial a fresh process, gated, with an interval"
    found += [
        Difference("precision", system.precision, _precision(manifest)),
        Difference("conditions", system.conditions, ours),
    ]
    return tuple(sorted(found, key=lambda each: ASPECTS.index(each.aspect)))


def _build_of(store: Store, run: Run, cell: Cell) -> tuple[Manifest | ForeignManifest | None, int | None]:
    """Return the manifest of a run's build and the tokens before the first new one; None where unknown."""
    asked = cell.parameters.get("prompt_tokens") or cell.parameters.get("context_tokens")
    tokens = int(asked) if isinstance(asked, int) else None
    try:
        build: Build = store.find_build(run.build)
        name = cell.parameters.get("input")
        if tokens is not None or name is None:
            return build.manifest, tokens
        if isinstance(build.manifest, ForeignManifest):
            return build.manifest, build.manifest.prompt_tokens.get(str(name))
        return build.manifest, load_input(build, str(name)).prompt_tokens
    except BuildError:
        return None, tokens


def _device(run: Run) -> str:
    facts = run.context.facts
    cores = [core for core in facts.get("device_cores", "").split(",") if core]
    return f"{facts.get('device_model', run.device)}, {number_of(len(cores), 'core')}" if cores else run.device


def _model(manifest: Manifest | ForeignManifest | None) -> str:
    if manifest is None:
        return f"{UNKNOWN}: its build is gone"
    if isinstance(manifest, ForeignManifest):
        file = next(file for file in manifest.files if file.path == manifest.weight_file)
        return plain(f"{manifest.model}, a decoder alone, {_size(file.bytes)}")
    sizes = manifest.dimensions
    weights = sum(file.bytes for file in manifest.files if file.path.endswith(".bin"))
    return plain(
        f"{manifest.model}: vision {sizes.vision_hidden} wide, language {sizes.layers} layers of {sizes.hidden}, "
        f"{_size(weights)}"
    )


def _size(count: int) -> str:
    """Return a size in decimal units, as the literature has it."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def _precision(manifest: Manifest | ForeignManifest | None) -> str:
    if manifest is None:
        return UNKNOWN
    if isinstance(manifest, ForeignManifest):
        return plain(manifest.recipe)
    parts = [(name, manifest.precision.get(name)) for name in ("vision", "language")]
    words = [f"{name} {found.weights} with {found.activations}" for name, found in parts if found is not None]
    return plain(f"recipe {manifest.recipe}: {'; '.join(words)}")


def _own_input(store: Store, run: Run) -> str:
    """Return a description of the user's own input that a run worked on; empty for the scenario's."""
    for cell in run.cells:
        name = cell.parameters.get("input")
        try:
            own = find(store.root, run.context.facts.get(f"input_{name}", "none"))
        except PrepareError as error:
            return plain(str(error))
        if own is not None:
            return plain(described(own.document))
    return ""
