"""What is installed is pinned with its hash, and phones get the runtime that is pinned for this machine."""

from __future__ import annotations

import re
import tomllib

from device_agents.native.build import ABIS, RUNTIME
from tests.lab_process import ROOT

LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")


def pins() -> dict[str, list[str]]:
    """Return the hashes of each NAME==VERSION of the lock file."""
    entries = re.findall(r"^(\S+==\S+)(.*(?:\n    --hash=sha256:[0-9a-f]{64}(?: \\)?)+)", LOCK, re.MULTILINE)
    return {name: re.findall(r"[0-9a-f]{64}", rest) for name, rest in entries}


def test_every_dependency_is_pinned_with_its_hash() -> None:
    """Those of the project and of each extra, and setuptools, which builds it; torch alone is pinned without."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [
        *project["dependencies"],
        *(one for extra in project["optional-dependencies"].values() for one in extra),
    ]
    names = {re.split(r"[^\w-]", one)[0].lower() for one in asked} - {"torch"} | {"setuptools"}
    pinned = pins()

    assert names - {name.split("==")[0] for name in pinned} == set()
    assert len(re.findall("^[^# ]", LOCK, re.MULTILINE)) == len(pinned)
    assert "://" not in LOCK


def test_phones_get_the_runtime_of_the_lock_file() -> None:
    """The wheels whose library goes to phones have a hash that the lock file has, at the same release."""
    known = pins()[f"onnxruntime=={RUNTIME}"]

    assert [linux.sha256 in known for linux in ABIS.values()] == [True, True]
