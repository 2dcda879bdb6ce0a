"""What a night covered: each device and scenario with the worst that was found, or why it was not measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lab.records import OUTCOMES, Night, Value
from lab.report.wording import quantity

NOT_MEASURED = "not measured"

_RANK = {outcome: place for place, outcome in enumerate(OUTCOMES)}


@dataclass(frozen=True)
class Covered:
    """A scenario with a line of builds on a device: its worst outcome, or `not measured`; the run, if any.

    `words` is a sentence. `silent` is set where nothing was measured for so many nights that it is an alarm.
    """

    device: str
    scenario: str
    line: str
    outcome: str
    words: str
    run: str = ""
    silent: bool = False


def covered(night: Night, values: Sequence[Value]) -> tuple[Covered, ...]:
    """Return what a night covered, in the order of its plan. Pure: no I/O."""
    measured: dict[tuple[str, str, str], list[Value]] = {}
    for each in values:
        measured.setdefault((each.series.scenario, each.series.line, each.series.device), []).append(each)
    missing = {(gap.planned.scenario, gap.planned.line, gap.planned.device): gap for gap in night.gaps}
    planned = ((each.scenario, each.line, each.device) for each in night.planned)
    found = []
    for scenario, line, device in dict.fromkeys((*planned, *missing, *measured)):
        own, gap = measured.get((scenario, line, device)), missing.get((scenario, line, device))
        if own:
            worst = min(own, key=lambda each: _RANK[each.outcome])
            figure = quantity(worst.value, worst.metric.unit)
            words = f"{len(own)} series; {worst.outcome}: {worst.series.cell}, {figure}"
            found.append(Covered(device, scenario, line, worst.outcome, words, worst.run))
        elif gap:
            since = f", {gap.nights} nights in a row" if gap.nights > 1 else ""
            found.append(
                Covered(
                    device, scenario, line, NOT_MEASURED, gap.why + since, silent=gap.nights >= night.silent_after
                )
            )
        else:
            found.append(Covered(device, scenario, line, NOT_MEASURED, "not judged yet"))
    return tuple(found)
