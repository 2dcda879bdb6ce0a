"""Fixtures of the tests of runs."""

from __future__ import annotations

from tests.fake_lab import make  # noqa: F401 - a fixture
