"""One lab at a time measures on this machine's cores, and the next one ends what a killed one left."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from lab.device.cores import measuring
from lab.device.local import LocalTransport, start_time
from lab.errors import DeviceRefused


def test_a_second_lab_waits_and_is_then_refused(tmp_path: Path) -> None:
    """Who holds the lock is named; the waiting one tells once, and gives up at its limit."""
    told: list[str] = []
    naps: list[float] = []
    path = tmp_path / "lock"

    with (
        measuring(path, wait_s=0),
        pytest.raises(DeviceRefused, match=rf"another lab \(pid {os.getpid()}: .+\) is measuring"),
        measuring(path, wait_s=2, tell=told.append, sleep=naps.append),
    ):
        pass

    assert len(told) == 1
    assert sum(naps) == 2
    with measuring(path, wait_s=0):
        pass


def test_the_agent_of_a_killed_lab_is_ended_by_the_next(tmp_path: Path) -> None:
    """The lock's note names the orphan by pid and start time; the next holder ends it."""
    transport = LocalTransport()
    orphan = transport.start(
        [sys.executable, "-c", "import time; time.sleep(60)"],
        environment={},
        folder=str(tmp_path),
        stdout=str(tmp_path / "out"),
        stderr=str(tmp_path / "err"),
        limit_s=600,
    )
    path = tmp_path / "lock"
    path.write_text(f'{{"pid": 1, "agent": {orphan.pid}, "started": {start_time(orphan.pid)}}}')

    with measuring(path, wait_s=0):
        pass

    assert transport.wait(orphan, timeout_s=5.0) == -9
