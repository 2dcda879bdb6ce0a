"""The command line of the reference agent: ``python -m device_agents.reference run --job J --events E``.

``profile --job J --events E --operators O`` does the same under the runtime's profiler, and writes an `Operators`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from device_agents.reference.failure import as_failure
from device_agents.reference.session import profile_job, run_job, tell


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one job and return 0, or 1 when it failed (argparse exits with 2 on a wrong command line)."""
    parser = argparse.ArgumentParser(prog="device_agents.reference", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    run = verbs.add_parser("run", help="do one job and exit")
    profile = verbs.add_parser("profile", help="do one job under the runtime's profiler, which slows it, and exit")
    for verb in (run, profile):
        verb.add_argument("--job", type=Path, required=True, help="what to do: JSON, see PROTOCOL.md")
        verb.add_argument("--events", type=Path, required=True, help="where to write one JSON object a line")
    profile.add_argument("--operators", type=Path, required=True, help="where to write an `Operators`: JSON")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.verb == "profile":
            return profile_job(chosen.job, chosen.events, chosen.operators)
        with chosen.events.open("wb") as stream:
            return run_job(chosen.job, stream)
    except OSError as error:  # the events cannot be written: only stderr is left
        tell(as_failure(error))
        return 1


if __name__ == "__main__":
    sys.exit(main())
