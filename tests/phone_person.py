"""A person with a lab and a virtual phone: a run begun, met in the middle of a trial, harmed, and looked at.

Fixtures `clean_phone`, `meet` and `person`, which tests/conftest.py hands to every test.
"""

from __future__ import annotations

import json
import os
import re
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

from device_agents.virtual_phone import linux
from lab.device.addresses import remember
from tests.farm_phones import Phone
from tests.lab_process import COMMAND, ROOT

SCRATCH = "/data/local/tmp/pocketlab"


SETTINGS = "settings list global; settings list secure; settings list system"

ITERATIONS = 1200
"""Of a trial that is to be met in its middle: a second or two of them on the tiny build."""

Answer = TypeVar("Answer")


def decode_scenario(*, iterations: int = ITERATIONS, timeout_s: float = 60, gates: str = 'start = "never"') -> str:
    """Return a scenario of one trial of a second or two: long enough to be met in its middle and harmed there.

    An agent may be stopped between two spans for many seconds: almost all of that iteration is then in none.
    """
    return f"""
[scenario]
name = "short"
question = "What survives?"
metric = "decode_tokens_per_s"
[workload]
kind = "decode"
input = "screen"
new_tokens = 8
parallel_tokens = 128
context_tokens = 128
[plan]
warmup = 0
iterations = {iterations}
blocks = 1
timeout_s = {timeout_s}
[gates]
max_gap = 0.999999
cpu_time_least = 0
{gates}
"""


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
    return sizes_in(phone.file(f"{SCRATCH}/{folder}"))


def sizes_in(folder: Path) -> dict[str, int]:
    """Return name and bytes of every file in a folder; one may go while it is looked at."""
    found: dict[str, int] = {}
    with suppress(OSError):
        for path in folder.iterdir():
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

    def __init__(
        self, folder: Path, phone: Phone, bundle: Path, build: Path, *, timeout_s: float = 60.0, scenario: str = ""
    ) -> None:
        self.folder, self.phone, self.build = folder, phone, build
        agents = folder / "data/agents"
        agents.mkdir(parents=True)
        (agents / "x86_64").symlink_to(bundle)
        (folder / "short.toml").write_text(scenario or decode_scenario(timeout_s=timeout_s))
        self.count, self.processes = 0, list[subprocess.Popen[bytes]]()
        remember(folder / "data", phone.address)

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
    phone.shell(f"[ -d {SCRATCH} ] || rm -f {SCRATCH}")  # a test that failed may have left a file there
    with suppress(AssertionError):
        soon("an end of what runs", lambda: not processes(phone), within_s=5.0)
    assert processes(phone) == {}
    assert phone.shell(SETTINGS) == settings


@pytest.fixture
def meet(clean_phone: Phone, tmp_path: Path, native_bundle: Path, tiny_build: Path) -> Iterator[Meet]:
    """Make somebody with a lab, and the phone; what they still run at the end of the test is ended."""
    known: list[Person] = []

    def somebody(name: str, timeout_s: float = 60.0, scenario: str = "") -> Person:
        known.append(
            Person(tmp_path / name, clean_phone, native_bundle, tiny_build, timeout_s=timeout_s, scenario=scenario)
        )
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
