"""5. `lab selfcheck` on two virtual phones while a neighbour comes and goes on the other core.

Claim: in the live part no comparison of a build with itself is called changed, and every injected 10 % is found.
The work runs on the first core; the neighbour, pinned to the last, alternately copies memory and rests for a few
seconds (seeded), so it disturbs through memory and caches. A shorter run:
`python -m benchmarks.selfcheck_farm --budget 300 --comparisons 2 --injected 1`.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from benchmarks import NOT_MET
from benchmarks.pairs import CORES
from benchmarks.push import phones
from device_agents import ending
from device_agents.virtual_phone.errors import FarmError
from lab.compare.selfcheck import BUDGET_S, COMPARISONS, INJECTED
from lab.compare.tally import tally
from lab.device.adb.transport import AdbTransport
from lab.device.cores import lock_path, measuring
from lab.records import SelfCheck
from lab.report.selfcheck import quote
from lab.scenario.known import SCENARIOS
from lab.scenario.load import load
from lab.store import Store

SEED = 20261123
ON_S, OFF_S = (2.0, 6.0), (1.0, 5.0)
"""Seconds that the neighbour works and rests: shorter than a comparison, longer than a trial of nano-paper."""

BYTES = 64 * 2**20
"""Bytes that it copies repeatedly: more than the caches of a core hold."""

LINE = "benchmark"


def run(
    build: Path,
    *,
    budget_s: float = BUDGET_S,
    comparisons: int = COMPARISONS,
    injected: int = INJECTED,
) -> bool:
    """Check both phones in turn; True if nothing unchanged was called changed and every slow-down was found."""
    if len(CORES) < 2:
        print("not measured: wanted two cores, one of them for a neighbour; found one")
        return True
    try:
        with phones(2) as farm, tempfile.TemporaryDirectory(prefix="pocketlab-selfcheck-") as name:
            data = Path(name) / "data"
            data.mkdir()
            (data / "agents").symlink_to((build.parent.parent / "agents").absolute())
            environment = os.environ | {
                "POCKETLAB_DATA": str(data),
                "POCKETLAB_ADB_SERVER": f"{farm.server.host}:{farm.server.port}",
                "POCKETLAB_LOCK": str(Path(name) / "lock"),  # this process holds the machine's own lock
            }
            lab(environment, "builds", "add", str(build), "--line", LINE)
            serials = [each.transport.serial for each in farm.devices if isinstance(each.transport, AdbTransport)]
            with neighbour(CORES[-1], SEED):
                lab(
                    environment,
                    *("selfcheck", str(on_the_first_core(Path(name))), "--build", LINE),
                    *("--device", ",".join(serials), "--seed", str(SEED), "--budget", str(budget_s)),
                    *("--comparisons", str(comparisons), "--injected", str(injected)),
                )
            store = Store(data)
            met = [told(record) for record in reversed(store.selfchecks())]
            store.close()
    except FarmError as error:
        print(f"not measured: {error}")
        return True
    return len(met) == len(serials) and all(met)


def told(record: SelfCheck) -> bool:
    """Print a phone's self-check; True if no live verdict was false and no slow-down was missed."""
    count = tally(record)
    whole = count.alike == record.wanted and count.slowed == record.wanted_injected
    met = whole and not count.false and count.found == count.slowed
    print(f"  {quote(record)}{'' if met else ' -> NOT MET'}", flush=True)
    for words in record.missing:
        print(f"    {words}")
    return met


def lab(environment: dict[str, str], *arguments: str) -> None:
    """Run the command `lab` and show its output; raise CalledProcessError if it fails."""
    subprocess.run([sys.executable, "-m", "lab.cli", *arguments], env=environment, check=True)


def on_the_first_core(folder: Path) -> Path:
    """Write the bundled scenario with its work on the first core only."""
    text = (SCENARIOS / "selfcheck.toml").read_text(encoding="utf-8")
    path = folder / "selfcheck.toml"
    path.write_text(text.replace("[workload]\n", '[workload]\nplacement = "first"\n'), encoding="utf-8")
    (cell,) = load(path).cells
    if cell.parameters["placement"] != "first":
        raise SystemExit(f"{path}: wanted the work on the first core, found {cell.parameters['placement']}")
    return path


@contextmanager
def neighbour(core: int, seed: int) -> Iterator[None]:
    """Run a process that works and rests in turn on a core."""
    process = multiprocessing.get_context("spawn").Process(target=compete, args=(core, seed), daemon=True)
    process.start()
    try:
        yield
        if not process.is_alive():
            raise SystemExit(f"the neighbour on core {core} ended early (status {process.exitcode})")
    finally:
        process.terminate()
        process.join()


def compete(core: int, seed: int) -> None:
    """Copy memory on one core for a while, rest for a while, and repeat forever."""
    os.sched_setaffinity(0, {core})
    times = random.Random(seed)
    source, target = np.ones(BYTES // 8), np.empty(BYTES // 8)
    while True:
        until = time.monotonic() + times.uniform(*ON_S)
        while time.monotonic() < until:
            np.copyto(target, source)
        time.sleep(times.uniform(*OFF_S))


def main() -> int:
    """Parse and run; return 1 if the claim was not met."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.selfcheck_farm", description=__doc__)
    parser.add_argument("--build", default="nano-paper", help="a build's line, the start of its id, or its folder")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("POCKETLAB_DATA", "lab-data")))
    parser.add_argument("--budget", type=float, default=BUDGET_S)
    parser.add_argument("--comparisons", type=int, default=COMPARISONS)
    parser.add_argument("--injected", type=int, default=INJECTED)
    given = parser.parse_args()
    store = Store(given.data)
    build = store.find_build(given.build).folder
    store.close()
    with measuring(lock_path(), wait_s=900):
        met = run(build, budget_s=given.budget, comparisons=given.comparisons, injected=given.injected)
    return 0 if met else NOT_MET


if __name__ == "__main__":
    ending.run("selfcheck_farm", main)
