"""One change over the devices that measured it again. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from lab.records import Across, Finding, Interval
from lab.stats.across import random_effects

Step = tuple[str, str, str, str, str, str, str]


def across(findings: Sequence[Finding], kinds: Mapping[str, str]) -> tuple[Across, ...]:
    """Return one line for each change that two devices of a kind, or more, compared between the same two builds.

    `kinds` says of each device what kind it is: figures of different kinds are never averaged, and a device whose
    kind is not known is left out.
    """
    steps: dict[Step, list[tuple[Finding, Interval]]] = {}
    for each in findings:
        change, kind = each.verdict.change if each.verdict else None, kinds.get(each.series.device)
        if change is None or change.low is None or each.good is None or kind is None:
            continue
        series = each.series
        step = (series.scenario, series.cell, series.line, series.metric, each.good.id, each.bad.id, kind)
        steps.setdefault(step, []).append((each, change))
    found = []
    for members in steps.values():
        if (pooled := random_effects([change for _, change in members])) is not None:
            first, devices = members[0][0], tuple(each.series.device for each, _ in members)
            found.append(Across(replace(first.series, device=""), first.metric, devices, *pooled))
    return tuple(found)
