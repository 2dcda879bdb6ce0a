"""A device's turn with its care: leased, prepared once in a boot as its profile says, and put back at the end."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from lab.device import cores as turn
from lab.device.care import prepare as care
from lab.device.care.prepare import lapsed
from lab.device.care.restore import restore
from lab.device.cores import Elsewhere, Held
from lab.device.transport import Device, Process
from lab.errors import RunError
from lab.records import Context, Profile, Run
from lab.run.bench import Bench

if TYPE_CHECKING:
    from lab.device.lease import Lease as DeviceLease

Lease = Callable[[], AbstractContextManager[Held]]


log = logging.getLogger(__name__)


@contextmanager
def turn_of(bench: Bench) -> Iterator[Held]:
    """Take a device's turn; `Held.care` then prepares it. Runs that share a turn share what was prepared."""
    with bench.lease() as held:
        if bench.profile is None:
            yield held
            return
        cared = _Cared(bench, bench.profile)

        def again() -> None:
            held.again()
            cared.forget()

        try:
            yield replace(held, again=again, care=cared.facts, lapsed=cared.lapsed)
        finally:
            cared.put_back()


class _Cared:
    """What became of a device's settings in this boot; a reboot undoes some of them."""

    def __init__(self, bench: Bench, profile: Profile) -> None:
        self._bench, self._profile = bench, profile
        self._prepared: care.Prepared | None = None
        self._touched = False
        self._lapses: set[str] = set()

    def facts(self) -> Mapping[str, str]:
        """Prepare the device, if that was not done in this boot, and return what came of it for the Context."""
        if self._prepared is None:
            self._touched = True
            self._prepared = care.prepare(self._bench.device, self._profile, self._bench.store.root)
            self._tell(self._prepared.told)
        return care.facts(self._prepared)

    def lapsed(self) -> Mapping[str, str]:
        """Look once more at what was proven, tell what holds no more, once, and return it for the Context."""
        found = () if self._prepared is None else lapsed(self._bench.device, self._prepared)
        self._tell([one.detail for one in found if one.name not in self._lapses])
        self._lapses |= {one.name for one in found}
        return care.facts(care.Prepared(found))

    def forget(self) -> None:
        """Take nothing for prepared: the device has rebooted."""
        self._prepared = None

    def put_back(self) -> None:
        """Put back what was changed; what cannot be now is put back at the next contact, and told."""
        if self._touched:
            self._tell(restore(self._bench.device, self._bench.store.root).told)

    def _tell(self, told: Sequence[str]) -> None:
        for words in told:
            self._bench.tell(words)


def with_care(record: Run, found: Mapping[str, str]) -> Run:
    """Return the run with what care did in its Context; raises `RunError` when it did something else before.

    What was not proven to hold for an earlier part of the run stays `unverifiable` for all of it.
    """
    before = {name: value for name, value in record.context.facts.items() if name.startswith("care_")}
    weak = {name: value for name, value in before.items() if value.startswith("unverifiable")}
    found = {**found, **{name: value for name, value in weak.items() if name in found}}
    if before and before != found:
        changed = Context(before).differs_from(Context(found))
        words = "; ".join(f"{name} was {was}, is {now}" for name, (was, now) in changed.items())
        raise RunError(
            f"run {record.id} cannot go on: {record.device} could not be prepared as it was then: {words}. "
            "Start a new run"
        )
    return replace(record, context=Context({**record.context.facts, **found}))


def with_lapsed(record: Run, found: Mapping[str, str]) -> Run:
    """Return the run with what care had set in its Context, but for what did not hold to the end."""
    return replace(record, context=Context({**record.context.facts, **found}))


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


def lease_of(device: Device, terms: Terms) -> Lease:
    """Return how a device's turn is taken: its own lease first, then, if it shares our cores, the machine's.

    In this order everywhere, so that no two labs wait for each other.
    """

    @contextmanager
    def taken() -> Iterator[Held]:
        with ExitStack() as stack:
            own = None if device.scratch is None else stack.enter_context(own_lease(device, terms))
            shared = stack.enter_context(turn_on_cores(device, terms)) if device.shares_host else None
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
            owns = {
                d.identity.name: stack.enter_context(own_lease(d, terms)) for d in both if d.scratch is not None
            }
            sharing = next((device for device in both if device.shares_host), None)
            cores = None if sharing is None else stack.enter_context(turn_on_cores(sharing, terms))
            for device in both:
                name = device.identity.name
                shared = replace(cores, note=cores.note_on(name)) if cores and device.shares_host else None
                held[name] = _together(owns.get(name), shared)
            yield held[first.identity.name]

    @contextmanager
    def of_second() -> Iterator[Held]:
        yield held[second.identity.name]

    return of_both, of_second


def own_lease(device: Device, terms: Terms) -> AbstractContextManager[DeviceLease]:
    """Take the lease that lies on the device itself."""
    from lab.device import lease  # this and what knows adb is not loaded for runs on this machine

    return lease.held(
        device, owner=terms.owner, wait_s=terms.wait_s, tell=terms.tell, keep=terms.keep, sleep=terms.nap
    )


def turn_on_cores(device: Device, terms: Terms) -> AbstractContextManager[Held]:
    """Take this machine's turn, for a device that shares its cores."""

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
