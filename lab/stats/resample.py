"""Error rates of a device's verdicts, from comparisons drawn from its own A/A pairs.

Pairs measured one after the other are not independent (heat, another program that comes and goes), so blocks of
neighbours are drawn in the order of time, not single pairs (Kuensch, Annals of Statistics 17, 1989; with the ends
joined, so that every pair is drawn equally often: Politis and Romano, in Exploring the Limits of Bootstrap, 1992).
With one side scaled the truth is known; the assumption is that the noise, as a share, stays the same at the scaled
level. Resampling cannot show what the pairs did not contain.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv

from lab.errors import NotEnoughData
from lab.records import LEVEL, ResampledRates
from lab.stats.findable import least
from lab.stats.interval import Looks
from lab.stats.many import Flags2, judge_many
from lab.stats.sample import Floats, usable

SCALES = (1.0, 1.01, 1.02, 1.03, 1.05, 1.10)
"""Factors that slow one side down: 1 for none, and the slow-downs of the lab's acceptance numbers."""

VERDICTS = 1000
"""Comparisons drawn at each scale: with none false, the exact upper bound is 0.3 %."""

LEAST_PAIRS = 30
"""Fewest A/A pairs (60 trials) that give rates. Policy, the fewest that a self-check is asked to measure."""

WELL_FOUND = 0.95
"""Share of comparisons that must find a slow-down for the device to be able to show it. Policy."""


Places = npt.NDArray[np.int64]
"""Where each pair drawn stood among the ratios it was drawn from."""


def at_most(k: int, n: int, level: float = LEVEL) -> float:
    """Return the exact one-sided upper bound of a rate seen k times in n (Clopper and Pearson 1934).

    Raises ValueError unless 0 <= k <= n and n >= 1.
    """
    if not 0 <= k <= n or n < 1:
        raise ValueError(f"wanted k of n with 0 <= k <= n and n >= 1, found {k} of {n}")
    return 1.0 if k == n else float(betaincinv(k + 1, n - k, level))


def at_least(k: int, n: int, level: float = LEVEL) -> float:
    """Return the exact one-sided lower bound of a rate seen k times in n; raises as :func:`at_most` does."""
    return 1.0 - at_most(n - k, n, level)


def block_length(pairs: int) -> int:
    """Return how many neighbouring pairs to draw together: the cube root of `pairs`, rounded up.

    The order of growth is that of Hall, Horowitz and Jing (Biometrika 82, 1995). Raises NotEnoughData with fewer
    than :data:`LEAST_PAIRS`.
    """
    if pairs < LEAST_PAIRS:
        raise NotEnoughData(f"wanted at least {LEAST_PAIRS} A/A pairs to draw comparisons from, found {pairs}")
    return math.ceil(round(math.pow(pairs, 1 / 3), 9))


def draw(ratios: Sequence[float], looks: Looks, comparisons: int, seed: int) -> tuple[Floats, Places]:
    """Return log ratios (comparisons, looks.most) made of blocks of A/A ratios given in the order of time.

    And the place of each among the ratios. Raises NotEnoughData as :func:`block_length` does, ValueError for a
    ratio that is not finite and above zero.
    """
    length = block_length(len(ratios))
    if not usable(ratios):
        raise ValueError("wanted A/A ratios that are finite and above zero")
    logs = np.log(np.asarray(ratios, dtype=np.float64))
    blocks = -(-looks.most // length)
    starts = np.random.default_rng(seed).integers(0, logs.size, (comparisons, blocks))
    at = (starts[:, :, None] + np.arange(length)) % logs.size
    places = at.reshape(comparisons, -1)[:, : looks.most]
    return np.asarray(logs[places], dtype=np.float64), places


def rates(
    ratios: Sequence[float],
    firsts: Sequence[bool] | None,
    looks: Looks,
    *,
    seed: int,
    scales: Sequence[float] = SCALES,
    n: int = VERDICTS,
) -> tuple[ResampledRates, ...]:
    """Return the verdicts on `n` comparisons at each scale, judged after every pair as a running comparison is.

    `ratios` are A/A pairs, candidate / baseline, in the order of time; `firsts` says of each whether the candidate
    was measured first (None: not known, and its effect stays in). In every comparison, chance decides which
    of the two sides is scaled, so that a bias of these pairs by luck does not help to find a slow-down; a real
    bias of the measurement remains and shows as wrong verdicts. The same comparisons are judged at every scale.
    Raises as :func:`draw` does, and ValueError unless each pair has its order.
    """
    logs, turns = _drawn(ratios, firsts, looks, n, seed)
    return tuple(_rates(logs, turns, looks, scale) for scale in scales)


def _drawn(
    ratios: Sequence[float], firsts: Sequence[bool] | None, looks: Looks, n: int, seed: int
) -> tuple[Floats, Flags2 | None]:
    """Draw comparisons, with their orders; chance chooses, for each, the side that will be slowed down."""
    if firsts is not None and len(firsts) != len(ratios):
        raise ValueError(f"wanted an order for each of {len(ratios)} pairs, found {len(firsts)}")
    logs, places = draw(ratios, looks, n, seed)
    sides = np.random.default_rng([seed, 1]).choice([-1.0, 1.0], size=(n, 1))
    turns = None if firsts is None else np.asarray(firsts, dtype=np.bool_)[places] ^ (sides < 0)
    return np.asarray(logs * sides, dtype=np.float64), turns


def _rates(logs: Floats, turns: Flags2 | None, looks: Looks, scale: float) -> ResampledRates:
    judged = judge_many(logs + math.log(scale), looks, turns)
    count = {
        word: int(np.sum(judged.verdicts == word)) for word in ("regressed", "improved", "same", "cannot tell")
    }
    right = 0 if scale == 1 else count["regressed"]
    return ResampledRates(
        slow_down=scale,
        n=len(logs),
        found=right,
        wrong=count["regressed"] + count["improved"] - right,
        same=count["same"],
        undecided=count["cannot tell"],
        pairs=float(judged.pairs.mean()),
    )


def smallest_found(
    ratios: Sequence[float], firsts: Sequence[bool] | None, looks: Looks, *, seed: int, n: int = VERDICTS
) -> float | None:
    """Return the smallest slow-down (0.02 = 2 %) found in a share WELL_FOUND of the comparisons of :func:`rates`.

    By bisection (`lab.stats.findable.least`); None if even twice the time is found less often. Raises as
    :func:`rates` does.
    """
    logs, turns = _drawn(ratios, firsts, looks, n, seed)

    def well_found(change: float) -> bool:
        return _rates(logs, turns, looks, 1 + change).found >= WELL_FOUND * n

    return least(well_found, above=0.0)
