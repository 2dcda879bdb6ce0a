from __future__ import annotations

import hashlib
import json
import os
import subprocess
from importlib import metadata
from pathlib import Path

import pytest

from device_agents.contract import Hello
from tests.both_agents import Agent, started_from
from tests.device_agents.stand_in import job_of, write_build


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
