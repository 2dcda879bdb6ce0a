"""The simulated rack, filled once: what pages and sites show of many nights."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from lab.nightly.demo import fill

NIGHTS = 34
"""Nights of the rack: enough history for its screens, and the last step that its world knows."""


@pytest.fixture(scope="session")
def rack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root with the nights of the simulated rack. Tests that change it copy it."""
    root = tmp_path_factory.mktemp("rack") / "data"
    fill(root, NIGHTS, datetime(2026, 11, 29, 1, tzinfo=UTC))
    return root
