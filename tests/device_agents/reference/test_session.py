"""Read from /proc: the features of the CPU."""

from __future__ import annotations

from device_agents.reference.session import cpu_features


def test_cpu_features_are_those_that_every_core_has() -> None:
    """Of a big and a little core only common features count, and only those that choose kernels."""
    text = "processor\t: 0\nFeatures\t: fp asimd asimddp i8mm\n\nprocessor\t: 1\nFeatures\t: fp asimd asimddp\n"

    assert cpu_features(text) == ["asimd", "asimddp"]
    assert cpu_features("") == []
