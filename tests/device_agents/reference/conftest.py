"""An agent that runs inside the test process pins its thread: every test here gives the cores back."""

import os
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _same_cores() -> Iterator[None]:
    allowed = os.sched_getaffinity(0)
    yield
    os.sched_setaffinity(0, allowed)
