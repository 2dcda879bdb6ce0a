from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import pytest

from device_agents.contract import Error, Event, Hello, Output
from tests.both_agents import REFERENCE, Agent, started_from
from tests.device_agents.stand_in import batches_of, job_of, write_build


@pytest.mark.parametrize("kv_cache", ["float16", "int8"])
def test_it_keeps_every_type_of_cache_as_the_reference_does(
    kv_cache: Literal["float16", "int8"], native: Agent, tmp_path: Path
) -> None:
    """The same kernels on a cache of the same type: the same tokens."""
    (tmp_path / "build").mkdir()
    build = write_build(tmp_path / "build", kv_cache=kv_cache)
    work = {"kind": "decode", "input": "screen", "context_tokens": 6, "new_tokens": 8, "parallel_tokens": 3}
    ids = []
    for agent in (REFERENCE, native):
        answer = agent.run(job_of(build, work, iterations=1), tmp_path)
        assert answer.returncode == 0, answer.stderr
        ids += [e.tokens.ids for e in answer.events if isinstance(e, Output) and e.tokens is not None][:1]

    assert ids[0] == ids[1]
    assert len(ids[0]) == 8


def test_the_bundle_says_what_it_holds(native_bundle: Path) -> None:
    """Every file with its hash; the id is the hash of that list; every file may be run."""
    told = json.loads((native_bundle / "bundle.json").read_text(encoding="utf-8"))
    files = {path.name: path for path in native_bundle.iterdir() if path.name != "bundle.json"}
    lines = ""
    for listed in told["files"]:
        content = files[listed["path"]].read_bytes()
        assert (listed["bytes"], listed["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
        lines += f"{listed['path']} {listed['sha256']}\n"

    assert sorted(files) == [listed["path"] for listed in told["files"]]
    assert told["id"] == hashlib.sha256(lines.encode()).hexdigest()
    assert told["abi"] == "x86_64"
    assert all(os.access(path, os.X_OK) for path in files.values())


@pytest.mark.parametrize("file", ["agent", "libonnxruntime.so"])
def test_the_bundle_needs_nothing_of_the_device(file: str, native_bundle: Path) -> None:
    """The bundle's own loader finds every library in the bundle, and none elsewhere."""
    loader, *options = started_from(native_bundle).command[:-1]
    listed = subprocess.run(
        [loader, *options, "--list", str(native_bundle / file)],
        capture_output=True,
        text=True,
        check=True,
        env={},
    ).stdout
    found = [line.split("=>")[1].split()[0] for line in listed.splitlines() if "=>" in line]

    assert len(found) >= 3
    assert all(path.startswith(f"{native_bundle}/") for path in found), listed


def test_it_runs_from_a_folder_of_links_with_nothing_in_the_environment(
    native_bundle: Path, tmp_path: Path
) -> None:
    """As on a phone, where a bundle is made of relative links to blobs named by their hash."""
    (tmp_path / "blobs").mkdir()
    links = tmp_path / "agents" / "id"
    links.mkdir(parents=True)
    for path in native_bundle.iterdir():
        blob = tmp_path / "blobs" / hashlib.sha256(path.name.encode()).hexdigest()
        blob.write_bytes(path.read_bytes())
        blob.chmod(0o755)
        (links / path.name).symlink_to(Path("../../blobs") / blob.name)
    job, events = tmp_path / "job.json", tmp_path / "events.jsonl"
    (tmp_path / "build").mkdir()
    job.write_text(json.dumps(job_of(write_build(tmp_path / "build"), {"kind": "load"})), encoding="utf-8")
    argv = [*started_from(links).command, "run", "--job", str(job), "--events", str(events)]
    done = subprocess.run(argv, env={}, cwd="/", capture_output=True, text=True, check=False, timeout=60)

    assert (done.returncode, done.stderr) == (0, "")
    assert b'"event":"end"' in events.read_bytes()


def test_the_agent_knows_no_socket(native_bundle: Path) -> None:
    """Of the calls that reach a network it imports none (the runtime's own are silenced: test_telemetry.py)."""
    program = (native_bundle / "agent").read_bytes()

    assert b"\0dlopen\0" in program  # so an import can be found this way
    for call in (b"socket", b"connect", b"getaddrinfo", b"sendto", b"bind", b"listen"):
        assert b"\0" + call + b"\0" not in program


def test_hello_says_who_runs(native: Agent, tmp_path: Path) -> None:
    """The native agent, on the same release of the runtime as the host's agent."""
    hello = native.run(job_of(tmp_path, {"kind": "null"}), tmp_path).events[0]

    assert isinstance(hello, Hello)
    assert (hello.agent, hello.runtime) == ("native", "onnxruntime")
    assert hello.runtime_version == metadata.version("onnxruntime")
    assert hello.abi == "x86_64-linux-gnu"


@pytest.mark.parametrize(("library", "words"), [("/nowhere/libonnxruntime.so", "cannot open"), ("libc", "libc")])
def test_a_missing_or_other_runtime_is_a_load_error(  # noqa: PLR0917  (fixtures)
    library: str,
    words: str,
    native: Agent,
    native_bundle: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Hello goes out all the same, and says that no runtime is there."""
    named = library if library != "libc" else str(native_bundle / "libc.so.6")
    monkeypatch.setenv("POCKETLAB_ORT", named)
    answer = native.run(job_of(tmp_path, {"kind": "null"}), tmp_path)
    hello, error, _ = answer.events

    assert answer.returncode == 1
    assert hello.event == "hello"
    assert hello.runtime_version == "none"
    assert error.event == "error"
    assert error.error == "load"
    assert words in error.message


ENCODE: dict[str, object] = {
    "kind": "encode_image",
    "input": "screen",
    "batches": batches_of(2, 1),
    "pipelined": False,
}
UNUSED = {
    "manifest.json": ["model", "recipe", "precision", "tolerance", "recipe_error", "weights"],
    "inputs/screen/input.json": ["name", "instruction", "golden"],
}
"""The fields of a build that only the lab uses."""


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the stand-in build once."""
    return write_build(tmp_path_factory.mktemp("build"))


def edited(build: Path, folder: Path, file: str, keys: tuple[str | int, ...], value: object) -> Path:
    """Copy a build and set one field of a document, or delete it where `value` is None."""
    copy = folder / "edited"
    shutil.copytree(build, copy)
    document: Any = json.loads((copy / file).read_bytes())
    parent = document
    for key in keys[:-1]:
        parent = parent[key]
    if value is None:
        del parent[keys[-1]]
    else:
        parent[keys[-1]] = value
    (copy / file).write_text(json.dumps(document), encoding="utf-8")
    return copy


def features(events: list[Event]) -> Output:
    """Return the last output."""
    return [event for event in events if isinstance(event, Output)][-1]


def test_it_needs_nothing_of_a_build_that_only_the_lab_uses(native: Agent, build: Path, tmp_path: Path) -> None:
    """Without those fields, and with one nobody knows, the features are the same: the lab is the strict reader."""
    bare = tmp_path / "bare"
    shutil.copytree(build, bare)
    for file, names in UNUSED.items():
        document = json.loads((bare / file).read_bytes())
        for name in names:
            del document[name]
        (bare / file).write_text(json.dumps(document | {"novelty": 1}), encoding="utf-8")
    whole, partial = (native.run(job_of(folder, ENCODE), tmp_path) for folder in (build, bare))

    assert partial.returncode == 0, partial.stderr
    assert features(partial.events) == features(whole.events)


def test_it_ignores_no_parameter_of_a_job(native: Agent, build: Path, tmp_path: Path) -> None:
    """A slow-down that it would only half obey is refused: its figures would answer another question."""
    inject = {"stage": "vit", "slow_down": 2.0, "only_iteration": 1}
    answer = native.run(job_of(build, ENCODE, inject=inject), tmp_path)
    error = next(event for event in answer.events if isinstance(event, Error))

    assert (answer.returncode, error.error) == (1, "bad_job")
    assert "inject.only_iteration: this protocol has no such key" in error.message


MANIFEST, INPUT = UNUSED
NEEDED: list[tuple[str, tuple[str | int, ...], object, str]] = [
    (MANIFEST, ("protocol",), None, "protocol: required, and missing"),
    (MANIFEST, ("runtime",), "stand_in", "runtime: wanted one of ['onnxruntime'], found 'stand_in'"),
    (MANIFEST, ("kv_cache",), "float8", "kv_cache: wanted one of ['float32', 'float16', 'int8']"),
    (MANIFEST, ("tokenizer", "kind"), "bpe", "tokenizer.kind: wanted one of ['bytes']"),
    (MANIFEST, ("dimensions", "layers"), None, "dimensions.layers: required, and missing"),
    (
        MANIFEST,
        ("dimensions", "hidden"),
        "16",
        'dimensions.hidden: wanted a whole number of at least 1, found "16"',
    ),
    (MANIFEST, ("graphs", "brain"), [], "graphs.brain: wanted one of"),
    (MANIFEST, ("graphs", "vit", 0, "shapes"), {}, "graphs.vit.0.shapes: wanted a list"),
    (MANIFEST, ("graphs", "vit", 0, "path"), "../vit.onnx", "graphs.vit.0.path: wanted a relative path"),
    (MANIFEST, ("graphs", "vit", 0, "weights"), ["/etc/passwd"], "graphs.vit.0.weights.0: wanted a relative path"),
    (MANIFEST, ("inputs", "screen"), "a/../../b", "inputs.screen: wanted a relative path"),
    (MANIFEST, ("files", 0, "bytes"), -1, "files.0.bytes: wanted a whole number of at least 0"),
    (INPUT, ("image", "path"), "../../vit.onnx", "image.path: wanted a relative path"),
    (INPUT, ("image", "width"), None, "image.width: required, and missing"),
    (INPUT, ("placement", "order"), 3, "placement.order: wanted a list"),
    (INPUT, ("segments", 0, "ids"), None, "segments.0.ids: required, and missing"),
    (INPUT, ("prompt_tokens",), 0, "prompt_tokens: wanted a whole number of at least 1"),
]


@pytest.mark.parametrize(
    ("file", "keys", "value", "words"), NEEDED, ids=[".".join(str(key) for key in case[1]) for case in NEEDED]
)
def test_a_build_that_lacks_what_it_needs_is_a_load_error(  # noqa: PLR0917  (fixtures)
    file: str,
    keys: tuple[str | int, ...],
    value: object,
    words: str,
    native: Agent,
    build: Path,
    tmp_path: Path,
) -> None:
    """The message names the file and the field; a path that leaves its folder is never followed."""
    folder = edited(build, tmp_path, file, keys, value)
    answer = native.run(job_of(folder, ENCODE), tmp_path)
    error = next(event for event in answer.events if isinstance(event, Error))

    assert answer.returncode == 1
    assert error.error == "load"
    assert error.message.startswith(f"{folder / file}: {words}")
