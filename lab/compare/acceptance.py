"""Acceptance of a device: it may judge builds only after it has repeated its own reference cell.

MLPerf Mobile's replication rule (methodology.md, section 4): within 5 % in five tries. The reference is kept by
device, build and Context; an acceptance lasts for a day of one boot.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel, ConfigDict, TypeAdapter

from lab.device.book import Book
from lab.errors import RunError
from lab.records import Trial
from lab.run import runner
from lab.run.bench import Bench, boot_of, inputs_of
from lab.run.context import context_of
from lab.run.resume import SUITE
from lab.run.session import session
from lab.run.turn import DeviceTurn
from lab.scenario.load import SCENARIOS, load
from lab.scenario.plan import Scenario
from lab.stats.sample import counted, trial_median
from lab.trial.job import Place

log = logging.getLogger(__name__)

TRIES = 5
WITHIN = 0.05
"""The reference cell must be repeated within this share in this many tries (MLPerf Mobile's replication rule)."""

LASTS_S = 24 * 3600.0
"""How long an acceptance lasts, in the same boot; a judgement: a night of comparisons."""


class Reference(BaseModel):
    """The time of the reference cell on a device with a build in a Context, and when it was last repeated."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    device: str
    build: str
    median_s: float
    accepted_utc: str
    boot: str


_BOOK = Book(
    "acceptance",
    TypeAdapter(dict[str, Reference]),
    doing="remember a device's reference cell",
    lost="devices must repeat their reference cells",
)


@dataclass(frozen=True)
class Tried:
    """The tries, in seconds: the reference, which may be the first of them, and the repeats."""

    reference: float | None
    repeats: tuple[float, ...] = ()

    @property
    def repeated(self) -> bool:
        """Whether the last try lies within 5 % of the reference."""
        if self.reference is None or not self.repeats:
            return False
        ratio = self.repeats[-1] / self.reference
        return max(ratio, 1 / ratio) <= 1 + WITHIN


def accept(bench: Bench, line: str, held: DeviceTurn, *, tell: Callable[[str], None] = log.info) -> None:
    """Have a device repeat its reference cell, unless it did so recently in this boot.

    The first time, with a new build or Context, the first try becomes the reference. The tries are kept as a run.
    Raises `RunError` when five tries do not repeat it within 5 %: then the device may not judge builds.
    """
    scenario = load(SCENARIOS / "reference.toml")
    key, known, boot = _remembered(bench, scenario)
    if known is not None and _fresh(known, boot, bench.clock.utc()):
        log.info("%s repeated its reference cell at %s, in this boot", known.device, known.accepted_utc)
        return
    name = bench.device.identity.name
    tell(f"{name}: repeating its reference cell before judging builds")
    tried = _tries(bench, scenario, line, held, None if known is None else known.median_s)
    if tried.reference is None or not tried.repeated:
        raise RunError(_refusal(bench, tried, known))
    last = tried.repeats[-1]
    tell(
        f"{name}: accepted, its reference cell took {1000 * last:.3g} ms "
        f"({100 * (last / tried.reference - 1):+.1f} % from its reference)"
    )
    found = Reference(
        device=name,
        build=bench.build.id,
        median_s=tried.reference,
        accepted_utc=bench.clock.utc(),
        boot=boot,
    )
    remember(bench, key, found)


def key_of(bench: Bench, scenario: Scenario | None = None) -> str:
    """Return the key of a reference: a digest of the device, the build and everything that must agree."""
    chosen = scenario or load(SCENARIOS / "reference.toml")
    context = context_of(chosen, chosen.cells, bench, inputs_of(chosen.cells, bench))
    known = json.dumps([bench.device.identity.name, sorted(context.facts.items())])
    return hashlib.sha256(known.encode()).hexdigest()[:16]


def remember(bench: Bench, key: str, found: Reference) -> None:
    """Record that a device repeated its reference cell."""
    with _BOOK.changing(bench.store.root) as book:
        book[key] = found


def _remembered(bench: Bench, scenario: Scenario) -> tuple[str, Reference | None, str]:
    key = key_of(bench, scenario)
    return key, _BOOK.read(bench.store.root).get(key), boot_of(bench)


def _fresh(known: Reference, boot: str, now_utc: str) -> bool:
    age_s = (datetime.fromisoformat(now_utc) - datetime.fromisoformat(known.accepted_utc)).total_seconds()
    return bool(boot) and known.boot == boot and 0 <= age_s < LASTS_S


def _tries(bench: Bench, scenario: Scenario, line: str, held: DeviceTurn, reference: float | None) -> Tried:
    """Measure the reference cell until it is repeated, at most five times; the first may become the reference."""
    record = runner.open_run(scenario, bench, seed=0, suite=SUITE, line=line)
    tried = Tried(reference)
    with session(record, scenario, bench, held=held) as measuring:
        for number in range(1, TRIES + 1):
            trial = measuring.measure(Place(number, number - 1, record.cells[0]))
            value = _median(trial, scenario.metric)
            if value is None:
                continue
            tried = Tried(value) if tried.reference is None else Tried(tried.reference, (*tried.repeats, value))
            if tried.repeated:
                break
    return tried


def _median(trial: Trial, metric: str) -> float | None:
    found = counted(trial, metric)
    return trial_median(found) if found else None


def _refusal(bench: Bench, tried: Tried, known: Reference | None) -> str:
    name, path = bench.device.identity.name, _BOOK.path(bench.store.root)
    words = f"{name} may not judge builds: wanted its reference cell repeated within {WITHIN:.0%} in {TRIES} tries"
    if tried.reference is None or not tried.repeats:
        found = "fewer than two that count" if known is None else "none that counts"
        return f"{words}, found {found}. `lab show last` says why"
    told = ", ".join(f"{value / tried.reference - 1:+.1%}" for value in tried.repeats)
    advice = "Let it cool, close whatever else runs on it, and try again; `lab show last` has the tries"
    agree = len(tried.repeats) > 1 and max(tried.repeats) <= min(tried.repeats) * (1 + WITHIN)
    if known is not None and agree:
        advice = (
            "Its tries agree with each other: it is steady, but has changed since. If the change is intended, "
            f"remove its entry from {path}"
        )
    return f"{words}, found {told} of {tried.reference:.4g} s. {advice}"
