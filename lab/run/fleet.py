"""Many devices on one host: who takes turns, who runs beside whom, and what one's failure does to the others.

Devices that share this machine's cores are measured one after the other, in the order given, after the
build has been pushed to all of them at once; a real phone has cores of its own and a thread of its own.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from device_agents.contract import File, ForeignManifest, InvalidReason
from lab.device import cores as turn
from lab.device.cores import Elsewhere, Held
from lab.device.transport import Clock, Device, Process
from lab.errors import DeviceBusy, DeviceError, DeviceFull, DeviceLost, LabError, RunError, StoreError
from lab.records import Run, Trial
from lab.run import recovery as leftovers
from lab.run import runner
from lab.run.bench import Bench, Watch
from lab.scenario.load import Scenario

if TYPE_CHECKING:
    from lab.builds.inputs import OwnInput
    from lab.device.lease import Lease as DeviceLease
    from lab.device.push import Package

log = logging.getLogger(__name__)

Lease = Callable[[], AbstractContextManager[Held]]


PUSHES = 5
"""How often a push over a link that breaks is gone on with; a judgement: each time it is further on."""


class Show(Protocol):
    """What a person sees meanwhile; called from several threads."""

    def say(self, words: str) -> None:
        """Say something in one line."""
        ...

    def run(
        self, title: str, total: int, done: int
    ) -> AbstractContextManager[tuple[Watch, Callable[[Trial], None]]]:
        """Show a run; yields what the runner calls, and what to call with each trial."""
        ...


@dataclass(frozen=True)
class Ended:
    """What became of one scenario on one device; `run` is None when it never began."""

    device: str
    scenario: str
    run: Run | None
    error: LabError | None


@dataclass(frozen=True)
class Terms:
    """On which terms turns are taken: as whom, how long to wait for another lab, and whom to tell.

    `elsewhere` ends what a killed lab left on another device that shares our cores; trials of the run `keep`
    are not ended but gone on with. Whoever waits for a turn ends with `stop`: only the main thread hears Ctrl-C.
    """

    owner: str
    wait_s: float
    tell: Callable[[str], None]
    elsewhere: Elsewhere
    keep: str = ""
    stop: threading.Event = field(default_factory=threading.Event)

    def nap(self, seconds: float) -> None:
        """Wait so long; raises `KeyboardInterrupt` as soon as all are to stop."""
        if self.stop.wait(seconds):
            raise KeyboardInterrupt


class StoppableClock:
    """A clock that ends whoever looks at it once `stop` is set: the Ctrl-C of a thread.

    Only the main thread hears a signal. Everything that waits looks at its clock, so this is where a
    thread is told; only once, so that what it does to clean up is not disturbed.
    """

    def __init__(self, clock: Clock, stop: threading.Event) -> None:
        self._clock, self._stop = clock, stop
        self._told = False

    def monotonic(self) -> float:
        """Seconds that never go back; raises `KeyboardInterrupt` once when the thread is to stop."""
        if self._stop.is_set() and not self._told:
            self._told = True
            raise KeyboardInterrupt
        return self._clock.monotonic()

    def utc(self) -> str:
        """Now, in UTC, as ISO 8601."""
        return self._clock.utc()


# --- one device's turn ---------------------------------------------------------------------------------


def lease_of(device: Device, terms: Terms) -> Lease:
    """Return how a device's turn is taken: its own lease first, then, if it shares our cores, the machine's.

    In this order everywhere, so that no two labs wait for each other.
    """

    @contextmanager
    def taken() -> Iterator[Held]:
        with ExitStack() as stack:
            own = None if device.scratch is None else stack.enter_context(_own(device, terms))
            shared = stack.enter_context(_cores(device, terms)) if device.shares_host else None
            yield _together(own, shared)

    return taken


def leases_of_two(first: Device, second: Device, terms: Terms) -> tuple[Lease, Lease]:
    """Return how the turns of two devices are taken that are measured in turn: the first's lease takes both.

    Their own leases by name, then the machine's turn once, if one of them shares our cores: the order that
    everybody keeps. The second's lease is to be entered within the first's.
    """
    held: dict[str, Held] = {}

    @contextmanager
    def of_both() -> Iterator[Held]:
        with ExitStack() as stack:
            both = sorted((first, second), key=lambda device: device.identity.name)
            owns = {d.identity.name: stack.enter_context(_own(d, terms)) for d in both if d.scratch is not None}
            sharing = next((device for device in both if device.shares_host), None)
            cores = None if sharing is None else stack.enter_context(_cores(sharing, terms))
            for device in both:
                name = device.identity.name
                shared = replace(cores, note=cores.note_on(name)) if cores and device.shares_host else None
                held[name] = _together(owns.get(name), shared)
            yield held[first.identity.name]

    @contextmanager
    def of_second() -> Iterator[Held]:
        yield held[second.identity.name]

    return of_both, of_second


def _own(device: Device, terms: Terms) -> AbstractContextManager[DeviceLease]:
    from lab.device import lease  # this and what knows adb is not loaded for runs on this machine

    return lease.held(
        device, owner=terms.owner, wait_s=terms.wait_s, tell=terms.tell, keep=terms.keep, sleep=terms.nap
    )


def _cores(device: Device, terms: Terms) -> AbstractContextManager[Held]:
    def elsewhere(name: str, process: Process) -> None:
        if name != device.identity.name:  # there, its own lease has seen to it
            terms.elsewhere(name, process)

    return turn.measuring(
        turn.lock_path(),
        wait_s=terms.wait_s,
        tell=terms.tell,
        sleep=terms.nap,
        device=device.identity.name,
        elsewhere=elsewhere,
    )


def _together(own: DeviceLease | None, shared: Held | None) -> Held:
    """Return one lease for both: what runs is noted in each."""
    if own is None:
        return shared or Held(lambda process: None)

    def note(process: Process | None) -> None:
        own.note(process)
        if shared is not None:
            shared.note(process)

    return Held(note, None if shared is None else shared.number, lambda: own.fence, own.again)


def present(bench: Bench, progress: Callable[[int, int], None]) -> Callable[[Held], None]:
    """Return what brings build, own inputs and agent to a bench's device, as far as it lacks them.

    `progress` is told bytes sent and bytes there are to send. A device that goes away meanwhile is waited for,
    and the rest sent then.
    """
    from lab.device.push import package_of_agent, package_of_build, push

    def bring(held: Held) -> None:
        device = bench.device
        packages = [package_of_build(bench.build), *map(_package_of_input, bench.own_inputs.values())]
        if device.bundle is not None and not isinstance(bench.build.manifest, ForeignManifest):  # brings its own
            packages.append(package_of_agent(device.bundle))
        for left in reversed(range(PUSHES)):
            try:
                push(packages, device, fence=held.fence(), progress=progress)
                return
            except DeviceLost as error:
                if not left:
                    raise
                log.warning("%s; waiting for the device, the rest is sent then", error)
                leftovers.bring_back(device, held)

    return bring


def _package_of_input(own: OwnInput) -> Package:
    """Return an input of the user's own as what is to be on a device."""
    from lab.device.push import Package

    names = ["input.json", *([own.document.image.path] if own.document.image is not None else [])]
    contents = {name: (own.folder / name).read_bytes() for name in names}
    listed = (
        File(path=name, sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))
        for name, content in contents.items()
    )
    return Package("inputs", own.id, own.folder, tuple(listed))


# --- the fleet -----------------------------------------------------------------------------------------


Begin = Callable[[Scenario, Bench], Run]
"""Write a new run down."""


def measure(
    benches: Sequence[Bench],
    scenarios: Sequence[Scenario],
    terms: Terms,
    *,
    begin: Begin,
    show: Show,
    stop: threading.Event,
) -> list[Ended]:
    """Run every scenario on every device; return what became of each, in the order of the scenarios.

    A device that fails is left out from then on, and the others go on. A full disk or a damaged store ends
    all of them: raises `StoreError`. Interrupted, it sets `stop`, which ends the others; every run is sealed,
    and the interrupt raised again.
    """
    together = [replace(bench, clock=StoppableClock(bench.clock, stop)) for bench in benches]
    crews = [[bench for bench in together if bench.device.shares_host]]
    crews += [[bench] for bench in together if not bench.device.shares_host]
    work = _Work(scenarios, terms, begin, show, stop)
    with ThreadPoolExecutor(len(crews)) as pool:
        try:
            _wait([pool.submit(_crew, work, crew) for crew in crews if crew])
        except BaseException:
            stop.set()
            show.say("stopping: every device ends what it is doing")
            raise
    places = {scenario.name: place for place, scenario in enumerate(scenarios)}
    names = [bench.device.identity.name for bench in benches]
    return sorted(work.ended, key=lambda one: (places[one.scenario], names.index(one.device)))


@dataclass(frozen=True)
class _Work:
    """What all crews share; `ended` grows as they go."""

    scenarios: Sequence[Scenario]
    terms: Terms
    begin: Begin
    show: Show
    stop: threading.Event
    ended: list[Ended] = field(default_factory=list)


def _wait(work: Sequence[Future[None]]) -> None:
    """Wait for all; raises as soon as one of them has raised."""
    for future in as_completed(work):
        future.result()


def _crew(work: _Work, crew: Sequence[Bench]) -> None:
    """Measure devices that take turns: scenario by scenario, so that answers to one question lie close in time."""
    out: dict[str, LabError] = {}
    if len(crew) > 1:
        out |= _push_together(crew, work.terms, work.show)
        work.ended.extend(Ended(name, work.scenarios[0].name, None, error) for name, error in out.items())
    for scenario in work.scenarios:
        for bench in crew:
            name = bench.device.identity.name
            if name in out or work.stop.is_set():
                continue
            one = _one(bench, scenario, work.begin, work.show)
            work.ended.append(one)
            if isinstance(one.error, StoreError):
                raise one.error
            if isinstance(one.error, DeviceError):
                out[name] = one.error


def _one(bench: Bench, scenario: Scenario, begin: Begin, show: Show) -> Ended:
    """Run one scenario on one device, and remember how the device did."""
    name, record = bench.device.identity.name, None
    try:
        record = begin(scenario, bench)
        record = carry_on(record, scenario, bench, show)
    except LabError as error:
        show.say(f"{name}: {scenario.name} failed: {str(error).splitlines()[0]}")
        return Ended(name, scenario.name, record, error)
    return Ended(name, scenario.name, record, None)


def carry_on(record: Run, scenario: Scenario, bench: Bench, show: Show) -> Run:
    """Measure what a run lacks, with progress; a device's failures are counted, and a success clears them."""
    store, name = bench.store, bench.device.identity.name
    title = scenario.name if bench.device.scratch is None else f"{name} {scenario.name}"
    total, done = len(record.cells) * (record.blocks + record.memory), len(store.trials(record.id))
    counted, last = False, None
    try:
        with (
            show.run(title, total, done) as (watch, tell),
            closing(runner.run(record, scenario, bench, watch=watch)) as trials,
        ):
            for trial in trials:
                tell(trial)
                counted, last = counted or trial.valid, trial.reason
    except DeviceError as error:
        remember_failure(bench, error)
        raise
    except RunError as error:
        if last is not InvalidReason.DEVICE_LOST:
            raise
        remember_failure(bench, error)  # it was the device, not the build
        raise DeviceLost(str(error)) from error
    if counted and bench.device.scratch is not None:
        from lab.device import health

        health.worked(store.root, name)
    return store.run(record.id)


def remember_failure(bench: Bench, error: LabError) -> None:
    """Count a failure against a device that is not this machine.

    Neither a full disk, which its owner empties, nor another lab's turn says that a device does not work.
    """
    if bench.device.scratch is not None and not isinstance(error, DeviceFull | DeviceBusy):
        from lab.device import health

        health.failed(bench.store.root, bench.device.identity.name, str(error))


def _push_together(crew: Sequence[Bench], terms: Terms, show: Show) -> dict[str, LabError]:
    """Push to devices that share our cores, all at once and in one turn; return what went wrong, by name."""
    phones = sorted((b for b in crew if b.device.scratch is not None), key=lambda b: b.device.identity.name)
    failed: dict[str, LabError] = {}
    if len(phones) < 2:  # a single one is pushed to when its run begins
        return failed
    held: list[tuple[Bench, DeviceLease]] = []
    with ExitStack() as stack:
        for bench in phones:  # by name: two labs that want the same phones never hold one each
            with _noted(bench, failed, show):
                held.append((bench, stack.enter_context(_own(bench.device, terms))))
        if not held:
            return failed
        try:
            stack.enter_context(_cores(held[0][0].device, terms))
        except LabError as error:  # another lab measures here: that ends nobody whose cores are its own
            show.say(str(error))
            return failed | {bench.device.identity.name: error for bench, _ in held}

        def send(one: tuple[Bench, DeviceLease]) -> None:
            bench, own = one
            with _noted(bench, failed, show):
                bench.present(Held(lambda process: None, fence=lambda: own.fence, again=own.again))

        with ThreadPoolExecutor(len(held)) as pool:
            _wait([pool.submit(send, one) for one in held])
    return failed


@contextmanager
def _noted(bench: Bench, failed: dict[str, LabError], show: Show) -> Iterator[None]:
    """Keep a device's failure to itself."""
    name = bench.device.identity.name
    try:
        yield
    except DeviceError as error:
        failed[name] = error
        show.say(f"{name}: {error}")
        remember_failure(bench, error)
