"""Fixed performance where it cannot be proven: it is asked for, and switched off again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lab.device.transport import Completed
from tests.lab.device.care.android_phone import (
    SECURITY,
    Android,
    as_bought,
    hide_clocks,
    journalled,
    prepared,
    put_back,
)


@pytest.fixture
def android(tmp_path: Path) -> Android:
    """A phone as bought."""
    return as_bought(tmp_path)


def test_fixed_performance_is_asked_for_where_no_clock_can_be_read(android: Android, tmp_path: Path) -> None:
    """Nobody can prove it, so it is unverifiable; it is switched off again all the same."""
    hide_clocks(android)

    found = prepared(android, tmp_path, "fixed")["fixed_performance"]

    assert (found.outcome, found.before, found.after) == ("unverifiable", "", "")
    assert android.fixed
    assert [one["before"] for one in journalled(tmp_path) if one["setting"] == found.name] == ["not held"]
    restored = put_back(android, tmp_path)
    assert not android.fixed
    assert "fixed_performance" in restored.undone
    assert (restored.told, journalled(tmp_path)) == ((), [])


def test_fixed_performance_that_android_refuses_leaves_nothing_to_be_put_back(
    android: Android, tmp_path: Path
) -> None:
    """Android 10 does not know the mode: no later contact tries to switch it off."""
    hide_clocks(android)

    def unknown(line: str, does: Callable[[], Completed]) -> Completed:
        return (
            Completed(255, "", "Unknown command: set-fixed-performance-mode-enabled")
            if "fixed" in line
            else does()
        )

    android.answers = unknown
    found = prepared(android, tmp_path, "fixed")["fixed_performance"]

    assert found.outcome == "unverifiable"
    assert found.detail.startswith("Unknown command: set-fixed-performance-mode-enabled; ")
    assert (put_back(android, tmp_path).told, journalled(tmp_path)) == ((), [])


def test_fixed_performance_that_could_not_be_switched_off_is_not_forgotten(
    android: Android, tmp_path: Path
) -> None:
    """A later refusal to switch it on again says nothing of what an earlier run switched on."""
    hide_clocks(android)
    prepared(android, tmp_path, "fixed")

    def refuses(line: str, does: Callable[[], Completed]) -> Completed:
        return Completed(255, "", SECURITY) if "fixed" in line else does()

    android.answers = refuses
    prepared(android, tmp_path, "fixed")
    assert put_back(android, tmp_path).pending == ("fixed_performance",)

    android.answers = lambda line, does: does()
    assert put_back(android, tmp_path).pending == ()
    assert not android.fixed
