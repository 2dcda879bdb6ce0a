"""The farm's one error; its message is for the person who typed the command."""

from __future__ import annotations


class FarmError(Exception):
    """Something that the farm needs is missing or failed: what was wanted, found, where, and what to do."""
