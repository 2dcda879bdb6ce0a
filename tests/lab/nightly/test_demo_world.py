"""What is injected in the demonstration, and when."""

from __future__ import annotations

import pytest

from lab.nightly import demo_world as world


@pytest.mark.parametrize(("ago", "new"), [(89, 89), (88, 88), (87, 88), (1, 2), (0, 0)])
def test_a_line_keeps_its_build_until_the_next_one(ago: int, new: int) -> None:
    """A build every two nights, counted from the last night back, and one in the first night of ninety."""
    assert world.built("demo-w4", ago, 90) == new


def test_the_anchor_is_one_build() -> None:
    """It is as old as the demonstration in every night."""
    assert {world.built("demo-fp32", ago, 90) for ago in range(90)} == {89}


@pytest.mark.parametrize("step", world.STEPS)
def test_a_step_begins_and_ends_with_a_build(step: world.Step) -> None:
    """What a build brings or mends is there from its first night on."""
    nights = [step.began] if step.mended is None else [step.began, step.mended]

    assert [world.built(step.line, ago, 90) for ago in nights] == nights


@pytest.mark.parametrize(("built", "factor"), [(54, 1.0), (52, 1.1), (40, 1.1), (38, 1.0)])
def test_a_mended_build_is_as_fast_as_before(built: int, factor: float) -> None:
    """The first injected step slows the decoding of builds 52 to 40 nights before the last night."""
    assert world.build_factor("demo-w4", "decode_s", "demo-host", built) == factor


def test_only_the_stage_of_a_step_is_slower() -> None:
    """Neither another stage nor another line."""
    others = [("demo-w4", "prefill_s"), ("demo-w8", "decode_s")]

    assert [world.build_factor(line, stage, "demo-host", 50) for line, stage in others] == [1.0, 1.0]


def test_a_rate_counts_tokens_over_the_seconds_of_its_stage() -> None:
    """64 tokens in 2 s are 32 tokens/s; an encoding takes as long as its stages together."""
    assert world.samples_of("decode_tokens_per_s", {"decode_s": 2.0})["decode_tokens_per_s"] == (32.0,)
    assert world.samples_of("encode_s", {"vit_s": 1.5, "project_s": 0.5})["encode_s"] == (2.0,)


def test_new_software_splits_the_history_of_its_device_alone() -> None:
    """It is a fact of the Context of runs from that night on."""
    facts = [world.facts_of(device, ago) for device in ("demo-phone-1", "demo-phone-2") for ago in (31, 30)]

    assert [each["device_fingerprint"] for each in facts] == ["demo/14", "demo/15", "demo/14", "demo/14"]
