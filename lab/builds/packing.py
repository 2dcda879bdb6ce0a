"""A folder that another project's exporter left becomes a build: what it holds is found, hashed and named.

Nothing is written into the folder. One `.gguf` with llama.cpp's `llama-bench` beside it is all it takes; a
`foreign.toml` may say more::

    model = "qwen2-1.5b"         # otherwise the .gguf's name
    recipe = "q4_0"              # otherwise "gguf"
    kv_cache = "q8_0"            # otherwise "f16", the tool's own choice

    [prompt_tokens]              # how many tokens stand for a scenario's input: the tool makes up its own
    screen = 2048

    [weights]
    origin = "checkpoint"        # or "trained", "random"
    source = "where they can be had again"
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import Field

from device_agents.contract import PROTOCOL, ForeignManifest, Name, Weights, content_id
from lab import remedies
from lab.builds.folder import MANIFEST, Build, file_of, open_build, present
from lab.documents import Table, check, parse, read_text
from lab.errors import BuildError, ScenarioError

DESCRIPTION = "foreign.toml"
PROGRAM = "llama-bench"

KNOWN: Mapping[str, str] = MappingProxyType(
    {".pte": "ExecuTorch", ".dla": "MediaTek NeuroPilot", ".tflite": "LiteRT", ".mnn": "MNN"}
)
"""Formats that the lab knows by name; no adapter of this version runs their tools."""

MACHINES: Mapping[int, str] = MappingProxyType({3: "x86", 40: "arm", 62: "x86_64", 183: "arm64", 243: "riscv64"})
"""`e_machine` of an ELF header (elf.h: EM_386, EM_ARM, EM_X86_64, EM_AARCH64, EM_RISCV) -> our word."""


class _Weights(Table):
    origin: Literal["trained", "random", "checkpoint"] = "checkpoint"
    source: str = "not told"


class _Description(Table):
    model: Name | None = None
    recipe: Name = "gguf"
    kv_cache: Literal["f16", "q8_0"] = "f16"
    prompt_tokens: dict[Name, Annotated[int, Field(ge=1)]] = Field(default_factory=dict)
    weights: _Weights = _Weights()
    notes: list[str] = Field(default_factory=list)


def open_or_pack(folder: Path) -> Build:
    """Open a build, or pack a foreign folder as one; raises `BuildError` saying what the folder lacks."""
    if not folder.is_dir() or (folder / MANIFEST).exists():
        return open_build(folder)
    names = sorted(present(folder))
    models = [name for name in names if name.endswith(".gguf")]
    if len(models) != 1:
        raise BuildError(f"{folder}: {_lacking(names, models)}")
    program = next((name for name in names if Path(name).name == PROGRAM), None)
    if program is None:
        raise BuildError(
            f"{folder}: wanted llama.cpp's `{PROGRAM}` beside {models[0]}, for the device's ABI; found none: copy "
            f"it there ({remedies.llama_bench()} makes one for this machine)"
        )
    manifest = _manifest(folder, names, models[0], program)
    return Build(content_id(manifest), folder, manifest)


def _lacking(names: Sequence[str], models: Sequence[str]) -> str:
    if models:
        return (
            f"wanted one .gguf, found {len(models)}: {', '.join(models)}; give each model a folder of its own "
            "(one in parts is joined by `llama-gguf-split --merge`)"
        )
    for name in names:
        if tool := KNOWN.get(Path(name).suffix):
            return (
                f"{name} is a model for {tool}: the lab knows the format, but no adapter of this version runs its "
                f"tool; what can be run: a build with a {MANIFEST}, or a .gguf with `{PROGRAM}` beside it"
            )
    return f"wanted a build with a {MANIFEST}, or a .gguf with llama.cpp's `{PROGRAM}` beside it; found neither"


def _manifest(folder: Path, names: Sequence[str], weight_file: str, program: str) -> ForeignManifest:
    told = _described(folder)
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", Path(weight_file).stem).strip("-._")[:64]
    return ForeignManifest(
        protocol=PROTOCOL,
        runtime="llama.cpp",
        model=told.model or stem or "model",
        recipe=told.recipe,
        weight_file=weight_file,
        program=program,
        abi=_abi(folder / program),
        kv_cache=told.kv_cache,
        prompt_tokens=told.prompt_tokens,
        weights=Weights(**told.weights.model_dump()),
        notes=told.notes,
        files=[file_of(folder, name) for name in names],
    )


def _described(folder: Path) -> _Description:
    path = folder / DESCRIPTION
    if not path.exists():
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
        with program.open("rb") as stream:
            head = stream.read(20)
    except OSError as error:
        raise BuildError(f"{program}: could not be read: {error.strerror or error}") from error
    if head[:2] == b"#!":
        return "script"
    if len(head) < 20 or head[:4] != b"\x7fELF":
        raise BuildError(
            f"{program}: wanted a program for Linux or Android (ELF, or a script), found something else"
        )
    (machine,) = struct.unpack("<H" if head[5] == 1 else ">H", head[18:20])
    return MACHINES.get(machine, f"machine-{machine}")
