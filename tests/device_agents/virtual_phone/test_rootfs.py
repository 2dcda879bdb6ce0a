"""The mirror that a phone's root file system is made from."""

from __future__ import annotations

from device_agents.virtual_phone import rootfs


def test_the_mirror_is_debians_own_archive() -> None:
    """Of apt's sources it is neither security updates, nor backports, nor somebody else's archive."""
    targets = (
        "http://mirror.example/debian-security/ bookworm-security main\n"
        "http://mirror.example/debian/ bookworm main\n"
        "http://mirror.example/debian/ bookworm non-free\n"
        "http://mirror.example/debian/ bookworm-updates main\n"
        "https://tools.example/apt stable main\n"
    )
    assert rootfs.debian_in(targets) == ["http://mirror.example/debian/"]
