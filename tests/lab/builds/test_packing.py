"""A foreign folder becomes a build, or is refused with a message that says what it lacks."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from device_agents.contract import ForeignManifest
from lab.builds.folder import open_build, verify
from lab.builds.packing import open_or_pack
from lab.errors import BuildError
from lab.store import Store


def elf(machine: int) -> bytes:
    """Return the first bytes of a little-endian 64-bit program for a machine (elf.h)."""
    return b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HH", 2, machine) + bytes(44)


def foreign_folder(
    folder: Path, *, program: bytes | None = elf(62), models: tuple[str, ...] = ("q.gguf",)
) -> Path:
    """Write what an engineer brings: a model and the tool."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in models:
        (folder / name).write_bytes(b"GGUF" + name.encode())
    if program is not None:
        (folder / "llama-bench").write_bytes(program)
    return folder


def packed(folder: Path) -> ForeignManifest:
    """Pack a folder and return its manifest."""
    manifest = open_or_pack(folder).manifest
    assert isinstance(manifest, ForeignManifest)
    return manifest


def test_a_model_and_its_tool_are_enough(tmp_path: Path) -> None:
    """Every file is hashed, nothing is written, and the id is that of the content."""
    folder = foreign_folder(tmp_path / "Qwen 2", models=("Qwen 2 (q4).gguf",))
    build = open_or_pack(folder)
    manifest = packed(folder)

    assert (manifest.model, manifest.recipe, manifest.abi) == ("Qwen-2-q4", "gguf", "x86_64")
    assert (manifest.weight_file, manifest.program) == ("Qwen 2 (q4).gguf", "llama-bench")
    assert [file.path for file in manifest.files] == ["Qwen 2 (q4).gguf", "llama-bench"]
    assert sorted(path.name for path in folder.iterdir()) == ["Qwen 2 (q4).gguf", "llama-bench"]
    verify(build)
    assert open_or_pack(foreign_folder(tmp_path / "b", models=("Qwen 2 (q4).gguf",))).id == build.id


def test_foreign_toml_says_what_files_cannot(tmp_path: Path) -> None:
    """Names, the cache, and how many tokens stand for an input."""
    folder = foreign_folder(tmp_path)
    (folder / "foreign.toml").write_text(
        'model = "qwen"\nrecipe = "q4_0"\nkv_cache = "q8_0"\n[prompt_tokens]\nscreen = 2048\n'
        '[weights]\norigin = "random"\nsource = "seed 1"\n'
    )
    manifest = packed(folder)

    assert (manifest.model, manifest.recipe, manifest.kv_cache) == ("qwen", "q4_0", "q8_0")
    assert manifest.prompt_tokens == {"screen": 2048}
    assert manifest.weights.origin == "random"


@pytest.mark.parametrize(
    ("program", "abi"),
    [(elf(183), "arm64"), (elf(40), "arm"), (elf(999), "machine-999"), (b"#!/bin/sh", "script")],
)
def test_the_tools_machine_is_read_from_its_header(tmp_path: Path, program: bytes, abi: str) -> None:
    """It is `e_machine`, as elf.h numbers it."""
    assert packed(foreign_folder(tmp_path, program=program)).abi == abi


@pytest.mark.parametrize(
    ("models", "program", "extra", "words"),
    [
        (("a.gguf", "b.gguf"), elf(62), "", "wanted one .gguf, found 2: a.gguf, b.gguf; give each"),
        (
            ("a.gguf",),
            None,
            "",
            "wanted llama.cpp's `llama-bench` beside a.gguf, for the device's ABI",
        ),
        (("a.gguf",), b"MZ, something else", "", "wanted a program for Linux or Android (ELF, or a script)"),
        ((), None, "vision.pte", "vision.pte is a model for ExecuTorch: the lab knows the format, but no adapter"),
        ((), None, "llm.dla", "llm.dla is a model for MediaTek NeuroPilot"),
        ((), None, "llm.tflite", "llm.tflite is a model for LiteRT"),
        (
            (),
            None,
            "notes.txt",
            "no build: wanted a manifest.json, or a .gguf with llama.cpp's `llama-bench` beside",
        ),
        ((), None, "notes.txt", "found notes.txt. docs/your-own-build.md says how to make one"),
        ((), None, "", "found an empty folder"),
        ((), None, "model.onnx", "model.onnx is part of a model, and a build says in its manifest.json how"),
    ],
)
def test_a_folder_that_cannot_be_run_is_refused(
    tmp_path: Path, models: tuple[str, ...], program: bytes | None, extra: str, words: str
) -> None:
    """The message says what was wanted, what was found and what to do."""
    folder = foreign_folder(tmp_path, program=program, models=models)
    if extra:
        (folder / extra).write_bytes(b"x")

    with pytest.raises(BuildError) as refused:
        open_or_pack(folder)
    assert words in str(refused.value)
    assert str(folder) in str(refused.value)


@pytest.mark.parametrize("content", [b"", b"GG", b"version https://git-lfs.github.com/spec/v1"])
def test_a_file_that_is_only_called_a_model_is_refused(tmp_path: Path, content: bytes) -> None:
    """Empty, cut short, or a pointer to the file."""
    folder = foreign_folder(tmp_path)
    (folder / "q.gguf").write_bytes(content)

    with pytest.raises(BuildError, match=r"q\.gguf: wanted a model that begins with b'GGUF', found b'"):
        open_or_pack(folder)


def test_a_mistake_in_foreign_toml_names_file_and_key(tmp_path: Path) -> None:
    """As in every file that people write."""
    folder = foreign_folder(tmp_path)
    (folder / "foreign.toml").write_text("kv_cash = 'f16'\n")

    with pytest.raises(BuildError, match=r"foreign\.toml: unknown key 'kv_cash'; did you mean 'kv_cache'\?"):
        open_or_pack(folder)


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    """A build holds only the files in its folder."""
    folder = foreign_folder(tmp_path / "build")
    (tmp_path / "secret").write_text("not a library")
    (folder / "libx.so").symlink_to(tmp_path / "secret")

    with pytest.raises(BuildError, match=r"libx\.so: a link that leaves the folder"):
        verify(open_or_pack(folder))


def test_the_shelf_keeps_a_program_that_can_be_started(tmp_path: Path) -> None:
    """It is stored with its manifest, like any build, and opens unchanged."""
    folder = foreign_folder(tmp_path / "folder")
    store = Store(tmp_path / "root")
    kept = store.find_build(store.add_build(folder, "theirs").id)
    row = store.builds()[0]
    store.close()

    assert (row.id, row.line, row.recipe) == (kept.id, "theirs", "gguf")
    assert open_build(kept.folder).manifest == packed(folder)
    assert (kept.folder / "llama-bench").stat().st_mode & 0o111 == 0o111
    assert (kept.folder / "q.gguf").stat().st_mode & 0o111 == 0


@pytest.mark.parametrize("name", ["q.gguf", "llama-bench", "foreign.toml"])
def test_only_regular_files_are_packed(tmp_path: Path, name: str) -> None:
    """A pipe would be waited for, for ever."""
    folder = foreign_folder(tmp_path)
    (folder / name).unlink(missing_ok=True)
    os.mkfifo(folder / name)

    with pytest.raises(BuildError, match=f"{name}: could not be read: wanted a regular file, found a pipe"):
        open_or_pack(folder)


def test_a_name_that_cannot_be_listed_is_refused(tmp_path: Path) -> None:
    """With the name, spelt out."""
    folder = foreign_folder(tmp_path)
    (folder / "a\nb").write_text("")

    with pytest.raises(BuildError, match=r"visible characters on one line, found 'a\\nb'; rename the file"):
        open_or_pack(folder)


def test_names_that_differ_by_case_are_not_packed(tmp_path: Path) -> None:
    """The adder refuses what the verifier would."""
    folder = foreign_folder(tmp_path)
    (folder / "LLAMA-bench").write_text("")

    with pytest.raises(BuildError, match="'LLAMA-bench' and 'llama-bench' cannot lie in one folder"):
        open_or_pack(folder)
