"""Quality: how good is the lab itself?"""

from __future__ import annotations

from dashboards import parts

parts.empty("This page is being built.", "lab selfcheck")
