"""Which facts of two Contexts may differ in a comparison; anything else makes it incomparable, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from lab.records import Context, Dimension

Differs = Mapping[str, tuple[str, str]]
"""Fact -> (the baseline's, the candidate's)."""

NONE = "(none)"
"""How a fact reads that one side lacks, as in `Context.differs_from`."""

MAY_DIFFER: Mapping[Dimension, tuple[str, ...]] = {
    "build": ("build", "input_*"),
    "runtime": ("build", "input_*", "device_agent", "device_runtime", "source"),
    "parameter": ("cells",),
    "device": ("device", "device_*"),
}
"""The one table: patterns of facts that may differ, by what a comparison is about. `device` is the name."""

NEVER = ("device_kind", "profile", "inject")
"""Facts that agree in every comparison: figures of different kinds of device are never compared."""

VERSIONS = ("device_agent", "device_runtime", "device_numpy", "device_python")
"""Of the facts of a device those that are about what the lab runs there: between devices they agree."""


@dataclass(frozen=True)
class Subject:
    """One side as far as it is compared: where it was measured and under which circumstances."""

    device: str
    context: Context


def differs_beyond(dimension: Dimension, baseline: Subject, candidate: Subject) -> dict[str, tuple[str, str]]:
    """Return the facts that differ although the dimension does not allow it; empty when the two are comparable.

    A golden output may differ between builds only where the work is known to be the same (`work_NAME` beside
    `input_NAME`; runs of an older lab lack it). A foreign tool works on tokens of its own, so it has neither. A
    cell may name an input that the other cell does not. An emulated phone's times are no measurements: listed
    even though both are emulated.
    """
    ours, theirs = ({**side.context.facts, "device": side.device} for side in (baseline, candidate))
    found = Context(ours).differs_from(Context(theirs))
    kinds = ours.get("device_kind", NONE), theirs.get("device_kind", NONE)
    left = {name: pair for name, pair in found.items() if not _allowed(dimension, name, pair, ours, theirs)}
    return left | ({"device_kind": kinds} if "emulated" in kinds else {})


def _allowed(
    dimension: Dimension, name: str, pair: tuple[str, str], ours: Mapping[str, str], theirs: Mapping[str, str]
) -> bool:
    if name in NEVER or (dimension == "device" and name in VERSIONS):
        return False
    about_input, _, what = name.partition("_")
    if about_input in ("input", "work") and what:
        if dimension == "parameter":
            return NONE in pair
        if dimension == "runtime" and NONE in pair:
            return "parsed" in (ours.get("source"), theirs.get("source"))
        known = f"work_{what}" in ours and f"work_{what}" in theirs
        return about_input == "input" and known and dimension in ("build", "runtime")
    if dimension == "runtime" and name == "device_fingerprint":
        # this machine's fingerprint is a digest of its other facts, its agent's version among them
        return ours.get("device_kind") == theirs.get("device_kind") == "host"
    own = dimension == "device" and _pinned(name, pair)
    return own or any(fnmatchcase(name, pattern) for pattern in MAY_DIFFER[dimension])


def _pinned(name: str, pair: tuple[str, str]) -> bool:
    """Say whether a fact is a clock that care pinned wherever there is one: each device has clocks of its own."""
    return name.startswith("care_policy") and all(said == NONE or said.startswith("applied ") for said in pair)


def refusal(dimension: Dimension, differs: Differs) -> str:
    """Say what differs beyond the dimension, both values of each, and what to do; several lines."""
    known = sorted(differs.items())
    facts = [f"  {name}: {ours} (baseline), {theirs} (candidate)" for name, (ours, theirs) in known]
    first = f"incomparable: the two sides differ in more than what is compared ({dimension}):"
    return "\n".join([first, *facts, *dict.fromkeys(_remedy(name, pair) for name, pair in known)])


_REMEDIES = (
    ("device_kind", "Figures of different kinds of device are never compared: measure both on one kind."),
    ("device", "Measure both on one device (`lab compare A B --device NAME`), or ask with --differs device."),
    ("profile", "The device was prepared in two ways: measure both under one profile, `lab compare A B`."),
    ("care_*", "The device was prepared in two ways: measure both in one go, `lab compare A B`."),
    ("inject", "One side was slowed down on purpose, by the lab's test of itself: it says nothing of a build."),
    ("build", "The builds differ: compare them with --differs build, or give both sides one build."),
    ("source", "Agent or runtime differ: measure both with one version, or ask with --differs runtime."),
    *((name, "Agent or runtime differ: measure both with one version, or ask with --differs runtime.")
      for name in VERSIONS),
    ("input_*", "The two sides do not do the same work: give both builds the same input."),
    ("work_*", "The two sides do not do the same work: give both builds the same input."),
    ("device_*", "The device or its software is not what it was: measure both now, `lab compare A B`."),
    ("gates", "One side had to be cooler or quieter than the other: measure both under one scenario."),
    ("cells", "Other cells were measured: measure both under one scenario, or ask with --differs parameter."),
    ("*", "The two sides had different plans: measure both under one scenario and plan, `lab compare A B`."),
)  # fmt: skip
"""What to do about a fact, by pattern; the first that fits."""


def _remedy(name: str, pair: tuple[str, str]) -> str:
    if name == "device_kind" and "emulated" in pair:
        return "An emulated phone shows that things run, its times are no measurements: measure on another device."
    return next(words for pattern, words in _REMEDIES if fnmatchcase(name, pattern))
