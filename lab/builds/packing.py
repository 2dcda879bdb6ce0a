"""Packing a folder that another project's exporter left: its files are found, hashed and named in a manifest.

Nothing is written into the folder. A model and its runtime's tool beside it are enough
(:data:`lab.builds.runtimes.RUNTIMES`); a `foreign.toml` may add::

    model = "qwen2-1.5b"         # otherwise the model file's name
    recipe = "q4_0"              # otherwise the file's suffix: "gguf"
    kv_cache = "q8_0"            # otherwise the tool's own choice: "f16"

    [prompt_tokens]              # how many tokens stand for a scenario's input: the tool makes up its own
    screen = 2048

    [weights]
    origin = "checkpoint"        # or "trained", "random"
    source = "where to get them again"
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import Field

from device_agents.contract import PROTOCOL, ForeignManifest, Name, Weights, content_id
from lab.builds.folder import MANIFEST, SHOWN, Build, check_files, file_of, open_build, present
from lab.builds.runtimes import RUNTIMES, Runtime
from lab.documents.tables import Table, check, parse, read_text
from lab.errors import BuildError, ScenarioError
from lab.files import open_regular

DESCRIPTION = "foreign.toml"

MAGIC: Mapping[str, bytes] = MappingProxyType({".gguf": b"GGUF"})
"""The first bytes of a model file, by its suffix (gguf.md of ggml: `magic`)."""

PARTS = (".onnx", ".safetensors", ".bin", ".pt", ".pth")
"""Suffixes of graphs and weights that no tool runs as they are."""

MACHINES: Mapping[int, str] = MappingProxyType({3: "x86", 40: "arm", 62: "x86_64", 183: "arm64", 243: "riscv64"})
"""`e_machine` of an ELF header (elf.h: EM_386, EM_ARM, EM_X86_64, EM_AARCH64, EM_RISCV) -> our name."""


class _Weights(Table):
    origin: Literal["trained", "random", "checkpoint"] = "checkpoint"
    source: str = "not told"


class _Description(Table):
    model: Name | None = None
    recipe: Name | None = None
    kv_cache: Name | None = None
    prompt_tokens: dict[Name, Annotated[int, Field(ge=1)]] = Field(default_factory=dict)
    weights: _Weights = _Weights()
    notes: list[str] = Field(default_factory=list)


def open_or_pack(folder: Path, runtimes: Sequence[Runtime] = RUNTIMES) -> Build:
    """Open a build, or pack a foreign folder as one; raises `BuildError` saying what the folder lacks."""
    if not os.path.isdir(folder) or os.path.lexists(folder / MANIFEST):  # noqa: PTH112 - see `open_build`
        return open_build(folder, runtimes)
    names = sorted(present(folder))
    runnable = [runtime for runtime in runtimes if runtime.adapter]
    found = [(runtime, name) for runtime in runnable for name in names if name.endswith(runtime.suffix)]
    if len(found) != 1:
        raise BuildError(f"{folder}: {_lacking(names, found, runtimes)}")
    runtime, model = found[0]
    _check_magic(folder / model, MAGIC.get(runtime.suffix, b""))
    program = next((name for name in names if Path(name).name == runtime.program), None)
    if program is None:
        raise BuildError(
            f"{folder}: wanted {runtime.name}'s `{runtime.program}` beside {model}, for the device's ABI; found "
            f"none: copy it there{_aside(runtime.get_program)}"
        )
    manifest = _manifest(folder, names, runtime, weight_file=model, program=program)
    return Build(content_id(manifest), folder, manifest)


def _check_magic(model: Path, magic: bytes) -> None:
    """Raise `BuildError` for a model file that does not begin as its format does."""
    try:
        with open_regular(model) as stream:
            head = stream.read(len(magic))
    except OSError as error:
        raise BuildError(f"{model}: could not be read: {error.strerror or error}; copy it again") from error
    if head != magic:
        raise BuildError(
            f"{model}: wanted a model that begins with {magic!r}, found {head!r}: no {model.suffix} file, or one "
            "cut short; copy it again"
        )


def _lacking(names: Sequence[str], found: Sequence[tuple[Runtime, str]], runtimes: Sequence[Runtime]) -> str:
    """Say why these files are not one model with its tool; `found` are the models among them."""
    if found:
        suffixes = " or ".join(dict.fromkeys(runtime.suffix for runtime, _ in found))
        models = ", ".join(name for _, name in found)
        return (
            f"wanted one {suffixes}, found {len(found)}: {models}; give each model a folder of its own"
            f"{_aside(found[0][0].join_parts)}"
        )
    runnable = [runtime for runtime in runtimes if runtime.adapter]
    for runtime in runtimes:
        if name := next((name for name in names if name.endswith(runtime.suffix)), ""):
            pairs = ", or ".join(f"a {each.suffix} with `{each.program}` beside it" for each in runnable)
            return (
                f"{name} is a model for {runtime.name}: the lab knows the format, but no adapter of this version "
                f"runs its tool; what can be run: a build with a {MANIFEST}, or {pairs}"
            )
    pairs = ", or ".join(f"a {each.suffix} with {each.name}'s `{each.program}` beside it" for each in runnable)
    there = ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
    part = next((each for each in names if each.endswith(PARTS)), "")
    why = f"; {part} is part of a model, and a build says in its {MANIFEST} how the parts are run" if part else ""
    return (
        f"no build: wanted a {MANIFEST}, or {pairs}; found {there or 'an empty folder'}{why}. "
        "docs/your-own-build.md says how to make one"
    )


def _aside(words: str) -> str:
    return f" ({words})" if words else ""


def _manifest(
    folder: Path, names: Sequence[str], runtime: Runtime, *, weight_file: str, program: str
) -> ForeignManifest:
    try:
        check_files(folder, [(name, (folder / name).stat().st_size) for name in names])
    except OSError as error:
        raise BuildError(
            f"{error.filename or folder}: could not be read: {error.strerror or error}; copy it again"
        ) from error
    described = _described(folder)
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", Path(weight_file).stem).strip("-._")[:64]
    kv_cache = described.kv_cache or runtime.kv_caches[0]
    if kv_cache not in runtime.kv_caches:
        raise BuildError(
            f"{folder / DESCRIPTION}: 'kv_cache': wanted {' or '.join(map(repr, runtime.kv_caches))}, found "
            f"{kv_cache!r}"
        )
    return ForeignManifest(
        protocol=PROTOCOL,
        runtime=runtime.name,
        model=described.model or stem or "model",
        recipe=described.recipe or runtime.suffix.removeprefix("."),
        weight_file=weight_file,
        program=program,
        abi=_abi(folder / program),
        kv_cache=kv_cache,
        prompt_tokens=described.prompt_tokens,
        weights=Weights(**described.weights.model_dump()),
        notes=described.notes,
        files=[file_of(folder, name) for name in names],
    )


def _described(folder: Path) -> _Description:
    path = folder / DESCRIPTION
    if not os.path.lexists(path):
        return _Description()
    try:
        return check(_Description, parse(read_text(path), path), at=str(path))
    except ScenarioError as error:
        raise BuildError(str(error)) from error


def _abi(program: Path) -> str:
    """Return the machine of an ELF program, from bytes 18 and 19 of its header; ``script`` for one that is text.

    Raises `BuildError` for anything else.
    """
    try:
        with open_regular(program) as stream:
            head = stream.read(20)
    except OSError as error:
        raise BuildError(f"{program}: could not be read: {error.strerror or error}; copy it again") from error
    if head[:2] == b"#!":
        return "script"
    if len(head) < 20 or head[:4] != b"\x7fELF":
        raise BuildError(
            f"{program}: wanted a program for Linux or Android (ELF, or a script), found something else: copy "
            "it again"
        )
    (machine,) = struct.unpack("<H" if head[5] == 1 else ">H", head[18:20])
    return MACHINES.get(machine, f"machine-{machine}")
