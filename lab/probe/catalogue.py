"""The catalogue of `lab probe`: reads, and settings written with the value they already have; nothing else.

The list follows the fact sheet on device care, whose statements about phones nobody has verified on an MT6989
phone. Left out on purpose, because they fake values, remove protection or need a reboot to undo:
`cmd thermalservice override-status`, `dumpsys battery set`, `stop thermald`, disabled thermal zones, pinned
clocks, fixed-performance mode, radios, cut charging.
"""

from __future__ import annotations

from dataclasses import dataclass

READ_S, SLOW_S = 15.0, 60.0
"""Timeouts of a probe and of a slow one; judgements: a healthy shell answers in tens of milliseconds, dumpsys in
seconds."""


@dataclass(frozen=True)
class Probe:
    """One thing to try: a command, what it shows, and the text that an answer must contain."""

    name: str
    argv: tuple[str, ...]
    shows: str
    holds: str = ""
    timeout_s: float = READ_S


@dataclass(frozen=True)
class Setting:
    """A setting that is read, written with the value it already has, and read back."""

    name: str
    read: tuple[str, ...]
    write: tuple[str, ...]
    shows: str

    @property
    def argv(self) -> tuple[str, ...]:
        """The command that reads the setting."""
        return self.read


def _prop(name: str, shows: str) -> Probe:
    return Probe(f"property {name}", ("getprop", name), shows)


def _file(path: str, shows: str, *, lines: int = 4) -> Probe:
    """Return a probe that reads the files of a pattern, each with its name; the device expands the pattern."""
    return Probe(path, ("sh", "-c", f"head -n {lines} {path}"), shows)


def _writable(path: str, shows: str) -> Probe:
    """Return a probe that asks whether this user may write, without writing."""
    script = f'for f in {path}; do test -e "$f" || {{ echo "$f: No such file" >&2; exit 1; }}; '
    script += 'test -w "$f" || { echo "$f: Permission denied" >&2; exit 1; }; echo "$f: writable"; done'
    return Probe(f"may write {path}", ("sh", "-c", script), shows)


def _tool(name: str, shows: str) -> Probe:
    return Probe(
        f"tool {name}", ("sh", "-c", f"command -v {name} || {{ echo {name}: not found >&2; exit 127; }}"), shows
    )


def _setting(namespace: str, key: str, shows: str) -> Setting:
    return Setting(
        f"setting {namespace} {key}",
        ("settings", "get", namespace, key),
        ("settings", "put", namespace, key),
        shows,
    )


IDENTITY = (
    *(
        _prop(name, shows)
        for name, shows in (
            ("ro.serialno", "the serial number: not unique on every phone"),
            ("ro.product.model", "the model"),
            ("ro.soc.model", "MT6989 on Dimensity 9300 and 9300+"),
            ("ro.soc.manufacturer", "the SoC's maker"),
            ("ro.board.platform", "the SoC where ro.soc.model is absent"),
            ("ro.hardware", "the SoC where both are absent"),
            ("ro.product.cpu.abilist", "which code runs"),
            ("ro.build.fingerprint", "the software's identity"),
            ("ro.build.version.release", "the Android version"),
            ("ro.build.version.sdk", "the API level"),
            ("ro.build.version.security_patch", "the patch level"),
            ("ro.boot.verifiedbootstate", "green on an unmodified phone"),
            ("ro.build.type", "user, or userdebug with root"),
            ("sys.boot_completed", "1 when the framework is up"),
        )
    ),
    _file("/proc/sys/kernel/random/boot_id", "which boot this is"),
    _file("/proc/uptime", "the device's clock that leases expire by"),
    Probe("kernel", ("uname", "-a"), "kernel and machine"),
    Probe("page size", ("getconf", "PAGESIZE"), "4096, or 16384 on newer kernels"),
    Probe("SELinux context", ("id", "-Z"), "u:r:shell:s0 for adb's shell"),
    Probe("user", ("id",), "which groups the shell is in"),
    Probe("seccomp", ("grep", "Seccomp", "/proc/self/status"), "whether system calls are filtered"),
    Probe("limits", ("sh", "-c", "ulimit -a"), "open files, core files, locked memory"),
    _file("/proc/cpuinfo", "CPU features: dot products, i8mm, SVE where it is not hidden", lines=200),
    _file("/sys/devices/system/cpu/cpu7/cpufreq/cpuinfo_max_freq", "3250000 on the 9300, 3400000 on the 9300+"),
    Probe(
        "NPU runtime files",
        (
            "sh",
            "-c",
            "sha256sum /vendor/lib64/libneuron* /system_ext/lib64/libneuronusdk_adapter.mtk.so "
            "/vendor/lib64/libtflite_mtk.so",
        ),
        "which NPU runtime this is",
        timeout_s=SLOW_S,
    ),
)

SETTINGS = (
    _setting("global", "stay_on_while_plugged_in", "whether the screen can be kept on"),
    _setting("system", "screen_brightness_mode", "whether brightness can be fixed"),
    _setting("system", "screen_brightness", "whether the screen can be dimmed; some ROMs ask for a second switch"),
    _setting("system", "screen_off_timeout", "whether the screen's timeout can be set"),
    _setting("global", "low_power", "whether battery saver can be turned off"),
    _setting("global", "window_animation_scale", "whether animations can be turned off"),
    _setting("global", "settings_enable_monitor_phantom_procs", "whether long shell children can be protected"),
    Setting(
        "device_config max_phantom_processes",
        ("device_config", "get", "activity_manager", "max_phantom_processes"),
        ("device_config", "put", "activity_manager", "max_phantom_processes"),
        "the other way to protect long shell children",
    ),
)

FRAMEWORK = (
    Probe("services", ("dumpsys", "-l"), "whether the framework is up", "Currently running services", SLOW_S),
    Probe("dumpsys battery", ("dumpsys", "battery"), "charge, temperature, charging", "temperature", SLOW_S),
    Probe(
        "dumpsys thermalservice",
        ("dumpsys", "thermalservice"),
        "throttling status and the HAL's own temperatures",
        "Current temperatures from HAL",
        SLOW_S,
    ),
    Probe("dumpsys power", ("dumpsys", "power"), "wakefulness and battery saver", "mWakefulness", SLOW_S),
    Probe("dumpsys deviceidle", ("dumpsys", "deviceidle"), "Doze", "mState", SLOW_S),
    Probe("dumpsys meminfo", ("sh", "-c", "dumpsys meminfo $$"), "memory of one process", "TOTAL", SLOW_S),
    Probe(
        "fixed-performance mode is known",
        ("cmd", "power", "help"),
        "whether `cmd power` offers it; not tried, because it lasts until the next boot",
        "set-fixed-performance-mode-enabled",
    ),
    Probe(
        "charging can be suspended",
        ("cmd", "battery", "help"),
        "whether it is offered; not tried",
        "suspend_input",
    ),
    Probe("airplane mode", ("cmd", "connectivity", "airplane-mode"), "whether it can be read; not changed"),
    Probe("Doze mode", ("cmd", "deviceidle", "get", "deep"), "whether it can be read; not changed"),
    Probe("logcat", ("logcat", "-d", "-t", "5", "-v", "epoch", "-b", "all"), "evidence of crashes", "", SLOW_S),
    Probe("logcat size", ("logcat", "-g"), "how much the ring buffer holds"),
)

SENSORS = (
    Probe(
        "thermal zones",
        ("sh", "-c", 'for z in /sys/class/thermal/thermal_zone*; do echo "$(cat $z/type) $(cat $z/temp)"; done'),
        "names and millidegrees: vtskin, apu, soc_max",
        " ",
    ),
    Probe(
        "cooling devices",
        (
            "sh",
            "-c",
            "for d in /sys/class/thermal/cooling_device*; do "
            'echo "$(cat $d/type) $(cat $d/cur_state)/$(cat $d/max_state)"; done',
        ),
        "which of them throttles now",
        "/",
    ),
    *(
        _file(f"/sys/devices/system/cpu/cpufreq/policy*/{name}", shows)
        for name, shows in (
            ("scaling_cur_freq", "the clock asked for"),
            ("scaling_max_freq", "the cap: below cpuinfo_max_freq the phone holds back"),
            ("cpuinfo_max_freq", "the highest clock"),
            ("scaling_governor", "the governor"),
            ("related_cpus", "which cores share a clock"),
        )
    ),
    _file("/sys/devices/system/cpu/cpufreq/policy*/stats/time_in_state", "time at each clock", lines=40),
    _file("/sys/class/power_supply/battery/current_now", "the battery's current: unit and sign vary"),
    _file("/sys/class/power_supply/battery/temp", "the battery's temperature"),
    _file("/proc/stat", "load of each core", lines=10),
    _file("/proc/meminfo", "memory left", lines=5),
    _file("/proc/loadavg", "load"),
    _file("/proc/self/cpuset", "which cores the shell may use"),
    _file("/proc/self/cgroup", "the shell's groups", lines=20),
    _file("/proc/sys/kernel/perf_event_paranoid", "whether counters can be read"),
)

TOOLS = (
    *(
        _tool(name, shows)
        for name, shows in (
            ("sha256sum", "verifies what was pushed"),
            ("setsid", "starts an agent that outlives the link"),
            ("flock", "tells whether an agent is alive, and guards the lease"),
            ("timeout", "bounds a command on the device"),
            ("taskset", "pins a command to cores"),
            ("pidof", "finds a process"),
            ("tee", "writes what is hashed at once"),
            ("stat", "sizes, times and inodes of what was pushed"),
            ("tail", "follows events from an offset"),
            ("nice", "priority"),
            ("toybox", "Android's tools"),
            ("su", "root, if it is there; not called"),
        )
    ),
    Probe("free space", ("df", "-k", "/data/local/tmp"), "room for builds", "/"),
    Probe("sha256sum works", ("sh", "-c", "printf abc | sha256sum"), "FIPS 180-4's own example", "ba7816bf"),
    Probe("placement", ("sh", "-c", "taskset -p $$"), "the shell's own mask"),
)

ROOTED = (
    _writable("/sys/devices/system/cpu/cpufreq/policy*/scaling_max_freq", "whether clocks could be pinned"),
    _writable("/proc/sys/vm/drop_caches", "whether a cold start can be measured"),
    _file("/proc/ppm/policy_status", "older MediaTek limits", lines=20),
    _file("/proc/gpufreqv2/gpufreq_status", "GPU clock", lines=40),
    _file("/proc/gpufreqv2/gpu_working_opp_table", "GPU clocks", lines=80),
    Probe("devfreq", ("sh", "-c", "ls -l /sys/class/devfreq"), "GPU, DRAM and APU clocks by name"),
    _file("/sys/class/devfreq/*mali*/cur_freq", "GPU clock"),
    _file("/sys/class/devfreq/mtk-dvfsrc-devfreq/cur_freq", "DRAM clock: decode is bound by it"),
    _file("/sys/class/devfreq/*mdla*/cur_freq", "APU clock"),
    _file("/sys/kernel/ged/hal/gpu_utilization", "GPU load"),
    _file("/sys/kernel/fpsgo/common/fpsgo_enable", "frame boosting"),
    Probe("debugfs", ("sh", "-c", "ls /sys/kernel/debug/apusys"), "APU clocks by debugfs"),
)

NPU = (
    Probe("APU devices", ("sh", "-c", "ls -lZ /dev/apusys*"), "whether a shell may open the APU"),
    _file("/vendor/etc/public.libraries.txt", "which vendor libraries apps may load", lines=60),
    Probe("Neuron libraries", ("sh", "-c", "ls /vendor/lib64/libneuron*"), "the NPU's runtime"),
    Probe("Neuron service", ("sh", "-c", "dumpsys -l | grep -i -e neuron -e apu"), "the NPU behind a service"),
)

PROBES: tuple[Probe | Setting, ...] = (*IDENTITY, *TOOLS, *SENSORS, *FRAMEWORK, *NPU, *ROOTED, *SETTINGS)
