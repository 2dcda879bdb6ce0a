"""A phone with Android's settings in memory and its clocks in real files: for tests of care."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from lab.device.care.prepare import Prepared, Setting, prepare
from lab.device.care.restore import Restored, restore
from lab.device.fake.phone import FakePhone, fake_device
from lab.device.transport import Completed
from lab.records import Profile

AS_BOUGHT = {
    "global/stay_on_while_plugged_in": "0",
    "system/screen_brightness_mode": "1",
    "system/screen_brightness": "102",
    "system/screen_off_timeout": "60000",
    "global/low_power": "0",
    "global/window_animation_scale": "1.0",
}
"""Settings of a phone that somebody uses: two animation scales were never touched."""

CPU7 = {"cpuinfo_max_freq": "3250000", "scaling_min_freq": "1000000", "scaling_max_freq": "3250000"}
CPU7 |= {"scaling_available_frequencies": "3250000 2800000 2350000 1900000 1450000 1000000"}
CPU7 |= {"scaling_available_governors": "performance sugov_ext", "scaling_governor": "sugov_ext"}


POWER = """POWER MANAGER (dumpsys power)

Power Manager State:
  mWakefulness={}
  mBatteryLevel=71

Wake Locks: size=1
  PARTIAL_WAKE_LOCK 'job not allowed: Permission denied' (uid=10123)
"""
"""An answer that holds a refusal's words about somebody else."""

SECURITY = "java.lang.SecurityException: Permission denial: writing to settings requires WRITE_SECURE_SETTINGS"


class Killed(BaseException):
    """The lab's process ends here; none of its code runs after this."""


class Android(FakePhone):
    """A phone with Android's settings, Doze, a screen and, below `sys`, real files that real shell scripts see.

    `answers` replaces a command: it gets the command line and a function that runs it, and may answer otherwise or
    raise. `lives` is how many commands the lab survives; with `dies_before`, the last of them does not happen.
    """

    def __init__(self, sys: Path, *, uid: int = 2000, settings: dict[str, str] | None = None) -> None:
        super().__init__({})
        self.sys, self.uid = sys, uid
        self.settings = dict(AS_BOUGHT if settings is None else settings)
        self.awake, self.doze, self.fixed, self.boot = False, True, False, 1
        self.answers: Callable[[str, Callable[[], Completed]], Completed] = lambda line, does: does()
        self.serialno = ""
        self.lives: int | None = None
        self.dies_before = False
        self.asked = 0

    def state(self) -> object:
        """Return everything that care may change."""
        return dict(self.settings), self.awake, self.doze, self.fixed, self.nodes()

    def nodes(self) -> dict[str, str]:
        """Return the clocks' files."""
        return {path.name: path.read_text().strip() for path in sorted(self.sys.rglob("*")) if path.is_file()}

    def reboot(self) -> None:
        """Start another boot: settings stay, everything else is as after a start."""
        self.boot, self.awake, self.doze, self.fixed = self.boot + 1, True, True, False

    def shell(self, argv: Sequence[str], *, timeout_s: float) -> Completed:
        """Run a command as Android would."""
        self.asked += 1
        dies = self.lives is not None and self.asked >= self.lives
        if dies and self.dies_before:
            raise Killed
        done = self.answers(" ".join(argv), lambda: self._run(list(argv)))
        if dies:
            raise Killed
        return done

    def _run(self, argv: list[str]) -> Completed:  # noqa: PLR0911, PLR0912 - a case for each command
        match argv:
            case ["cat", "/proc/sys/kernel/random/boot_id"]:
                return Completed(0, f"boot-{self.boot}\n", "")
            case ["getprop", "ro.serialno"]:
                return Completed(0, f"{self.serialno}\n", "")
            case ["settings", "get", namespace, key]:
                return Completed(0, self.settings.get(f"{namespace}/{key}", "null") + "\n", "")
            case ["settings", "put", namespace, key, value]:
                self.settings[f"{namespace}/{key}"] = value
                return Completed(0, "", "")
            case ["settings", "delete", namespace, key]:
                self.settings.pop(f"{namespace}/{key}", None)
                return Completed(0, "Deleted 1 rows\n", "")
            case ["dumpsys", "power"]:
                return Completed(0, POWER.format(self._screen()), "")
            case ["input", "keyevent", key]:
                self.awake = key == "KEYCODE_WAKEUP"
                return Completed(0, "", "")
            case ["dumpsys", "deviceidle"]:
                enabled = str(self.doze).lower()
                return Completed(0, f"  mLightEnabled={enabled}  mDeepEnabled={enabled}\n", "")
            case ["cmd", "deviceidle", verb]:
                self.doze = verb == "enable"
                return Completed(0, "Deep idle mode changed\n", "")
            case ["cmd", "power", "set-fixed-performance-mode-enabled", value]:
                self.fixed = value == "true"  # and its clocks move on, as on phones whose vendor ignores it
                return Completed(0, "", "")
            case ["sh", "-c", "id -u"]:
                return Completed(0, f"{self.uid}\n", "")
            case ["cat", path]:
                file = Path(path.replace("/sys/", f"{self.sys}/"))
                return (
                    Completed(0, file.read_text(), "") if file.exists() else Completed(1, "", f"cat: {path}: ...")
                )
            case ["sh", "-c", script]:
                return self.real(script)
        return Completed(127, "", f"/system/bin/sh: {argv[0]}: inaccessible or not found\n")

    def _screen(self) -> str:
        return "Awake" if self.awake else "Dozing"

    def real(self, script: str) -> Completed:
        """Run a script on the files below `sys`; like the kernel, reject a minimum above its maximum."""
        before = self.nodes()
        there = script.replace("/sys/", f"{self.sys}/").replace("sleep 0.5", ":")
        done = subprocess.run(["sh", "-c", there], capture_output=True, text=True, check=False)
        after = self.nodes()
        if int(after.get("scaling_min_freq", 0)) > int(after.get("scaling_max_freq", 0)):
            for path in self.sys.rglob("scaling_m*_freq"):
                path.write_text(before[path.name] + "\n")
            return Completed(1, "", "sh: write error: Invalid argument")
        return Completed(done.returncode, done.stdout, done.stderr)


def as_bought(tmp_path: Path) -> Android:
    """A phone as bought: no root, screen off, one policy of clocks."""
    policy = tmp_path / "sys/devices/system/cpu/cpufreq/policy7"
    policy.mkdir(parents=True)
    for name, value in CPU7.items():
        (policy / name).write_text(f"{value}\n")
    cooling = tmp_path / "sys/class/thermal/cooling_device0"
    cooling.mkdir(parents=True)
    (cooling / "type").write_text("cpufreq-cpu7\n")
    (cooling / "cur_state").write_text("0\n")
    return Android(tmp_path / "sys")


def hide_clocks(phone: Android) -> None:
    """Hide cpufreq, as SELinux may."""
    shutil.rmtree(phone.sys / "devices")


def prepared(phone: Android, root: Path, profile: Profile = "observe") -> dict[str, Setting]:
    """Prepare the phone; return the settings by name."""
    return {one.name: one for one in ready(phone, root, profile).settings}


def ready(phone: Android, root: Path, profile: Profile = "observe") -> Prepared:
    """Prepare the phone without waiting for anything."""
    return prepare(fake_device(phone), profile, root, sleep=lambda seconds: None)


def put_back(phone: Android, root: Path) -> Restored:
    """Restore the phone without waiting for anything."""
    return restore(fake_device(phone), root, sleep=lambda seconds: None)


def journalled(root: Path) -> list[dict[str, object]]:
    """Return the entries of the journal on the host."""
    path = root / "devices/care.json"
    found: list[dict[str, object]] = json.loads(path.read_text()) if path.exists() else []
    return found
