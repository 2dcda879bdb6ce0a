"""Every way in which an agent can go wrong has its own reason, in the contract's words."""

from __future__ import annotations

from pathlib import Path

import pytest

from device_agents.contract import InvalidReason
from lab.device.fake.agent import events_of
from lab.device.fake.phone import Fault
from lab.trial.folder import EVENTS, read_events
from lab.trial.invariants import check
from lab.trial.judge import until_stopped
from tests.lab.trial.fake_trial import setting, tried


@pytest.mark.parametrize("kind", ["load", "null", "encode_image", "prefill", "decode", "generate"])
def test_a_good_trial_counts(tmp_path: Path, kind: str) -> None:
    """A trial whose agent does what the job asks counts, whatever the workload."""
    _, findings, _, samples = tried(tmp_path, "none", kind)

    assert findings.flaw is None
    assert samples
    assert all(len(values) == 2 for values in samples.values())


@pytest.mark.parametrize(
    ("fault", "reason", "words"),
    [
        ("dies", InvalidReason.AGENT_DIED, "ended by signal 9"),
        ("hangs", InvalidReason.TIMEOUT, "did not end within 10 s"),
        ("no_end", InvalidReason.NO_END, "without its last line"),
        ("malformed", InvalidReason.MALFORMED_EVENTS, "line 3 is no event"),
        ("error", InvalidReason.AGENT_ERROR, "no memory for the cache"),
        ("wrong_output", InvalidReason.WRONG_OUTPUT, "from the oracle's (relative), allowed 0.01"),
        ("not_a_number", InvalidReason.WRONG_OUTPUT, "not finite"),
        ("overlap", InvalidReason.SPAN_OVERLAP, "at once for 10.000 ms"),
        ("gap", InvalidReason.SPAN_GAP, "(50 %, allowed 10 %)"),
        ("short", InvalidReason.WRONG_TOKEN_COUNT, "worked on 5 tiles, the job asks for 9"),
        ("miscounts", InvalidReason.COUNT_MISMATCH, "`end` counts 31 spans, 30 arrived"),
        ("extra_iteration", InvalidReason.COUNT_MISMATCH, "wanted 2 measure iterations, found 3"),
        ("lost", InvalidReason.DEVICE_LOST, "the cable was pulled"),
        (
            "falls_back",
            InvalidReason.WRONG_UNIT,
            "`vit` claims npu and used 0.0582 s of CPU time in 0.0600 s",
        ),
        (
            "starves",
            InvalidReason.STARVED,
            "2 of 2 iterations had 0.007 of 0.080 s of CPU time (9 %, wanted at least 70 %)",
        ),
        (
            "injects",
            InvalidReason.AGENT_ERROR,
            "no injected slow-down, the agent's `end` reports",
        ),
        (
            "clock_back",
            InvalidReason.CLOCK_JUMP,
            "iteration 2 began 1.000 s before the end of what came",
        ),
        ("clock_ahead", InvalidReason.CLOCK_JUMP, "3600.300 s by the device's clock, but the whole trial only"),
    ],
)
def test_each_fault_has_its_own_reason(tmp_path: Path, fault: Fault, reason: InvalidReason, words: str) -> None:
    """Eighteen ways to fail give their reasons and a sentence with the figures in it."""
    _, findings, _, _ = tried(tmp_path, fault, "encode_image")

    assert findings.flaw is not None
    assert findings.flaw.reason == reason
    assert words in findings.flaw.detail


def test_half_a_last_line_is_quoted(tmp_path: Path) -> None:
    """The message shows what a dying agent was writing."""
    _, findings, _, _ = tried(tmp_path, "dies", "encode_image")

    assert findings.flaw is not None
    assert 'in the middle of a line: \'{"event":"span","sta\'' in findings.flaw.detail


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("prefill", "worked on 49 tokens, the job asks for 50"),
        ("decode", "worked on 3 tokens, the job asks for 4"),
        ("generate", "worked on 5 tiles, the job asks for 9"),
    ],
)
def test_counts_are_exact(tmp_path: Path, kind: str, words: str) -> None:
    """One token or one batch too few is found in every workload."""
    _, findings, _, _ = tried(tmp_path, "short", kind)

    assert findings.flaw is not None
    assert findings.flaw.reason == InvalidReason.WRONG_TOKEN_COUNT
    assert words in findings.flaw.detail


def test_a_wrong_token_is_quoted_with_its_margin(tmp_path: Path) -> None:
    """A token for which the oracle's margin is clear must not differ."""
    _, findings, _, _ = tried(tmp_path, "wrong_output", "decode")

    assert findings.flaw is not None
    assert "token 0 is 11, the oracle says 10 by a margin of 2" in findings.flaw.detail


def test_a_timed_out_agent_is_killed(tmp_path: Path) -> None:
    """The process group of a hanging agent is ended, and the outcome has no exit status."""
    _, _, outcome, _ = tried(tmp_path, "hangs", "null")

    assert outcome.timed_out
    assert outcome.returncode is None


@pytest.mark.parametrize("kind", ["encode_image", "generate"])
def test_what_an_agent_did_until_the_lab_ended_it_is_judged_without_its_last_iteration(
    tmp_path: Path, kind: str
) -> None:
    """Wherever the last iteration is cut, the others are checked and count, as if no more had been asked for."""
    job, _, _, _ = tried(tmp_path, "none", kind)
    manifest, inputs = setting(tmp_path / "again")
    longer = job.model_copy(update={"iterations": 4})
    lines = b"".join(events_of(longer, inputs, 0.01, "none")).splitlines(keepends=True)
    ends = [number for number, line in enumerate(lines, start=1) if b'"event":"iteration"' in line]

    for cut in range(ends[-1], len(lines)):
        part = until_stopped(longer, read_events(b"".join(lines[:cut])))
        assert part is not None
        shorter, reading = part
        assert shorter.iterations == 3
        assert check(shorter, reading.events, manifest, inputs, max_gap=0.10).flaw is None
        lacking = [event for event in reading.events if not (event.event == "span" and event.iteration == 2)]
        assert check(shorter, lacking, manifest, inputs, max_gap=0.10).flaw is not None


@pytest.mark.parametrize("wanted", [0, 1, 2])
def test_an_agent_that_measured_nothing_whole_before_the_lab_ended_it_tells_nothing(
    tmp_path: Path, wanted: int
) -> None:
    """It got nothing done, the warm-up, or the warm-up and one iteration, which may lack lines."""
    job, _, _, _ = tried(tmp_path, "none", "encode_image")
    lines = (tmp_path / "trial" / EVENTS).read_bytes().splitlines(keepends=True)
    ends = [number for number, line in enumerate(lines, start=1) if b'"event":"iteration"' in line]

    assert until_stopped(job, read_events(b"".join(lines[: [0, *ends][wanted]]))) is None
