"""A phone repeats its reference cell before it judges builds."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

from lab.compare.acceptance import PATIENCE_S, TOLD_S, steady, unchanged
from lab.compare.comparison import measure, open_comparison
from lab.device.transport import Device, Process
from lab.errors import DeviceError, RunError
from lab.records import BUSY, Trial, Vitals
from lab.report.explain.saved import explained
from lab.report.verdict.document import verdict_document
from lab.report.verdict.terminal import render_terminal
from lab.stats.sample import trial_median
from tests.lab.compare.compare_lab import BOOT, Lab
from tests.lab.report.report_runs import flat, printed


class Busy:
    """Sensors that read nothing but how many cores other programs use; no sampler runs."""

    def __init__(
        self,
        cores: float,
        looks: float = math.inf,
        celsius: Mapping[str, float] = MappingProxyType({"battery": 25}),
    ) -> None:
        self.cores, self.left, self.celsius = cores, looks, celsius

    def look(self, device: Device) -> Vitals:
        """Say how busy the device is; not at all after so many looks."""
        self.left -= 1
        if self.left < 0:
            self.cores = 0.1
        return Vitals(boot_s=0.0, celsius=dict(self.celsius), battery_level=90.0, busy_cores=self.cores)

    def begin(self, device: Device, folder: str, bound_s: int) -> Process:
        """Refuse: what happens during a trial is not needed here."""
        raise DeviceError("no sampler")

    def end(self, device: Device, process: Process, folder: str, target: Path) -> None:
        """Never called."""


def references(lab: Lab) -> list[list[Trial]]:
    """Return the tries of each reference run, oldest first."""
    runs = [found for found in reversed(lab.store.runs()) if found.suite == "acceptance"]
    return [lab.store.trials(found.id) for found in runs]


def begin(lab: Lab) -> None:
    """Open a comparison of builds and measure its first pair."""
    first, second = lab.sides()
    comparison, _, _ = open_comparison(baseline=first, candidate=second, dimension="build", seed=5)
    steps = measure(comparison, first, second)
    next(steps)
    steps.close()


def busy(lab: Lab, senses: Busy) -> None:
    """Give the device these sensors, and waits that take their time."""

    def sleep(seconds: float) -> None:
        lab.phone.clock.seconds += seconds

    lab.benches = [replace(bench, senses=senses, sleep=sleep) for bench in lab.benches]


def test_a_phone_repeats_its_reference_cell_before_it_judges_builds(make: Callable[..., Lab]) -> None:
    """Five tries the first time; none later in the same boot, five in another boot or after a day."""
    lab = make()

    begin(lab)
    begin(lab)
    assert [len(tries) for tries in references(lab)] == [5]
    lab.phone.replies = {BOOT: "boot-2\n"}
    begin(lab)
    assert [len(tries) for tries in references(lab)] == [5, 5]
    lab.phone.clock.seconds += 25 * 3600
    begin(lab)
    assert [len(tries) for tries in references(lab)] == [5, 5, 5]


def test_a_phone_that_drifts_judges_nothing(make: Callable[..., Lab]) -> None:
    """Five tries, each a tenth slower than the one before: nothing is compared, and the tries are kept."""
    lab = make()
    lab.phone.stage_s = lambda job: 0.01 * 1.1 ** int(job.trial[-4:])

    with pytest.raises(
        RunError, match=r"fake may not judge builds.*-17\.4 %, -9\.1 %, \+0\.0 %, \+10\.0 %, \+21\.0 %"
    ):
        begin(lab)

    assert [len(tries) for tries in references(lab)] == [5]
    assert lab.store.comparison("last").status == "failed"
    assert not (lab.store.root / "devices" / "acceptance.json").exists()


def test_one_lucky_try_of_a_noisy_phone_is_not_enough(make: Callable[..., Lab]) -> None:
    """The second try repeats the first to the percent; the other three are 20 % away: refused."""
    lab = make()
    seconds = [0.0100, 0.0101, 0.0080, 0.0120, 0.0118]
    lab.phone.stage_s = lambda job: seconds[(int(job.trial[-4:]) - 1) % 5]

    with pytest.raises(RunError, match="known within 5 %, it is known within 1") as refused:
        begin(lab)

    assert [len(tries) for tries in references(lab)] == [5], "the first five decide"
    _, remedy, instead = str(refused.value).splitlines()
    assert remedy.startswith("Stop whatever else runs on it, and compare again"), "no temperature was read"
    assert instead.count("`lab run ") == 2 and "`lab compare --runs RUN_A RUN_B`" in instead


def test_a_device_that_could_be_warm_is_left_to_cool(make: Callable[..., Lab]) -> None:
    """Its sensors read a temperature, and no other program was there: 20 % between tries may be heat."""
    lab = make()
    busy(lab, Busy(cores=0.1, celsius={"skin": 25.0, "battery": 25.0}))
    lab.phone.stage_s = lambda job: 0.01 * 1.2 ** (int(job.trial[-4:]) % 2)

    with pytest.raises(RunError, match="Let it cool, stop whatever else runs on it"):
        begin(lab)


def test_what_a_busy_device_is_refused_for_is_told_once_with_what_to_do(make: Callable[..., Lab]) -> None:
    """In the verdict, for programs, and in what explains a side; each try says that it was not used."""
    lab = make()
    busy(lab, Busy(cores=8.0))
    with pytest.raises(RunError) as refused:
        begin(lab)

    comparison = lab.store.comparison("last")
    told = lab.told(comparison)
    first, *steps = str(refused.value).splitlines()
    assert told.stopped.splitlines() == [f"No verdict: {first}", *steps]
    assert verdict_document(told).refusal == told.stopped
    assert not any("ended early" in words for words in told.invalid)
    assert [each.why for each in comparison.cells] == [
        f"it ended before its first valid pair: {first.removesuffix('.')}"
    ]
    assert flat(printed(render_terminal(told))).count("may not judge builds") == 1

    side = explained(lab.store, lab.store.run(comparison.baseline_run))
    assert side.verdict == (f"No verdict: {first}",)
    assert side.advice[0].startswith("Other programs kept its cores busy: stop what else runs on it")
    assert side.advice[1].startswith(f"Then `lab compare --resume {comparison.id[:13]}`")

    tries = explained(lab.store, next(run for run in lab.store.runs() if run.suite == "acceptance"))
    assert "None can be used for acceptance" in tries.summary
    assert all(any("not used for acceptance" in remark for remark in line.remarks) for line in tries.lines)


def test_the_reference_is_the_median_of_the_tries(make: Callable[..., Lab]) -> None:
    """The first try is 4 % slow: the third in order becomes the reference, and no later try moves it."""
    lab = make()
    seconds = [0.0104, 0.0100, 0.0101, 0.0099, 0.0102]
    lab.phone.stage_s = lambda job: seconds[(int(job.trial[-4:]) - 1) % 5]
    begin(lab)
    book = json.loads((lab.store.root / "devices" / "acceptance.json").read_text())
    (known,) = [found["median_s"] for found in _entries(book)]
    middle = sorted(trial_median(trial.samples["prefill_s"]) for trial in references(lab)[0])[2]
    assert known == pytest.approx(middle)
    lab.phone.replies, lab.phone.stage_s = {BOOT: "boot-2\n"}, lambda job: 0.0103

    begin(lab)

    book = json.loads((lab.store.root / "devices" / "acceptance.json").read_text())
    assert [found["median_s"] for found in _entries(book)] == [known]


@pytest.mark.parametrize(("spread", "least", "most"), [(0.03, 0.96, 1.0), (0.10, 0.07, 0.13), (0.20, 0.0, 0.02)])
def test_noise_does_not_help_a_device_to_be_accepted(spread: float, least: float, most: float) -> None:
    """2,000 devices each: a quiet one passes, one with 20 % between its trials does not."""
    tries = np.exp(np.random.default_rng(4).normal(0, spread, (2000, 5)))

    assert least <= np.mean([steady(row.tolist()) for row in tries]) <= most


def test_the_median_of_the_tries_must_lie_within_five_per_cent_of_the_reference() -> None:
    """4 % away either way is unchanged, 6 % is not; fewer than five tries are not steady."""
    tries = [0.99, 1.0, 1.0, 1.01, 5.0]

    assert unchanged(tries, 1.04) and unchanged(tries, 1 / 1.04)
    assert not unchanged(tries, 1.06) and not unchanged(tries, 1 / 1.06)
    assert steady([1.0] * 5) and not steady([1.0] * 4)


def test_a_phone_that_is_steady_but_has_changed_is_reported_as_such(make: Callable[..., Lab]) -> None:
    """It took 10 ms once and takes 20 ms now: someone changed it, or something is wrong with it."""
    lab = make()
    begin(lab)
    lab.phone.replies, lab.phone.stage_s = {BOOT: "boot-2\n"}, lambda job: 0.02

    with pytest.raises(RunError, match="steady, but has changed since"):
        begin(lab)


@pytest.mark.parametrize("known", [True, False])
def test_a_busy_device_is_no_judge_and_leaves_no_reference(make: Callable[..., Lab], known: bool) -> None:
    """Each try is as fast as ever, but began while others used all cores: none counts, the old reference stays."""
    lab = make()
    if known:
        begin(lab)
    path = lab.store.root / "devices" / "acceptance.json"
    before = path.read_text() if known else None
    lab.phone.replies = {BOOT: "boot-2\n"}
    senses = Busy(cores=8.0)
    busy(lab, senses)
    begun_s = lab.phone.clock.seconds

    with pytest.raises(
        RunError,
        match=r"found 0 of (\d+) \(\1 not, because other programs kept its cores busy\)\.\nOther pro.*: stop",
    ):
        begin(lab)

    assert PATIENCE_S <= lab.phone.clock.seconds - begun_s < 1.5 * PATIENCE_S

    assert (path.read_text() if path.exists() else None) == before
    lab.benches = [replace(bench, senses=Busy(cores=0.1)) for bench in lab.benches]
    begin(lab)
    assert len(references(lab)[-1]) == 5


def test_a_device_that_gets_quiet_is_a_judge_after_all(
    make: Callable[..., Lab], caplog: pytest.LogCaptureFixture
) -> None:
    """A compiler spoils more than three tries: the lab reports that it waits, and accepts the next five."""
    caplog.set_level("INFO")
    lab = make()
    senses = Busy(cores=8.0, looks=60)
    busy(lab, senses)

    begin(lab)

    tries = references(lab)[-1]
    spoilt = sum(BUSY in trial.flags for trial in tries)
    assert spoilt > 3 and len(tries) == spoilt + 5
    told = [words for words in caplog.messages if "it goes on trying for at most" in words]
    assert told[0].startswith("fake: 0 of the 5 tries that it needs can be used so far, since other programs keep")
    left = re.search(r"; it goes on trying for at most (\d+) s$", told[0])
    assert left is not None and 0 < int(left[1]) <= PATIENCE_S
    assert 1 <= len(told) <= PATIENCE_S / TOLD_S


@pytest.mark.parametrize("known", [True, False])
def test_five_tries_must_count(make: Callable[..., Lab], known: bool) -> None:
    """Of eight at most; it ends as soon as five can no longer count, after the fifth here."""
    lab = make()
    if known:
        begin(lab)
    begun = lab.phone.started
    lab.phone.replies = {BOOT: "boot-2\n"}
    lab.phone.script = lambda number: "dies" if number > begun + 1 else "none"

    with pytest.raises(RunError, match=r"wanted 5 tries .*, found 1 of 5 \(4 not: agent_died\)\.\n.*`lab explain"):
        begin(lab)

    assert len(references(lab)[-1]) == 5


def _entries(book: dict[str, object]) -> list[dict[str, float]]:
    """Return the references in the lab's book, whatever the book is wrapped in."""
    found = [each for each in book.values() if isinstance(each, dict)]
    return [each for each in found if "median_s" in each] or [e for each in found for e in each.values()]
