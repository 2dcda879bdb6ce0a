"""Whether a comparison confirms what a screen noticed. Pure: no I/O."""

from __future__ import annotations

from lab.nightly.suspect import Suspect
from lab.records import CellVerdict
from lab.stats.families import NIGHT_FAMILY, alone


def confirms(suspect: Suspect, verdict: CellVerdict) -> bool:
    """Return whether the change that a comparison found is one to alert of.

    Its p must hold among NIGHT_FAMILY comparisons, and it must go the way of tonight's figure (any way where no
    screen looked). Equal builds are found different in either direction; a slower build is slower in both
    measurements, and its pairs go on until the p holds. So this halves the false alarms and costs no power
    (`python -m benchmarks nightly`).
    """
    return verdict.p <= alone(NIGHT_FAMILY) and same_way(suspect, verdict)


def same_way(suspect: Suspect, verdict: CellVerdict) -> bool:
    """Return whether a comparison found a change, and it goes the way of tonight's figure."""
    change = verdict.change
    if change is None:
        return False
    return not suspect.screens or (suspect.value.value > suspect.usual) == (change.estimate > 1)
