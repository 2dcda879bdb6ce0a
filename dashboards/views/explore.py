"""Explore: any series over builds and nights."""

from __future__ import annotations

from dashboards import parts

parts.empty("This page is being built.", "make nightly")
