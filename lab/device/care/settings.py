"""The settings that care changes on a device: how to read, write and compare each of them.

Sources: device_care.md, sections 2.1 (without root) and 2.2 (with root); nobody has verified them on an MT6989
phone. Left out on purpose: what cuts adb over Wi-Fi (airplane mode, `svc wifi`), what fakes values
(`thermalservice override-status`, `dumpsys battery set`), what removes protection (`stop thermald`), and charging:
an unattended phone must stay on power.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass

from lab.device.android_text import number

CPUFREQ = "/sys/devices/system/cpu/cpufreq"

NOT_SET = "null"
"""The word that `settings get` prints for a setting without a value (AOSP)."""

LOOKS, HELD_LOOKS = 8, 4
"""How often the clocks' limits are read, half a second apart, and how many of the last readings must agree: a
vendor's service that overrides a limit does so within seconds. A judgement: 4 s a run, against a clock that was
never held."""

_LIMITS = f"""n=0
while [ $n -lt {LOOKS} ]; do
[ $n = 0 ] || sleep 0.5
for p in {CPUFREQ}/policy*; do
IFS= read -r low <$p/scaling_min_freq; IFS= read -r high <$p/scaling_max_freq; echo "$n ${{p##*/}} $low $high"
done; n=$((n+1)); done"""

LIMITS = ("sh", "-c", _LIMITS)
"""Prints ``READING POLICY LOWEST HIGHEST`` (kHz) for each policy and reading; one call, the device waits."""

NOT_HELD = "not held"
HELD = "held"


@dataclass(frozen=True)
class Knob:
    """One setting: `read` and `write` give command lines, `parse` turns the output of `read` into a value.

    `survives_reboot`: a reboot does not undo it. `drifts`: its value moves by itself while nothing holds it, so a
    value that was read once may not last. `blind`: reading cannot show whether it was written, so it is undone
    whatever it reads. `source` says where the setting is documented.
    """

    name: str
    wanted: str
    read: tuple[str, ...]
    write: Callable[[str], tuple[str, ...]]
    source: str
    survives_reboot: bool = False
    drifts: bool = False
    blind: bool = False
    parse: Callable[[str], str] = str.strip

    def same(self, one: str, other: str) -> bool:
        """Say whether two values mean the same: ``0`` is ``0.0``, and any clocks that were held are `held`."""
        if self.blind and HELD in (one, other):
            return NOT_HELD not in (one, other)
        return one == other or number(one) == number(other) is not None


# --- without root (uid shell) ---------------------------------------------------------------------------


def _setting(
    namespace: str, key: str, wanted: str, *, source: str = "device_care.md 2.1", drifts: bool = False
) -> Knob:
    """Return a setting of Android's settings provider, which keeps it on disk: a reboot does not undo it."""

    def write(value: str) -> tuple[str, ...]:
        if value == NOT_SET:
            return ("settings", "delete", namespace, key)
        return ("settings", "put", namespace, key, value)

    return Knob(
        key, wanted, ("settings", "get", namespace, key), write, source, survives_reboot=True, drifts=drifts
    )


def _wakefulness(text: str) -> str:
    """Return `awake` or `asleep`; dozing and dreaming are asleep: the screen is off or shows a screen saver."""
    found = re.search(r"^\s*mWakefulness=(\w+)", text, re.MULTILINE)
    return "" if found is None else "awake" if found[1] == "Awake" else "asleep"


def _doze(text: str) -> str:
    """Return `on` or `off`; nothing when light and deep differ, because one command could not restore that."""
    found = {value for _, value in re.findall(r"\bm(Light|Deep)Enabled=(true|false)", text)}
    return {frozenset({"true"}): "on", frozenset({"false"}): "off"}.get(frozenset(found), "")


OBSERVE: tuple[Knob, ...] = (
    _setting("global", "stay_on_while_plugged_in", "7"),  # mains 1 + USB 2 + wireless 4
    Knob(
        "wakefulness",
        "awake",
        ("dumpsys", "power"),
        lambda value: ("input", "keyevent", "KEYCODE_WAKEUP" if value == "awake" else "KEYCODE_SLEEP"),
        "device_care.md 2.1, 9: a phone whose screen is off confines background processes",
        parse=_wakefulness,
    ),
    _setting("system", "screen_brightness_mode", "0"),
    _setting("system", "screen_brightness", "1", drifts=True),  # moves where the mode stays automatic
    _setting("system", "screen_off_timeout", "1800000"),  # 30 minutes in ms: the longest in menus
    _setting("global", "low_power", "0"),
    _setting("global", "window_animation_scale", "0"),
    _setting("global", "transition_animation_scale", "0"),
    _setting("global", "animator_duration_scale", "0"),
    Knob(
        "doze",
        "off",
        ("dumpsys", "deviceidle"),
        lambda value: ("cmd", "deviceidle", "disable" if value == "off" else "enable"),
        "device_care.md 2.1",
        parse=_doze,
    ),
)
"""The settings of every profile, in this order; they are undone in reverse."""


# --- fixed performance ----------------------------------------------------------------------------------


def limits(text: str) -> dict[str, tuple[int, int] | None]:
    """Parse the output of `LIMITS`: policy -> its limits in kHz over the last readings, None where they moved."""
    seen: dict[str, set[tuple[int, int]]] = {}
    for look, policy, low, high in re.findall(r"^(\d{1,4}) (policy\d{1,3}) (\d{1,12}) (\d{1,12})$", text, re.M):
        if int(look) >= LOOKS - HELD_LOOKS:
            seen.setdefault(policy, set()).add((int(low), int(high)))
    return {policy: next(iter(pairs)) if len(pairs) == 1 else None for policy, pairs in seen.items()}


def _held(text: str) -> str:
    """Return the clock of each policy, such as ``2000000,2850000``; `NOT_HELD` if one of them was not held."""
    found = limits(text)
    if not found:
        return ""
    held = [pair[0] for pair in found.values() if pair is not None and pair[0] == pair[1]]
    return ",".join(map(str, held)) if len(held) == len(found) else NOT_HELD


FIXED = Knob(
    "fixed_performance",
    HELD,
    LIMITS,
    lambda value: ("cmd", "power", "set-fixed-performance-mode-enabled", "false" if value == NOT_HELD else "true"),
    "device_care.md 2.1: reports success even where the vendor ignores it; only the clocks prove it",
    drifts=True,
    blind=True,
    parse=_held,
)
"""Android can switch the mode on, but cannot say whether it is on (Android 11 and later)."""


# --- with root ------------------------------------------------------------------------------------------

_KHZ = re.compile(r"[0-9]{1,12}")

PIN_LEAST, PIN_AIM, PIN_MOST = 0.5, 0.6, 0.7
"""Where to pin clocks, as shares of the highest: androidx's lockClocks pins at half; all cores at their highest
reboot phones without cooling (iree-org/iree issue 7728; device_care.md 2.2)."""

SURVEY = (
    f"for p in {CPUFREQ}/policy*; do for n in cpuinfo_max_freq scaling_available_frequencies "
    "scaling_available_governors scaling_min_freq scaling_max_freq; do "
    'echo "${p##*/} $n $(cat $p/$n 2>/dev/null)"; done; done; '
    "for d in /sys/class/thermal/cooling_device*; do "
    'echo "cooling $(cat $d/type 2>/dev/null) $(cat $d/cur_state 2>/dev/null)"; done; true'
)
"""Prints what pinning depends on: each policy's clocks, governors and limits; which cooling devices are active."""

Root = Callable[[str], tuple[str, ...]]
"""Returns a command line that runs a script as root."""

ROOTS: tuple[tuple[str, Root], ...] = (
    ("uid 0", lambda script: ("sh", "-c", script)),
    ("su 0", lambda script: ("su", "0", "sh", "-c", script)),  # AOSP's su of userdebug builds
    ("su -c", lambda script: ("su", "-c", script)),  # su of rooted phones
)


def pins(survey: str, root: Root) -> tuple[Knob, ...]:
    """Return the settings that pin every CPU clock, in an order that never puts a minimum above its maximum.

    Undoing them in reverse keeps that true. Empty when the survey shows no policy.
    """
    found: dict[str, dict[str, str]] = {}
    for policy, name, value in re.findall(r"^(policy\d+) (\w+) (.*)$", survey, re.MULTILINE):
        found.setdefault(policy, {})[name] = value.strip()
    return tuple(knob for policy, nodes in found.items() for knob in _pinned(policy, nodes, root))


def _pinned(policy: str, nodes: dict[str, str], root: Root) -> tuple[Knob, ...]:
    highest, lower = nodes.get("cpuinfo_max_freq", ""), nodes.get("scaling_min_freq", "")
    if not (_KHZ.fullmatch(highest) and _KHZ.fullmatch(lower)):
        return ()
    offered = nodes.get("scaling_available_frequencies", "").split()
    clock = pinned_khz(int(highest), [int(khz) for khz in offered if _KHZ.fullmatch(khz)])
    order = ("scaling_max_freq", "scaling_min_freq")
    nodes_in_order = order if clock >= int(lower) else order[::-1]  # the kernel takes no minimum above the maximum
    wanted = [(node, str(clock)) for node in nodes_in_order]
    if "performance" in nodes.get("scaling_available_governors", "").split():
        wanted.append(("scaling_governor", "performance"))
    return tuple(pin(policy, node, value, root) for node, value in wanted)


def pinned_khz(highest: int, offered: list[int]) -> int:
    """Return the clock to pin at, in kHz: the offered one nearest to `PIN_AIM` of the highest.

    Where none lies between `PIN_LEAST` and `PIN_MOST`, return `PIN_AIM` of the highest: the kernel then chooses.
    """
    within = [khz for khz in offered if PIN_LEAST * highest <= khz <= PIN_MOST * highest]
    return min(within, key=lambda khz: abs(khz - PIN_AIM * highest)) if within else round(PIN_AIM * highest)


def pin(policy: str, node: str, wanted: str, root: Root) -> Knob:
    """Return the setting for one node of a cpufreq policy; root writes it, and a reboot undoes it."""
    path = f"{CPUFREQ}/{policy}/{node}"
    return Knob(
        f"{policy}_{node}",
        wanted,
        ("cat", path),
        lambda value: root(f"echo {shlex.quote(value)} >{path}"),
        "device_care.md 2.2",
        drifts=node != "scaling_governor",
    )


def throttled(survey: str) -> bool:
    """Say whether a cooling device of the CPU was active: then heat set a policy's maximum, not the owner."""
    return re.search(r"^cooling \S*cpu\S* [1-9]\d*$", survey, re.MULTILINE) is not None


def highest_khz(survey: str, policy: str) -> str | None:
    """Return a policy's highest clock in kHz, as a survey shows it; None when it shows none."""
    found = re.search(rf"^{policy} cpuinfo_max_freq (\d+)$", survey, re.MULTILINE)
    return found[1] if found else None


def named(name: str, root: Callable[[], Root]) -> Knob | None:
    """Return the setting of this name, to undo it; None when there is none. Only a pinned clock calls `root`."""
    for knob in (*OBSERVE, FIXED):
        if knob.name == name:
            return knob
    node = re.fullmatch(r"(policy\d{1,3})_(scaling_governor|scaling_min_freq|scaling_max_freq)", name)
    return pin(node[1], node[2], "", root()) if node else None
