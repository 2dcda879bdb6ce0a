"""A JSON file of facts about devices, by name, that outlives runs and that one lab at a time may change."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from lab.documents.strict import Malformed, json_of
from lab.errors import StoreError
from lab.files import disk_errors, locked, make_folder, read, write_atomically

log = logging.getLogger(__name__)

Entry = TypeVar("Entry")


@dataclass(frozen=True)
class Book(Generic[Entry]):
    """One such file, ``<data root>/devices/<name>.json``.

    `doing` names the action that a full disk prevents, like ``note the health of a device``; `lost` says what
    follows from a damaged file, which counts as empty.
    """

    name: str
    entries: TypeAdapter[dict[str, Entry]]
    doing: str
    lost: str

    def path(self, root: Path) -> Path:
        """Return the file's path under a data root."""
        return root / "devices" / f"{self.name}.json"

    def read(self, root: Path) -> dict[str, Entry]:
        """Return the entries; none, with a warning, if the file is damaged. Raises `StoreError`."""
        entries, damage = self.examined(root)
        if damage:
            log.warning("%s", damage)
        return entries

    def examined(self, root: Path) -> tuple[dict[str, Entry], str]:
        """Return the entries, and a sentence about a damaged file, which has none. Raises `StoreError`."""
        path = self.path(root)
        try:
            return self.entries.validate_python(json_of(read(path))), ""
        except FileNotFoundError:
            return {}, ""
        except (ValidationError, Malformed) as error:
            problem = str(error) if isinstance(error, Malformed) else error.errors(include_url=False)[0]["msg"]
            return {}, f"{path} is damaged ({problem}): {self.lost}"
        except OSError as error:
            raise StoreError(
                f"{path}: cannot be read: {error.strerror or error}; check the folder's permissions"
            ) from error

    @contextmanager
    def changing(self, root: Path) -> Iterator[dict[str, Entry]]:
        """Read the entries, let the block change them, write them if it did. Raises `StoreError`, `DiskFull`."""
        path = self.path(root)
        with disk_errors(self.doing, path):
            make_folder(path.parent)
            with locked(path.with_name(f".{self.name}.lock")):
                book = self.read(root)
                before = dict(book)
                yield book
                if book != before:
                    write_atomically(path, self.entries.dump_json(book, indent=2) + b"\n")
