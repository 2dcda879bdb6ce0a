"""Numbers, cells, runs and hostile text as words."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence

from device_agents.plain import plain as plain  # noqa: PLC0414 - handed on
from lab.records import Cell, Interval, Metric, Parameter, Run
from lab.records.telling import decimals_for
from lab.records.telling import number_of as number_of  # noqa: PLC0414 - handed on
from lab.records.telling import percent as percent  # noqa: PLC0414 - handed on
from lab.records.telling import stated as stated  # noqa: PLC0414 - handed on

_SCALES: Mapping[str, tuple[tuple[float, str], ...]] = {
    "s": ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")),
    "bytes": ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "bytes")),
}
_PHRASES = {
    "patches_per_batch": "{} patches per batch",
    "parallel_tokens": "{} tokens in parallel",
    "context_tokens": "{} tokens of context",
    "prompt_tokens": "{} prompt tokens",
    "new_tokens": "{} new tokens",
    "placement=split": "on split units",
    "placement=all": "on all cores",
    "placement=first": "on the first core",
    "pipelined=True": "pipelined",
    "pipelined=False": "serial",
    "coupled=True": "coupled",
    "coupled=False": "decoupled",
    "instruction_delay_s": "instruction after {} s",
    "prefill_early=True": "prefilled early",
    "prefill_early=False": "prefilled late",
    "release_vision=True": "vision released",
    "release_vision=False": "vision kept",
    "order=largest_first": "largest first",
    "order=smallest_first": "smallest first",
}

KINDS = {
    "host": "this machine, no phone",
    "virtual": "a virtual phone: this machine's cores, not a phone's",
    "emulated": "an emulated phone: its times are not measurements and are never compared",
    "phone": "a phone",
    "simulated": "a simulated device of the demonstration: its figures are drawn, not measured",
}
"""Kind of device -> what it means for a run's figures."""

KIND_STYLES = {
    "host": "",
    "virtual": "blue",
    "emulated": "bold yellow",
    "phone": "bold cyan",
    "simulated": "bold yellow",
}
"""Kind of device -> the colour of its figures in a terminal."""


PUBLISHED = "Published figures: another device and another model, shown and never compared"
"""The heading of figures from the literature."""


def kind_of(run: Run) -> str:
    """Return the kind of the device a run was measured on: `host`, `virtual`, `emulated`, `phone` or `unknown`."""
    return run.context.facts.get("device_kind", "unknown")


def kind_words(kind: str) -> str:
    """Return a kind of device in few words, e.g. ``a virtual phone``."""
    return plain(re.split("[:,]| of the ", KINDS.get(kind, f"a device of kind {kind}"))[0])


def on_device(run: Run) -> str:
    """Return the device and what its kind means, e.g. ``virtual-1, a virtual phone: this machine's cores, …``."""
    kind = kind_of(run)
    return plain(f"{run.device}, {KINDS.get(kind, f'of kind {kind}')}")


def device_note(run: Run) -> str:
    """Return a line that names a device and its kind; empty for this machine and for unknown kinds."""
    return "" if kind_of(run) in ("host", "unknown") else f"On {on_device(run)}."


def origin(run: Run) -> str:
    """Return a line with a run's scenario, device, build, start, seed, id and status."""
    return plain(
        f"{run.scenario} on {run.device}, build {run.build_line} ({run.build[:12]}), {run.started_utc}, "
        f"seed {run.seed}, run {run.id} ({run.status})"
    )


def quantity(value: float, unit: str, *, resolution: float | None = None) -> str:
    """Return a value with its unit to 3 significant digits; seconds below 1 s as ms, µs or ns, bytes as MB.

    `resolution` (in the value's unit) asks for enough digits to show a step of that size, 6 at most.
    """
    return _join([value], unit, resolution)[0]


def scale_of(value: float, unit: str) -> tuple[float, str]:
    """Return a divisor and the unit in which a value reads well: ms for 0.12 s, MB for 2e6 bytes."""
    size, scales = float(f"{abs(value):.2e}"), _SCALES.get(unit, ((1.0, unit),))
    return next((pair for pair in scales if size >= pair[0]), scales[-1] if size else scales[0])


def span(found: Interval, unit: str) -> str:
    """Return e.g. ``300 to 320 ms``, or ``none`` where there is no interval."""
    if found.low is None or found.high is None:
        return "none"
    _, low, high = _interval_texts(found, unit)
    return f"{low.removesuffix(high[len(_bare(high)) :])} to {high}"


def estimate(found: Interval, unit: str) -> str:
    """Return the estimate alone, to as many digits as its interval resolves."""
    return _interval_texts(found, unit)[0]


def estimate_with_interval(found: Interval, unit: str) -> str:
    """Return e.g. ``310 ms (95 % interval 300 to 320 ms)``."""
    if found.low is None or found.high is None:
        few = "is too few" if found.n == 1 else "are too few"
        return f"{estimate(found, unit)} (no interval: {number_of(found.n, 'valid trial')} {few})"
    return f"{estimate(found, unit)} ({_level(found)} interval {span(found, unit)})"


def interval_head(intervals: Iterable[Interval | None]) -> str:
    """Return the head of a column of intervals, with their level where all of them share it.

    Few trials have less than 95 %: the range of five has 94 %. See :func:`ranged`.
    """
    levels = {_level(found) for found in intervals if found is not None and found.low is not None}
    return f"{levels.pop()} interval" if len(levels) == 1 else "interval"


def ranged(found: Interval, unit: str, head: str) -> str:
    """Return an interval for a column under `head`, with its level where the head does not state it."""
    text = span(found, unit)
    return text if found.low is None or head.startswith(_level(found)) else f"{text} ({_level(found)})"


def _level(found: Interval) -> str:
    return f"{found.level * 100:.0f} %"


MARK = "written by pocketlab"
"""Stands at the beginning of every file that a lab writes for a user: only such a file is replaced."""


def lasting(seconds: float) -> str:
    """Return a length of time for people: ``40 s``, ``3 min``, ``2.5 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def against(found: Interval, metric: Metric) -> tuple[str, str]:
    """Return how much more time, or less rate, a ratio to the best is, and the interval: ``5.1 %``, ``3 to 7``.

    The interval is empty for a ratio of too few pairs.
    """
    sign = 1 if metric.better == "lower" else -1
    text = percent(sign * (found.estimate - 1))
    if found.low is None or found.high is None:
        return text, ""
    ends = sorted((sign * (found.low - 1), sign * (found.high - 1)))
    return text, " to ".join(percent(end).removesuffix(" %") for end in ends)


def behind(metric: Metric, found: Interval | None = None) -> str:
    """Return the word for a cell that is not the best, e.g. ``slower``; with a ratio to the best, by how much."""
    word = {"fastest": "slower", "lowest": "higher", "highest": "lower"}[superlative(metric)]
    if found is None:
        return word
    return lost(metric, found, word)


def lost(metric: Metric, found: Interval, what: str) -> str:
    """Return by how much a cell is behind the best, with `what` that means, and the interval."""
    share, ends = against(found, metric)
    return f"{share} {what} ({f'{_level(found)} interval {ends} %' if ends else 'no interval'})"


def capital(text: str) -> str:
    """Return the text with a capital first letter."""
    return text[:1].upper() + text[1:]


def varying(cells: Sequence[Cell]) -> tuple[str, ...]:
    """Return the names of the parameters that differ between cells, in the cells' own order."""
    names = list(dict.fromkeys(name for cell in cells for name in cell.parameters))
    return tuple(n for n in names if len({repr(cell.parameters.get(n)) for cell in cells}) > 1)


def cell_phrase(cell: Cell, names: Sequence[str]) -> str:
    """Return a cell's label, or what distinguishes it in words, e.g. ``4 patches per batch``; else its key."""
    if cell.label:
        return plain(cell.label)
    return ", ".join(_phrase(name, cell.parameters[name]) for name in names if name in cell.parameters) or plain(
        cell.key
    )


def cell_short(cell: Cell, names: Sequence[str]) -> str:
    """Return a cell's shortest unambiguous name: the bare value where one numeric parameter varies."""
    if not cell.label and len(names) == 1 and isinstance(cell.parameters.get(names[0]), int | float):
        value = cell.parameters[names[0]]
        if not isinstance(value, bool):
            return _text(value)
    return cell_phrase(cell, names)


def listing(items: Sequence[str]) -> str:
    """Return ``a``, ``a and b`` or ``a, b and c``; where an item has a comma itself, ``a; b, c; and d``."""
    between, last = ("; ", "; and ") if any("," in item for item in items) else (", ", " and ")
    return last.join(part for part in (between.join(items[:-1]), *items[-1:]) if part)


def superlative(metric: Metric) -> str:
    """Return ``fastest`` for times and rates, ``lowest`` or ``highest`` for anything else."""
    if (metric.better == "lower" and metric.unit == "s") or (
        metric.better == "higher" and metric.unit.endswith("/s")
    ):
        return "fastest"
    return "lowest" if metric.better == "lower" else "highest"


def _phrase(name: str, value: Parameter) -> str:
    known = _PHRASES.get(f"{name}={value}") or _PHRASES.get(name)
    if known is None:
        return plain(f"{name.replace('_', ' ')} {_text(value)}")
    phrase = plain(known.format(_text(value)))
    return phrase.replace("patches", "patch", 1).replace("tokens", "token", 1) if value == 1 else phrase


def _text(value: Parameter) -> str:
    return str(value).lower() if isinstance(value, bool) else plain(str(value))


def _interval_texts(found: Interval, unit: str) -> list[str]:
    if found.low is None or found.high is None:
        return _join([found.estimate], unit, None)
    return _join([found.estimate, found.low, found.high], unit, (found.high - found.low) / 2)


def _bare(text: str) -> str:
    return text.split(" ", 1)[0]


def _join(values: Sequence[float], unit: str, resolution: float | None) -> list[str]:
    """Write all values in the first one's scale and number of decimals."""
    first = values[0]
    if not math.isfinite(first):
        return [f"{value} {unit}" for value in values]
    scale, name = scale_of(first, unit)
    decimals = decimals_for(first / scale, 3)
    if resolution is not None and resolution > 0:
        wanted = decimals_for(resolution / scale, 1)
        decimals = max(decimals, min(wanted, decimals_for(first / scale, 6)))
    return [f"{_rounded(value / scale, decimals)} {name}".rstrip() for value in values]


def _rounded(value: float, decimals: int) -> str:
    if not math.isfinite(value):
        return str(value)
    text = f"{round(value, decimals):,.{max(0, decimals)}f}"
    return text if abs(value) >= 10000 else text.replace(",", "")


def escape(text: str) -> str:
    """Return text that Markdown and HTML show literally, on one line."""
    return re.sub(r"([\\`*_{}\[\]<>#|~!&$@])", r"\\\1", plain(text)).replace("\\<", "&lt;").replace("\\&", "&amp;")


def span_of(values: Sequence[float]) -> str:
    """Return the lowest and the highest value, or one value where they are equal."""
    low, high = f"{min(values):.1f}", f"{max(values):.1f}"
    return low if low == high else f"{low} to {high}"
