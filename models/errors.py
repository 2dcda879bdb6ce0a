"""The errors the models raise on purpose; a message says what was wanted, found, where, and what to do."""

from __future__ import annotations


class PrepareError(Exception):
    """An image, prompt or model that could not be prepared; its text is meant for the user."""
