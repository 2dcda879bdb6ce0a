"""Push sends nothing twice and uses nothing unproven; under a real shell here, and over adb to a real adbd."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from device_agents.contract import File
from lab.device import lease
from lab.device.adb.transport import AdbTransport, Server
from lab.device.local import LocalTransport
from lab.device.push import BIG, Package, Pushed, place, push
from lab.device.transport import Completed, Device
from lab.errors import BuildError, DeviceError, DeviceFull, DeviceLost, DeviceRefused
from lab.records import DeviceIdentity
from tests.farm_phones import Phone

CONTENT = {"manifest.json": b"{}", "graphs/a.onnx": b"a" * 5000, "graphs/deep/b.onnx": b"b" * 7000, "empty": b""}


class Counted(LocalTransport):
    """A machine that counts the calls, and can break off or damage an upload."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []
        self.break_after: int | None = None
        self.spoil = 0

    def shell(self, argv: Sequence[str], *, timeout_s: float) -> Completed:
        """Run a command."""
        self.calls.append("shell")
        return super().shell(argv, timeout_s=timeout_s)

    def push(self, content: bytes, target: str) -> None:
        """Write a file."""
        self.calls.append("push")
        super().push(content, target)

    def upload(
        self, source: Path, target: str, *, offset: int = 0, progress: Callable[[int], None] = lambda sent: None
    ) -> str:
        """Append a file; or only part of it, and disconnect."""
        self.calls.append(f"upload from {offset}")
        digest = super().upload(source, target, offset=offset, progress=progress)
        path = Path(target)
        if self.break_after is not None:
            with path.open("r+b") as file:
                file.truncate(self.break_after)
            self.break_after = None
            raise DeviceLost("the cable was pulled")
        if self.spoil:
            self.spoil -= 1
            path.write_bytes(path.read_bytes()[:-1] + b"?")
            return hashlib.sha256(path.read_bytes()).hexdigest()
        return digest


class Together(Counted):
    """A machine that also takes many files at once, and can damage the first of them."""

    def upload_many(
        self, files: Sequence[tuple[Path, str]], *, progress: Callable[[int], None] = lambda sent: None
    ) -> None:
        """Copy the files."""
        self.calls.append(f"send {len(files)}")
        sent = 0
        for source, target in files:
            data = source.read_bytes()
            Path(target).write_bytes(b"?" + data[1:] if self.spoil else data)
            self.spoil = 0
            sent += len(data)
            progress(sent)


def package(folder: Path, content: Mapping[str, bytes], name: str = "build-1") -> Package:
    """Write files, and return them as a package."""
    for path, data in content.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    files = [File(path=p, sha256=hashlib.sha256(d).hexdigest(), bytes=len(d)) for p, d in content.items()]
    return Package("builds", name, folder, tuple(files))


def here(folder: Path) -> Device:
    """Return this machine as a device whose lab folder is `folder`; it leaves a byte free."""
    identity = DeviceIdentity("phone-1", "virtual", "a test", "x", (0,))
    return Device(identity, Counted(), ("agent",), {}, str(folder), reserve_bytes=1)


@pytest.fixture
def device(tmp_path: Path) -> Device:
    """A device on this machine."""
    return here(tmp_path / "scratch")


@pytest.fixture
def held(device: Device) -> Iterator[lease.Lease]:
    """Its lease."""
    with lease.held(device, owner="me@here 1 run", wait_s=0) as mine:
        yield mine


def calls(device: Device) -> list[str]:
    """Return the calls since the last time, without the lease's own."""
    transport = device.transport
    assert isinstance(transport, Counted)
    found, transport.calls = transport.calls, []
    return found


def blob(device: Device, content: bytes) -> Path:
    """Return the path of a content's blob on the device."""
    return Path(str(device.scratch)) / "blobs" / hashlib.sha256(content).hexdigest()


def contents(folder: str) -> dict[str, bytes]:
    """Return what a package's folder on this machine holds, read through its links."""
    root = Path(folder)
    assert all(path.is_symlink() or path.is_dir() for path in root.rglob("*"))
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_a_package_arrives_whole(device: Device, held: lease.Lease, tmp_path: Path) -> None:
    """Every file is a link to an executable blob named by its hash; there are no other files."""
    build = package(tmp_path / "build", CONTENT)
    told: list[tuple[int, int]] = []

    done = push([build], device, fence=held.fence, progress=lambda sent, total: told.append((sent, total)))

    assert done == Pushed(12002, 4, 0, "full", 0)
    assert contents(place(device, build)) == CONTENT
    assert blob(device, CONTENT["graphs/a.onnx"]).stat().st_mode & 0o111
    assert not Path(place(device, build), "empty").readlink().is_absolute()
    assert told[0] == (0, 12002)
    assert told[-1] == (12002, 12002)
    assert sorted(path.name for path in Path(str(device.scratch)).iterdir()) == [
        *("agents", "blobs", "builds", "fence", "inputs", "lease", "lease.lock", "ledger", "parts")
    ]


def test_an_unchanged_package_costs_two_calls(device: Device, held: lease.Lease, tmp_path: Path) -> None:
    """One reads the blobs' state, one checks the links."""
    build = package(tmp_path / "build", CONTENT)
    push([build], device, fence=held.fence)
    calls(device)

    assert push([build], device, fence=held.fence) == Pushed(0, 0, 12002, "quick", 0)
    assert calls(device) == ["shell", "shell"]


def test_files_are_shared_across_builds(device: Device, held: lease.Lease, tmp_path: Path) -> None:
    """Only the file that changed is sent; a second name for the same bytes costs nothing."""
    push([package(tmp_path / "one", CONTENT)], device, fence=held.fence)
    changed = CONTENT | {"graphs/a.onnx": b"A" * 5000, "again": CONTENT["graphs/deep/b.onnx"]}
    second = package(tmp_path / "two", changed, "build-2")

    done = push([second], device, fence=held.fence)

    assert (done.sent_files, done.sent_bytes) == (1, 5000)
    assert contents(place(device, second)) == changed


def test_a_new_lease_proves_everything_again(device: Device, tmp_path: Path) -> None:
    """The first push hashes everything; later ones compare with the ledger."""
    build = package(tmp_path / "build", CONTENT)
    verified = []
    for _ in range(2):
        with lease.held(device, owner="me", wait_s=0) as mine:
            verified += [push([build], device, fence=mine.fence).verified for _ in range(2)]

    assert verified == ["full", "quick", "full", "quick"]


def test_a_flipped_bit_is_found_at_the_next_lease_and_sent_again(device: Device, tmp_path: Path) -> None:
    """Even with unchanged size and time: every needed blob is hashed."""
    build = package(tmp_path / "build", CONTENT)
    with lease.held(device, owner="me", wait_s=0) as mine:
        push([build], device, fence=mine.fence)
    path = blob(device, CONTENT["graphs/a.onnx"])
    before = path.stat()
    data = bytearray(path.read_bytes())
    data[1234] ^= 4
    with path.open("r+b") as file:
        file.write(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    with lease.held(device, owner="me", wait_s=0) as mine:
        done = push([build], device, fence=mine.fence)

    assert done == Pushed(5000, 1, 7002, "full", 0, damaged=1)
    assert contents(place(device, build)) == CONTENT


@pytest.mark.parametrize("harm", ["shorter", "touched", "replaced", "gone", "a folder", "a link"])
def test_a_blob_that_changed_is_hashed_within_a_lease(
    device: Device, held: lease.Lease, tmp_path: Path, harm: str
) -> None:
    """Size, time and inode are compared with the ledger; what differs is hashed, and sent if necessary."""
    build = package(tmp_path / "build", CONTENT)
    push([build], device, fence=held.fence)
    path = blob(device, CONTENT["graphs/a.onnx"])
    data = path.read_bytes()
    if harm == "shorter":
        path.write_bytes(data[:-1])
    elif harm == "touched":
        os.utime(path, (1, 1))
    else:
        path.unlink()
        if harm == "replaced":
            path.write_bytes(data)
            os.utime(path, (1, 1))  # in the same second the new file may get the old one's i-node
        elif harm == "a folder":
            (path / "inside").mkdir(parents=True)
        elif harm == "a link":
            path.symlink_to("/etc/passwd")

    done = push([build], device, fence=held.fence)

    assert done.sent_files == (0 if harm in {"touched", "replaced"} else 1)
    assert done.verified == "full"
    assert contents(place(device, build)) == CONTENT
    assert push([build], device, fence=held.fence).verified == "quick"


def test_a_broken_push_resumes_inside_the_file(device: Device, held: lease.Lease, tmp_path: Path) -> None:
    """The bytes that arrived are not sent again; everything there is hashed again."""
    build = package(tmp_path / "build", {"big": bytes(range(256)) * 400, "small": b"s"})
    transport = device.transport
    assert isinstance(transport, Counted)
    transport.break_after = 70_000
    with pytest.raises(DeviceLost):
        push([build], device, fence=held.fence)
    calls(device)

    done = push([build], device, fence=held.fence)

    assert "upload from 70000" in calls(device)
    assert (done.sent_bytes, done.verified) == (32_401, "full")
    assert contents(place(device, build)) == {"big": bytes(range(256)) * 400, "small": b"s"}


def test_a_part_that_is_not_our_beginning_is_sent_from_the_start(
    device: Device, held: lease.Lease, tmp_path: Path
) -> None:
    """Its length proves nothing: its hash must equal that of our own first bytes."""
    build = package(tmp_path / "build", {"big": b"x" * 9000})
    push([], device, fence=held.fence)
    parts = Path(str(device.scratch)) / "parts"
    sha = build.files[0].sha256
    (parts / sha).write_bytes(b"y" * 4000)
    (parts / ("0" * 64)).write_bytes(b"stale")

    assert push([build], device, fence=held.fence).sent_bytes == 9000
    assert list(parts.iterdir()) == []


def test_a_part_that_is_whole_already_is_not_sent(device: Device, held: lease.Lease, tmp_path: Path) -> None:
    """The link broke between the last byte and the new name."""
    build = package(tmp_path / "build", {"big": b"x" * 9000})
    push([], device, fence=held.fence)
    (Path(str(device.scratch)) / "parts" / build.files[0].sha256).write_bytes(b"x" * 9000)

    assert push([build], device, fence=held.fence).sent_bytes == 0
    assert contents(place(device, build)) == {"big": b"x" * 9000}


def test_a_file_that_arrives_damaged_is_sent_once_more(device: Device, held: lease.Lease, tmp_path: Path) -> None:
    """Damage a second time is refused; a damaged file never becomes a blob."""
    build = package(tmp_path / "build", {"big": b"x" * 9000})
    transport = device.transport
    assert isinstance(transport, Counted)
    transport.spoil = 1
    push([build], device, fence=held.fence)
    assert contents(place(device, build)) == {"big": b"x" * 9000}

    other = package(tmp_path / "other", {"big": b"z" * 9000}, "build-2")
    transport.spoil = 2
    with pytest.raises(DeviceRefused, match=r"phone-1: .*/big arrived damaged twice"):
        push([other], device, fence=held.fence)
    assert not blob(device, b"z" * 9000).exists()


def test_files_sent_together_are_hashed_in_one_call(tmp_path: Path) -> None:
    """After the conversation; the one that arrived damaged is sent again by itself."""
    transport = Together()
    transport.spoil = 1
    device = replace(here(tmp_path / "scratch"), transport=transport)
    build = package(tmp_path / "build", {f"part-{n}": b"%d" % n * 900 for n in range(5)})
    with lease.held(device, owner="me", wait_s=0) as mine:
        push([], device, fence=mine.fence)
        calls(device)
        done = push([build], device, fence=mine.fence)

    sent = calls(device)
    assert sent.count("send 5") == 1
    assert sent.count("upload from 0") == 1
    assert sent[sent.index("send 5") :][:4] == ["send 5", "shell", "shell", "upload from 0"]  # hash, then land
    assert (done.sent_files, done.sent_bytes) == (5, 5 * 900 + 900)
    assert contents(place(device, build)) == {f"part-{n}": b"%d" % n * 900 for n in range(5)}


def test_a_file_that_is_not_what_its_package_says_is_refused(
    device: Device, held: lease.Lease, tmp_path: Path
) -> None:
    """A wrong size is found before anything is sent, a wrong hash afterwards."""
    build = package(tmp_path / "build", {"big": b"x" * 9000})
    (tmp_path / "build" / "big").write_bytes(b"x" * 8999)
    with pytest.raises(BuildError, match="wanted 9000 bytes, found 8999 bytes"):
        push([build], device, fence=held.fence)

    (tmp_path / "build" / "big").write_bytes(b"y" * 9000)
    with pytest.raises(BuildError, match="was changed while it was sent"):
        push([build], device, fence=held.fence)


def test_damaged_links_and_strange_files_are_repaired(device: Device, held: lease.Lease, tmp_path: Path) -> None:
    """Whatever happened to a package's folder, after a push it holds exactly the package."""
    build = package(tmp_path / "build", CONTENT)
    push([build], device, fence=held.fence)
    folder = Path(place(device, build))

    def swap() -> None:
        (folder / "empty").unlink()
        (folder / "empty").symlink_to(blob(device, CONTENT["graphs/a.onnx"]))

    def copy() -> None:
        data = (folder / "manifest.json").read_bytes()
        (folder / "manifest.json").unlink()
        (folder / "manifest.json").write_bytes(data)

    def strange() -> None:
        (folder / "graphs" / "new\nline and 'quote").write_text("extra")

    for harm in (swap, copy, strange, (folder / "empty").unlink, lambda: shutil.rmtree(folder)):
        harm()
        assert push([build], device, fence=held.fence).sent_bytes == 0
        assert contents(str(folder)) == CONTENT


def test_a_package_of_many_files_fits(device: Device, held: lease.Lease, tmp_path: Path) -> None:
    """A long script goes as a file, because adb limits a command line to 64 KiB."""
    many = {f"weights/{'long ' * 20}{n:04d}.bin": str(n).encode() for n in range(250)}
    build = package(tmp_path / "build", many)

    assert push([build], device, fence=held.fence).sent_files == 250
    assert contents(place(device, build)) == many
    assert push([build], device, fence=held.fence).verified == "quick"


# --- room ----------------------------------------------------------------------------------------------


def test_a_lack_of_room_is_an_error_before_anything_is_sent(
    device: Device, held: lease.Lease, tmp_path: Path
) -> None:
    """The message says what was wanted, what is free and what could be evicted."""
    build = package(tmp_path / "build", CONTENT)
    greedy = replace(device, reserve_bytes=2**60)

    with pytest.raises(DeviceFull) as full:
        push([build], greedy, fence=held.fence)

    assert "phone-1: wanted 12,002 bytes to push and 1,152,921,504,606,846,976 left free" in str(full.value)
    assert "Nothing was sent" in str(full.value)
    assert list((Path(str(device.scratch)) / "blobs").iterdir()) == []


@pytest.fixture
def small(small_disk: Path) -> Device:
    """A device with a few megabytes."""
    return here(small_disk / "scratch")


def noise(seed: int, size: int = 1_200_000) -> bytes:
    """Return bytes that no other seed gives."""
    return hashlib.shake_128(str(seed).encode()).digest(size)


def test_the_least_recently_used_blobs_make_room(small: Device, tmp_path: Path) -> None:
    """The longest unused blob goes, not the oldest one, with the packages that would lack it."""
    builds = [package(tmp_path / str(n), {"weights": noise(n)}, f"build-{n}") for n in range(4)]
    for order in ([builds[0]], [builds[1]], [builds[2]], [builds[0]]):
        with lease.held(small, owner="me", wait_s=0) as mine:
            push(order, small, fence=mine.fence)

    with lease.held(small, owner="me", wait_s=0) as mine:
        assert push([builds[3]], small, fence=mine.fence).evicted == 1

    kept = [n for n in range(4) if blob(small, noise(n)).exists()]
    assert kept == [0, 2, 3]
    assert sorted(path.name for path in (Path(str(small.scratch)) / "builds").iterdir()) == [
        f"build-{n}" for n in kept
    ]


def test_what_the_lease_has_used_is_never_evicted(small: Device, tmp_path: Path) -> None:
    """Neither blobs that this push needs nor those of an earlier push of the same run."""
    builds = [package(tmp_path / str(n), {"weights": noise(n)}, f"build-{n}") for n in range(4)]
    with lease.held(small, owner="me", wait_s=0) as mine:
        push(builds[:2], small, fence=mine.fence)
        push([builds[2]], small, fence=mine.fence)
        with pytest.raises(DeviceFull, match="and 0 in old blobs"):
            push([builds[3]], small, fence=mine.fence)
        assert [blob(small, noise(n)).exists() for n in range(4)] == [True, True, True, False]


def test_stale_parts_give_their_room_back(small: Device, tmp_path: Path) -> None:
    """Half-sent files of another push count as free space, and are removed."""
    with lease.held(small, owner="me", wait_s=0) as mine:
        push([], small, fence=mine.fence)
        (Path(str(small.scratch)) / "parts" / ("1" * 64)).write_bytes(noise(1, 3_000_000))
        push([package(tmp_path / "build", {"weights": noise(2, 2_000_000)})], small, fence=mine.fence)
        assert list((Path(str(small.scratch)) / "parts").iterdir()) == []


# --- who may ------------------------------------------------------------------------------------------


def test_a_push_without_the_lease_is_refused(device: Device, held: lease.Lease, tmp_path: Path) -> None:
    """A lab that lost its lease writes nothing; the message names the holder."""
    with pytest.raises(DeviceRefused, match="phone-1: the lease was taken over by me@here 1 run"):
        push([package(tmp_path / "build", CONTENT)], device, fence=held.fence - 1)
    assert not (Path(str(device.scratch)) / "blobs").exists()


def test_pushes_to_one_device_take_turns(device: Device, held: lease.Lease, tmp_path: Path) -> None:
    """Threads of one lab share a lease; each finds the device as the one before left it."""
    builds = [package(tmp_path / str(n), CONTENT | {"own": str(n).encode()}, f"build-{n}") for n in range(6)]
    sent: list[int] = []
    threads = [
        threading.Thread(target=lambda b=b: sent.append(push([b], device, fence=held.fence).sent_files))
        for b in builds
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(sent) == [1, 1, 1, 1, 1, 5]
    assert all((Path(place(device, b)) / "own").exists() for b in builds)


# --- hostile names and damaged ledgers -----------------------------------------------------------------

PARTS = st.text(
    alphabet=st.one_of(st.characters(codec="utf-8"), st.sampled_from(list(" '\"$`\\;&|<>*?[]{}()!#~-=%\n\t\0"))),
    min_size=1,
    max_size=12,
)


@given(st.dictionaries(st.lists(PARTS, min_size=1, max_size=3).map("/".join), st.binary(max_size=5), max_size=5))
@example({"-rf": b"", "--": b"x", "-": b"y", "a b": b"z", "$(touch never)": b"", "'; touch never; '": b"1"})
@example({"..": b""})
@example({"a/../../b": b""})
@example({"a": b"", "a/b": b""})
@example({"new\nline": b""})
@example({"*": b"1", "?": b"2", "[a]": b"3", "~": b"4", "é/ü": b"5", "\u202e": b"6"})
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_name_is_either_refused_or_arrives_as_it_is(
    device: Device, tmp_path: Path, names: dict[str, bytes]
) -> None:
    """File names come from outside; a shell must not interpret them."""
    source = tmp_path / "files"
    source.mkdir(exist_ok=True)
    files = []
    for number, (name, data) in enumerate(names.items()):
        sha = hashlib.sha256(data).hexdigest()
        (source / str(number)).write_bytes(data)
        files.append(File.model_construct(path=name, sha256=sha, bytes=len(data)))
    with lease.held(device, owner="me", wait_s=0) as mine:
        push([], device, fence=mine.fence)
        for file, data in zip(files, names.values(), strict=True):  # the blobs are there: names are the question
            (Path(str(device.scratch)) / "blobs" / file.sha256).write_bytes(data)
        build = Package("builds", "hostile", source, tuple(files))
        try:
            push([build], device, fence=mine.fence)
        except BuildError as error:
            assert "name of a file" in str(error) or "as a file and as a folder" in str(error)
            return
    assert contents(place(device, build)) == names


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "-rf", "a b", "$(id)", "x" * 200, "é"])
def test_an_id_that_is_not_a_plain_word_is_refused(device: Device, held: lease.Lease, name: str) -> None:
    """It becomes a folder's name on the device."""
    with pytest.raises(BuildError, match="a plain id"):
        push([Package("builds", name, Path(), ())], device, fence=held.fence)


@pytest.mark.parametrize("content", [b"", b"garbage\n\xff\xfe", b"pocketlab-ledger 1 other-boot\n"])
def test_a_damaged_ledger_makes_a_push_prove_everything(
    device: Device, held: lease.Lease, tmp_path: Path, content: bytes
) -> None:
    """Afterwards the ledger is whole again."""
    build = package(tmp_path / "build", CONTENT)
    push([build], device, fence=held.fence)
    (Path(str(device.scratch)) / "ledger").write_bytes(content)

    assert push([build], device, fence=held.fence) == Pushed(0, 0, 12002, "full", 0)
    assert push([build], device, fence=held.fence).verified == "quick"


# --- over the wire -------------------------------------------------------------------------------------


def wired(phone: Phone) -> Device:
    """Return the phone as a device without an agent, with an empty lab folder."""
    phone.connect()
    identity = DeviceIdentity(phone.name, "virtual", "a test", "x", (0,))
    transport = AdbTransport(Server("127.0.0.1", phone.adb_server), phone.address)
    return Device(identity, transport, ("agent",), {}, lease.SCRATCH, reserve_bytes=1)


@pytest.fixture
def far(phone: Phone) -> Device:
    """The first phone, with an empty lab folder."""
    phone.shell(f"rm -rf {lease.SCRATCH}")
    return wired(phone)


def read(phone: Phone, device: Device, build: Package) -> dict[str, bytes]:
    """Return what a package's folder on a phone holds."""
    folder = place(device, build)
    found = {}
    with tempfile.TemporaryDirectory() as name:
        for file in build.files:
            device.transport.pull(f"{folder}/{file.path}", Path(name) / "pulled", most=file.bytes)
            found[file.path] = (Path(name) / "pulled").read_bytes()
    return found


WIRE = {**CONTENT, "with space/it's $(id) é.bin": noise(7, 300_000), "-big": noise(8, 40 * 2**20)}
"""Small files, hostile names, and one that is sent by itself."""


def test_over_the_wire_a_package_arrives_whole_and_is_not_sent_twice(
    phone: Phone, far: Device, tmp_path: Path
) -> None:
    """Through a real adb server and a real adbd."""
    build = package(tmp_path / "build", WIRE)
    size = sum(map(len, WIRE.values()))
    with lease.held(far, owner="me", wait_s=0) as mine:
        assert push([build], far, fence=mine.fence) == Pushed(size, 6, 0, "full", 0)
        assert push([build], far, fence=mine.fence) == Pushed(0, 0, size, "quick", 0)
        assert read(phone, far, build) == WIRE
    with lease.held(far, owner="me", wait_s=0) as mine:
        assert push([build], far, fence=mine.fence) == Pushed(0, 0, size, "full", 0)


def test_over_the_wire_a_flipped_bit_is_found_at_the_next_lease(phone: Phone, far: Device, tmp_path: Path) -> None:
    """The blob is removed and sent again."""
    build = package(tmp_path / "build", WIRE)
    with lease.held(far, owner="me", wait_s=0) as mine:
        push([build], far, fence=mine.fence)
    phone.fault("flip-bit", f"{lease.SCRATCH}/blobs/{hashlib.sha256(WIRE['graphs/a.onnx']).hexdigest()}")

    with lease.held(far, owner="me", wait_s=0) as mine:
        done = push([build], far, fence=mine.fence)

    assert (done.damaged, done.sent_files, done.sent_bytes) == (1, 1, 5000)
    assert read(phone, far, build) == WIRE


@pytest.mark.parametrize("fault", ["kill-adbd", "unplug", "reboot"])
def test_over_the_wire_a_push_that_broke_off_resumes_where_it_was(
    phone: Phone, far: Device, tmp_path: Path, fault: str
) -> None:
    """The link breaks in the middle of a big file; the bytes that arrived are not sent again."""
    build = package(tmp_path / "build", {"big": noise(9, 120 * 2**20), "small": b"s"})
    harmed = threading.Event()

    def harm(sent: int, total: int) -> None:
        if sent > 60 * 2**20 and not harmed.is_set():
            harmed.set()
            phone.fault(fault)

    with lease.held(far, owner="me", wait_s=0) as mine:
        with pytest.raises(DeviceLost):
            push([build], far, fence=mine.fence, progress=harm)
        if fault == "unplug":
            phone.fault("replug")
        if fault == "reboot":
            with pytest.raises(DeviceLost):
                far.transport.reconnect(timeout_s=60)
            mine.again()
        else:
            far.transport.reconnect(timeout_s=60)
        done = push([build], far, fence=mine.fence)

    assert 0 < done.sent_bytes < 100 * 2**20
    assert read(phone, far, build) == {"big": noise(9, 120 * 2**20), "small": b"s"}


def test_over_the_wire_a_full_disk_ends_a_push_in_words(phone: Phone, far: Device, tmp_path: Path) -> None:
    """The error says that the disk is full; with room again, the rest is sent."""
    build = package(tmp_path / "build", {f"part-{n}": noise(n, 8 * 2**20) for n in range(8)})
    harmed = threading.Event()

    def harm(sent: int, total: int) -> None:
        if not harmed.is_set():
            harmed.set()
            phone.fault("fill-disk", 20 * 2**20)

    with lease.held(far, owner="me", wait_s=0) as mine:
        with pytest.raises(DeviceFull, match="no space left"):
            push([build], far, fence=mine.fence, progress=harm)
        with pytest.raises(DeviceFull, match="Nothing was sent"):
            push([build], far, fence=mine.fence)
        phone.fault("free-disk")
        done = push([build], far, fence=mine.fence)

    assert 0 < done.sent_bytes <= 64 * 2**20
    assert read(phone, far, build) == {f"part-{n}": noise(n, 8 * 2**20) for n in range(8)}


def test_over_the_wire_two_phones_at_once(phones: list[Phone], tmp_path: Path) -> None:
    """Each gets all of it."""
    build = package(tmp_path / "build", WIRE)
    devices = [wired(phone) for phone in phones]
    done: list[Pushed | DeviceError] = []

    def send(device: Device) -> None:
        with lease.held(device, owner="me", wait_s=0) as mine:
            done.append(push([build], device, fence=mine.fence, full=True))

    for phone in phones:
        phone.shell(f"rm -rf {lease.SCRATCH}")
    threads = [threading.Thread(target=send, args=(device,)) for device in devices]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [each.sent_files for each in done if isinstance(each, Pushed)] == [6, 6]
    for phone, device in zip(phones, devices, strict=True):
        assert read(phone, device, build) == WIRE


def test_over_the_wire_a_stalled_link_is_lost(phone: Phone, far: Device, tmp_path: Path) -> None:
    """No byte moves: the push ends with `DeviceLost` instead of waiting for ever."""
    build = package(tmp_path / "build", {"big": noise(9, 120 * 2**20)})
    harmed = threading.Event()

    def harm(sent: int, total: int) -> None:
        if not harmed.is_set() and sent > 10 * 2**20:
            harmed.set()
            phone.fault("hang")

    with lease.held(far, owner="me", wait_s=0) as mine:
        begin = time.monotonic()
        with pytest.raises(DeviceLost):
            push([build], far, fence=mine.fence, progress=harm)
        assert time.monotonic() - begin < 90
        phone.fault("resume")


def test_the_threshold_is_within_the_tests_reach() -> None:
    """The tests above send one file by itself and the others together."""
    sizes = sorted(map(len, WIRE.values()))
    assert sizes[-2] < BIG < sizes[-1]
