"""7. Our language model against llama.cpp's on equal sizes, cache type and context, and equal bits or nearly.

Rival: llama-bench on a decoder of the same shape in Q4_0 (`make llama-bench SHAPE=...`; random weights, whose
values do not matter), in turn with our decoder over the same number of cached tokens: on one core each, where CPU
time is work and not waiting, and on all. llama-bench is a process for each turn: its wall time is what it prints;
its CPU time is what more repetitions add to the process's. No claim; the aim is 0.9 of its speed.
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
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType

from benchmarks.pairs import CORES
from device_agents.contract import ForeignManifest, Manifest
from device_agents.reference.language import Decoder
from device_agents.reference.package import Package, open_package
from device_agents.reference.units import ExecutionUnit
from lab.builds.folder import Build
from lab.errors import BuildError
from lab.store import Store

AIM = 0.9
"""The share of llama-bench's speed that is aimed at."""

CHUNK, NEW, REPEATS = 128, 16, 2
WORKS = (("prefill of 128", CHUNK, 0), ("prefill of 128", CHUNK, 1920), ("decode", 1, 128), ("decode", 1, 2048))
"""Name, tokens a call, and tokens in the cache before. A prefill is one call, a decode NEW calls."""


@dataclass(frozen=True)
class Pair:
    """Our line of builds, llama.cpp's, its name for the same type of cache, and the turns of each."""

    ours: str
    theirs: str
    cache: str
    rounds: int


PAIRS = (
    Pair("bench-paper", "bench-llama", "f16", 5),
    Pair("bench-paper-b128", "bench-llama", "f16", 5),
    Pair("bench-paper-kv8", "bench-llama", "q8_0", 5),
    Pair("bluelm_v_3b-paper", "bluelm_v_3b-llama", "f16", 3),
    Pair("bluelm_v_3b-paper-b128", "bluelm_v_3b-llama", "f16", 3),
)


@dataclass(frozen=True)
class Took:
    """Seconds of one repetition."""

    wall_s: float
    cpu_s: float


def run(root: Path) -> bool:
    """Print a line for each pair, cores and amount of work; True always, because this makes no claim."""
    store = Store(root)
    size, bytes_of = GGML_QUANT_SIZES[GGMLQuantizationType.Q4_0]
    print(f"  speed of ours / llama-bench's, medians of turns: wall | CPU on one core, wall on all; aim {AIM}")
    for pair in PAIRS:
        try:
            ours, theirs = store.find_build(pair.ours), store.find_build(pair.theirs)
        except BuildError as error:
            print(f"  left out: {error}. `make build` and `make llama-bench SHAPE=...` make the builds")
            continue
        print(
            f"  {pair.ours} against {pair.theirs}, cache {pair.cache}: {bits(ours)} bits a weight, "
            f"theirs (Q4_0) {8 * bytes_of / size:.2f}"
        )
        for cores in dict.fromkeys((tuple(CORES[:1]), tuple(CORES))):
            measured(pair, ours, theirs, cores)
    return True


def measured(pair: Pair, ours: Build, theirs: Build, cores: tuple[int, ...]) -> None:
    """Print a line for each amount of work on these cores."""
    package, unit = open_package(ours.folder), ExecutionUnit(cores)
    decoder = Decoder(package, unit, {1, CHUNK})
    unit.pin()
    for what, tokens, cached in WORKS:
        mine, other = taken_in_turn(pair, package, decoder, theirs, cores, tokens, cached)
        wall, cpu = (
            median(getattr(each, name) for each in other) / median(getattr(each, name) for each in mine)
            for name in ("wall_s", "cpu_s")
        )
        took_s = median(each.wall_s for each in mine)
        ratio = f"{wall:.2f} | {cpu:.2f}" if len(cores) == 1 else f"{wall:.2f}"
        met = "" if wall >= AIM else "  below the aim"
        print(f"    {len(cores)} core(s), {what} behind {cached} ({took_s:.3g} s): {ratio}{met}", flush=True)


def taken_in_turn(  # noqa: PLR0917  (the pair, and the amount of work)
    pair: Pair,
    package: Package,
    decoder: Decoder,
    theirs: Build,
    cores: tuple[int, ...],
    tokens: int,
    cached: int,
) -> tuple[list[Took], list[Took]]:
    """Return the seconds of a repetition, ours and theirs, each of the pair's turns, every other one backwards."""
    calls = 1 if tokens == CHUNK else NEW
    amount = ["-p", f"{CHUNK}", "-n", "0"] if tokens == CHUNK else ["-p", "0", "-n", f"{NEW}"]
    argv = [*amount, "-d", f"{cached}"]
    work = calls_of(decoder, package.manifest.dimensions.hidden, tokens, cached, calls)
    mine: list[Took] = []
    other: list[Took] = []
    for turn in range(pair.rounds):
        for ours in (True, False) if turn % 2 else (False, True):
            if ours:
                mine += [took(work) for _ in range(REPEATS)]
            else:
                other.append(tool_took(theirs, pair.cache, argv, cores))
    return mine, other


def tool_took(build: Build, cache: str, amount: list[str], cores: tuple[int, ...]) -> Took:
    """Return the seconds of one repetition of llama-bench; the CPU time is what REPEATS more of them cost."""
    _, once_s = tool(build, cache, amount, cores, 1)
    walls, more_s = tool(build, cache, amount, cores, 1 + REPEATS)
    return Took(median(walls[1:]), (more_s - once_s) / REPEATS)


def tool(
    build: Build, cache: str, amount: list[str], cores: tuple[int, ...], repeats: int
) -> tuple[list[float], float]:
    """Run llama-bench on the cores; return the seconds that it printed and the process's CPU time."""
    manifest = build.manifest
    assert isinstance(manifest, ForeignManifest)  # for the type checker: llama.cpp's builds are
    argv = [str(build.folder / manifest.program), "-m", str(build.folder / manifest.weight_file), *amount]
    argv += ["-b", f"{CHUNK}", "-ub", f"{CHUNK}", "-ctk", cache, "-ctv", cache, "-fa", "1"]
    argv += ["-t", f"{len(cores)}", "-C", hex(sum(1 << core for core in cores)), "--cpu-strict", "1"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    argv += ["-r", f"{repeats}", "--no-warmup", "-o", "jsonl"]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    samples = json.loads(done.stdout.splitlines()[-1])["samples_ns"]
    return [each * 1e-9 for each in samples], after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def bits(build: Build) -> str:
    """Return the bits a weight of the language model takes in the build's files and in memory."""
    manifest = build.manifest
    assert isinstance(manifest, Manifest)  # for the type checker: our own builds are
    product = manifest.precision["language"].product
    return "unknown" if product is None else f"{product.stored_bits:.2f} (in memory {product.loaded_bits:.2f})"


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
