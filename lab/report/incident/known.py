"""Everything that a store knows of an incident, and a reason that it gives. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from lab.records import Incident, Night, SelfCheck, Value
from lab.report.incident.confirmed import Confirmed


@dataclass(frozen=True)
class Reason:
    """A sentence that speaks for the incident being real, against that, or says what is unknown."""

    side: Literal["for", "against", "unknown"]
    words: str


@dataclass(frozen=True)
class Known:
    """Everything that a store knows of an incident: its series, the worst first, and the nights that found them.

    `values` are the figures of the first of `nights`, in which the worst series was found. `checks` holds the
    newest self-check of each device that judged anything; None for a device without one.
    """

    incident: Incident
    series: tuple[Confirmed, ...]
    nights: tuple[Night, ...] = ()
    values: tuple[Value, ...] = ()
    checks: Mapping[str, SelfCheck | None] | None = None

    @property
    def devices(self) -> tuple[str, ...]:
        """The devices on which series got worse."""
        return tuple(sorted({each.member.series.device for each in self.series}))
