"""The exception with which a nested check reports why a trial does not count."""

from __future__ import annotations

from device_agents.contract import InvalidReason
from lab.records import Flaw


class Found(Exception):  # noqa: N818 - carries a finding out of nested checks, not an error
    """Raised by a nested check that finds a `flaw`."""

    def __init__(self, reason: InvalidReason, detail: str) -> None:
        super().__init__(detail)
        self.flaw = Flaw(reason, detail)
