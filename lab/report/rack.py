"""The devices of a lab, each with its state and its reason, what was last seen of it, and how steady it is."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Literal

from lab.compare.newest import newest_that_judged
from lab.compare.tally import tally
from lab.device.health import Health
from lab.records import Gap, Night, Run, SelfCheck, Spread, Tally
from lab.report.selfcheck import upper
from lab.report.trust import RENEWED_DAYS, days_between
from lab.report.wording import listing, number_of, percent, plain

Condition = Literal["quarantined", "silent", "in use", "failing", "partly measured", "measured", "not planned"]

CONDITIONS: Mapping[Condition, str] = {
    "quarantined": "three failures in a row: nothing runs on it until a person releases it",
    "silent": "the last night planned work on it and measured none",
    "in use": "a run on it has not ended",
    "failing": "its last attempts failed; the third failure in a row puts it in quarantine",
    "partly measured": "the last night measured some of its work",
    "measured": "the last night measured all of its work",
    "not planned": "the last night planned nothing on it",
}
"""Condition of a device -> its meaning, what needs a person first."""

UNKNOWN = "unknown"


@dataclass(frozen=True)
class Reading:
    """A device's sensors as a run last saw them, and when that run began; None is a sensor that was not read.

    Temperatures are in °C, `level` is the battery's in percent.
    """

    at_utc: str
    run: str
    battery: float | None = None
    skin: float | None = None
    chip: float | None = None
    level: float | None = None
    powered: bool | None = None

    @property
    def warmest(self) -> float | None:
        """The temperature by which the gate goes first: the battery's, else the case's, else the chip's."""
        return next((each for each in (self.battery, self.skin, self.chip) if each is not None), None)


@dataclass(frozen=True)
class Standing:
    """One device: its condition with a sentence and the command that helps, and what is known of it.

    `software` is its fingerprint, `last_utc` the start of its newest run. `check` is its newest self-check that
    judged anything. `cv` is the median over its cells of the coefficient of variation between trials, `worst_cv`
    the largest, both None where no run had two trials. `trials` counts those of the time looked at, `lost` those
    that did not count, by reason.
    """

    device: str
    kind: str
    model: str
    software: str
    condition: Condition
    why: str
    command: str
    last_utc: str
    run: str
    reading: Reading | None
    check: SelfCheck | None
    cv: float | None
    worst_cv: float | None
    trials: int
    lost: Mapping[str, int] = field(default_factory=dict)

    @property
    def lost_share(self) -> float | None:
        """The share of trials that did not count; None without trials."""
        return sum(self.lost.values()) / self.trials if self.trials else None


def rack_of(
    nights: Sequence[Night],
    newest: Mapping[str, Run],
    *,
    devices: Collection[str] = (),
    checks: Sequence[SelfCheck] = (),
    book: Mapping[str, Health] | None = None,
    spreads: Sequence[Spread] = (),
    tallies: Sequence[Tally] = (),
    readings: Mapping[str, Reading] | None = None,
) -> tuple[Standing, ...]:
    """Return every device that a record names, those that need a person first. Pure: no I/O.

    `nights` are the newest finished one of each suite, newest first: of a device the first that planned it counts.
    `newest` is the newest run of each device that can be read, `devices` are
    more names, `checks` are the self-checks, newest first, `book` is the health of devices that failed lately,
    `spreads` are of each scenario's own metric.
    """
    last: dict[str, Night] = {}
    for night in nights:
        last |= {each.device: night for each in night.planned if each.device not in last}
    names = {*last, *newest, *devices, *(each.device for each in checks), *(book or {})}
    order = list(CONDITIONS)
    found = [
        _standing(
            name,
            _condition(name, last.get(name, next(iter(nights), None)), newest.get(name), (book or {}).get(name)),
            run=newest.get(name),
            checks=[each for each in checks if each.device == name],
            cvs=[each.cv for each in spreads if each.device == name],
            tallies=[each for each in tallies if each.device == name],
            reading=(readings or {}).get(name),
        )
        for name in names
    ]
    return tuple(sorted(found, key=lambda each: (order.index(each.condition), each.device)))


def own_metric(spreads: Sequence[Spread], metrics: Mapping[str, str]) -> list[Spread]:
    """Return the spreads of the metric that each scenario answers by; `metrics` is scenario -> its name."""
    return [each for each in spreads if metrics.get(each.scenario) == each.metric]


def check_words(check: SelfCheck | None, today: str) -> str:
    """Return a self-check in a few words: false verdicts, the smallest slow-down found, its age."""
    if check is None:
        return "never"
    count = tally(check)
    days = days_between(check.started_utc, today)
    parts = [f"called changed: {upper(count.false, count.alike, 'none judged')}"]
    if check.smallest_found is not None:
        parts.append(f"finds {percent(check.smallest_found)}")
    old = ", old" if days > RENEWED_DAYS else ""
    return f"{'; '.join(parts)}; {number_of(max(0, days), 'day')} ago{old}"


def reading_words(reading: Reading | None) -> str:
    """Return a reading in a few words; sensors that were not read are left out, and none at all is said."""
    if reading is None:
        return "never read"
    places = (("battery", reading.battery), ("case", reading.skin), ("chip", reading.chip))
    parts = [f"{name} {celsius:.1f} °C" for name, celsius in places if celsius is not None]
    parts += [] if reading.level is None else [f"charged to {reading.level:.0f} %"]
    parts += [] if reading.powered is None else ["on power" if reading.powered else "not on power"]
    return ", ".join(parts) or "no sensor could be read"


def size_words(count: int | None) -> str:
    """Return bytes for people: ``12.3 GiB``, ``250 MiB``, or ``unknown``."""
    if count is None:
        return UNKNOWN
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"


def _standing(
    name: str,
    standing: tuple[Condition, str, str],
    *,
    run: Run | None,
    checks: Sequence[SelfCheck],
    cvs: Sequence[float],
    tallies: Sequence[Tally],
    reading: Reading | None,
) -> Standing:
    condition, why, command = standing
    facts = run.context.facts if run else checks[0].context.facts if checks else {}
    lost: Counter[str] = Counter()
    for each in tallies:
        if each.reason:
            lost[each.reason] += each.trials
    return Standing(
        device=name,
        kind=facts.get("device_kind", UNKNOWN),
        model=facts.get("device_model", UNKNOWN),
        software=facts.get("device_fingerprint", UNKNOWN),
        condition=condition,
        why=plain(why),
        command=command,
        last_utc=run.started_utc if run else "",
        run=run.id if run else "",
        reading=reading,
        check=newest_that_judged(checks),
        cv=median(cvs) if cvs else None,
        worst_cv=max(cvs, default=None),
        trials=sum(each.trials for each in tallies),
        lost=dict(lost.most_common()),
    )


def _condition(
    name: str, night: Night | None, run: Run | None, health: Health | None
) -> tuple[Condition, str, str]:
    """Return a device's condition, a sentence, and the command that helps (empty: none is needed)."""
    if health and (quarantine := health.quarantine):
        return (
            "quarantined",
            f"{quarantine}. Mend that, then release it.",
            f"lab devices release {shlex.quote(plain(name))}",
        )
    if run and run.status == "running":
        began = f"A run of {run.scenario} began at {run.started_utc[:16].replace('T', ' ')} UTC and has not ended"
        return "in use", f"{began}: either it goes on, or its lab died.", f"lab show {run.id[:13]}"
    gaps = [gap for gap in night.gaps if gap.planned.device == name] if night else []
    planned = sum(each.device == name for each in night.planned) if night else 0
    if planned and len(gaps) >= planned:
        return "silent", _gap_words(name, gaps), "lab devices"
    if health and health.failures:
        failures = number_of(health.failures, "failure")
        return "failing", f"{failures} in a row; the last: {health.reason}.", "lab devices"
    return _measured(name, night, gaps, planned)


def _measured(name: str, night: Night | None, gaps: Sequence[Gap], planned: int) -> tuple[Condition, str, str]:
    if gaps:
        why = f"{len(gaps)} of {number_of(planned, 'planned run')} not measured. {_gap_words(name, gaps)}"
        return "partly measured", why, ""
    if planned and night:
        return "measured", f"All of {number_of(planned, 'planned run')} measured in the night of {night.date}.", ""
    return "not planned", "The last night planned nothing on it." if night else "No night was measured yet.", ""


def _gap_words(name: str, gaps: Sequence[Gap]) -> str:
    """Return for how many nights a device was silent, and the reasons."""
    nights = max(gap.nights for gap in gaps)
    reasons = list(dict.fromkeys(gap.why.removeprefix(f"{name} ").removeprefix(f"{name}: ") for gap in gaps))
    more = f"; and {number_of(len(reasons) - 2, 'more reason')}" if len(reasons) > 2 else ""
    row = f"Silent for {number_of(nights, 'night')}" if nights > 1 else "Not measured last night"
    return f"{row}: {listing(reasons[:2])}{more}."
