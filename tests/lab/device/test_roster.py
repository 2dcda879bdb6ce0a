"""Which device a person means by a word."""

from __future__ import annotations

import pytest

from lab.device import roster
from lab.device.android import Description
from lab.device.roster import Entry
from lab.errors import DeviceRefused


def entry(name: str, *, soc: str = "MT6989", state: str = "device", quarantined: str | None = None) -> Entry:
    """Make an entry of the list."""
    found = Description(name, f"serial-{name}", "phone", soc, "14", state, None, None, None, "")
    return Entry(found, "", quarantined)


ENTRIES = [
    entry("a"),
    entry("b", soc="SM8650"),
    entry("c", state="unauthorized"),
    entry("d", quarantined="3 failures in a row"),
]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a", ["a"]),
        ("serial-a", ["a"]),
        ("host", ["host"]),
        ("soc:mt6989", ["a"]),
        ("all", ["a", "b"]),
        ("b, host,a", ["b", "host", "a"]),
        ("a,all", ["a", "b"]),
    ],
)
def test_a_device_is_meant_by_many_words(text: str, names: list[str]) -> None:
    """Each device once, in the order named; `all` is what is attached, not the host."""
    chosen = roster.choose(text, ENTRIES, tell=lambda words: None)

    assert [each if isinstance(each, str) else each.name for each in chosen] == names


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x", r"no device 'x'; known: host, a \(MT6989\), b \(SM8650\)"),
        ("c", "c: unauthorized; unlock its screen and allow USB debugging"),
        ("d", "quarantined: 3 failures in a row; .* lab devices release d"),
        ("soc:MT9999", "no usable device with SoC MT9999"),
        (",", "wanted a device"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_the_list(text: str, words: str) -> None:
    """Wanted, found, and what to do."""
    with pytest.raises(DeviceRefused, match=words):
        roster.choose(text, ENTRIES, tell=lambda said: None)


def test_what_all_leaves_out_is_said() -> None:
    """An unauthorized phone and a quarantined one, each with what to do."""
    said: list[str] = []

    roster.choose("all", ENTRIES, tell=said.append)

    assert [words.partition(": ")[2][:2] for words in said] == ["c:", "d:"]
