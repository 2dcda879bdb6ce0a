"""Compare: build A or B, with its interval and its verdict."""

from __future__ import annotations

from dashboards import parts

parts.empty("This page is being built.", "lab compare A B --scenario decode")
