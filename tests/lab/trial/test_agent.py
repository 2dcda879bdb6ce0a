"""Agents run in their own process group on this machine, and are ended with all that they started."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from lab.device.local import LocalTransport, SystemClock, connect
from lab.device.transport import Process
from lab.errors import DeviceLost, DeviceRefused
from lab.trial.agent import QUIET, Errand, Launch, Outcome, carry_out
from lab.trial.limits import PRINTED_BYTES


def carried_out(folder: Path, code: str, *, timeout_s: float = 20.0, events_most: int = PRINTED_BYTES) -> Outcome:
    """Run a line of Python as if it were an agent."""
    launch = Launch(
        folder=str(folder),
        files={"job.json": b"{}"},
        argv=(sys.executable, "-c", code),
        environment={"PATH": os.environ["PATH"], **QUIET},
        outputs=("events.jsonl", "stdout.txt", "stderr.txt"),
    )
    errand = Errand(launch, LocalTransport(), folder, timeout_s, SystemClock(), events_most=events_most)
    return carry_out(errand)


def test_status_and_output_are_kept(tmp_path: Path) -> None:
    """What the process printed lies in files, and its status is the outcome's."""
    outcome = carried_out(tmp_path, "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)")

    assert (outcome.returncode, outcome.timed_out, outcome.lost) == (3, False, "")
    assert (tmp_path / "stdout.txt").read_text() == "out\n"
    assert (tmp_path / "stderr.txt").read_text() == "err\n"
    assert (tmp_path / "job.json").read_bytes() == b"{}"


def test_an_agent_sees_only_the_environment_it_is_given(tmp_path: Path) -> None:
    """Telemetry is off, threads are one, and nothing of the lab's own environment leaks in."""
    carried_out(tmp_path, "import os; print(sorted(k for k in os.environ if k != 'LC_CTYPE'))")

    assert (tmp_path / "stdout.txt").read_text() == f"{sorted(['PATH', *QUIET])}\n"
    assert QUIET["ORT_DISABLE_TELEMETRY"] == "1"


def test_a_time_out_ends_the_whole_group(tmp_path: Path) -> None:
    """A hanging agent's children end with it."""
    code = (
        "import pathlib, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "pathlib.Path('child').write_text(str(child.pid))\n"
        "time.sleep(60)\n"
    )
    outcome = carried_out(tmp_path, code, timeout_s=2.0)

    child = int((tmp_path / "child").read_text())
    assert outcome.timed_out
    assert outcome.returncode is None
    assert not runs(child)


def runs(pid: int) -> bool:
    """Tell whether a process still runs, after the kernel had time to end it; a zombie does not."""
    path = Path(f"/proc/{pid}/stat")
    for _ in range(500):
        try:
            if path.read_text().rpartition(")")[2].split()[0] in {"Z", "X"}:
                return False
        except (FileNotFoundError, ProcessLookupError):
            return False
        time.sleep(0.01)
    return True


def test_a_process_is_not_ended_when_its_pid_is_anothers(tmp_path: Path) -> None:
    """Pid and start time must both match: here the start time is another's, and the process lives on."""
    transport = LocalTransport()
    process = transport.start(
        [sys.executable, "-c", "import time; time.sleep(60)"],
        environment={},
        folder=str(tmp_path),
        stdout=str(tmp_path / "out"),
        stderr=str(tmp_path / "err"),
        limit_s=600,
    )
    LocalTransport().kill(Process(process.pid, process.started + 1))
    assert transport.wait(process, timeout_s=0.0) is None

    transport.kill(process)
    assert transport.wait(process, timeout_s=0.0) == -9


def test_a_program_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """A missing agent is the device's refusal, in words."""
    with pytest.raises(DeviceRefused, match="cannot start the agent `/no/such`"):
        LocalTransport().start(
            ["/no/such"],
            environment={},
            folder=str(tmp_path),
            stdout=str(tmp_path / "o"),
            stderr=str(tmp_path / "e"),
            limit_s=600,
        )


def test_this_machine_says_what_it_is() -> None:
    """The host's identity is stable, and its cores are those it may use."""
    device = connect()

    assert device.identity == connect().identity
    assert device.identity.cores == tuple(sorted(os.sched_getaffinity(0)))
    assert len(device.identity.fingerprint) == 16


class Unplugged(LocalTransport):
    """A machine at the end of a cable that is out whenever something is to be ended."""

    def kill(self, process: Process) -> None:
        """End it, though nobody hears of it."""
        super().kill(process)
        raise DeviceLost("the cable is out")


def interrupted(errand: Errand) -> Errand:
    """Return an errand in which Ctrl-C is pressed once the process runs."""

    def started(process: Process | None) -> None:
        raise KeyboardInterrupt

    return replace(errand, started=started)


@pytest.mark.parametrize("transport", [LocalTransport(), Unplugged()])
def test_ctrl_c_is_told_and_the_agent_ended_even_if_the_cable_is_out(
    tmp_path: Path, transport: LocalTransport
) -> None:
    """An interrupt is no lost device: the run must not go on; nor does an agent whose start could not be noted."""
    launch = Launch(str(tmp_path), {}, (sys.executable, "-c", "import time; time.sleep(60)"), {}, ())
    seen: list[Process] = []
    start = transport.start

    def remembered(*args: object, **named: object) -> Process:
        seen.append(start(*args, **named))  # type: ignore[arg-type]
        return seen[0]

    transport.start = remembered  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        carry_out(interrupted(Errand(launch, transport, tmp_path, 20.0, SystemClock())))

    assert not runs(seen[0].pid)


@pytest.mark.parametrize("events", ["a pipe", "a folder", "a device"])
def test_what_is_no_file_of_events_is_told_at_once(tmp_path: Path, events: str) -> None:
    """The agent is ended; a pipe would wait for its writer, and a device might print for ever."""
    make = {
        "a pipe": "os.mkfifo('events.jsonl')",
        "a folder": "os.mkdir('events.jsonl')",
        "a device": "os.symlink('/dev/zero', 'events.jsonl')",
    }
    outcome = carried_out(tmp_path, f"import os, time; {make[events]}; time.sleep(60)")

    assert (outcome.returncode, outcome.lost, outcome.timed_out) == (None, "", False)
    assert outcome.unreadable.endswith("it is a pipe, a device or a folder, wanted a file")


@pytest.mark.parametrize("then", ["time.sleep(60)", "pass"])
def test_events_beyond_what_the_job_can_make_end_the_agent(tmp_path: Path, then: str) -> None:
    """So many bytes are kept, and the reason; whether it had ended by itself makes no difference."""
    code = f"import time; open('events.jsonl', 'wb').write(b'x' * 1_000_001); {then}"
    outcome = carried_out(tmp_path, code, events_most=1_000_000)

    assert outcome.unreadable == (
        "events.jsonl has 1,000,001 bytes, its job makes at most 1,000,000: the rest was not fetched"
    )
    assert (tmp_path / "events.jsonl").stat().st_size == 1_000_000


def test_an_agent_that_prints_for_ever_is_ended_with_its_reason(tmp_path: Path) -> None:
    """What it printed is bounded while it is written: a full disk would end other labs' work."""
    outcome = carried_out(tmp_path, "import os\nwhile True: os.write(1, b'x' * 1_000_000)")

    assert outcome.unreadable == (
        "stdout.txt has 16,777,217 bytes, its job makes at most 16,777,216: the rest was not fetched"
    )
    assert (tmp_path / "stdout.txt").stat().st_size == PRINTED_BYTES
