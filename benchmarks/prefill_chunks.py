"""3. Prefill with 128 tokens per call against one token per call, on the `bench` build.

Rival: the same graph, cache and prompt, one token per call. Claim: at least 4 times the tokens/s, on
`bench-w8a8`. `bench-paper` (W4) is shown without a claim: on a processor without VNNI its products of 128 rows
run at the speed of float32, while one token reads half the bytes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.pairs import CORES, a_over_b
from device_agents.reference.language import Decoder
from device_agents.reference.package import open_package
from device_agents.reference.units import ExecutionUnit

PROMPT, CHUNK, PAIRS, AT_LEAST = 256, 128, 8, 4.0


def run(build: Path, *, claimed: bool = True) -> bool:
    """Print the ratio of rates; True if the interval lies above the claim, or this build has no claim."""
    package = open_package(build)
    sizes = package.manifest.dimensions
    unit = ExecutionUnit(CORES)
    decoder = Decoder(package, unit, {1, CHUNK})
    prompt = np.random.default_rng(0).standard_normal((1, PROMPT, sizes.hidden)).astype(np.float32)
    unit.pin()

    def prefill(tokens: int) -> None:
        decoder.reset()
        for start in range(0, PROMPT, tokens):
            decoder.step(np.ascontiguousarray(prompt[:, start : start + tokens]), tokens)

    found = a_over_b(lambda: prefill(1), lambda: prefill(CHUNK), PAIRS)
    good = found.low is not None and found.low >= AT_LEAST
    claim = "" if claimed else " (no claim for this build)"
    print(
        f"  {package.manifest.model}-{package.manifest.recipe}, {PROMPT} tokens: rate at t{CHUNK} / rate at t1 = "
        f"{found.estimate:.2f} (95 % interval {found.low:.2f} to {found.high:.2f}, {found.n} pairs)"
        f" -> {'at least' if good else 'NOT at least'} {AT_LEAST:g}{claim}"
    )
    return good or not claimed
