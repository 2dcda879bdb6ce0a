"""Measure on many devices of one host: some take turns, others run side by side, and none fails for another.

Devices that share this machine's cores are measured one after the other, in the order given, after the build has
been pushed to all of them at once. A real phone has cores of its own, and gets a thread of its own.
"""

from __future__ import annotations

import logging
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from device_agents.contract import InvalidReason
from lab.device.transport import Clock
from lab.errors import (
    DeviceBusy,
    DeviceError,
    DeviceFull,
    DeviceLost,
    LabError,
    LabFailed,
    RunError,
    StoreError,
)
from lab.records import Run, Trial
from lab.run import runner
from lab.run.bench import Bench, Watch
from lab.run.turn import Terms, own_lease, turn_on_cores
from lab.scenario.plan import Scenario

if TYPE_CHECKING:
    from lab.device.lease import Lease as DeviceLease

log = logging.getLogger(__name__)

FAILURE = "failure.txt"
"""The file in a run's folder with the traceback of a fault of the lab's own."""


class Show(Protocol):
    """The display that a person watches; called from several threads."""

    def say(self, words: str) -> None:
        """Print one line."""
        ...

    def run(
        self, title: str, record: Run, done: int
    ) -> AbstractContextManager[tuple[Watch, Callable[[Trial], None]]]:
        """Show a run; yields the function to call with its progress, and the one to call with each trial."""
        ...


@dataclass(frozen=True)
class Ended:
    """The outcome of one scenario on one device; `run` is None when it never began."""

    device: str
    scenario: str
    run: Run | None
    error: LabError | None


class StoppableClock:
    """A clock that raises `KeyboardInterrupt` once `stop` is set: the Ctrl-C of a thread.

    Only the main thread receives signals. Everything that waits reads its clock, so the clock stops the thread; it
    does so once, so that the cleanup is not interrupted.
    """

    def __init__(self, clock: Clock, stop: threading.Event) -> None:
        self._clock, self._stop = clock, stop
        self._told = False

    def monotonic(self) -> float:
        """Return seconds that never go back; raises `KeyboardInterrupt` once after `stop` is set."""
        if self._stop.is_set() and not self._told:
            self._told = True
            raise KeyboardInterrupt
        return self._clock.monotonic()

    def utc(self) -> str:
        """Return the time now, in UTC, as ISO 8601."""
        return self._clock.utc()


Begin = Callable[[Scenario, Bench], Run]
"""Open a run: save it, with nothing measured yet."""


def measure(
    benches: Sequence[Bench],
    scenarios: Sequence[Scenario],
    terms: Terms,
    *,
    begin: Begin,
    show: Show,
    stop: threading.Event,
) -> list[Ended]:
    """Run every scenario on every device; return the outcomes in the order of the scenarios.

    A device that fails is left out from then on, and the others go on, even when it is the lab that failed on it:
    the traceback then lies in its run's folder. A full disk or a damaged store ends all of them: raises
    `StoreError`. An interrupt sets `stop`, which ends every device's work and seals every run; then it is raised
    again.
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
    """Shared by all crews; `ended` grows as they work."""

    scenarios: Sequence[Scenario]
    terms: Terms
    begin: Begin
    show: Show
    stop: threading.Event
    ended: list[Ended] = field(default_factory=list)


def _wait(work: Sequence[Future[None]]) -> None:
    """Wait for all; raises as soon as one of them raises."""
    for future in as_completed(work):
        future.result()


def _crew(work: _Work, crew: Sequence[Bench]) -> None:
    """Measure devices that take turns, scenario by scenario: answers to one question are then close in time."""
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
            if isinstance(one.error, DeviceError | LabFailed):
                out[name] = one.error


def _one(bench: Bench, scenario: Scenario, begin: Begin, show: Show) -> Ended:
    """Run one scenario on one device, and return its outcome."""
    name, record = bench.device.identity.name, None
    try:
        record = begin(scenario, bench)
        record = carry_on(record, scenario, bench, show)
    except LabError as error:
        failed = error
    except Exception as error:  # noqa: BLE001 - a fault of ours on one device is no reason to leave the others
        failed = _lab_failed(bench, record, error)
    else:
        return Ended(name, scenario.name, record, None)
    show.say(f"{name}: {scenario.name} failed: {str(failed).splitlines()[0]}")
    return Ended(name, scenario.name, record, failed)


def _lab_failed(bench: Bench, record: Run | None, error: Exception) -> LabFailed:
    """Return the error that says that the lab failed on a device; its traceback goes to the run's folder."""
    log.error("%s: the lab failed on it", bench.device.identity.name, exc_info=error)
    where, what = "", "it"
    if record is not None:
        path = bench.store.trials_folder(record.id).parent / FAILURE
        with suppress(OSError):
            text = "".join(traceback.format_exception(error))
            path.write_text(text, encoding="utf-8", errors="replace")
            where, what = f"; its traceback is in {path}", "it with that file"
    return LabFailed(
        f"{bench.device.identity.name}: the lab itself failed on this device ({type(error).__name__}: "
        f"{str(error)[:200]}){where}. This is a bug in the lab: report {what}. The other devices go on"
    )


def carry_on(record: Run, scenario: Scenario, bench: Bench, show: Show) -> Run:
    """Measure the trials that a run lacks, showing progress; count a failure against the device, or clear them."""
    store, name = bench.store, bench.device.identity.name
    title = scenario.name if bench.device.scratch is None else f"{name} {scenario.name}"
    done = len(store.trials(record.id))
    counted, last = False, None
    try:
        with (
            show.run(title, record, done) as (watch, tell),
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
    """Count a failure against a device other than this machine.

    A full disk, which its owner can empty, or another lab's turn does not mean that the device is broken.
    """
    if bench.device.scratch is not None and not isinstance(error, DeviceFull | DeviceBusy):
        from lab.device import health

        health.failed(bench.store.root, bench.device.identity.name, str(error))


def _push_together(crew: Sequence[Bench], terms: Terms, show: Show) -> dict[str, LabError]:
    """Push to devices that share our cores, all at once and in one turn; return the failures by device name."""
    phones = sorted((b for b in crew if b.device.scratch is not None), key=lambda b: b.device.identity.name)
    failed: dict[str, LabError] = {}
    if len(phones) < 2:  # a single one is pushed to when its run begins
        return failed
    held: list[tuple[Bench, DeviceLease]] = []
    with ExitStack() as stack:
        for bench in phones:  # by name: two labs that want the same phones never hold one each
            with _noted(bench, failed, show):
                held.append((bench, stack.enter_context(own_lease(bench.device, terms))))
        if not held:
            return failed
        try:
            stack.enter_context(turn_on_cores(held[0][0].device, terms))
        except LabError as error:  # another lab measures here: phones with cores of their own go on
            show.say(str(error))
            return failed | {bench.device.identity.name: error for bench, _ in held}

        def send(one: tuple[Bench, DeviceLease]) -> None:
            bench, own = one
            with _noted(bench, failed, show):
                bench.present(own)

        with ThreadPoolExecutor(len(held)) as pool:
            _wait([pool.submit(send, one) for one in held])
    return failed


@contextmanager
def _noted(bench: Bench, failed: dict[str, LabError], show: Show) -> Iterator[None]:
    """Record a device's failure in `failed`, and go on with the others."""
    name = bench.device.identity.name
    try:
        yield
    except DeviceError as error:
        failed[name] = error
        show.say(f"{name}: {error}")
        remember_failure(bench, error)
    except LabError:
        raise
    except Exception as error:  # noqa: BLE001 - as above
        failed[name] = _lab_failed(bench, None, error)
        show.say(str(failed[name]))
