"""The command `lab probe` on a virtual phone."""

from __future__ import annotations

import gzip
import json
import tarfile
from pathlib import Path

from tests.farm_phones import Phone
from tests.lab_process import run_lab

LOG = (
    '1764300000.123  1000  1000 I wifi: Connected SSID: "HomeNet 5G" ip 192.168.1.77',
    "1764300001.000  1001  1001 I RILJ: [IMEI] 356938035643809 MSISDN +4915112345678",
    "1764300002.000  1002  1002 I AccountManager: alice@example.com",
)
SECRETS = ("HomeNet", "192.168.1.77", "356938035643809", "4915112345678", "alice")


def test_a_virtual_phone_is_probed_by_name(tmp_path: Path, phone: Phone, native_bundle: Path) -> None:
    """It gets a table and a bundle, and its agent runs; settings are unchanged and its name is hidden."""
    variables = {"POCKETLAB_ADB_SERVER": f"127.0.0.1:{phone.adb_server}"}
    (tmp_path / "data/agents").mkdir(parents=True)
    (tmp_path / "data/agents/x86_64").symlink_to(native_bundle)
    phone.connect()
    asked = "for key in screen_brightness screen_off_timeout; do settings get system $key; done"
    before = phone.shell(asked)
    for line in LOG:
        phone.shell(f"echo '{line}' >> /metadata/pocketlab/logcat")
    assert "alice@example.com" in phone.shell("logcat -d -t 5 -v epoch -b all")

    done = run_lab(tmp_path, ["probe", phone.name, "--out", tmp_path / "probe.tar.gz"], variables=variables)

    assert done.returncode == 0, done.stderr
    with tarfile.open(tmp_path / "probe.tar.gz") as bundle:
        file = bundle.extractfile("probes.json")
        assert file is not None
        found = {one["name"]: one for one in json.load(file)}
        verdicts = {name: one["verdict"] for name, one in found.items()}
        assert "report.md" in bundle.getnames()
    assert verdicts["property ro.soc.model"] == "available"
    assert verdicts["dumpsys thermalservice"] == "available"
    assert verdicts["the lab's agent"] == "available"
    assert verdicts["may write /proc/sys/vm/drop_caches"] == "refused"
    assert verdicts["setting system screen_brightness"] == "available"
    assert phone.shell(asked) == before
    text = gzip.decompress((tmp_path / "probe.tar.gz").read_bytes()).decode()
    assert not [secret for secret in (phone.name, *SECRETS) if secret in text]
    assert (verdicts["logcat"], found["logcat"]["finding"]) == ("available", "answers")
    assert [name for name, one in found.items() if "left out)" in one["finding"]] == []
    assert "the lab's agent" in done.stdout
