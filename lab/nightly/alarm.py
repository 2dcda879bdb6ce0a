"""Whether a comparison that found a change confirms what a screen noticed. Pure: no I/O."""

from __future__ import annotations

from lab.nightly.suspect import Suspect
from lab.records import CellVerdict


def confirms(suspect: Suspect, verdict: CellVerdict) -> bool:
    """Return whether the change that a comparison found goes the way of tonight's figure.

    True too where no screen looked, so that there is nothing to contradict. The comparison of equal builds is
    wrong as often in either direction, a slower build is slower in both measurements: the rule halves false
    alarms and loses none of the slower builds (`python -m benchmarks nightly`).
    """
    change = verdict.change
    if change is None or not suspect.screens:
        return True
    return (suspect.value.value > suspect.usual) == (change.estimate > 1)
