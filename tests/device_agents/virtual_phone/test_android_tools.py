"""A virtual phone's shell tools and sysfs, run on this machine: formats, state, reactions and faults."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from device_agents.virtual_phone import heat, knobs
from device_agents.virtual_phone.sensors import Sensors
from tests.lab_process import ROOT

TOOLS = ROOT / "device_agents/virtual_phone/android/bin"
SHELL = shutil.which("mksh") or "/bin/sh"  # the phone's own shell, if this machine has it
IDENTITY = "ro.serialno=virtual-1\nro.boot.serialno=virtual-1\nro.product.cpu.abi=x86_64\n"


@dataclass(frozen=True)
class Handset:
    """A phone's sysfs and state in a folder of this machine, without the container."""

    sys_root: Path
    state_root: Path
    sensors: Sensors

    def process(self, tool: str, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [SHELL, str(TOOLS / tool), *arguments],
            env={**os.environ, "POCKETLAB_STATE": str(self.state_root), "TZ": "UTC"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, tool: str, *arguments: str) -> tuple[int, str, str]:
        """Run a tool and return its status, stdout and stderr."""
        with self.process(tool, *arguments) as process:
            out, err = process.communicate(timeout=30)
        return process.returncode, out, err

    def says(self, tool: str, *arguments: str) -> str:
        """Run a tool that must succeed without output on stderr, and return its stdout."""
        status, out, err = self.run(tool, *arguments)
        assert (status, err) == (0, "")
        return out

    def live(self, *, seconds: float = 1, load: float = 0) -> float:
        return self.sensors.step(seconds=seconds, load=load, now=1_700_000_100.25)

    def misbehave(self, name: str, mode: str) -> None:
        knobs.misbehave(self.state_root, name, mode)
        self.live(seconds=0)

    def node(self, path: str) -> str:
        return (self.sys_root / path).read_text().strip()

    def zone(self, kind: str) -> Path:
        zones = (self.sys_root / "class/thermal").glob("thermal_zone*")
        (found,) = [zone for zone in zones if (zone / "type").read_text() == f"{kind}\n"]
        return found

    def battery(self) -> dict[str, str]:
        """Return the battery service's own lines, which end at the first one that is not indented."""
        lines = self.says("dumpsys", "battery").splitlines()[1:]
        end = next(number for number, line in enumerate(lines) if not line.startswith("  "))
        return dict(line.strip().split(": ", 1) for line in lines[:end])

    def hal(self) -> dict[str, str]:
        """Return the temperatures in the thermal service's section "from HAL", as printed."""
        section = self.says("dumpsys", "thermalservice").partition("Current temperatures from HAL:")[2]
        section = section.partition("Current cooling devices")[0]
        return {name: value for value, name in re.findall(r"mValue=(\S+), mType=\d+, mName=(\w+)", section)}


@pytest.fixture
def handset(tmp_path: Path) -> Handset:
    """A phone at rest that has just booted."""
    sensors = Sensors(tmp_path / "sys", tmp_path / "state")
    (tmp_path / "state/identity.prop").write_text(IDENTITY)
    sensors.boot(now=1_700_000_000.5)
    return Handset(tmp_path / "sys", tmp_path / "state", sensors)


def test_getprop_knows_the_soc_and_says_that_the_product_is_virtual(handset: Handset) -> None:
    """The properties of device_care.md section 1 have their values; an absent one is an empty line."""
    assert handset.says("getprop", "ro.soc.model") == "MT6989\n"
    assert handset.says("getprop", "ro.serialno") == "virtual-1\n"
    assert "virtual" in handset.says("getprop", "ro.product.model")
    assert handset.says("getprop", "no.such") == "\n"
    assert handset.says("getprop", "../identity.prop") == "\n"
    assert "[ro.soc.manufacturer]: [Mediatek]\n" in handset.says("getprop")


def test_setprop_keeps_a_value_and_leaves_read_only_ones_alone(handset: Handset) -> None:
    """Only a boot sets `ro.` properties; of the others only persistent ones survive a boot."""
    handset.says("setprop", "debug.a", "b\\tc")
    handset.says("setprop", "persist.a", "kept")
    assert handset.run("setprop", "ro.serialno", "x")[:2] == (1, "")
    assert handset.says("getprop", "debug.a") == "b\\tc\n"

    handset.sensors.boot(now=1_700_000_200.0)

    assert handset.says("getprop", "debug.a") == "\n"
    assert handset.says("getprop", "persist.a") == "kept\n"


def test_another_identity_shows_within_a_step(handset: Handset) -> None:
    """A new serial in identity.prop shows in getprop within one step."""
    (handset.state_root / "identity.prop").write_text("ro.serialno=somebody-else\n")
    handset.live()

    assert handset.says("getprop", "ro.serialno") == "somebody-else\n"


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(value=st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1))
def test_settings_gives_back_what_was_put(handset: Handset, value: str) -> None:
    """A value may contain quotes, dollars, backslashes and leading blanks."""
    handset.says("settings", "put", "global", "window_animation_scale", value)

    assert handset.says("settings", "get", "global", "window_animation_scale") == f"{value}\n"


def test_settings_says_null_deletes_and_outlives_a_reboot(handset: Handset) -> None:
    """`settings` answers in Android's words: null for an absent key, and a count of deleted rows."""
    assert handset.says("settings", "get", "system", "nothing") == "null\n"
    handset.says("settings", "put", "system", "screen_brightness", "1")
    handset.sensors.boot(now=1_700_000_200.0)

    assert "screen_brightness=1\n" in handset.says("settings", "list", "system")
    assert handset.says("settings", "delete", "system", "screen_brightness") == "Deleted 1 rows\n"
    assert handset.says("settings", "delete", "system", "screen_brightness") == "Deleted 0 rows\n"
    assert handset.run("settings", "put", "global", "../../identity.prop", "x")[0] == 255
    assert handset.run("settings", "put", "nowhere", "a", "b")[0] == 255
    assert (handset.state_root / "identity.prop").read_text() == IDENTITY


def test_svc_writes_the_settings_that_android_writes(handset: Handset) -> None:
    """`stayon true` writes 15, every kind of plug; each radio has its own setting."""
    handset.says("svc", "power", "stayon", "true")
    handset.says("svc", "wifi", "disable")

    assert handset.says("settings", "get", "global", "stay_on_while_plugged_in") == "15\n"
    assert handset.says("settings", "get", "global", "wifi_on") == "0\n"
    assert "  mStayOnWhilePluggedInSetting=15\n" in handset.says("dumpsys", "power")


def test_dumpsys_battery_has_androids_lines_and_a_vendors_trap_after_them(handset: Handset) -> None:
    """A reader that does not stop at the first line without indentation reads a wrong level."""
    text = handset.says("dumpsys", "battery")

    assert text.splitlines()[:3] == [
        "Current Battery Service state:",
        "  AC powered: false",
        "  USB powered: true",
    ]
    assert re.findall(r"^ +level: (\d+)$", text, re.MULTILINE) == ["65", "12"]
    now = handset.battery()
    assert now["temperature"] == "262"  # 25 degC and 0.3 W through 4 K/W, in tenths
    assert (now["status"], now["scale"], now["technology"]) == ("2", "100", "Li-ion")


def test_a_faked_battery_says_that_its_updates_stopped(handset: Handset) -> None:
    """A faked battery serves to test our own gate, and `reset` ends it."""
    handset.says("dumpsys", "battery", "unplug")
    handset.says("cmd", "battery", "set", "temp", "500")
    text = handset.says("dumpsys", "battery")

    assert text.splitlines()[1] == "  (UPDATES STOPPED -- use 'reset' to restart)"
    assert "  USB powered: false\n" in text
    assert "  temperature: 500\n" in text
    assert "  temperature: 431\n" in text  # a fake does not change the vendor's log
    handset.says("dumpsys", "battery", "reset")
    assert handset.battery()["temperature"] == "262"


def test_a_suspended_input_drains_the_battery(handset: Handset) -> None:
    """Status 3 and a falling charge counter prove it to the lab."""
    before = int(handset.battery()["Charge counter"])
    handset.says("cmd", "battery", "suspend_input")
    handset.live(seconds=60, load=1)
    now = handset.battery()

    assert (now["status"], now["USB powered"]) == ("3", "false")
    assert int(now["Charge counter"]) < before
    handset.says("cmd", "battery", "reset")
    handset.live(seconds=60)
    assert handset.battery()["status"] == "2"


def test_the_thermal_service_prints_old_values_beside_present_ones(handset: Handset) -> None:
    """Cached temperatures differ from the HAL's, as on a Xiaomi 13T Pro (device_care.md section 4)."""
    text = handset.says("dumpsys", "thermalservice")

    assert "\tTemperature{mValue=84.200, mType=0, mName=CPU, mStatus=0}\n" in text
    assert text.splitlines()[0] == "IsStatusOverride: false"
    assert "Thermal Status: 0\n" in text
    assert handset.hal()["CPU"] == "27.400"
    assert handset.hal()["SKIN"] == "26.320"
    assert "mName=SKIN, mHotThrottlingThresholds=[NaN, 39.5, " in text


def test_an_override_changes_the_status_and_no_temperature(handset: Handset) -> None:
    """An override fakes only the framework's status, and `reset` ends it."""
    handset.says("cmd", "thermalservice", "override-status", "3")
    text = handset.says("dumpsys", "thermalservice")

    assert text.splitlines()[0] == "IsStatusOverride: true"
    assert "Thermal Status: 3\n" in text
    assert handset.hal()["SKIN"] == "26.320"
    handset.says("cmd", "thermalservice", "reset")
    assert "IsStatusOverride: false\n" in handset.says("dumpsys", "thermalservice")


def test_load_warms_every_sensor_and_a_hot_phone_slows_down(handset: Handset) -> None:
    """Two minutes of full load cause cooling state 1, a lower scaling_max_freq and less CPU for the phone."""
    shares = [handset.live(load=1) for _ in range(120)]

    assert shares[0] == 1
    assert shares[-1] == pytest.approx(0.857, abs=0.001)  # 22.025 of 25.7: every policy one step down
    assert handset.node("devices/system/cpu/cpufreq/policy7/cpuinfo_max_freq") == "3250000"
    assert handset.node("devices/system/cpu/cpufreq/policy7/scaling_max_freq") == "2800000"
    assert handset.node("devices/system/cpu/cpufreq/policy0/scaling_cur_freq") == "1700000"
    assert handset.node("class/thermal/cooling_device0/cur_state") == "1"
    assert 38_000 < int((handset.zone("vtskin-max") / "temp").read_text()) < 39_500
    assert int((handset.zone("soc_max") / "temp").read_text()) > 60_000
    assert 300 < int(handset.battery()["temperature"]) < 380  # minutes behind the chip


def test_a_hot_phone_tells_the_log_and_the_cache(handset: Handset) -> None:
    """When the thermal status changes, Android logs it and caches the temperatures."""
    handset.sensors.heat = heat.at(48.0)
    handset.live()

    assert "Thermal Status: 3\n" in handset.says("dumpsys", "thermalservice")
    last = handset.says("logcat", "-d", "-v", "epoch", "-b", "all").splitlines()[-1]
    assert last == "         1700000100.250  1000  1000 W ThermalManagerService: status 0 -> 3"
    assert handset.says("logcat", "-d").splitlines()[-1].startswith("11-14 22:15:00.250 ")


def test_zones_are_found_by_type_only(handset: Handset) -> None:
    """Every gate sensor of device_care.md section 3 exists, in a meaningless order."""
    for kind in ("battery", "vtskin-max", "soc_max", "apu-a0", "apu-b0", "cpu-big-core7-1"):
        assert (handset.zone(kind) / "temp").exists()
    assert (handset.zone("nrpa_ntc") / "temp").read_text() == "-274000\n"
    assert handset.node("class/thermal/thermal_zone0/type") not in ("soc_max", "battery")


def test_time_in_state_counts_ticks_of_10_ms(handset: Handset) -> None:
    """10 s of full load at the fastest clock add 1000 ticks."""
    for _ in range(10):
        handset.live(load=1)

    first = handset.node("devices/system/cpu/cpufreq/policy4/stats/time_in_state").splitlines()[0]
    assert first == "2850000 1000"


def test_fixed_performance_holds_the_clocks_until_reboot(handset: Handset) -> None:
    """Both limits are at the second clock under any load, and the phone is really that slow."""
    handset.says("cmd", "power", "set-fixed-performance-mode-enabled", "true")

    assert handset.live() == pytest.approx(0.857, abs=0.001)
    policy = "devices/system/cpu/cpufreq/policy7"
    clocks = [handset.node(f"{policy}/scaling_{name}_freq") for name in ("min", "cur", "max")]
    assert clocks == ["2800000", "2800000", "2800000"]
    handset.sensors.boot(now=1_700_000_200.0)
    assert handset.node(f"{policy}/scaling_max_freq") == "3250000"


def test_a_pinned_clock_stays_pinned(handset: Handset) -> None:
    """A limit that root writes to scaling_max_freq lasts until the next boot, within the cap set by heat."""
    policy = "devices/system/cpu/cpufreq/policy7"
    (handset.sys_root / policy / "scaling_max_freq").write_text("1900000\n")

    assert handset.live() == pytest.approx((25.7 - 1.5 * 1.35) / 25.7)
    handset.live()
    assert handset.node(f"{policy}/scaling_max_freq") == "1900000"
    handset.sensors.boot(now=1_700_000_200.0)
    assert handset.node(f"{policy}/scaling_max_freq") == "3250000"


def test_a_lie_reports_success_and_changes_nothing(handset: Handset) -> None:
    """Vendors that ignore fixed performance mode also answer with status 0."""
    handset.misbehave("fixed-performance", "lie")
    handset.misbehave("settings", "lie")
    handset.says("cmd", "power", "set-fixed-performance-mode-enabled", "true")
    handset.says("settings", "put", "system", "screen_brightness", "1")

    assert handset.live() == 1
    assert handset.says("settings", "get", "system", "screen_brightness") == "102\n"


def test_refusals_use_androids_words_and_statuses(handset: Handset) -> None:
    """Shell commands fail with 255 and a SecurityException; dumpsys has status 0 and only its text says so."""
    for name in ("settings", "fixed-performance", "thermalservice", "battery"):
        handset.misbehave(name, "refuse")

    status, out, err = handset.run("settings", "put", "system", "screen_brightness", "1")
    assert (status, out) == (255, "")
    assert "Exception occurred while executing 'put':\njava.lang.SecurityException: " in err
    assert handset.run("cmd", "power", "set-fixed-performance-mode-enabled", "true")[0] == 255
    assert handset.says("dumpsys", "thermalservice").startswith("Permission Denial: can't dump thermalservice")


def test_a_service_that_hangs_answers_when_the_fault_ends(handset: Handset) -> None:
    """It answers then, and leaves no process behind."""
    handset.misbehave("thermalservice", "hang")
    with handset.process("dumpsys", "thermalservice") as process:
        with pytest.raises(subprocess.TimeoutExpired):
            process.communicate(timeout=0.5)
        handset.misbehave("thermalservice", "ok")
        out, _ = process.communicate(timeout=30)

    assert "HAL Ready: true\n" in out


def test_a_vanished_hal_or_service_is_said_so(handset: Handset) -> None:
    """A missing HAL and a missing service each have their own words, and none is a temperature of 0."""
    handset.misbehave("thermalservice", "vanish")
    handset.misbehave("deviceidle", "vanish")

    assert "HAL Ready: false\n" in handset.says("dumpsys", "thermalservice")
    assert handset.hal() == {}
    assert handset.run("dumpsys", "deviceidle") == (0, "", "Can't find service: deviceidle\n")
    assert handset.run("cmd", "deviceidle", "disable") == (20, "", "cmd: Can't find service: deviceidle\n")


def test_sensors_without_a_reading(handset: Handset) -> None:
    """A sensor can read NaN from the HAL, -274000 from a zone, nothing at all, or always the same value."""
    handset.misbehave("SKIN", "nan")
    handset.misbehave("NPU", "vanish")
    handset.misbehave("CPU", "freeze")
    handset.misbehave("apu-a0", "nan")
    handset.misbehave("soc_max", "freeze")
    handset.misbehave("vtskin-max", "vanish")
    before = (handset.zone("soc_max") / "temp").read_text(), handset.hal()["CPU"]
    handset.live(seconds=60, load=1)

    assert handset.hal()["SKIN"] == "NaN"
    assert "NPU" not in handset.hal()
    assert (handset.zone("apu-a0") / "temp").read_text() == "-274000\n"
    assert ((handset.zone("soc_max") / "temp").read_text(), handset.hal()["CPU"]) == before
    assert not (handset.zone("vtskin-max") / "temp").exists()
    for name in ("SKIN", "NPU", "CPU", "apu-a0", "soc_max", "vtskin-max"):
        handset.misbehave(name, "ok")
    assert int((handset.zone("soc_max") / "temp").read_text()) > 60_000
    assert (handset.zone("vtskin-max") / "temp").exists()


def test_a_zone_refuses_even_root(handset: Handset) -> None:
    """Uid 0 gets Permission denied, as the shell does from SELinux on phones."""
    handset.misbehave("vtskin-max", "refuse")

    with pytest.raises(PermissionError):
        (handset.zone("vtskin-max") / "temp").read_text()
    handset.misbehave("vtskin-max", "ok")
    assert int((handset.zone("vtskin-max") / "temp").read_text()) > 20_000


def test_a_zone_that_hangs_lets_its_readers_go(handset: Handset) -> None:
    """A reader that hangs in it ends when the fault ends."""
    node = handset.zone("battery") / "temp"
    handset.misbehave("battery", "hang")
    with subprocess.Popen(["cat", str(node)], stdout=subprocess.PIPE) as reader:
        with pytest.raises(subprocess.TimeoutExpired):
            reader.communicate(timeout=0.5)
        handset.misbehave("battery", "ok")
        assert reader.communicate(timeout=30)[0] == b""
    assert node.read_text() == "26200\n"


def test_unknown_commands_answer_as_android_does(handset: Handset) -> None:
    """The status is 255 for a command and 20 for a service; dumpsys complains with status 0."""
    assert handset.run("am", "dance") == (255, "", "Unknown command: dance\n")
    assert handset.run("cmd", "power", "dance") == (255, "", "Unknown command: dance\n")
    assert handset.run("cmd", "dance") == (20, "", "cmd: Can't find service: dance\n")
    assert handset.run("dumpsys", "dance") == (0, "", "Can't find service: dance\n")
    assert "  thermalservice\n" in handset.says("dumpsys", "-l")


def test_preparation_commands_of_device_care_are_known(handset: Handset) -> None:
    """Each command of device_care.md section 2.1 that does not concern files works, and can be read back."""
    for line in (
        "input keyevent KEYCODE_WAKEUP",
        "wm dismiss-keyguard",
        "cmd connectivity airplane-mode enable",
        "cmd power set-mode 1",
        "cmd deviceidle disable",
        "device_config set_sync_disabled_for_tests persistent",
        "device_config put activity_manager max_phantom_processes 2147483647",
        "am kill-all",
        "am force-stop com.example",
        "cmd package bg-dexopt-job",
        "logcat -G 16M",
    ):
        tool, *arguments = line.split()
        handset.says(tool, *arguments)

    assert handset.says("cmd", "connectivity", "airplane-mode") == "enabled\n"
    assert "  Enabled=true\n" in handset.says("dumpsys", "power")
    assert "  mWakefulness=Awake\n" in handset.says("dumpsys", "power")
    assert "  mLightEnabled=false  mDeepEnabled=false\n" in handset.says("dumpsys", "deviceidle")
    assert handset.says("logcat", "-g").startswith("main: ring buffer is 16M")
    handset.sensors.boot(now=1_700_000_200.0)  # Doze is on again, a persistent device_config stays
    assert "  mLightEnabled=true  mDeepEnabled=true\n" in handset.says("dumpsys", "deviceidle")
    limit = handset.says("device_config", "get", "activity_manager", "max_phantom_processes")
    assert limit == "2147483647\n"


def test_meminfo_reads_a_real_process(handset: Handset) -> None:
    """`meminfo` prints PSS and RSS in kB, as the kernel counts them."""
    text = handset.says("dumpsys", "meminfo", str(os.getpid()))

    found = re.search(r"TOTAL PSS: +(\d+) +TOTAL RSS: +(\d+)", text)
    assert found
    assert 10_000 < int(found[1]) <= int(found[2])
    assert handset.says("dumpsys", "meminfo", "999999999") == "No process found for: 999999999\n"
