"""The transport over a real adb server and a real adbd, on a virtual phone with faults."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lab.device.adb.server import attached, track
from lab.device.adb.transport import AdbTransport, Server
from lab.device.transport import Process
from lab.errors import DeviceFull, DeviceLost, DeviceRebooted, DeviceRefused, WrongFile
from tests.farm_phones import Phone

SCRATCH = "/data/local/tmp/pocketlab"
TRIAL = f"{SCRATCH}/trials/T1"
PATHS = {"PATH": "/product/bin:/system/bin:/vendor/bin:/usr/bin:/bin"}

NAMING = st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/")
WORD = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)


@pytest.fixture
def transport(phone: Phone) -> Iterator[AdbTransport]:
    """A transport to the first phone, which has a trial folder; kills what a test started there."""
    phone.connect()
    made = AdbTransport(Server("127.0.0.1", phone.adb_server), phone.address)
    made.reconnect(timeout_s=30)
    made.shell(["rm", "-rf", SCRATCH], timeout_s=20)
    made.push(b"{}", f"{TRIAL}/job.json")
    yield made
    phone.restore()
    last = AdbTransport(Server("127.0.0.1", phone.adb_server), phone.address)
    last.reconnect(timeout_s=30)
    if (process := last.find(TRIAL)) is not None:
        last.kill(process)


def start(transport: AdbTransport, script: str, limit_s: float = 600, file_bytes: int | None = None) -> Process:
    """Start a shell script detached in the trial's folder."""
    return transport.start(
        ["sh", "-c", script],
        environment=PATHS,
        folder=TRIAL,
        stdout=f"{TRIAL}/stdout.txt",
        stderr=f"{TRIAL}/stderr.txt",
        limit_s=limit_s,
        file_bytes=file_bytes,
    )


def running(transport: AdbTransport, words: str) -> int:
    """Count the processes whose command line holds these words."""
    pattern = f"{words[0]}[{words[1]}]{words[2:]}"  # not this search itself
    script = f"cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' | grep -o '{pattern}' | wc -l"
    return int(transport.shell(["sh", "-c", script], timeout_s=10).stdout)


def of(size: int, seed: int = 0) -> bytes:
    """Return bytes that do not compress, the same for the same seed."""
    import random

    return random.Random(seed).randbytes(size)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.lists(WORD, min_size=1, max_size=6))
def test_any_argument_reaches_the_device_unchanged(transport: AdbTransport, words: list[str]) -> None:
    """Quotes, dollars, line breaks, backslashes, dashes and empty words."""
    done = transport.shell(["printf", r"%s\0", *words], timeout_s=10)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split("\0")[:-1] == words


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/"), min_size=1, max_size=20)
)
def test_any_file_name_is_written_and_read_back_or_refused(transport: AdbTransport, name: str) -> None:
    """A hostile name is quoted; nothing else on the device is touched."""
    if name in {".", ".."}:
        return
    transport.push(name.encode(), f"{TRIAL}/names/{name}")
    assert transport.follow(f"{TRIAL}/names/{name}", 0) == name.encode()
    assert transport.follow(f"{TRIAL}/job.json", 0) == b"{}"


def test_status_and_both_outputs_are_separate(transport: AdbTransport) -> None:
    """Shell protocol version 2; a missing program gives status 127, as in any shell."""
    done = transport.shell(["sh", "-c", "echo out; echo err >&2; exit 3"], timeout_s=10)
    assert (done.returncode, done.stdout, done.stderr) == (3, "out\n", "err\n")
    assert transport.shell(["no-such-program"], timeout_s=10).returncode == 127


def test_a_command_past_its_deadline_is_ended_on_the_device(transport: AdbTransport) -> None:
    """Closing the socket would leave it running."""
    begin = time.monotonic()
    with pytest.raises(DeviceLost, match=r"`sleep` did not end within 0\.5 s, and was killed"):
        transport.shell(["sleep", "4321"], timeout_s=0.5)
    assert time.monotonic() - begin < 5
    assert running(transport, "sleep 4321") == 0


def test_an_upload_is_hashed_on_the_device_and_resumed_inside_the_file(
    transport: AdbTransport, tmp_path: Path
) -> None:
    """Bytes after the offset on the device are cut off: they were never confirmed."""
    content, target = of(3_000_001), f"{SCRATCH}/blobs/x.part"
    source = tmp_path / "x"
    source.write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    sent: list[int] = []
    assert transport.upload(source, target, progress=sent.append) == digest
    assert sent[-1] == 3_000_001
    assert transport.upload(source, target, offset=2_000_000, progress=sent.append) == digest
    assert sent[-1] == 1_000_001
    assert transport.pull(target, tmp_path / "back", most=3_000_001) == 3_000_001
    assert (tmp_path / "back").read_bytes() == content
    assert transport.follow(target, 2_999_999) == content[2_999_999:]
    with pytest.raises(DeviceRefused, match="only 3000001 bytes are there to resume from"):
        source.write_bytes(content * 2)
        transport.upload(source, target, offset=4_000_000)


def test_sizes_and_offsets_beyond_four_gibibytes_are_exact(transport: AdbTransport, tmp_path: Path) -> None:
    """The first sync protocol counts in 32 bits; a file with a hole costs no space."""
    large, target = 2**32 + 5, f"{TRIAL}/large"
    made = transport.shell(["sh", "-c", f"truncate -s {large} {target} && printf tail >>{target}"], timeout_s=10)
    assert made.returncode == 0, made.stderr
    assert transport.follow(target, large - 1) == b"\0tail"
    source = tmp_path / "large"
    with source.open("wb") as file:
        file.truncate(large)
        file.seek(large)
        file.write(b"tail and more")
    transport.shell(["truncate", "-s", str(large + 4), target], timeout_s=10)
    script = f"stat -c %s {target}; tail -c 13 {target}"
    transport.upload(source, target, offset=large + 4)
    assert transport.shell(["sh", "-c", script], timeout_s=30).stdout == f"{large + 13}\ntail and more"


def test_a_phone_that_prints_for_ever_is_refused(transport: AdbTransport) -> None:
    """Memory is limited; a file of any size can be read piece by piece."""
    with pytest.raises(DeviceRefused, match="printed more than 67,108,864 bytes"):
        transport.shell(["cat", "/dev/zero"], timeout_s=20)

    transport.shell(["truncate", "-s", str(40 * 2**20), f"{TRIAL}/long"], timeout_s=10)
    first = transport.follow(f"{TRIAL}/long", 0)
    assert len(first) == 32 * 2**20
    assert len(transport.follow(f"{TRIAL}/long", len(first))) == 8 * 2**20
    transport.shell(["rm", f"{TRIAL}/long"], timeout_s=10)


def test_missing_files_are_empty(transport: AdbTransport, tmp_path: Path) -> None:
    """An agent that died early has written no events."""
    transport.pull(f"{TRIAL}/none", tmp_path / "none", most=10)
    assert (tmp_path / "none").read_bytes() == b""
    assert transport.follow(f"{TRIAL}/none", 7) == b""


@pytest.mark.parametrize(
    ("script", "status"), [("exit 0", 0), ("exit 7", 7), ("kill -SEGV $$", -11), ("kill -KILL $$", -9)]
)
def test_how_a_detached_process_ended_is_known(transport: AdbTransport, script: str, status: int) -> None:
    """Exit statuses and signals; another lab reads the same."""
    process = start(transport, script)
    assert transport.wait(process, timeout_s=10) == status
    other = AdbTransport(transport.server, transport.serial)
    found = other.find(TRIAL)
    assert found == process
    assert other.wait(process, timeout_s=0) == status


def test_a_detached_process_has_its_own_world(transport: AdbTransport) -> None:
    """It has the given environment and a TMPDIR, and works in the trial's folder."""
    transport.wait(start(transport, "env; pwd; cat; echo bad >&2"), timeout_s=10)
    lines = transport.follow(f"{TRIAL}/stdout.txt", 0).decode().splitlines()
    said = dict(line.partition("=")[::2] for line in lines)
    assert {name for name in said if name and name[0] != "/"} - {"PWD", "_", "SHLVL", "OLDPWD"} == {
        "PATH",
        "TMPDIR",
    }
    assert (said["PATH"], said["TMPDIR"], lines[-1]) == (PATHS["PATH"], TRIAL, TRIAL)
    assert transport.follow(f"{TRIAL}/stderr.txt", 0) == b"bad\n"


def test_waiting_ends_with_the_process_and_does_not_disturb_it(transport: AdbTransport) -> None:
    """The device waits on a lock, so the answer comes within one round trip."""
    process = start(transport, "sleep 1")
    assert transport.wait(process, timeout_s=0) is None
    assert transport.wait(process, timeout_s=0.2) is None
    begin = time.monotonic()
    assert transport.wait(process, timeout_s=20) == 0
    assert time.monotonic() - begin < 5


def test_killing_ends_the_whole_group_and_what_left_it(transport: AdbTransport) -> None:
    """Nothing survives, not even a child in a session of its own."""
    process = start(transport, "sleep 4322 & setsid sleep 4322 & sleep 4322")
    time.sleep(0.3)
    assert running(transport, "sleep 4322") >= 3
    transport.kill(process)
    assert running(transport, "sleep 4322") == 0
    assert transport.wait(process, timeout_s=0) == -9


def test_what_a_lab_ended_is_not_found_but_what_ended_by_itself_is(transport: AdbTransport) -> None:
    """A trial ended by Ctrl-C has no result: a resumed run collects only what ended by itself."""
    process = start(transport, "sleep 4326")
    assert transport.find(TRIAL) == process
    transport.kill(process)
    assert transport.find(TRIAL) is None

    process = start(transport, "true")
    assert transport.wait(process, timeout_s=20) == 0
    transport.kill(process)
    assert transport.find(TRIAL) == process


def test_a_process_that_got_the_same_number_is_not_killed(transport: AdbTransport) -> None:
    """Only pid and start time together identify a process."""
    process = start(transport, "sleep 4323")
    AdbTransport(transport.server, transport.serial).kill(Process(process.pid, process.started + 1))
    assert transport.wait(process, timeout_s=0) is None
    transport.kill(process)


def test_an_agent_killed_for_memory_is_noticed(transport: AdbTransport, phone: Phone) -> None:
    """Android kills the whole group at once: no status is written, and the lab does not wait for one."""
    process = start(transport, "sleep 4324")
    phone.shell(f"kill -9 -{process.pid}")
    assert transport.wait(process, timeout_s=10) == -9


def test_two_starts_in_one_folder_are_one_too_many(transport: AdbTransport) -> None:
    """A start whose answer was lost must not be repeated blindly."""
    process = start(transport, "sleep 4325")
    with pytest.raises(DeviceRefused, match="a program started there still runs"):
        start(transport, "sleep 4325")
    transport.kill(process)


def test_an_agent_that_is_not_there_is_refused(transport: AdbTransport) -> None:
    """Nothing is started; a missing folder is refused too."""
    with pytest.raises(DeviceRefused, match="does not exist or is not executable: push the agent again"):
        transport.start(
            ["./agent"], environment={}, folder=TRIAL, stdout=f"{TRIAL}/o", stderr=f"{TRIAL}/e", limit_s=60
        )
    with pytest.raises(DeviceRefused, match="that folder does not exist"):
        transport.start(
            ["sh"], environment={}, folder="/data/none", stdout="/data/o", stderr="/data/e", limit_s=60
        )
    assert transport.find(TRIAL) is None


def test_a_lease_that_was_taken_over_stops_every_write(transport: AdbTransport, tmp_path: Path) -> None:
    """The script that writes checks the lease; reading is still allowed."""
    lease = f"{SCRATCH}/lease"
    transport.push(b"owner=somebody else\nfence=8\n", lease)
    transport.guard = (lease, 7)
    (tmp_path / "x").write_bytes(b"x")
    for write in (
        lambda: transport.push(b"x", f"{TRIAL}/x"),
        lambda: transport.upload(tmp_path / "x", f"{TRIAL}/x"),
        lambda: start(transport, "touch x"),
    ):
        with pytest.raises(DeviceRefused, match="lease was taken over by somebody else"):
            write()
    assert transport.follow(f"{TRIAL}/x", 0) == b""
    transport.guard = (lease, 8)
    transport.push(b"x", f"{TRIAL}/x")


def test_a_full_device_says_how_much_is_free_and_keeps_what_arrived(
    transport: AdbTransport, phone: Phone, tmp_path: Path
) -> None:
    """The next attempt resumes from the part that arrived."""
    source, target = tmp_path / "x", f"{SCRATCH}/blobs/x.part"
    source.write_bytes(of(30_000_000))
    phone.fault("fill-disk", 8 << 20)
    with pytest.raises(DeviceFull, match=r"no space left on the device: [\d,]+ bytes free"):
        transport.upload(source, target)
    phone.fault("free-disk")
    there = int(transport.shell(["stat", "-c", "%s", target], timeout_s=10).stdout)
    assert 1 << 20 < there < 30_000_000
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    assert transport.upload(source, target, offset=there) == digest


def test_a_disk_full_in_mid_trial_does_not_lose_the_exit_status(transport: AdbTransport, phone: Phone) -> None:
    """The status overwrites bytes that already exist."""
    process = start(transport, "sleep 1; exit 5")
    phone.fault("fill-disk", 0)
    assert transport.wait(process, timeout_s=10) == 5


def test_a_cable_pulled_in_mid_trial_costs_nothing(transport: AdbTransport, phone: Phone) -> None:
    """The process keeps running; after the reconnect its status and output can be read."""
    process = start(transport, "sleep 1; echo done")
    phone.fault("unplug")
    with pytest.raises(DeviceLost):
        transport.wait(process, timeout_s=5)
    with pytest.raises(DeviceLost, match=r"not back within 0\.5 s"):
        transport.reconnect(timeout_s=0.5)
    phone.fault("replug")
    transport.reconnect(timeout_s=30)
    assert transport.wait(process, timeout_s=10) == 0
    assert transport.follow(f"{TRIAL}/stdout.txt", 0) == b"done\n"


def test_an_adbd_killed_in_mid_trial_costs_nothing(transport: AdbTransport, phone: Phone) -> None:
    """Init restarts adbd, and the agent keeps running."""
    process = start(transport, "sleep 2; echo done")
    phone.fault("kill-adbd")
    with pytest.raises(DeviceLost):
        for _ in range(20):
            transport.wait(process, timeout_s=0.1)
    transport.reconnect(timeout_s=30)
    assert transport.wait(process, timeout_s=10) == 0


def test_an_adbd_killed_in_mid_push_leaves_a_part_to_resume_from(
    transport: AdbTransport, phone: Phone, tmp_path: Path
) -> None:
    """The bytes that arrived are the file's first ones."""
    content, target = of(60_000_000), f"{SCRATCH}/blobs/y.part"
    source = tmp_path / "y"
    source.write_bytes(content)

    def cut(sent: int) -> None:
        if sent > 20_000_000 and not cuts:
            cuts.append(phone.fault("kill-adbd"))

    cuts: list[str] = []
    with pytest.raises(DeviceLost):
        transport.upload(source, target, progress=cut)
    transport.reconnect(timeout_s=30)
    there = int(transport.shell(["stat", "-c", "%s", target], timeout_s=10).stdout)
    assert 0 < there < len(content)
    assert transport.upload(source, target, offset=there) == hashlib.sha256(content).hexdigest()


def test_a_network_down_in_mid_trial_costs_nothing(transport: AdbTransport, phone: Phone) -> None:
    """A short silence is tolerated; the stall test covers a long one."""
    process = start(transport, "sleep 1; echo done")
    phone.fault("stall", 3)
    assert transport.wait(process, timeout_s=1) in {0, None}
    assert transport.wait(process, timeout_s=10) == 0


def test_a_device_that_falls_silent_is_lost_at_the_stall_rule_not_never(
    transport: AdbTransport, phone: Phone
) -> None:
    """A hanging phone still accepts connections and bytes."""
    phone.fault("hang")
    begin = time.monotonic()
    with pytest.raises(DeviceLost):
        transport.shell(["true"], timeout_s=1)
    assert time.monotonic() - begin < 20
    phone.fault("resume")
    transport.reconnect(timeout_s=30)
    assert transport.shell(["true"], timeout_s=10).returncode == 0


def test_a_reboot_is_reported_once(transport: AdbTransport, phone: Phone) -> None:
    """What ran is gone, and from then on the new boot is the expected one."""
    process = start(transport, "sleep 4326")
    before = transport.fence
    phone.fault("reboot")
    with pytest.raises(DeviceLost) as told:
        for _ in range(100):
            transport.wait(process, timeout_s=0.1)
    assert not isinstance(told.value, DeviceRebooted), "only reconnect says so, once"
    with pytest.raises(DeviceRebooted, match="back in another boot"):
        transport.reconnect(timeout_s=60)
    transport.reconnect(timeout_s=10)
    assert transport.fence.boot_id != before.boot_id
    assert transport.fence.serials == before.serials
    assert transport.wait(process, timeout_s=0) == -9


def test_another_phone_behind_the_same_address_is_refused(transport: AdbTransport, phone: Phone) -> None:
    """Every call proves a new attachment before it writes or reads."""
    phone.fault("unplug")
    phone.fault("change-identity", "impostor")
    while phone.shell("getprop ro.serialno").strip() != "impostor":
        time.sleep(0.05)
    phone.fault("replug")
    deadline = time.monotonic() + 30
    with pytest.raises(
        DeviceRefused, match=r"another device answers in its place: wanted virtual-1 .*found impostor"
    ):
        while time.monotonic() < deadline:
            try:
                transport.push(b"mine", f"{TRIAL}/secret")
            except DeviceLost:
                transport.reconnect(timeout_s=10)
    assert phone.shell(f"cat {TRIAL}/secret 2>/dev/null || true") == ""


@pytest.mark.parametrize(
    ("fault", "kind", "told"),
    [("unauthorized", DeviceRefused, "accept this computer"), ("offline", DeviceLost, "not back within")],
)
def test_a_phone_that_cannot_be_used_says_why(
    transport: AdbTransport, phone: Phone, fault: str, kind: type[Exception], told: str
) -> None:
    """Only a person can authorize a phone; an offline phone may come back."""
    phone.fault(fault)
    with pytest.raises(kind, match=told):
        for _ in range(5):
            try:
                transport.reconnect(timeout_s=3)
            except DeviceLost:
                if kind is DeviceLost:
                    raise


def test_a_killed_server_is_started_again_and_the_phone_reattached(transport: AdbTransport, phone: Phone) -> None:
    """It is our own server on loopback; the agent keeps running meanwhile."""
    process = start(transport, "sleep 1; exit 4")
    phone.adb("kill-server")
    with pytest.raises(DeviceLost):
        transport.wait(process, timeout_s=1)
    transport.reconnect(timeout_s=30)
    assert transport.wait(process, timeout_s=10) == 4


def test_hot_plug_is_followed(transport: AdbTransport, phone: Phone) -> None:
    """The list comes at once, and after each change."""
    seen: list[list[str]] = []
    gone = threading.Event()

    def follow() -> None:
        for devices in track(transport.server):
            seen.append([one.serial for one in devices if one.state == "device"])
            if len(seen) > 1 and phone.address not in seen[-1]:
                gone.set()
                return

    follower = threading.Thread(target=follow, daemon=True)
    follower.start()
    while not seen:
        time.sleep(0.01)
    phone.fault("unplug")
    assert gone.wait(20)
    assert phone.address in seen[0]
    assert phone.address not in [one.serial for one in attached(transport.server) if one.state == "device"]


def test_a_program_that_nobody_ends_is_ended_by_the_phone(transport: AdbTransport) -> None:
    """Its lab may be dead: the whole group ends at its limit, and the clock beside a short one ends with it."""
    begun = start(transport, "sleep 4322 & sleep 4322", limit_s=1)
    assert transport.wait(begun, timeout_s=20) == -9
    assert running(transport, "sleep 4322") == 0

    assert transport.wait(start(transport, "exit 3", limit_s=4323), timeout_s=20) == 3
    assert running(transport, "sleep 4323") == 0


def test_a_program_that_prints_for_ever_does_not_fill_the_phone(transport: AdbTransport) -> None:
    """Its file stops at the limit, and it with that; its status is kept."""
    endless = start(transport, "exec yes", file_bytes=4096)

    assert transport.wait(endless, timeout_s=20) in (-25, 1), "by SIGXFSZ, or by an error that it saw"
    assert transport.shell(["wc", "-c", f"{TRIAL}/stdout.txt"], timeout_s=10).stdout.split()[0] == "4096"


def test_what_is_no_file_is_told_at_once_and_a_long_one_is_cut(transport: AdbTransport, tmp_path: Path) -> None:
    """A pipe would wait for its writer until the link stalls, which looks like a lost phone."""
    transport.shell(["mkfifo", f"{TRIAL}/pipe"], timeout_s=10)
    for path in (f"{TRIAL}/pipe", TRIAL, "/dev/zero"):
        with pytest.raises(WrongFile, match="it is a pipe, a device or a folder, wanted a file"):
            transport.pull(path, tmp_path / "x", most=10)
        with pytest.raises(WrongFile):
            transport.follow(path, 0)

    transport.push(b"x" * 200_000, f"{TRIAL}/long")
    assert transport.pull(f"{TRIAL}/long", tmp_path / "x", most=70_000) == 200_000
    assert (tmp_path / "x").stat().st_size == 70_000
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
