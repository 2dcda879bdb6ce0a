"""The modes of a phone's sensors and tools, set by `sensor NAME MODE` and kept in its state as `sensor/NAME`.

| mode | a reading (thermal zone, or `CPU` ... `NPU` of the thermal service) | a tool or service |
|---|---|---|
| `ok` | works again | works again |
| `refuse` | Permission denied; missing in dumpsys | SecurityException or Permission denied, status 255 |
| `hang` | reading blocks; missing in dumpsys | never answers, until set to another mode |
| `vanish` | no such file; missing in dumpsys | no such command or service; `thermalservice`: HAL Ready: false |
| `nan` | -274000 in sysfs, NaN in dumpsys | only `battery`: temperature 0 |
| `freeze` | keeps its last value | only `battery`, `thermalservice`: readings do not change |
| `lie` | | reports success and does nothing |

`battery` is a zone and a service: a mode applies to both. `fixed-performance` is the command of `cmd power` with
that name. Readings follow within a second, tools at once.
"""

from __future__ import annotations

from pathlib import Path

from device_agents.virtual_phone.errors import FarmError
from device_agents.virtual_phone.zones import HAL, ORDER

TOOLS = frozenset(
    {"getprop", "setprop", "settings", "svc", "dumpsys", "cmd", "logcat", "device_config"}
    | {"activity", "package", "window", "input", "power", "fixed-performance", "thermalservice", "battery"}
    | {"deviceidle", "connectivity", "meminfo"}
)
READINGS = frozenset(ORDER) | frozenset(HAL)
_TOOL_MODES = {"ok", "refuse", "hang", "vanish", "lie"}
_READING_MODES = {"ok", "refuse", "hang", "vanish", "nan", "freeze"}


def allowed(name: str) -> set[str]:
    """Return the modes of a sensor or tool; empty when there is none of that name."""
    modes = (_TOOL_MODES if name in TOOLS else set()) | (_READING_MODES if name in READINGS else set())
    return modes | ({"freeze"} if name == "thermalservice" else set())


def misbehave(state_root: Path, name: str, mode: str) -> None:
    """Set a sensor or tool of the phone to `mode`; raises `FarmError` for an unknown name or mode."""
    modes = allowed(name)
    if not modes:
        raise FarmError(
            f"no sensor or tool is called {name!r}; tools: {', '.join(sorted(TOOLS))}; "
            f"sensors: {', '.join(HAL)}, {', '.join(sorted(ORDER))}"
        )
    if mode not in modes:
        raise FarmError(f"{name} cannot {mode!r}; it knows: {', '.join(sorted(modes))}")
    knob = state_root / "sensor" / name
    if mode == "ok":
        knob.unlink(missing_ok=True)
        return
    knob.parent.mkdir(parents=True, exist_ok=True)
    staged = state_root / ".knob"
    staged.write_text(f"{mode}\n")
    staged.rename(knob)


def modes(state_root: Path) -> dict[str, str]:
    """Return the mode of everything that misbehaves now, by name."""
    folder = state_root / "sensor"
    if not folder.is_dir():
        return {}
    return {knob.name: knob.read_text().strip() for knob in folder.iterdir()}
