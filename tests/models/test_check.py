"""The divergence of two distributions."""

from __future__ import annotations

import numpy as np
import pytest

from models.check import divergence


def test_divergence_is_that_of_two_known_distributions() -> None:
    """KL((3/4, 1/4) from (1/2, 1/2)) = 3/4 ln 3/2 + 1/4 ln 1/2 = 0.1308 nats."""
    wanted = np.log(np.array([[0.75, 0.25]], dtype=np.float32))
    found = np.log(np.array([[0.5, 0.5]], dtype=np.float32))

    assert divergence(wanted, found) == pytest.approx(0.13081, abs=1e-5)
    assert divergence(wanted, wanted) == 0.0
