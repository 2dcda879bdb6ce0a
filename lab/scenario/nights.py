"""The nightly tables of a suite: lines, devices, budgets, and the thresholds of its policy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field

from device_agents.contract import Name
from lab.documents.tables import Table, check, parse, read_text
from lab.errors import ScenarioError
from lab.scenario.plan import Words

Minutes = Annotated[float, Field(gt=0, le=24 * 60)]


def _zone(name: str) -> str:
    """Refuse a time zone that this machine does not know."""
    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError) as error:  # ZoneInfoNotFoundError is a KeyError
        raise ValueError(
            "this machine knows no such time zone; wanted one such as UTC or Asia/Shanghai"
        ) from error
    return name


class Nightly(Table):
    """The `[nightly]` table of a suite: what is measured each night beside its scenarios.

    The newest build of each of the `lines` is measured, the most important line first. The `anchor` is a line
    whose baseline (its first build, if none is set) is measured every night too: a change of it is no change of a
    build. `devices` is what ``--device`` takes. A night is a date in `zone`. Measuring ends after
    `measure_minutes` of device time, and confirming after `confirm_minutes`.
    """

    lines: Annotated[list[Name], Field(min_length=1)]
    anchor: Name | None = None
    devices: Words = "host"
    zone: Annotated[str, AfterValidator(_zone)] = "UTC"
    measure_minutes: Minutes = 240
    confirm_minutes: Minutes = 120


class Policy(Table):
    """The `[policy]` table of a suite, or of a file of its own: when to look twice, and when to tell somebody.

    The screen `tonight` passes on about a `share` of the series that did not change; it looks at the last
    `nights`. A change smaller than `least` (a share) is ignored. Whatever is `silent` for so many nights
    is an alarm.
    """

    share: Annotated[float, Field(gt=0, le=0.5)] = 0.05
    nights: Annotated[int, Field(ge=5, le=30)] = 30
    least: Annotated[float, Field(ge=0, lt=1)] = 0.03
    silent: Annotated[int, Field(ge=1, le=365)] = 2


def load_policy(path: Path) -> Policy:
    """Read the `[policy]` table of a TOML file, which may be a suite; raises `ScenarioError`."""
    document = parse(read_text(path, "policy"), path)
    table = document.get("policy")
    if not isinstance(table, dict):
        raise ScenarioError(f"{path}: wanted a table [policy], found none; docs/nightly.md lists its keys")
    return check(Policy, table, at=str(path), tables="[policy]")
