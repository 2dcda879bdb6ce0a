from __future__ import annotations

import numpy as np
import pytest

from device_agents.reference import meter


def test_memory_is_read_in_bytes() -> None:
    """The kB in /proc are units of 1024 bytes."""
    assert meter.resident_in("Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t    1000 kB\n") == (1_024_000, 2_097_152)


def test_a_phase_has_its_own_peak() -> None:
    """40 MB that were used and freed in one phase count there and in the process's peak, not in the next phase."""
    if not meter.reset_peak():
        pytest.skip("this kernel does not let a process reset its peak")
    found = meter.Meter(on=True)
    block = np.ones(40_000_000, dtype=np.uint8)
    del block
    found.end("encode")
    found.end("prefill")
    encode, prefill, whole = found.taken(3)

    assert [event.during for event in (encode, prefill, whole)] == ["encode", "prefill", None]
    assert encode.peak_bytes - prefill.peak_bytes > 35_000_000
    assert whole.peak_bytes >= encode.peak_bytes
    assert {event.iteration for event in (encode, prefill, whole)} == {3}
    assert not encode.sampled


def test_where_the_kernel_keeps_its_peak_the_end_of_a_phase_counts() -> None:
    """The figure is then the resident set at the phase's end, and says so."""
    found = meter.Meter(on=True, reset=lambda: False)
    found.end("decode")
    decode = found.taken(0)[0]

    assert decode.sampled
    assert decode.peak_bytes == decode.resident_bytes


def test_a_meter_that_is_off_tells_nothing() -> None:
    """Outside the memory pass nothing is read."""
    found = meter.Meter(on=False)
    found.end("decode")

    assert found.taken(0) == []
