"""A device's turn with its care: leased, prepared once in a boot as its profile says, and put back at the end."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from lab.bench import Bench
from lab.device import care
from lab.device.turn import Held
from lab.errors import RunError
from lab.records import Context, Profile, Run

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
            yield replace(held, again=again, care=cared.facts)
        finally:
            cared.put_back()


class _Cared:
    """What became of a device's settings in this boot; a reboot undoes some of them."""

    def __init__(self, bench: Bench, profile: Profile) -> None:
        self._bench, self._profile = bench, profile
        self._facts: Mapping[str, str] | None = None
        self._touched = False

    def facts(self) -> Mapping[str, str]:
        """Prepare the device, if that was not done in this boot, and return what came of it for the Context."""
        if self._facts is None:
            self._touched = True
            prepared = care.prepare(self._bench.device, self._profile, self._bench.store.root)
            self._tell(prepared.told)
            self._facts = care.facts(prepared)
        return self._facts

    def forget(self) -> None:
        """Take nothing for prepared: the device has rebooted."""
        self._facts = None

    def put_back(self) -> None:
        """Put back what was changed; what cannot be now is put back at the next contact, and told."""
        if self._touched:
            self._tell(care.restore(self._bench.device, self._bench.store.root).told)

    def _tell(self, told: Sequence[str]) -> None:
        for words in told:
            self._bench.tell(words)


def with_care(record: Run, found: Mapping[str, str]) -> Run:
    """Return the run with what care did in its Context; raises `RunError` when it did something else before."""
    before = {name: value for name, value in record.context.facts.items() if name.startswith("care_")}
    if before and before != found:
        changed = Context(before).differs_from(Context(found))
        words = "; ".join(f"{name} was {was}, is {now}" for name, (was, now) in changed.items())
        raise RunError(
            f"run {record.id} cannot go on: {record.device} could not be prepared as it was then: {words}. "
            "Start a new run"
        )
    return replace(record, context=Context({**record.context.facts, **found}))
