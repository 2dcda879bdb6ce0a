"""The evidence kept beside a trial's figures: readings at the gate, samples during it, the agent's CPU time."""

from __future__ import annotations

from collections.abc import Sequence
from operator import add
from pathlib import Path
from statistics import median

from lab.device.vitals.look import aligned, battery, frozen, jumps, read, skin, soc
from lab.errors import StoreError
from lab.records import Trial, Vitals
from lab.records.explanation import Doing, Evidence
from lab.store.events import Summary, summary
from lab.trial.folder import AFTER, GATE, STDERR, VITALS, read_or_empty
from lab.trial.metrics import NS
from lab.trial.placement import cores_between

TAIL = 600
"""How many characters of the agent's last output are kept."""


def evidence_of(trial: Trial, folder: Path) -> Evidence:
    """Read a trial's folder; a missing or damaged file is named in `doing.unknown` and stops nothing."""
    problems: list[str] = []
    gate = _vitals(folder / GATE, problems)
    during = _vitals(folder / VITALS, problems)
    seen = summary(folder)
    doing = doing_of(gate, during, seen)
    if not gate and not during:
        why = "; ".join(problems) or "no sensor was read around it"
        doing = Doing(agent_cores=doing.agent_cores, unknown=why)
    waited = trial.notes.get("gate_waited_s")
    if waited is None and len(gate) > 1:
        waited = gate[-1].boot_s - gate[0].boot_s
    words = _last_words(folder / STDERR)
    count = len(seen.durations_ns)
    iteration_s = sum(seen.durations_ns) * NS / count if count else None
    after = _vitals(folder / AFTER, problems)
    return Evidence(trial, len(gate), waited, doing, words, gate, during, iteration_s, seen.warmups, after)


def gate_opened(folder: Path) -> Vitals | None:
    """Return the reading that opened a trial's gate; None where none was kept, or it is damaged."""
    found = _vitals(folder / GATE, [])
    return found[-1] if found else None


def doing_of(gate: Sequence[Vitals], during: Sequence[Vitals], seen: Summary) -> Doing:
    """Return the device's state: from the reading that opened the gate and the samples during the trial."""
    start = gate[-1:] or during[:1]
    both = [*start, *during]
    caps = [(name, share) for one in both for name, share in one.caps.items()]
    statuses = [one.thermal_status for one in both if one.thermal_status is not None]
    ends_ns = map(add, seen.starts_ns, seen.durations_ns)
    measured = zip(seen.starts_ns, ends_ns, strict=True)
    agent, others = cores_between(during, seen.clocks, measured, zip(*seen.work, strict=True), parsed=seen.parsed)
    if others is None and gate:  # too short for a sample: use what others did just before
        others = gate[-1].busy_cores
    stolen = [one.stolen_cores for one in during if one.stolen_cores is not None]
    stuck = tuple(f"sensor {name} stands still while others move" for name in frozen(both))
    return Doing(
        battery=_span([battery(one) for one in both]),
        skin=_span([skin(one) for one in both]),
        soc=_span([soc(one) for one in both]),
        level=next((one.battery_level for one in both if one.battery_level is not None), None),
        powered=next((one.powered for one in both if one.powered is not None), None),
        cap=min(caps, key=lambda pair: pair[1], default=None),
        cooling=tuple(sorted({name for one in both for name, state in one.cooling.items() if state > 0})),
        status=max(statuses, default=None),
        agent_cores=agent,
        others_cores=others,
        stolen_cores=median(stolen) if stolen else None,
        oddities=(*jumps(during), *stuck),
    )


def curve_of(folder: Path) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """Return a trial's measured iterations and skin temperatures, each as (seconds on the device's clock, value).

    An iteration's value is its duration in seconds, a temperature is in °C; no files, no values.
    """
    seen = summary(folder)
    pairs = zip(seen.starts_ns, seen.durations_ns, strict=True)
    durations = [(start_ns / 1e9, duration_ns / 1e9) for start_ns, duration_ns in pairs]
    during = _vitals(folder / VITALS, [])
    if seen.clocks is None:
        return durations, []
    warm = [(at / 1e9, value) for at, one in aligned(during, seen.clocks) if (value := skin(one)) is not None]
    return durations, warm


def _span(values: Sequence[float | None]) -> tuple[float, float] | None:
    """Return the first known value and the highest."""
    known = [value for value in values if value is not None]
    return (known[0], max(known)) if known else None


def _last_words(path: Path) -> str:
    try:
        return read_or_empty(path).decode(errors="replace").strip()[-TAIL:]
    except StoreError as error:
        return str(error)


def _vitals(path: Path, problems: list[str]) -> tuple[Vitals, ...]:
    if not path.is_file():
        return ()
    try:
        return read(path)
    except StoreError as error:
        problems.append(str(error))
        return ()
