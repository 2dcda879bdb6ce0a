"""An emulated arm64 phone (make test-arm64): arm64 programs, a real push, the real `lab`, x86_64's answers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from device_agents.contract import Event, Hello, Manifest, Output, parse_event, relative_distance
from tests.both_agents import Agent, bundle_of
from tests.farm_phones import Phone
from tests.lab_process import run_lab

pytestmark = pytest.mark.arm64

SUITE_S = 3600.0
"""Limit for all of the plan `once`, which took 14 minutes on two busy cores."""


def test_an_emulated_phone_runs_arm64(emulated_phone: Phone) -> None:
    """The kernel, the ABI and the kind say so, and /proc/cpuinfo shows an MT6989's processors."""
    said = emulated_phone.adb("shell", "uname -m; getprop ro.product.cpu.abi; getprop ro.boot.pocketlab.kind")
    assert said.stdout.split() == ["aarch64", "arm64-v8a", "emulated"]
    parts = emulated_phone.adb("shell", "grep part /proc/cpuinfo").stdout.split("\n")[:-1]
    assert [line.split()[-1] for line in parts] == ["0xd81"] * 4 + ["0xd82"] * 4  # Cortex-A720, Cortex-X4


def test_an_emulated_phone_comes_back_after_a_reboot(emulated_phone: Phone) -> None:
    """As every phone, it has another boot id then."""
    before = emulated_phone.adb("shell", "cat /proc/sys/kernel/random/boot_id").stdout
    emulated_phone.fault("reboot")
    emulated_phone.restore()
    after = emulated_phone.shell("cat /proc/sys/kernel/random/boot_id")
    assert len(after) == len(before)
    assert after != before


@dataclass(frozen=True)
class Suite:
    """The output and the files of `lab` after the plan `once` on the emulated phone."""

    said: str
    page: str
    runs: Sequence[Path]

    def trials(self) -> list[Path]:
        """Return every trial's folder, except the uncounted first one of each run."""
        return [path for run in self.runs for path in sorted((run / "trials").iterdir()) if path.name != "0000"]


@pytest.fixture(scope="module")
def once(emulated_phone: Phone, tiny_builds: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Suite:
    """Push the tiny build to the phone and run every scenario once, as a person does."""
    folder = tmp_path_factory.mktemp("once")
    (folder / "data/agents").mkdir(parents=True)
    (folder / "data/agents/arm64").symlink_to(bundle_of("arm64"))
    variables = {"POCKETLAB_ADB_SERVER": f"127.0.0.1:{emulated_phone.adb_server}"}

    def lab(*arguments: str | Path) -> str:
        done = run_lab(folder, arguments, variables=variables, timeout_s=SUITE_S)
        assert done.returncode == 0, done.stderr
        return done.stdout

    lab("builds", "add", tiny_builds["w8"], "--line", "tiny-w8")
    lab("devices", "connect", emulated_phone.address)
    page = folder / "once.html"
    said = lab("run", "--suite", "once", "--build", "tiny-w8", "--device", emulated_phone.name, "--html", page)
    return Suite(said, page.read_text(encoding="utf-8"), sorted((folder / "data/runs").iterdir()))


def test_every_workload_runs_and_every_trial_counts(once: Suite) -> None:
    """The judge compared every output with the oracle's, and the phone's agent is an arm64 program."""
    told = [json.loads((run / "run.json").read_bytes())["run"] for run in once.runs]
    trials = [json.loads((trial / "trial.json").read_bytes())["trial"] for trial in once.trials()]

    assert [run["scenario"] for run in told] == ["null", "load", "vit_batch", "prefill_tokens", "throughput"]
    assert {run["status"] for run in told} == {"finished"}
    assert [(trial["valid"], trial["detail"]) for trial in trials] == [(True, "")] * 14
    for trial in once.trials():
        hello = parse_event.validate_json((trial / "events.jsonl").read_bytes().splitlines()[0])
        assert isinstance(hello, Hello)
        assert (hello.agent, hello.abi) == ("native", "aarch64-linux-gnu")


def test_one_report_says_that_no_time_in_it_is_a_measurement(once: Suite) -> None:
    """Terminal and page say so; they rank nothing, and compare nothing with published figures."""
    assert once.said.count("emulated, not a measurement") == 5
    assert once.page.count("(emulated)") >= 5
    assert "best of" not in once.said
    assert "arXiv" not in once.said


def test_the_answers_are_x86_64s(once: Suite, native: Agent, tiny_builds: dict[str, Path], tmp_path: Path) -> None:
    """The x86_64 agent answers the same jobs with equal token ids, and outputs within the tolerance."""
    tolerance = Manifest.model_validate_json((tiny_builds["w8"] / "manifest.json").read_bytes()).tolerance
    bounds = {"features": tolerance.features, "logits": tolerance.logits}
    compared = dict.fromkeys((*bounds, "tokens"), 0)
    for trial in once.trials():
        job = json.loads((trial / "job.json").read_bytes()) | {"build": str(tiny_builds["w8"])}
        answer = native.run(job, tmp_path)
        assert answer.returncode == 0, answer.stderr
        there = [parse_event.validate_json(line) for line in (trial / "events.jsonl").read_bytes().splitlines()]
        for ours, theirs in zip(_outputs(answer.events), _outputs(there), strict=True):
            assert ours.kind == theirs.kind
            compared[ours.kind] += 1
            if ours.tokens is not None and theirs.tokens is not None:
                assert ours.tokens.ids == theirs.tokens.ids
            else:
                assert ours.fingerprint is not None
                assert theirs.fingerprint is not None
                assert relative_distance(theirs.fingerprint, ours.fingerprint) <= bounds[ours.kind]

    assert compared == {"features": 7, "logits": 6, "tokens": 1}


def _outputs(events: Sequence[Event]) -> list[Output]:
    return [event for event in events if isinstance(event, Output)]
