"""Findings carry where each stage ran, whether the trial counts or not."""

from __future__ import annotations

from pathlib import Path

from device_agents.contract import InvalidReason
from tests.lab.trial.fake_trial import flaw_of, tried


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
