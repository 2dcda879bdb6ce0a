"""Units: their names and their clocks."""

from __future__ import annotations

import time

from device_agents.reference.units import ExecutionUnit, label_of


def test_units_are_named_after_their_cores() -> None:
    """Consecutive cores are joined into ranges."""
    assert [label_of(cores) for cores in ((0,), (0, 1, 2), (3, 0, 2))] == ["cpu0", "cpu0-2", "cpu0,2-3"]


def test_a_unit_of_one_core_is_timed_by_its_thread() -> None:
    """A unit of several cores is timed by the process, because the library's threads work too."""
    assert ExecutionUnit((0,)).cpu_clock is time.thread_time_ns
    assert ExecutionUnit((0, 1)).cpu_clock is time.process_time_ns
