"""Neighbouring pairs that agree more than chance explains: a sign that pairs are not independent.

Where each side keeps a core or a memory layout for some pairs, the pairs of that time lean to one side together,
and no interval of one session allows for it. A permutation test shows it, if the session saw more than one such
time.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lab.stats.sample import logs_of
from lab.stats.sequential import centre_of

DRAWN = 1999
"""Permutations drawn, by one seed: the smallest p is .0005."""


def p_serial(ratios: Sequence[float], firsts: Sequence[bool] | None) -> float:
    """Return the one-sided p of "neighbouring pairs are no more alike than others", in the order of time.

    The statistic is the sum of products of neighbouring residuals (lag-1 autocorrelation) of log ratios without
    their mean and the effect of their order, compared with that of random orders of the same residuals
    (Wald and Wolfowitz, Annals of Mathematical Statistics 14, 1943). 1 for pairs too few to have residuals, and
    for constant ones. Raises ValueError for a ratio that is not finite and above zero.
    """
    logs = logs_of(ratios)
    found = centre_of(logs, firsts) if logs.size else None
    if found is None or found.spread == 0:
        return 1.0
    turns = np.zeros(logs.size) if firsts is None else np.where(np.asarray(firsts), 1.0, -1.0)
    rest = logs - logs.mean()
    turns = turns - turns.mean()
    if turns.any():
        rest = rest - turns * (rest @ turns) / (turns @ turns)
    drawn = np.random.default_rng(19).permuted(np.tile(rest, (DRAWN, 1)), axis=1)
    seen = float((rest[1:] * rest[:-1]).sum())
    others = (drawn[:, 1:] * drawn[:, :-1]).sum(axis=1)
    return float((1 + np.sum(others >= seen - 1e-12)) / (1 + DRAWN))
