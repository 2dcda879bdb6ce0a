"""Which devices are to be left alone: three failures in a row put one in quarantine until it is released."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from lab.errors import StoreError
from lab.files import disk_errors, locked, make_folder, write_atomically
from lab.identifiers import now_utc

log = logging.getLogger(__name__)

PATIENCE = 3
"""Failures in a row before a device is left alone (device_care.md, section 8: three misses)."""


class Health(BaseModel):
    """What a device did lately: failures in a row, the last reason, and since when it is in quarantine."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    failures: int = 0
    reason: str = ""
    since_utc: str = ""


_Book = TypeAdapter(dict[str, Health])


def failed(root: Path, name: str, reason: str) -> None:
    """Count a failure of the device; the third in a row puts it in quarantine."""
    with _changing(root) as book:
        before = book.get(name, Health())
        if before.since_utc:
            return
        failures = before.failures + 1
        since = now_utc() if failures >= PATIENCE else ""
        book[name] = Health(failures=failures, reason=reason, since_utc=since)


def worked(root: Path, name: str) -> None:
    """Forget the failures of a device that worked; one in quarantine stays there."""
    known = _read(_path(root)).get(name)
    if known is None or known.since_utc:
        return
    with _changing(root) as book:
        if not book.get(name, Health()).since_utc:
            book.pop(name, None)


def quarantined(root: Path, name: str) -> str | None:
    """Return why and since when the device is in quarantine, in words; None when it is not."""
    known = _read(_path(root)).get(name)
    if known is None or not known.since_utc:
        return None
    return f"{known.failures} failures in a row, since {known.since_utc}; the last: {known.reason}"


def release(root: Path, name: str) -> None:
    """Let the device work again."""
    with _changing(root) as book:
        book.pop(name, None)


def _path(root: Path) -> Path:
    return root / "devices" / "health.json"


@contextmanager
def _changing(root: Path) -> Iterator[dict[str, Health]]:
    """Read the file, let the block change it, write it: one lab at a time."""
    path = _path(root)
    with disk_errors("note the health of a device", path):
        make_folder(path.parent)
        with locked(path.with_name(".health.lock")):
            book = _read(path)
            before = dict(book)
            yield book
            if book != before:
                write_atomically(path, _Book.dump_json(book, indent=2) + b"\n")


def _read(path: Path) -> dict[str, Health]:
    """Return what is known; a damaged file counts as empty, and says so."""
    try:
        return _Book.validate_json(path.read_bytes())
    except FileNotFoundError:
        return {}
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]["msg"]
        log.warning(
            "%s is damaged (%s): no device is taken to be in quarantine; it is written anew", path, problem
        )
        return {}
    except OSError as error:
        raise StoreError(
            f"{path} could not be read: {error.strerror or error}; check the folder's rights"
        ) from error
