"""Scenarios: the paper's questions, for any device and build."""

from __future__ import annotations

from dashboards import parts

parts.empty("This page is being built.", "lab run vit_batch")
