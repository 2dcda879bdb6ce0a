"""Opening and verifying the build in a folder, and reading its inputs."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from device_agents.contract import PROTOCOL, File, ForeignManifest, Input, Manifest, content_id, manifest_of
from lab.builds.runtimes import RUNTIMES, Runtime, runtime_of
from lab.documents.strict import Malformed, json_of
from lab.errors import BuildError
from lab.files import kind, read, sha256

MANIFEST = "manifest.json"
REMEDY = "export the build again, or copy it again from an intact folder"
SHOWN = 10
"""How many damaged files a message lists: in the wrong folder every file is damaged."""

MOST_FILES = 10_000
"""Most files of a build. A judgement: the reference model has 40, one split for an accelerator some hundreds."""

MOST_BYTES = 128 << 30
"""Most bytes of a build. A judgement: five times the memory of the largest phone of 2026 (24 GB)."""

Document = TypeVar("Document", bound=BaseModel)


@dataclass(frozen=True)
class Build:
    """The build in `folder`; `id` is the content id of its manifest."""

    id: str
    folder: Path
    manifest: Manifest | ForeignManifest

    @property
    def inputs(self) -> dict[str, str]:
        """The folders of its inputs by name; a foreign build has none."""
        return self.manifest.inputs if isinstance(self.manifest, Manifest) else {}


def open_build(folder: Path, runtimes: Sequence[Runtime] = RUNTIMES) -> Build:
    """Read and check the manifest, but not the files (see :func:`verify`).

    Raises `BuildError` when the manifest is missing, broken, of a newer protocol, or names a runtime that
    `runtimes` lacks.
    """
    path = folder / MANIFEST
    if not os.path.isdir(folder):  # noqa: PTH112 - unlike pathlib's, no name is an error for it
        raise BuildError(f"{folder}: wanted the folder of a build, found {_found(folder)}; check the path")
    _stays_inside(folder, path)
    manifest = _read(manifest_of, path)
    if isinstance(manifest, ForeignManifest):
        runtime_of(manifest, runtimes)
    check_files(path, [(file.path, file.bytes) for file in manifest.files])
    listed = {file.path for file in manifest.files}
    for name in _named(manifest):
        if name not in listed:
            raise BuildError(f"{path}: names {name!r}, which its list of files lacks; {REMEDY}")
    return Build(content_id(manifest), folder, manifest)


def check_files(at: Path, files: Sequence[tuple[str, int]]) -> None:
    """Refuse files (name, bytes) that cannot be one build, before any is read; `at` opens the `BuildError`.

    Two names must not be one file anywhere a build is copied to: on a file system that ignores case or the form of
    Unicode, or where one of them is the other's folder.
    """
    if len(files) > MOST_FILES:
        raise BuildError(f"{at}: wanted a build of at most {MOST_FILES:,} files, found {len(files):,}; pack them")
    if (total := sum(size for _, size in files)) > MOST_BYTES:
        raise BuildError(f"{at}: wanted a build of at most {MOST_BYTES:,} bytes, found {total:,}")
    known: dict[str, tuple[str, str]] = {}
    for name, _ in files:
        if known.get(_folded(name)) == (name, name):
            raise BuildError(f"{at}: lists the file {name!r} twice; {REMEDY}")
        folders = [str(folder) for folder in PurePosixPath(name).parents][:-1]
        for place, stands_for in ((name, name), *((folder, f"{folder}/") for folder in folders)):
            other, other_file = known.setdefault(_folded(place), (stands_for, name))
            if other != stands_for:
                raise BuildError(
                    f"{at}: {other_file!r} and {name!r} cannot lie in one folder: on some file systems "
                    f"{other!r} and {stands_for!r} are one name; rename one of them"
                )


def _folded(name: str) -> str:
    """Return what a file system that ignores case and the form of Unicode takes for the name."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def verify(build: Build) -> None:
    """Check that the folder holds exactly the files of the manifest, each with its size and SHA-256.

    Raises `BuildError` listing what is missing, truncated, altered, extra, or a link out of the folder.
    """
    wrong = list(_misfits(build))
    wrong = wrong or list(_altered(build))
    if wrong:
        more = f"\n  and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
        lines = "\n  ".join(wrong[:SHOWN])
        raise BuildError(f"{build.folder}: not the build its manifest describes:\n  {lines}{more}\n{REMEDY}")


def load_input(build: Build, name: str) -> Input:
    """Read one of the build's inputs; raises `BuildError` when it has none of that name, or a broken one."""
    if name not in build.inputs:
        known = ", ".join(sorted(build.inputs)) or "none"
        raise BuildError(f"{build.folder}: has no input {name!r}; it has: {known}")
    path = build.folder / _input_file(build.inputs[name])
    _stays_inside(build.folder, path)
    document = _read(Input.model_validate, path)
    if document.name != name:
        raise BuildError(f"{path}: wanted the input {name!r}, found {document.name!r}; {REMEDY}")
    return document


def _read(check: Callable[[object], Document], path: Path) -> Document:
    """Read a JSON document; check its protocol first: in a newer one any other key may mean something else."""
    try:
        raw = json_of(read(path))
    except FileNotFoundError as error:
        raise BuildError(f"{path}: no such file; {REMEDY}") from error
    except OSError as error:
        raise BuildError(f"{path}: could not be read: {error.strerror or error}; {REMEDY}") from error
    except Malformed as error:
        raise BuildError(f"{path}: broken JSON: {error}; {REMEDY}") from error
    protocol = raw.get("protocol") if isinstance(raw, dict) else None
    if isinstance(protocol, int) and protocol > PROTOCOL:
        raise BuildError(
            f"{path}: written in protocol {protocol}, this lab knows {PROTOCOL}; "
            "update pocketlab, or export the build with this version"
        )
    try:
        return check(raw)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"]) or "(the document)"
        raise BuildError(f"{path}: {key}: {first['msg']}; {REMEDY}") from error


def _named(manifest: Manifest | ForeignManifest) -> Iterator[str]:
    """Yield every file that the manifest refers to by name."""
    if isinstance(manifest, ForeignManifest):
        yield from (manifest.weight_file, manifest.program)
        return
    for graphs in manifest.graphs.values():
        for graph in graphs:
            yield from (graph.path, *graph.weights)
    yield from (_input_file(place) for place in manifest.inputs.values())


def _input_file(place: str) -> str:
    return f"{place.rstrip('/')}/input.json"


def _misfits(build: Build) -> Iterator[str]:
    """Yield a line for each file that is missing, extra, of the wrong size, or a link out of the folder."""
    there = set(present(build.folder))
    listed = {file.path for file in build.manifest.files}
    for file in build.manifest.files:
        path = build.folder / file.path
        if not _real(path).is_relative_to(_real(build.folder)):
            yield f"{file.path}: a link that leaves the folder, to {_real(path)}"
        elif not path.is_file():
            yield f"{file.path}: missing, wanted {file.bytes} bytes (found {_found(path)})"
        elif path.stat().st_size != file.bytes:
            found = path.stat().st_size
            word = "truncated" if found < file.bytes else "altered"
            yield f"{file.path}: {word}, wanted {file.bytes} bytes, found {found}"
    for name in sorted(there - listed - {MANIFEST}):
        yield f"{name}: extra, the manifest does not list it; remove it"


def _altered(build: Build) -> Iterator[str]:
    for file in build.manifest.files:
        found = file_of(build.folder, file.path).sha256
        if found != file.sha256:
            yield f"{file.path}: altered, wanted SHA-256 {file.sha256}, found {found}"


def file_of(folder: Path, name: str) -> File:
    """Return a file of a folder as a manifest lists it; raises `BuildError` if it cannot be read, or be listed."""
    path = folder / name
    try:
        return File(path=name, sha256=sha256(path), bytes=path.stat().st_size)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]["msg"]
        raise BuildError(f"{folder}: {problem}; rename the file") from error
    except OSError as error:
        raise BuildError(f"{path}: could not be read: {error.strerror or error}; copy it again") from error


def present(folder: Path) -> Iterator[str]:
    """Yield the path of every file and link below `folder`; links to folders are not followed.

    Raises `BuildError` when there are more than a build may have: a folder of millions is a mistake.
    """
    count = 0
    for parent, folders, files in os.walk(folder):
        links = [name for name in folders if (Path(parent) / name).is_symlink()]
        count += len(files) + len(links)
        if count > 2 * MOST_FILES:
            raise BuildError(f"{folder}: wanted a build of at most {MOST_FILES:,} files, found {count:,} and more")
        yield from ((Path(parent) / name).relative_to(folder).as_posix() for name in (*files, *links))


def _stays_inside(folder: Path, path: Path) -> None:
    if not _real(path).is_relative_to(_real(folder)):
        raise BuildError(f"{path}: a link that leaves the folder, to {_real(path)}; {REMEDY}")


def _real(path: Path) -> Path:
    """Return the path without links; one to itself stays, where `Path.resolve` raises `RuntimeError`."""
    return Path(os.path.realpath(path))


def _found(path: Path) -> str:
    try:
        return kind(path.stat().st_mode)
    except FileNotFoundError:
        return "nothing"
    except OSError as error:
        return f"nothing usable ({error.strerror or error})"
