"""The commands `lab builds …`."""

from __future__ import annotations

from pathlib import Path

from lab.device.fake.build import write_fake_build
from tests.lab_process import Lab


def test_builds_are_added_listed_verified_and_become_a_baseline(lab: Lab, tmp_path: Path) -> None:
    """The commands around a build, one after the other, on a stand-in."""
    write_fake_build(tmp_path / "fake")
    assert lab("builds", "add", str(tmp_path / "fake"), "--line", "fake-fp32").returncode == 0

    assert "fake-fp32" in lab("builds", "list").stdout
    assert "random (none: a stand-in for tests)" in lab("builds", "show", "fake-fp32").stdout
    assert "8 files are as the manifest says" in lab("builds", "verify", "fake-fp32").stdout
    assert lab("builds", "baseline", "fake-fp32", "fake-fp32").returncode == 0
    assert "*" in lab("builds", "list").stdout
