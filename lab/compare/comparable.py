"""The rule that makes two sides comparable: which facts of their Contexts may differ."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from lab.records import UNPLACED, CellVerdict, Context, Dimension, Trial

Differs = Mapping[str, tuple[str, str]]
"""Fact -> (the baseline's value, the candidate's)."""

NONE = "(none)"
"""The value of a fact that one side lacks, as in `Context.differs_from`."""

VERSIONS = ("device_agent", "device_runtime", "device_numpy", "device_python")
"""The facts of a device about what the lab runs there: they must agree between devices too."""


@dataclass(frozen=True)
class Difference:
    """A fact that differs: its values on both sides, and all facts of both."""

    name: str
    pair: tuple[str, str]
    ours: Mapping[str, str]
    theirs: Mapping[str, str]

    @property
    def one_sided(self) -> bool:
        """True if one side lacks the fact."""
        return NONE in self.pair


def always(found: Difference) -> bool:
    """Allow a fact to differ always."""
    return True


def same_work(found: Difference) -> bool:
    """Allow another golden output where the work is known to be equal (runs of an older lab lack `work_NAME`)."""
    work = f"work_{found.name.removeprefix('input_')}"
    return not found.one_sided and work in found.ours and work in found.theirs


def foreign(found: Difference) -> bool:
    """Allow a missing input or work where a side was parsed: a foreign tool works on tokens of its own."""
    return found.one_sided and "parsed" in (found.ours.get("source"), found.theirs.get("source"))


def not_named(found: Difference) -> bool:
    """Allow an input that only one of the cells names."""
    return found.one_sided


def this_machine(found: Difference) -> bool:
    """Allow another fingerprint of this machine: a digest of its other facts, the agent's version included."""
    return found.ours.get("device_kind") == found.theirs.get("device_kind") == "host"


def its_own(found: Difference) -> bool:
    """Allow a fact of the device itself, but neither its kind nor what the lab runs there."""
    return found.name not in ("device_kind", *VERSIONS)


def pinned(found: Difference) -> bool:
    """Allow another clock where care pinned it on both sides: each device has clocks of its own."""
    return all(said == NONE or said.startswith("applied ") for said in found.pair)


MAY_DIFFER: Mapping[Dimension, tuple[tuple[str, Callable[[Difference], bool]], ...]] = {
    "build": (("build", always), ("input_*", same_work)),
    "runtime": (
        ("build", always),
        ("device_agent", always),
        ("device_runtime", always),
        ("device_fingerprint", this_machine),
        ("source", always),
        ("input_*", same_work),
        ("input_*", foreign),
        ("work_*", foreign),
    ),
    "parameter": (("cells", always), ("input_*", not_named), ("work_*", not_named)),
    "device": (("device", always), ("device_*", its_own), ("care_policy*", pinned)),
}
"""Dimension -> patterns of facts that may differ, and when; the fact `device` is the device's name.

Whatever no row allows must agree: kinds of device, profiles, plans, the work itself.
"""


@dataclass(frozen=True)
class Subject:
    """One side of a comparison: the device it was measured on, and its Context."""

    device: str
    context: Context


def differs_beyond(dimension: Dimension, baseline: Subject, candidate: Subject) -> dict[str, tuple[str, str]]:
    """Return the facts that differ beyond the dimension; empty when the two sides are comparable.

    An emulated phone's times are not measurements, so its kind is listed even where both are emulated.
    """
    ours, theirs = ({**side.context.facts, "device": side.device} for side in (baseline, candidate))
    found = Context(ours).differs_from(Context(theirs))
    found.pop("measuring_lock", None)  # who else could measure there: said, but no condition
    kinds = ours.get("device_kind", NONE), theirs.get("device_kind", NONE)
    differences = [Difference(name, pair, ours, theirs) for name, pair in found.items()]
    left = {each.name: each.pair for each in differences if not _allowed(dimension, each)}
    return left | ({"device_kind": kinds} if "emulated" in kinds else {})


def _allowed(dimension: Dimension, found: Difference) -> bool:
    return any(fnmatchcase(found.name, pattern) and when(found) for pattern, when in MAY_DIFFER[dimension])


def unplaced(ours: Iterable[Trial], theirs: Iterable[Trial]) -> str:
    """Return why two cells cannot be compared: what executed them is known of some trials alone; or nothing."""
    known = {UNPLACED not in trial.flags for side in (ours, theirs) for trial in side if trial.valid}
    return "what executed it is known of one side alone (`unplaced`)" if len(known) > 1 else ""


def incomparable(cell: str, differs: Differs) -> CellVerdict:
    """Return the verdict on a cell of two sides that differ beyond the dimension."""
    return CellVerdict(cell, "incomparable", None, None, 1.0, 0, f"{', '.join(sorted(differs))} differ")


def refusal(dimension: Dimension, differs: Differs) -> str:
    """Return lines that name each fact that differs, both its values, and what to do."""
    known = sorted(differs.items())
    facts = [f"  {name}: {ours} (baseline), {theirs} (candidate)" for name, (ours, theirs) in known]
    first = f"incomparable: the two sides differ in more than what is compared ({dimension}):"
    return "\n".join([first, *facts, *dict.fromkeys(_remedy(name, pair) for name, pair in known)])


AGAIN = "lab compare A B --scenario NAME"

_REMEDIES = (
    ("device_kind", "Figures of different kinds of device are never compared: measure both on one kind."),
    ("device", f"Measure both on one device (`{AGAIN} --device DEVICE`), or ask with --differs device."),
    ("profile", f"The device was prepared in two ways: measure both under one profile, `{AGAIN}`."),
    ("care_*", f"The device was prepared in two ways: measure both in one comparison, `{AGAIN}`."),
    ("inject", "One side was slowed down on purpose, by the lab's test of itself: it says nothing about a build."),
    ("build", "The builds differ: compare them with --differs build, or give both sides one build."),
    ("source", "Agent or runtime differ: measure both with one version, or ask with --differs runtime."),
    *((name, "Agent or runtime differ: measure both with one version, or ask with --differs runtime.")
      for name in VERSIONS),
    ("input_*", "The two sides do not do the same work: give both builds the same input."),
    ("work_*", "The two sides do not do the same work: give both builds the same input."),
    ("device_*", f"The device or its software has changed: measure both now, `{AGAIN}`."),
    ("gates", "One side had to be cooler or quieter than the other: measure both under one scenario."),
    ("cells", "Other cells were measured: measure both under one scenario, or ask with --differs parameter."),
    ("*", f"The two sides had different plans: measure both under one scenario and plan, `{AGAIN}`."),
)  # fmt: skip
"""Advice about a fact, by pattern; the first match counts."""


def _remedy(name: str, pair: tuple[str, str]) -> str:
    if name == "device_kind" and "emulated" in pair:
        return (
            "An emulated phone shows that things run; its times are not measurements. Measure on another device."
        )
    return next(words for pattern, words in _REMEDIES if fnmatchcase(name, pattern))
