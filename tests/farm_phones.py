"""Real phones for tests: containers with Android's own adbd, made by device_agents.virtual_phone.

Session fixtures `phones` (two virtual phones of a farm of the tests' own) and `phone` (the first; what a test does
to it is undone after). `Phone.adb_server` is the port of an adb server of the tests' own, started on first use
of `Phone.adb`. They skip, in words, where phones cannot be had: without root, debootstrap, namespaces.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from adbutils import adb_path

from device_agents.virtual_phone import farm
from device_agents.virtual_phone import phone as core
from device_agents.virtual_phone.control import ask
from device_agents.virtual_phone.errors import FarmError
from device_agents.virtual_phone.init import ENVIRONMENT

ADB = Path(adb_path())


@dataclass(frozen=True)
class Phone:
    """One virtual phone, as tests see it."""

    name: str
    address: str  # what adb connects to
    adb_server: int  # port of the tests' own adb server
    core: core.Phone

    def fault(self, word: str, argument: str | float = "") -> str:
        """Do it harm (device_agents/virtual_phone/faults.py); gives what was done in words."""
        return str(ask(self.core, word, str(argument))["said"])

    def restore(self) -> None:
        """Undo every fault, and wait until the phone is up."""
        self.fault("restore")
        self.wait()

    def status(self) -> dict[str, object]:
        """What its supervisor knows: state, wire, pid, serial."""
        return ask(self.core, "status")

    def wait(self, state: str = "up", deadline_s: float = 20.0) -> None:
        """Wait until the supervisor says that the phone is in this state."""
        began = time.monotonic()
        while self.status()["state"] != state:
            assert time.monotonic() - began < deadline_s, f"{self.name} is {self.status()}, wanted {state}"
            time.sleep(0.02)

    def file(self, path: str) -> Path:
        """Give a path in the phone (`/data/…`) as this machine sees it: without adb, so with the cable cut too."""
        return Path(f"/proc/{self.status()['pid']}/root{path}")

    def shell(self, command: str) -> str:
        """Run a command in the phone from the supervisor's side (as root, without adb); gives its output."""
        argv = [
            shutil.which("nsenter") or "nsenter",
            "-t",
            str(self.status()["pid"]),
            "-p",
            "-m",
            "-n",
            "-u",
            "-i",
            "-T",
            "--root",
            "--wd",
        ]
        done = subprocess.run(
            [*argv, "/system/bin/sh", "-c", command], capture_output=True, text=True, check=True, env=ENVIRONMENT
        )
        return done.stdout

    def adb(self, *arguments: str, deadline_s: float = 30.0) -> subprocess.CompletedProcess[str]:
        """Run the adb binary on this phone, connected first; what it prints and its status are the caller's."""
        self.connect()
        return _adb(self.adb_server, "-s", self.address, *arguments, deadline_s=deadline_s)

    def connect(self) -> str:
        """Have the tests' adb server connect to the phone; gives what adb says.

        After a test broke the link, adb lists the phone as `offline` for a while; reconnecting ends that.
        """
        if self.adb_state() == "offline":
            self.disconnect()
        return _adb(self.adb_server, "connect", self.address).stdout.strip()

    def disconnect(self) -> None:
        """Have the tests' adb server forget the phone."""
        _adb(self.adb_server, "disconnect", self.address)

    def adb_state(self) -> str:
        """What `adb devices` says of the phone: device, offline, unauthorized, … or nothing."""
        rows = [line.split() for line in _adb(self.adb_server, "devices").stdout.splitlines()[1:]]
        return next((row[1] for row in rows if row and row[0] == self.address), "")


def _adb(port: int, *arguments: str, deadline_s: float = 30.0) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(ADB), *arguments],
        env=os.environ | {"ANDROID_ADB_SERVER_PORT": str(port), "ADB_MDNS_AUTO_CONNECT": "0"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=deadline_s,
        check=False,
    )


@pytest.fixture(scope="session")
def adb_server() -> Iterator[int]:
    """Give the port of an adb server of this session's own; it starts with the first adb command."""
    port = 17000 + os.getpid() % 10000
    yield port
    _adb(port, "kill-server")


@pytest.fixture(scope="session")
def phones(adb_server: int) -> Iterator[list[Phone]]:
    """Two virtual phones in a farm of their own, gone afterwards."""
    with farm_of(adb_server, "--phones", "2") as found:
        yield found


@contextlib.contextmanager
def farm_of(adb_server: int, *options: str) -> Iterator[list[Phone]]:
    """Have a farm of one's own, gone afterwards; skips, in words, where there can be none."""
    try:
        farm.check("arm64" if "arm64" in options else "x86_64")
    except FarmError as error:
        pytest.skip(str(error))
    with tempfile.TemporaryDirectory(prefix="pocketlab-farm-") as folder:
        environment = {"POCKETLAB_FARM": str(Path(folder) / "farm")}
        up = run_farm(environment, "up", *options, "--network", free_network())
        try:
            if up.returncode != 0:
                pytest.skip(f"no virtual phones here: {up.stderr.strip()}")
            found = farm.phones(Path(environment["POCKETLAB_FARM"]))
            yield [Phone(one.name, one.address, adb_server, one) for one in found]
        finally:
            down = run_farm(environment, "down")
    assert down.returncode == 0, down.stderr


@pytest.fixture(scope="session")
def emulated_phone(adb_server: int) -> Iterator[Phone]:
    """An arm64 phone under qemu (make test-arm64): for function, never for time."""
    with farm_of(adb_server, "--phones", "1", "--abi", "arm64") as found:
        yield found[0]


@pytest.fixture
def phone(phones: list[Phone]) -> Iterator[Phone]:
    """The first phone, up and unharmed; restored after the test."""
    phones[0].restore()
    yield phones[0]
    phones[0].restore()


def free_network() -> str:
    """Addresses that no other farm, session or person has here; every call gives others."""
    number = os.getpid() * 16 + next(_count) % 16
    return f"127.{100 + number // 200 % 100}.{1 + number % 200}"


_count = itertools.count()


def run_farm(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the farm's command line as a person does, on the farm that the environment names."""
    return subprocess.run(
        [sys.executable, "-m", "device_agents.virtual_phone", *arguments],
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,  # the first of all makes a root file system
        check=False,
    )
