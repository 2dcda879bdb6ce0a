"""The lease's script under a real shell and a real /proc, here and on a phone, with the device's own time."""

from __future__ import annotations

import fcntl
import os
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lab.device import lease
from lab.device.adb.transport import AdbTransport, Server
from lab.device.local import LocalTransport, start_time
from lab.device.transport import Completed, Device, Process
from lab.errors import DeviceError, DeviceLost, DeviceRefused
from lab.records import DeviceIdentity
from tests.farm_phones import Phone

ME, OTHER = "me@here 1 run-a", "you@there 2 run-b"
FARM = lease.SCRATCH


class Shaky(LocalTransport):
    """A machine behind a cable that can be pulled; `guard` as a transport over adb has it."""

    def __init__(self) -> None:
        super().__init__()
        self.pulled, self.calls = False, 0
        self.guard: tuple[str, int] | None = None

    def shell(self, argv: Sequence[str], *, timeout_s: float) -> Completed:
        """Run a command, unless the cable is out."""
        self.calls += 1
        if self.pulled:
            raise DeviceLost("the cable is out")
        return super().shell(argv, timeout_s=timeout_s)


def device_at(folder: Path) -> Device:
    """Return this machine as a device whose lab folder is `folder`."""
    identity = DeviceIdentity("phone-1", "virtual", "a test", "x", (0,))
    return Device(identity, Shaky(), ("agent",), {}, str(folder))


@pytest.fixture
def device(tmp_path: Path) -> Device:
    """A device on this machine."""
    return device_at(tmp_path / "scratch")


def written(device: Device) -> dict[str, str]:
    """Return the lease file."""
    lines = (Path(str(device.scratch)) / "lease").read_text().splitlines()
    return dict(line.partition("=")[::2] for line in lines)


def write(device: Device, **changes: str) -> None:
    """Change lines of the lease file, as time or damage would."""
    lines: Mapping[str, str] = written(device) | changes
    (Path(str(device.scratch)) / "lease").write_text("".join(f"{k}={v}\n" for k, v in lines.items()))


def uptime() -> float:
    """Return seconds since boot."""
    return float(Path("/proc/uptime").read_text().split()[0])


def expire(device: Device) -> None:
    """Make the lease expire."""
    write(device, expires=str(int(uptime()) - 1))


def test_a_lease_is_held_and_given_back(device: Device) -> None:
    """Meanwhile anybody can see its holder; afterwards nobody holds it."""
    with lease.held(device, owner=ME, wait_s=0) as mine:
        found = lease.holder(device.transport, str(device.scratch))
        assert found is not None
        assert (found.owner, found.fence) == (ME, mine.fence)
        assert 50 < found.left_s <= lease.LASTS_S
        mine.check()

    assert lease.holder(device.transport, str(device.scratch)) is None


def test_nobody_holds_a_device_that_no_lab_has_seen(device: Device) -> None:
    """Looking changes nothing, and creates no folder."""
    assert lease.holder(device.transport, str(device.scratch)) is None
    assert not Path(str(device.scratch)).exists()


def test_the_number_grows_with_each_grant(device: Device) -> None:
    """Across releases, and when the lease file is gone."""
    fences = []
    for turn in range(4):
        with lease.held(device, owner=ME, wait_s=0) as mine:
            fences.append(mine.fence)
            mine.again()
            fences.append(mine.fence)
        if turn == 2:
            (Path(str(device.scratch)) / "lease").unlink()

    assert fences == [1, 2, 3, 4, 5, 6, 7, 8]


def test_the_second_lab_is_refused_in_words_when_it_will_not_wait(device: Device) -> None:
    """The refusal names the holder, and says what to do."""
    with lease.held(device, owner=ME, wait_s=0), pytest.raises(DeviceRefused) as refused:
        lease.Lease(device, OTHER, print).take(wait_s=0)

    assert f"phone-1 is held by {ME} (its lease ends in " in str(refused.value)
    assert "--wait" in str(refused.value)


def test_the_second_lab_waits_and_says_for_whom(device: Device) -> None:
    """It reports the holder once, and continues as soon as the first lab is done."""
    told: list[str] = []
    first = lease.held(device, owner=ME, wait_s=0)
    first.__enter__()
    naps: list[float] = []

    def sleep(seconds: float) -> None:
        naps.append(seconds)
        if len(naps) == 3:
            first.__exit__(None, None, None)

    with lease.held(device, owner=OTHER, wait_s=60, tell=told.append, sleep=sleep) as second:
        assert second.fence == 2

    assert len(naps) == 3
    assert len(told) == 1
    assert told[0].startswith(f"phone-1 is held by {ME} ")
    assert told[0].endswith("waiting up to 60 s for it to end")


def test_a_dead_labs_lease_expires(device: Device) -> None:
    """An owner without a heartbeat for that long is no holder."""
    dead = lease.Lease(device, ME, lambda text: None)
    dead.take(wait_s=0)
    expire(device)

    with lease.held(device, owner=OTHER, wait_s=0) as mine:
        assert mine.fence == 2


def test_a_lease_of_an_earlier_boot_is_over(device: Device) -> None:
    """What ran then is gone, whatever the file says."""
    lease.Lease(device, ME, lambda text: None).take(wait_s=0)
    write(device, boot="00000000-0000-0000-0000-000000000000")

    assert lease.holder(device.transport, str(device.scratch)) is None
    with lease.held(device, owner=OTHER, wait_s=0) as mine:
        assert mine.fence == 2


@pytest.mark.parametrize("ahead", ["999999999", "99999999999999999999"])
def test_an_expiry_that_no_lab_wrote_is_damage(device: Device, ahead: str) -> None:
    """No lease lasts that long: nobody counts as its holder, and a message says so."""
    told: list[str] = []
    lease.Lease(device, ME, lambda text: None).take(wait_s=0)
    write(device, expires=ahead)

    assert lease.holder(device.transport, str(device.scratch)) is None
    with lease.held(device, owner=OTHER, wait_s=0, tell=told.append) as mine:
        assert mine.fence == 2
    assert told == ["phone-1: its lease file was damaged, so nobody counts as its holder"]


@given(st.binary(max_size=300))
@example(b"")
@example(b"fence=\nowner=x\n")
@example(b"owner=x\nfence=9\nexpires=$(touch /tmp/never)\nboot=`id`\n")
@example(b"fence=-5\nowner=a b\n=\n==\n")
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_lease_file_with_garbage_is_held_by_nobody_and_the_number_still_grows(
    device: Device, content: bytes
) -> None:
    """Whatever the file holds, the next lab gets the device with a higher number, and repairs the file."""
    with lease.held(device, owner=ME, wait_s=0) as mine:
        before = mine.fence
    (Path(str(device.scratch)) / "lease").write_bytes(content)

    with lease.held(device, owner=OTHER, wait_s=0, tell=lambda text: None) as mine:
        assert mine.fence > before
        assert written(device)["owner"] == OTHER


def test_with_both_copies_of_the_number_lost_it_still_grows(device: Device) -> None:
    """It continues from the device's calendar, far above any count."""
    with lease.held(device, owner=ME, wait_s=0):
        pass
    scratch = Path(str(device.scratch))
    (scratch / "lease").write_text("garbage")
    (scratch / "fence").write_text("more of it")

    with lease.held(device, owner=ME, wait_s=0, tell=lambda text: None) as mine:
        assert mine.fence > 100_000_000


def test_a_lost_lease_is_an_error_and_not_taken_back(device: Device) -> None:
    """A lab that was silent for too long finds another holder, and leaves the lease to it."""
    with lease.held(device, owner=ME, wait_s=0) as mine:
        expire(device)
        with lease.held(device, owner=OTHER, wait_s=0):
            mine.renew()
            with pytest.raises(DeviceRefused, match=f"phone-1: the lease was taken over by {OTHER}"):
                mine.check()
            with pytest.raises(DeviceRefused, match="taken over"):
                mine.note(Process(1, 1))
            assert written(device)["owner"] == OTHER


def test_a_lease_nobody_took_is_kept_after_its_time(device: Device) -> None:
    """A link that was down for minutes does not end a run, if no other lab took the device."""
    with lease.held(device, owner=ME, wait_s=0) as mine:
        expire(device)
        mine.renew()
        mine.check()
        assert int(written(device)["expires"]) > uptime() + 50


def test_the_heartbeat_outlives_a_broken_link(device: Device) -> None:
    """It keeps trying, and renews the lease when the link is back."""
    transport = device.transport
    assert isinstance(transport, Shaky)
    with lease.held(device, owner=ME, wait_s=0, beat_s=0.01) as mine:
        transport.pulled = True
        mine.note(Process(4711, 42))  # noted as soon as it can be
        before = transport.calls
        until(lambda: transport.calls > before + 3)
        expire(device)
        transport.pulled = False
        until(lambda: written(device)["agent"] == "4711 42")
        until(lambda: int(written(device)["expires"]) > uptime() + 50)


def until(condition: object, within_s: float = 20.0) -> None:
    """Wait until a condition holds."""
    assert callable(condition)
    end = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_the_transport_checks_the_fence_before_it_writes(device: Device) -> None:
    """The fence guards every write for as long as the lease is held."""
    transport = device.transport
    assert isinstance(transport, Shaky)
    with lease.held(device, owner=ME, wait_s=0) as mine:
        assert transport.guard == (f"{device.scratch}/lease", 1)
        mine.again()
        assert transport.guard == (f"{device.scratch}/lease", 2)
    assert transport.guard is None


@pytest.fixture
def leftover() -> Iterator[subprocess.Popen[bytes]]:
    """A process in its own group, as an agent is."""
    child = subprocess.Popen(["sleep", "600"], start_new_session=True)
    yield child
    child.kill()
    child.wait()


def test_what_a_dead_lab_noted_is_ended(device: Device, leftover: subprocess.Popen[bytes]) -> None:
    """The agent that it left running would disturb the next lab's run."""
    told: list[str] = []
    dead = lease.Lease(device, ME, lambda text: None)
    dead.take(wait_s=0)
    dead.note(Process(leftover.pid, start_time(leftover.pid) or 0))
    expire(device)

    with lease.held(device, owner=OTHER, wait_s=0, tell=told.append):
        assert leftover.wait(10) == -9
    assert told == [f"phone-1: killed process {leftover.pid}, left running by the last holder"]


def test_a_process_that_only_has_the_same_number_is_left_alone(
    device: Device, leftover: subprocess.Popen[bytes]
) -> None:
    """Pids are reused: only the start time identifies the process."""
    dead = lease.Lease(device, ME, lambda text: None)
    dead.take(wait_s=0)
    dead.note(Process(leftover.pid, 1))
    expire(device)

    with lease.held(device, owner=OTHER, wait_s=0):
        assert leftover.poll() is None


def test_whoever_holds_a_trials_lock_is_ended_too(device: Device) -> None:
    """The agent of a lab that died before it could note it."""
    trial = Path(str(device.scratch)) / "trials" / "run 1-0001"
    trial.mkdir(parents=True)
    script = "{ flock -n 9; echo on; sleep 600; } 9>alive"
    with subprocess.Popen(
        ["sh", "-c", script], cwd=trial, start_new_session=True, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"on\n"
        with lease.held(device, owner=OTHER, wait_s=0, tell=lambda text: None):
            assert child.wait(10) == -9


def test_the_holders_agent_survives_taking_the_lease_again(
    device: Device, leftover: subprocess.Popen[bytes]
) -> None:
    """`again` is for the holder, whose agent keeps running."""
    with lease.held(device, owner=ME, wait_s=0) as mine:
        mine.note(Process(leftover.pid, start_time(leftover.pid) or 0))
        mine.again()
        assert leftover.poll() is None


def test_a_trial_of_a_resumed_run_survives(device: Device) -> None:
    """A resumed run collects its own trial; only other runs' leftovers are killed."""
    trials = Path(str(device.scratch)) / "trials"
    began = {}
    for run in ("run-a", "run-b"):
        (trials / f"{run}-0003").mkdir(parents=True)
        argv = ["flock", str(trials / f"{run}-0003/alive"), "sleep", "60"]
        began[run] = subprocess.Popen(argv, start_new_session=True)
    try:
        time.sleep(0.3)
        with lease.held(device, owner=ME, wait_s=0, keep="run-a"):
            assert began["run-b"].wait(5) == -9
            assert began["run-a"].poll() is None
    finally:
        for process in began.values():
            process.kill()
            process.wait()
        subprocess.run(["pkill", "-g", str(began["run-a"].pid)], check=False)


def test_a_lab_does_not_wait_for_a_dead_one_of_its_own_user_and_host(device: Device) -> None:
    """Its process has ended, so nobody renews the lease; the lab still waits for a live one or another host's."""
    gone = subprocess.Popen(["true"])
    gone.wait()
    with lease.held(device, owner="me@here pid 1", wait_s=0):
        pass
    for owner, free in [
        (f"me@here pid {gone.pid}", True),
        (f"me@there pid {gone.pid}", False),
        ("me@here pid 1", False),
    ]:
        Path(str(device.scratch), "lease").unlink()
        dead = lease.Lease(device, owner, print)
        dead.take(wait_s=0)
        if free:
            with lease.held(device, owner="me@here pid 2", wait_s=0) as mine:
                assert mine.fence == dead.fence + 1
        else:
            with (
                pytest.raises(DeviceRefused, match="is held by me@"),
                lease.held(device, owner="me@here pid 2", wait_s=0),
            ):
                pass


def test_one_phone_attached_twice_is_held_once(device: Device) -> None:
    """By USB and by TCP: two threads of one lab have the same owner, and must not measure at the same time."""
    owner = f"me@here pid {os.getpid()}"
    with (
        lease.held(device, owner=owner, wait_s=0) as first,
        pytest.raises(DeviceRefused, match=f"phone-1 is held by {owner}"),
        lease.held(device, owner=owner, wait_s=0),
    ):
        pass
    first.check()


def test_a_dead_lab_that_had_our_own_number_is_swept_up_after(
    device: Device, leftover: subprocess.Popen[bytes]
) -> None:
    """In containers all labs may have the same pid and host: an earlier one's leftovers are killed too."""
    owner = f"me@here pid {os.getpid()}"
    dead = lease.Lease(device, owner, lambda text: None)
    dead.take(wait_s=0)
    dead.note(Process(leftover.pid, start_time(leftover.pid) or 0))
    write(device, fence=str(dead.fence + 6))  # as if another process had been given it

    with lease.held(device, owner=owner, wait_s=0, tell=lambda text: None):
        assert leftover.wait(10) == -9


def test_a_device_that_cannot_keep_a_lease_is_refused_in_words(tmp_path: Path) -> None:
    """The message says that the folder cannot be created."""
    (tmp_path / "file").write_text("")
    mine = lease.Lease(device_at(tmp_path / "file" / "scratch"), ME, print)
    with pytest.raises(DeviceRefused, match=r"phone-1: wanted its lease in .*/file/scratch, found: .*lab probe"):
        mine.take(wait_s=0)


def test_only_one_of_many_that_come_at_once_gets_it(device: Device) -> None:
    """The script runs under a lock of the device's kernel."""
    won: list[int] = []

    def come(number: int) -> None:
        mine = lease.Lease(replace(device, transport=LocalTransport()), f"lab {number}", lambda text: None)
        try:
            mine.take(wait_s=0)
        except DeviceRefused:
            return
        won.append(number)

    labs = [threading.Thread(target=come, args=(number,)) for number in range(12)]
    for lab in labs:
        lab.start()
    for lab in labs:
        lab.join()

    assert len(won) == 1
    assert written(device)["owner"] == f"lab {won[0]}"


# --- over the wire -------------------------------------------------------------------------------------


def wired(phone: Phone) -> Device:
    """Return the phone as a device, without an agent."""
    phone.connect()
    identity = DeviceIdentity(phone.name, "virtual", "a test", "x", (0,))
    transport = AdbTransport(Server("127.0.0.1", phone.adb_server), phone.address)
    return Device(identity, transport, ("agent",), {}, FARM)


def test_two_labs_on_one_phone(phone: Phone) -> None:
    """A phone's own shell gives the same answers: granted, refused, granted again with a higher number."""
    first, second = wired(phone), wired(phone)
    with lease.held(first, owner=ME, wait_s=0) as mine:
        with (
            pytest.raises(DeviceRefused, match=f"{phone.name} is held by {ME}"),
            lease.held(second, owner=OTHER, wait_s=0),
        ):
            pass
        found = lease.holder(second.transport)
        assert found is not None
        assert found.owner == ME
        assert mine.fence == found.fence
    with lease.held(second, owner=OTHER, wait_s=0) as theirs:
        assert theirs.fence == mine.fence + 1


def test_a_lab_that_lost_its_lease_writes_nothing_more(phone: Phone) -> None:
    """The phone itself refuses its next write, and names the new holder."""
    first, second = wired(phone), wired(phone)
    with lease.held(first, owner=ME, wait_s=0):
        phone.shell(f"sed -i s/^expires=.*/expires=0/ {FARM}/lease")
        theirs = lease.held(second, owner=OTHER, wait_s=0)
        with theirs, pytest.raises(DeviceRefused, match=f"taken over by {OTHER}"):
            first.transport.push(b"late", f"{FARM}/late")
    assert not phone.file(f"{FARM}/late").exists()


def test_what_a_dead_lab_left_running_on_a_phone_is_ended(phone: Phone) -> None:
    """Its agent holds the lock of the trial's folder, and is killed with its whole group."""
    first, second = wired(phone), wired(phone)
    folder = f"{FARM}/trials/run-0001"
    dead = lease.Lease(first, ME, lambda text: None)
    dead.take(wait_s=0)
    first.transport.push(b"", f"{folder}/job.json")
    process = first.transport.start(
        ["sleep", "600"],
        environment={"PATH": "/system/bin:/usr/bin:/bin"},
        folder=folder,
        stdout=f"{folder}/stdout.txt",
        stderr=f"{folder}/stderr.txt",
        limit_s=600,
    )
    dead.note(process)
    phone.shell(f"sed -i s/^expires=.*/expires=0/ {FARM}/lease")

    with lease.held(second, owner=OTHER, wait_s=0, tell=lambda text: None):
        assert not phone.file(folder).exists(), "what a lab ended is no result to be collected"
        count = "for p in /proc/[0-9]*; do cat $p/comm; done 2>/dev/null | grep -c sleep || true"
        began = time.monotonic()
        while phone.shell(count) != "0\n":
            assert time.monotonic() - began < 20, "the agent, or the clock beside it, goes on"


def test_after_a_reboot_the_lease_is_taken_again(phone: Phone) -> None:
    """The old lease is over; `again` gives a higher number in the new boot."""
    device = wired(phone)
    with lease.held(device, owner=ME, wait_s=0) as mine:
        before = mine.fence
        phone.fault("reboot")
        with pytest.raises(DeviceLost):
            device.transport.reconnect(timeout_s=60)
        assert lease.holder(device.transport) is None
        mine.again()
        assert mine.fence == before + 1
        device.transport.push(b"mine", f"{FARM}/mine")


class Hostile(LocalTransport):
    """A device whose shell prints what the test says."""

    printed = ""

    def shell(self, argv: Sequence[str], *, timeout_s: float) -> Completed:
        """Print it."""
        return Completed(0, self.printed, "")


SAID = st.one_of(
    st.text(max_size=60), st.sampled_from(["²", "9" * 5000, "-1", "1e400", "\ud800", "\0", "NaN", ""])
)


@given(words=st.lists(SAID, min_size=6, max_size=6))
@example(words=["granted ²", "", "", "", "", ""])
@example(words=["boot", "²", "x", "7", "9", "boot"])
@example(words=["boot", "", "x", "7", "9", "boot"])
@example(words=["boot", "nan nan", "x", "7", "9", "boot"])
def test_whatever_a_device_says_of_its_lease_is_a_device_error(words: list[str]) -> None:
    """A hostile text in the lease's file, or in the script's answer, raises nothing else."""
    device = device_at(Path("/nowhere"))
    hostile = Hostile()
    device = replace(device, transport=hostile)
    boot, uptime_s, owner, fence, expires, then = words
    hostile.printed = f"{boot}\n{uptime_s}\nowner={owner}\nfence={fence}\nexpires={expires}\nboot={then}"
    assert lease.holder(hostile) is None or words
    for printed in (boot, f"granted {fence}", f"held {uptime_s} {fence} {owner}", f"damaged\ngranted {fence}"):
        hostile.printed = printed
        mine = lease.Lease(device, ME, lambda text: None)
        with suppress(DeviceError):
            mine.take(wait_s=0)


def test_what_a_dead_lab_left_is_swept_and_hidden_from_others(device: Device) -> None:
    """Trials' folders go at the next contact, samplers below them are ended; apps may not enter the lab's."""
    root = Path(str(device.scratch))
    sampling = root / "trials/run-0001/vitals"
    sampling.mkdir(parents=True)
    (root / "trials/run-0002").mkdir()
    (root / "blobs").mkdir()
    (sampling / "alive").touch()
    with (sampling / "alive").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        sampler = subprocess.Popen(["sleep", "60"], start_new_session=True, pass_fds=[lock.fileno()])

    with lease.held(device, owner=ME, wait_s=0, tell=lambda text: None, keep="run"):
        assert sampling.exists(), "its own run may still collect it"
        assert sampler.poll() is None
    with lease.held(device, owner=ME, wait_s=0, tell=lambda text: None):
        assert sampler.wait(10) == -9
        assert [path.name for path in (root / "trials").iterdir()] == []
        assert (root / "blobs").is_dir()
        assert root.stat().st_mode & 0o777 == 0o700
