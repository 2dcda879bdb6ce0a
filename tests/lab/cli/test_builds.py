"""The commands `lab builds …`."""

from __future__ import annotations

import json
from pathlib import Path

from lab.device.fake.build import write_fake_build
from tests.lab_process import Lab


def test_builds_are_added_listed_verified_and_become_a_baseline(lab: Lab, tmp_path: Path) -> None:
    """The commands around a build, one after the other, on a stand-in."""
    write_fake_build(tmp_path / "fake")
    assert lab("builds", "add", str(tmp_path / "fake"), "--line", "fake-fp32").returncode == 0

    assert "fake-fp32" in lab("builds", "list").stdout
    assert "random (none: a stand-in for tests)" in lab("builds", "show", "fake-fp32").stdout
    assert "8 files read, each as the manifest says" in lab("builds", "verify", "fake-fp32").stdout
    assert lab("builds", "baseline", "fake-fp32", "fake-fp32").returncode == 0
    assert "*" in lab("builds", "list").stdout


def test_a_build_says_how_it_multiplies(lab: Lab, tmp_path: Path) -> None:
    """`lab builds show` prints the operator, its level, and the bits a weight in the file and in memory."""
    write_fake_build(tmp_path / "fake")
    path = tmp_path / "fake/manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    nbits = {"operator": "MatMulNBits", "accuracy_level": 4, "block": 64, "unpacked": False}
    folded = {"operator": "MatMul", "accuracy_level": None, "block": 64, "unpacked": True}
    manifest["precision"] = {
        name: {"weights": "INT8", "activations": "float32", "product": {**product, **bits}}
        for name, product, bits in (
            ("language", nbits, {"stored_bits": 4.5, "loaded_bits": 5.0}),
            ("vision", folded, {"stored_bits": 8.5, "loaded_bits": 32.0}),
        )
    }
    path.write_text(json.dumps(manifest), encoding="utf-8")
    assert lab("builds", "add", str(tmp_path / "fake"), "--line", "fake").returncode == 0

    shown = lab("builds", "show", "fake").stdout

    assert "multiplied by MatMulNBits at level 4; 4.5 bits a weight stored, 5 in memory" in shown
    assert "multiplied by MatMul, unpacked once when the session opens; 8.5 bits a weight stored, 32" in shown
