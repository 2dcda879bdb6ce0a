"""The sign of every outcome, verdict, state and condition: a word and a shape first, a colour second."""

from __future__ import annotations

from collections.abc import Mapping

SIGNS: Mapping[str, str] = {
    "regressed": "×",
    "slower": "×",
    "suspected": "?",
    "cannot tell": "±",
    "not reproduced": "○",
    "not the build": "≠",
    "trend": "~",
    "improved": "✓",
    "faster": "✓",
    "known": "•",
    "no change seen": "=",
    "same": "=",
    "no history": "·",
    "not measured": "∅",
    "incomparable": "≠",
    "new": "!",
    "back": "↺",
    "acknowledged": "◔",
    "expected": "☑",
    "fixed": "✓",
    "invalid": "–",
    "quarantined": "⊘",
    "silent": "∅",
    "in use": "▸",
    "failing": "?",
    "partly measured": "◐",
    "measured": "✓",
    "not planned": "·",
    "counts": "✓",
    "unsteady": "~",
    "memory": "▤",
    "running": "▸",
    "finished": "✓",
    "interrupted": "‖",
    "failed": "×",
}
"""An outcome of a night, a verdict, the state of an incident, a device, a run or a trial -> its sign."""
