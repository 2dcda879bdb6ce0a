"""The bundle of a probe hides what is private."""

from __future__ import annotations

import gzip
from pathlib import Path

from lab.device.fake.phone import FakePhone, fake_device
from lab.probe.bundle import write_bundle
from lab.probe.examine import Result


def test_serials_and_addresses_are_hidden_in_a_bundle(tmp_path: Path) -> None:
    """Serial numbers are the start of their hash in every file; with no secrets named, these alone stay."""
    answer = "R58X1234 imei 351234567890123, wifi 02:00:00:aa:bb:cc at 10.0.0.9, R58X1234 again"
    results = [Result("property ro.serialno", "the serial number", "getprop", "available", "R58X1234", answer)]
    device = fake_device(FakePhone({}))

    write_bundle(tmp_path / "hidden.tar.gz", device, results, taken_utc="now", secrets=["virtual-1"])
    write_bundle(tmp_path / "open.tar.gz", device, results, taken_utc="now", secrets=[])

    hidden, shown = (
        gzip.decompress((tmp_path / name).read_bytes()).decode() for name in ("hidden.tar.gz", "open.tar.gz")
    )
    for secret in ("351234567890123", "02:00:00:aa:bb:cc", "10.0.0.9"):
        assert secret not in hidden
        assert secret not in shown
    assert "R58X1234" not in hidden
    assert hidden.count("hidden-") == 4
    assert shown.count("R58X1234") == 4
