"""Judging 10,000 series of 365 nights: wall-clock time and peak memory of one process and its workers.

The nights are made up (log-normal noise of 2 %, a new build every night, a step of 10 % in one series of a
hundred, 500 findings a night) and saved through the store. Judging reads the history back and runs both screens
and the search for drifts. Nothing is confirmed: that takes devices, not cores.
"""

from __future__ import annotations

import datetime
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from lab.records import BuildAt, Finding, Metric, Night, Point, Series, Value
from lab.report.night.page import PICTURES
from lab.store import Store

SERIES, NIGHTS, SEED = 10_000, 365, 20261129
SLOWEST_S, MOST_GB = 60.0, 2.0
"""Claim: what judging takes at most, on two cores."""

STEPS_EVERY, FINDINGS = 100, 500

JUDGE = """
import resource, sys, threading, time
from pathlib import Path
import psutil
from lab.store.history import past_of
from lab.nightly.screen import Known, screened
from lab.scenario.nights import Policy
from lab.store import Store

peak = 0
def watch():
    global peak
    me = psutil.Process()
    while True:
        try:
            peak = max(peak, sum(each.memory_full_info().pss for each in (me, *me.children())))
        except psutil.Error:
            pass
        time.sleep(0.2)
threading.Thread(target=watch, daemon=True).start()
began = time.perf_counter()
store = Store(Path(sys.argv[1]))
night = store.night("last")
values = store.values(night.id)
past = past_of(store, night)
read = time.perf_counter()
found = screened(values, Known(past, (), Policy(), {}), night)
ended = time.perf_counter()
used = [resource.getrusage(of) for of in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
cpu = sum(each.ru_utime + each.ru_stime for each in used)
print(read - began, ended - read, cpu, peak / 2**30, len(found.suspects))
"""
"""Prints seconds of reading and of screening, CPU seconds, the most GiB of all its processes (proportional set
size, looked at five times a second), and the number of suspects."""


def run(build: Path) -> bool:
    """Make the nights, judge the last one, and print what that took; returns whether the claim holds."""
    with tempfile.TemporaryDirectory() as folder:
        _fill(Store(Path(folder)))
        done = subprocess.run([sys.executable, "-c", JUDGE, folder], capture_output=True, text=True, check=True)
    read_s, screen_s, cpu_s, peak, suspects = map(float, done.stdout.split())
    met = read_s + screen_s < SLOWEST_S and peak < MOST_GB
    print(
        f"{SERIES:,} series x {NIGHTS} nights: read {read_s:.1f} s, screened {screen_s:.1f} s, "
        f"{cpu_s:.0f} s of CPU time, {peak:.2f} GiB at most, {suspects:.0f} suspects "
        f"(claim: under {SLOWEST_S:.0f} s and {MOST_GB:.0f} GiB: {'met' if met else 'NOT MET'})"
    )
    return met


def _fill(store: Store) -> None:
    """Save the nights of every series; the last one is left to be judged."""
    drawn = np.random.default_rng(SEED)
    levels = np.full(SERIES, 100.0)
    steps = {int(night): i for i, night in enumerate(drawn.integers(30, NIGHTS, SERIES // STEPS_EVERY))}
    series = [
        Series("decode", f"cell={i % 50}", f"line-{i // 50 % 10}", "decode_s", f"phone-{i // 500}")
        for i in range(SERIES)
    ]
    first = datetime.date(2026, 1, 1)
    metric = Metric("decode_s", "decode", "s", "lower")
    night = Night(
        id="",
        started_utc="2026-01-01T00:00:00Z",
        ended_utc=None,
        status="finished",
        suite="scale",
        date="",
        zone="UTC",
        seed=SEED,
        budget_s=1.0,
        confirm_s=1.0,
        planned=(),
        suite_toml="",
    )
    for at in range(NIGHTS):
        if at in steps:
            levels[steps[at] * STEPS_EVERY] *= 1.1
        figures = levels * np.exp(0.02 * drawn.standard_normal(SERIES))
        date = (first + datetime.timedelta(at)).isoformat()
        record = replace(
            night,
            id=f"0199{at:04d}-0000-7000-8000-000000000000",
            date=date,
            started_utc=f"{date}T00:00:00Z",
            findings=_findings(series, metric, date),
        )
        build = f"{at:064x}"
        store.save_night(record)
        store.save_values(
            record.id,
            [
                Value(
                    series=each,
                    metric=metric,
                    build=BuildAt(build, each.line, at + 1),
                    run="",
                    value=float(figure),
                    error=0.01,
                    trials=5,
                    lost=0,
                    context={"kind": "phone"},
                )
                for each, figure in zip(series, figures, strict=True)
            ],
        )


def _findings(series: Sequence[Series], metric: Metric, date: str) -> tuple[Finding, ...]:
    """Return what a noisy night keeps: five per cent of its series, the first forty with their histories."""
    build = BuildAt("b" * 64, "line", 1)
    history = tuple(Point(date, 100.0, "bbbbbbbb") for _ in range(60))
    return tuple(
        Finding(
            series=each,
            metric=metric,
            outcome="not reproduced",
            screens=("tonight",),
            score=1.0,
            usual=100.0,
            value=103.0,
            since=date,
            good=build,
            bad=build,
            run="",
            why="tonight's figure is unusual",
            history=history if i < PICTURES else (),
        )
        for i, each in enumerate(series[:: SERIES // FINDINGS])
    )
