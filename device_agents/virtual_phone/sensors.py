"""A virtual phone's sensors: its sysfs and the numbers that Android's tools print, updated every second.

`sys_root` mirrors /sys: class/thermal, class/power_supply, class/devfreq, devices/system/cpu/cpufreq.
The shell tools in android/bin read and write `state_root`; in the phone it is /metadata/pocketlab:

    identity.prop                        properties that identify this phone, read again when the file changes
    props/KEY  settings/NAMESPACE/KEY    one value in each file; settings and props/persist.* survive a reboot
    device_config/NAMESPACE/KEY          survives a reboot only if device_config.sync says persistent
    flags/NAME                           something that a tool switched on until the next boot
    sensor/NAME                          the mode of something that misbehaves: knobs.py
    now/battery  now/thermal_*           the readings, as dumpsys prints them
    logcat                               log lines, oldest first, in the format of `logcat -v epoch`

The phone's shell (uid 2000) writes in these folders, so everybody may write them and their files. This module
never writes through a link that the shell could have made (linux.follow_no_link_below).
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from device_agents.virtual_phone import battery, heat, knobs
from device_agents.virtual_phone.sysfs import Tree
from device_agents.virtual_phone.zones import COOLING_DEVICES, HAL, ORDER, SHARES, SILENT

PROPERTIES = Path(__file__).parent / "android" / "mt6989.prop"
CPUFREQ = "devices/system/cpu/cpufreq"
FIXED_PERFORMANCE_CLOCK = 1  # judgement: fixed performance mode keeps every policy at its second fastest clock
HEADROOM = 1.25  # the kernel's schedutil requests 1.25 times the clock that the load needs
OPEN_SETTINGS = ("settings/global", "settings/secure", "settings/system")
DEFAULT_SETTINGS = {
    "global/airplane_mode_on": "0",
    "global/bluetooth_on": "1",
    "global/low_power": "0",
    "global/mobile_data": "1",
    "global/stay_on_while_plugged_in": "0",
    "global/wifi_on": "1",
    "system/screen_brightness": "102",
    "system/screen_brightness_mode": "1",
    "system/screen_off_timeout": "60000",
}
# Cached temperatures of the thermal service: out of date, as on a Xiaomi 13T Pro (device_care.md section 4).
STALE_CELSIUS = {"CPU": 84.2, "SKIN": 48.5, "BATTERY": 42.2}
# An event log as vendors append it to `dumpsys battery`: it repeats keys with older values.
VENDOR_LOG = "Battery event log:\n  level: 12\n  temperature: 431\n  status: 5"


class Sensors:
    """One phone's sensors; `heat` and `battery` are its current state and may be assigned."""

    def __init__(self, sys_root: Path, state_root: Path) -> None:
        self.heat = heat.IDLE
        self.battery = battery.Battery()
        self._sys = Tree(sys_root)
        self._state = Tree(state_root)
        self._modes: dict[str, str] = {}
        self._asked_khz: dict[str, int] = {}
        self._ticks: dict[int, dict[int, float]] = {}
        self._hal_celsius: dict[str, float] = {}
        self._status_told = 0
        self._identity = ""

    def boot(self, *, now: float) -> None:
        """Begin a boot at `now` (seconds since 1970): reset properties, drop flags and log, keep the rest."""
        root = self._state.root
        found = (root / "props").glob("persist.*")
        kept = {path.name: path.read_text().strip() for path in found if path.is_file() and not path.is_symlink()}
        volatile = ["props", "flags", "logcat"]
        if self._state_line("device_config.sync") != "persistent":
            volatile += ["device_config", "device_config.sync"]
        for name in volatile:
            shutil.rmtree(root / name, ignore_errors=True)
            (root / name).unlink(missing_ok=True)
        for folder in ("now", "sensor", "props", "flags", "settings", *OPEN_SETTINGS, "device_config"):
            if (root / folder).is_symlink() or (root / folder).is_file():
                (root / folder).unlink()
        for folder in ("props", "flags", "settings", *OPEN_SETTINGS, "device_config"):
            (root / folder).mkdir(exist_ok=True)
            (root / folder).chmod(0o777)
        for key, value in (_properties(PROPERTIES.read_text()) | kept).items():
            self.set_property(key, value)
        for key, value in DEFAULT_SETTINGS.items():
            if not (root / "settings" / key).exists():
                self._state.give(f"settings/{key}", value)
        for policy in heat.POLICIES:
            for node in ("scaling_max_freq", "scaling_min_freq"):
                self._sys.forget(f"{CPUFREQ}/policy{policy.first_cpu}/{node}")
        self._asked_khz, self._ticks, self._status_told, self._identity = {}, {}, 0, ""
        self._state.write("now/thermal_cached", _temperatures(STALE_CELSIUS, 0))
        self.log("boot", "a virtual phone has booted", now=now)
        self.step(seconds=0, load=0, now=now)

    def set_property(self, key: str, value: str) -> None:
        """Set a system property, even a `ro.` one."""
        self._state.give(f"props/{key}", value)

    def log(self, tag: str, message: str, *, now: float, priority: str = "I") -> None:
        """Append a line to the log that `logcat` shows; `now` is seconds since 1970."""
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
        with os.fdopen(os.open(self._state.root / "logcat", flags), "w") as stream:
            stream.write(f"{now:23.3f} {1000:5d} {1000:5d} {priority} {tag:<8}: {message}\n")
            os.fchmod(stream.fileno(), 0o666)  # `logcat -c` empties it

    def step(self, *, seconds: float, load: float, now: float) -> float:
        """Let `seconds` pass, write every reading, and return the share of its CPUs (0 to 1) the phone may use.

        `load` is the CPU time used, divided by `seconds` and by the number of CPUs of a cool phone: 1 means all
        of them, all the time.
        """
        load = min(max(load, 0.0), 1.0)
        self._modes = knobs.modes(self._state.root)
        self.read_identity()
        self.heat = heat.step(self.heat, seconds=seconds, load=load)
        suspended = self._state_line("props/power.battery_input.suspended") == "true"
        self.battery = battery.step(self.battery, seconds=seconds, watts=heat.watts(load), powered=not suspended)
        share = self._write_clocks(load, seconds)
        self._write_zones()
        self._write_battery()
        self._write_thermal_service(now)
        return share

    def _mode(self, name: str) -> str:
        mode = self._modes.get(name, "ok")
        return "ok" if mode in ("nan", "lie") else mode

    def _state_line(self, node: str) -> str:
        path = self._state.root / node
        return path.read_text().strip() if path.is_file() else ""

    def read_identity(self) -> None:
        """Set the properties that identify this phone, if they have changed."""
        path = self._state.root / "identity.prop"
        text = path.read_text() if path.is_file() else ""
        if text != self._identity:
            self._identity = text
            for key, value in _properties(text).items():
                self.set_property(key, value)

    def _write_clocks(self, load: float, seconds: float) -> float:
        fixed = (self._state.root / "flags" / "fixed_performance").exists()
        caps = heat.caps_khz(self.heat.cooling)
        limits = [self._limits(policy, cap, fixed) for policy, cap in zip(heat.POLICIES, caps, strict=True)]
        share = heat.speed(tuple(high for _, high in limits))
        for policy, (low, high) in zip(heat.POLICIES, limits, strict=True):
            wanted = HEADROOM * load / share * high
            # If no clock of the table lies between two requested limits, use the lower limit.
            offered = [khz for khz in reversed(policy.clocks_khz) if low <= khz <= high] or [low]
            clock = next((khz for khz in offered if khz >= wanted), offered[-1])
            self._write_policy(policy, low, high, clock, seconds)
        self._sys.write("class/devfreq/13000000.mali/cur_freq", 265_000_000)
        self._sys.write("class/devfreq/13000000.mali/governor", "dummy")
        self._sys.write("class/devfreq/mtk-dvfsrc-devfreq/cur_freq", 4_266_000_000)
        return share

    def _limits(self, policy: heat.Policy, cap: int, fixed: bool) -> tuple[int, int]:
        """Return the slowest and fastest clock, as root requested or fixed mode sets them, within the cap."""
        if fixed:
            high = min(policy.clocks_khz[FIXED_PERFORMANCE_CLOCK], cap)
            return high, high
        high = min(self._asked(policy, "scaling_max_freq", policy.clocks_khz[0]), cap)
        return min(self._asked(policy, "scaling_min_freq", policy.clocks_khz[-1]), high), high

    def _asked(self, policy: heat.Policy, name: str, otherwise: int) -> int:
        """Return the limit that somebody in the phone wrote to a node since boot, clamped as the kernel does."""
        node = f"{CPUFREQ}/policy{policy.first_cpu}/{name}"
        text = self._sys.written_by_phone(node)
        if text is not None:
            self._sys.forget(node)
            if text.isdecimal():
                self._asked_khz[node] = min(max(int(text), policy.clocks_khz[-1]), policy.clocks_khz[0])
        return self._asked_khz.get(node, otherwise)

    def _write_policy(self, policy: heat.Policy, low: int, high: int, clock: int, seconds: float) -> None:
        ticks = self._ticks.setdefault(policy.first_cpu, dict.fromkeys(policy.clocks_khz, 0.0))
        nearest = min(ticks, key=lambda khz: abs(khz - clock))
        ticks[nearest] += seconds * 100  # time_in_state counts in 10 ms
        nodes = {
            "cpuinfo_max_freq": policy.clocks_khz[0],
            "cpuinfo_min_freq": policy.clocks_khz[-1],
            "related_cpus": " ".join(str(policy.first_cpu + n) for n in range(policy.cores)),
            "scaling_available_frequencies": " ".join(map(str, policy.clocks_khz)),
            "scaling_cur_freq": clock,
            "scaling_governor": "sugov_ext",
            "scaling_max_freq": high,
            "scaling_min_freq": low,
            "stats/time_in_state": "\n".join(f"{khz} {int(spent)}" for khz, spent in ticks.items()),
        }
        for node, value in nodes.items():
            self._sys.write(f"{CPUFREQ}/policy{policy.first_cpu}/{node}", value)

    def _celsius(self, share: float) -> float:
        return self.heat.body_celsius + share * (self.heat.soc_celsius - self.heat.body_celsius)

    def _write_zones(self) -> None:
        for number, name in enumerate(ORDER):
            folder = f"class/thermal/thermal_zone{number}"
            reading = SILENT.get(name)
            if reading is None:
                reading = -274_000 if self._modes.get(name) == "nan" else round(1000 * self._celsius(SHARES[name]))
            self._sys.write(f"{folder}/type", name)
            self._sys.write(f"{folder}/mode", "enabled")
            self._sys.write(f"{folder}/temp", reading, self._mode(name))
        for number, name in enumerate(COOLING_DEVICES):
            folder = f"class/thermal/cooling_device{number}"
            cools = name.startswith(("cpufreq", "devfreq"))
            self._sys.write(f"{folder}/type", name)
            self._sys.write(f"{folder}/max_state", len(heat.COOLING_TRIPS_CELSIUS))
            self._sys.write(f"{folder}/cur_state", self.heat.cooling if cools else 0)

    def _write_battery(self) -> None:
        now = self.battery
        tenths = 0 if self._modes.get("battery") == "nan" else round(10 * self.heat.body_celsius)
        words = {battery.CHARGING: "Charging", battery.DISCHARGING: "Discharging", battery.FULL: "Full"}
        nodes = {
            "battery/type": "Battery",
            "battery/present": 1,
            "battery/technology": "Li-ion",
            "battery/health": "Good",
            "battery/status": words[now.status],
            "battery/capacity": now.level,
            "battery/temp": tenths,
            "battery/voltage_now": 1000 * now.voltage_mv,
            "battery/current_now": round(now.current_ua),
            "battery/charge_counter": round(now.charge_uah),
            "usb/type": "USB",
            "usb/online": int(now.powered),
        }
        for node, value in nodes.items():
            self._sys.write(f"class/power_supply/{node}", value, self._mode("battery"))
        lines = {
            "AC powered": "false",
            "USB powered": str(now.powered).lower(),
            "Wireless powered": "false",
            "Dock powered": "false",
            "Max charging current": 500_000 if now.powered else 0,
            "Max charging voltage": 5_000_000 if now.powered else 0,
            "Charge counter": round(now.charge_uah),
            "status": now.status,
            "health": 2,
            "present": "true",
            "level": now.level,
            "scale": 100,
            "voltage": now.voltage_mv,
            "temperature": tenths,
            "technology": "Li-ion",
        }
        text = "\n".join(f"  {key}: {value}" for key, value in lines.items())
        freeze = "freeze" if self._modes.get("battery") == "freeze" else "ok"
        self._state.write("now/battery", f"{text}\n{VENDOR_LOG}", freeze)

    def _write_thermal_service(self, now: float) -> None:
        if self._modes.get("thermalservice") == "freeze":
            return
        status = self.heat.status
        hidden = {name for name in HAL if self._modes.get(name) in ("refuse", "hang", "vanish")}
        celsius = {name: self._celsius(share) for name, (_, share) in HAL.items()}
        for name, mode in self._modes.items():
            if name in HAL and mode == "nan":
                celsius[name] = float("nan")
            if name in HAL and mode == "freeze":
                celsius[name] = self._hal_celsius.get(name, celsius[name])
        self._hal_celsius = celsius
        shown = {name: value for name, value in celsius.items() if name not in hidden}
        if status != self._status_told:  # Android caches temperatures when the status changes
            self.log("ThermalManagerService", f"status {self._status_told} -> {status}", now=now, priority="W")
            self._state.write("now/thermal_cached", _temperatures(shown, status))
            self._status_told = status
        self._state.write("now/thermal_hal", _temperatures(shown, status))
        cooling = "\n".join(
            f"\tCoolingDevice{{mValue={self.heat.cooling}, mType=2, mName={name}}}" for name in COOLING_DEVICES[:3]
        )
        self._state.write("now/thermal_cooling", cooling)
        hot = ", ".join(["NaN", *(f"{trip:.1f}" for trip in heat.STATUS_TRIPS_CELSIUS)])
        cold = ", ".join(["NaN"] * 7)
        self._state.write(
            "now/thermal_thresholds",
            f"\tTemperatureThreshold{{mType=3, mName=SKIN, mHotThrottlingThresholds=[{hot}], "
            f"mColdThrottlingThresholds=[{cold}]}}",
        )
        self._state.write("now/thermal_status", status)


def _properties(text: str) -> dict[str, str]:
    """Read `key=value` lines and skip comments, which begin with #. A key must be usable as a file name."""
    lines = [line.partition("=") for line in text.splitlines() if not line.startswith("#")]
    return {key: value for key, equals, value in lines if equals and re.fullmatch(r"[A-Za-z0-9_][\w.:-]*", key)}


def _temperatures(celsius: dict[str, float], status: int) -> str:
    """Format temperatures as Android's Temperature.toString does, one on each line; only the skin has a status."""
    return "\n".join(
        f"\tTemperature{{mValue={_java(value)}, mType={HAL[name][0]}, mName={name}, "
        f"mStatus={status if name == 'SKIN' else 0}}}"
        for name, value in celsius.items()
    )


def _java(value: float) -> str:
    return "NaN" if value != value else f"{value:.3f}"  # noqa: PLR0124 (only NaN differs from itself)
