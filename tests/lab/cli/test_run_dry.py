"""What `lab run --dry-run` prints."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from lab.cli.run import _foretell
from lab.device.fake.build import write_fake_build
from lab.scenario.load import read
from lab.store import Store
from tests.lab_process import null_scenario


def test_a_misspelt_build_is_told_before_the_plan_and_with_the_nearest_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The plan is printed all the same: it needs no build."""
    write_fake_build(tmp_path / "build")
    with closing(Store(tmp_path / "data")) as store:
        store.add_build(tmp_path / "build", "nano-w8a8")
        scenario = read(null_scenario("null", blocks=2), "null", at="a test")
        _foretell(store, [scenario], "host", "nano-w8", memory=False, own_image=False)

    first, *rest = capsys.readouterr().out.splitlines()
    assert first.startswith("! no build 'nano-w8': did you mean 'nano-w8a8'? wanted a line")
    assert any(line.startswith("  trials: ") for line in rest)
