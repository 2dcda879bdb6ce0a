"""Debian's own packages come from the mirror of the release that is asked for."""

from __future__ import annotations

from device_agents.debian import mirror_in


def test_the_mirror_is_that_of_the_release_itself() -> None:
    """Not of its updates, and not of another publisher's packages for it."""
    targets = "mirror-a bookworm-updates main\nmirror-b cloud-bookworm main\nmirror-c bookworm main\n"

    assert mirror_in(targets, "bookworm") == "mirror-c"
    assert mirror_in(targets, "trixie") is None
