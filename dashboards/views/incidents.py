"""Incidents: what must be acted on, and whose is it?"""

from __future__ import annotations

from dashboards import parts

parts.empty("This page is being built.", "lab nightly")
