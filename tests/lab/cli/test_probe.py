"""The command `lab probe` on a virtual phone."""

from __future__ import annotations

import gzip
import json
import tarfile
from pathlib import Path

from tests.farm_phones import Phone
from tests.lab_process import run_lab


def test_a_virtual_phone_is_probed_by_name(tmp_path: Path, phone: Phone, native_bundle: Path) -> None:
    """It gets a table and a bundle, and its agent runs; settings are unchanged and its name is hidden."""
    variables = {"POCKETLAB_ADB_SERVER": f"127.0.0.1:{phone.adb_server}"}
    (tmp_path / "data/agents").mkdir(parents=True)
    (tmp_path / "data/agents/x86_64").symlink_to(native_bundle)
    phone.connect()
    asked = "for key in screen_brightness screen_off_timeout; do settings get system $key; done"
    before = phone.shell(asked)

    done = run_lab(tmp_path, ["probe", phone.name, "--out", tmp_path / "probe.tar.gz"], variables=variables)

    assert done.returncode == 0, done.stderr
    with tarfile.open(tmp_path / "probe.tar.gz") as bundle:
        file = bundle.extractfile("probes.json")
        assert file is not None
        verdicts = {one["name"]: one["verdict"] for one in json.load(file)}
        assert "report.md" in bundle.getnames()
    assert verdicts["property ro.soc.model"] == "available"
    assert verdicts["dumpsys thermalservice"] == "available"
    assert verdicts["the lab's agent"] == "available"
    assert verdicts["may write /proc/sys/vm/drop_caches"] == "refused"
    assert verdicts["setting system screen_brightness"] == "available"
    assert phone.shell(asked) == before
    assert phone.name.encode() not in gzip.decompress((tmp_path / "probe.tar.gz").read_bytes())
    assert "the lab's agent" in done.stdout
