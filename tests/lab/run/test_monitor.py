"""Monitor trials on a fake phone: damaged samples, rest between trials, and what a killed lab left behind."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from device_agents.contract import InvalidReason
from lab.compare.comparison import Side, measure, open_comparison
from lab.device.fake.phone import FakePhone
from lab.device.transport import Device, Process
from lab.device.vitals import look
from lab.device.vitals.lines import read, write
from lab.device.vitals.script import LINES
from lab.errors import DeviceLost, DeviceRebooted, DeviceRefused
from lab.records import Run, Vitals
from lab.run.bench import Progress
from lab.run.runner import run
from lab.stats.interval import Looks
from lab.trial.memory import RSS
from tests.fake_lab import FakeLab, batch_scenario, making

TOML = batch_scenario("[3]", blocks=1, rest="[gates]\npause_s = 30\n")
COOL = Vitals(0.0, celsius={"skin": 30.0, "soc_max": 35.0}, cooling={"cpufreq-cpu0": 0}, thermal_status=0)
HOT = replace(COOL, cooling={"cpufreq-cpu0": 3})


class Phone(FakePhone):
    """A phone whose agents go on without their lab; what a sampler writes is `sampled`, if that is not empty.

    Its link `breaks` so often when samples are fetched, after which it comes `back` well, or as that says. Where
    it `mixes`, what its NPU does uses half a CPU.
    """

    sampled = b""
    away = False
    mixes = False
    breaks = 0
    back: DeviceLost | None = None

    def pull(self, source: str, target: Path, *, most: int) -> int:
        """Break the link so often when samples are fetched."""
        if source.endswith(LINES) and self.breaks:
            self.breaks -= 1
            raise DeviceLost("fake phone: the link broke")
        return super().pull(source, target, most=most)

    def reconnect(self, *, timeout_s: float) -> None:
        """Be back at once, as the test says."""
        self.journal.append("reconnect")
        if self.back is not None:
            raise self.back

    def start(self, argv: Sequence[str], *, folder: str, **rest: Any) -> Process:
        """Let a sampler write what the test says."""
        process = super().start(argv, folder=folder, **rest)
        if self.sampled and f"{folder}/{LINES}" in self.files:
            self.files[f"{folder}/{LINES}"] = self.sampled
        if self.mixes and process.pid in self._pending:
            half = re.compile(rb'"duration_ns":(\d+),"role":"npu","unit":"npu","thread":0,"cpu_ns":\d+')
            self._pending[process.pid] = [half.sub(_half, piece) for piece in self._pending[process.pid]]
        return process

    def find(self, folder: str) -> Process | None:
        """Return the agent of a trial whose lab died."""
        if not self.away:
            return None
        number = next((n for n, path in self._events.items() if path == f"{folder}/events.jsonl"), None)
        return None if number is None or f"{folder}/job.json" not in self.files else Process(number, number)


def _half(span: re.Match[bytes]) -> bytes:
    text, duration_ns = span[0], int(span[1])
    return text[: text.rindex(b":") + 1] + str(duration_ns // 2).encode()


class Lab(FakeLab):
    """A fake phone with sensors and cores of its own, whose time passes while the lab sleeps."""

    phone: Phone

    def __init__(self, folder: Path, toml: str = TOML) -> None:
        super().__init__(folder, toml, Phone({}, vitals=lambda at: replace(COOL, boot_s=at)))
        self.turn.number = None
        identity = replace(self.bench.device.identity, kind="phone")
        self.bench = replace(
            self.bench, device=replace(self.bench.device, identity=identity), senses=look, sleep=self.sleep
        )

    def sleep(self, seconds: float) -> None:
        """Let the phone's own time pass."""
        self.phone.clock.seconds += seconds

    def kill(self, record: Run, number: int, after: int = 0) -> None:
        """Measure until a trial has done more iterations, then die: the phone's agent goes on."""

        def gone(progress: Progress) -> None:
            if (progress.place.number, progress.iterations > after) == (number, True):
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            list(run(record, self.scenario, self.bench, watch=gone))
        self.phone.away = True

    def sampler(self, record: Run, number: int) -> str:
        """Return where a trial's sampler writes on the phone."""
        return f"{self.bench.device.scratch}/trials/{record.id}-{number:04d}/vitals/{LINES}"


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Lab]]:
    """Make labs that are closed at the end."""
    yield from making(partial(Lab, tmp_path))


def test_damaged_samples_cost_no_trial(make: Callable[..., Lab]) -> None:
    """A malformed line says nothing of heat; the trial is judged by what else is known."""
    lab = make()
    lab.phone.sampled = b"\xff\x00 what?\n" + write(COOL).encode()

    (trial,) = lab.go_on(lab.begin())

    assert trial.valid, trial.detail


def test_a_link_that_breaks_when_a_trial_has_ended_costs_no_sample(make: Callable[..., Lab]) -> None:
    """The samples are fetched again, and show that the phone throttled."""
    lab = make()
    lab.phone.breaks = 1
    lab.phone.sampled = b"".join(write(replace(HOT, boot_s=at)).encode() for at in (1.0, 2.0, 3.0))

    (trial,) = lab.go_on(lab.begin())

    assert (trial.valid, trial.reason) == (False, InvalidReason.THROTTLED)
    assert lab.phone.journal.count("reconnect") == 1


def test_a_trial_whose_samples_could_not_be_fetched_says_so(make: Callable[..., Lab]) -> None:
    """Whether it throttled is unknown; it counts, flagged as unsampled."""
    lab = make()
    lab.phone.breaks = 2

    (trial,) = lab.go_on(lab.begin())

    assert trial.valid, trial.detail
    assert trial.flags == ("idle_unknown", "unsampled")


def test_a_phone_that_restarts_before_its_samples_are_fetched_has_not_ended_its_trial(
    make: Callable[..., Lab],
) -> None:
    """Nobody knows what made it restart; the phone is made ready again before the next trial."""
    lab = make(TOML.replace("blocks = 1", "blocks = 2"))
    lab.phone.breaks, lab.phone.back = 1, DeviceRebooted("fake phone: back in another boot")

    trials = lab.go_on(lab.begin())

    assert [trial.reason for trial in trials] == [InvalidReason.DEVICE_REBOOTED, None]
    assert trials[0].detail == (
        "it restarted after the trial, before its sensors' samples were fetched: fake phone: back in another boot"
    )
    assert [line[12:16] for line in lab.phone.journal if "agent" in line] == ["0000", "0001", "0000", "0002"]


class Refusing:
    """Sensors that can be read once, and not sampled."""

    look, end = staticmethod(look.look), staticmethod(look.end)

    def begin(self, device: Device, folder: str, bound_s: int) -> Process:
        """Refuse."""
        raise DeviceRefused("fake phone: no sh")


def test_a_trial_whose_sampler_could_not_begin_says_so_and_the_next_one_rests_after_it(
    make: Callable[..., Lab],
) -> None:
    """It counts, and the next trial rests after it as after any other."""
    lab = make(TOML.replace("blocks = 1", "blocks = 2"))
    lab.phone.vitals = Vitals
    lab.bench = replace(lab.bench, senses=Refusing())

    trials = lab.go_on(lab.begin())

    assert [trial.flags for trial in trials] == [("ungated", "unsampled")] * 2
    assert trials[1].notes["gate_waited_s"] == pytest.approx(30.0, abs=1)


def test_an_emulated_phone_is_neither_waited_for_nor_sampled(make: Callable[..., Lab]) -> None:
    """It is never timed, so heat cannot spoil its trials."""
    lab = make()
    device = lab.bench.device
    lab.bench = replace(lab.bench, device=replace(device, identity=replace(device.identity, kind="emulated")))
    lab.phone.vitals = lambda at: replace(HOT, boot_s=at, celsius={"skin": 60.0}, thermal_status=6)
    record = lab.begin()

    (trial,) = lab.go_on(record)

    assert (trial.valid, trial.flags, trial.notes.get("gate_waited_s")) == (True, (), None)
    assert not (lab.store.trial_folder(record.id, 1) / "vitals.jsonl").exists()


def busy_during(lab: Lab, cores: float) -> None:
    """Let the phone be idle at the gate, and this busy in a trial, of which 0.42 cores are the agent's."""
    lab.phone.vitals = lambda at: replace(COOL, boot_s=at, busy_cores=0.1)
    lab.phone.sampled = b"".join(write(replace(COOL, boot_s=at, busy_cores=cores)).encode() for at in (0.05, 0.1))


def test_work_in_another_process_is_no_accelerators(make: Callable[..., Lab]) -> None:
    """The agent was idle, and another process used a core: it may be a vendor's service that works on the CPU."""
    lab = make()
    busy_during(lab, 1.52)

    (trial,) = lab.go_on(lab.begin())

    assert trial.valid, trial.detail
    assert trial.placement["vit"] == "UNKNOWN"
    assert trial.placement["patch_embed"] == "CPU"
    assert trial.notes["others_rose_cores"] == pytest.approx(1.0, abs=0.01)
    assert "elsewhere" in trial.flags


def test_a_little_more_work_of_others_leaves_an_accelerator_its_work(make: Callable[..., Lab]) -> None:
    """A driver and Android work too: half a core."""
    lab = make()
    busy_during(lab, 1.02)

    (trial,) = lab.go_on(lab.begin())

    assert trial.placement["vit"] == "NPU"
    assert trial.notes["others_rose_cores"] == pytest.approx(0.5, abs=0.01)
    assert "elsewhere" not in trial.flags


def test_a_stage_that_the_cpu_did_in_part_is_marked(make: Callable[..., Lab]) -> None:
    """Half a CPU beside an accelerator contradicts no claim, but the reader of the answer must know of it."""
    lab = make()
    lab.phone.mixes = True

    (trial,) = lab.go_on(lab.begin())

    assert trial.valid, trial.detail
    assert trial.placement["vit"] == "MIXED"
    assert trial.flags[0] == "mixed"


def test_a_side_rests_after_the_other_sides_trial(make: Callable[..., Lab]) -> None:
    """Nothing shows how warm the phone is: each trial waits long enough after the one before, of either side."""
    lab = make()
    lab.phone.vitals = Vitals
    side = Side(lab.scenario, lab.bench, "fake")
    comparison, ours, theirs = open_comparison(
        baseline=side, candidate=side, dimension="parameter", seed=3, looks=Looks(6, 6), budget_s=1e6
    )

    list(measure(comparison, side, side))

    trials = [*lab.store.trials(ours.id), *lab.store.trials(theirs.id)]
    assert len(trials) == 12
    assert all(29 <= trial.notes["gate_waited_s"] <= 30 for trial in trials), [t.notes for t in trials]


def test_a_trial_that_throttled_while_no_lab_watched_does_not_count(make: Callable[..., Lab]) -> None:
    """The sampler went on as the agent did: its samples are judged before the trial counts."""
    lab = make()
    record = lab.begin()
    lab.kill(record, 1)
    lab.phone.files[lab.sampler(record, 1)] = b"".join(
        write(replace(HOT, boot_s=at)).encode() for at in (1.0, 2.0, 3.0)
    )

    (trial,) = lab.go_on(record)

    assert trial.flags[0] == "collected"
    assert (trial.valid, trial.reason) == (False, InvalidReason.THROTTLED)
    assert "cpufreq-cpu0" in trial.detail


def test_the_look_after_a_trial_is_kept_beside_it(make: Callable[..., Lab]) -> None:
    """Android's services are asked then, and may know what no sample shows."""
    lab = make()
    lab.phone.vitals = lambda at: replace(COOL, boot_s=at, powered=True)
    record = lab.begin()
    lab.go_on(record)

    (after,) = read(lab.store.trial_folder(record.id, 1) / "after.jsonl")
    assert after.powered is True


def test_a_cool_trial_of_a_killed_lab_counts(make: Callable[..., Lab]) -> None:
    """A trial that ran on without its lab counts as if it had been followed, and keeps its looks at the gate."""
    lab = make()
    record = lab.begin()
    lab.kill(record, 1)
    lab.phone.files[lab.sampler(record, 1)] = write(replace(COOL, boot_s=1.0)).encode()

    (trial,) = lab.go_on(record)

    assert trial.valid, trial.detail
    assert trial.flags[0] == "collected"
    kept = lab.store.trial_folder(record.id, 1)
    assert (kept / "gate.jsonl").read_bytes()
    assert (kept / "vitals.jsonl").read_bytes()


def test_a_collected_trial_keeps_what_its_gate_knew(make: Callable[..., Lab]) -> None:
    """The looks that the lab left show that the phone was busy and its temperatures at rest unknown."""
    lab = make(TOML.replace("pause_s = 30", "load_wait_s = 0"))
    lab.phone.vitals = lambda at: replace(COOL, boot_s=at, busy_cores=1.9)
    record = lab.begin()
    lab.kill(record, 1)

    (trial,) = lab.go_on(record)

    assert trial.valid, trial.detail
    assert trial.flags == ("collected", "busy", "idle_unknown", "unsampled")


def test_a_trial_that_was_not_to_be_waited_for_is_collected_warm_as_it_began(make: Callable[..., Lab]) -> None:
    """Only a run's first trial waits at the gate: the second one counts however warm it began."""
    lab = make(TOML.replace("blocks = 1", "blocks = 2").replace("pause_s = 30", 'start = "first trial"'))
    lab.phone.vitals = lambda at: replace(
        COOL, boot_s=at, celsius={"skin": 30.0 if lab.phone.started < 2 else 34.0, "soc_max": 35.0}
    )
    record = lab.begin()
    lab.kill(record, 2)

    (trial,) = lab.go_on(record)

    assert trial.valid, trial.detail
    assert trial.flags == ("collected", "unsampled")


def test_a_trial_that_lasts_is_collected_from_a_killed_lab(make: Callable[..., Lab]) -> None:
    """The job that it was begun with has the pilot's number of iterations: twelve, not the two of the plan."""
    lab = make(TOML.replace("blocks = 1", "blocks = 1\nduration_s = 1.2"))
    record = lab.begin()
    lab.kill(record, 1, after=3)
    begun = lab.phone.started

    (trial,) = lab.go_on(record)

    assert trial.valid, trial.detail
    assert trial.flags[0] == "collected"
    assert len(trial.samples["encode_s"]) == 12
    assert lab.phone.started == begun


def test_a_memory_pass_of_a_killed_lab_has_no_times(make: Callable[..., Lab]) -> None:
    """It is collected as a memory pass; figures that needed a look meanwhile are n/a."""
    lab = make()
    record = lab.begin(memory=True)
    lab.kill(record, 2)

    (trial,) = lab.go_on(record)

    assert (trial.purpose, trial.flags[0]) == ("memory", "collected")
    assert set(trial.samples) <= {RSS}
