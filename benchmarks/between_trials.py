"""The lab's time between two trials on a virtual phone: everything except the agent's own work."""

from __future__ import annotations

import statistics
import tempfile
from datetime import datetime
from functools import partial
from pathlib import Path

from benchmarks.push import phones
from device_agents.contract import Hello, Iteration
from device_agents.virtual_phone.errors import FarmError
from lab.builds.folder import Build, open_build
from lab.device import android, lease
from lab.device.adb.transport import Server
from lab.device.local import SystemClock
from lab.device.transport import Device
from lab.records import Run, Trial
from lab.run.bench import Bench
from lab.run.delivery import present
from lab.run.runner import open_run
from lab.run.runner import run as measure
from lab.scenario.known import SCENARIOS
from lab.scenario.load import load
from lab.store import Store
from lab.trial.folder import EVENTS, read_events

TRIALS = 21
LIMIT_S = 0.5
"""Claim: the lab's share of a trial's period stays below this."""


def run(build: Path) -> bool:
    """Measure the `null` scenario on a virtual phone, and subtract the agent's work from each trial's period."""
    agents = build.parent.parent / "agents"
    try:
        with phones(1) as farm, tempfile.TemporaryDirectory(prefix="pocketlab-between-") as folder:
            server: Server = farm.server
            device = android.connect(server, farm.devices[0].transport.serial, agents)  # type: ignore[attr-defined]
            gaps = between(device, open_build(build), Path(folder))
    except FarmError as error:
        print(f"not measured: {error}")
        return True
    median = statistics.median(gaps)
    met = median < LIMIT_S
    spread = f"median {median:.3f} s of {len(gaps)}, {min(gaps):.3f} to {max(gaps):.3f} s"
    print(f"lab time between trials over adb: {spread} (claim: under {LIMIT_S} s{'' if met else '; NOT MET'})")
    return met


def between(device: Device, build: Build, folder: Path) -> list[float]:
    """Return the seconds from each trial's start to the next, less the agent's work in between.

    The agent's work counts from its first event to the end of its last iteration. Starting and ending its
    process counts as the lab's time, so the result is too high rather than too low.
    """
    store = Store(folder)

    leased = partial(lease.held, device, owner="benchmark", wait_s=0)
    bench = Bench(device, build, store, SystemClock(), leased)
    bench = Bench(device, build, store, SystemClock(), leased, present=present(bench, lambda sent, total: None))
    scenario = load(SCENARIOS / "null.toml", plan={"blocks": TRIALS})
    record = open_run(scenario, bench, seed=1, suite="", line="benchmark")
    trials = list(measure(record, scenario, bench))
    wrong = [trial for trial in trials if not trial.valid]
    if wrong:
        raise SystemExit(f"wanted valid trials, found trial {wrong[0].number} invalid: {wrong[0].detail}")
    starts = [datetime.fromisoformat(trial.started_utc).timestamp() for trial in trials]
    works = list(map(partial(worked, store, record), trials))
    store.close()
    return [after - before - work for before, after, work in zip(starts, starts[1:], works, strict=False)]


def worked(store: Store, record: Run, trial: Trial) -> float:
    """Return the seconds from an agent's first event to the end of its last iteration."""
    events = read_events((store.trial_folder(record.id, trial.number) / EVENTS).read_bytes()).events
    begun = next(event.monotonic_ns for event in events if isinstance(event, Hello))
    ended = max(event.start_ns + event.duration_ns for event in events if isinstance(event, Iteration))
    return (ended - begun) * 1e-9
