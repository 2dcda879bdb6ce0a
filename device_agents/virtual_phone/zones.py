"""The names of an MT6989's sensors: thermal zones, and the temperatures of Android's thermal service.

Names: device_care.md section 3 (vendor device tree; retail names may differ). The share says how warm a place is,
between body (0) and chip (1), and is a judgement.
"""

from __future__ import annotations

import hashlib

_LITTLE = [f"cpu-little-core{n}" for n in range(4)]
_MEDIUM = [f"cpu-medium-core{core}-{n}" for core in (4, 5, 6) for n in range(2)]
_BIG = ["cpu-big-core7-0", "cpu-big-core7-1"]

# Zone type: share of the way from body to chip.
SHARES: dict[str, float] = (
    {"soc_max": 1.0}
    | dict.fromkeys(_BIG, 1.0)
    | dict.fromkeys(_MEDIUM, 0.95)
    | dict.fromkeys(_LITTLE, 0.8)
    | {f"cpu-dsu{n}": 0.85 for n in range(4)}
    | dict.fromkeys(["apu-a0", "apu-a1", "apu-a2", "apu-a3", "apu-b0"], 0.6)
    | {f"gpu{n}": 0.6 for n in range(3)}
    | {f"soc-top{n}": 0.7 for n in range(4)}
    | {f"soc-bot{n}": 0.7 for n in range(4)}
    | {"ap_ntc": 0.3, "ltepa_ntc": 0.1, "tsx-ntc": 0.2, "quiet_ntc": 0.05, "wifi-ntc": 0.1}
    | {"vtskin-max": 0.1}
    | {f"vtskin{n}": round(0.1 - 0.01 * n, 2) for n in range(1, 7)}
    | {"battery": 0.0}
)
# Zones without a reading, each in one of the three ways of device_care.md section 3, in millidegrees.
SILENT = {"nrpa_ntc": -274_000, "ambient-ntc": 0, "pmic6363-vio": 125_000}

# Name in the thermal service: Android's type number, share. Types: device_care.md section 4.
HAL: dict[str, tuple[int, float]] = {
    "CPU": (0, 1.0),
    "GPU": (1, 0.6),
    "BATTERY": (2, 0.0),
    "SKIN": (3, 0.1),
    "USB_PORT": (4, 0.05),
    "POWER_AMPLIFIER": (5, 0.1),
    "NPU": (9, 0.6),
}

COOLING_DEVICES = (
    "cpufreq-cpu0",
    "cpufreq-cpu4",
    "cpufreq-cpu7",
    "devfreq-13000000.mali",
    "charger-cooler",
    "lcd-backlight",
)


def _scrambled(names: list[str]) -> list[str]:
    return sorted(names, key=lambda name: hashlib.sha256(name.encode()).hexdigest())


# In a meaningless order, as on phones: software that reads zone 0 instead of a type fails.
ORDER = tuple(_scrambled([*SHARES, *SILENT]))
