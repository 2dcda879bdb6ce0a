"""The quarantine: three failures in a row put a device there until it is released."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter

from lab.device.book import Book
from lab.identifiers import now_utc

PATIENCE = 3
"""Failures in a row that put a device in quarantine (device_care.md, section 8: three misses)."""


class Health(BaseModel):
    """A device's failures in a row, the last reason, and since when it is in quarantine (empty: it is not)."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    failures: int = 0
    reason: str = ""
    since_utc: str = ""

    @property
    def quarantine(self) -> str | None:
        """In words why and since when the device is in quarantine; None when it is not."""
        if not self.since_utc:
            return None
        return f"{self.failures} failures in a row, since {self.since_utc}; the last: {self.reason}"


_BOOK = Book(
    "health",
    TypeAdapter(dict[str, Health]),
    doing="note the health of a device",
    lost="no device counts as quarantined, and the file is rewritten",
)


def failed(root: Path, name: str, reason: str) -> None:
    """Count a failure of the device; the third in a row puts it in quarantine."""
    with _BOOK.changing(root) as book:
        before = book.get(name, Health())
        if before.since_utc:
            return
        failures = before.failures + 1
        since = now_utc() if failures >= PATIENCE else ""
        book[name] = Health(failures=failures, reason=reason, since_utc=since)


def worked(root: Path, name: str) -> None:
    """Forget the failures of a device that worked, unless it is in quarantine."""
    known = _BOOK.read(root).get(name)
    if known is None or known.since_utc:
        return
    with _BOOK.changing(root) as book:
        if not book.get(name, Health()).since_utc:
            book.pop(name, None)


def quarantined(root: Path, name: str) -> str | None:
    """Return in words why and since when the device is in quarantine; None when it is not."""
    known = _BOOK.read(root).get(name)
    return None if known is None else known.quarantine


def examined(root: Path) -> tuple[dict[str, Health], str]:
    """Return the health of every device that failed lately, and a sentence about a damaged file.

    Raises `StoreError` when the file cannot be read.
    """
    return _BOOK.examined(root)


def release(root: Path, name: str) -> None:
    """Release the device from quarantine, and forget its failures."""
    with _BOOK.changing(root) as book:
        book.pop(name, None)
