"""Many comparisons at once: Benjamini-Hochberg for a list that people read, Holm for a gate that fails a build."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lab.records import CHANGED
from lab.stats.compare import Judgement

FAMILY_LEVEL = 0.05
"""Share of false items allowed on a list, or the chance allowed of any false one at a gate. Policy."""

NIGHT_FAMILY = 20
"""A night's comparison is judged as one of this many, hence p <= .0025. Chosen on simulated nights, where a series
leads to 20 comparisons a year (`python -m benchmarks nightly`)."""


def listed(p_values: Mapping[str, float], level: float = FAMILY_LEVEL) -> tuple[str, ...]:
    """Return the names to list, by rising p; the expected share of false ones is `level` at most.

    Benjamini and Hochberg (JRSS B 57, 1995), scipy's adjustment; valid for independent and for positively
    dependent comparisons, as cells of one build are. Raises ValueError for a p outside 0 to 1.
    """
    _check(p_values)
    if not p_values:
        return ()
    from scipy.stats import false_discovery_control  # noqa: PLC0415 - half a second, for lists alone

    names = sorted(p_values, key=lambda name: (p_values[name], name))
    adjusted = false_discovery_control([p_values[name] for name in names], method="bh")
    return tuple(name for name, p in zip(names, adjusted, strict=True) if p <= level)


def failing(p_values: Mapping[str, float], level: float = FAMILY_LEVEL) -> tuple[str, ...]:
    """Return the names that may fail a gate, by rising p; the chance that any is false is `level` at most.

    Holm's steps (Scandinavian Journal of Statistics 6, 1979), valid for any dependence: the k-th smallest of
    m is compared with level / (m - k + 1), and the first that exceeds it ends the list. Raises ValueError for a p
    outside 0 to 1.
    """
    _check(p_values)
    names = sorted(p_values, key=lambda name: (p_values[name], name))
    for place, name in enumerate(names):
        if p_values[name] > level / (len(names) - place):
            return tuple(names[:place])
    return tuple(names)


def alone(comparisons: int, level: float = FAMILY_LEVEL) -> float:
    """Return the p at which one of `comparisons` is listed and fails a gate, whatever the others say."""
    return level / comparisons


def settled(judgement: Judgement, p: float, comparisons: int) -> bool:
    """Return whether one of `comparisons` needs no further pair.

    A change is first seen at a p of about .016, which is enough among three comparisons but not among more. Then
    more pairs are measured until it holds among all of them. That costs no validity: the interval and the p allow
    for every look.
    """
    return judgement.settled and (judgement.verdict not in CHANGED or p <= alone(comparisons))


def _check(p_values: Mapping[str, float]) -> None:
    wrong = {name: p for name, p in p_values.items() if not (np.isfinite(p) and 0 <= p <= 1)}
    if wrong:
        raise ValueError(f"wanted a p between 0 and 1 for each comparison, found {wrong}")
