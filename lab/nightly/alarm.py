"""The rule by which a comparison confirms a suspect. Pure: no I/O."""

from __future__ import annotations

from lab.nightly.suspect import Suspect
from lab.records import CellVerdict
from lab.stats.families import NIGHT_FAMILY, alone


def confirms(suspect: Suspect, verdict: CellVerdict) -> bool:
    """Return whether the change that a comparison found is one to alert on.

    Its p must hold among NIGHT_FAMILY comparisons, and it must go the way of tonight's figure (any way where no
    screen looked). Equal builds are found different in either direction; a slower build is slower in both
    measurements, and its pairs go on until the p holds. So this halves the false alarms and costs no power
    (`python -m benchmarks nightly`).
    """
    change = verdict.change
    if change is None or verdict.p > alone(NIGHT_FAMILY):
        return False
    return not suspect.screens or (suspect.value.value > suspect.usual) == (change.estimate > 1)
