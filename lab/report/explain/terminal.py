"""An explanation in a terminal or a log: plain lines, problems first, readable from 80 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.console import Group as Lines
from rich.text import Text

from lab.records import Vitals
from lab.records.explanation import Explanation, Group, Line
from lab.report.explain.trial import device_facts, trial_facts
from lab.report.spark import BAD, NONE, spark
from lab.report.wording import on_device, percent, plain, span_of

WIDTH = 72
"""Characters of a line of bars: a terminal of 80 columns less the name beside it."""


def render_explanation(found: Explanation) -> RenderableType:
    """Return something for `rich.console.Console.print`."""
    run = found.run
    parts: list[RenderableType] = [
        Text(
            plain(f"{run.scenario} on {on_device(run)}, build {run.build_line} ({run.build[:12]})"), style="bold"
        ),
        Text(plain(f"run {run.id}, began {run.started_utc}"), style="dim"),
        Text(),
        Text(plain(found.summary), style="bold"),
    ]
    parts += [_indented(words) for words in found.common]
    parts += _bars(found)
    for group in found.groups:
        parts += _group(group, found.run.id)
    for title, lines in found.sections:
        parts += _section(title, lines)
    parts += _section("What to do next", [f"{n}. {step}" for n, step in enumerate(found.advice, start=1)])
    return Lines(*parts)


def render_trial(found: Explanation, number: int) -> RenderableType:
    """Return everything about one trial; raises KeyError for a number that the run does not have."""
    line = next((line for line in found.lines if line.number == number), None)
    if line is None:
        raise KeyError(number)
    parts: list[RenderableType] = [Text(plain(f"Trial {number} of run {found.run.id}"), style="bold")]
    parts += _section("The trial", trial_facts(found, line)) + _section("The device", device_facts(line))
    parts += _readings(line.evidence.during)
    if line.evidence.last_words:
        parts += _section("What the agent printed last (stderr.txt)", line.evidence.last_words.splitlines()[-8:])
    return Lines(*parts)


def _readings(during: Sequence[Vitals]) -> list[RenderableType]:
    """Return a line of bars for each temperature that was sampled."""
    names = sorted({name for one in during for name in one.celsius})[:12]
    lines: list[RenderableType] = []
    for name in names:
        values = [one.celsius.get(name) for one in during]
        known = [value for value in values if value is not None]
        lines.append(Text(f"  {plain(name)} {span_of(known)} °C"))
        lines.append(Text(f"    {_curve(values)}"))
    return lines


def _curve(celsius: Sequence[float | None]) -> str:
    """Return temperatures, at least one of them known, as bars; equal ones where one value is printed."""
    known = [value for value in celsius if value is not None]
    return spark(celsius, width=WIDTH, level=span_of(known) == span_of(known[:1]))


def _bars(found: Explanation) -> list[RenderableType]:
    """Return the trials' medians and peak temperatures in order of time, a character for each trial."""
    shown = [line.relative if line.standing == "counts" else None for line in found.lines]
    known = [value for value in shown if value is not None]
    if len(found.lines) < 2 or not known:
        return []
    bad = [line.standing == "invalid" for line in found.lines]
    low, high = percent(min(known)), percent(max(known))
    told = f"all {low}" if low == high else f"{low} to {high}"
    lines = [
        f"medians, {told} of the cell's mean, trial by trial{_key(shown, bad)}",
        f"  {spark(shown, width=WIDTH, bad=bad, level=low == high)}",
    ]
    for name, pairs in (
        ("skin", [line.evidence.doing.skin for line in found.lines]),
        ("chip", [line.evidence.doing.soc for line in found.lines]),
    ):
        peaks = [None if pair is None else pair[1] for pair in pairs]
        warm = [value for value in peaks if value is not None]
        if warm:
            lines += [
                f"{name}, peak of each, {span_of(warm)} °C",
                f"  {_curve(peaks)}",
            ]
    return [_Wrapped(line, 0) for line in lines]


def _key(shown: Sequence[float | None], bad: Sequence[bool]) -> str:
    """Explain the signs that are not bars, where there are any."""
    gaps = any(value is None and not wrong for value, wrong in zip(shown, bad, strict=True))
    signs = [f"{BAD} invalid"] * any(bad) + [f"{NONE} no figure that counts"] * gaps
    return f" ({', '.join(signs)})" if signs else ""


def _group(group: Group, run_id: str) -> list[RenderableType]:
    parts: list[RenderableType] = [Text(), _Wrapped(group.heading, 0, "" if group.good else "bold red")]
    for line in group.examples:
        parts += _told(line)
    if group.examples and group.others:
        first = group.others.partition(",")[0].partition("-")[0]
        parts.append(_indented(f"likewise {group.others}: `lab explain {run_id[:13]} --trial {first}` shows one"))
    return parts


def _told(line: Line) -> list[RenderableType]:
    cell = f" ({line.cell})" if line.cell else ""
    head = f"{line.number}{cell} at {line.when}: {line.detail or line.state}"
    lines = [_indented(head)]
    about = [*line.remarks, *([line.state] if line.detail and line.standing == "counts" else [])]
    if about:
        lines.append(_indented("; ".join(about), 4))
    if not line.device.startswith("device unknown"):
        lines.append(_indented(line.device, 4))
    return list(lines)


def _section(title: str, lines: Sequence[str]) -> list[RenderableType]:
    return [Text(), Text(title, style="bold"), *(_indented(line) for line in lines)]


@dataclass(frozen=True)
class _Wrapped:
    """Text wrapped at words and indented, later lines by two more; rich's padding would leave trailing blanks."""

    text: str
    indent: int
    style: str = ""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        wrapped = textwrap.wrap(
            self.text,
            width=options.max_width,
            initial_indent=" " * self.indent,
            subsequent_indent=" " * (self.indent + 2),
            break_on_hyphens=False,
        )
        yield from (Text(line, style=self.style) for line in wrapped)


def _indented(text: str, by: int = 2) -> RenderableType:
    return _Wrapped(plain(text), by)
