"""Nights for the tests of their report: a realistic one, and many series with every outcome."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from functools import cache

from lab.records import (
    OUTCOMES,
    Across,
    BuildAt,
    CellVerdict,
    Event,
    Finding,
    Gap,
    Incident,
    Interval,
    Member,
    Metric,
    Night,
    Outcome,
    Planned,
    Point,
    Series,
    Stage,
    Value,
)
from lab.trial.metrics import METRICS
from tests.night_records import BAD, DATE, GOOD, INCIDENT, RUN, night, value

HOSTILE = "<script>alert(1)</script>|`\n\r\x1b[31m\x00\ufffe\ud800@all"
PREFILL, DECODE, ENCODE = (METRICS[name] for name in ("prefill_tokens_per_s", "decode_tokens_per_s", "encode_s"))


def found(
    device: str,
    metric: Metric,
    cell: str,
    outcome: Outcome,
    levels: tuple[float, float],
    *,
    scenario: str = "decode",
    nights: int = 45,
    since: int = 44,
    noise: float = 0.006,
    pairs: int = 0,
    stages: tuple[Stage, ...] = (),
    why: str = "tonight's figure is unusual",
    event: str = "",
) -> Finding:
    """Return a finding of a series: (usual, ratio) at the night `since` of `nights`, with seeded noise."""
    usual, ratio = levels
    draw = random.Random(f"{device} {metric.name} {cell}")
    days = [f"2026-{10 + (day + 15) // 31:02d}-{(day + 15) % 31 + 1:02d}" for day in range(nights - 1)]
    dates = [*days, DATE]
    drift = (
        (lambda n: 1 + (ratio - 1) * n / nights) if outcome == "trend" else lambda n: ratio if n >= since else 1.0
    )
    points = tuple(
        Point(
            date, usual * drift(n) * math.exp(draw.gauss(0, noise)), f"{n // 4:08x}", event if n == since else ""
        )
        for n, date in enumerate(dates)
    )
    logs = [draw.gauss(math.log(ratio), 2 * noise) for _ in range(pairs)]
    change = Interval(ratio, ratio * (1 - 2 * noise), ratio * (1 + 2 * noise), 0.95, pairs)
    judged = {"regressed": "regressed", "improved": "improved", "not reproduced": "same"}.get(
        outcome, "cannot tell"
    )
    verdict = CellVerdict(cell, judged, change, 0.018, 0.0004, pairs, "")  # type: ignore[arg-type]
    return Finding(
        series=Series(scenario, cell, "nano-w4", metric.name, device),
        metric=metric,
        outcome=outcome,
        screens=("tonight",),
        score=2.1,
        usual=usual,
        value=points[-1].value,
        since=dates[since],
        good=GOOD,
        bad=BAD,
        run=RUN,
        why=why,
        advice="find the build: `lab bisect nano-w4 --scenario decode`" if outcome == "regressed" else "",
        comparison="019b0000-0000-7000-8000-0000000000c0" if pairs else "",
        verdict=verdict if pairs else None,
        ratios=tuple(map(math.exp, logs)),
        stages=stages,
        history=points,
        incident=INCIDENT if outcome == "regressed" else "",
    )


def slower(device: str, context: int, levels: tuple[float, float], pairs: int) -> Finding:
    """Return a confirmed regression of decoding, with the stage that moved."""
    return found(
        device,
        DECODE,
        f"context_tokens={context}",
        "regressed",
        levels,
        pairs=pairs,
        stages=(Stage("decode_s", Interval(1.081, 1.064, 1.098, 0.95, pairs)),),
        why=f"tonight's figure is unusual; measured again in {pairs} pairs: the interval excludes 1",
    )


def others() -> tuple[Finding, ...]:
    """Return findings of every other kind."""
    late, vit = "tonight's figure is unusual; not measured again: the time for confirming was used up", "vit_batch"
    chunk, batch = "parallel_tokens", "patches_per_batch"
    drift = "it drifted by 5.8 % over 45 nights; no single night did it"
    lab = "its history has a step at 2026-11-23, and the build did not change"
    return (
        found("x100-04", PREFILL, f"{chunk}=128", "suspected", (412, 0.963), scenario="prefill_chunk", why=late),
        found("x100-03", ENCODE, f"{batch}=4", "suspected", (0.412, 1.041), scenario=vit, why=late),
        found("x100-04", ENCODE, f"{batch}=6", "cannot tell", (0.398, 1.023), scenario=vit, pairs=14),
        found(
            "x100-02",
            ENCODE,
            f"{batch}=2",
            "not the build",
            (0.455, 1.06),
            scenario=vit,
            since=38,
            why=lab,
            event="os changed",
        ),
        found("x100-04", ENCODE, f"{batch}=1", "trend", (0.612, 1.058), scenario=vit, since=3, why=drift),
        found("x100-02", PREFILL, f"{chunk}=512", "improved", (655, 1.062), scenario="prefill_chunk", pairs=8),
    )


def realistic() -> tuple[Night, list[Value]]:
    """Return a night: an incident of 4 series, 2 suspected, one undecided, a trend, an improvement, gaps."""
    findings = (
        slower("x100-02", 512, (21.4, 0.925), 12),
        slower("x100-03", 512, (20.9, 0.931), 12),
        slower("x100-02", 2048, (17.2, 0.903), 8),
        slower("x100-03", 2048, (16.8, 0.911), 10),
        *others(),
    )
    members = tuple(
        Member(each.series, each.metric, each.verdict.change, each.usual, each.comparison)
        for each in findings
        if each.verdict and each.verdict.change and each.outcome == "regressed"
    )
    opened = Event(f"{DATE}T04:00:00+00:00", DATE, "new", "lab nightly", "4 series got worse")
    cause = Incident(INCIDENT, opened.utc, "new", "nano-w4", DATE, GOOD, BAD, members, (opened,))
    old = replace(
        cause, id="019a2222-0000-7000-8000-0000000000bb", status="acknowledged", night="2026-11-21", owner="mei",
        good=BuildAt("c" * 64, "nano-w4", 7), bad=BuildAt("d" * 64, "nano-w4", 8), members=members[:1],
        events=(opened, Event(opened.utc, "2026-11-22", "acknowledged", "mei", "a fix is in review")),
    )  # fmt: skip
    plan = Planned("vit_batch", "nano-w4", "x100-05", 1)
    gaps = (
        Gap(plan, "x100-05 did not answer", 3),
        Gap(replace(plan, scenario="decode"), "x100-05 did not answer", 3),
        Gap(replace(plan, device="x100-04", scenario="sustained"), "too warm at its gate for 20 min", 1),
    )
    first = members[0]
    devices = Across(
        replace(first.series, device=""),
        DECODE,
        ("x100-02", "x100-03"),
        Interval(0.928, 0.92, 0.936, 0.95, 2),
        0.004,
    )
    context = {"device kind": "phone", "os": "Android 14", "agent": "native 1"}
    values = [
        Value(f.series, f.metric, BAD, RUN, f.value, 0.004, 6, 0, context, f.outcome, f.usual, 45)
        for f in findings
    ]
    for number in range(90):
        series = Series(
            "decode", f"context_tokens={number + 3}", "nano-w4", DECODE.name, f"x100-0{2 + number % 3}"
        )
        values.append(replace(value(series, 20.0), context=context))
    counts = {name: sum(each.outcome == name for each in values) for name in OUTCOMES}
    return replace(
        night(),
        planned=(plan,),
        findings=findings,
        incidents=(cause, old),
        across=(devices,),
        gaps=gaps,
        counts={name: count for name, count in counts.items() if count},
        spent_s=3210.0,
    ), values


@cache
def many(number: int, *, told: int | None = None) -> tuple[Night, list[Value]]:
    """Return a night of so many series, the first `told` (default: all) with a finding, outcomes in turn."""
    kinds = [name for name in OUTCOMES if name not in ("no change seen", "no history")]
    kept = [found("phone-1", DECODE, "context_tokens=512", each, (20.0, 0.93), pairs=12) for each in kinds]
    series = [
        Series("decode", f"context_tokens={each}", "nano-w4", DECODE.name, f"phone-{each % 50}")
        for each in range(number)
    ]
    findings = [replace(kept[place % len(kept)], series=each) for place, each in enumerate(series[:told])]
    values = [
        replace(value(each.series, each.value), metric=each.metric, outcome=each.outcome, usual=each.usual)
        for each in findings
    ]
    values += [value(each) for each in series[len(findings) :]]
    counts = {name: sum(each.outcome == name for each in values) for name in OUTCOMES}
    return replace(night(), findings=tuple(findings), counts={k: n for k, n in counts.items() if n}), values


def hostile() -> tuple[Night, list[Value]]:
    """Return a night in which every name and sentence tries to act on what shows it."""
    bad = HOSTILE
    plan = Planned(bad, bad, f"{bad}2", 1)
    build = BuildAt("b" * 64, bad, 3)
    series = Series(bad, f"{bad}={bad}", bad, DECODE.name, bad)
    one = replace(
        slower("x", 1, (20.0, 0.9), 8),
        series=series,
        why=bad,
        advice=bad,
        good=build,
        bad=build,
        stages=(Stage(bad, Interval(1.1, 1.0, 1.2, 0.95, 8)),),
        history=(Point(bad, 20.0, bad, bad), Point(DATE, 18.0, bad, bad)),
    )
    member = Member(series, DECODE, Interval(0.9, 0.88, 0.92, 0.95, 8), 20.0, bad)
    event = Event(DATE, DATE, "new", bad, bad)
    cause = Incident(INCIDENT, DATE, "new", bad, DATE, build, build, (member,), (event, event), owner=bad)
    figure = replace(value(series), build=build, outcome="regressed", context={"os": bad, bad: "1"})
    return replace(
        night(),
        suite=bad,
        findings=(one,),
        incidents=(cause,),
        across=(Across(series, DECODE, (bad,), Interval(0.9, 0.88, 0.92, 0.95, 2), 0.1),),
        gaps=(Gap(plan, bad, 2),),
        counts={"regressed": 1},
    ), [figure]
