"""Outputs are compared with the oracle's: what is missing, of another size or too far away has no speed."""

from __future__ import annotations

from pathlib import Path

import pytest

from device_agents.contract import Event, InvalidReason, Output, TokenTrail
from lab.trial.folder import EVENTS, read_events
from lab.trial.golden import outputs
from tests.lab.trial.fake_trial import checked, flaw_of, setting, tried


def without_outputs(events: list[Event]) -> list[Event]:
    """Remove every output, and count it out of `end`."""
    return [
        event.model_copy(update={"outputs": 0}) if event.event == "end" else event
        for event in events
        if not isinstance(event, Output)
    ]


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("encode_image", "the agent wrote no features"),
        ("prefill", "the agent wrote no logits"),
        ("decode", "the agent wrote no tokens"),
    ],
)
def test_an_agent_must_write_its_outputs(tmp_path: Path, kind: str, words: str) -> None:
    """Without them nobody knows what was timed."""
    job, _, _, _ = tried(tmp_path, "none", kind)

    flaw = flaw_of(checked(tmp_path, job, without_outputs))

    assert (flaw.reason, flaw.detail) == (InvalidReason.WRONG_OUTPUT, f"iteration 1: {words}")


def test_features_of_another_size_are_refused(tmp_path: Path) -> None:
    """Their projections could agree by chance."""
    job, _, _, _ = tried(tmp_path, "none", "encode_image")

    def shorter(events: list[Event]) -> list[Event]:
        return [
            event.model_copy(update={"fingerprint": event.fingerprint.model_copy(update={"shape": [7, 1]})})
            if isinstance(event, Output) and event.fingerprint
            else event
            for event in events
        ]

    assert "the features have shape [7, 1], the oracle's" in flaw_of(checked(tmp_path, job, shorter)).detail


def test_a_token_that_the_oracle_was_undecided_about_may_differ(tmp_path: Path) -> None:
    """Quantisation may choose either; the tokens after it are those of another text, and are not compared."""
    job, _, _, _ = tried(tmp_path, "none", "decode")
    trail = TokenTrail(ids=[10, 11, 99, 98, 97], margins=[1.0] * 5)  # the oracle's margin at the third is 0.1

    def another(events: list[Event]) -> list[Event]:
        return [e.model_copy(update={"tokens": trail}) if isinstance(e, Output) else e for e in events]

    findings = checked(tmp_path, job, another)

    assert findings.flaw is None
    assert findings.notes["tokens_agreed"] == 2


@pytest.mark.parametrize(("context_tokens", "compared"), [(50, 1.0), (8, 0.0)])
def test_part_of_a_prompt_has_no_golden_output(tmp_path: Path, context_tokens: int, compared: float) -> None:
    """The oracle computed the whole prompt of 50 tokens only: behind a part of it nothing can be compared."""
    job, _, _, _ = tried(tmp_path, "none", "decode")
    manifest, inputs = setting(tmp_path / "again")
    events = read_events((tmp_path / "trial" / EVENTS).read_bytes()).events
    work = job.work.model_copy(update={"context_tokens": context_tokens})
    notes: dict[str, float] = {}

    outputs(job.model_copy(update={"work": work}), events, manifest, inputs, notes)

    assert notes["golden_checked"] == compared
    assert ("tokens_agreed" in notes) == bool(compared)
