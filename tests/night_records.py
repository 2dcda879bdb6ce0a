"""A small night, as a store keeps it: one regression on a phone, confirmed, and one series without a change."""

from __future__ import annotations

from dataclasses import replace

from lab.records import (
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
    Planned,
    Point,
    Series,
    Stage,
    Value,
)

DATE, BEFORE = "2026-11-29", "2026-11-28"
NIGHT, INCIDENT = "01990000-0000-7000-8000-000000000001", "01990000-0000-7000-8000-0000000000aa"
COMPARISON, RUN = "01990000-0000-7000-8000-0000000000c0", "01990000-0000-7000-8000-0000000000f0"
GOOD, BAD = BuildAt("a" * 64, "nano-w4", 11), BuildAt("b" * 64, "nano-w4", 12)
DECODE = Metric("decode_tokens_per_s", "decode", "tokens/s", "higher")
SERIES = Series("decode", "context_tokens=512", "nano-w4", "decode_tokens_per_s", "phone-2")
CHANGE = Interval(0.925, 0.911, 0.939, 0.95, 12)
VERDICT = CellVerdict("context_tokens=512", "regressed", CHANGE, 0.018, 0.0004, 12, "the interval excludes 1")


def value(series: Series = SERIES, of: float = 381.0) -> Value:
    """Return a figure of a series."""
    return Value(
        series, DECODE, BAD, RUN, of, 0.004, 6, 1, {"os": "14", "agent": "native 1"}, "no change seen", 412.0, 30
    )


def finding() -> Finding:
    """Return a confirmed regression."""
    history = tuple(Point(f"2026-11-{day:02d}", 412.0 + day % 3, "aaaaaaaa") for day in range(1, 29))
    return Finding(
        series=SERIES,
        metric=DECODE,
        outcome="regressed",
        screens=("tonight",),
        score=2.4,
        usual=412.0,
        value=381.0,
        since=DATE,
        good=GOOD,
        bad=BAD,
        run=RUN,
        why="the new build is 7.5 % slower in 12 pairs",
        comparison=COMPARISON,
        verdict=VERDICT,
        ratios=(0.92, 0.93, 0.925, 0.924),
        stages=(Stage("stage_decode_s", Interval(1.08, 1.06, 1.1, 0.95, 12)),),
        history=(*history, Point(DATE, 381.0, "bbbbbbbb")),
        incident=INCIDENT,
    )


def incident() -> Incident:
    """Return the incident of :func:`finding`."""
    member = Member(SERIES, DECODE, CHANGE, 412.0, COMPARISON)
    opened = Event(f"{DATE}T04:00:00+00:00", DATE, "new", "lab nightly", "1 series regressed")
    return Incident(INCIDENT, opened.utc, "new", "nano-w4", DATE, GOOD, BAD, (member,), (opened,))


def night() -> Night:
    """Return a finished night with a regression, a gap and an incident."""
    plan = Planned("decode", "nano-w4", "phone-2", 1)
    return Night(
        id=NIGHT,
        started_utc=f"{DATE}T01:00:00+00:00",
        ended_utc=f"{DATE}T04:00:00+00:00",
        status="finished",
        suite="nightly",
        date=DATE,
        zone="UTC",
        seed=7,
        budget_s=3600.0,
        confirm_s=1800.0,
        planned=(plan, replace(plan, device="phone-3")),
        suite_toml='[suite]\nname = "nightly"\n',
        gaps=(Gap(replace(plan, device="phone-3"), "phone-3 did not answer", 2),),
        findings=(finding(),),
        incidents=(incident(),),
        told=(INCIDENT,),
        counts={"regressed": 1, "no change seen": 1},
        spent_s=1234.5,
        confirm_spent_s=300.0,
    )
