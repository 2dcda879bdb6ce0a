"""Push of a 1 GB build, verified on the device, against plain `adb push` of the same bytes, unverified."""

from __future__ import annotations

import hashlib
import os
import socket
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from adbutils import adb_path

from benchmarks.pairs import timed
from device_agents.contract import File
from device_agents.virtual_phone import farm
from device_agents.virtual_phone.errors import FarmError
from lab.device import lease
from lab.device.adb.transport import AdbTransport, Server, connect_tcp
from lab.device.push import Package, Pushed, push
from lab.device.transport import Device
from lab.records import DeviceIdentity

PAIRS = 5
LARGE, SMALL = 10_000_000, (100, 2_000, 40_000, 300_000)
FLOOR, AIM = 0.6, 0.85
"""Claim and aim for one phone, as a share of the speed of plain `adb push`."""

FLOOR_OF_FOUR = 0.7
"""Claim for four phones at once, as a share of the speed of four plain pushes at once."""

PLAIN = "/data/local/tmp/plain"
ROUNDS = 3
"""Repetitions of each way of sending when they are compared with each other."""


@dataclass(frozen=True)
class Bench:
    """Virtual phones, their adb server, and the folder of the data to send."""

    server: Server
    devices: Sequence[Device]
    folder: Path

    def adb(self, device: Device, *arguments: str) -> None:
        """Run the adb binary on a phone; raise CalledProcessError if it fails."""
        transport = device.transport
        assert isinstance(transport, AdbTransport)
        argv = [
            adb_path(),
            "-H",
            self.server.host,
            "-P",
            str(self.server.port),
            "-s",
            transport.serial,
            *arguments,
        ]
        subprocess.run(argv, check=True, capture_output=True, stdin=subprocess.DEVNULL)

    def empty(self, device: Device) -> None:
        """Remove the pushed files and flush the disks."""
        device.transport.shell(
            ["rm", "-rf", PLAIN, f"{lease.SCRATCH}/blobs", f"{lease.SCRATCH}/parts"], timeout_s=60
        )
        os.sync()


def run(_: Path) -> bool:
    """Measure the claims on virtual phones of our own; True if all hold or there are no phones."""
    try:
        with phones(4) as bench:
            one = package(bench.folder, 100)
            few = package(bench.folder, 25)
            return all((against_adb(bench, one), again(bench, one), four_at_once(bench, few)))
    except FarmError as error:
        print(f"not measured: {error}")
        return True


def compare(_: Path) -> bool:
    """Compare the ways of sending and verifying; makes no claim."""
    try:
        with phones(1) as bench:
            candidates(bench, package(bench.folder, 100))
    except FarmError as error:
        print(f"not measured: {error}")
    return True


@contextmanager
def phones(count: int) -> Iterator[Bench]:
    """Start virtual phones and an adb server; end both afterwards. Raises `FarmError`."""
    farm.check("x86_64")
    with tempfile.TemporaryDirectory(prefix="pocketlab-push-") as name, ExitStack() as stack:
        folder, port = Path(name), free_port()
        environment = os.environ | {"POCKETLAB_FARM": str(folder / "farm")}
        argv = [sys.executable, "-m", "device_agents.virtual_phone"]
        stack.callback(subprocess.run, [*argv, "down"], env=environment, stdout=subprocess.DEVNULL, check=False)
        network = f"127.{200 + os.getpid() % 50}.{1 + os.getpid() // 50 % 250}"
        up = [*argv, "up", "--phones", str(count), "--network", network]
        done = subprocess.run(up, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise FarmError(done.stderr.strip())
        server = Server("127.0.0.1", port)
        stack.callback(subprocess.run, [adb_path(), "-P", str(port), "kill-server"], check=False)
        found = farm.phones(folder / "farm")
        yield Bench(
            server, [stack.enter_context(attached(server, each.name, each.address)) for each in found], folder
        )


@contextmanager
def attached(server: Server, name: str, address: str) -> Iterator[Device]:
    """Attach a phone to the server, as a device with a small disk reserve."""
    connect_tcp(server, address)
    identity = DeviceIdentity(name, "virtual", "benchmark", "benchmark", (0,))
    yield Device(identity, AdbTransport(server, address), ("agent",), {}, lease.SCRATCH, reserve_bytes=100_000_000)


def free_port() -> int:
    """Return a free port of the loopback interface."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def package(folder: Path, large: int) -> Package:
    """Write a build of `large` files of 10 MB and a few small ones, all random bytes."""
    build = folder / f"build-{large}"
    build.mkdir()
    files = []
    for number, size in enumerate([LARGE] * large + list(SMALL)):
        content = os.urandom(size)
        (build / f"part-{number:03d}").write_bytes(content)
        files.append(File(path=f"part-{number:03d}", sha256=hashlib.sha256(content).hexdigest(), bytes=size))
    return Package("builds", f"build-{large}", build, tuple(files))


def pairs(ours: Callable[[], object], plain: Callable[[], object], rest: Callable[[], object]) -> list[float]:
    """Time both in turn, ABBA, each after `rest`; return plain seconds over ours, by pair."""
    ratios = []
    for pair in range(PAIRS):
        seconds = {}
        for which in (0, 1) if pair % 2 == 0 else (1, 0):
            rest()
            seconds[which] = timed((ours, plain)[which])
        ratios.append(seconds[1] / seconds[0])
        print(f"  pair {pair + 1}: ours {seconds[0]:.2f} s, plain adb push {seconds[1]:.2f} s", flush=True)
    return ratios


def told(ratios: Sequence[float]) -> str:
    """Return ``0.91 of the speed of plain adb push (0.85 to 0.97, 5 pairs)``."""
    middle = statistics.median(ratios)
    spread = f"{min(ratios):.2f} to {max(ratios):.2f}, {len(ratios)} pairs"
    return f"{middle:.2f} of the speed of plain adb push ({spread})"


def against_adb(bench: Bench, build: Package) -> bool:
    """Measure the first push to one phone; True if it meets the claim."""
    device, size = bench.devices[0], sum(file.bytes for file in build.files)

    def ours() -> None:
        with lease.held(device, owner="benchmark", wait_s=0) as held:
            done = push([build], device, fence=held.fence)
        assert (done.sent_bytes, done.verified) == (size, "full")

    def plain() -> None:
        bench.adb(device, "push", str(build.folder), PLAIN)

    print(f"first push of {size / 1e9:.2f} GB in {len(build.files)} files, lease included:")
    ratios = pairs(ours, plain, lambda: bench.empty(device))
    print(f"  {told(ratios)} (claim: {FLOOR}, aim: {AIM})")
    return statistics.median(ratios) >= FLOOR


def again(bench: Bench, build: Package) -> bool:
    """Push the same build again, then with one file changed; True if only changes are sent, within a second."""
    device = bench.devices[0]
    seconds: list[float] = []
    found: list[Pushed] = []
    with lease.held(device, owner="benchmark", wait_s=0) as held:
        push([build], device, fence=held.fence)
        for _ in range(PAIRS):
            seconds.append(timed(lambda: found.append(push([build], device, fence=held.fence))))
        full_s = timed(lambda: push([build], device, fence=held.fence, full=True))
        content = os.urandom(LARGE)
        (build.folder / "part-000").write_bytes(content)
        first = File(path="part-000", sha256=hashlib.sha256(content).hexdigest(), bytes=LARGE)
        changed = Package("builds", "changed", build.folder, (first, *build.files[1:]))
        one = push([changed], device, fence=held.fence)
    middle, sent = statistics.median(seconds), sum(each.sent_bytes for each in found)
    print(
        f"again: {sent} bytes sent, {middle:.2f} s ({min(seconds):.2f} to {max(seconds):.2f}), all rehashed "
        f"{full_s:.2f} s\none file of {LARGE:,} bytes changed: {one.sent_files} sent, {one.sent_bytes:,} bytes"
    )
    as_claimed = all(each.verified == "quick" for each in found) and (one.sent_files, one.sent_bytes) == (1, LARGE)
    return middle < 1.0 and sent == 0 and as_claimed


def four_at_once(bench: Bench, build: Package) -> bool:
    """Measure the first push to four phones at once, a quarter of the bytes each; True if it meets the claim."""

    def at_once(work: Callable[[Device], None]) -> None:
        with ThreadPoolExecutor(len(bench.devices)) as pool:
            list(pool.map(work, bench.devices))

    def ours(device: Device) -> None:
        with lease.held(device, owner="benchmark", wait_s=0) as held:
            push([build], device, fence=held.fence)

    size = sum(file.bytes for file in build.files) * len(bench.devices)
    print(f"first push to {len(bench.devices)} phones at once, {size / 1e9:.2f} GB together:")
    ratios = pairs(
        lambda: at_once(ours),
        lambda: at_once(lambda device: bench.adb(device, "push", str(build.folder), PLAIN)),
        lambda: at_once(bench.empty),
    )
    print(f"  {told(ratios)} (claim: {FLOOR_OF_FOUR})")
    return statistics.median(ratios) >= FLOOR_OF_FOUR


def candidates(bench: Bench, build: Package) -> None:
    """Print the seconds each way takes to get all files to the phone and hash them there (the first: no hash)."""
    device = bench.devices[0]
    transport = device.transport
    assert isinstance(transport, AdbTransport)
    files = [(build.folder / file.path, f"{lease.SCRATCH}/parts/{file.sha256}") for file in build.files]

    def hashed() -> None:
        script = f"sha256sum {lease.SCRATCH}/parts/* {PLAIN}/* 2> /dev/null | wc -l"
        said = transport.shell(["sh", "-c", script], timeout_s=120).stdout
        assert int(said) == len(build.files), said

    def adb_push(*options: str) -> None:
        bench.adb(device, "push", *options, str(build.folder), PLAIN)

    def adbutils_sync() -> None:
        from adbutils import AdbClient  # noqa: PLC0415 - a rival, imported by nobody else

        phone = AdbClient(bench.server.host, bench.server.port).device(transport.serial)
        for source, target in files:
            phone.sync.push(source, target)

    ways: Mapping[str, Sequence[Callable[[], object]]] = {
        "adb push, not hashed": [adb_push],
        "adb push, then hashed": [adb_push, hashed],
        "adb push -Z (no compression), then hashed": [lambda: adb_push("-Z"), hashed],
        "adbutils' sync, then hashed": [adbutils_sync, hashed],
        "one append stream and one hash per file": [lambda: [transport.upload(*file) for file in files]],
        "sync protocol without waiting, then hashed": [lambda: transport.upload_many(files), hashed],
    }
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(ROUNDS):
        for name in list(ways)[:: 1 if turn % 2 == 0 else -1]:
            bench.empty(device)
            transport.shell(["mkdir", "-p", f"{lease.SCRATCH}/parts"], timeout_s=10)
            taken[name].append(sum(timed(step) for step in ways[name]))
    for name, seconds in taken.items():
        print(
            f"  {statistics.median(seconds):6.2f} s ({min(seconds):.2f} to {max(seconds):.2f})  {name}", flush=True
        )
