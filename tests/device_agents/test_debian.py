"""Debian's own packages come from the mirror of the release that is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from device_agents.debian import DebianError, mirror_in, want_keys


def test_the_mirror_is_that_of_the_release_itself() -> None:
    """Not of its updates, and not of another publisher's packages for it."""
    targets = "mirror-a bookworm-updates main\nmirror-b cloud-bookworm main\nmirror-c bookworm main\n"

    assert mirror_in(targets, "bookworm") == "mirror-c"
    assert mirror_in(targets, "trixie") is None


def test_without_debians_keys_nothing_is_fetched(tmp_path: Path) -> None:
    """Debootstrap would go on unsigned."""
    with pytest.raises(DebianError, match="found nothing: apt-get install debian-archive-keyring"):
        want_keys(tmp_path / "debian-archive-keyring.gpg")
