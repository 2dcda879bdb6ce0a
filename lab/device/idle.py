"""How cool a device has been lately: the lowest skin and chip temperatures seen when its gate opened."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from lab.device import vitals as senses
from lab.device.vitals_lines import COLDEST, HOTTEST
from lab.errors import StoreError
from lab.files import disk_errors, locked, make_folder, write_atomically
from lab.identifiers import now_utc
from lab.records import Vitals

log = logging.getLogger(__name__)

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
_Book = TypeAdapter(dict[str, _Days])


def remembered(root: Path, name: str, *, utc: str = "") -> Idle | None:
    """Return how cool the device was at its coolest lately; None when nothing is known.

    `utc` is now, as ISO 8601. Days that lie ahead (a host's clock was set back) do not count. Raises `StoreError`.
    """
    days = _recent(_read(_path(root)).get(name, {}), utc)
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
    known = _read(_path(root)).get(name, {}).get(today, _Low())
    if known == _lower(known, skin, soc):
        return
    with _changing(root) as book:
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


def _path(root: Path) -> Path:
    return root / "devices" / "idle.json"


@contextmanager
def _changing(root: Path) -> Iterator[dict[str, _Days]]:
    """Read the file, let the block change it, write it: one lab at a time."""
    path = _path(root)
    with disk_errors("note how cool a device is at rest", path):
        make_folder(path.parent)
        with locked(path.with_name(".idle.lock")):
            book = _read(path)
            yield book
            write_atomically(path, _Book.dump_json(book, indent=2) + b"\n")


def _read(path: Path) -> dict[str, _Days]:
    """Return what is known; a damaged file counts as empty, and says so."""
    try:
        return _Book.validate_json(path.read_bytes())
    except FileNotFoundError:
        return {}
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]["msg"]
        log.warning("%s is damaged (%s): idle temperatures are learnt anew", path, problem)
        return {}
    except OSError as error:
        raise StoreError(
            f"{path} could not be read: {error.strerror or error}; check the folder's rights"
        ) from error
