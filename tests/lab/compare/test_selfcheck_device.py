"""A self-check on a device, through the library and on a fake phone."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from device_agents.contract import Job
from lab.compare.selfcheck import Order, begin, carry_on, comparing, reopen
from lab.compare.tally import tally
from lab.device.fake.phone import FakePhone, Fault
from lab.errors import DeviceRefused, RunError, ScenarioError
from lab.records import Inject, SelfCheck
from tests.fake_lab import FakeLab, good, making

TOML = """
[scenario]
name = "probe"
question = "What are verdicts worth?"
metric = "vit_s"
[workload]
kind = "encode_image"
pipelined = false
patches_per_batch = 3
[plan]
warmup = 0
iterations = 2
timeout_s = 10
"""


class Setting(FakeLab):
    """A fake phone whose stages take 10 ms with noise of half a per cent."""

    def __init__(self, folder: Path, script: Callable[[int], Fault] = good, toml: str = TOML) -> None:
        self.noise = random.Random(3)
        super().__init__(folder, toml, FakePhone({}, script=script, stage_s=self.stage_s))

    def stage_s(self, job: Job) -> float:
        """Return the seconds of each stage; an injected slow-down comes on top."""
        return 0.010 * self.noise.gauss(1.0, 0.005)

    def check(self, comparisons: int = 2, injected: int = 1) -> SelfCheck:
        """Save a new self-check."""
        return begin(self.scenario, self.bench, "fake", seed=5, comparisons=comparisons, injected=injected)

    def run(self, record: SelfCheck) -> SelfCheck:
        """Measure what it lacks."""
        compare = comparing(record, self.scenario, self.bench)
        return carry_on(record, compare, clock=self.phone.clock, save=self.store.save_selfcheck)


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Setting]]:
    """Make settings that are closed at the end."""
    yield from making(partial(Setting, tmp_path))


def test_a_steady_device_has_no_false_verdict_and_shows_a_tenth(make: Callable[..., Setting]) -> None:
    """Two comparisons of six pairs or more: 24 A/A trials, each kept; the record is in the store as it ended."""
    setting = make()
    found = setting.run(setting.check())

    count = tally(found)
    assert (count.alike, count.false, count.slowed, count.found) == (2, 0, 1, 1)
    assert found.aa_trials == 2 * len(found.ratios) >= 24
    (kept,) = setting.store.selfchecks("fake")
    assert kept == found
    for live in found.live:
        run = setting.store.run(setting.store.comparison(live.comparison).candidate_run)
        assert len(setting.store.trials(run.id)) >= live.found.pairs


def test_what_was_injected_is_in_the_runs_and_in_their_context(make: Callable[..., Setting]) -> None:
    """The candidate's run records it for good, so that nobody mistakes its times for the build's."""
    setting = make()
    found = setting.run(setting.check())

    for live in found.live:
        comparison = setting.store.comparison(live.comparison)
        baseline, candidate = (
            setting.store.run(run) for run in (comparison.baseline_run, comparison.candidate_run)
        )
        slowed = Inject("vit", 1.1) if live.slow_down == 1.1 else None
        assert (baseline.inject, candidate.inject) == (None, slowed)
        assert "inject" not in baseline.context.facts
        assert ("inject" in candidate.context.facts) == (slowed is not None)


def test_a_slow_down_that_the_agent_leaves_on_is_noticed(make: Callable[..., Setting]) -> None:
    """An agent that injects without being asked has no valid trial, so there is no comparison and no rate."""
    setting = make(lambda number: "injects")
    found = setting.run(setting.check(comparisons=1, injected=0))

    assert tally(found).alike == 0
    measured = setting.store.comparison(found.live[0].comparison)
    trials = [t for run in (measured.baseline_run, measured.candidate_run) for t in setting.store.trials(run)]
    assert {trial.reason for trial in trials} == {"agent_error"}
    assert found.missing


def test_an_emulated_device_has_nothing_to_check(make: Callable[..., Setting]) -> None:
    """Its times are not measurements."""
    setting = make()
    device = setting.bench.device
    emulated = replace(device, identity=replace(device.identity, kind="emulated"))
    setting.bench = replace(setting.bench, device=emulated)

    with pytest.raises(DeviceRefused, match="is emulated: its times are not measurements"):
        setting.check()


@pytest.mark.parametrize(
    ("was", "is_", "words"),
    [
        ("patches_per_batch = 3\n", "[sweep]\npatches_per_batch = [1, 3]\n", "compares one cell with itself"),
        ('"vit_s"', '"encode_s"', "no single stage makes up encode_s"),
    ],
)
def test_a_scenario_that_cannot_be_checked_is_refused(
    make: Callable[..., Setting], was: str, is_: str, words: str
) -> None:
    """Before anything is measured; the error says which scenario would do."""
    setting = make(toml=TOML.replace(was, is_))

    with pytest.raises(ScenarioError, match=words):
        setting.check()
    assert setting.store.selfchecks() == []


def test_it_is_not_resumed_in_other_surroundings(make: Callable[..., Setting]) -> None:
    """Verdicts from different contexts make no rate: the error names what differs."""
    setting = make()
    record = setting.check()
    other = replace(setting.scenario, plan=setting.scenario.plan.model_copy(update={"iterations": 3}))

    reopen(record, setting.scenario, setting.bench)
    with pytest.raises(RunError, match="iterations was 2, is 3"):
        reopen(record, other, setting.bench)


def test_no_pair_is_begun_that_does_not_fit_into_what_is_left(make: Callable[..., Setting]) -> None:
    """A budget is outlasted by waits alone: after each pair, a median one still fits, or it is the last."""
    setting = make()
    record = setting.check(comparisons=1, injected=0)
    seen: list[tuple[float, float]] = []
    compare = comparing(
        record,
        setting.scenario,
        setting.bench,
        after_pair=lambda order, step, left_s: seen.append((left_s, step.pair_s)),
    )
    measured = compare(Order(0, 1.0, 5, 1e9, setting.phone.clock.monotonic() + 4.6))

    assert all(left_s >= pair_s for left_s, pair_s in seen[:-1])
    assert 0 < seen[-1][0] < seen[-1][1], "something is left, and too little for a pair"
    assert len(measured.ratios) == len(seen) < 24
