"""A device's turn: the leases it takes, in one order everywhere, and its settings, put back at the end."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from lab.device import cores
from lab.device.care import prepare as care
from lab.device.care.restore import restore, still_changed
from lab.device.cores import Elsewhere, Held, MachineTurn
from lab.device.transport import Device, Process
from lab.errors import RunError
from lab.records import Context, Run
from lab.run.bench import Bench, Lease

if TYPE_CHECKING:
    from lab.device.lease import Lease as DeviceLease

log = logging.getLogger(__name__)

LOCK = "measuring_lock"
"""The fact of a Context that names the machine's lock; runs of older labs, and phones, have none."""


@contextmanager
def turn_of(bench: Bench) -> Iterator[DeviceTurn]:
    """Hold a device's turn while the block runs, then put its settings back; runs may share one turn."""
    with bench.lease() as held:
        turn = DeviceTurn(bench, held)
        try:
            yield turn
        finally:
            turn.put_back()


class DeviceTurn:
    """A device's turn and what became of its settings in it; itself a `Held`."""

    def __init__(self, bench: Bench, held: Held) -> None:
        self._bench, self._held = bench, held
        self._prepared: care.Prepared | None = None  # in this boot
        self._touched = False
        self._lapses: set[str] = set()

    @property
    def number(self) -> int | None:
        """As :class:`lab.device.cores.Held` says."""
        return self._held.number

    @property
    def lock(self) -> str | None:
        """As :class:`lab.device.cores.Held` says."""
        return self._held.lock

    @property
    def fence(self) -> int:
        """As :class:`lab.device.cores.Held` says."""
        return self._held.fence

    def note(self, process: Process | None) -> None:
        """Write down which agent runs now (None: none)."""
        self._held.note(process)

    def again(self) -> None:
        """Take the device's lease again after a reboot, which also undoes some settings."""
        self._held.again()
        self._prepared = None

    def prepare(self) -> Mapping[str, str]:
        """Prepare the device as the bench's profile says, once a boot; return the outcome for the Context."""
        if self._bench.profile is None:
            return {}
        if self._prepared is None:
            self._touched = True
            self._prepared = care.prepare(self._bench.device, self._bench.profile, self._bench.store.root)
            self._tell(self._prepared.told)
        return care.facts(self._prepared)

    def lapsed(self) -> Mapping[str, str]:
        """Read the settings again, report once each that no longer holds, and return those for the Context."""
        found = () if self._prepared is None else care.lapsed(self._bench.device, self._prepared)
        self._tell([one.detail for one in found if one.name not in self._lapses])
        self._lapses |= {one.name for one in found}
        return care.facts(care.Prepared(found))

    def put_back(self) -> None:
        """Put back what was changed; report what could not be: the next contact with the device tries again.

        A further Ctrl-C ends the attempt; what is still changed is reported before it is raised again.
        """
        if not self._touched:
            return
        device, root = self._bench.device, self._bench.store.root
        try:
            self._tell(restore(device, root).told)
        except KeyboardInterrupt:
            if words := still_changed(root, device.identity.name):
                self._tell([f"{device.identity.name}: interrupted while its settings were put back; {words}"])
            raise

    def _tell(self, told: Sequence[str]) -> None:
        for words in told:
            self._bench.tell(words)


def with_care(record: Run, found: Mapping[str, str]) -> Run:
    """Return the run with the outcome of care in its Context; raises `RunError` if an earlier outcome differs.

    A setting that was `unverifiable` in an earlier part of the run stays so for all of it.
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
    return with_facts(record, found)


def with_lock(record: Run, held: Held) -> Run:
    """Return the run with the machine's lock in its Context; a run in parts names each that was held."""
    before = record.context.facts.get(LOCK, "")
    if held.lock is None or held.lock in before.split("; "):
        return record
    return with_facts(record, {LOCK: "; ".join(filter(None, (before, held.lock)))})


def with_facts(record: Run, found: Mapping[str, str]) -> Run:
    """Return the run with these facts in its Context, in place of earlier ones of the same name."""
    return replace(record, context=Context({**record.context.facts, **found}))


@dataclass(frozen=True)
class Terms:
    """The terms on which turns are taken: as which owner, how long to wait for another lab, and where to report.

    `elsewhere` ends what a killed lab left on another device that shares our cores; trials of the run `keep` are
    left running, to be collected. `stop` ends every wait for a turn: only the main thread hears Ctrl-C.
    """

    owner: str
    wait_s: float
    tell: Callable[[str], None]
    elsewhere: Elsewhere
    keep: str = ""
    stop: threading.Event = field(default_factory=threading.Event)

    def nap(self, seconds: float) -> None:
        """Sleep; raises `KeyboardInterrupt` as soon as `stop` is set."""
        if self.stop.wait(seconds):
            raise KeyboardInterrupt


@dataclass(frozen=True)
class LeaseOnCores:
    """The lease of a device that shares our cores, together with this machine's turn."""

    own: DeviceLease
    shared: MachineTurn

    @property
    def number(self) -> int:
        """The number of this machine's turn."""
        return self.shared.number

    @property
    def lock(self) -> str:
        """The machine's lock."""
        return self.shared.lock

    @property
    def fence(self) -> int:
        """The number of the device's lease."""
        return self.own.fence

    def note(self, process: Process | None) -> None:
        """Write the agent down in both."""
        self.own.note(process)
        self.shared.note(process)

    def again(self) -> None:
        """Take the device's lease again."""
        self.own.again()


def lease_of(device: Device, terms: Terms) -> Lease:
    """Return how to take a device's turn: first its own lease, then, if it shares our cores, the machine's turn.

    The order is the same everywhere, so that no two labs wait for each other.
    """

    @contextmanager
    def taken() -> Iterator[Held]:
        with ExitStack() as stack:
            if device.scratch is None:  # this machine, which has no lease of its own
                yield stack.enter_context(turn_on_cores(device, terms))
                return
            own = stack.enter_context(own_lease(device, terms))
            if device.shares_host:
                yield LeaseOnCores(own, stack.enter_context(turn_on_cores(device, terms)))
            else:
                yield own

    return taken


def leases_of_two(first: Device, second: Device, terms: Terms) -> tuple[Lease, Lease]:
    """Return how to take the turns of two devices that are measured alternately: the first's lease takes both.

    It takes their own leases by name, then the machine's turn once if either shares our cores: the order that
    every lab keeps. Enter the second's lease within the first's.
    """
    held: dict[str, Held] = {}

    @contextmanager
    def of_both() -> Iterator[Held]:
        with ExitStack() as stack:
            both = {device.identity.name: device for device in (first, second)}
            owns = {
                name: stack.enter_context(own_lease(device, terms))
                for name, device in sorted(both.items())
                if device.scratch is not None
            }
            held.update(owns)
            sharing = [name for name, device in sorted(both.items()) if device.shares_host]
            if sharing:
                turn = stack.enter_context(turn_on_cores(both[sharing[0]], terms))
                for name in sharing:
                    held[name] = LeaseOnCores(owns[name], turn.on(name)) if name in owns else turn.on(name)
            yield held[first.identity.name]

    @contextmanager
    def of_second() -> Iterator[Held]:
        yield held[second.identity.name]

    return of_both, of_second


def own_lease(device: Device, terms: Terms) -> AbstractContextManager[DeviceLease]:
    """Take the lease that lies on the device itself."""
    from lab.device import lease  # not loaded for runs on this machine

    return lease.held(
        device, owner=terms.owner, wait_s=terms.wait_s, tell=terms.tell, keep=terms.keep, sleep=terms.nap
    )


def turn_on_cores(device: Device, terms: Terms) -> AbstractContextManager[MachineTurn]:
    """Take this machine's turn, for a device that shares its cores."""

    def elsewhere(name: str, process: Process) -> None:
        if name != device.identity.name:  # its own lease has ended what was left there
            terms.elsewhere(name, process)

    return cores.measuring(
        cores.lock_path(),
        wait_s=terms.wait_s,
        tell=terms.tell,
        sleep=terms.nap,
        device=device.identity.name,
        elsewhere=elsewhere,
    )
