"""Run the benchmarks: all, or those named. Exit code 1 when a claim was not met."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import device_agents.reference  # noqa: F401 - turns the runtime's telemetry off before it is loaded
from benchmarks import agent_overhead, pipeline_model, prefill_chunks
from benchmarks.pairs import machine

ALL = {
    "agent_overhead": (agent_overhead.run, "bench"),
    "pipeline_model": (pipeline_model.run, "nano"),
    "prefill_chunks": (prefill_chunks.run, "bench"),
}


def main() -> int:
    """Parse, run, say what was found."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*ALL, []], help="which (default: all)")
    parser.add_argument("--bench", type=Path, required=True, help="folder of a build of the bench preset")
    parser.add_argument("--nano", type=Path, required=True, help="folder of a build of the nano preset")
    arguments = parser.parse_args()
    folders = {"bench": arguments.bench, "nano": arguments.nano}
    print(machine())
    met = True
    for name in arguments.names or ALL:
        benchmark, build = ALL[name]
        sentence = (sys.modules[benchmark.__module__].__doc__ or name).splitlines()[0]
        print(f"\n{sentence}", flush=True)
        met = benchmark(folders[build]) and met
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
