"""Fixtures of the tests of nights."""

from __future__ import annotations

from tests.lab.compare.compare_lab import make  # noqa: F401 - a fixture
from tests.lab.nightly.line_lab import line  # noqa: F401 - a fixture
