"""Build the native agent into a self-contained bundle: ``python -m device_agents.native.build --abi A --out F``.

A bundle holds the agent and ONNX Runtime. For a Linux ABI it also holds the C and C++ libraries and their dynamic
loader, so that it needs nothing of the device. `bundle.json` says how to start it. The same inputs give the same
bundle id: the SHA-256 over the sorted lines "path sha256".

android-arm64 is the same source for Android's own libc, built with the user's NDK and archive of ONNX Runtime for
Android. Its authors had neither: they have not run that build, nor its result.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from device_agents import ending
from device_agents.debian import DebianError, cache_folder, download, unpack

SOURCES = Path(__file__).parent
PYTHON = "3.11"
"""The Python of the wheel to download. Every wheel holds the same library; naming one gives one bundle id."""

RUNTIME = "1.32.0"
"""The release of ONNX Runtime that phones get, which the host's agent runs on as well."""

ANDROID_API = 28
"""Android 9: the first whose libc has everything that the agent uses. MT6989 phones were sold with Android 14."""

LIBRARIES = (
    "libc.so.6",
    "libdl.so.2",
    "libgcc_s.so.1",
    "libm.so.6",
    "libpthread.so.0",
    "librt.so.1",
    "libstdc++.so.6",
)
"""The libraries that the agent and libonnxruntime.so load; a test checks that none is missing."""

LIST_BYTES = 1 << 20
"""The largest `bundle.json` that is read. A judgement: ours have 2 kB."""

FLAGS = ("-std=c++17", "-O2", "-Wall", "-Wextra", "-Werror", "-s")


@dataclass(frozen=True)
class Linux:
    """A Linux ABI by the name that each tool gives it."""

    target: str
    debian: str
    wheel: str
    loader: str
    sha256: str
    """Of the wheel of `RUNTIME`, as requirements.lock has it."""


ABIS: Mapping[str, Linux] = {
    "x86_64": Linux(
        "x86_64-linux-gnu.2.28",
        "amd64",
        "manylinux_2_28_x86_64",
        "ld-linux-x86-64.so.2",
        "5a34fc4dfeb5a7b4a74c95dcba1e773d722abda720b474edf1b0c419dc6d163d",
    ),
    "arm64": Linux(
        "aarch64-linux-gnu.2.28",
        "arm64",
        "manylinux_2_28_aarch64",
        "ld-linux-aarch64.so.1",
        "2303372a85299b6757b0e11e1cbf13e410ddf7e10c37f4b37e99d1c90e7daf7c",
    ),
}
"""The targets name glibc 2.28, which the wheels are built for."""


class BuildError(Exception):
    """The bundle cannot be built; the message says what to do."""


def build(
    abi: str,
    out: Path,
    *,
    cache: Path,
    ndk: Path | None = None,
    aar: Path | None = None,
    say: Callable[[str], None] = lambda words: None,
) -> str:
    """Build the bundle of an ABI into `out`, replacing an older one, and return its id.

    `say` gets a line for each step. The bundle is built beside `out` and then renamed: an interrupted build leaves
    the old one. Raises `BuildError`, also when `out` holds anything but a bundle, and `DebianError`.
    """
    refuse_others(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as aside:
        folder = Path(aside) / "bundle"
        folder.mkdir()
        if abi in ABIS:
            argv, runtime = _linux(ABIS[abi], folder, cache, say)
        else:
            argv, runtime = _android(folder, cache, ndk, aar, say)
        bundle_id = _describe(folder, abi, argv, runtime)
        if out.exists():
            out.rename(Path(aside) / "old")
        folder.rename(out)
    return bundle_id


def refuse_others(out: Path) -> None:
    """Raise `BuildError` unless `out` is missing, empty, or a bundle with no other file than those it lists."""
    try:
        found = {path.name for path in out.iterdir()}
    except FileNotFoundError:
        return
    except OSError as error:
        raise BuildError(f"wanted a folder for the agent, {out}: {error.strerror}: name another") from error
    ours = {name for name in _listed(out / "bundle.json") if (out / name).is_file()}
    if others := sorted(found - ours):
        more = f" and {len(others) - 1} more" if len(others) > 1 else ""
        raise BuildError(
            f"wanted a new or empty folder, or an agent to replace, found {out}, in which no agent put "
            f"{others[0]!r}{more}: nothing was touched; name another with --out"
        )


def _listed(path: Path) -> set[str]:
    """Return the names of a bundle's files as its `bundle.json` lists them, and its own; none if it is no such."""
    try:
        if not path.is_file() or path.stat().st_size > LIST_BYTES:
            return set()
        bundle = json.loads(path.read_bytes())
        return {path.name, *(file["path"] for file in bundle["files"])} if bundle["agent"] == "native" else set()
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return set()


def _linux(linux: Linux, folder: Path, cache: Path, say: Callable[[str], None]) -> tuple[list[str], str]:
    """Fill a bundle for a Linux ABI; return its start command and the runtime's release."""
    if importlib.util.find_spec("ziglang") is None:
        raise BuildError("wanted the compiler `ziglang`, found none here: `pip install 'pocketlab[agents]'`")
    if (installed := metadata.version("onnxruntime")) != RUNTIME:
        raise BuildError(
            f"wanted onnxruntime {RUNTIME} here too, so that host and phones run the same, found {installed}: "
            f"pip install onnxruntime=={RUNTIME}"
        )
    say(f"1 of 4: ONNX Runtime {RUNTIME} for {linux.wheel}, kept in {cache}")
    with zipfile.ZipFile(_wheel(linux, cache)) as wheel:
        (folder / "libonnxruntime.so").write_bytes(wheel.read(f"onnxruntime/capi/libonnxruntime.so.{RUNTIME}"))
    say("2 of 4: headers from Debian")
    includes = _headers(cache, ["libonnxruntime-dev", "nlohmann-json3-dev"])
    say("3 of 4: compiling the agent (the first time also the libraries of its compiler, which takes longest)")
    command = [sys.executable, "-m", "ziglang", "c++", "-target", linux.target]
    compile_agent(command, [*includes, includes[0] / "onnxruntime"], folder / "agent", cache)
    say(f"4 of 4: C and C++ libraries for {linux.debian} from Debian")
    with tempfile.TemporaryDirectory() as unpacked:
        for package in download(["libc6", "libstdc++6", "libgcc-s1"], architecture=linux.debian, cache=cache):
            unpack(package, Path(unpacked))
        for name in (linux.loader, *LIBRARIES):
            shutil.copyfile(_library(Path(unpacked), name), folder / name)
    start = [f"{{folder}}/{linux.loader}", "--inhibit-cache", "--library-path", "{folder}", "{folder}/agent"]
    return start, f"onnxruntime {RUNTIME}"


def _android(
    folder: Path, cache: Path, ndk: Path | None, aar: Path | None, say: Callable[[str], None]
) -> tuple[list[str], str]:
    """Fill a bundle for Android's own libc; return its start command and the runtime's release."""
    compiler = android_compiler(ndk)
    if aar is None or not zipfile.is_zipfile(aar):
        raise BuildError(
            f"wanted the archive of ONNX Runtime for Android (onnxruntime-android-VERSION.aar), found "
            f"{aar or 'none'}: name it with --ort-aar FILE (make: ORT_AAR=FILE)"
        )
    library, header = "jni/arm64-v8a/libonnxruntime.so", "headers/onnxruntime_c_api.h"
    with zipfile.ZipFile(aar) as archive, tempfile.TemporaryDirectory() as unpacked:
        if missing := {library, header} - set(archive.namelist()):
            raise BuildError(
                f"{aar}: wanted an archive of ONNX Runtime for Android, found one without {sorted(missing)}: "
                "name another with --ort-aar FILE"
            )
        archive.extractall(unpacked, [name for name in archive.namelist() if name.startswith("headers/")])
        (folder / "libonnxruntime.so").write_bytes(archive.read(library))
        say("1 of 2: headers from Debian")
        includes = [Path(unpacked) / "headers", *_headers(cache, ["nlohmann-json3-dev"])]
        flags = ["-static-libstdc++", "-Wl,-z,max-page-size=16384"]  # Android 15 phones may have pages of 16 KiB
        say("2 of 2: compiling the agent with the NDK")
        compile_agent([str(compiler), *flags], includes, folder / "agent", cache)
    release = re.search(r"(\d+\.\d+\.\d+)", aar.name)
    return ["{folder}/agent"], f"onnxruntime {release[1] if release else aar.stem}"


def android_compiler(ndk: Path | None) -> Path:
    """Return the NDK's compiler for 64-bit Arm; raises `BuildError` without one."""
    if ndk is None:
        raise BuildError("android-arm64 needs Android's NDK: name it with --ndk FOLDER (make: NDK=FOLDER)")
    path = ndk / "toolchains/llvm/prebuilt/linux-x86_64/bin" / f"aarch64-linux-android{ANDROID_API}-clang++"
    if not path.exists():
        raise BuildError(
            f"wanted the NDK's compiler at {path}, found nothing: name an unpacked NDK for Linux, r26 or newer, "
            "with --ndk FOLDER"
        )
    return path


def compile_agent(compiler: Sequence[str], includes: Sequence[Path], agent: Path, cache: Path) -> None:
    """Compile every source into one program; raises `BuildError` with the compiler's output."""
    sources = sorted(str(path.name) for path in SOURCES.glob("*.cpp"))
    command = [
        *compiler,
        *FLAGS,
        f"-ffile-prefix-map={SOURCES}=.",
        *(word for folder in includes for word in ("-isystem", str(folder))),
        *sources,
        *("-ldl", "-o", str(agent.resolve())),
    ]
    places = {"ZIG_GLOBAL_CACHE_DIR": str(cache / "zig"), "ZIG_LOCAL_CACHE_DIR": str(cache / "zig")}
    done = subprocess.run(
        command, cwd=SOURCES, env={**os.environ, **places}, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise BuildError(f"the compiler failed ({' '.join(compiler)}):\n{done.stderr[-3000:]}")


def _wheel(linux: Linux, cache: Path) -> Path:
    """Return the wheel of ONNX Runtime for an ABI, cached or fetched; raise `BuildError` on another hash."""
    folder = cache / "wheels"
    folder.mkdir(parents=True, exist_ok=True)
    pattern = f"onnxruntime-{RUNTIME}-*{linux.wheel}.whl"
    for path in folder.glob(pattern):
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found == linux.sha256:
            return path
        raise BuildError(f"wanted {path} with SHA-256 {linux.sha256}, found {found}: delete it and build again")
    with tempfile.TemporaryDirectory(dir=folder, prefix="download-") as aside:
        wanted = Path(aside) / "wanted.txt"
        wanted.write_text(f"onnxruntime=={RUNTIME} --hash=sha256:{linux.sha256}\n", encoding="ascii")
        pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "-d", aside]
        pip += ["--platform", linux.wheel, "--python-version", PYTHON, "--requirement", str(wanted)]
        done = subprocess.run(pip, capture_output=True, text=True, check=False)
        for path in Path(aside).glob(pattern):
            return path.rename(folder / path.name)
    raise BuildError(
        f"wanted onnxruntime {RUNTIME} for {linux.wheel}, SHA-256 {linux.sha256}, pip found none: check the "
        f"network: {done.stderr.strip()[-500:]}"
    )


def _headers(cache: Path, packages: Sequence[str]) -> list[Path]:
    """Return the include folder of each package; headers are the same for every architecture."""
    folders = []
    for package in download(packages, architecture="amd64", cache=cache):
        folder = cache / "headers" / package.stem
        if not folder.exists():
            folder.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder.parent, prefix="unpack-") as aside:
                unpack(package, Path(aside) / "root")
                if not folder.exists():
                    (Path(aside) / "root").rename(folder)
        folders.append(folder / "usr/include")
    return folders


def _library(root: Path, name: str) -> Path:
    """Find a library in unpacked packages: a file, or a link to one (an absolute link there may lead nowhere)."""
    found = [path for path in sorted(root.rglob(name)) if path.is_file()]
    if not found:
        raise BuildError(
            f"wanted {name} in Debian's packages, found none: delete the cache folder `debian` and build again"
        )
    return found[0]


def _describe(folder: Path, abi: str, argv: list[str], runtime: str) -> str:
    """Write `bundle.json` and return the bundle's id."""
    files = []
    for path in sorted(folder.iterdir()):
        path.chmod(0o755)
        content = path.read_bytes()
        files.append({"path": path.name, "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)})
    lines = "".join(f"{file['path']} {file['sha256']}\n" for file in files)
    bundle_id = hashlib.sha256(lines.encode()).hexdigest()
    bundle = {"abi": abi, "id": bundle_id, "agent": "native", "runtime": runtime, "argv": argv, "files": files}
    (folder / "bundle.json").write_text(json.dumps(bundle, indent=1) + "\n", encoding="utf-8")
    return bundle_id


def _told(abi: str) -> Callable[[str], None]:
    """Return what prints a step on stderr, with the seconds since the first."""
    began = time.monotonic()

    def say(words: str) -> None:
        sys.stderr.write(f"agent for {abi}, {time.monotonic() - began:.0f} s: {words}\n")
        sys.stderr.flush()

    return say


def main(arguments: Sequence[str] | None = None) -> int:
    """Build one bundle; return 0, or 2 after printing the reason on stderr."""
    parser = argparse.ArgumentParser(prog="python -m device_agents.native.build", description=__doc__)
    parser.add_argument("--abi", required=True, choices=[*ABIS, "android-arm64"])
    parser.add_argument("--out", required=True, type=Path, help="the bundle's folder, replaced if it exists")
    parser.add_argument("--ndk", type=Path, help="for android-arm64: the unpacked NDK")
    parser.add_argument("--ort-aar", type=Path, help="for android-arm64: the archive of ONNX Runtime for Android")
    chosen = parser.parse_args(arguments)
    try:
        found = build(
            chosen.abi, chosen.out, cache=cache_folder(), ndk=chosen.ndk, aar=chosen.ort_aar, say=_told(chosen.abi)
        )
    except (BuildError, DebianError) as error:
        sys.stderr.write(f"agent: {error}\n")
        return 2
    size = sum(path.stat().st_size for path in chosen.out.iterdir())
    sys.stdout.write(f"agent for {chosen.abi}: {found[:12]}, {size / 1e6:.0f} MB in {chosen.out}\n")
    return 0


if __name__ == "__main__":
    ending.run("agent", main)
