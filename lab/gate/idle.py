"""How cool a device has been lately: the lowest skin and chip temperatures seen when its gate opened."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter

from lab.device.book import Book
from lab.device.vitals import look as senses
from lab.device.vitals.lines import COLDEST, HOTTEST
from lab.identifiers import now_utc
from lab.records import Vitals

KEPT_DAYS = 7
"""How long a low counts: a judgement. A winter's night must not forbid measuring in spring, and one day with the
heating off should not be lost over a weekend."""


@dataclass(frozen=True)
class Idle:
    """The lowest skin and chip temperature (degC) of the last days; None where no such sensor was ever read."""

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
    lost="idle temperatures are learnt anew",
)


def remembered(root: Path, name: str, *, utc: str = "") -> Idle | None:
    """Return how cool the device was at its coolest lately; None when nothing is known.

    `utc` is now, as ISO 8601. Days that lie ahead (a host's clock was set back) do not count. Raises `StoreError`.
    """
    days = _recent(_BOOK.read(root).get(name, {}), utc)
    skin, soc = _lowest(low.skin for low in days.values()), _lowest(low.soc for low in days.values())
    return None if skin is None and soc is None else Idle(skin, soc)


def remember(root: Path, name: str, vitals: Vitals, *, utc: str = "") -> None:
    """Note what a look at an open gate said, if it is the day's lowest; raises `StoreError`.

    Only looks at which the gate opened belong here: with nothing known, a hot phone would otherwise teach that hot
    is idle.
    """
    skin, soc = _lowest((senses.skin(vitals),)), _lowest((senses.soc(vitals),))
    if skin is None and soc is None:
        return
    today = _today(utc)
    known = _BOOK.read(root).get(name, {}).get(today, _Low())
    if known == _lower(known, skin, soc):
        return
    with _BOOK.changing(root) as book:
        days = _recent(book.get(name, {}), utc)
        book[name] = days | {today: _lower(days.get(today, _Low()), skin, soc)}


def _lower(low: _Low, skin: float | None, soc: float | None) -> _Low:
    return _Low(skin=_lowest((low.skin, skin)), soc=_lowest((low.soc, soc)))


def _lowest(values: Iterable[float | None]) -> float | None:
    """Return the lowest of those that something in a phone can have."""
    return min((value for value in values if value is not None and COLDEST <= value <= HOTTEST), default=None)


def _recent(days: _Days, utc: str) -> _Days:
    today = _today(utc)
    return {day: low for day, low in days.items() if 0 <= (today - day).days < KEPT_DAYS}


def _today(utc: str) -> date:
    return date.fromisoformat((utc or now_utc())[:10])
