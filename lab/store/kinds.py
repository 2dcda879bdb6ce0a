"""The kinds of record that a store keeps, and where the file of each lies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from lab.errors import StoreError
from lab.files import disk_errors, make_folder, write_atomically
from lab.records import Comparison, Incident, Night, Run, SelfCheck
from lab.store import glance
from lab.store.raw import ComparisonFile, IncidentFile, NightFile, RecordFile, RunFile, SelfCheckFile, encode, read


class Listed(Protocol):
    """The fields that a list needs of every record."""

    @property
    def id(self) -> str:
        """A UUIDv7."""

    @property
    def started_utc(self) -> str:
        """ISO 8601, UTC."""

    @property
    def status(self) -> str:
        """``running``, ``finished``, ``interrupted`` or ``failed``; of an incident its state."""


Record = TypeVar("Record", bound=Listed)


@dataclass(frozen=True)
class Kind(Generic[Record]):
    """One kind of record."""

    name: glance.Kind
    model: type[RecordFile[Record]]

    def path(self, root: Path, record_id: str) -> Path:
        """Return where the file of a record lies; raises `StoreError` for an id that is no name of a file."""
        return glance.path_of(root, self.name, record_id)

    def ids(self, root: Path) -> list[str]:
        """Return the ids of all saved records, sorted; raise `StoreError` when they cannot be listed."""
        return [each for each, _ in glance.ids(root, (self.name,))]

    def read(self, root: Path, record_id: str) -> Record:
        """Read a record; raise `StoreError` naming a file that is missing, damaged or another record's."""
        path = self.path(root, record_id)
        record = read(self.model, path).record
        if record.id != record_id:
            raise StoreError(f"{path}: says that it is {self.name} {record.id}; restore it from a copy")
        return record

    def write(self, root: Path, record: Record) -> None:
        """Write the file of a record; raise `DiskFull` and `StoreError`."""
        path = self.path(root, record.id)
        with disk_errors(f"save {self.name} {record.id}", path):
            make_folder(path.parent)
            write_atomically(path, self.encode(record))

    def encode(self, record: Record) -> bytes:
        """Return the bytes of a record's file."""
        return encode(self.model(record=record))

    def decode(self, document: str) -> Record:
        """Return the record of a file's text."""
        return self.model.model_validate_json(document).record


@dataclass(frozen=True)
class NightRow:
    """A night in a list, without its findings: a year of nights with all of theirs takes a gigabyte."""

    id: str
    date: str
    suite: str
    started_utc: str
    status: str


@dataclass(frozen=True)
class RunRow:
    """A run in a list, without its document."""

    id: str
    scenario: str
    device: str
    build_line: str
    build: str
    started_utc: str
    status: str


@dataclass(frozen=True)
class RunGroup:
    """A scenario, a device and a line of builds, with the ids of the newest run and of the newest finished one.

    `finished` is empty when none is.
    """

    scenario: str
    device: str
    build_line: str
    newest: str
    finished: str

    @property
    def same(self) -> tuple[str, str, str]:
        """Scenario, device and line: the order of groups in a list."""
        return self.scenario, self.device, self.build_line


def grouped(rows: Sequence[RunRow]) -> list[RunGroup]:
    """Return the groups of runs that are listed newest first."""
    found: dict[tuple[str, str, str], list[RunRow]] = {}
    for row in rows:
        found.setdefault((row.scenario, row.device, row.build_line), []).append(row)
    return [
        RunGroup(*same, own[0].id, next((row.id for row in own if row.status == "finished"), ""))
        for same, own in sorted(found.items())
    ]


def newest_of_suites(rows: Sequence[NightRow]) -> list[str]:
    """Return the id of the newest finished night of each suite; `rows` are newest first, and so is the answer."""
    found: dict[str, str] = {}
    for row in rows:
        if row.status == "finished":
            found.setdefault(row.suite, row.id)
    return list(found.values())


RUNS: Kind[Run] = Kind("run", RunFile)
COMPARISONS: Kind[Comparison] = Kind("comparison", ComparisonFile)
SELFCHECKS: Kind[SelfCheck] = Kind("self-check", SelfCheckFile)

NIGHTS: Kind[Night] = Kind("night", NightFile)
INCIDENTS: Kind[Incident] = Kind("incident", IncidentFile)

_KIND_OF: Mapping[type, Kind[Any]] = {
    Run: RUNS,
    Comparison: COMPARISONS,
    SelfCheck: SELFCHECKS,
    Night: NIGHTS,
    Incident: INCIDENTS,
}
KINDS: tuple[Kind[Any], ...] = tuple(_KIND_OF.values())


def kind_of(record: Listed) -> Kind[Any]:
    """Return the kind of a record."""
    return _KIND_OF[type(record)]
