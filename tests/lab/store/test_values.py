"""The figures of a night."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lab.errors import StoreError
from lab.store import Store
from tests.night_records import DATE, NIGHT, SERIES, incident, night, value


def test_a_night_its_figures_and_its_incident_come_back_as_they_were_saved(tmp_path: Path) -> None:
    """Every field of each, from files and from a rebuilt index."""
    store = Store(tmp_path)
    figures = [value(), replace(value(replace(SERIES, device="phone-1")), error=None, usual=None)]
    store.save_night(night())
    store.save_values(NIGHT, figures)
    store.save_incident(incident())

    assert store.reindex() | {"night": 1, "incident": 1} == store.reindex()
    assert store.values(NIGHT) == figures
    assert [store.night(text) for text in (DATE, "last", NIGHT[:20])] == [night()] * 3
    assert (store.incidents(), store.incident("last")) == ([incident()], incident())


@pytest.mark.parametrize("content", [None, b"", b"PAR1 cut", b"{}"])
def test_figures_that_cannot_be_read_are_named(tmp_path: Path, content: bytes | None) -> None:
    """A file that is missing, empty, cut or something else names itself and what to do."""
    store = Store(tmp_path)
    store.save_values(NIGHT, [value()])
    path = tmp_path / "nights" / NIGHT / "values.parquet"
    path.unlink() if content is None else path.write_bytes(content)

    with pytest.raises(StoreError, match=r"values\.parquet: could not be read: .*restore it from a copy"):
        store.values(NIGHT)


def test_without_a_night_the_command_that_makes_one_is_named(tmp_path: Path) -> None:
    """An empty store says so, for nights and incidents."""
    store = Store(tmp_path)

    with pytest.raises(StoreError, match=r"no night has .* none yet; start one with `lab nightly`"):
        store.night("last")
    with pytest.raises(StoreError, match=r"no incident has .* none yet; start one with `lab nightly`"):
        store.incident("last")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"format": 1', '"format": 2', "written in format 2, this lab knows 1; update pocketlab"),
        ('"status": "finished"', '"status": "fine"', r"damaged: night\.status"),
        ('"zone"', '"zones"', "damaged: night"),
        ("{", "", "damaged, not JSON"),
    ],
)
def test_a_night_of_a_newer_lab_or_a_damaged_one_says_so(tmp_path: Path, old: str, new: str, words: str) -> None:
    """By its file, and other nights are read."""
    store = Store(tmp_path)
    store.save_night(night())
    path = tmp_path / "nights" / NIGHT / "night.json"
    path.write_text(path.read_text().replace(old, new, 1))

    with pytest.raises(StoreError, match=rf"night\.json: {words}"):
        Store(tmp_path).night(NIGHT)
