"""A device's turn with its care: leased, prepared once in a boot as its profile says, and put back at the end."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from lab.device.care import prepare as care
from lab.device.care_lapsed import lapsed
from lab.device.cores import Held
from lab.errors import RunError
from lab.records import Context, Profile, Run
from lab.run.bench import Bench

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
            self._tell(care.restore(self._bench.device, self._bench.store.root).told)

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
