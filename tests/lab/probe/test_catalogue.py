"""The catalogue of probes holds nothing that could harm a phone."""

from __future__ import annotations

from lab.probe.catalogue import PROBES, Probe, Setting


def test_nothing_dangerous_is_on_the_list() -> None:
    """No probe fakes values, removes protection or lasts beyond the probe; names are unique."""
    lines = [" ".join(one.argv) for one in PROBES]
    words = ("override-status", "battery set", "battery unplug", "thermald", "reboot", "set-mode", "rm ", "> /")

    assert not [line for line in lines for word in words if word in line]
    assert len({one.name for one in PROBES}) == len(PROBES)
    assert all(one.shows for one in PROBES)
    assert all(one.timeout_s <= 60 for one in PROBES if isinstance(one, Probe))
    assert all(one.write[1] == "put" for one in PROBES if isinstance(one, Setting))
