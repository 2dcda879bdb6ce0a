"""The table of faults in docs/phones.md through the command `lab`: a real adb server and adbd, the native agent.

What the transport alone does is in test_wire_faults.py. Here a person's run meets the fault, and what is looked
at is what that person has afterwards: exit status, message, trials on disk, and a phone as it was before.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from device_agents.contract import canonical_json, manifest_of
from lab.device import health
from tests.farm_phones import Phone
from tests.phone_person import (
    ITERATIONS,
    SCRATCH,
    Done,
    Meet,
    Person,
    agent_of,
    folders,
    sizes,
    sizes_in,
    soon,
    stopped_in,
)

PAD_BYTES = 128 * 2**20
"""The size of the build's big file, which is sent by itself and can be cut in the middle."""

FEW_BYTES = 4 * 2**20


@pytest.fixture
def big_build(tiny_build: Path, tmp_path: Path) -> Path:
    """Return the tiny build with a big file of new content each time, so that the phone cannot have it yet."""
    folder = tmp_path / "big"
    shutil.copytree(tiny_build, folder)
    manifest = json.loads((folder / "manifest.json").read_bytes())
    pad = os.urandom(2**20) * (PAD_BYTES // 2**20)
    (folder / "pad.bin").write_bytes(pad)
    manifest["files"].append({"path": "pad.bin", "bytes": len(pad), "sha256": hashlib.sha256(pad).hexdigest()})
    (folder / "manifest.json").write_bytes(canonical_json(manifest_of(manifest)))
    return folder


# --- the phone and its link, in mid-trial ------------------------------------------------------------------


def test_no_sample_is_lost_when_adbd_the_adb_server_or_the_network_goes(person: Person) -> None:
    """Each fault comes in the middle of a trial; the network is gone for 20 s, longer than the agent needs."""
    phone = person.phone

    done = person.run(
        "--blocks", "3",
        harm={
            1: lambda pid: phone.fault("kill-adbd"),
            2: lambda pid: phone.adb("kill-server"),
            3: lambda pid: phone.fault("stall", 20),
        },
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert person.trials() == ["ok"] * 3
    assert [person.iterations(number) for number in (1, 2, 3)] == [ITERATIONS] * 3
    assert "waiting for the device, its agent goes on meanwhile" in done.words
    assert folders(phone) == []
    assert person.failures() == 0


def test_a_reboot_costs_its_trial_and_nothing_else(person: Person) -> None:
    """The lease and the push are repeated, nothing is sent twice, a process settles, and the run finishes."""
    person.phone.shell(f"rm -rf {SCRATCH}")

    done = person.run("--blocks", "3", harm={1: lambda pid: person.phone.fault("reboot")})

    assert done.returncode == 0, done.stderr
    assert person.trials() == ["device_rebooted", "ok", "ok"]
    assert "another boot" in person.details()[1]
    assert person.statuses() == ["finished"]
    assert len(done.pushed) == 1
    assert "device_rebooted" in done.stdout
    assert folders(person.phone) == []
    assert person.failures() == 0


def test_another_phone_behind_the_same_address_is_refused(person: Person) -> None:
    """Nothing from the other phone is used, what was saved stays, and the run goes on with the first one back."""
    done = person.run("--blocks", "3", harm={2: lambda pid: person.phone.fault("change-identity")})

    assert done.returncode == 2
    assert "another device answers in its place: wanted virtual-1 with" in done.words
    assert "found virtual-1-other with" in done.words
    assert "lab run --resume" in done.words
    assert person.trials() == ["ok"]

    person.phone.restore()
    assert person.resume().returncode == 0
    assert person.trials()[0] == "ok"
    assert person.trials()[2] == "ok"
    assert person.statuses() == ["finished"]
    assert folders(person.phone) == []


# --- the lab ---------------------------------------------------------------------------------------------


def test_a_trial_that_went_on_without_its_lab_is_collected(person: Person) -> None:
    """The lab is killed while the agent goes on; the next lab collects its trial at once, and goes on."""
    ended = person.start("--blocks", "3")
    pid = stopped_in(person.phone, 2)
    person.processes[-1].kill()
    assert ended().returncode == -signal.SIGKILL
    os.kill(pid, signal.SIGCONT)
    soon("the agent's end", lambda: agent_of(person.phone) == 0)
    assert len(folders(person.phone)) == 1

    done = person.resume("--wait", "0")

    assert done.returncode == 0, done.stderr
    assert person.trials() == ["ok"] * 3
    assert person.iterations(2) == ITERATIONS
    assert person.statuses() == ["finished"]
    assert folders(person.phone) == []


@pytest.mark.parametrize("still_running", [False, True])
def test_what_went_on_beside_another_lab_does_not_count(person: Person, meet: Meet, still_running: bool) -> None:
    """Somebody had a turn in between, and removed what was left on the phone: the trial is measured again."""
    ended = person.start("--blocks", "2")
    pid = stopped_in(person.phone, 1)
    person.processes[-1].kill()
    ended()
    if not still_running:
        os.kill(pid, signal.SIGCONT)
        soon("the agent's end", lambda: agent_of(person.phone) == 0)

    other = meet("other")
    between = other.run("--wait", "0")
    done = person.resume()

    assert between.returncode == 0, between.stderr
    assert "left running by the last holder" in between.words, "the sampler, if the agent has ended"
    assert done.returncode == 0, done.stderr
    assert person.trials() == ["ok", "ok"]
    assert folders(person.phone) == []


def test_of_two_labs_the_second_waits_or_is_refused(person: Person, meet: Meet) -> None:
    """It learns who has the phone; this is no failure of the phone, and the first lab is not disturbed."""
    second = meet("second")
    ended = person.start()
    pid = stopped_in(person.phone, 1)

    refused = second.run("--wait", "0")
    waits = second.start("--wait", "100")
    soon("the second's words", lambda: "waiting up to" in (second.folder / f"{second.count}.err").read_text())
    os.kill(pid, signal.SIGCONT)

    assert refused.returncode == 2
    assert re.search(
        r"virtual-1 is held by \S+@\S+ pid \d+ \(its lease ends in \d+ s unless renewed\)", refused.words
    )
    assert "--wait takes seconds" in refused.words
    assert second.failures() == 0
    assert ended().returncode == 0
    assert waits().returncode == 0
    assert (person.trials(), second.trials()) == (["ok"], ["ok"])


# --- the agent ---------------------------------------------------------------------------------------------


def test_an_agent_that_crashes_is_killed_or_hangs_costs_its_trial(clean_phone: Phone, meet: Meet) -> None:
    """Each has its reason in words; the run goes on, and none of the processes stays behind."""
    person = meet("one", timeout_s=15.0)

    def starve(pid: int) -> None:
        """Use up the phone's memory; of all its processes the kernel takes the agent first, as Android would."""
        Path(f"/proc/{pid}/oom_score_adj").write_text("1000")
        clean_phone.fault("memory-limit", "160M")
        clean_phone.adb("shell", "head -c 400m /dev/zero | tail -c 300m > /dev/null")
        soon("the kernel's kill", lambda: agent_of(clean_phone) == 0)
        clean_phone.fault("memory-limit")

    def hang(pid: int) -> None:
        soon("the agent's end", lambda: agent_of(clean_phone) == 0)

    done = person.run(
        "--blocks", "5", harm={2: lambda pid: os.kill(pid, signal.SIGSEGV), 3: starve, 4: hang}
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert person.trials() == ["ok", "agent_died", "agent_died", "timeout", "ok"]
    details = person.details()
    assert "ended by signal 11" in details[2]
    assert "ended by signal 9" in details[3]
    assert "did not end within 15 s" in details[4]
    assert folders(clean_phone) == []


# --- the push, and the disk --------------------------------------------------------------------------------


def pad_of(build: Path) -> str:
    """Return the name of a build's big file on the phone."""
    files = json.loads((build / "manifest.json").read_bytes())["files"]
    return str(next(file["sha256"] for file in files if file["path"] == "pad.bin"))


def half_sent(person: Person, big: Path) -> Callable[[], Done]:
    """Begin a run with a big build, and stop the lab in mid-push; the returned function lets it go on."""
    person.build = big
    ended = person.start()
    parts = person.phone.file(f"{SCRATCH}/parts")  # found once: every look must be quick
    soon("some of it", lambda: any(size > FEW_BYTES for size in sizes_in(parts).values()))
    os.kill(person.processes[-1].pid, signal.SIGSTOP)  # at once; what is on its way still arrives
    assert pad_of(big) not in sizes(person.phone, "blobs"), "too late: it is all there"

    def go_on() -> Done:
        os.kill(person.processes[-1].pid, signal.SIGCONT)
        return ended()

    return go_on


@pytest.mark.parametrize("fault", ["kill-adbd", "reboot"])
def test_a_push_goes_on_when_the_phone_is_back(person: Person, big_build: Path, fault: str) -> None:
    """The same command sends the rest; what had arrived is not sent again."""
    person.run("--blocks", "1")  # the agent is there

    ended = half_sent(person, big_build)
    person.phone.fault(fault)
    done = ended()

    assert done.returncode == 0, done.stderr
    assert "waiting for the device, to send the rest" in done.words
    assert person.trials() == ["ok", "ok"]
    assert pad_of(big_build) in sizes(person.phone, "blobs")
    assert sizes(person.phone, "parts") == {}
    assert person.failures() == 0


def test_a_disk_that_fills_up_in_mid_push_is_told_with_figures(person: Person, big_build: Path) -> None:
    """Status 2, and what to do; once there is room, only the rest is sent."""
    person.run("--blocks", "1")
    ended = half_sent(person, big_build)
    person.phone.fault("fill-disk")
    full = ended()

    assert full.returncode == 2
    assert re.search(r"virtual-1.*no space left on the device: [\d,]+ bytes free\. Free some", full.words), (
        full.words
    )
    assert "lab run --resume" in full.words
    there = max(sizes(person.phone, "parts").values())
    assert FEW_BYTES < there < PAD_BYTES

    again = person.resume()  # still full: not even a lease can be written
    assert again.returncode == 2
    assert "virtual-1: wanted its lease" in again.words
    assert "no space left on the device: 0 bytes free" in again.words
    assert person.failures() == 0

    person.phone.fault("free-disk")
    done = person.resume()
    assert done.returncode == 0, done.stderr
    assert done.pushed == [pytest.approx((PAD_BYTES - there) / 2**20, abs=0.2)]
    assert person.trials() == ["ok", "ok"]


def test_a_disk_that_fills_up_in_mid_trial_is_named(person: Person) -> None:
    """That trial does not count; the run stops while the disk is full, and can be resumed once there is room."""
    full = person.run("--blocks", "3", harm={2: lambda pid: person.phone.fault("fill-disk")})

    assert full.returncode == 2
    assert person.trials() == ["ok", "agent_died"]
    assert re.search(r"virtual-1: no space left on the device: [\d,]{1,6} bytes free in", person.details()[2])
    assert "trial 2 could not be written. Free some on it, then run again" in full.words
    assert person.failures() == 0

    person.phone.fault("free-disk")
    done = person.resume()
    assert done.returncode == 0, done.stderr
    assert person.trials() == ["ok", "agent_died", "ok"]
    assert folders(person.phone) == []


def test_a_flipped_bit_is_found_at_the_next_lease_and_that_blob_sent_again(person: Person) -> None:
    """Only the damaged blob is sent again; the run is as good as any other."""
    assert person.run().returncode == 0
    weights = next(iter(person.build.glob("llm.bin")))
    blob = hashlib.sha256(weights.read_bytes()).hexdigest()
    person.phone.fault("flip-bit", f"{SCRATCH}/blobs/{blob}")

    done = person.run()

    assert done.returncode == 0, done.stderr
    assert f"{weights} is damaged there, and is sent again" in done.words
    assert done.pushed == [pytest.approx(weights.stat().st_size / 2**20, abs=0.06)]
    assert person.trials() == ["ok", "ok"]


# --- a phone that cannot be used -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("unauthorized", "unauthorized; unlock its screen and allow USB debugging for this computer"),
        ("offline", "offline; adb sees it but gets no answer: replug it"),
        ("unplug", "to forget it: `lab devices disconnect"),
    ],
)
def test_a_phone_that_cannot_be_used_is_told_with_what_to_do(person: Person, fault: str, words: str) -> None:
    """It cannot report its name, so its address is shown. Status 2, nothing measured, nothing held against it."""
    person.phone.fault(fault)
    soon("adb's notice", lambda: person.phone.adb_state() in (fault, "offline" if fault == "unplug" else fault))
    done = person.run()

    assert done.returncode == 2
    assert words in done.words
    assert person.phone.address in done.words
    assert person.statuses() == []
    assert person.failures() == 0


def test_three_failures_quarantine_a_phone_until_it_is_released(person: Person) -> None:
    """The third failed run in a row is the last; the next is refused at once, with the way out."""
    person.phone.shell(f"rm -rf {SCRATCH}; echo file > {SCRATCH}")  # where the lab's folder belongs
    for _ in range(2):
        health.failed(person.folder / "data", person.phone.name, "an earlier one")
    failed = person.run()
    assert failed.returncode == 2
    assert "virtual-1: wanted its lease in /data/local/tmp/pocketlab" in failed.words
    person.phone.shell(f"rm {SCRATCH}")

    refused = person.run()
    listed = person.lab("devices")

    assert refused.returncode == 2
    assert "virtual-1: quarantined: 3 failures in a row" in refused.words
    assert "lab devices release virtual-1" in refused.words
    assert "quarantined" in listed.stdout
    assert person.lab("devices", "release", "virtual-1").returncode == 0
    assert person.run().returncode == 0
