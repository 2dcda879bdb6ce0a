"""Which weights a model gets: options of a command -> a source, what a build's manifest says of them, and back."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from device_agents.contract import ForeignManifest, Manifest, Weights, WeightsFile
from models.checkpoints import Stored, open_decoder, open_own, open_siglip
from models.errors import PrepareError
from models.mllm import MllmConfig, drawn, skeleton
from models.weights import PARTS, Part, Parted, Source, shapes_of

HERE = Path(__file__).absolute().parent


@dataclass(frozen=True)
class Origin:
    """Where weights come from. A part comes from its own checkpoint, else from `weights`, else from the seed."""

    seed: int = 0
    weights: Path | None = None
    vision: Path | None = None
    language: Path | None = None

    def path_of(self, part: Part) -> Path | None:
        """Return the file or folder that a part comes from, None for the seed."""
        own = {"vision": self.vision, "language": self.language, "projector": None}[part]
        return own or self.weights


def bundled(preset: str) -> Path | None:
    """Return the trained weights that come with a preset, if any do."""
    path = HERE / f"{preset}.safetensors"
    return path if path.is_file() else None


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where the weights come from."""
    parser.add_argument("--seed", type=int, help="seed of random weights, for parts without a file (default 0)")
    parser.add_argument("--weights", type=Path, help="a safetensors file with our names, e.g. one of a training")
    parser.add_argument("--vision", type=Path, help="a SigLIP checkpoint: a safetensors file, or its folder")
    parser.add_argument("--language", type=Path, help="a checkpoint of a Llama-like decoder, likewise")


def chosen(arguments: argparse.Namespace, preset: str) -> Origin:
    """Return what the options say; trained weights that come with the preset are used unless a seed is given."""
    own = bundled(preset) if arguments.seed is None else None
    return Origin(arguments.seed or 0, arguments.weights or own, arguments.vision, arguments.language)


def open_source(config: MllmConfig, origin: Origin) -> Source:
    """Open every file and compare its tensors with the model's; raise PrepareError naming what differs."""
    model = skeleton(config)
    shapes = {part: shapes_of(model, part) for part in PARTS}
    random = drawn(config, origin.seed)
    sources: dict[Part, Source] = dict.fromkeys(PARTS, random)
    own = [part for part in PARTS if origin.path_of(part) == origin.weights]
    if origin.weights is not None and own:
        wanted = {name: shape for part in own for name, shape in shapes[part].items()}
        others = {name for each in shapes.values() for name in each} - set(wanted)
        sources |= dict.fromkeys(own, open_own(origin.weights, wanted, others))
    if origin.vision is not None:
        sources["vision"] = open_siglip(origin.vision, config.vision, shapes["vision"])
    if origin.language is not None:
        sources["language"] = open_decoder(origin.language, config.language, shapes["language"])
    return Parted(sources)


def told(origin: Origin) -> Weights:
    """Describe the weights for the manifest."""
    drawn_parts = [part for part in PARTS if origin.path_of(part) is None]
    if len(drawn_parts) == len(PARTS):
        source = f"seed {origin.seed}: timings are real, answers are noise"
        return Weights(origin="random", source=source, seed=origin.seed)
    words = [f"{part} from {_name(path)}" for part in PARTS if (path := origin.path_of(part)) is not None]
    words += [f"{part} from seed {origin.seed}, so answers are noise" for part in drawn_parts]
    files = [
        WeightsFile(option=option, path=_name(path), sha256=Stored(path).digest())
        for option, path in _paths(origin).items()
    ]
    return Weights(
        origin="checkpoint" if origin.vision or origin.language else "trained",
        source="; ".join(words),
        seed=origin.seed if drawn_parts else None,
        files=files,
    )


def again(manifest: Manifest | ForeignManifest, where: Path) -> Origin:
    """Return the origin of a build's weights; raise PrepareError unless those weights can be rebuilt."""
    weights = manifest.weights
    if weights.seed is None and not weights.files:
        raise PrepareError(
            f"the expected output comes from a model with the same weights, and {where} names neither a seed nor "
            f"a file of them ({weights.origin}: {weights.source}); export the build again "
            "(`python -m models.export`), or leave the image out"
        )
    paths: dict[str, Path] = {}
    for file in weights.files:
        path = HERE.parent / file.path
        found = Stored(path).digest() if path.exists() else "no file"
        if found != file.sha256:
            raise PrepareError(
                f"{path}: the build's weights came from here, wanted SHA-256 {file.sha256}, found {found}: "
                "put the file back, or export the build again (`python -m models.export`)"
            )
        paths[file.option] = path
    return Origin(seed=weights.seed or 0, **paths)


def _paths(origin: Origin) -> dict[str, Path]:
    """Return the files that are used, by option."""
    named = {"weights": origin.weights, "vision": origin.vision, "language": origin.language}
    used = {origin.path_of(part) for part in PARTS}
    return {option: path for option, path in named.items() if path is not None and path in used}


def _name(path: Path) -> str:
    """Return a path as a manifest has it: relative for what comes with pocketlab, so that builds stay equal."""
    whole = path.absolute()
    return whole.relative_to(HERE.parent).as_posix() if whole.is_relative_to(HERE) else str(whole)
