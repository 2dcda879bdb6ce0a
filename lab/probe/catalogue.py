"""The catalogue of `lab probe`: reads, and settings written with the value they already have; nothing else.

The list follows the fact sheet on device care, whose statements about phones nobody has verified on an MT6989
phone. Left out on purpose, because they fake values, remove protection or need a reboot to undo:
`cmd thermalservice override-status`, `dumpsys battery set`, `stop thermald`, disabled thermal zones, pinned
clocks, fixed-performance mode, radios, cut charging.

Each probe says which lines of an answer may leave the machine (`keeps`); a new one says it too, as narrowly as it
can. What people write themselves, what apps write, and logs are never among them.
"""

from __future__ import annotations

from dataclasses import dataclass

READ_S, SLOW_S = 15.0, 60.0
"""Timeouts of a probe and of a slow one; judgements: a healthy shell answers in tens of milliseconds, dumpsys in
seconds."""


@dataclass(frozen=True)
class Probe:
    """One thing to try: a command, what it shows, and the text that an answer must contain.

    `keeps` and `most` say which lines are kept, as :func:`lab.probe.private.kept` has them.
    """

    name: str
    argv: tuple[str, ...]
    shows: str
    keeps: str
    holds: str = ""
    timeout_s: float = READ_S
    most: int = 1000


@dataclass(frozen=True)
class Setting:
    """A setting that is read, written with the value it already has, and read back."""

    name: str
    read: tuple[str, ...]
    write: tuple[str, ...]
    shows: str
    keeps: str = r"-?\d{1,7}(\.\d{1,3})?|2147483647|null"

    @property
    def argv(self) -> tuple[str, ...]:
        """The command that reads the setting."""
        return self.read


_LETTER = "(?=.*[A-Za-z])"
"""A name has a letter; a number alone may be a telephone's."""


def _prop(name: str, shows: str, keeps: str = rf"{_LETTER}[\w.-]{{1,40}}") -> Probe:
    return Probe(f"property {name}", ("getprop", name), shows, keeps, most=1)


def _file(path: str, shows: str, keeps: str, *, lines: int = 4) -> Probe:
    """Return a probe that reads the files of a pattern, each with its name; the device expands the pattern."""
    return Probe(path, ("sh", "-c", f"head -n {lines} {path}"), shows, rf"==> /[\w/.@-]+ <==|{keeps}")


def _writable(path: str, shows: str) -> Probe:
    """Return a probe that asks whether this user may write, without writing."""
    script = f'for f in {path}; do test -e "$f" || {{ echo "$f: No such file" >&2; exit 1; }}; '
    script += 'test -w "$f" || { echo "$f: Permission denied" >&2; exit 1; }; echo "$f: writable"; done'
    return Probe(f"may write {path}", ("sh", "-c", script), shows, r"/[\w/.-]+: writable")


def _tool(name: str, shows: str) -> Probe:
    script = f"command -v {name} || {{ echo {name}: not found >&2; exit 127; }}"
    return Probe(f"tool {name}", ("sh", "-c", script), shows, rf"(/[\w.+-]+)+|{name}")


def _setting(namespace: str, key: str, shows: str) -> Setting:
    return Setting(
        f"setting {namespace} {key}",
        ("settings", "get", namespace, key),
        ("settings", "put", namespace, key),
        shows,
    )


_CPU_SYS = "/sys/devices/system/cpu"
_KHZ, _HZ = r"\d{4,8}", r"\d{4,9}|\d{4}0{6}"
_LIMITS = (
    r"(-\w:|(time|file|coredump|core|data|stack|max|open|address|locks|lockedmem|memory|nofiles|processes|flocks|"
    r"sigpending|msgqueue|maxnice|maxrtprio|resident|nice|threads|swap|virtual|cpu|pending|pipe|POSIX|scheduling|"
    r"real-time|vmemory)\b)"
)
"""What shells call their limits (mksh and bash), or their option (toybox)."""
_CPU = (
    r"(processor|BogoMIPS|bogomips|Features|flags|CPU (implementer|architecture|variant|part|revision)|Hardware|"
    r"model name|cpu MHz)\s*:[\w .,()@/+*-]*"
)
"""Not the key Serial, which older kernels have."""
_BATTERY = (
    "(AC|USB|Wireless|Dock) powered|Max charging (current|voltage)|Charge counter|Charging (state|policy)|status|"
    "health|present|level|scale|voltage|temperature|technology|current now"
)
_THERMAL = (
    r"IsStatusOverride: \w+|Thermal\w{1,20}Listeners:|HAL connection:|ThermalHAL [\w. ]{1,20} connected: (yes|no)|"
    r"Thermal Status: \d|Cached temperatures:|HAL Ready: \w+|"
    r"(Current (temperatures|cooling devices)|Temperature (static thresholds|headroom thresholds)) from HAL:|"
    r"Temperature\{mValue=-?[\w.]+, mType=-?\d+, mName=[\w.-]{1,40}, mStatus=\d+\}|"
    r"CoolingDevice\{mValue=\d+, mType=-?\d+, mName=[\w.-]{1,40}\}|"
    r"TemperatureThreshold\{[\w=.,\[\] -]+\}"
)
_DOZE = "ACTIVE|INACTIVE|IDLE_PENDING|SENSING|LOCATING|IDLE|IDLE_MAINTENANCE|QUICK_DOZE_DELAY"
_STATUS = r"[\w\[\]* -]{1,40}[:=]\s*-?\d{1,9}\b(?!\.)[\w\[\]* :=,()/%-]{0,100}"
"""A name and a number, and what follows it: only root reads these files."""
_PARTS = r"[\w.@-]*(mali|dvfsrc|dramc|devfreq|gpu|mdla|apu|vpu|mdw|midware|edma|reviser|power|ufs)[\w.:-]*"

IDENTITY = (
    *(
        _prop(*each)
        for each in (
            ("ro.serialno", "the serial number: not unique on every phone", r"[\w.:-]{4,40}"),
            ("ro.product.model", "the model", rf"{_LETTER}[\w .+()/-]{{1,60}}"),
            ("ro.soc.model", "MT6989 on Dimensity 9300 and 9300+", rf"{_LETTER}[\w ./-]{{1,40}}"),
            ("ro.soc.manufacturer", "the SoC's maker"),
            ("ro.board.platform", "the SoC where ro.soc.model is absent"),
            ("ro.hardware", "the SoC where both are absent"),
            ("ro.product.cpu.abilist", "which code runs", r"[a-z][\w,-]{1,80}"),
            ("ro.build.fingerprint", "the software's identity", r"([\w.+-]+[/:]){5}[\w.:/,+-]+"),
            ("ro.build.version.release", "the Android version", r"\d{1,2}(\.\d){0,2}"),
            ("ro.build.version.sdk", "the API level", r"\d{1,3}"),
            ("ro.build.version.security_patch", "the patch level", r"\d{4}-\d\d-\d\d"),
            ("ro.boot.verifiedbootstate", "green on an unmodified phone", "green|yellow|orange|red"),
            ("ro.build.type", "user, or userdebug with root", "user|userdebug|eng"),
            ("sys.boot_completed", "1 when the framework is up", "[01]"),
        )
    ),
    _file("/proc/sys/kernel/random/boot_id", "which boot this is", r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    _file("/proc/uptime", "the device's clock that leases expire by", r"\d{1,9}\.\d\d \d{1,9}\.\d\d"),
    Probe("kernel", ("uname", "-srvm"), "kernel and machine", r"Linux [\w.+-]+ #[\w ,:.+()~@-]+"),
    Probe("page size", ("getconf", "PAGESIZE"), "4096, or 16384 on newer kernels", r"\d{4,5}"),
    Probe("SELinux context", ("id", "-Z"), "u:r:shell:s0 for adb's shell", r"\w:\w:\w+:s0[\w:,.]*"),
    Probe("user", ("id",), "which groups the shell is in", r"uid=\d+\(\w+\) gid=[\w ()=,:.-]+"),
    Probe(
        "seccomp",
        ("grep", "Seccomp", "/proc/self/status"),
        "whether system calls are filtered",
        r"Seccomp\w*:\s+\d{1,3}",
    ),
    Probe(
        "limits",
        ("sh", "-c", "ulimit -a"),
        "open files, core files, locked memory",
        rf"{_LIMITS}.*\s(\d{{1,9}}|unlimited)",
    ),
    _file("/proc/cpuinfo", "CPU features: dot products, i8mm, SVE where it is not hidden", _CPU, lines=200),
    _file(f"{_CPU_SYS}/cpu7/cpufreq/cpuinfo_max_freq", "3250000 on the 9300, 3400000 on the 9300+", _KHZ),
    Probe(
        "NPU runtime files",
        (
            "sh",
            "-c",
            "sha256sum /vendor/lib64/libneuron* /system_ext/lib64/libneuronusdk_adapter.mtk.so "
            "/vendor/lib64/libtflite_mtk.so",
        ),
        "which NPU runtime this is",
        r"[0-9a-f]{64}\s+/[\w/.+-]+",
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
    Probe(
        "services",
        ("dumpsys", "-l"),
        "whether the framework is up",
        "Currently running services:",
        "Currently running services",
        SLOW_S,
    ),
    Probe(
        "dumpsys battery",
        ("dumpsys", "battery"),
        "charge, temperature, charging",
        rf"Current Battery Service state:|({_BATTERY}): (-?\d{{1,9}}|true|false|Li-\w{{2,8}})",
        "temperature",
        SLOW_S,
    ),
    Probe(
        "dumpsys thermalservice",
        ("dumpsys", "thermalservice"),
        "throttling status and the HAL's own temperatures",
        _THERMAL,
        "Current temperatures from HAL",
        SLOW_S,
    ),
    Probe(
        "dumpsys power",
        ("dumpsys", "power"),
        "wakefulness and battery saver",
        r"m(Wakefulness|WakefulnessRaw|IsPowered|PlugType|BatteryLevel|StayOn|LowPowerMode\w*|DeviceIdleMode)="
        r"(true|false|-?\d{1,3}|Awake|Asleep|Dozing|Dreaming)",
        "mWakefulness",
        SLOW_S,
    ),
    Probe(
        "dumpsys deviceidle",
        ("dumpsys", "deviceidle"),
        "Doze",
        r"(m(State|LightState|LightEnabled|DeepEnabled|ForceIdle|ScreenOn|Charging)=(true|false|[A-Z_]{2,20})\s*)+",
        "mState",
        SLOW_S,
    ),
    Probe(
        "dumpsys meminfo",
        ("sh", "-c", "dumpsys meminfo $$"),
        "memory of one process",
        r"(TOTAL[A-Z ]{0,20}:?(\s+\d{1,9})+\s*)+",
        "TOTAL",
        SLOW_S,
    ),
    Probe(
        "fixed-performance mode is known",
        ("cmd", "power", "help"),
        "whether `cmd power` offers it; not tried, because it lasts until the next boot",
        r"set-fixed-performance-mode-enabled( [\w\[\]()|<>-]{1,20})*",
        "set-fixed-performance-mode-enabled",
    ),
    Probe(
        "charging can be suspended",
        ("cmd", "battery", "help"),
        "whether it is offered; not tried",
        r"(set )?suspend_input( [\w\[\]|<>-]{1,12})*",
        "suspend_input",
    ),
    Probe(
        "airplane mode",
        ("cmd", "connectivity", "airplane-mode"),
        "whether it can be read; not changed",
        "enabled|disabled",
    ),
    Probe("Doze mode", ("cmd", "deviceidle", "get", "deep"), "whether it can be read; not changed", _DOZE),
    Probe(
        "logcat",
        ("sh", "-c", 'test "$(logcat -d -t 5 -v epoch -b all | wc -l)" -gt 0 && echo answers'),
        "evidence of crashes; no line of a log is kept",
        "answers",
        "",
        SLOW_S,
    ),
    Probe(
        "logcat size",
        ("logcat", "-g"),
        "how much the ring buffer holds",
        r"(main|radio|events|system|crash|stats|security|kernel): ring buffer is [\w ().,]+",
    ),
)

SENSORS = (
    Probe(
        "thermal zones",
        ("sh", "-c", 'for z in /sys/class/thermal/thermal_zone*; do echo "$(cat $z/type) $(cat $z/temp)"; done'),
        "names and millidegrees: vtskin, apu, soc_max",
        r"[\w.-]{1,40} -?\d{1,6}",
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
        r"[\w.-]{1,40} \d{1,4}/\d{1,4}",
        "/",
    ),
    *(
        _file(f"{_CPU_SYS}/cpufreq/policy*/{name}", shows, keeps)
        for name, shows, keeps in (
            ("scaling_cur_freq", "the clock asked for", _KHZ),
            ("scaling_max_freq", "the cap: below cpuinfo_max_freq the phone holds back", _KHZ),
            ("cpuinfo_max_freq", "the highest clock", _KHZ),
            ("scaling_governor", "the governor", "[a-z_]{3,20}"),
            ("related_cpus", "which cores share a clock", r"\d{1,2}( \d{1,2})*"),
        )
    ),
    _file(
        f"{_CPU_SYS}/cpufreq/policy*/stats/time_in_state", "time at each clock", rf"{_KHZ} \d{{1,12}}", lines=40
    ),
    _file(
        "/sys/class/power_supply/battery/current_now", "the battery's current: unit and sign vary", r"-?\d{1,8}"
    ),
    _file("/sys/class/power_supply/battery/temp", "the battery's temperature", r"-?\d{1,5}"),
    _file("/proc/stat", "load of each core", r"cpu\d*(\s+\d{1,12}){7,10}", lines=10),
    _file("/proc/meminfo", "memory left", r"\w+:\s+\d{1,9} kB", lines=5),
    _file("/proc/loadavg", "load", r"(\d{1,4}\.\d\d ){3}\d{1,5}/\d{1,6} \d{1,8}"),
    _file("/proc/self/cpuset", "which cores the shell may use", r"/[\w/.-]*"),
    _file("/proc/self/cgroup", "the shell's groups", r"\d{1,3}:[\w,=]*:/[\w/.-]*", lines=20),
    _file("/proc/sys/kernel/perf_event_paranoid", "whether counters can be read", r"-?\d"),
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
    Probe(
        "free space",
        ("df", "-k", "/data/local/tmp"),
        "room for builds",
        r"Filesystem\s[\w %-]+|[\w/.-]+(\s+\d{1,12}){3}\s+\d{1,3}%\s+/[\w/.-]*",
        "/",
    ),
    Probe(
        "sha256sum works",
        ("sh", "-c", "printf abc | sha256sum"),
        "FIPS 180-4's own example",
        r"[0-9a-f]{64}\s+-",
        "ba7816bf",
    ),
    Probe(
        "placement",
        ("sh", "-c", "taskset -p $$"),
        "the shell's own mask",
        r"pid \d{1,8}'s current affinity mask: [0-9a-f]{1,8}",
    ),
)

ROOTED = (
    _writable(f"{_CPU_SYS}/cpufreq/policy*/scaling_max_freq", "whether clocks could be pinned"),
    _writable("/proc/sys/vm/drop_caches", "whether a cold start can be measured"),
    _file("/proc/ppm/policy_status", "older MediaTek limits", _STATUS, lines=20),
    _file("/proc/gpufreqv2/gpufreq_status", "GPU clock", _STATUS, lines=40),
    _file("/proc/gpufreqv2/gpu_working_opp_table", "GPU clocks", _STATUS, lines=80),
    Probe("devfreq", ("sh", "-c", "ls /sys/class/devfreq"), "GPU, DRAM and APU clocks by name", _PARTS),
    _file("/sys/class/devfreq/*mali*/cur_freq", "GPU clock", _HZ),
    _file("/sys/class/devfreq/mtk-dvfsrc-devfreq/cur_freq", "DRAM clock: decode is bound by it", _HZ),
    _file("/sys/class/devfreq/*mdla*/cur_freq", "APU clock", _HZ),
    _file("/sys/kernel/ged/hal/gpu_utilization", "GPU load", r"\d{1,3}( \d{1,3})*"),
    _file("/sys/kernel/fpsgo/common/fpsgo_enable", "frame boosting", r"\d"),
    Probe("debugfs", ("sh", "-c", "ls /sys/kernel/debug/apusys"), "APU clocks by debugfs", _PARTS),
)

NPU = (
    Probe(
        "APU devices",
        ("sh", "-c", "ls -lZ /dev/apusys*"),
        "whether a shell may open the APU",
        r"[a-zA-Z-]{10}\S? [\w:,. -]{1,100} /dev/apusys\w*",
    ),
    _file(
        "/vendor/etc/public.libraries.txt",
        "which vendor libraries apps may load",
        r"lib[\w.+-]+\.so( (32|64|nopreload))*",
        lines=60,
    ),
    Probe(
        "Neuron libraries",
        ("sh", "-c", "ls /vendor/lib64/libneuron*"),
        "the NPU's runtime",
        r"/vendor/lib64/libneuron[\w.+-]*",
    ),
    Probe(
        "Neuron service",
        ("sh", "-c", "dumpsys -l | grep -i -e neuron -e apu"),
        "the NPU behind a service",
        r"[\w./-]*(neuron|apu)[\w./-]*",
    ),
)

PROBES: tuple[Probe | Setting, ...] = (*IDENTITY, *TOOLS, *SENSORS, *FRAMEWORK, *NPU, *ROOTED, *SETTINGS)
