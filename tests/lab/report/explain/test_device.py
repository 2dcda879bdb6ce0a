"""The device around its trials, its energy and its settings, in words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from device_agents.contract import InvalidReason
from lab.records import Context, Vitals
from lab.records.explanation import Evidence
from lab.report.evidence import doing_of, evidence_of
from lab.report.explain.terminal import render_explanation
from lab.store.events import Summary
from tests.lab.report.report_runs import (
    CELLS,
    bad,
    explained,
    fine,
    flat,
    kept_of,
    printed,
    run_of,
)


def test_a_throttled_phone_is_described_by_its_sensors() -> None:
    """Its line has start and peak temperatures, the allowed clock, the throttling device and the status."""
    before = Vitals(10.0, {"battery": 31.0, "vtskin-max": 30.5, "soc_max": 40.0}, caps={"policy4": 1.0})
    after = Vitals(
        12.0,
        {"battery": 31.5, "vtskin-max": 36.5, "soc_max": 71.0},
        caps={"policy4": 0.62, "policy7": 0.9},
        cooling={"cpufreq-cpu4": 3},
        thermal_status=2,
    )
    trial = bad(fine(1)[0], InvalidReason.THROTTLED, "cooling cpufreq-cpu4 at 3")
    found = explained([Evidence(trial, 1, 42.0, doing_of([before], [after], Summary()))])

    assert found.lines[0].device == (
        "waited 42.0 s at the gate; battery 31.0 -> 31.5 °C; skin 30.5 -> 36.5 °C; chip 40.0 -> 71.0 °C; policy4 "
        "always allowed at least 62 % of its top clock; throttled by cpufreq-cpu4; thermal status moderate"
    )
    assert "throttling reported in 1 of 1 trial" in found.device
    assert found.advice[0].startswith("throttled (1 of 1 trial). Cool it before")


def test_energy_is_told_where_the_battery_paid_for_it_and_why_not_elsewhere() -> None:
    """3.6 W at 4 V for ten minutes are 2,160 J, read in steps of 2 mAh; the shorter trial gives no figure."""
    look = Vitals(0.0, charge_uah=4e6, voltage_mv=4000.0, powered=False)
    during = tuple(replace(look, boot_s=8.0 * n, charge_uah=4e6 - 2000.0 * n) for n in range(76))
    first, second, *_ = kept_of(fine(1))
    plugged = [replace(one, powered=True) for one in during]

    told = flat(printed(render_explanation(explained([replace(first, during=during), second]))))
    refused = flat(printed(render_explanation(explained([replace(first, during=tuple(plugged)), second]))))
    unknown = flat(printed(render_explanation(explained([first, second]))))

    assert "energy: 2,160 J +- 29 J in 600 s, the idle device included (trial 1)" in told
    assert "energy: n/a: plugged in" in refused
    assert "energy: n/a: no sensor was sampled" in unknown


def test_care_that_was_refused_is_named() -> None:
    """Outcomes are counted; settings that were not applied are named."""
    facts = {"profile": "fixed", "care_airplane": "applied 1", "care_fixed_performance": "unverifiable"}
    found = explained(kept_of(fine(4)), replace(run_of(CELLS), context=Context(facts)))

    assert "device care: profile fixed: 1 applied and 1 unverifiable" in found.device
    assert "  fixed_performance: unverifiable" in found.device


def test_an_older_run_without_sensors_says_so(tmp_path: Path) -> None:
    """There is no file: nothing is invented, and nothing fails."""
    kept = [evidence_of(trial, tmp_path / f"{trial.number:04d}") for trial in fine(4)]
    found = explained(kept)

    assert "the device is unknown in 8 of 8 trials: no sensor was read around it" in found.device
    assert "device unknown" in found.lines[0].device


def test_a_reading_that_only_some_trials_lack_says_how_many() -> None:
    """Otherwise "no reading of cpu time" stands beside the CPU time of others."""
    read = Vitals(1.0, {"battery": 30.0}, missing={"clocks": "this device has none"})
    lacking = replace(read, missing={**read.missing, "cpu time": "a clock went back"})
    first, second, *_ = kept_of(fine(1), doing_of([read], [], Summary()))
    found = explained([replace(first, during=(read,)), replace(second, during=(lacking,))])

    assert "no reading of cpu time in 1 of 2 trials: a clock went back" in found.device
    assert "no reading of clocks: this device has none" in found.device
