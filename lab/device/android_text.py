"""Parsers for what Android's tools print: properties, serials, CPU lists, free space, battery, temperatures.

Formats: device_care.md, sections 1 and 4. Missing values are None or empty, never 0.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

COLDEST, HOTTEST = 10.0, 150.0
"""The range, in degrees, in which a reading is believed to be in the unit that its source should have. Above it no
part works (AEC-Q100). Below it the unit is as likely another: 47 whole degrees, read as tenths, are 4.7. A
judgement: phones are measured in rooms at 20 to 25 degrees (device_care.md, section 6)."""

TEMPERATURES = frozenset({*range(6), *range(9, 20)})
"""The types of Android's thermal HAL that are temperatures (AOSP `TemperatureType.aidl`, Android 15): CPU, GPU,
BATTERY, SKIN, USB_PORT, POWER_AMPLIFIER; NPU to POGO. Types 6, 7 and 8 are the battery's voltage, current and
charge; -1 is unknown, and so is any other."""

GENERIC = frozenset({"", "0123456789abcdef", "unknown", "null"})
"""Serials that many devices share, in any case (DeviceFarmer/stf README; device_care.md, section 1)."""


@dataclass(frozen=True)
class Thermal:
    """`dumpsys thermalservice`: status 0 (none) to 6 (shutdown), and degrees by sensor name, from the HAL only.

    `silent` holds the text of sensors that gave no number, e.g. ``NaN``. `kinds` holds the HAL's type of each of
    these, because each vendor chooses its own names. `others` holds the type of what is not one of `TEMPERATURES`.
    """

    status: int | None
    overridden: bool
    celsius: Mapping[str, float]
    silent: Mapping[str, str] = field(default_factory=dict)
    kinds: Mapping[str, int] = field(default_factory=dict)
    others: Mapping[str, int] = field(default_factory=dict)


def number(text: str) -> float | None:
    """Parse a plain decimal number; None for anything else, including `nan` and `1e999`."""
    return float(text) if re.fullmatch(r"-?\d{1,18}(\.\d{1,9})?", text) else None


def getprop(text: str) -> dict[str, str]:
    """Parse `getprop`: one ``[name]: [value]`` a line; a value may span several lines."""
    found: dict[str, str] = {}
    name, value = "", list[str]()
    for line in text.split("\n"):
        if name:
            value.append(line)
        elif begun := re.fullmatch(r"\[([^\]]+)\]: \[(.*)", line):
            name, value = begun[1], [begun[2]]
        if name and line.endswith("]"):
            found[name] = "\n".join(value)[:-1]
            name = ""
    return found


def cpus(text: str) -> tuple[int, ...]:
    """Parse a Linux CPU list such as ``0-3,7``; empty for other text."""
    if not re.fullmatch(r"\d{1,4}(-\d{1,4})?(,\d{1,4}(-\d{1,4})?)*", text):
        return ()
    ends = [part.partition("-") for part in text.split(",")]
    return tuple(sorted({cpu for first, _, last in ends for cpu in range(int(first), int(last or first) + 1)}))


def df_free(text: str) -> int | None:
    """Return the free bytes that `df -k` of one folder shows."""
    match = re.search(r"\s(\d{1,18})\s+(\d{1,18})\s+(\d{1,18})\s+\d{1,3}%\s", f"{text}\n", re.ASCII)
    return int(match[3]) * 1024 if match else None


def dumpsys_battery(text: str) -> dict[str, str]:
    """Parse the battery's `key: value` lines, up to the vendor's log; add ``faked`` when updates are stopped."""
    found: dict[str, str] = {}
    inside = False
    for line in text.splitlines():
        if line.startswith("Current Battery Service state"):
            inside = True
        elif inside and not line.startswith(" "):
            break
        elif inside and "UPDATES STOPPED" in line:
            found["faked"] = line.strip()
        elif inside:
            key, _, value = line.strip().partition(": ")
            found.setdefault(key.rstrip(":"), value.strip())
    return found


def no_battery(battery: Mapping[str, str]) -> bool:
    """Say whether Android reports that the device has no battery.

    Where its HAL knows nothing, Android fills in 0 everywhere: a battery at 0 V feeds no phone.
    """
    zeros = ("level", "voltage", "temperature")
    return battery.get("present") == "false" or all(battery.get(name) == "0" for name in zeros)


def battery_celsius(battery: Mapping[str, str]) -> float | None:
    """Return the battery's temperature in degrees, from tenths; None when missing, faked, or not believed."""
    said = battery.get("temperature", "")
    if "faked" in battery or no_battery(battery) or not re.fullmatch(r"-?\d{1,4}", said):
        return None
    celsius = int(said) / 10
    return celsius if COLDEST <= celsius <= HOTTEST else None


def dumpsys_thermal(text: str) -> Thermal:
    """Parse the thermal service: cached temperatures are old, so only those under "from HAL" count."""
    status = re.search(r"^Thermal Status: (\d)$", text, re.MULTILINE)
    overridden = re.search(r"^IsStatusOverride: true$", text, re.MULTILINE) is not None
    _, _, section = text.partition("Current temperatures from HAL:\n")
    section = section.partition("Current cooling devices")[0] if "HAL Ready: true" in text else ""
    found = re.findall(r"Temperature\{mValue=([^,}]{0,64}), mType=(-?\d{1,9}), mName=([^,}]{1,128}),", section)
    said = [one for one in found if int(one[1]) in TEMPERATURES]
    numbers = {name for value, _, name in said if re.fullmatch(r"-?\d+(\.\d+)?", value)}
    return Thermal(
        int(status[1]) if status else None,
        overridden,
        {name: float(value) for value, _, name in said if name in numbers},
        {name: value[:40] for value, _, name in said if name not in numbers},
        {name: int(kind) for _, kind, name in said},
        {name: int(kind) for _, kind, name in found if int(kind) not in TEMPERATURES},
    )


def own(serialno: str) -> str:
    """Return the serial that a device reports; empty if it is one of `GENERIC`, which many devices share."""
    return "" if serialno.lower() in GENERIC else serialno
