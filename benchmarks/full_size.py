"""Full size: prefill, and decoding as a fraction of the memory roofline of the same run.

Rival: a streaming read, on the same cores, of as many bytes as a decoded token reads. Aim, not measured yet:
decoding reaches at least 0.6 of that read's speed.
"""

from __future__ import annotations

import threading
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.pairs import CORES, timed
from device_agents.reference.language import Decoder
from device_agents.reference.package import open_package
from device_agents.reference.units import ExecutionUnit
from lab.errors import BuildError
from lab.store import Store
from models.cost import llm
from models.mllm import PRESETS
from models.products import mean_bits, ways
from models.quantize import RECIPES

LINES = ("bluelm_v_3b-paper", "bench-paper")
PROMPT, CHUNK, NEW, ROUNDS, AT_LEAST = 2048, 128, 16, 3, 0.6


def decoded_bytes(preset: str, recipe: str, past: int) -> int:
    """Return the bytes that one token reads: every weight as loaded, and the float16 cache."""
    config = PRESETS[preset]
    cost = llm(config.language, 1, past)
    _, loaded = mean_bits(config, "language", ways(RECIPES[recipe])["language"])
    return int(cost.weights * loaded / 8) + 2 * cost.cache_values


def streaming(size: int) -> float:
    """Return the seconds to read so many bytes once, each core its share."""
    shares = [np.ones(size // len(CORES) // 8, dtype=np.int64) for _ in CORES]

    def read() -> None:
        threads = [threading.Thread(target=share.sum) for share in shares]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    read()
    return median(timed(read) for _ in range(ROUNDS))


def run(root: Path) -> bool:
    """Measure each build there is; True if none misses the claim."""
    store, met = Store(root), True
    for line in LINES:
        try:
            build = store.find_build(line).folder
        except BuildError as error:
            print(f"  left out: {error}. `make build BUILD={line}` makes it")
            continue
        met = measure(build) and met
    return met


def measure(build: Path) -> bool:
    """Print prefill and decode of a build; True if decoding reaches the claimed fraction of the roofline."""
    package = open_package(build)
    manifest = package.manifest
    unit = ExecutionUnit(CORES)
    decoder = Decoder(package, unit, {1, CHUNK})
    unit.pin()
    chunk = np.random.default_rng(0).standard_normal((1, CHUNK, manifest.dimensions.hidden)).astype(np.float32)

    def prefill() -> None:
        decoder.reset()
        for _ in range(PROMPT // CHUNK):
            decoder.step(chunk, CHUNK)

    def decode() -> None:
        for _ in range(NEW):
            decoder.step(chunk[:, :1].copy(), 1)

    filled = timed(prefill)
    token = median(timed(decode) for _ in range(ROUNDS)) / NEW
    read = streaming(decoded_bytes(manifest.model, manifest.recipe, PROMPT))
    print(
        f"  {manifest.model}-{manifest.recipe}: prefill {PROMPT} at t{CHUNK} {filled:.3g} s; a token {token:.3g} s"
    )
    print(f"  roofline {read:.3g} s, fraction {read / token:.2f}; aim: at least {AT_LEAST}")
    return read / token >= AT_LEAST
