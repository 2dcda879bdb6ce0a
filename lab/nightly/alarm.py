"""Whether a comparison confirms what a screen noticed. Pure: no I/O.

Equal builds are found different in either direction, at a p that just suffices. A slower build is slower in the
night and in the pairs, which go on until the p is small. So both rules together halve the false alarms and cost no
power (`python -m benchmarks nightly`).
"""

from __future__ import annotations

from lab.nightly.suspect import Suspect
from lab.records import CellVerdict
from lab.stats.families import NIGHT_FAMILY, alone


def confirms(suspect: Suspect, verdict: CellVerdict) -> bool:
    """Return whether the change that a comparison found goes the way of tonight's figure.

    True too where no screen looked, so that there is nothing to contradict.
    """
    change = verdict.change
    if change is None or not suspect.screens:
        return True
    return (suspect.value.value > suspect.usual) == (change.estimate > 1)


def sure(verdict: CellVerdict) -> bool:
    """Return whether a change holds among NIGHT_FAMILY comparisons, which a night's own goes on for."""
    return verdict.p <= alone(NIGHT_FAMILY)
