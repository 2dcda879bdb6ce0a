from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from device_agents.debian import DebianError, cache_folder, download
from device_agents.native.build import RUNTIME, BuildError, build, refuse_others
from tests.lab_process import ROOT

HEADERS = ("headers/onnxruntime_c_api.h", "jni/arm64-v8a/libonnxruntime.so")
FAKE_COMPILER = """#!/bin/sh
printf '%s\\n' "$@" > "{record}"
while [ $# -gt 1 ]; do [ "$1" = -o ] && : > "$2"; shift; done
"""


def built(*options: str | Path, abi: str = "android-arm64", out: Path) -> subprocess.CompletedProcess[str]:
    """Run the build as make does."""
    argv = [sys.executable, "-m", "device_agents.native.build", "--abi", abi, "--out", out, *options]
    return subprocess.run([str(word) for word in argv], cwd=ROOT, capture_output=True, text=True, check=False)


def ndk_of(folder: Path, record: Path) -> Path:
    """Make an NDK whose compiler only records how it was called."""
    compiler = folder / "toolchains/llvm/prebuilt/linux-x86_64/bin/aarch64-linux-android28-clang++"
    compiler.parent.mkdir(parents=True)
    compiler.write_text(FAKE_COMPILER.format(record=record), encoding="utf-8")
    compiler.chmod(0o755)
    return folder


def aar_of(path: Path, names: tuple[str, ...]) -> Path:
    """Make an archive with empty files of these names."""
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, b"")
    return path


@pytest.mark.parametrize(
    "bundle",
    [
        None,
        "[]",
        "[" * 100_000,
        "{" + " " * (1 << 20),
        '{"agent": "native", "files": []}',
        '{"files": [{"path": "mine"}]}',
        '{"agent": "native", "files": [{"path": "folder"}, {"path": "mine"}]}',
    ],
)
def test_a_folder_that_is_no_bundle_is_not_replaced(tmp_path: Path, bundle: str | None) -> None:
    """What somebody else put there stays, also beside a file that is called bundle.json."""
    (tmp_path / "mine").write_text("three years", encoding="ascii")
    (tmp_path / "folder").mkdir()
    if bundle is not None:
        (tmp_path / "bundle.json").write_text(bundle, encoding="ascii")

    with pytest.raises(BuildError, match="nothing was touched"):
        build("x86_64", tmp_path, cache=tmp_path / "cache")

    assert (tmp_path / "mine").read_text(encoding="ascii") == "three years"
    assert not (tmp_path / "cache").exists()


def test_a_wheel_with_another_hash_is_not_used(tmp_path: Path) -> None:
    """A wheel that was changed in the cache never gets to a phone; the message says what to do."""
    wheel = tmp_path / f"cache/wheels/onnxruntime-{RUNTIME}-cp311-cp311-manylinux_2_28_x86_64.whl"
    wheel.parent.mkdir(parents=True)
    wheel.write_bytes(b"another library")

    with pytest.raises(BuildError, match=r"with SHA-256 5a34fc.*, found 8450b4.*: delete it and build again"):
        build("x86_64", tmp_path / "out", cache=tmp_path / "cache")


def test_a_bundle_is_replaced(tmp_path: Path) -> None:
    """A folder with a bundle and its files alone may go."""
    files = '{"agent": "native", "files": [{"path": "agent"}]}'
    (tmp_path / "bundle.json").write_text(files, encoding="ascii")
    (tmp_path / "agent").touch()

    refuse_others(tmp_path)


def test_android_wants_an_ndk_and_an_archive_in_words(tmp_path: Path) -> None:
    """Each missing thing is named, with the option that brings it; nothing is left behind."""
    out, ndk = tmp_path / "out", ndk_of(tmp_path / "ndk", tmp_path / "record")
    wrong = aar_of(tmp_path / "wrong.aar", HEADERS[:1])
    answers = [
        built(out=out),
        built("--ndk", tmp_path, out=out),
        built("--ndk", ndk, out=out),
        built("--ndk", ndk, "--ort-aar", wrong, out=out),
    ]

    assert [answer.returncode for answer in answers] == [2, 2, 2, 2]
    for answer, words in zip(answers, ("--ndk FOLDER", "NDK's compiler", "--ort-aar FILE", "jni/"), strict=True):
        assert words in answer.stderr
        assert "Traceback" not in answer.stderr
    assert not out.exists()


def test_the_same_source_is_compiled_for_android(tmp_path: Path) -> None:
    """The NDK's compiler is given every source, the archive's headers and its own C++ library, linked in."""
    try:
        download(["nlohmann-json3-dev"], architecture="amd64", cache=cache_folder())
    except DebianError as error:
        pytest.skip(f"the JSON header cannot be had here: {error}")
    ndk = ndk_of(tmp_path / "ndk", tmp_path / "record")
    aar = aar_of(tmp_path / "onnxruntime-android-1.32.0.aar", HEADERS)
    done = built("--ndk", ndk, "--ort-aar", aar, out=tmp_path / "out")
    called = (tmp_path / "record").read_text(encoding="utf-8").split("\n")

    assert done.returncode == 0, done.stderr
    steps = [line for line in done.stderr.splitlines() if line.startswith("agent for android-arm64, ")]
    assert [line.partition(" s: ")[2][:6] for line in steps] == ["1 of 2", "2 of 2"], "each as it begins"
    assert {"-std=c++17", "-static-libstdc++", "main.cpp", "ort.cpp", "-isystem"} <= set(called)
    assert '"argv": [\n  "{folder}/agent"\n ]' in (tmp_path / "out/bundle.json").read_text(encoding="utf-8")
    assert '"runtime": "onnxruntime 1.32.0"' in (tmp_path / "out/bundle.json").read_text(encoding="utf-8")


def test_an_unknown_abi_is_a_wrong_command_line(tmp_path: Path) -> None:
    """The known ones are listed."""
    done = built(abi="mips", out=tmp_path / "out")

    assert done.returncode == 2
    assert "x86_64" in done.stderr
