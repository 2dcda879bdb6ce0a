"""Nothing private leaves the machine in a probe's bundle, whatever a phone answers to whichever probe."""

from __future__ import annotations

import tarfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from lab.device.fake.phone import FakePhone, fake_device
from lab.device.transport import Completed
from lab.probe.bundle import write_bundle
from lab.probe.catalogue import PROBES
from lab.probe.examine import examine
from lab.probe.private import LEFT_OUT, kept, scrubbed
from tests.lab.probe.test_examine import no_lease

SAID = """
1764300000.123  1000  1000 I wifi: Connected SSID: "HomeNet 5G" ip 192.168.1.77
1764300001.000  1001  1001 I RILJ: [IMEI] 356938035643809 MSISDN +4915112345678
1764300002.000  1002  1002 I AccountManager: alice@example.com
mWifiInfo SSID: HomeNet 5G, BSSID: 02:00:00:aa:bb:cc, MAC: 02-00-00-aa-bb-cd
[gsm.imei]: [356938035643809]
[ril.iccid]: [89490200001234567890]
imsi=262011234567890
Phone number: 0151 12345678
mLine1Number=+49 151 1234 5678
ip=10.11.12.13 gateway fe80::1ff:fe23:4567:890a%wlan0 2001:db8::8a2e:370:7334
android_id=9774d56d682e549c
gsf id: 3812345678901234567
Account {name=alice.miller, type=com.vivo.account}
bluetooth_name: Alice's earbuds
device_name=Alices phone
net.hostname: alices-phone
Linux alices-phone 5.15.123 #1 SMP PREEMPT aarch64
mLastLocation=Location[gps 48.137154,11.576124 hAcc=12]
latitude: 48.137154
serial: R58X1234ABC
Serial\t\t: R58X1234ABC
"""
BARE = (
    "356938035643809",
    "+4915112345678",
    "4915112345678",
    "alice@example.com",
    "192.168.1.77",
    "2001:db8::8a2e:370:7334",
    "fe80::1ff:fe23:4567:890a",
    "02:00:00:aa:bb:cc",
    "02-00-00-aa-bb-cc",
    "89490200001234567890",
    "262011234567890",
    "9774d56d682e549c",
    "3812345678901234567",
    "48.137154,11.576124",
    "Alice's earbuds",
)
SECRETS = (
    *BARE,
    *("HomeNet", "02-00-00-aa-bb-cd", "0151 12345678", "+49 151 1234 5678", "10.11.12.13", "alice", "Alice"),
    *("earbuds", "48.137154", "11.576124", "R58X1234ABC"),
)


class Talkative(FakePhone):
    """A phone that answers every command with one text, on stdout, on stderr or on both."""

    def __init__(self, text: str, status: int, out: bool, err: bool) -> None:
        super().__init__({})
        self.answer = Completed(status, text if out else "", text if err else "")
        self.wrote: list[Sequence[str]] = []

    def shell(self, argv: Sequence[str], *, timeout_s: float) -> Completed:
        """Answer."""
        if "put" in argv:
            self.wrote.append(argv)
        return self.answer


def bundled(folder: Path, phone: FakePhone, secrets: Sequence[str] = ("fake",)) -> dict[str, str]:
    """Probe a phone, write its bundle, and return the text of each file in it."""
    device = fake_device(phone)
    results = examine(device, lease=no_lease, tell=lambda words: None)
    target = folder / "probe.tar.gz"
    write_bundle(target, device, results, taken_utc="2026-11-28 21:00 UTC", secrets=secrets)
    with tarfile.open(target) as bundle:
        files = {name: bundle.extractfile(name) for name in bundle.getnames()}
        return {name: file.read().decode() for name, file in files.items() if file is not None}


@pytest.mark.parametrize("secrets", [("fake",), ()], ids=["hidden", "with serial"])
@pytest.mark.parametrize(("status", "out", "err"), [(0, True, False), (1, False, True), (0, True, True)])
def test_no_private_form_survives_any_probe(
    tmp_path: Path, status: int, out: bool, err: bool, secrets: tuple[str, ...]
) -> None:
    """All of them, as every probe's answer, in every file of the bundle."""
    files = bundled(tmp_path, Talkative(SAID, status, out, err), secrets)

    assert len(files) == len(PROBES) + 3  # report.md, probes.json, and the agent's
    assert {(name, secret) for name, text in files.items() for secret in SECRETS if secret in text} == set()


@pytest.mark.parametrize("value", BARE)
def test_a_private_value_alone_survives_no_probe(tmp_path: Path, value: str) -> None:
    """Without a label beside it, as a property or a setting would hold it; and it is never written back."""
    phone = Talkative(f"{value}\n", 0, True, True)

    files = bundled(tmp_path, phone, ("fake", value))

    assert not [name for name, text in files.items() if value in text]
    assert phone.wrote == []


@pytest.mark.parametrize("prefix", ["", "Permission denied: ", "/proc/x: not found: ", "temperature: ", "mState="])
def test_a_private_value_behind_what_a_probe_keeps_survives_none(tmp_path: Path, prefix: str) -> None:
    """A known beginning does not carry the rest of a line along."""
    values = (*BARE, "HomeNet 5G", "R58X1234ABC")

    files = bundled(tmp_path, Talkative("".join(f"{prefix}{value}\n" for value in values), 1, True, True))

    assert not [(name, value) for name, text in files.items() for value in values if value in text]


def test_of_logs_only_whether_they_answer_is_kept() -> None:
    """No line of a log is asked for; a phone that sends some all the same has them left out."""
    results = examine(fake_device(Talkative(f"answers\n{SAID}", 0, True, False)), lease=no_lease, tell=print)
    (logcat,) = [one for one in results if one.name == "logcat"]

    assert (logcat.verdict, logcat.finding) == ("available", "answers")
    assert logcat.raw.splitlines()[1:] == ["answers", "(21 lines left out)", "[status 0]"]


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("property ro.product.model", "ROG Phone 8 (Pro)"),
        ("property ro.serialno", "R58X1234ABC"),
        ("property ro.build.fingerprint", "vivo/PD2309/PD2309:14/UP1A.231005.007/compiler0205:user/release-keys"),
        ("/proc/uptime", "12345.67 98765.43"),
        ("kernel", "Linux 6.1.25-android14-11-o-gabc #1 SMP PREEMPT Mon Jan 1 00:00:00 UTC 2024 aarch64"),
        ("user", "uid=2000(shell) gid=2000(shell) groups=2000(shell),1004(input) context=u:r:shell:s0"),
        ("/proc/cpuinfo", "Features\t: fp asimd evtstrm aes i8mm bf16"),
        ("thermal zones", "vtskin 34500"),
        ("cooling devices", "thermal-cpufreq-0 3/18"),
        ("/sys/class/power_supply/battery/current_now", "-1203000"),
        ("dumpsys battery", "  temperature: 312"),
        ("dumpsys thermalservice", "\tTemperature{mValue=34.5, mType=3, mName=skin, mStatus=0}"),
        ("dumpsys power", "  mWakefulness=Awake"),
        ("dumpsys deviceidle", "  mState=ACTIVE mLightState=ACTIVE"),
        ("dumpsys meminfo", "           TOTAL PSS:     1234            TOTAL RSS:     5678"),
        ("fixed-performance mode is known", "  set-fixed-performance-mode-enabled [true|false]"),
        ("charging can be suspended", "  suspend_input [-f]"),
        (
            "logcat size",
            "main: ring buffer is 256 KiB (255 KiB consumed), max entry is 5120 B, max payload is 4068 B",
        ),
        ("free space", "/dev/block/dm-55 234000000 12000000 222000000   6% /data"),
        ("placement", "pid 1234's current affinity mask: ff"),
        ("limits", "nofiles                      32768"),
        ("limits", "core file size              (blocks, -c) 0"),
        ("/proc/self/cgroup", "0::/"),
        ("APU devices", "crw-rw---- 1 system camera u:object_r:apusys_device:s0 490, 0 2024-01-01 /dev/apusys"),
    ],
)
def test_what_a_probe_is_for_is_kept(name: str, line: str) -> None:
    """A phone's usual answer passes whole."""
    (probe,) = [one for one in PROBES if one.name == name]

    assert kept(Completed(0, line, ""), probe.keeps) == Completed(0, f"{line.strip()}\n", "")


@pytest.mark.parametrize(
    "text",
    ["12:34:56", "0::/", "u:r:shell:s0", "PD2309B_A_15.0.8.2.W10", "5.15.123", "std::vector", "176430000012"],
)
def test_what_only_looks_private_stays(text: str) -> None:
    """A time, a context, versions."""
    assert scrubbed(text) == text
    assert scrubbed(f"{text} 10.0.0.1") == f"{text} {LEFT_OUT}"


def test_a_line_of_a_megabyte_is_left_out_at_once() -> None:
    """The patterns take a time that grows with the square of a line: this one took more than five seconds."""
    text = "x" * 2**20

    assert scrubbed(f"a\n{text}\nb") == f"a\n{LEFT_OUT}\nb"
    assert kept(Completed(0, text, ""), ".*").stdout == ""
