"""The state of a device around its trials, and its settings, in words; unknowns are reported as unknown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import median

from lab.gate.throttle import STATUS
from lab.records import Run
from lab.records.explanation import Evidence
from lab.records.telling import shares
from lab.report.wording import listing, number_of, plain, quantity, span_of
from lab.trial.energy import energy

TOLD = 3
"""How many sensors are named for one cause, and how many trials with their energy."""


def doing_words(one: Evidence) -> str:
    """Return the device's state around a trial, as one line; unknowns are left out, unless all is unknown."""
    doing = one.doing
    parts = [f"waited {quantity(one.waited_s, 's')} at the gate"] if one.waited_s else []
    parts += [
        f"{name} {pair[0]:.1f} -> {pair[1]:.1f} °C"
        for name, pair in (("battery", doing.battery), ("skin", doing.skin), ("chip", doing.soc))
        if pair is not None
    ]
    if doing.cap is not None and doing.cap[1] < 1:
        parts.append(f"{doing.cap[0]} always allowed at least {shares(doing.cap[1], 1.0)[0]} of its top clock")
    if doing.cooling:
        parts.append(f"throttled by {listing(doing.cooling)}")
    if doing.status:
        parts.append(f"thermal status {STATUS[min(doing.status, len(STATUS) - 1)]}")
    if doing.others_cores is not None:
        parts.append(f"others used {doing.others_cores:.2f} cores")
    if doing.stolen_cores is not None and doing.stolen_cores >= 0.05:
        parts.append(f"{doing.stolen_cores:.2f} cores taken by the machine underneath")
    return plain("; ".join([*parts, *doing.oddities]) or f"device unknown: {doing.unknown or 'no sensor'}")


def device_words(kept: Sequence[Evidence]) -> list[str]:
    """Return lines on the device over the whole run, and on what is unknown of it."""
    words = []
    for name, pairs in (
        ("battery", [one.doing.battery for one in kept]),
        ("skin", [one.doing.skin for one in kept]),
        ("chip", [one.doing.soc for one in kept]),
    ):
        known = [pair for pair in pairs if pair is not None]
        if known:
            starts = [pair[0] for pair in known]
            words.append(
                f"{name}: trials began at {span_of(starts)} °C, "
                f"the peak was {max(pair[1] for pair in known):.1f} °C"
            )
    levels = [one.doing.level for one in kept if one.doing.level is not None]
    powered = Counter(one.doing.powered for one in kept if one.doing.powered is not None)
    if levels:
        charging = f"; on power in {powered[True]} of {number_of(powered.total(), 'trial')}" if powered else ""
        first, last = f"{max(levels):.0f} %", f"{min(levels):.0f} %"
        words.append(f"battery level: {first if first == last else f'{first} to {last}'}{charging}")
    caps = [one.doing.cap for one in kept if one.doing.cap is not None]
    if caps:
        name, share = min(caps, key=lambda pair: pair[1])
        words.append(
            f"clocks: {plain(name)} was once allowed only {shares(share, 1.0)[0]} of its top clock" if share < 1
            else "clocks: every CPU policy was allowed its top clock throughout"
        )  # fmt: skip
    throttled = sum(bool(one.doing.cooling or one.doing.status) for one in kept)
    if throttled or any(one.doing.status is not None for one in kept):
        words.append(f"throttling reported in {throttled} of {number_of(len(kept), 'trial')}")
    others = [one.doing.others_cores for one in kept if one.doing.others_cores is not None]
    if others:
        low, high = f"{min(others):.2f}", f"{max(others):.2f}"
        span = f"{low} to {high} cores, median {median(others):.2f}" if low != high else f"{low} cores throughout"
        words.append(f"others' CPU: {span}")
    return words + _unknown(kept)


def energy_words(kept: Sequence[Evidence]) -> list[str]:
    """Return a line on the energy of the trials, or on why that of the longest trial is unknown."""
    found = [(one.trial, energy(one.during, around=(*one.gate[-1:], *one.after))) for one in kept if one.during]
    if not found:
        return ["energy: n/a: no sensor was sampled during a trial"]
    told = [f"{used.words} (trial {trial.number})" for trial, used in found if used.joules is not None]
    if not told:
        return [plain(f"energy: {max((used for _, used in found), key=lambda used: used.seconds).words}")]
    more = f"; and of {number_of(len(told) - TOLD, 'more trial')}" if len(told) > TOLD else ""
    return [plain(f"energy: {'; '.join(told[:TOLD])}{more}")]


def _unknown(kept: Sequence[Evidence]) -> list[str]:
    """Return what could not be read, and in how many trials."""
    words = []
    why = Counter(one.doing.unknown for one in kept if one.doing.unknown)
    words += [
        f"the device is unknown in {count} of {number_of(len(kept), 'trial')}: {reason}"
        for reason, count in why.items()
    ]
    seen = [one for one in kept if not one.doing.unknown]
    if seen and not any(one.doing.skin or one.doing.soc or one.doing.battery for one in seen):
        words.append("no temperature could be read: the temperature at which trials began is unknown")
    missing: dict[str, set[str]] = {}
    lacking: dict[str, set[int]] = {}
    for one in seen:
        for look in (*one.gate[-1:], *one.during[-1:]):
            for name, text in look.missing.items():
                missing.setdefault(text, set()).add(name)
                lacking.setdefault(text, set()).add(one.trial.number)
    for text, names in missing.items():
        more = f" and {len(names) - TOLD} more" if len(names) > TOLD else ""
        some, of = len(lacking[text]), number_of(len(seen), "trial")
        where = f" in {some} of {of}" if some < len(seen) else ""
        words.append(plain(f"no reading of {', '.join(sorted(names)[:TOLD])}{more}{where}: {text}"))
    return words


def care_words(run: Run) -> list[str]:
    """Return lines on the settings that were tried on the device, and the outcome: the Context's ``care_*``."""
    facts = {
        name.removeprefix("care_"): value for name, value in run.context.facts.items() if name.startswith("care_")
    }
    profile = run.context.facts.get("profile", "none")
    if not facts:
        return [plain(f"device care: profile {profile}, no setting was changed or read")]
    outcomes = Counter(value.partition(" ")[0] for value in facts.values())
    words = [plain(f"device care: profile {profile}: {listing([f'{n} {name}' for name, n in outcomes.items()])}")]
    words += [plain(f"  {name}: {value}") for name, value in facts.items() if value.partition(" ")[0] != "applied"]
    return words
