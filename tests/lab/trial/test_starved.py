"""Trials whose work did not get the CPU."""

from __future__ import annotations

from pathlib import Path

import pytest

from device_agents.contract import InvalidReason, Span, Stage
from lab.builds.folder import open_build
from lab.records import Cell, DeviceKind
from lab.scenario.load import load
from lab.scenario.plan import CPU_TIME_LEAST
from lab.trial.job import Place
from lab.trial.judge import trial_of
from lab.trial.starved import starved
from tests.lab.trial.fake_trial import setting, tried
from tests.lab_process import null_scenario

S = 1_000_000_000


def work(
    iteration: int,
    wall_s: float,
    cpu_s: float,
    *,
    unit: str = "cpu0",
    stage: Stage = Stage.PREFILL,
    **more: object,
) -> Span:
    """Return a span of work."""
    facts = {"iteration": iteration, "index": 0, "role": "npu", "unit": unit, "thread": 0, "start_ns": 0, **more}
    times = {"duration_ns": round(wall_s * S), "cpu_ns": round(cpu_s * S)}
    return Span.model_validate({"event": "span", "stage": stage, **facts, **times})


def test_a_prefill_that_hardly_had_the_cpu_is_starved() -> None:
    """29.2 s with 2.7 s of CPU time are the machine's time, not the build's."""
    assert starved([work(1, 29.2, 2.7)], CPU_TIME_LEAST) == (
        "it had 2.7 of 29.2 s of CPU time (9 %, wanted at least 70 %): something else had the cores"
    )


@pytest.mark.parametrize(
    ("what", "spans"),
    [
        ("an idle machine", [work(i, 1.0, 0.966) for i in range(3)]),
        ("a neighbour on one of two cores", [work(i, 0.4, 0.334) for i in range(3)]),
        ("several cores at once", [work(i, 1.0, 1.57, unit="cpu0-1") for i in range(3)]),
        ("more cores than were ever measured", [work(i, 1.0, 1.57, unit="cpu0,2-4") for i in range(3)]),
        ("what runs on one thread", [work(i, 1.0, 1.0, unit="cpu0-3", stage=Stage.TILE) for i in range(3)]),
        ("one slow iteration of three", [work(0, 29.2, 2.7), work(1, 1, 1), work(2, 1, 1)]),
        ("less than 10 ms lost", [work(i, 0.012, 0.003) for i in range(3)]),
        ("an accelerator", [work(i, 1.0, 0.01, unit="npu") for i in range(3)]),
        ("reading files", [work(i, 1.0, 0.1, stage=Stage.LOAD) for i in range(3)]),
        ("durations that a tool printed", [work(i, 1.0, 0.0, source="parsed") for i in range(3)]),
        ("nothing done", []),
    ],
)  # fmt: skip
def test_what_had_the_cpu_or_needs_none_is_not_starved(what: str, spans: list[Span]) -> None:
    """Idle and moderately noisy machines, other units, disks and foreign tools."""
    assert starved(spans, CPU_TIME_LEAST) == "", what


def test_half_of_the_iterations_decide() -> None:
    """Of two iterations one moves the figure; of three it takes two."""
    assert "9 %" in starved([work(0, 29.2, 2.7), work(1, 1, 1)], CPU_TIME_LEAST)
    assert "2 of 3 iterations" in starved([work(0, 2, 1), work(1, 2, 1), work(2, 1, 1)], CPU_TIME_LEAST)


def test_one_of_two_cores_is_not_enough() -> None:
    """Threads that wait spin, so a call on two cores uses both: with one it takes twice as long."""
    spans = [work(i, 0.6, 0.64, unit="cpu0-1") for i in range(3)]

    assert "had 1.9 of 3.6 s of CPU time (53 %" in starved(spans, CPU_TIME_LEAST)


def test_a_core_that_worked_beside_it_hides_no_other() -> None:
    """Work on one core is judged by itself: CPU time beyond a span's own time does not make up for another's."""
    spans = [work(0, 1.0, 4.0), work(0, 9.0, 0.9, unit="cpu1", stage=Stage.VIT)]

    assert "1.9 of 10.0 s of CPU time" in starved(spans, CPU_TIME_LEAST)


@pytest.mark.parametrize(
    ("kind", "gates", "reason"),
    [
        ("host", "", InvalidReason.STARVED),
        ("virtual", "", InvalidReason.STARVED),
        ("host", "cpu_time_least = 0\n", None),
        ("emulated", "", None),
        ("phone", "", None),
    ],
)
def test_this_machines_cores_are_judged_and_no_phones(
    tmp_path: Path, kind: DeviceKind, gates: str, reason: InvalidReason | None
) -> None:
    """A phone is judged by its accelerator, an emulated one not by times; a scenario may ask for less."""
    job, _, outcome, _ = tried(tmp_path, "starves", "encode_image")
    path = tmp_path / "null.toml"
    path.write_text(null_scenario("null", blocks=1) + gates)

    trial = trial_of(
        Place(1, 0, Cell("cell", {})),
        job,
        outcome,
        tmp_path / "trial",
        open_build(tmp_path / "build"),
        scenario=load(path),
        inputs=setting(tmp_path / "again")[1],
        kind=kind,
        started_utc="",
        boot="",
    )

    assert trial.reason == reason
