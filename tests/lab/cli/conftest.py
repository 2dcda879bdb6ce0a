"""The command `lab` on virtual phones."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.farm_phones import Phone
from tests.lab_process import Lab, run_lab


@pytest.fixture
def lab_and_phones(tmp_path: Path, phones: list[Phone]) -> Iterator[Lab]:
    """Run `lab` on the tests' own adb server, with both phones known and whole."""
    for phone in phones:
        phone.restore()
    variables = {"POCKETLAB_ADB_SERVER": f"127.0.0.1:{phones[0].adb_server}"}

    def call(*arguments: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
        return run_lab(tmp_path, arguments, variables={**variables, **more})

    for phone in phones:
        assert call("devices", "connect", phone.address).returncode == 0
    yield call
    for phone in phones:
        phone.restore()
