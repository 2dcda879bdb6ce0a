"""What is remembered of devices between runs: a JSON file of entries by name, changed by one lab at a time."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from lab.errors import StoreError
from lab.files import disk_errors, locked, make_folder, write_atomically

log = logging.getLogger(__name__)

Entry = TypeVar("Entry")


@dataclass(frozen=True)
class Book(Generic[Entry]):
    """One such file, ``<data root>/devices/<name>.json``.

    `doing` says what a full disk keeps from being done, like ``note the health of a device``; `lost` what follows
    when the file is damaged, and so counts as empty.
    """

    name: str
    entries: TypeAdapter[dict[str, Entry]]
    doing: str
    lost: str

    def path(self, root: Path) -> Path:
        """Return where it lies under a data root."""
        return root / "devices" / f"{self.name}.json"

    def read(self, root: Path) -> dict[str, Entry]:
        """Return what is known; a damaged file counts as empty, and says so. Raises `StoreError`."""
        path = self.path(root)
        try:
            return self.entries.validate_json(path.read_bytes())
        except FileNotFoundError:
            return {}
        except ValidationError as error:
            problem = error.errors(include_url=False)[0]["msg"]
            log.warning("%s is damaged (%s): %s", path, problem, self.lost)
            return {}
        except OSError as error:
            raise StoreError(
                f"{path} could not be read: {error.strerror or error}; check the folder's rights"
            ) from error

    @contextmanager
    def changing(self, root: Path) -> Iterator[dict[str, Entry]]:
        """Read it, let the block change it, and write it if that did; raises `StoreError` and `DiskFull`."""
        path = self.path(root)
        with disk_errors(self.doing, path):
            make_folder(path.parent)
            with locked(path.with_name(f".{self.name}.lock")):
                book = self.read(root)
                before = dict(book)
                yield book
                if book != before:
                    write_atomically(path, self.entries.dump_json(book, indent=2) + b"\n")
