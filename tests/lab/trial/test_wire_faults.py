"""A trial whose phone, link or agent fails, over a real adb server and a real adbd."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lab.device.adb.transport import AdbTransport, Server
from lab.device.local import SystemClock
from lab.errors import DeviceRefused
from lab.trial.agent import Errand, Launch, Outcome, carry_out, collect
from tests.farm_phones import Phone

FOLDER = "/data/local/tmp/pocketlab/trials/run-0001"
LINE = '{"event": "iteration", "iteration": %d}'
COUNTS = f"""
i=0
while [ $i -lt 60 ]; do printf '{LINE}\\n' $i >> events.jsonl; i=$((i + 1)); sleep 0.1; done
"""
"""An agent that writes a line every tenth of a second, for six seconds."""


class Wire:
    """A phone at the end of a wire, and trials on it."""

    def __init__(self, phone: Phone, results: Path) -> None:
        phone.connect()
        self.phone, self.results = phone, results
        self.transport = AdbTransport(Server("127.0.0.1", phone.adb_server), phone.address)
        self.transport.reconnect(timeout_s=30)
        self.transport.shell(["rm", "-rf", FOLDER], timeout_s=10)

    def errand(self, script: str, *, timeout_s: float = 60.0) -> Errand:
        """Return an errand that runs a shell script as if it were an agent."""
        launch = Launch(
            folder=FOLDER,
            files={"job.json": b"{}\n"},
            argv=("sh", "-c", script),
            environment={"PATH": "/system/bin:/usr/bin:/bin"},
            outputs=("events.jsonl", "stdout.txt", "stderr.txt"),
        )
        self.results.mkdir(exist_ok=True)
        return Errand(launch, self.transport, self.results, timeout_s, SystemClock(), look_every_s=0.2)

    def lines(self) -> list[int]:
        """Return the iterations in the lines that the lab brought back."""
        return [json.loads(line)["iteration"] for line in (self.results / "events.jsonl").read_text().splitlines()]

    def leftovers(self) -> str:
        """Return the processes on the phone that run in a trial's folder, once the dying ones are gone."""
        command = "for p in /proc/[0-9]*; do case $(readlink $p/cwd) in */trials/*) echo ${p#/proc/};; esac; done"
        for _ in range(20):  # a killed process releases its lock a moment before it leaves /proc
            if not (found := self.phone.shell(command)):
                break
            time.sleep(0.1)
        return found


@pytest.fixture
def wire(phone: Phone, tmp_path: Path) -> Wire:
    """The first phone's wire."""
    return Wire(phone, tmp_path / "results")


def with_harm(errand: Errand, harm: Callable[[], object], *, after_iterations: int = 5) -> Outcome:
    """Run an agent, and cause a fault once it has finished so many iterations."""
    done = threading.Event()

    def watch(count: int) -> None:
        if count >= after_iterations and not done.is_set():
            done.set()
            harm()

    outcome = carry_out(replace(errand, iterations=watch))
    assert done.is_set(), f"the agent ended before it had finished {after_iterations}: {outcome}"
    return outcome


def test_no_sample_is_lost_when_the_network_is_down_for_twenty_seconds(wire: Wire) -> None:
    """No byte passes for 20 s, longer than the agent runs: the lab reads on from where it was."""
    outcome = with_harm(wire.errand(COUNTS), lambda: wire.phone.fault("stall", 20))

    assert (outcome.returncode, outcome.lost) == (0, "")
    assert wire.lines() == list(range(60))


@pytest.mark.parametrize("fault", ["kill-adbd", "unplug"])
def test_no_sample_is_lost_when_the_link_breaks(wire: Wire, fault: str) -> None:
    """Adbd dies and restarts, or the cable is out for two seconds: the agent needs neither."""

    def harm() -> None:
        wire.phone.fault(fault)
        threading.Timer(2.0, lambda: wire.phone.fault("replug")).start()

    outcome = with_harm(wire.errand(COUNTS), harm)

    assert (outcome.returncode, outcome.lost) == (0, "")
    assert wire.lines() == list(range(60))
    assert wire.leftovers() == ""


def test_no_sample_is_lost_when_the_adb_server_is_killed(wire: Wire) -> None:
    """The lab starts its own server again and connects it to the phone."""
    outcome = with_harm(wire.errand(COUNTS), lambda: wire.phone.adb("kill-server"))

    assert (outcome.returncode, outcome.lost) == (0, "")
    assert wire.lines() == list(range(60))


def test_a_reboot_is_not_a_broken_link(wire: Wire) -> None:
    """In another boot the agent is gone, and the outcome says so."""
    outcome = with_harm(wire.errand(COUNTS), lambda: wire.phone.fault("reboot"))

    assert outcome.rebooted
    assert outcome.returncode is None
    assert "another boot" in outcome.lost
    assert wire.leftovers() == ""


def test_another_phone_behind_the_same_address_is_refused(wire: Wire) -> None:
    """It answers, but the trial began on another phone: nothing it says counts."""
    with pytest.raises(DeviceRefused, match="another device answers in its place"):
        with_harm(wire.errand(COUNTS), lambda: wire.phone.fault("change-identity"))


def test_a_phone_that_stays_away_loses_its_trial(wire: Wire) -> None:
    """After the lab's patience the trial is lost; the message says what the lab last saw of the phone."""
    errand = replace(wire.errand(COUNTS, timeout_s=8.0), patience_s=2.0)

    outcome = with_harm(errand, lambda: wire.phone.fault("unplug"))

    assert outcome.returncode is None
    assert not outcome.rebooted
    assert "not back within" in outcome.lost


@pytest.mark.parametrize(("script", "status"), [("kill -SEGV $$", -11), ("exit 7", 7), ("/no/such/agent", 127)])
def test_how_an_agent_ends_is_its_outcome(wire: Wire, script: str, status: int) -> None:
    """A signal is a negative number, anything else the status."""
    assert carry_out(wire.errand(script)).returncode == status


def test_an_agent_killed_for_memory_ends_by_signal_nine(wire: Wire) -> None:
    """The kernel kills it when the phone runs out of memory; the phone itself goes on."""
    wire.phone.fault("memory-limit", "64M")

    outcome = carry_out(wire.errand("head -c 512m /dev/zero | tail -c 400m > /dev/null & wait $!; exit $?"))
    wire.phone.fault("memory-limit", "0")

    assert outcome.returncode in {-9, 137}
    assert wire.transport.shell(["echo", "alive"], timeout_s=10).stdout == "alive\n"


def test_a_hanging_agent_is_ended_with_all_it_started(wire: Wire) -> None:
    """At the time limit the lab kills the group, checked by pid and start time; nothing keeps running."""
    outcome = carry_out(wire.errand("sleep 600 & sleep 600", timeout_s=2.0))

    assert outcome.timed_out
    assert wire.leftovers() == ""


def test_ctrl_c_leaves_nothing_running_and_nothing_to_collect(wire: Wire) -> None:
    """The lab cut the trial, so the next lab measures it again."""

    def press() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        with_harm(wire.errand(COUNTS), press)

    assert wire.leftovers() == ""
    assert collect(wire.errand(COUNTS)) is None


def test_what_a_lab_that_died_began_is_collected(wire: Wire, tmp_path: Path) -> None:
    """The agent goes on without its lab; the next lab finds it by folder and files, and reads all its lines."""
    begun = wire.errand(COUNTS)
    for name, content in begun.launch.files.items():
        wire.transport.push(content, f"{FOLDER}/{name}")
    wire.transport.start(
        begun.launch.argv,
        environment=begun.launch.environment,
        folder=FOLDER,
        stdout=f"{FOLDER}/stdout.txt",
        stderr=f"{FOLDER}/stderr.txt",
        limit_s=600,
    )
    later = Wire.__new__(Wire)
    later.phone, later.results = wire.phone, tmp_path / "later"
    later.transport = AdbTransport(Server("127.0.0.1", wire.phone.adb_server), wire.phone.address)

    outcome = collect(later.errand(COUNTS))

    assert outcome is not None
    assert outcome.returncode == 0
    assert later.lines() == list(range(60))


def test_nothing_is_collected_that_was_begun_for_other_files(wire: Wire) -> None:
    """Another job in the folder is another trial."""
    begun = wire.errand("exit 0")
    assert carry_out(begun).returncode == 0

    assert collect(replace(begun, launch=replace(begun.launch, files={"job.json": b"[]\n"}))) is None
