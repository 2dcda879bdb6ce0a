"""Modes of sensors and tools are refused in words where there is no such thing."""

from pathlib import Path

import pytest

from device_agents.virtual_phone import knobs
from device_agents.virtual_phone.errors import FarmError


def test_an_unknown_knob_is_refused_in_words(tmp_path: Path) -> None:
    """The message lists the known sensors, tools and modes."""
    with pytest.raises(FarmError, match=r"no sensor or tool is called 'nose'.*vtskin-max"):
        knobs.misbehave(tmp_path, "nose", "hang")
    with pytest.raises(FarmError, match="soc_max cannot 'lie'; it knows: freeze, hang, nan, ok, refuse, vanish"):
        knobs.misbehave(tmp_path, "soc_max", "lie")
