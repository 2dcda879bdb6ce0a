"""What the lab checked of a trial, figure by figure, in words."""

from __future__ import annotations

from lab.records import Trial
from lab.report.wording import percent, plain, quantity

_WORDS = {
    "gap_fraction": ("largest share of an iteration that no stage accounts for", "share"),
    "golden_checked": ("outputs compared with the reference model's", "yes"),
    "tokens_agreed": ("tokens that agreed with the reference model's, at least", "count"),
    "gate_waited_s": ("waited at the gate", "s"),
    "others_rose_cores": ("others used more than before, cores", "number"),
}
"""Note of a trial -> its words, and how its figure is written."""


def checks_of(trial: Trial) -> tuple[tuple[str, str], ...]:
    """Return (what was checked, the figure) of each note of a trial; an unknown note by its name."""
    return tuple(_told(name, value) for name, value in trial.notes.items())


def _told(name: str, value: float) -> tuple[str, str]:
    words, form = _WORDS.get(name, ("", "number"))
    if not words and name.endswith("_distance"):
        words = f"largest distance of the {name.removesuffix('_distance')} from the reference model's"
    if not words and name.startswith("cpu_share_"):
        words = f"CPU time of {name.removeprefix('cpu_share_')} over its duration, cores"
    return plain(words or name), _figure(value, form)


def _figure(value: float, form: str) -> str:
    if form == "share":
        return percent(value)
    if form == "yes":
        return "yes" if value else "no"
    return quantity(value, "s") if form == "s" else f"{value:.4g}"
