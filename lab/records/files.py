"""Names of files in a trial's folder that are read without judging it; the others are in `lab.trial.folder`."""

from __future__ import annotations

EVENTS = "events.jsonl"
"""The agent's lines."""

VITALS = "vitals.jsonl"
"""Vitals while it ran."""
