"""The errors that models/ raises; each message says what was wanted and found, where, and what to do."""

from __future__ import annotations


class PrepareError(Exception):
    """An image, prompt or model cannot be prepared; the text is a message for the user."""
