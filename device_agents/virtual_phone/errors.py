"""The one error of the farm; its text is meant for the person who typed the command."""

from __future__ import annotations


class FarmError(Exception):
    """Something the farm needs is missing or went wrong: wanted, found, where, what to do."""
