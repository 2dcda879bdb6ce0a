"""4. Parity of the two agents' measurements: the native agent against the reference, process by process.

Rival: the reference agent, on this machine, with the same job, the same cores and the same release of ONNX
Runtime. Processes alternate, ABBA, because they differ by several per cent from one start to the next; each
process counts by the median of its measured iterations. Claim: over at least 30 pairs, the 95 % interval of the
ratio native / reference lies inside 0.9 to 1.1, for `encode_image` at batch 4 and `prefill` at 128 tokens.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.pairs import CORES, told
from device_agents.contract import PROTOCOL, Graph, Input, Iteration, Manifest, parse_event
from device_agents.debian import cache_folder
from device_agents.native.build import build
from lab.stats.compare import robust_ratio
from lab.trial.job import batches

LOW, HIGH = 0.9, 1.1
PAIRS = 30
WARMUP, ITERATIONS = 2, 9

INPUT = "screen"


def run(build_folder: Path, pairs: int = PAIRS) -> bool:
    """Build the native agent for this machine and print both ratios; True if both lie inside the claim."""
    native = cache_folder() / "bundles" / "parity-x86_64"
    native.parent.mkdir(parents=True, exist_ok=True)
    build("x86_64", native, cache=cache_folder())
    argv = json.loads((native / "bundle.json").read_text(encoding="utf-8"))["argv"]
    agents = (
        [word.replace("{folder}", str(native)) for word in argv],
        [sys.executable, "-m", "device_agents.reference"],
    )
    good = True
    with tempfile.TemporaryDirectory() as folder:
        for name, work in works(build_folder).items():
            job = Path(folder) / "job.json"
            job.write_text(json.dumps(job_for(build_folder, work)), encoding="utf-8")
            medians = alternate(agents, job, pairs)
            ratios = [ours / theirs for ours, theirs in medians]
            found = robust_ratio(ratios)
            inside = found.low is not None and found.high is not None and found.low > LOW and found.high < HIGH
            typical = statistics.median(theirs for _, theirs in medians) * 1e3
            print(f"  {name} ({typical:.1f} ms per iteration): native / reference = {told(found)}", end="")
            print(f" -> {'inside' if inside else 'NOT inside'} {LOW} to {HIGH}", flush=True)
            good = good and inside
    return good


def works(build_folder: Path) -> Mapping[str, Mapping[str, object]]:
    """Return the workloads to compare, for the build's own image."""
    manifest = Manifest.model_validate_json((build_folder / "manifest.json").read_bytes())
    source = Input.model_validate_json((build_folder / manifest.inputs[INPUT] / "input.json").read_bytes())
    tiles = len(source.placement.order) if source.placement is not None else 0
    cut = batches(tiles, 4, remainder="exact", order="largest_first")
    encode = {"kind": "encode_image", "input": INPUT, "pipelined": False}
    prefill = {"kind": "prefill", "input": INPUT, "parallel_tokens": 128}
    return {
        "encode_image, batch 4": encode | {"batches": [{"true": b.true, "padded": b.padded} for b in cut]},
        "prefill, 128 tokens": prefill | {"prompt_tokens": min(512, source.prompt_tokens)},
    }


def job_for(build_folder: Path, work: Mapping[str, object]) -> dict[str, object]:
    """Return the job of one process: every graph on every core."""
    return {
        "protocol": PROTOCOL,
        "trial": "parity",
        "build": str(build_folder.resolve()),
        "work": work,
        "warmup_iterations": WARMUP,
        "iterations": ITERATIONS,
        "units": {"all": {"cores": list(CORES)}},
        "stages": {graph.value: "all" for graph in Graph},
    }


def alternate(agents: tuple[Sequence[str], Sequence[str]], job: Path, pairs: int) -> list[tuple[float, float]]:
    """Run both agents in turn, ABBA ABBA ...; return the median seconds of each process, by pair."""
    medians: list[tuple[float, float]] = []
    for pair in range(pairs):
        found = [0.0, 0.0]
        for which in (0, 1) if pair % 2 == 0 else (1, 0):
            found[which] = median_s(agents[which], job)
        medians.append((found[0], found[1]))
    return medians


def median_s(agent: Sequence[str], job: Path) -> float:
    """Run one process to its end; return the median seconds of its measured iterations."""
    events = job.with_name("events.jsonl")
    subprocess.run([*agent, "run", "--job", str(job), "--events", str(events)], check=True)
    read = [parse_event.validate_json(line) for line in events.read_bytes().splitlines()]
    return statistics.median(
        event.duration_ns * 1e-9 for event in read if isinstance(event, Iteration) and event.phase == "measure"
    )
