"""Quarantine: three failures in a row, until released."""

from __future__ import annotations

from pathlib import Path

from lab.device import health


def test_three_failures_in_a_row_put_a_device_in_quarantine_with_its_reason(tmp_path: Path) -> None:
    """Two failures are tolerated; the third gives the quarantine and its reason."""
    for reason in ("the cable", "the cable again"):
        health.failed(tmp_path, "phone-1", reason)
        assert health.quarantined(tmp_path, "phone-1") is None
    health.failed(tmp_path, "phone-1", "no answer within 60 s")

    found = health.quarantined(tmp_path, "phone-1")

    assert found is not None
    assert found.startswith("3 failures in a row, since 20")
    assert found.endswith("the last: no answer within 60 s")
    assert health.quarantined(tmp_path, "phone-2") is None


def test_success_in_between_starts_the_count_again(tmp_path: Path) -> None:
    """In a row means in a row."""
    for _ in range(5):
        health.failed(tmp_path, "phone-1", "x")
        health.failed(tmp_path, "phone-1", "x")
        health.worked(tmp_path, "phone-1")

    assert health.quarantined(tmp_path, "phone-1") is None


def test_quarantine_lasts_until_a_person_releases_it(tmp_path: Path) -> None:
    """Neither success nor more failures change it; release does, and forgets the failures."""
    for _ in range(3):
        health.failed(tmp_path, "phone-1", "first")
    before = health.quarantined(tmp_path, "phone-1")
    health.worked(tmp_path, "phone-1")
    health.failed(tmp_path, "phone-1", "later")
    assert health.quarantined(tmp_path, "phone-1") == before

    health.release(tmp_path, "phone-1")
    health.failed(tmp_path, "phone-1", "again")

    assert health.quarantined(tmp_path, "phone-1") is None


def test_the_whole_book_is_read_at_once(tmp_path: Path) -> None:
    """Devices that failed lately, in quarantine or not; those that are fine are not in it."""
    for _ in range(3):
        health.failed(tmp_path, "phone-1", "no answer")
    health.failed(tmp_path, "phone-2", "the cable")
    health.worked(tmp_path, "phone-3")

    book, damage = health.examined(tmp_path)

    assert {name: (each.failures, each.quarantine is not None) for name, each in book.items()} == {
        "phone-1": (3, True),
        "phone-2": (1, False),
    }
    assert book["phone-1"].quarantine == health.quarantined(tmp_path, "phone-1")
    assert damage == ""


def test_a_damaged_book_is_reported_to_who_reads_it(tmp_path: Path) -> None:
    """A page says so, instead of showing a rack without quarantines."""
    (tmp_path / "devices").mkdir()
    (tmp_path / "devices" / "health.json").write_text("{")

    book, damage = health.examined(tmp_path)

    assert book == {}
    assert "health.json is damaged" in damage
    assert "no device counts as quarantined" in damage
