"""Many devices: which run side by side, and what one's failure does to the others; scripted phones."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from device_agents.contract import Input
from lab.builds.folder import open_build
from lab.device import cores, health
from lab.device.cores import Held
from lab.device.fake.build import write_fake_build
from lab.device.fake.phone import FakeClock, FakePhone, Fault, fake_device
from lab.device.local import LocalTransport
from lab.errors import DeviceBusy, DeviceFull, DeviceLost, LabError, LabFailed, StoreError
from lab.records import DeviceKind, Run, Trial
from lab.run import fleet
from lab.run.bench import Bench, Watch
from lab.run.runner import open_run
from lab.run.turn import Terms, lease_of
from lab.scenario.load import load
from lab.scenario.plan import Scenario
from lab.store import Store
from tests.fake_lab import FakeTurn
from tests.lab_process import null_scenario


class Quiet:
    """A display that shows nothing and remembers what it was told to say."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, words: str) -> None:
        """Remember it."""
        self.said.append(words)

    @contextmanager
    def run(self, title: str, record: Run, done: int) -> Iterator[tuple[Watch, Callable[[Trial], None]]]:
        """Show nothing of a run."""
        yield (lambda now: None), lambda trial: None


class Rack:
    """Fake phones that share a store, two scenarios, and a journal of who held its turn."""

    def __init__(self, folder: Path) -> None:
        write_fake_build(folder / "build")
        self.build = open_build(folder / "build")
        document = Input.model_validate_json((folder / "build/inputs/screen/input.json").read_bytes())
        self.inputs = {"screen": document}
        self.store = Store(folder / "data")
        self.scenarios: list[Scenario] = []
        for name in ("first", "second"):
            (folder / f"{name}.toml").write_text(null_scenario(name, blocks=2, timeout_s=10))
            self.scenarios.append(load(folder / f"{name}.toml"))
        self.journal: list[str] = []
        self.show = Quiet()

    def bench(self, name: str, kind: DeviceKind = "phone", fault: Fault = "none") -> Bench:
        """Put a phone on the rack."""
        phone = FakePhone(self.inputs, script=lambda number: fault)
        device = fake_device(phone)
        device = replace(device, identity=replace(device.identity, name=name, kind=kind))

        @contextmanager
        def lease() -> Iterator[FakeTurn]:
            self.journal.append(f"{name} begins")
            yield FakeTurn()
            self.journal.append(f"{name} ends")

        return Bench(device, self.build, self.store, phone.clock, lease)

    def measure(self, *benches: Bench, stop: threading.Event | None = None) -> list[fleet.Ended]:
        """Run both scenarios everywhere."""
        terms = Terms("me", 0, self.show.say, lambda name, process: None)
        return fleet.measure(
            benches, self.scenarios, terms, begin=self.begin, show=self.show, stop=stop or threading.Event()
        )

    def begin(self, scenario: Scenario, bench: Bench) -> Run:
        """Open a run."""
        return open_run(scenario, bench, seed=7, suite="", line="fake")


@pytest.fixture
def rack(tmp_path: Path) -> Iterator[Rack]:
    """An empty rack."""
    made = Rack(tmp_path)
    yield made
    made.store.close()


def test_every_scenario_runs_on_every_device_in_the_order_of_the_questions(rack: Rack) -> None:
    """Phones run side by side; the outcomes are grouped by scenario, in the devices' order."""
    ended = rack.measure(rack.bench("a"), rack.bench("b"))

    assert [(one.scenario, one.device) for one in ended] == [
        ("first", "a"), ("first", "b"), ("second", "a"), ("second", "b"),
    ]  # fmt: skip
    assert [one.run.status for one in ended if one.run] == ["finished"] * 4
    assert all(len(rack.store.trials(one.run.id)) == 2 for one in ended if one.run)


def test_real_phones_run_at_the_same_time(rack: Rack) -> None:
    """Both hold their turns at once: each waits in its own for the other."""
    meet = threading.Barrier(2, timeout=20)
    benches = [rack.bench("a"), rack.bench("b")]
    met = [replace(bench, present=lambda held: (meet.wait(), None)[1]) for bench in benches]

    ended = rack.measure(*met)

    assert [one.error for one in ended] == [None] * 4


def test_devices_that_share_cores_take_turns(rack: Rack) -> None:
    """The host and a phone on its cores: one after the other, question by question."""
    host = rack.bench("host", "host")
    host = replace(host, device=replace(host.device, scratch=None))

    rack.measure(host, rack.bench("virtual", "virtual"))

    turns = ["host begins", "host ends", "virtual begins", "virtual ends"]
    assert [line for line in rack.journal if line in turns] == turns * 2


def test_a_device_that_fails_is_left_out_and_the_others_go_on(rack: Rack) -> None:
    """Its first question ends with an error, its second is not begun; the other phone answers both."""
    ended = rack.measure(rack.bench("bad", fault="lost"), rack.bench("good"))

    assert [(one.device, one.scenario, type(one.error)) for one in ended] == [
        ("bad", "first", DeviceLost),
        ("good", "first", type(None)),
        ("good", "second", type(None)),
    ]
    assert any(words.startswith("bad: first failed: ") for words in rack.show.said)


def test_three_failures_quarantine_a_device_and_a_success_clears_the_count(rack: Rack) -> None:
    """Each failed start counts as one."""
    for _ in range(2):
        rack.measure(rack.bench("phone", fault="lost"))
    rack.measure(rack.bench("phone"))
    for _ in range(2):
        rack.measure(rack.bench("phone", fault="lost"))
    assert health.quarantined(rack.store.root, "phone") is None

    rack.measure(rack.bench("phone", fault="lost"))

    assert "3 failures in a row" in (health.quarantined(rack.store.root, "phone") or "")


@pytest.mark.parametrize("error", [DeviceBusy("held by another lab"), DeviceFull("no space left")])
def test_neither_another_labs_turn_nor_a_full_disk_is_a_failure_of_the_device(rack: Rack, error: LabError) -> None:
    """The run ends with the error, and nothing is held against the phone."""

    def present(held: Held) -> None:
        raise error

    for _ in range(3):
        ended = rack.measure(replace(rack.bench("phone"), present=present))
        assert ended[0].error is error

    assert health.quarantined(rack.store.root, "phone") is None


def test_a_damaged_store_ends_all_of_them(rack: Rack) -> None:
    """If results cannot be written, no device goes on."""

    def begin(scenario: Scenario, bench: Bench) -> Run:
        raise StoreError("no space left")

    rack.begin = begin  # type: ignore[method-assign]

    with pytest.raises(StoreError, match="no space left"):
        rack.measure(rack.bench("a"), rack.bench("b"))


def test_an_interrupt_seals_every_run(rack: Rack) -> None:
    """Whatever reads its clock once `stop` is set ends as at Ctrl-C."""
    stop = threading.Event()
    bench = replace(rack.bench("a"), present=lambda held: stop.set())

    with pytest.raises(KeyboardInterrupt):
        rack.measure(bench, stop=stop)

    assert [run.status for run in rack.store.runs()] == ["interrupted"]


def on_our_cores(rack: Rack, name: str, folder: Path) -> Bench:
    """Return a device that shares this machine's cores and keeps a real lease, in a folder here."""
    bench = rack.bench(name, "virtual")
    return replace(bench, device=replace(bench.device, transport=LocalTransport(), scratch=str(folder / name)))


def test_a_machine_that_is_measuring_stops_no_phone_with_cores_of_its_own(
    rack: Rack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two virtual phones are refused their turn; the real one beside them measures."""
    monkeypatch.setenv("POCKETLAB_LOCK", str(tmp_path / "lock"))
    crew = [on_our_cores(rack, name, tmp_path) for name in ("a", "b")]

    with cores.measuring(tmp_path / "lock", wait_s=0):
        ended = rack.measure(*crew, rack.bench("real"))

    errors = {one.device: one.error for one in ended}
    assert errors["real"] is None
    assert isinstance(errors["a"], DeviceBusy)
    assert isinstance(errors["b"], DeviceBusy)
    assert health.quarantined(rack.store.root, "a") is None


def test_a_lock_that_cannot_be_opened_is_held_against_no_phone(
    rack: Rack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is this machine's fault: three nights of it must not put every virtual phone in quarantine."""
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    monkeypatch.setenv("POCKETLAB_LOCK", str(tmp_path / "link"))
    bench = on_our_cores(rack, "a", tmp_path)
    terms = Terms("me@here pid 1", 0, rack.show.say, lambda name, process: None)

    ended = rack.measure(replace(bench, lease=lease_of(bench.device, terms)))

    assert "cannot open the measuring lock" in str(ended[0].error)
    assert not (rack.store.root / "devices" / "health.json").exists()


def test_the_clock_interrupts_once() -> None:
    """A thread's cleanup is not interrupted."""
    stop = threading.Event()
    clock = fleet.StoppableClock(FakeClock(3.0), stop)
    assert clock.monotonic() == 3.0
    stop.set()

    with pytest.raises(KeyboardInterrupt):
        clock.monotonic()

    assert clock.monotonic() == 3.0


def test_a_fault_of_the_lab_on_one_phone_leaves_the_others(rack: Rack) -> None:
    """Whatever is raised, that phone's run says so and keeps the traceback; the other phone is measured."""

    def present(held: Held) -> None:
        raise ZeroDivisionError("10^400 ns")

    ended = rack.measure(replace(rack.bench("a"), present=present), rack.bench("b"))

    failed = next(one for one in ended if one.device == "a")
    assert isinstance(failed.error, LabFailed)
    assert "a: the lab itself failed on this device (ZeroDivisionError: 10^400 ns)" in str(failed.error)
    assert failed.run is not None
    path = rack.store.trials_folder(failed.run.id).parent / fleet.FAILURE
    assert str(path) in str(failed.error)
    assert "in present" in path.read_text()
    assert [(one.scenario, one.error) for one in ended if one.device == "b"] == [("first", None), ("second", None)]
    assert [one.scenario for one in ended if one.device == "a"] == ["first"], "it is left out from then on"


def test_a_fault_of_the_lab_in_a_common_push_leaves_the_others(rack: Rack) -> None:
    """Phones on our cores are pushed to at once."""

    def present(held: Held) -> None:
        raise KeyError("²")

    phones = [rack.bench("a", "virtual"), rack.bench("b", "virtual")]
    hurt = replace(phones[0], present=present)
    failed: dict[str, LabError] = {}
    with fleet._noted(hurt, failed, rack.show):
        hurt.present(FakeTurn())

    assert isinstance(failed["a"], LabFailed)
