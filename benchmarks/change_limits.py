"""The limits of a split (`lab.stats.split.LIMITS`): quantiles of its largest statistic in independent noise."""

from __future__ import annotations

import numpy as np

from lab.stats.split import LIMITS, statistics

SEED = 20261129
RARE = 0.002


def run() -> bool:
    """Print limit and table side by side; True if they agree within 5 %, twice the error of the simulation."""
    met = True
    for nights, table in LIMITS.items():
        generator = np.random.default_rng([SEED, nights])
        largest = [statistics(generator.random(nights)).max() for _ in range(20_000)]
        limit = float(np.quantile(largest, 1 - RARE))
        met = met and abs(limit / table - 1) <= 0.05
        print(f"  {nights} nights: {limit:.2f}, in the table {table:.2f}", flush=True)
    return met
