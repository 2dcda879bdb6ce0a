"""Incident: is it real, since when, which build, and what else moved?"""

from __future__ import annotations

from dashboards import parts

parts.empty("This page is being built.", "lab incidents")
