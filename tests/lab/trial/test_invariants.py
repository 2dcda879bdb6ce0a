"""An agent does exactly the work that its job asks for; findings carry where each stage ran."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from device_agents.contract import Batch, Event, InvalidReason
from lab.device.fake.agent import events_of
from lab.trial.folder import EVENTS, read_events
from lab.trial.invariants import check
from lab.trial.metrics import samples_of
from tests.lab.trial.fake_trial import flaw_of, setting, tried


def test_every_trial_says_where_its_stages_ran(tmp_path: Path) -> None:
    """By stage, for a trial that counts."""
    _, findings, _, _ = tried(tmp_path, "none", "encode_image")

    assert findings.placement == {
        "tile": "CPU",
        "patch_embed": "CPU",
        "vit": "NPU",
        "project": "NPU",
    }


def test_a_fall_back_keeps_its_placement(tmp_path: Path) -> None:
    """A reader who asks why a trial is `wrong_unit` sees where each stage ran."""
    _, findings, _, _ = tried(tmp_path, "falls_back", "encode_image")

    assert flaw_of(findings).reason is InvalidReason.WRONG_UNIT
    assert findings.placement["vit"] == "CPU"


@pytest.mark.parametrize(
    ("kind", "asked", "words"),
    [
        (
            "encode_image",
            {"batches": [Batch(true=3, padded=3)] * 3},
            "`patch_embed` ran 4+4+1, the job asks for 3+3+3",
        ),
        (
            "encode_image",
            {"batches": [Batch(true=4, padded=4), Batch(true=4, padded=4), Batch(true=1, padded=4)]},
            "ran 4+4+1, the job asks for 4+4+1/4",
        ),
        ("prefill", {"parallel_tokens": 50}, "`prefill` ran 8+8+8+8+8+8+2/8, the job asks for 50"),
    ],
)
def test_an_agent_that_runs_other_batches_than_asked_is_not_believed(
    tmp_path: Path, kind: str, asked: dict[str, object], words: str
) -> None:
    """All nine tiles, or all fifty tokens, in launches of another size are another cell."""
    job, _, _, _ = tried(tmp_path, "none", kind)
    manifest, inputs = setting(tmp_path / "again")
    other = job.model_copy(update={"work": job.work.model_copy(update=asked)})
    events = read_events((tmp_path / "trial" / EVENTS).read_bytes()).events

    flaw = check(other, events, manifest, inputs, max_gap=0.10).flaw

    assert flaw is not None and flaw.reason is InvalidReason.WRONG_TOKEN_COUNT
    assert words in flaw.detail


class Counted(list[Event]):
    """Events that count how often they are iterated over."""

    passes = 0

    def __iter__(self) -> Iterator[Event]:
        """Count."""
        self.passes += 1
        return super().__iter__()


def test_a_trial_of_many_iterations_is_gone_through_as_often_as_a_short_one(tmp_path: Path) -> None:
    """A trial of twenty minutes has tens of thousands: a search through all spans for each would take an hour."""
    job, _, _, _ = tried(tmp_path, "none", "generate")
    manifest, inputs = setting(tmp_path / "again")

    def passes(iterations: int) -> int:
        longer = job.model_copy(update={"iterations": iterations})
        events = Counted(read_events(b"".join(events_of(longer, inputs, 0.01, "none"))).events)
        assert check(longer, events, manifest, inputs, max_gap=0.10).flaw is None
        assert len(samples_of(longer, events)["decode_s"]) == iterations
        return events.passes

    assert passes(2) == passes(40)
