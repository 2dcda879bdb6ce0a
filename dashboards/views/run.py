"""Run: what exactly happened?"""

from __future__ import annotations

from dashboards import parts

parts.empty("This page is being built.", "lab run vit_batch")
