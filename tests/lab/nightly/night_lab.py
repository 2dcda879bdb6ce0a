"""A lab with fake phones that lives through nights: builds in a line, a suite, speeds that tests choose."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from device_agents.contract import Input, Job
from lab.builds.folder import Build
from lab.compare.acceptance import Reference, key_of, remember
from lab.device.fake.build import write_fake_build
from lab.device.fake.phone import FakePhone, fake_device
from lab.errors import DeviceLost
from lab.nightly.measure import Seams, Show, Steps
from lab.nightly.night import go_on
from lab.nightly.plan import nightly_suite, planned_night
from lab.records import Night
from lab.run.bench import Bench
from lab.run.turn import Terms
from lab.scenario.suite import scenario_in
from lab.store import Store
from tests.fake_lab import batch_scenario, uncontested
from tests.lab.run.test_fleet import Quiet

BOOT = "cat /proc/sys/kernel/random/boot_id"
SUITE = """
[suite]
name = "every"
scenarios = ["probe"]
[nightly]
lines = ["fake"]
{anchor}
[plan]
blocks = 4
"""


class Silent(Quiet):
    """A display that shows nothing of comparisons either."""

    @contextmanager
    def steps(self, title: str, total: int, done: int) -> Iterator[Steps]:
        """Show nothing."""
        yield (lambda now: None), (lambda words, at: None), lambda words: None


class NightLab:
    """Fake phones, a line of builds and a suite. `slower` holds (phone, number of the build) -> its factor.

    A phone in `away` does not answer; `noise` is the relative spread of trials.
    """

    def __init__(
        self, folder: Path, phones: Sequence[str] = ("phone-1",), *, anchor: bool = False, noise: float = 0.004
    ) -> None:
        self.folder, self.noise, self.away = folder, noise, set[str]()
        self.started: Callable[[], None] = lambda: None
        self.slower: dict[tuple[str, int], float] = {}
        self.device_factor: dict[str, float] = {}
        self.store = Store(folder / "data")
        (folder / "probe.toml").write_text(batch_scenario("[3]", blocks=4))
        (folder / "every.toml").write_text(SUITE.format(anchor='anchor = "still"' if anchor else ""))
        self.builds: list[Build] = []
        self.new_build()
        if anchor:
            self.store.add_build(self.builds[0].folder, "still")
        document = Input.model_validate_json((self.builds[0].folder / "inputs/screen/input.json").read_bytes())
        self.phones = {
            name: FakePhone({"screen": document}, replies={BOOT: "boot-1\n"}, stage_s=self._stage_of(name))
            for name in phones
        }

    def new_build(self) -> None:
        """Add a build to the line."""
        folder = self.folder / f"build-{len(self.builds)}"
        write_fake_build(folder)
        path = folder / "manifest.json"
        path.write_text(path.read_text().replace('"notes":[]', f'"notes":["{len(self.builds)}"]'))
        self.builds.append(self.store.add_build(folder, "fake"))

    def _stage_of(self, phone: str) -> Callable[[Job], float]:
        def stage_s(job: Job) -> float:
            self.started()
            number = next(i for i, build in enumerate(self.builds) if build.id in job.build)
            noise = random.Random(f"{phone}/{job.trial[-4:]}/{number}").gauss(1.0, self.noise)
            return 0.010 * noise * self.slower.get((phone, number), 1.0) * self.device_factor.get(phone, 1.0)

        return stage_s

    def bench(self, device: str, build: str, keep: str = "") -> Bench:
        """Return a bench on a phone, accepted for judging builds."""
        if device in self.away:
            raise DeviceLost(f"{device}: did not answer")
        phone = self.phones[device]
        known = fake_device(phone)
        found = Bench(
            device=replace(known, identity=replace(known.identity, name=device, kind="phone")),
            build=self.store.find_build(build),
            store=self.store,
            clock=phone.clock,
            lease=uncontested,
        )
        reference = Reference(
            device=device,
            build=found.build.id,
            median_s=0.01,
            accepted_utc="2026-01-01T00:00:00Z",
            boot="boot-1",
        )
        remember(found, key_of(found), reference)
        return found

    def seams(self) -> Seams:
        """Return what a night measures with."""
        suite, _ = nightly_suite(self.folder / "every.toml")

        @contextmanager
        def at_work(benches: Sequence[Bench], stop: threading.Event) -> Iterator[tuple[Sequence[Bench], Show]]:
            yield benches, Silent()

        terms = Terms("tests", 0.0, lambda words: None, lambda name, process: None)
        return Seams(lambda name: scenario_in(suite, name, self.folder), self.bench, at_work, terms)

    def begin(self, date: str, phones: Sequence[str] | None = None) -> tuple[Night, dict[str, str]]:
        """Plan a night."""
        return planned_night(
            self.store, self.folder / "every.toml", phones or list(self.phones), utc=f"{date}T02:00:00+00:00"
        )

    def night(self, date: str, phones: Sequence[str] | None = None) -> Night:
        """Live through a night."""
        night, away = self.begin(date, phones)
        return self.go_on(night, away)

    def go_on(
        self, night: Night, away: dict[str, str] | None = None, tell: Callable[[str], None] = lambda words: None
    ) -> Night:
        """Do what a night lacks."""
        suite, _ = nightly_suite(self.folder / "every.toml")
        utc = f"{night.date}T05:00:00+00:00"
        return go_on(self.store, night, self.seams(), suite.policy, away or {}, tell=tell, utc=lambda: utc)


def dates(first: int, last: int) -> list[str]:
    """Return the dates of so many nights of November."""
    return [f"2026-11-{day:02d}" for day in range(first, last + 1)]
