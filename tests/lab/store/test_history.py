"""The nights before one, read from the store."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lab.store import Store
from lab.store.history import past_of
from tests.night_records import BAD, GOOD, SERIES, night, value


def saved(store: Store, date: str, figures: dict[str, float], **more: object) -> None:
    """Save a night with the figures of some phones."""
    found = replace(night(), id=f"0199-{date}-{len(store.nights())}", date=date, **more)  # type: ignore[arg-type]
    store.save_night(found)
    build = GOOD if date < "2026-11-03" else BAD
    store.save_values(
        found.id,
        [replace(value(replace(SERIES, device=name), of), build=build) for name, of in figures.items()],
    )


def test_figures_stand_at_their_nights_and_missing_ones_are_missing(tmp_path: Path) -> None:
    """Every series has every night; builds and contexts are known where it has a figure."""
    store = Store(tmp_path)
    saved(store, "2026-11-01", {"a": 1.0, "b": 2.0})
    saved(store, "2026-11-03", {"a": 3.0, "c": 4.0})

    past = past_of(store, night())

    assert past.dates == ("2026-11-01", "2026-11-03")
    by_phone = {series.device: history for series, history in past.series.items()}
    figures = [by_phone[name].values.tolist() for name in "abc"]
    assert figures[0] == [1.0, 3.0]
    assert [figures[1][0], figures[2][1]] == [2.0, 4.0]
    assert np.isnan([figures[1][1], figures[2][0]]).all()
    assert [past.builds[i] for i in by_phone["a"].builds] == [GOOD, BAD]
    assert (by_phone["c"].builds[0], by_phone["c"].contexts[0]) == (-1, -1)
    assert past.contexts == (value().context,)


def test_only_finished_earlier_nights_of_the_suite_count_and_the_newest_of_a_date(tmp_path: Path) -> None:
    """Not the night itself, not one that was cut, not another suite's."""
    store = Store(tmp_path)
    saved(store, "2026-11-01", {"a": 1.0}, started_utc="2026-11-01T01:00:00+00:00")
    saved(store, "2026-11-01", {"a": 2.0}, started_utc="2026-11-01T03:00:00+00:00")
    saved(store, "2026-11-02", {"a": 9.0}, status="interrupted")
    saved(store, "2026-11-03", {"a": 9.0}, suite="another")
    saved(store, night().date, {"a": 9.0})

    past = past_of(store, night())

    assert (past.dates, past.series[replace(SERIES, device="a")].values.tolist()) == (("2026-11-01",), [2.0])


def test_a_night_whose_figures_are_lost_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """With a warning that names the file; the others are read."""
    store = Store(tmp_path)
    saved(store, "2026-11-01", {"a": 1.0})
    saved(store, "2026-11-02", {"a": 2.0})
    newest = store.nights()[0]
    (tmp_path / "nights" / newest.id / "values.parquet").write_bytes(b"cut")

    with caplog.at_level(logging.WARNING):
        past = past_of(store, night())

    assert past.dates == ("2026-11-01",)
    assert "values.parquet: could not be read" in caplog.text


def test_without_a_night_before_there_is_no_past(tmp_path: Path) -> None:
    """Not an error: the first night."""
    past = past_of(Store(tmp_path), night())

    assert (past.dates, past.series) == ((), {})
