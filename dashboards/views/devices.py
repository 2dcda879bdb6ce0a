"""Devices: which are healthy, and agree with each other?"""

from __future__ import annotations

from dashboards import parts

parts.empty("This page is being built.", "lab devices")
