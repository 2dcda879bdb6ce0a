"""An incident as a store knows it: six pairs of decoding on a phone with sensors, and what its night said."""

from __future__ import annotations

from dataclasses import replace

from lab.records import Cell, Comparison, Finding, Member, Run, Trial, Vitals
from lab.report.incident.confirmed import Confirmed, confirmed
from lab.report.incident.known import Known
from tests.night_records import BAD, COMPARISON, GOOD, finding, incident, night, value
from tests.saved_runs import run_of

CELL = Cell("context_tokens=512", {"context_tokens": 512})
GOOD_RUN, BAD_RUN = "018f0000-0000-7000-8000-0000000000a1", "018f0000-0000-7000-8000-0000000000b1"


def run(run_id: str, build: str) -> Run:
    """Return a side's run."""
    return replace(
        run_of(run_id), scenario="decode", build=build, build_line="nano-w4", device="phone-2", cells=(CELL,),
        status="finished", comparison=COMPARISON,
    )  # fmt: skip


def trial(block: int, rate: float, *, second: int, wall_s: float = 20.0) -> Trial:
    """Return a trial that began so many seconds into its pair."""
    samples = {"decode_tokens_per_s": (rate,), "decode_s": (100 / rate,)}
    return Trial(
        block + 1, block, CELL.key, True, None, "", f"2026-11-29T02:{block:02d}:{second:02d}.000Z", wall_s, samples
    )


def comparison() -> Comparison:
    """Return the comparison of the incident."""
    return Comparison(
        id=COMPARISON,
        dimension="build",
        scenario="decode",
        metric="decode_tokens_per_s",
        device="phone-2",
        baseline_run=GOOD_RUN,
        candidate_run=BAD_RUN,
        started_utc="2026-11-29T02:00:00.000Z",
        ended_utc="2026-11-29T02:10:00.000Z",
        status="finished",
        seed=5,
        looks_most=24,
        looks_first=6,
        budget_s=1800.0,
        differs={},
    )


def sides() -> list[tuple[Run, list[Trial]]]:
    """Return both runs with six trials each; in every second pair the bad build began."""
    good = [trial(block, 400.0 + block, second=block % 2 * 30) for block in range(6)]
    bad = [trial(block, 370.0 + block, second=30 - block % 2 * 30) for block in range(6)]
    return [(run(GOOD_RUN, GOOD.id), good), (run(BAD_RUN, BAD.id), bad)]


def starts(warmer: float = 0.0) -> dict[tuple[str, int], Vitals]:
    """Return the readings that opened the gates, the bad build's so much warmer."""
    return {
        (run_id, number): Vitals(1.0, celsius={"vtskin0": 31.0 + more, "battery": 30.0})
        for run_id, more in ((GOOD_RUN, 0.0), (BAD_RUN, warmer))
        for number in range(1, 7)
    }


def series(found: Finding | None = None, member: Member | None = None, *, warmer: float = 0.0) -> Confirmed:
    """Return the series of the incident with its evidence."""
    whose = member or incident().members[0]
    return confirmed(whose, found or finding(), comparison(), sides=sides(), starts=starts(warmer), cells=3)


def known() -> Known:
    """Return the incident with one series, its night and the figures of two phones."""
    other = replace(finding().series, device="phone-3")
    return Known(
        incident=incident(),
        series=(series(),),
        nights=(night(),),
        values=(value(), value(other)),
        checks={"phone-2": None},
    )
