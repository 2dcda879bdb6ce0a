"""7. Our language model against llama.cpp's: the `bench` preset in 4 bits, by equal cache type, context and core.

Rival: llama-bench on the same random weights in Q4_0 (`make llama-bench`), in turn with our decoder over the same
number of cached tokens, on one core each, so that CPU time is work and not waiting. llama-bench is a process for
each turn: its wall time is what it prints; its CPU time is what more repetitions add to the process's. No claim.
The aim is 1.1 of its speed in a prefill of 128 tokens, with the faster of its cache types.
"""

from __future__ import annotations

import json
import resource
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
import onnx_ir as ir
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType

from benchmarks.pairs import CORES
from device_agents.contract import ForeignManifest
from device_agents.reference.language import Decoder
from device_agents.reference.package import Package, open_package
from device_agents.reference.units import ExecutionUnit
from lab.builds.folder import Build
from lab.errors import BuildError
from lab.store import Store

THEIRS = "bench-llama"
PAIRS = {"bench-paper": "f16", "bench-paper-kv8": "q8_0"}
"""Our build by line -> llama.cpp's name for the same type of cache."""

CHUNK, NEW, ROUNDS, REPEATS = 128, 16, 5, 2
WORKS = (("prefill of 128", CHUNK, 0), ("prefill of 128", CHUNK, 1920), ("decode", 1, 128), ("decode", 1, 2048))
"""Name, tokens a call, and tokens in the cache before. A prefill is one call, a decode NEW calls."""


@dataclass(frozen=True)
class Took:
    """Seconds of one repetition."""

    wall_s: float
    cpu_s: float


def run(root: Path) -> bool:
    """Print a line for each cache and amount of work; True always, because this makes no claim."""
    store = Store(root)
    try:
        theirs = store.find_build(THEIRS)
        ours = {line: store.find_build(line) for line in PAIRS}
    except BuildError as error:
        print(f"  left out: {error}. `make llama-bench` and `make build BUILD=...` make the builds")
        return True
    size, bytes_of = GGML_QUANT_SIZES[GGMLQuantizationType.Q4_0]
    print(f"  bits a weight: llama.cpp's Q4_0 {8 * bytes_of / size:.1f}", end="")
    for line, build in ours.items():
        print(f", {line} {bits(build):.1f} as stored", end="")
    print(f"\n  speed of ours / llama-bench's, medians of {ROUNDS} turns each, on one core: wall | CPU")
    for line, cache in PAIRS.items():
        package, unit = open_package(ours[line].folder), ExecutionUnit(CORES[:1])
        decoder = Decoder(package, unit, {1, CHUNK})
        unit.pin()
        for what, tokens, cached in WORKS:
            mine, other = taken_in_turn(package, decoder, theirs, cache, tokens, cached)
            wall, cpu = (
                median(getattr(each, name) for each in other) / median(getattr(each, name) for each in mine)
                for name in ("wall_s", "cpu_s")
            )
            print(f"  {line}, their cache {cache}, {what} behind {cached}: {wall:.2f} | {cpu:.2f}", flush=True)
    return True


def taken_in_turn(  # noqa: PLR0917  (the pair, and the amount of work)
    package: Package, decoder: Decoder, theirs: Build, cache: str, tokens: int, cached: int
) -> tuple[list[Took], list[Took]]:
    """Return the seconds of a repetition, ours and theirs, each of ROUNDS turns, every other round backwards."""
    calls = 1 if tokens == CHUNK else NEW
    amount = ["-p", f"{CHUNK}", "-n", "0"] if tokens == CHUNK else ["-p", "0", "-n", f"{NEW}"]
    argv = [*amount, "-d", f"{cached}"]
    work = calls_of(decoder, package.manifest.dimensions.hidden, tokens, cached, calls)
    mine: list[Took] = []
    other: list[Took] = []
    for turn in range(ROUNDS):
        for ours in (True, False) if turn % 2 else (False, True):
            if ours:
                mine += [took(work) for _ in range(REPEATS)]
            else:
                other.append(tool_took(theirs, cache, argv))
    return mine, other


def tool_took(build: Build, cache: str, amount: list[str]) -> Took:
    """Return the seconds of one repetition of llama-bench; the CPU time is what REPEATS more of them cost."""
    _, once_s = tool(build, cache, amount, 1)
    walls, more_s = tool(build, cache, amount, 1 + REPEATS)
    return Took(median(walls[1:]), (more_s - once_s) / REPEATS)


def tool(build: Build, cache: str, amount: list[str], repeats: int) -> tuple[list[float], float]:
    """Run llama-bench on the first core; return the seconds that it printed and the process's CPU time."""
    manifest = build.manifest
    assert isinstance(manifest, ForeignManifest)  # for the type checker: llama.cpp's builds are
    argv = [str(build.folder / manifest.program), "-m", str(build.folder / manifest.weight_file), *amount]
    argv += ["-b", f"{CHUNK}", "-ub", f"{CHUNK}", "-ctk", cache, "-ctv", cache, "-fa", "1"]
    argv += ["-t", "1", "-C", hex(1 << CORES[0]), "--cpu-strict", "1"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    argv += ["-r", f"{repeats}", "--no-warmup", "-o", "jsonl"]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    samples = json.loads(done.stdout.splitlines()[-1])["samples_ns"]
    return [each * 1e-9 for each in samples], after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def bits(build: Build) -> float:
    """Return the bits that a weight of the language model's 4-bit products takes in the build's files."""
    model = ir.load(build.folder / "llm.onnx")
    products = [node for node in model.graph if node.op_type == "MatMulNBits"]
    weights = sum(node.attributes["K"].as_int() * node.attributes["N"].as_int() for node in products)
    stored = [value for node in products for value in node.inputs[1:] if value is not None]
    return 8 * sum(value.const_value.nbytes for value in stored if value.const_value is not None) / weights


def calls_of(decoder: Decoder, hidden: int, tokens: int, cached: int, calls: int) -> Callable[[], None]:
    """Return work of our decoder: `calls` calls of `tokens` tokens each, the first behind `cached` ones."""
    embeddings = np.random.default_rng(0).standard_normal((1, tokens, hidden)).astype(np.float32)

    def work() -> None:
        decoder.past = cached
        for _ in range(calls):
            decoder.step(embeddings, tokens)

    work()
    return work


def took(work: Callable[[], None]) -> Took:
    """Return the seconds that one call takes."""
    wall, cpu = time.monotonic(), time.process_time()
    work()
    return Took(time.monotonic() - wall, time.process_time() - cpu)
