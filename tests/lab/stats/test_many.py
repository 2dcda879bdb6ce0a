"""Many comparisons judged on arrays, against the judgement of one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.stats.compare import judge
from lab.stats.interval import Looks
from lab.stats.many import judge_many

SHORT = Looks(most=10, first=6)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**31), st.sampled_from([0.0, 0.04, 0.1]), st.floats(0.003, 0.08))
def test_many_are_judged_as_one_is(seed: int, shift: float, cv: float) -> None:
    """The arrays give the verdicts of `judge` after every pair."""
    logs = np.random.default_rng(seed).normal(shift, cv, (10, SHORT.most))
    judged = judge_many(logs, SHORT)

    for row, word, taken in zip(logs, judged.verdicts, judged.pairs, strict=True):
        for n in range(1, SHORT.most + 1):
            one = judge(dict(enumerate(np.exp(row[:n]))), dict.fromkeys(range(n), 1.0), "lower", SHORT)
            if one.settled or n == SHORT.most:
                break
        assert (one.verdict, n) == (word, taken)


def test_fewer_pairs_than_looks_are_refused() -> None:
    """Every comparison needs as many pairs as there are looks."""
    with pytest.raises(ValueError, match="10 pairs each"):
        judge_many(np.zeros((5, 9)), SHORT)
