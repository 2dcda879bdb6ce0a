"""The cost of the vitals sampler: CPU time of all its processes over elapsed time, on host and phone."""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from benchmarks.push import phones
from device_agents.virtual_phone.errors import FarmError
from lab.device import lease, local
from lab.device.transport import Device, Process
from lab.device.vitals import look as vitals

SECONDS = 120
"""Seconds to watch a sampler: at the claimed limit it would use 120 of Linux's clock ticks."""

LIMIT = 0.01
"""Claim: under one per cent of a core (device_care.md, section 5)."""


def run(_: Path) -> bool:
    """Measure both; True if both stay below the claim."""
    with tempfile.TemporaryDirectory(prefix="pocketlab-vitals-") as name:
        met = told("host", local.connect(), f"{name}/vitals", Path(name) / "host.jsonl")
        try:
            with phones(1) as bench:
                phone = replace(bench.devices[0], environment={"PATH": "/system/bin:/vendor/bin"})
                folder = f"{lease.SCRATCH}/trials/vitals"
                met = told("virtual phone", phone, folder, Path(name) / "phone.jsonl") and met
        except FarmError as error:
            print(f"virtual phone: not measured: {error}")
    return met


def told(what: str, device: Device, folder: str, target: Path) -> bool:
    """Print the cost of a sampler on a device; True if it is below the claim."""
    process = vitals.begin(device, folder)
    try:
        time.sleep(2)  # finding the sensors is a one-time cost: leave it out
        first, began = cpu_s(device, process), time.monotonic()
        time.sleep(SECONDS)
        share = (cpu_s(device, process) - first) / (time.monotonic() - began)
        found = cpu_s(device, process)
    finally:
        vitals.end(device, process, folder, target)
    read = vitals.read(target)
    last = read[-1]
    sensors = len(last.celsius) + len(last.clocks_khz) + len(last.caps) + len(last.cooling)
    met = share < LIMIT
    print(
        f"{what}: {100 * share:.2f} % of a core for {len(read)} lines of {sensors} readings and the counters, "
        f"{found:.2f} s of CPU in total (claim: under {100 * LIMIT:g} %{'' if met else '; NOT MET'})"
    )
    return met


def cpu_s(device: Device, process: Process) -> float:
    """Return the CPU seconds of the sampler's process group, ended children included (proc(5), stat 14 to 17)."""
    done = device.transport.shell(["sh", "-c", "cat /proc/[0-9]*/stat 2>/dev/null"], timeout_s=20)
    group = [line.rpartition(")")[2].split() for line in done.stdout.splitlines()]
    mine = [fields for fields in group if len(fields) > 14 and fields[2] == str(process.pid)]
    ticks = sum(int(ticks) for fields in mine for ticks in fields[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")
