"""Read from /proc: the features of the CPU, and the memory of the agent."""

from __future__ import annotations

from device_agents.reference.session import cpu_features, memory_of


def test_cpu_features_are_those_that_every_core_has() -> None:
    """Of a big and a little core only common features count, and only those that choose kernels."""
    text = "processor\t: 0\nFeatures\t: fp asimd asimddp i8mm\n\nprocessor\t: 1\nFeatures\t: fp asimd asimddp\n"

    assert cpu_features(text) == ["asimd", "asimddp"]
    assert cpu_features("") == []


def test_memory_is_read_in_bytes() -> None:
    """The kB in /proc are units of 1024 bytes."""
    memory = memory_of("Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t    1000 kB\n", 7)

    assert (memory.iteration, memory.resident_bytes, memory.peak_bytes) == (7, 1_024_000, 2_097_152)
