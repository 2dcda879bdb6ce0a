"""Builds llama.cpp's `llama-bench` for this machine from the source in the PyPI sdist of `llama-cpp-python`.

python -m device_agents.adapters.llama_build --out FOLDER

The program is linked statically, so that it also runs on this machine's virtual phones, and is kept in the
cache. For a phone of another ABI bring your own (docs/foreign-tools.md). Nothing is installed.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from device_agents import ending

PACKAGE, VERSION = "llama-cpp-python", "0.3.36"
SHA256 = "832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e"
"""SHA-256 of the sdist, which contains llama.cpp 0.5.0-dev under vendor/ (MIT)."""

SOURCE = f"{PACKAGE.replace('-', '_')}-{VERSION}/vendor/llama.cpp"
PROGRAM = "llama-bench"

OPTIONS = {
    "CMAKE_BUILD_TYPE": "Release",
    "BUILD_SHARED_LIBS": "OFF",
    "GGML_STATIC": "ON",
    "CMAKE_EXE_LINKER_FLAGS": "-static",
    "GGML_NATIVE": "ON",  # all instructions of this machine, as its users build it
    "GGML_OPENMP": "OFF",  # use its own threads, which --cpu-mask places
    "GGML_LLAMAFILE": "OFF",  # off as in llama.cpp's recipe for phones (docs/android.md)
    "LLAMA_BUILD_COMMIT": f"{PACKAGE}-{VERSION}",  # otherwise that of any repository around it
    "LLAMA_BUILD_NUMBER": "0",
    "LLAMA_OPENSSL": "OFF",
    "LLAMA_CURL": "OFF",
    "LLAMA_BUILD_TESTS": "OFF",
    "LLAMA_BUILD_EXAMPLES": "OFF",
    "LLAMA_BUILD_SERVER": "OFF",
    "LLAMA_BUILD_APP": "OFF",
    "LLAMA_BUILD_UI": "OFF",
    "LLAMA_USE_PREBUILT_UI": "OFF",  # the build fetches nothing
}

HEADER = """\
#if defined(__AMX_TILE__) && defined(__GNUC__) && !defined(__clang__)
#include <immintrin.h>
#undef _tile_loadconfig
#define _tile_loadconfig(config) __asm__ volatile("ldtilecfg %0" ::"m"(*(const char(*)[64])(config)))
#endif
"""
"""Included in every C++ file. GCC 12.2 declares that `_tile_loadconfig` reads 8 of its 64 bytes, drops the stores
to the others, and the program dies at its first product on a processor with AMX (amxtileintrin.h; seen here)."""

_STEP = re.compile(r"^\[\s*(\d+)(?:%|/(\d+))")
"""The progress lines of make (``[ 12%]``) and ninja (``[16/133]``)."""

Say = Callable[[str], None]


class BuildFailed(Exception):  # noqa: N818 - an outcome reported to a person, not a kind of error
    """The program could not be built; the message says why and what to do."""


def cached(jobs: int, say: Say) -> Path:
    """Return the program from the cache; build it first if it is missing; raises `BuildFailed`."""
    root = Path(os.environ.get("POCKETLAB_CACHE") or Path.home() / ".cache" / "pocketlab")
    options = hashlib.sha256(f"{sorted(OPTIONS.items())}{HEADER}".encode()).hexdigest()[:8]
    kept = root / "llama.cpp" / f"{VERSION}-{platform.machine()}-{options}" / PROGRAM
    if kept.is_file():
        return kept
    _want_tools()
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".building-", dir=kept.parent) as aside:
        made = _made(_source(Path(aside), say), jobs, say)
        made.chmod(0o755)
        made.replace(kept)
    return kept


def _want_tools() -> None:
    compiler = os.environ.get("CXX", "c++").split()[0]
    missing = [name for name in ("cmake", compiler) if shutil.which(name) is None]
    if missing:
        raise BuildFailed(
            f"wanted cmake and a C++17 compiler to build {PROGRAM}, missing: {', '.join(missing)}; on Debian: "
            "apt-get install cmake g++. Or put a llama-bench that you already have beside the .gguf"
        )


def _source(folder: Path, say: Say) -> Path:
    """Fetch the pinned sdist with pip, which checks its hash, and unpack llama.cpp."""
    say(f"fetching the source: {PACKAGE} {VERSION} (77 MB)")
    wanted = folder / "wanted.txt"
    wanted.write_text(f"{PACKAGE}=={VERSION} --hash=sha256:{SHA256}\n", encoding="utf-8")
    argv = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    argv += ["--no-binary", PACKAGE, "--dest", str(folder), "--requirement", str(wanted)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    archives = list(folder.glob("*.tar.gz"))
    if done.returncode != 0 or len(archives) != 1:
        raise BuildFailed(f"the source could not be fetched: {_last(done.stderr.splitlines())}")
    with tarfile.open(archives[0]) as archive:
        members = [member for member in archive if member.name.startswith(f"{SOURCE}/")]
        archive.extractall(folder, members=members, filter="data")
    archives[0].unlink()
    return folder / SOURCE


def _made(source: Path, jobs: int, say: Say) -> Path:
    out = source.parent / "out"
    header = source.parent / "amx.h"
    header.write_text(HEADER, encoding="utf-8")
    options = {**OPTIONS, "CMAKE_CXX_FLAGS": f"-include {header}"}
    defined = [f"-D{name}={value}" for name, value in options.items()]
    say("configuring")
    _follow(["cmake", "-S", str(source), "-B", str(out), *defined], lambda line: None)
    last = -1

    def step(line: str) -> None:
        nonlocal last
        found = _STEP.match(line)
        if found is None:
            return
        percent = int(found[1]) if found[2] is None else 100 * int(found[1]) // int(found[2])
        if percent // 10 != last:
            last = percent // 10
            say(f"compiling: {percent} %")

    say(f"compiling, {jobs} files at a time; on a slow or busy machine this takes a quarter of an hour")
    _follow(["cmake", "--build", str(out), "--target", PROGRAM, "--parallel", str(jobs)], step)
    return out / "bin" / PROGRAM


def _follow(argv: Sequence[str], tell: Callable[[str], None]) -> None:
    """Run a command and pass on each line that it prints; raises `BuildFailed` with the last lines."""
    lines: list[str] = []
    with subprocess.Popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as running:
        for line in running.stdout or ():
            lines = [*lines[-14:], line.rstrip()]
            tell(line)
    if running.returncode != 0:
        raise BuildFailed(f"`{' '.join(argv[:2])}` ended with status {running.returncode}:\n" + "\n".join(lines))


def _last(lines: Sequence[str]) -> str:
    return next((line for line in reversed(lines) if line.strip()), "pip said nothing")


def main(arguments: Sequence[str] | None = None) -> int:
    """Put the program into a folder; return 0, or 2 when it cannot be built."""
    parser = argparse.ArgumentParser(prog="python -m device_agents.adapters.llama_build", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for llama-bench")
    parser.add_argument(
        "--jobs", type=int, default=len(os.sched_getaffinity(0)), help="files to compile at a time"
    )
    chosen = parser.parse_args(arguments)
    try:
        program = cached(chosen.jobs, lambda words: print(f"  {words}", file=sys.stderr, flush=True))  # noqa: T201 - progress
        chosen.out.mkdir(parents=True, exist_ok=True)
        shutil.copy(program, chosen.out / PROGRAM)
    except (BuildFailed, OSError) as error:
        print(f"llama_build: {error}", file=sys.stderr)  # noqa: T201 - the program's message
        return 2
    return 0


if __name__ == "__main__":
    ending.run("llama_build", main)
