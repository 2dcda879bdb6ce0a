"""The order of things, read as a journal from a fake phone, and what is left after each kind of end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain, islice, repeat
from pathlib import Path

import pytest

from device_agents.contract import Input, InvalidReason, Job
from lab.builds.folder import open_build
from lab.device.cores import Held
from lab.device.fake.build import write_fake_build
from lab.device.fake.phone import FakePhone, Fault, fake_device
from lab.device.transport import Process
from lab.device.vitals import look as vitals
from lab.errors import BuildError, DeviceLost, DeviceRefused, RunError, ScenarioError
from lab.records import Inject, Run, Vitals
from lab.run.bench import Bench, Senses
from lab.run.resume import reopen
from lab.run.runner import open_run, order, places, run
from lab.scenario.load import load
from lab.scenario.plan import Scenario
from lab.stats.sample import medians_by_block
from lab.store import Store
from tests.fake_lab import batch_scenario, good

TOML = batch_scenario("[1, 3]", warmup=1, blocks=2)


class Setting:
    """A fake phone, a store and a scenario in a temporary folder."""

    def __init__(self, folder: Path, script: Callable[[int], Fault] = good, toml: str = TOML) -> None:
        write_fake_build(folder / "build")
        document = Input.model_validate_json((folder / "build/inputs/screen/input.json").read_bytes())
        (folder / "probe.toml").write_text(toml)
        self.scenario: Scenario = load(folder / "probe.toml")
        self.phone = FakePhone({"screen": document}, script=script)
        self.store = Store(folder / "data")
        self.bench = Bench(
            device=fake_device(self.phone),
            build=open_build(folder / "build"),
            store=self.store,
            clock=self.phone.clock,
            lease=self.lease,
            present=lambda held: self.phone.journal.append("push"),
        )

    @contextmanager
    def lease(self) -> Iterator[Held]:
        """Write down when the device's turn is taken, which agent is noted, and when it is given back."""
        self.phone.journal.append("take the lease")

        def note(process: Process | None) -> None:
            self.phone.journal.append(f"note {process.pid}" if process else "note none")

        try:
            yield Held(note, number=7, again=lambda: self.phone.journal.append("take the lease again"))
        finally:
            self.phone.journal.append("give the lease back")

    def begin(self, seed: int = 7) -> Run:
        """Open a run."""
        return open_run(self.scenario, self.bench, seed=seed, suite="quick", line="fake")

    def close(self) -> None:
        """Let go of the index."""
        self.store.close()


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Setting]]:
    """Make settings that are closed at the end."""
    made: list[Setting] = []

    def build(script: Callable[[int], Fault] = good, toml: str = TOML) -> Setting:
        made.append(Setting(tmp_path, script, toml))
        return made[-1]

    yield build
    for setting in made:
        setting.close()


def test_a_run_in_order(make: Callable[..., Setting]) -> None:
    """Lease, a settling process, then a fresh agent a trial, each saved before it is handed out."""
    setting = make()
    record = setting.begin()
    journal = setting.phone.journal

    for trial in run(record, setting.scenario, setting.bench):
        saved = [saved.number for saved in setting.store.trials(record.id)]
        journal.append(f"trial {trial.number} of {trial.cell} in block {trial.block}, saved {saved}")

    first = order(record)
    names = [f"{place.cell.key} in block {place.block}" for place in first]
    assert journal == [
        "take the lease",
        "push",
        "start agent 0000 load",
        "note 0",
        "note none",
        "start agent 0001 encode_image",
        "note 1",
        "note none",
        f"trial 1 of {names[0]}, saved [1]",
        "start agent 0002 encode_image",
        "note 2",
        "note none",
        f"trial 2 of {names[1]}, saved [1, 2]",
        "start agent 0003 encode_image",
        "note 3",
        "note none",
        f"trial 3 of {names[2]}, saved [1, 2, 3]",
        "start agent 0004 encode_image",
        "note 4",
        "note none",
        f"trial 4 of {names[3]}, saved [1, 2, 3, 4]",
        "give the lease back",
    ]
    assert setting.store.run(record.id).status == "finished"


def test_every_block_holds_every_cell_once_in_an_order_of_its_own(make: Callable[..., Setting]) -> None:
    """Cells are shuffled by seed and block: the same seed gives the same order, another another."""
    setting = make(toml=TOML.replace("[1, 3]", "[1, 2, 3, 4, 5, 6]").replace("blocks = 2", "blocks = 4"))
    record = setting.begin(seed=1)
    places = order(record)

    blocks = [[place.cell.key for place in places if place.block == block] for block in range(4)]

    assert all(sorted(block) == sorted(cell.key for cell in record.cells) for block in blocks)
    assert len({tuple(block) for block in blocks}) > 1
    assert order(record) == places
    assert order(setting.begin(seed=2)) != places
    assert [place.number for place in places] == list(range(1, 25))


def test_a_good_trial_keeps_its_samples_and_raw_lines(make: Callable[..., Setting]) -> None:
    """Nine tiles at one a batch are 28 stages of 10 ms; the agent's own lines lie beside the trial."""
    setting = make()
    record = setting.begin()
    trials = list(run(record, setting.scenario, setting.bench))

    one = next(trial for trial in trials if trial.cell == "patches_per_batch=1")

    assert one.valid
    assert list(one.samples["encode_s"]) == pytest.approx([0.28, 0.28])
    folder = setting.store.trial_folder(record.id, one.number)
    assert {path.name for path in folder.iterdir()} == {
        "job.json",
        "events.jsonl",
        "stdout.txt",
        "stderr.txt",
        "trial.json",
        "turn",
        "boot",
    }


def test_an_invalid_trial_is_kept_and_the_run_goes_on(make: Callable[..., Setting]) -> None:
    """The second trial dies: it stays, with its reason, and is not tried again."""
    setting = make(script=lambda number: "dies" if number == 2 else "none")
    record = setting.begin()

    trials = list(run(record, setting.scenario, setting.bench))

    assert [trial.reason for trial in trials] == [None, InvalidReason.AGENT_DIED, None, None]
    assert setting.phone.started == 5


def test_a_link_that_breaks_costs_no_sample(make: Callable[..., Setting]) -> None:
    """The agent goes on without the lab, which reads on when the phone is back."""
    setting = make(script=lambda number: "blinks" if number == 2 else "none")
    record = setting.begin()

    trials = list(run(record, setting.scenario, setting.bench))

    assert [trial.valid for trial in trials] == [True] * 4
    assert setting.phone.journal.count("reconnect") == 1
    assert setting.phone.started == 5


def test_a_reboot_costs_its_trial_and_the_run_goes_on_from_a_known_state(make: Callable[..., Setting]) -> None:
    """After another boot nothing is believed: the lease is taken again, the build pushed, a process settles."""
    setting = make(script=lambda number: "reboots" if number == 2 else "none")
    record = setting.begin()

    trials = list(run(record, setting.scenario, setting.bench))

    assert [trial.reason for trial in trials] == [None, InvalidReason.DEVICE_REBOOTED, None, None]
    assert trials[1].detail == "fake phone: the cable was pulled; fake phone: back in another boot"
    steps = [line for line in setting.phone.journal if not line.startswith("note")]
    after = steps.index("reconnect")
    assert steps[after : after + 5] == [
        "reconnect",
        "take the lease again",
        "push",
        "start agent 0000 load",
        "start agent 0003 encode_image",
    ]


def test_a_phone_that_stays_away_ends_the_run_which_can_go_on_later(make: Callable[..., Setting]) -> None:
    """The lost trial is kept with its reason; the run says that it lacks the others."""
    setting = make(script=lambda number: "lost" if number == 2 else "none")
    record = setting.begin()

    with pytest.raises(DeviceLost, match="not back within"):
        list(run(record, setting.scenario, setting.bench))

    assert setting.store.run(record.id).status == "interrupted"
    assert [trial.reason for trial in setting.store.trials(record.id)] == [None, InvalidReason.DEVICE_LOST]


def test_what_an_earlier_attempt_left_on_the_phone_is_not_read_as_the_next_one(
    make: Callable[..., Setting],
) -> None:
    """A cut trial's folder is emptied there before the trial is begun again."""
    setting = make()
    record = setting.begin()
    stale = f"/data/local/tmp/pocketlab/trials/{record.id}-0001/rc"
    setting.phone.files[stale] = b"0"

    seen: list[bool] = []

    trials = run(
        record, setting.scenario, setting.bench, watch=lambda p: seen.append(stale in setting.phone.files)
    )
    next(trials)
    trials.close()

    assert seen[0], "nothing had looked yet"
    assert not any(seen[1:])


class Wanderer(FakePhone):
    """A phone that comes back after the lab's patience has ended; what it ran goes on meanwhile."""

    away = 1

    def find(self, folder: str) -> Process | None:
        """The agent of the lost trial still runs."""
        return Process(2, started=2) if folder.endswith("-0002") and self.started == 3 else None

    def reconnect(self, *, timeout_s: float) -> None:
        """Stay away the first time."""
        if self.away:
            self.away -= 1
            super().reconnect(timeout_s=timeout_s)
        self.journal.append("is back")


def test_a_lost_agent_is_ended_before_the_next_one_starts(make: Callable[..., Setting]) -> None:
    """The phone is back in the same boot, its old agent still at work: nothing is measured beside it."""
    setting = make(script=lambda number: "lost" if number == 2 else "none")
    phone = Wanderer(setting.phone.inputs, script=setting.phone.script, clock=setting.phone.clock)
    bench = replace(setting.bench, device=fake_device(phone))

    trials = list(run(setting.begin(), setting.scenario, bench))

    assert [trial.reason for trial in trials] == [None, InvalidReason.DEVICE_LOST, None, None]
    back = phone.journal.index("is back")
    assert phone.journal[back : back + 3] == ["is back", "kill agent 2", "start agent 0000 load"]


def test_who_resumes_a_run_ends_the_agents_of_its_lost_trials(make: Callable[..., Setting]) -> None:
    """They are saved as lost, so nobody collects them; the lease leaves them alone for the sake of this run."""
    setting = make(script=lambda number: "lost" if number == 2 else "none")
    phone = Wanderer(setting.phone.inputs, script=setting.phone.script, clock=setting.phone.clock)
    bench, record = replace(setting.bench, device=fake_device(phone)), setting.begin()
    phone.away = 2
    with pytest.raises(DeviceLost):
        list(run(record, setting.scenario, bench))

    assert [trial.number for trial in run(record, setting.scenario, bench)] == [3, 4]
    killed = phone.journal.index("kill agent 2")
    assert phone.journal[killed + 1] == "start agent 0000 load"


def test_a_hanging_agent_is_ended_and_the_next_one_starts(make: Callable[..., Setting]) -> None:
    """The time-out ends one trial, not the run."""
    setting = make(script=lambda number: "hangs" if number == 1 else "none")

    trials = list(run(setting.begin(), setting.scenario, setting.bench))

    assert [trial.reason for trial in trials] == [InvalidReason.TIMEOUT, None, None, None]
    assert "kill agent 1" in setting.phone.journal


def test_a_hopeless_run_stops_after_its_first_block(make: Callable[..., Setting]) -> None:
    """When no trial of the first block counts the run fails, in words."""
    setting = make(script=lambda number: "wrong_output")
    record = setting.begin()

    with pytest.raises(RunError, match=r"no trial of its first block was valid.*wrong_output"):
        list(run(record, setting.scenario, setting.bench))

    assert setting.store.run(record.id).status == "failed"
    assert len(setting.store.trials(record.id)) == 2


def test_reboots_in_the_first_block_do_not_make_a_run_hopeless(make: Callable[..., Setting]) -> None:
    """They say nothing about the trials that follow."""
    setting = make(script=lambda number: "reboots" if number in {1, 3} else "none")  # starts 0, 2 and 4 settle

    trials = list(run(setting.begin(), setting.scenario, setting.bench))

    assert [trial.valid for trial in trials] == [False, False, True, True]


def test_a_reboot_while_settling_makes_the_device_ready_anew(make: Callable[..., Setting]) -> None:
    """The lease is taken again before anything else is done; no trial is lost."""
    settled: list[int] = []

    def script(number: int) -> Fault:
        settled.append(number)
        return "reboots" if settled == [0] else "none"

    setting = make(script=script)
    trials = list(run(setting.begin(), setting.scenario, setting.bench))

    assert all(trial.valid for trial in trials)
    assert setting.phone.journal.count("take the lease again") == 1
    assert setting.phone.journal.count("push") == 2


LASTING = batch_scenario("[3]", blocks=2).replace("blocks = 2", "blocks = 2\nduration_s = 1.2")
"""Iterations of 100 ms that fill 1.2 s are twelve, as a pilot of three says."""


def iterations_of(setting: Setting, record: Run, number: int) -> int:
    """Return how many iterations a trial's job asked for."""
    document = (setting.store.trial_folder(record.id, number) / "job.json").read_bytes()
    return Job.model_validate_json(document).iterations


def started(setting: Setting) -> list[str]:
    """Return what was done, without notes; `ilot` is a pilot."""
    return [line for line in setting.phone.journal if not line.startswith("note")]


def test_a_pilot_says_how_many_iterations_fill_the_time(make: Callable[..., Setting]) -> None:
    """Once a cell, before its first trial."""
    setting = make(toml=LASTING)
    record = setting.begin()

    assert [trial.valid for trial in run(record, setting.scenario, setting.bench)] == [True] * 2
    assert [iterations_of(setting, record, number) for number in (1, 2)] == [12, 12]
    assert [line[12:16] for line in started(setting) if line.startswith("start")] == [
        "0000",
        "ilot",
        "0001",
        "0002",
    ]


def test_a_reboot_in_a_pilot_makes_the_device_ready_anew(make: Callable[..., Setting]) -> None:
    """No trial runs on a phone that nobody prepared, and none of two iterations passes for a long one."""
    setting = make(lambda number: "reboots" if number == 1 else "none", LASTING)
    record = setting.begin()

    assert [trial.valid for trial in run(record, setting.scenario, setting.bench)] == [True] * 2
    assert [iterations_of(setting, record, number) for number in (1, 2)] == [12, 12]
    after = started(setting).index("reconnect")
    assert started(setting)[after:-2] == [
        "reconnect",
        "take the lease again",
        "push",
        "start agent 0000 load",
        "start agent ilot encode_image",
        "start agent 0001 encode_image",
    ]


def test_a_phone_that_reboots_in_every_pilot_is_given_up(make: Callable[..., Setting]) -> None:
    """Three times; the run can be gone on with later."""
    setting = make(lambda number: "reboots" if number % 2 else "none", LASTING)  # the even ones settle
    record = setting.begin()

    with pytest.raises(DeviceLost, match="went away in each of 3 pilots of trial 1"):
        list(run(record, setting.scenario, setting.bench))

    assert setting.store.run(record.id).status == "interrupted"
    assert setting.store.trials(record.id) == []


def test_a_pilot_that_was_lost_is_begun_again_when_the_phone_is_back(make: Callable[..., Setting]) -> None:
    """In the same boot too nothing is believed of the phone; the run goes on without a trial lost."""
    setting = make(lambda number: "lost" if number == 1 else "none", LASTING)
    phone = Wanderer(setting.phone.inputs, script=setting.phone.script, clock=setting.phone.clock)
    bench, record = replace(setting.bench, device=fake_device(phone)), setting.begin()

    assert [trial.valid for trial in run(record, setting.scenario, bench)] == [True] * 2
    assert [iterations_of(setting, record, number) for number in (1, 2)] == [12, 12]
    back = phone.journal.index("is back")
    assert phone.journal[back + 1 : back + 3] == ["start agent 0000 load", "start agent ilot encode_image"]


def test_a_pilot_that_dies_is_its_trials_failure_and_fixes_no_number(make: Callable[..., Setting]) -> None:
    """The trial says so; the next one has a pilot of its own."""
    setting = make(lambda number: "dies" if number == 1 else "none", LASTING.replace("[3]", "[1, 3]"))
    record = setting.begin()

    trials = list(run(record, setting.scenario, setting.bench))

    assert [trial.reason for trial in trials] == [InvalidReason.AGENT_DIED, None, None, None]
    assert trials[0].detail.startswith(
        "its pilot of 3 iterations, which says how many fill plan.duration_s, failed: the agent was ended by"
    )
    assert trials[0].samples == {}
    again = next(trial for trial in trials[1:] if trial.cell == trials[0].cell)
    assert len(again.samples["encode_s"]) == iterations_of(setting, record, again.number) > 3


def test_an_interrupted_run_is_marked_and_resumed_where_it_stopped(make: Callable[..., Setting]) -> None:
    """Closing the generator after one trial saves it; going on measures only the other three, in order."""
    setting = make()
    record = setting.begin()
    trials = run(record, setting.scenario, setting.bench)
    next(trials)
    trials.close()
    assert setting.store.run(record.id).status == "interrupted"

    reopen(record, setting.scenario, setting.bench)
    rest = list(run(record, setting.scenario, setting.bench))

    assert [trial.number for trial in rest] == [2, 3, 4]
    assert [trial.cell for trial in rest] == [place.cell.key for place in order(record)[1:]]
    assert setting.store.run(record.id).status == "finished"


def test_ctrl_c_ends_the_agent_and_marks_the_run(make: Callable[..., Setting]) -> None:
    """An interrupt in the middle of a trial ends the agent's group; that trial is measured again later."""
    setting = make()
    record = setting.begin()

    def interrupt(progress: object) -> None:
        if setting.phone.started == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(run(record, setting.scenario, setting.bench, watch=interrupt))

    assert "kill agent 1" in setting.phone.journal
    assert setting.store.run(record.id).status == "interrupted"
    assert setting.store.trials(record.id) == []


def test_what_a_cut_trial_left_is_kept_aside(make: Callable[..., Setting]) -> None:
    """Half-written lines do not mix with the new trial's, and are not thrown away."""
    setting = make()
    record = setting.begin()
    (setting.store.trial_folder(record.id, 1) / "events.jsonl").write_text("half a l")

    list(run(record, setting.scenario, setting.bench))

    kept = setting.store.root / "runs" / record.id / "interrupted" / "0001-1" / "events.jsonl"
    assert kept.read_text() == "half a l"
    assert setting.store.trials(record.id)[0].valid
    assert setting.store.reindex()["trials"] == 4


def test_a_run_does_not_go_on_in_other_surroundings(make: Callable[..., Setting]) -> None:
    """Trials of another plan cannot be compared with those already there."""
    setting = make()
    record = setting.begin()
    other = make(toml=TOML.replace("iterations = 2", "iterations = 5"))

    with pytest.raises(RunError, match="iterations was 2, is 5"):
        reopen(record, other.scenario, other.bench)


def test_a_run_does_not_go_on_on_another_phone_of_the_same_model(make: Callable[..., Setting]) -> None:
    """An address may be another phone's by now; all that a Context says of the two is equal."""
    setting = make()
    record = setting.begin()
    device = setting.bench.device
    other = replace(setting.bench, device=replace(device, identity=replace(device.identity, name="fake-2")))

    with pytest.raises(RunError, match="begun on fake, and what answers to that now calls itself fake-2"):
        reopen(record, setting.scenario, other)


def test_how_cool_a_device_must_be_is_part_of_what_was_measured(make: Callable[..., Setting]) -> None:
    """How long is waited for that is not."""
    setting = make()
    facts = setting.begin().context
    gates = setting.scenario.gates
    cooler = replace(setting.scenario, gates=gates.model_copy(update={"battery_celsius_most": 30.0}))
    longer = replace(setting.scenario, gates=gates.model_copy(update={"wait_s": 5.0, "poll_s": 1.0}))

    begun = [open_run(one, setting.bench, seed=7, suite="", line="fake") for one in (cooler, longer)]

    assert [set(facts.differs_from(run.context)) for run in begun] == [{"gates"}, set()]


def test_an_impossible_cell_is_refused_before_anything_is_measured(make: Callable[..., Setting]) -> None:
    """A batch that the build cannot run stops the run before it exists."""
    setting = make(toml=TOML.replace("[1, 3]", "[1, 7]"))

    with pytest.raises(ScenarioError, match=r"not at \[7\]"):
        setting.begin()

    assert setting.store.runs() == []


def test_an_altered_build_is_not_measured(make: Callable[..., Setting]) -> None:
    """The build is verified when the lease is held, before the first agent starts."""
    setting = make()
    record = setting.begin()
    (setting.bench.build.folder / "vit.onnx").write_bytes(b"something else, same size"[:22])

    with pytest.raises(BuildError, match=r"vit\.onnx"):
        list(run(record, setting.scenario, setting.bench))

    assert setting.phone.started == 0
    assert setting.store.run(record.id).status == "failed"


LOOP = TOML.replace("blocks = 2", "blocks = 4\ntarget = 0.02\nmost = 8\nbudget_s = 1000")


def uneven(job: Job) -> float:
    """One batch in ten is a fifth slower, and only where three patches go in a batch."""
    number = int(job.trial.rpartition("-")[2])
    batches = getattr(job.work, "batches", [])
    return 0.012 if number % 3 == 0 and any(batch.true == 3 for batch in batches) else 0.010


def test_a_closed_loop_goes_on_with_the_cell_that_is_still_wide(make: Callable[..., Setting]) -> None:
    """A cell without spread is done at the first interval, six trials; the other has the most it may have."""
    setting = make(toml=LOOP)
    setting.phone.stage_s = uneven
    record = setting.begin()

    cells = [trial.cell for trial in run(record, setting.scenario, setting.bench)]

    assert cells.count("patches_per_batch=1") == 6
    assert cells.count("patches_per_batch=3") == 8


def test_a_closed_loop_stops_when_every_interval_is_narrow(make: Callable[..., Setting]) -> None:
    """Nothing varies: six trials a cell, which the first interval wants, and no more."""
    setting = make(toml=LOOP)

    assert len(list(run(setting.begin(), setting.scenario, setting.bench))) == 12


def test_a_closed_loop_stops_when_the_device_time_is_spent(make: Callable[..., Setting]) -> None:
    """The budget pays for the four trials that each cell has in any case, and for nothing more."""
    setting = make(toml=LOOP.replace("budget_s = 1000", "budget_s = 0.001"))
    setting.phone.stage_s = uneven

    assert len(list(run(setting.begin(), setting.scenario, setting.bench))) == 8


def test_waiting_at_the_gate_is_part_of_what_the_next_trial_costs(make: Callable[..., Setting]) -> None:
    """Four trials waited a minute each: what is left of the budget pays for half a minute, and so for no more."""
    setting = make(toml=LOOP.replace("budget_s = 1000", "budget_s = 520"))
    setting.phone.stage_s = uneven
    record = setting.begin()
    waited = {
        trial.number: replace(trial, notes={**trial.notes, "gate_waited_s": 60.0})
        for trial in islice(run(record, setting.scenario, setting.bench), 8)
    }

    assert [place for place in places(record, setting.scenario, waited) if place.number > 8] == []


def test_the_memory_pass_is_counted_among_the_trials_to_come(make: Callable[..., Setting]) -> None:
    """Two cells, two blocks, and one more of each: no trial is told to be the fifth of four."""
    setting = make()
    record = open_run(setting.scenario, setting.bench, seed=7, suite="", line="fake", memory=True)
    totals: set[int] = set()

    list(run(record, setting.scenario, setting.bench, watch=lambda now: totals.add(now.total)))

    assert totals == {6}


def test_a_throttled_first_block_does_not_make_a_run_hopeless(make: Callable[..., Setting]) -> None:
    """Heat passes, and the next trial waits for it."""
    setting = make()
    setting.bench = replace(
        setting.bench,
        senses=Senses(vitals.look, vitals.begin, vitals.end),
        sleep=lambda seconds: None,
    )
    statuses = chain([0, 0, 1] * 2, repeat(0))  # at the gate, sampled, and when it had ended
    setting.phone.vitals = lambda at: Vitals(at, thermal_status=next(statuses))

    trials = list(run(setting.begin(), setting.scenario, setting.bench))

    assert [trial.reason for trial in trials[:2]] == [InvalidReason.THROTTLED] * 2
    assert all(trial.valid for trial in trials[2:])


@pytest.mark.parametrize("empty_from", [0, 2])
def test_an_empty_phone_that_nothing_charges_ends_the_run_which_can_go_on(
    make: Callable[..., Setting], empty_from: int
) -> None:
    """In the first block or in the middle: no agent starts, nothing is waited for, no trial spent."""
    setting = make()
    slept: list[float] = []
    setting.bench = replace(
        setting.bench, senses=Senses(vitals.look, vitals.begin, vitals.end), sleep=slept.append
    )
    record = setting.begin()
    full, low = Vitals(0.0, battery_level=60.0), Vitals(0.0, battery_level=14.0, powered=False)
    setting.phone.vitals = lambda at: low if len(setting.store.trials(record.id)) == empty_from else full

    with pytest.raises(DeviceRefused, match=r"the battery is at 14 %.*nothing charges it: plug it in"):
        list(run(record, setting.scenario, setting.bench))

    assert len(setting.store.trials(record.id)) == empty_from
    assert slept == []
    setting.phone.vitals = lambda at: full
    assert all(trial.valid for trial in run(record, setting.scenario, setting.bench))
    assert len(setting.store.trials(record.id)) == record.blocks * len(record.cells)


def test_an_interrupted_closed_loop_goes_on_as_it_would_have(make: Callable[..., Setting]) -> None:
    """What comes next follows from the trials alone: the same cells in the same order as without the cut."""
    setting = make(toml=LOOP)
    setting.phone.stage_s = uneven
    whole = [(t.number, t.block, t.cell) for t in run(setting.begin(), setting.scenario, setting.bench)]
    record = setting.begin()
    cut = run(record, setting.scenario, setting.bench)
    first = [next(cut) for _ in range(9)]
    cut.close()

    rest = list(run(record, setting.scenario, setting.bench))

    assert [(t.number, t.block, t.cell) for t in [*first, *rest]] == whole


def test_the_memory_pass_comes_last_and_is_not_timed(make: Callable[..., Setting]) -> None:
    """One more trial a cell, marked: its samples enter no median."""
    setting = make()
    record = open_run(setting.scenario, setting.bench, seed=7, suite="", line="fake", memory=True)

    trials = list(run(record, setting.scenario, setting.bench))

    assert [trial.purpose for trial in trials] == ["time"] * 4 + ["memory"] * 2
    assert set(medians_by_block(trials, "patches_per_batch=1", "encode_s")) == {0, 1}


def test_a_slow_down_that_was_asked_for_is_part_of_the_run(
    make: Callable[..., Setting],
) -> None:
    """A run that tests the lab can be taken for no other: the job, the record and the Context say so."""
    setting = make()
    record = open_run(setting.scenario, setting.bench, seed=7, suite="", line="fake", inject=Inject("vit", 1.1))

    list(run(record, setting.scenario, setting.bench))

    job = Job.model_validate_json((setting.store.trial_folder(record.id, 1) / "job.json").read_bytes())
    assert job.inject is not None
    assert (job.inject.stage, job.inject.slow_down) == ("vit", 1.1)
    assert record.context.facts["inject"] == "vit x 1.1"
    assert "inject" in setting.begin().context.differs_from(record.context)
