"""Shares of right answers, and their paired differences, where questions come in clusters: one for each image.

Answers about one image rise and fall together, so that a hundred questions about ten images tell less than a
hundred images. Greedy answers are the same in each trial: the sample is the questions, never the trials.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence

import numpy as np
from scipy import stats

from lab.errors import NotEnoughData
from lab.records import LEVEL, Interval

LEAST_CLUSTERS = 5
"""Fewest images for an interval: as many as trials elsewhere (`lab.stats.sample.MIN_TRIALS`). A judgement."""


def share(right: Iterable[tuple[Hashable, bool]], *, level: float = LEVEL) -> Interval:
    """Return the share of right answers, given (image, right or not) of each question.

    Wilson's interval at the effective number of questions, n over the design effect, with Student's t for images
    minus one degrees of freedom (Dean and Pagano, J. Survey Stat. Methodol. 3, 2015, 484, the modified Wilson
    interval). The design effect is the linearised variance of the share over the binomial one, at least 1; where
    all answers are right or all wrong it cannot be seen, and every image counts as one question. Raises
    `NotEnoughData` without a question; there are no ends with fewer than LEAST_CLUSTERS images.
    """
    hits, counts = _by_cluster((image, float(ok)) for image, ok in right)
    n, m = float(counts.sum()), len(counts)
    if not m:
        raise NotEnoughData("wanted the share of right answers, found no question")
    p = float(hits.sum()) / n
    if m < LEAST_CLUSTERS:
        return Interval(p, None, None, level, int(n))
    binomial = p * (1 - p) / n
    effect = _variance(hits, counts, p) / binomial if binomial else n / m
    t = float(stats.t.ppf((1 + level) / 2, m - 1))
    low, high = _wilson(p, n / max(effect, 1.0), t)
    return Interval(p, low, high, level, int(n))


def difference(pairs: Iterable[tuple[Hashable, bool, bool]], *, level: float = LEVEL) -> Interval:
    """Return by how much the share of right answers is larger the second time, on the same questions.

    `pairs` holds (image, right before, right now) of each question. The linearised variance of a ratio over images
    (Cochran, Sampling Techniques, 1977, eq. 6.12) and Student's t. Where no answer changed, the ends are the
    largest share of images that may change unseen: Wilson's upper end for none of them.
    """
    changes, counts = _by_cluster((image, float(now) - float(before)) for image, before, now in pairs)
    n, m = float(counts.sum()), len(counts)
    if not m:
        raise NotEnoughData("wanted a difference of shares, found no question that both have")
    d = float(changes.sum()) / n
    if m < LEAST_CLUSTERS:
        return Interval(d, None, None, level, int(n))
    t = float(stats.t.ppf((1 + level) / 2, m - 1))
    half = t * math.sqrt(_variance(changes, counts, d))
    if half == 0.0:
        half = _wilson(0.0, float(m), t)[1]
    return Interval(d, max(-1.0, d - half), min(1.0, d + half), level, int(n))


def _by_cluster(values: Iterable[tuple[Hashable, float]]) -> tuple[np.ndarray, np.ndarray]:
    """Return the sum and the number of values of each cluster."""
    found: dict[Hashable, list[float]] = {}
    for cluster, value in values:
        found.setdefault(cluster, []).append(value)
    return np.array([sum(each) for each in found.values()]), np.array([len(each) for each in found.values()])


def _variance(sums: np.ndarray, counts: np.ndarray, ratio: float) -> float:
    """Return the variance of sum over count, linearised around the ratio."""
    m = len(counts)
    residuals = sums - ratio * counts
    return float(m / (m - 1) * (residuals**2).sum() / counts.sum() ** 2)


def _wilson(p: float, n: float, z: float) -> tuple[float, float]:
    """Return Wilson's interval (J. Am. Stat. Assoc. 22, 1927, 209) of a share p of n."""
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def pairs_of(
    before: Sequence[tuple[str, str, bool]], now: Sequence[tuple[str, str, bool]]
) -> list[tuple[str, bool, bool]]:
    """Pair (question, image, right) of two evaluations by question; leave out what only one has."""
    known = {name: right for name, _, right in before}
    return [(image, known[name], right) for name, image, right in now if name in known]
