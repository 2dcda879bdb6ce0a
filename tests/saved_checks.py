"""Records of this machine as they were saved: an interrupted comparison, a self-check, and a newer, empty one."""

from __future__ import annotations

from dataclasses import replace

from lab.records import CellVerdict, Comparison, Context, Inject, Interval, LiveCheck, SelfCheck

CUT = Comparison(
    id="018f0000-0000-7000-8000-000000000001",
    dimension="build",
    scenario="decode",
    metric="decode_s",
    device="host",
    baseline_run="a0",
    candidate_run="a1",
    started_utc="2026-01-01T00:00:00.000Z",
    ended_utc=None,
    status="interrupted",
    seed=900,
    looks_most=24,
    looks_first=6,
    budget_s=1800.0,
    differs={},
)
"""A comparison that can be resumed."""

ALIKE = CellVerdict("c", "same", Interval(1.0, 0.99, 1.01, 0.95, 8), 0.01, 1.0, 8, "same after 8 pairs")

CHECKED = SelfCheck(
    id="018f0000-0000-7000-8000-0000000000c1",
    device="host",
    context=Context({"device_kind": "host"}),
    scenario="selfcheck",
    metric="prefill_s",
    build="b0",
    build_line="nano",
    started_utc="2026-01-02T00:00:00.000Z",
    ended_utc="2026-01-02T00:15:00.000Z",
    status="finished",
    seed=5,
    budget_s=900.0,
    spent_s=900.0,
    wanted=10,
    wanted_injected=5,
    inject=Inject("prefill", 1.1),
    looks_most=24,
    looks_first=6,
    live=(LiveCheck("018f0000-0000-7000-8000-000000000005", 1.0, ALIKE, 16, 31.5),),
)
"""A self-check that measured one comparison in its quarter of an hour."""

EMPTY = replace(
    CHECKED,
    id="018f0000-0000-7000-8000-0000000000c2",
    started_utc="2026-01-03T00:00:00.000Z",
    status="interrupted",
    spent_s=3.0,
    live=(),
)
"""A newer one that was stopped after three seconds."""
