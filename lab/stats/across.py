"""One change over several devices: a random-effects mean of their ratios."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.optimize import brentq
from scipy.special import stdtrit

from lab.records import LEVEL, Interval

_NO_SPREAD = 1e-9
"""Least standard error, as a share of the value, of a constant sample: 1 ns in 1 s, the clock's resolution."""


def random_effects(estimates: Sequence[Interval]) -> tuple[Interval, float] | None:
    """Return the mean ratio over devices, with an interval, and the standard deviation between them (log scale).

    One estimate for each device; those without an interval are left out, and fewer than two give None. The
    variance between devices is that of Paule and Mandel (Journal of Research of the NBS 87, 1982): with it
    Cochran's Q is k - 1, or it is 0. The interval is Hartung and Knapp's (Statistics in Medicine 20, 2001),
    Student's t with k - 1 degrees of freedom, whose scale factor Q / (k - 1) never goes below 1 (Röver, Knapp and
    Friede, BMC Medical Research Methodology 15:99, 2015): the factor is 1 here. A standard error is that of
    Student's t interval of the same width; intervals that allow for several looks are wider, so it errs to the
    large side.
    Raises ValueError for a ratio that is not above zero.
    """
    known = [
        (each.estimate, each.low, each.high, float(stdtrit(each.n - 1, (1 + each.level) / 2)))
        for each in estimates
        if each.low is not None and each.high is not None
    ]
    if len(known) < 2:
        return None
    logs = np.array([math.log(estimate) for estimate, *_ in known])
    errors = [(math.log(high) - math.log(low)) / 2 / reach for _, low, high, reach in known]
    variances = np.maximum(errors, _NO_SPREAD) ** 2
    freedom = len(known) - 1

    def excess(between: float) -> float:
        weights = 1 / (variances + between)
        return float((weights * (logs - np.average(logs, weights=weights)) ** 2).sum()) - freedom

    most = float(np.var(logs, ddof=1))
    between = float(brentq(excess, 0.0, most, xtol=1e-12)) if excess(0.0) > 0 else 0.0
    weights = 1 / (variances + between)
    centre = float(np.average(logs, weights=weights))
    reach = float(stdtrit(freedom, (1 + LEVEL) / 2)) / math.sqrt(float(weights.sum()))
    low, high = math.exp(centre - reach), math.exp(centre + reach)
    return Interval(math.exp(centre), low, high, LEVEL, len(known)), math.sqrt(between)
