"""Acceptance of a device: it may judge builds only after it has repeated its own reference cell.

After MLPerf Mobile's replication rule (methodology.md, section 4), within 5 % in five tries, but by all five: the
best of five lets a noisy device pass. The reference is kept by device, build and Context; an acceptance lasts for
a day of one boot.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime

from pydantic import BaseModel, ConfigDict, TypeAdapter

from lab.device.book import Book
from lab.errors import NotAccepted
from lab.identifiers import seconds
from lab.records import ACCEPTANCE, UNGATED, Run, Trial
from lab.records.telling import shares, stated
from lab.run import runner
from lab.run.bench import Bench, boot_of, inputs_of
from lab.run.context import context_of
from lab.run.session import session
from lab.run.turn import DeviceTurn
from lab.scenario.known import SCENARIOS
from lab.scenario.load import load
from lab.scenario.plan import Scenario
from lab.stats.interval import interval
from lab.stats.sample import spoilt, trial_median, undisturbed
from lab.trial.job import Place

log = logging.getLogger(__name__)

TRIES = 5
WITHIN = 0.05
"""This many tries must agree within this share (MLPerf Mobile's replication rule)."""

LEVEL = 0.9
"""Level of the interval of the tries: an equivalence test at 5 % (two one-sided tests: Schuirmann 1987)."""

MOST = 8
"""Most tries begun for those that count, but for those that other programs spoilt; a judgement."""

PATIENCE_S = 300.0
"""How long it goes on trying while other programs keep the cores busy; a judgement: a compiler ends in minutes."""

TOLD_S = 60.0
"""How often it says that it is waiting for other programs; a judgement: each try would be a line every 3 s."""

LASTS_S = 24 * 3600.0
"""How long an acceptance lasts, in the same boot; a judgement: a night of comparisons."""


class Reference(BaseModel):
    """The median of the first tries on a device with a build in a Context, and when it was last repeated."""

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


def steadiness(tries: Sequence[float]) -> float | None:
    """Return how far the interval of the tries reaches to each side, as a share; None with fewer than TRIES.

    Student's t on logarithms at LEVEL. Raises ValueError for a value that is not finite and above zero.
    """
    if len(tries) < TRIES:
        return None
    found = interval(tries, LEVEL)
    return None if found.low is None or found.high is None else math.sqrt(found.high / found.low) - 1


def steady(tries: Sequence[float]) -> bool:
    """Return whether the interval of the tries reaches WITHIN at most; raises as `steadiness` does."""
    reach = steadiness(tries)
    return reach is not None and reach <= WITHIN


def unchanged(tries: Sequence[float], reference: float) -> bool:
    """Return whether the median of the tries lies within WITHIN of the reference."""
    ratio = trial_median(tries) / reference
    return max(ratio, 1 / ratio) <= 1 + WITHIN


def accept(
    bench: Bench, line: str, held: DeviceTurn, *, instead: str = "", tell: Callable[[str], None] = log.info
) -> None:
    """Have a device repeat its reference cell, unless it did so recently in this boot.

    Five tries that count must agree (:func:`steady`), each begun while little else ran on the device; while other
    programs keep it busy, it goes on trying for PATIENCE_S. The first five decide: looking again and again until
    five agree would accept any device. The first time, with a new build or Context, their median becomes the
    reference; later it must lie within 5 % of it. The tries are kept as a run. Otherwise raises `RunError`: then
    the device may not judge builds, and no reference is kept. Its first line is the finding, the others say what
    to do; `instead` is the last of them.
    """
    scenario = load(SCENARIOS / "reference.toml")
    key, known, boot = _remembered(bench, scenario)
    if known is not None and _fresh(known, boot, bench.clock.utc()):
        log.info("%s repeated its reference cell at %s, in this boot", known.device, known.accepted_utc)
        return
    name = bench.device.identity.name
    tell(f"{name}: repeating its reference cell before judging builds")
    run, trials = _measured(bench, scenario, line, held, tell)
    tries = tuple(value for trial in trials if (value := _value(trial, scenario.metric)) is not None)
    if not steady(tries) or (known is not None and not unchanged(tries, known.median_s)):
        steps = [
            _remedy(bench, trials, tries),
            f"`lab explain {run.id[:13]}` says of each try whether it was used.",
        ]
        refusal = f"{_refusal(bench, tries, known, len(trials), _lost(trials, scenario.metric))}."
        raise NotAccepted("\n".join([refusal, " ".join(steps), *filter(None, [instead])]))
    median = trial_median(tries)
    away = "" if known is None else f" ({100 * (median / known.median_s - 1):+.1f} % from its reference)"
    tell(f"{name}: accepted, its reference cell took {1000 * median:.3g} ms{away}")
    reference = Reference(
        device=name,
        build=bench.build.id,
        median_s=median if known is None else known.median_s,
        accepted_utc=bench.clock.utc(),
        boot=boot,
    )
    remember(bench, key, reference)


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


def _measured(
    bench: Bench, scenario: Scenario, line: str, held: DeviceTurn, tell: Callable[[str], None]
) -> tuple[Run, list[Trial]]:
    """Measure the reference cell until TRIES of at most MOST trials can be used, or no longer can.

    Tries that other programs spoilt are made again for PATIENCE_S, and are not among the MOST.
    """
    record = runner.open_run(scenario, bench, seed=0, suite=ACCEPTANCE, line=line)
    trials: list[Trial] = []
    until_s, told_s = bench.clock.monotonic() + PATIENCE_S, -math.inf
    with session(record, scenario, bench, held=held) as measuring:
        while True:
            place = Place(len(trials) + 1, len(trials), record.cells[0])
            trials.append(measuring.measure(place))
            count = sum(_value(trial, scenario.metric) is not None for trial in trials)
            now_s = bench.clock.monotonic()
            begun = len(trials) - (sum(map(spoilt, trials)) if now_s < until_s else 0)
            if count == TRIES or count + MOST - begun < TRIES:
                return record, trials
            if spoilt(trials[-1]) and until_s > now_s >= told_s + TOLD_S:
                told_s = now_s
                tell(
                    f"{bench.device.identity.name}: {count} of the {TRIES} tries that it needs can be used so "
                    "far, since other programs keep its cores busy; it goes on trying for at most "
                    f"{seconds(until_s - now_s)}"
                )


def _value(trial: Trial, metric: str) -> float | None:
    """Return the median of a try; None if it does not count, or if something else kept the cores busy."""
    found = undisturbed(trial, metric)
    return trial_median(found) if found else None


def _refusal(bench: Bench, tries: Sequence[float], known: Reference | None, begun: int, lost: str) -> str:
    """Return why a device may not judge builds; `lost` says why not all tries that were begun can be used."""
    words = f"{bench.device.identity.name} may not judge builds"
    reach = steadiness(tries)
    if reach is None:
        seen = f"{len(tries)} of {begun}{lost}"
        return f"{words}: wanted {TRIES} tries of its reference cell that can be used, found {seen}"
    middle = trial_median(tries) if known is None else known.median_s
    told = ", ".join(f"{100 * (value / middle - 1):+.1f} %" for value in tries)
    if reach > WITHIN:
        known_within, most = shares(reach, WITHIN)
        return (
            f"{words}: wanted the mean of {TRIES} tries of its reference cell known within {most}, it "
            f"is known within {known_within} only ({told} of {1000 * middle:.3g} ms; "
            f"{len(tries)} of {begun} tries can be used{lost})"
        )
    return (
        f"{words}: wanted its reference cell within {stated(WITHIN)} of {1000 * middle:.3g} ms, found {told}. "
        "Its tries agree with each other: it is steady, but has changed since"
    )


def _remedy(bench: Bench, trials: Sequence[Trial], tries: Sequence[float]) -> str:
    """Return what to do: about other programs where they spoilt tries, about heat only where it could be read."""
    if steady(tries):
        path = _BOOK.path(bench.store.root)
        return f"If the change is intended, remove its entry from {path}; if not, find out what changed."
    if any(map(spoilt, trials)):
        return "Other programs kept its cores busy: stop what else runs on it, and compare again."
    if len(tries) < TRIES:
        return "Mend what the tries were lost to, and compare again."
    warm = bench.senses is not None and any(UNGATED not in trial.flags for trial in trials)
    return f"{'Let it cool, stop' if warm else 'Stop'} whatever else runs on it, and compare again."


def _lost(trials: Sequence[Trial], metric: str) -> str:
    """Return why tries cannot be used; empty where all can."""
    busy = sum(map(spoilt, trials))
    others = Counter(
        str(trial.reason) if trial.reason else "never settled"
        for trial in trials
        if not spoilt(trial) and _value(trial, metric) is None
    )
    words = [f"{busy} not, because other programs kept its cores busy"] if busy else []
    words += [f"{count} not: {why}" for why, count in others.items()]
    return f" ({'; '.join(words)})" if words else ""
