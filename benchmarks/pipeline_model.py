"""2. Overlap: the agent's two-unit pipeline against the schedule model, and the real model's possible gain.

Stand-ins compute (SHA-256 over a calibrated number of bytes, no sleeps) for a tenth of the paper's stage times,
each unit on its own core. Claim: the pipeline's time is within 5 % of the model's prediction from the same
stages timed alone. Then the nano build: CPU side, block side, possible and actual saving.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from time import monotonic_ns

import numpy as np

from benchmarks.pairs import CORES, timed
from device_agents.contract import Batch, Graph, Stage
from device_agents.reference.package import open_package, read_input
from device_agents.reference.pipeline import Pipeline
from device_agents.reference.stage import RawSpan
from device_agents.reference.units import ExecutionUnit, Units
from device_agents.reference.vision import Vision
from lab.records import Interval
from lab.stats.compare import ratio
from lab.stats.schedule import best_order, best_split, pipeline

PAPER_CPU_MS = {4: 160.0, 1: 40.0}
PAPER_NPU_MS = {4: 800.0, 1: 300.0}
"""BlueLM-V-3B (arXiv 2411.10640), Fig. 5."""

SCALE = 0.1
ROUNDS = 30
WITHIN = 0.05
Work = Callable[[], object]


def run(build: Path) -> bool:
    """Print the figures of the schedule model, the stand-ins and the real model; True if the claim holds."""
    paper_model()
    good = stand_ins()
    real_model(build)
    return good


def paper_model() -> None:
    """Print the schedule model on the paper's stage times."""
    for order in ((4, 4, 1), (1, 4, 4)):
        found = pipeline([PAPER_CPU_MS[b] for b in order], [PAPER_NPU_MS[b] for b in order])
        print(
            f"  model, paper's times, {'+'.join(map(str, order))}: {found.makespan:.0f} ms "
            f"(serial {found.serial:.0f}, hidden {found.hidden:.0f})"
        )
    best = best_order([4, 4, 1], PAPER_CPU_MS, PAPER_NPU_MS)
    split = best_split(9, PAPER_CPU_MS, PAPER_NPU_MS)
    print(f"  model: best order of 4, 4, 1 is {best}; best split of 9 is {split.batches}, {split.makespan:.0f} ms")


def stand_ins() -> bool:
    """Run calibrated computation through the agent's pipeline and compare it with the model."""
    if len(CORES) < 2:
        print("  stand-ins: NOT tested: wanted two cores, found one")
        return False
    cpu, npu = ExecutionUnit((CORES[0],)), ExecutionUnit((CORES[1],))
    good = True
    with Pipeline(cpu, npu) as units:
        bytes_a_ms = calibrate(units)
        for order in ((4, 4, 1), (1, 4, 4)):
            pairs = [
                (burn(PAPER_CPU_MS[b] * SCALE * bytes_a_ms[0]), burn(PAPER_NPU_MS[b] * SCALE * bytes_a_ms[1]))
                for b in order
            ]
            found = measured_over_model(units, pairs)
            inside = (
                None not in (found.low, found.high)
                and (found.low or 0) > 1 - WITHIN
                and (found.high or 2) < 1 + WITHIN
            )
            print(
                f"  stand-ins {'+'.join(map(str, order))}: measured / model = {found.estimate:.3f} "
                f"(95 % interval {found.low:.3f} to {found.high:.3f}, {found.n} rounds)"
                f" -> {'within' if inside else 'NOT within'} {WITHIN:.0%}"
            )
            good = good and inside
    return good


def measured_over_model(units: Pipeline, batches: list[tuple[Work, Work]]) -> Interval:
    """Time in each round every stage alone, on its unit, then all of them piped; return the ratio per round."""
    measured: dict[int, float] = {}
    modelled: dict[int, float] = {}
    for number in range(ROUNDS):
        alone: list[tuple[float, float]] = []
        for cpu_stage, npu_stage in batches:
            times = [0.0, 0.0]
            units.run([(clocked(cpu_stage, times, 0), clocked(npu_stage, times, 1))], pipelined=False)
            alone.append((times[0], times[1]))
        modelled[number] = pipeline([c for c, _ in alone], [n for _, n in alone]).makespan
        measured[number] = timed(lambda: units.run(batches, pipelined=True))
    return ratio(measured, modelled)


def clocked(work: Work, times: list[float], index: int) -> Work:
    """Return `work` that also writes its seconds into `times`."""

    def clock() -> None:
        start = monotonic_ns()
        work()
        times[index] = (monotonic_ns() - start) * 1e-9

    return clock


def calibrate(units: Pipeline) -> tuple[float, float]:
    """Return the bytes that each unit hashes per millisecond: the fastest of five measurements."""
    size = 20_000_000
    best = [0.0, 0.0]
    for _ in range(5):
        times = [0.0, 0.0]
        units.run([(clocked(burn(size), times, 0), clocked(burn(size), times, 1))], pipelined=False)
        best = [max(b, size / (t * 1e3)) for b, t in zip(best, times, strict=True)]
    return best[0], best[1]


def burn(size: float) -> Work:
    """Return work that hashes about `size` bytes in cached blocks, without the interpreter's lock."""
    block = bytes(64 * 1024)
    repeats = max(1, round(size / len(block)))

    def work() -> None:
        digest = hashlib.sha256()
        for _ in range(repeats):
            digest.update(block)

    return work


def real_model(build: Path) -> None:
    """Encode 4 + 4 + 1 tiles of the bundled screen, alternating serial and piped on the same two cores."""
    package = open_package(build)
    source = read_input(package, "screen")
    if len(CORES) < 2:
        print("  real model: skipped: wanted two cores, found one")
        return
    cpu, npu = ExecutionUnit((CORES[0],)), ExecutionUnit((CORES[1],))
    units: Units = dict.fromkeys(Graph, npu) | {Graph.TILE: cpu, Graph.PATCH_EMBED: cpu}
    batches = [Batch(true=size, padded=size) for size in (4, 4, 1)]
    piped = Vision(package, units, source, batches, pipelined=True)
    serial = Vision(package, units, source, batches, pipelined=False)
    spans: list[RawSpan] = []
    wall: dict[str, dict[int, float]] = {"piped": {}, "serial": {}}
    try:
        for number in range(-3, ROUNDS):
            for name, vision in (("piped", piped), ("serial", serial))[:: 1 if number % 2 else -1]:
                kept: list[RawSpan] = []
                seconds = timed(lambda v=vision, k=kept: v.encode(k, 0))  # type: ignore[misc]
                if number >= 0:
                    wall[name][number] = seconds
                    spans += kept if name == "serial" else []
    finally:
        piped.close()
        serial.close()
    convolution = by_batch(spans, (Stage.PATCH_EMBED,))
    blocks = by_batch(spans, (Stage.VIT, Stage.PROJECT))
    possible = pipeline(convolution, blocks).hidden
    gain = ratio(wall["piped"], wall["serial"])
    whole = float(np.median(list(wall["serial"].values())))
    print(
        f"  {package.manifest.model}-{package.manifest.recipe}, 4+4+1: "
        f"convolution {sum(convolution) * 1e3:.1f} ms, blocks and projector {sum(blocks) * 1e3:.1f} ms, "
        f"serial {whole * 1e3:.1f} ms; "
        f"overlap can hide at most {possible * 1e3:.1f} ms ({possible / whole:.1%})"
    )
    print(
        f"  piped / serial = {gain.estimate:.3f} (95 % interval {gain.low:.3f} to {gain.high:.3f}): "
        f"saved {(1 - gain.estimate) * whole * 1e3:.1f} ms ({1 - gain.estimate:.1%})"
    )


def by_batch(spans: list[RawSpan], stages: tuple[Stage, ...]) -> list[float]:
    """Return the median seconds of each batch in all `stages` together."""
    total: list[float] = []
    for index in sorted({span[2] for span in spans if span[0].stage in stages}):
        parts = [
            np.median(
                [(end - start) * 1e-9 for place, _, i, start, end, *_ in spans if (place.stage, i) == (s, index)]
            )
            for s in stages
        ]
        total.append(float(sum(parts)))
    return total
