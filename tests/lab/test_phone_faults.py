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
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest
from farm_phones import Phone
from lab_process import COMMAND, ROOT

from device_agents.contract import canonical_json, manifest_of
from device_agents.virtual_phone import linux
from lab import roster
from lab.device import health

SCRATCH = "/data/local/tmp/pocketlab"

SCENARIO = """
[scenario]
name = "short"
question = "What survives a fault?"
metric = "decode_tokens_per_s"
[workload]
kind = "decode"
input = "screen"
new_tokens = 8
parallel_tokens = 128
context_tokens = 128
[plan]
warmup = 0
iterations = 400
blocks = 1
timeout_s = {timeout_s}
[gates]
max_gap = 0.99
start = "never"
"""
"""A trial of a second or two: long enough to be met in its middle, where its agent is stopped for the harm."""

PAD_BYTES = 128 * 2**20
"""The build that is met in mid-push has one file that is sent by itself, and goes on where it broke off."""

FEW_BYTES = 4 * 2**20

SETTINGS = "settings list global; settings list secure; settings list system"

Answer = TypeVar("Answer")


def soon(what: str, look: Callable[[], Answer], within_s: float = 60.0) -> Answer:
    """Look until there is something to be seen."""
    end = time.monotonic() + within_s
    while not (found := look()):
        assert time.monotonic() < end, f"{what}: not within {within_s:g} s"
        time.sleep(0.002)
    return found


# --- the phone, from its supervisor's side ---------------------------------------------------------------


def processes(phone: Phone) -> dict[int, str]:
    """Return what runs in the phone and has to do with the lab's folder: pids of this machine, command lines."""
    found: dict[int, str] = {}
    for pid in linux.in_namespace_of(int(str(phone.status()["pid"]))):
        with suppress(OSError):
            process = Path(f"/proc/{pid}")
            words = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            places = [process / "cwd", process / "exe", *(process / "fd").iterdir()]
            if any(SCRATCH in str(place.readlink()) for place in places) or SCRATCH in words:
                found[pid] = words
    return found


def agent_of(phone: Phone) -> int:
    """Return the pid, on this machine, of the agent that runs in the phone; 0 when none does."""
    return next((pid for pid, words in processes(phone).items() if "/ld-" in words.split(" ")[0]), 0)


def folders(phone: Phone) -> list[str]:
    """Return the trials that lie on the phone."""
    with suppress(OSError):
        return sorted(path.name for path in phone.file(f"{SCRATCH}/trials").iterdir())
    return []


def sizes(phone: Phone, folder: str) -> dict[str, int]:
    """Return name and bytes of every file in one of the lab's folders on the phone."""
    found: dict[str, int] = {}
    with suppress(OSError):
        for path in phone.file(f"{SCRATCH}/{folder}").iterdir():
            with suppress(OSError):
                found[path.name] = path.stat().st_size
    return found


def stopped_in(phone: Phone, trial: int, iterations: int = 5) -> int:
    """Wait for the middle of a trial and stop its agent there; return the agent's pid."""

    def middle() -> bool:
        for name in folders(phone):
            if name.endswith(f"-{trial:04d}"):
                with suppress(OSError):
                    events = phone.file(f"{SCRATCH}/trials/{name}/events.jsonl").read_bytes()
                    return bool(events.count(b'"event":"iteration"') >= iterations)
        return False

    soon(f"trial {trial} on {phone.name}", middle)
    pid = agent_of(phone)
    assert pid, f"the agent of trial {trial} ended before it could be stopped"
    os.kill(pid, signal.SIGSTOP)
    return pid


# --- a person with a lab ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Done:
    """How a command ended, and what it printed."""

    returncode: int
    stdout: str
    stderr: str

    @property
    def words(self) -> str:
        """What was said on stderr, without its line breaks."""
        assert "Traceback" not in self.stderr
        assert "this is a bug in the lab" not in self.stderr
        return " ".join(self.stderr.split())

    @property
    def pushed(self) -> list[float]:
        """Return how many MiB there were to send, for each push that sent anything."""
        return [float(size) for size in re.findall(r"100 % of ([\d.]+) MiB sent", self.words)]


class Person:
    """Somebody with a data root of their own, a scenario, a build and an agent."""

    def __init__(self, folder: Path, phone: Phone, bundle: Path, build: Path, *, timeout_s: float = 60.0) -> None:
        self.folder, self.phone, self.build = folder, phone, build
        agents = folder / "data/agents"
        agents.mkdir(parents=True)
        (agents / "x86_64").symlink_to(bundle)
        (folder / "short.toml").write_text(SCENARIO.format(timeout_s=timeout_s))
        self.count, self.processes = 0, list[subprocess.Popen[bytes]]()
        roster.remember(folder / "data", phone.address)

    def begin(self, *arguments: str | Path) -> Callable[[], Done]:
        """Start `lab`; return what waits for its end."""
        self.count += 1
        environment = {
            **os.environ,
            "POCKETLAB_ADB_SERVER": f"127.0.0.1:{self.phone.adb_server}",
            "POCKETLAB_DATA": str(self.folder / "data"),
            "POCKETLAB_LOCK": str(self.folder.parent / "lock"),
            "COLUMNS": "100",
        }
        out, err = (self.folder / f"{self.count}.{name}" for name in ("out", "err"))
        argv = [sys.executable, *COMMAND, *map(str, arguments)]
        with out.open("wb") as output, err.open("wb") as errors:
            process = subprocess.Popen(argv, cwd=ROOT, env=environment, stdout=output, stderr=errors)
        self.processes.append(process)

        def wait() -> Done:
            return Done(process.wait(120), out.read_text(), err.read_text())

        return wait

    def lab(self, *arguments: str | Path) -> Done:
        """Run `lab` to its end."""
        return self.begin(*arguments)()

    def start(self, *more: str) -> Callable[[], Done]:
        """Begin a run on the phone."""
        where = ("--build", self.build, "--device", self.phone.name)
        return self.begin("run", self.folder / "short.toml", *where, *more)

    def run(self, *more: str, harm: Mapping[int, Callable[[int], object]] | None = None) -> Done:
        """Run to the end; in the middle of each trial named its agent is stopped, harm done, and it goes on."""
        ended = self.start(*more)
        for trial, do in (harm or {}).items():
            pid = stopped_in(self.phone, trial)
            do(pid)
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        return ended()

    def resume(self, *more: str) -> Done:
        """Go on with the newest unfinished run."""
        return self.lab("run", "--resume", "--build", self.build, *more)

    def trials(self) -> list[str]:
        """Return what became of each saved trial of every run, oldest first: `ok` or the reason."""
        found = [json.loads(path.read_text())["trial"] for path in sorted(self._runs("trials/*/trial.json"))]
        return ["ok" if trial["valid"] else str(trial["reason"]) for trial in found]

    def details(self) -> dict[int, str]:
        """Return what is said about trials that do not count, by number, of the last run."""
        paths = sorted(self._runs("trials/*/trial.json"))
        found = [json.loads(path.read_text())["trial"] for path in paths]
        return {trial["number"]: trial["detail"] for trial in found if not trial["valid"]}

    def iterations(self, trial: int) -> int:
        """Return how many iterations the events of a trial hold."""
        path = next(iter(self._runs(f"trials/{trial:04d}/events.jsonl")))
        return path.read_bytes().count(b'"event":"iteration"')

    def statuses(self) -> list[str]:
        """Return how each run ended, oldest first."""
        return [json.loads(path.read_text())["run"]["status"] for path in sorted(self._runs("run.json"))]

    def failures(self) -> int:
        """Return how many failures in a row are held against the phone."""
        path = self.folder / "data/devices/health.json"
        return int(json.loads(path.read_text())[self.phone.name]["failures"]) if path.exists() else 0

    def _runs(self, pattern: str) -> Iterator[Path]:
        return (self.folder / "data/runs").glob(f"*/{pattern}")


Meet = Callable[..., Person]


@pytest.fixture
def clean_phone(phone: Phone) -> Iterator[Phone]:
    """The first phone; afterwards nothing of ours runs there, lies half done there, or is set differently."""
    phone.shell(f"rm -rf {SCRATCH}/trials")  # what other tests of this session left on it
    settings = phone.shell(SETTINGS)
    yield phone
    phone.restore()
    with suppress(AssertionError):
        soon("an end of what runs", lambda: not processes(phone), within_s=5.0)
    assert processes(phone) == {}
    assert phone.shell(SETTINGS) == settings


@pytest.fixture
def meet(clean_phone: Phone, tmp_path: Path, native_bundle: Path, tiny_build: Path) -> Iterator[Meet]:
    """Make somebody with a lab, and the phone; what they still run at the end of the test is ended."""
    known: list[Person] = []

    def somebody(name: str, timeout_s: float = 60.0) -> Person:
        known.append(Person(tmp_path / name, clean_phone, native_bundle, tiny_build, timeout_s=timeout_s))
        return known[-1]

    yield somebody
    for process in (process for each in known for process in each.processes):
        process.terminate()  # as Ctrl-C: it ends its agent
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture
def person(meet: Meet) -> Person:
    """Somebody with a lab, and the phone."""
    return meet("one")


@pytest.fixture
def big_build(tiny_build: Path, tmp_path: Path) -> Path:
    """The tiny build with a big file in it, of another content each time: the phone cannot have it yet."""
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
    """One after the other, each in the middle of a trial; the network for 20 s, longer than the agent needs."""
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
    assert [person.iterations(number) for number in (1, 2, 3)] == [400] * 3
    assert "waiting for the device, its agent goes on meanwhile" in done.words
    assert folders(phone) == []
    assert person.failures() == 0


def test_a_reboot_costs_its_trial_and_nothing_else(person: Person) -> None:
    """Lease and push are renewed, nothing is sent again, a process settles, and the run finishes."""
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
    """Nothing of it is believed, what was saved stays, and with the first one back the run goes on."""
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
    """The lab is killed, the agent goes on; the next lab reads it, does not wait for the dead one, and goes on."""
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
    assert person.iterations(2) == 400
    assert person.statuses() == ["finished"]
    assert folders(person.phone) == []


@pytest.mark.parametrize("still_running", [False, True])
def test_what_went_on_beside_another_lab_does_not_count(person: Person, meet: Meet, still_running: bool) -> None:
    """Somebody had a turn in between: the cores were shared. An agent that was ended for it is measured again."""
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
    assert ("left running by the last holder" in between.words) == still_running
    assert done.returncode == 0, done.stderr
    assert person.trials() == ["ok" if still_running else "shared_host", "ok"]
    assert still_running or "others had turns since" in person.details()[1]
    assert folders(person.phone) == []


def test_of_two_labs_the_second_waits_or_is_refused(person: Person, meet: Meet) -> None:
    """It is told who has the phone; that is no failure of the phone, and the first is not disturbed."""
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
    """The reason in words for each; the run goes on, and nothing of them stays behind."""
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
    """Return the name that a build's big file has on the phone."""
    files = json.loads((build / "manifest.json").read_bytes())["files"]
    return str(next(file["sha256"] for file in files if file["path"] == "pad.bin"))


def half_sent(person: Person, big: Path) -> Callable[[], Done]:
    """Begin a run whose build is big, and stop the lab in the middle of the push; what is returned goes on."""
    person.build = big
    ended = person.start()
    parts = person.phone.file(f"{SCRATCH}/parts")  # found once: every look must be quick
    soon("some of it", lambda: any(path.stat().st_size > FEW_BYTES for path in parts.glob("*")))
    os.kill(person.processes[-1].pid, signal.SIGSTOP)  # at once; what is on its way still arrives
    assert pad_of(big) not in sizes(person.phone, "blobs"), "too late: it is all there"

    def go_on() -> Done:
        os.kill(person.processes[-1].pid, signal.SIGCONT)
        return ended()

    return go_on


@pytest.mark.parametrize("fault", ["kill-adbd", "reboot"])
def test_a_push_goes_on_when_the_phone_is_back(person: Person, big_build: Path, fault: str) -> None:
    """In the same command; what had arrived is not sent again."""
    person.run("--blocks", "1")  # the agent is there

    ended = half_sent(person, big_build)
    person.phone.fault(fault)
    done = ended()

    assert done.returncode == 0, done.stderr
    assert "the rest is sent then" in done.words
    assert person.trials() == ["ok", "ok"]
    assert pad_of(big_build) in sizes(person.phone, "blobs")
    assert sizes(person.phone, "parts") == {}
    assert person.failures() == 0


def test_a_disk_that_fills_up_in_mid_push_is_told_with_figures(person: Person, big_build: Path) -> None:
    """Status 2 and what to do; with room again the rest is sent, and only the rest."""
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
    """That trial does not count, the run stops while the disk is full, and goes on when there is room."""
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
    """Of all blobs that one alone; the run is as good as any other."""
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
        ("offline", "offline; adb sees it and gets no answer: unplug it and plug it in again"),
        ("unplug", "to forget it: lab devices disconnect"),
    ],
)
def test_a_phone_that_cannot_be_used_is_told_with_what_to_do(person: Person, fault: str, words: str) -> None:
    """It cannot say its name; its address is offered. Status 2, nothing measured, nothing held against it."""
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
