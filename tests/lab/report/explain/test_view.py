"""Why trials counted or not, in words; unknowns are reported as unknown."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from rich.console import Console, RenderableType

from device_agents.contract import InvalidReason
from lab.records import FLAGS, Context, Inject, Run, Vitals
from lab.report.evidence import Doing, Evidence, doing_of, evidence_of
from lab.report.explain.page import of_trials, render_explanation_page
from lab.report.explain.terminal import render_explanation, render_trial
from lab.report.explain.view import Explanation, explain, numbers_of
from lab.report.reasons import REASONS
from lab.report.spark import spark
from tests.lab.report.report_runs import ENCODE, bad, batches, fine, kept_of, run_of

CELLS = batches(1, 4)
HOSTILE = "</td><script>alert(1)</script>\x1b[2J"


def explained(kept: Sequence[Evidence], run: Run | None = None) -> Explanation:
    """Explain a run of two cells."""
    return explain(run or run_of(CELLS), kept, ENCODE)


def printed(found: RenderableType, width: int = 80) -> str:
    """Return what would be printed into a file."""
    out = io.StringIO()
    Console(file=out, width=width).print(found)
    return out.getvalue()


def flat(text: str) -> str:
    """Undo the wrapping."""
    return re.sub(r"\s+", " ", text)


def test_every_reason_has_words_and_something_to_do() -> None:
    """A new reason without words would crash `lab explain`."""
    assert set(REASONS) == set(InvalidReason)
    assert all(words.means and words.do.endswith(".") for words in REASONS.values())


def test_numbers_are_grouped() -> None:
    """As people write them."""
    assert numbers_of([1, 2, 3, 5, 9, 10]) == "1-3, 5, 9-10"
    assert numbers_of([]) == ""


def test_72_fine_trials_take_one_line() -> None:
    """A long run without problems is short to read."""
    text = printed(render_explanation(explained(kept_of(fine(36)))))

    assert "72 trials: 72 count." in text
    assert "Trials 1-72 (72 of 72): fine (all steady)" in text
    assert "Nothing: the trials are as they should be." in text
    assert len(text.splitlines()) < 30


@pytest.mark.parametrize("width", [80, 100])
def test_odd_trials_are_described_and_fine_ones_are_not(width: int) -> None:
    """They get a reason, a finding and advice; the fine trials stay a range."""
    trials = fine(36)
    trials[16] = bad(trials[16], InvalidReason.WRONG_OUTPUT, "features lie 0.31 from the oracle's, 0.05 allowed")
    for index in (40, 41, 42, 43, 44):
        trials[index] = bad(trials[index], InvalidReason.AGENT_DIED, "the agent was ended by signal 9")
    trials[50] = replace(trials[50], state="unsteady")
    text = printed(render_explanation(explained(kept_of(trials))), width)

    assert max(len(line) for line in text.splitlines()) <= width and "…" not in text and "\x1b" not in text
    assert not any(line != line.rstrip() for line in text.splitlines())
    words = flat(text)
    assert "72 trials: 65 count, 6 invalid and 1 never settled." in words
    assert "Trials 1-16, 18-40, 46-50, 52-72 (65 of 72): fine (all steady)" in words
    assert "Trial 17: invalid, wrong_output: its output differs from the reference model's" in words
    assert "17 (1 patch per batch) at 01:16:00: features lie 0.31 from the oracle's" in words
    assert "Trials 41-45 (5 of 72): invalid, agent_died" in words and "likewise 44-45" in words
    assert "1. agent_died (5 of 72 trials). Find out what ended it: lack of memory" in words
    assert words.index("invalid, agent_died") < words.index("): fine ("), "what is wrong comes first"


def test_what_holds_for_most_trials_is_said_once() -> None:
    """A busy host without sensors gets two lines, not two for each trial, and being busy is the first advice."""
    trials = [replace(trial, flags=("busy", "ungated")) for trial in fine(6)]
    words = flat(printed(render_explanation(explained(kept_of(trials, Doing(others_cores=1.9))))))

    assert words.count(FLAGS["busy"]) == 1
    assert f"12 of 12 trials: {FLAGS['busy']}" in words
    assert "1. 12 of 12 trials ran on a busy device (others used 1.9 cores)" in words


@pytest.mark.parametrize("kind", ["host", "phone"])
def test_only_a_device_that_could_read_a_temperature_gets_advice_on_it(kind: str) -> None:
    """A phone may allow its sensors to be read; this machine is never left to cool."""
    trials = [replace(trial, flags=("ungated",)) for trial in fine(6)]
    run = replace(run_of(CELLS), context=Context({"device_kind": kind}))
    words = flat(printed(render_explanation(explained(kept_of(trials), run))))

    assert ("12 of 12 trials began at an unknown temperature: `lab probe` shows" in words) == (kind == "phone")


def test_one_flagged_trial_is_a_remark() -> None:
    """It counts, but is not listed among the fine ones."""
    trials = fine(6)
    trials[4] = replace(trials[4], flags=("busy",))
    words = flat(printed(render_explanation(explained(kept_of(trials)))))

    assert "Trials 1-4, 6-12 (11 of 12): fine" in words
    assert "Trial 5: counts, with a remark 5 (1 patch per batch)" in words


def test_a_trial_far_from_its_cells_others_is_pointed_out() -> None:
    """It takes twice as long and is valid nevertheless: a reader must know."""
    trials = fine(6)
    trials[7] = replace(trials[7], samples={"encode_s": (0.6, 0.6, 0.6)})
    found = explained(kept_of(trials))

    assert [line.number for line in found.lines if line.remarks] == [8]
    assert re.search(r"\d+ % slower than its cell's mean", found.lines[7].remarks[0])


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
    found = explained([Evidence(trial, 1, 42.0, doing_of([before], [after], []))])

    assert found.lines[0].device == (
        "waited 42.0 s at the gate; battery 31.0 -> 31.5 °C; skin 30.5 -> 36.5 °C; chip 40.0 -> 71.0 °C; policy4 "
        "always allowed at least 62 % of its top clock; throttled by cpufreq-cpu4; thermal status moderate"
    )
    assert "throttling reported in 1 of 1 trials" in found.device
    assert found.advice[0].startswith("throttled (1 of 1 trials). Cool it before")


def test_a_memory_pass_is_not_advised_to_settle_and_a_missing_sensor_is() -> None:
    """Its times are discarded, so settling does not matter; a trial gated by fewer sensors gets advice."""
    trials = fine(1)
    trials[1] = replace(trials[1], purpose="memory", state="unsteady")
    kept = kept_of(trials)
    gone = kept_of([replace(trial, flags=("sensor_gone",)) for trial in fine(12)])

    assert not any("never settled" in step for step in explained(kept).advice)
    assert any("24 of 24 trials began without a reading of a sensor" in step for step in explained(gone).advice)


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


def test_a_damaged_file_is_named_and_hides_no_other(tmp_path: Path) -> None:
    """The gate's readings are used although the samples are damaged."""
    (tmp_path / "gate.jsonl").write_text(json.dumps({"boot_s": 1.0, "celsius": {"battery": 30.0}}) + "\n")
    (tmp_path / "vitals.jsonl").write_text("nonsense\n{}\n")
    one = evidence_of(fine(1)[0], tmp_path)

    assert one.doing.battery == (30.0, 30.0) and one.looks == 1
    (tmp_path / "gate.jsonl").unlink()
    assert "vitals.jsonl, line 1" in evidence_of(fine(1)[0], tmp_path).doing.unknown


def test_an_injected_run_says_that_its_figures_are_not_the_builds() -> None:
    """In its summary."""
    found = explained(kept_of(fine(4)), replace(run_of(CELLS), inject=Inject("prefill", 1.1)))

    assert "A slow-down of 10 % was injected into prefill: this run tests the lab" in found.summary


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_run_of_hardly_any_trials_is_explained(count: int) -> None:
    """It claims nothing about variance, and draws no bars for one value."""
    found = explained(kept_of(fine(2)[:count]), replace(run_of(CELLS), status="interrupted"))
    words = flat(printed(render_explanation(found)))

    assert f"{count} trial" in words and "The run is interrupted." in words
    assert "rank correlation" not in words
    assert "lab run --resume" in words
    render_explanation_page(found)


def test_drift_with_time_is_claimed_and_said() -> None:
    """Medians that rise by 1 % a minute for 24 trials."""
    trials = [replace(t, samples={"encode_s": (0.3 * 1.01**t.number,) * 3}) for t in fine(12)]
    found = explained(kept_of(trials))

    assert any(line.startswith("time: the later, the higher the figure") for line in found.variance)
    assert any("drift with time" in step for step in found.advice)


def test_one_trial_is_told_in_full() -> None:
    """Its agent's last output included; an unknown number is refused."""
    trials = fine(2)
    trials[2] = bad(trials[2], InvalidReason.AGENT_DIED, f"signal 9 {HOSTILE}")
    kept = kept_of(trials)
    kept[2] = replace(kept[2], last_words=f"out of memory {HOSTILE}")
    text = printed(render_trial(explained(kept), 3))

    assert "invalid, agent_died" in text and "out of memory" in text and "\x1b" not in text
    with pytest.raises(KeyError):
        render_trial(explained(kept), 99)


def test_the_page_escapes_names_and_draws_every_trial() -> None:
    """Each trial has a dot, on the lower edge if it has no figure; temperatures have their own strip."""
    trials = fine(6)
    trials[3] = replace(bad(trials[3], InvalidReason.AGENT_DIED, HOSTILE), samples={})
    kept = kept_of(trials, Doing(skin=(30.0, 33.0), cap=("policy4", 0.9)))
    found = explained(kept, replace(run_of(CELLS), device=HOSTILE))
    drawn, page = of_trials(found), render_explanation_page(found)

    assert drawn is not None and [len(strip.dots) for strip in drawn.strips] == [12, 24, 12]
    assert drawn.strips[0].dots[3].y == drawn.strips[0].bottom
    assert [dot.x for dot in drawn.strips[0].dots] == sorted(dot.x for dot in drawn.strips[0].dots)
    assert "<script" not in page and "\x1b" not in page and "http" not in page


def test_a_line_of_bars_shares_characters_when_it_is_long() -> None:
    """The lowest value is the lowest bar, the highest the highest; gaps and bad trials have their own signs."""
    assert spark([1.0, None, 2.0, 1.5], width=10, bad=[False, False, False, True]) == "▁·█x"
    assert spark([1.0, 1.0, 2.0, 2.0], width=2) == "▁█"
    assert spark([3.0, 3.0], width=5) == "▁▁"
    assert spark([], width=5) == ""


def test_vitals_round_trip_through_the_file_the_gate_writes(tmp_path: Path) -> None:
    """The explanation reads what the lab writes at the gate."""
    look = Vitals(5.0, {"battery": 30.0}, missing={"SKIN": "refused"})
    kept = {name: value for name, value in asdict(look).items() if value not in (None, {})}
    (tmp_path / "gate.jsonl").write_text(json.dumps(kept) + "\n")

    assert evidence_of(fine(1)[0], tmp_path).gate == (look,)
