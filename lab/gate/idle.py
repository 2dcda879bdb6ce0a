"""How cool a device is at rest: the lowest skin and chip temperatures at which its gate opened lately."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter

from lab.device.android_text import COLDEST, HOTTEST
from lab.device.book import Book
from lab.device.vitals.look import skin, soc
from lab.identifiers import now_utc
from lab.records import Vitals

KEPT_DAYS = 7
"""How many days a low counts: a judgement. A winter's night must not prevent measurements in spring, and the low
of a day with the heating off should survive a weekend."""


@dataclass(frozen=True)
class Idle:
    """The lowest skin and chip temperature (degC) of the last days; None where no such sensor was read."""

    skin: float | None
    soc: float | None


class _Low(BaseModel):
    """One day's lowest temperatures, degC."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    skin: float | None = None
    soc: float | None = None


_Days = dict[date, _Low]
_BOOK = Book(
    "idle",
    TypeAdapter(dict[str, _Days]),
    doing="note how cool a device is at rest",
    lost="idle temperatures will be learnt again",
)


def remembered(root: Path, name: str, *, utc: str = "") -> Idle | None:
    """Return the device's lowest temperatures of the last days; None when none is known.

    `utc` is the current time, as ISO 8601. Days in the future (the host's clock was set back) do not count. Raises
    `StoreError`.
    """
    days = _recent(_BOOK.read(root).get(name, {}), utc)
    idle = Idle(_lowest(low.skin for low in days.values()), _lowest(low.soc for low in days.values()))
    return None if idle == Idle(None, None) else idle


def remember(root: Path, name: str, vitals: Vitals, *, utc: str = "") -> None:
    """Record the temperatures of a look at an open gate, if they are the day's lowest; raises `StoreError`.

    Pass only looks at which the gate opened: while nothing is known, a hot phone would otherwise teach that hot is
    idle.
    """
    now = _Low(skin=_lowest((skin(vitals),)), soc=_lowest((soc(vitals),)))
    today = _today(utc)
    known = _BOOK.read(root).get(name, {}).get(today, _Low())
    if known == _lower(known, now):
        return
    with _BOOK.changing(root) as book:
        days = _recent(book.get(name, {}), utc)
        book[name] = days | {today: _lower(days.get(today, _Low()), now)}


def _lower(low: _Low, other: _Low) -> _Low:
    return _Low(skin=_lowest((low.skin, other.skin)), soc=_lowest((low.soc, other.soc)))


def _lowest(values: Iterable[float | None]) -> float | None:
    """Return the lowest temperature that a part of a phone can have; None without one."""
    return min((value for value in values if value is not None and COLDEST <= value <= HOTTEST), default=None)


def _recent(days: _Days, utc: str) -> _Days:
    today = _today(utc)
    return {day: low for day, low in days.items() if 0 <= (today - day).days < KEPT_DAYS}


def _today(utc: str) -> date:
    return date.fromisoformat((utc or now_utc())[:10])
