"""Which processes belong to a phone."""

from __future__ import annotations

import os

from device_agents.virtual_phone import linux


def test_processes_of_a_phone_are_known_by_their_namespace() -> None:
    """The process itself comes first."""
    assert linux.in_namespace_of(os.getpid())[0] == os.getpid()
