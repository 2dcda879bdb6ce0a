"""The index of the files: tables for lists and pages, which can always be rebuilt.

SQLite by default, any other database by URL. Nothing is kept here alone. Rows have no foreign keys: a crash
can keep a row out, and the next opening of the store puts it in.
"""

from __future__ import annotations

import logging
import shutil
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from lab.errors import StoreError
from lab.files import disk_full
from lab.identifiers import now_utc
from lab.records import Comparison, Run, SelfCheck, Trial
from lab.store import rows
from lab.store.kinds import COMPARISONS, RUNS, SELFCHECKS, Kind, Record
from lab.store.raw import LineFile, RootFile
from lab.store.rows import BuildRow
from lab.store.tables import OWNED, builds, medians, metadata, roots, runs, trials, verdicts

log = logging.getLogger(__name__)

BUSY_MS = 30_000
"""How long SQLite waits for another process's write. A write here takes milliseconds."""

SPARE_BYTES = 1 << 20
"""With less than this free, an input or output error of SQLite means a full disk: a read needs 32 KiB."""


@dataclass(frozen=True)
class Elsewhere:
    """A record of another data root, and where that root lay when it was last opened."""

    id: str
    host: str
    path: str
    opened_utc: str


@dataclass(frozen=True)
class Files:
    """Everything in the files of a data root; `trials` by run id."""

    lines: Sequence[LineFile]
    runs: Sequence[Run]
    trials: Mapping[str, Sequence[Trial]]
    comparisons: Sequence[Comparison]
    selfchecks: Sequence[SelfCheck]


class Index:
    """The rows of one data root, in a database that other roots may share.

    Every method raises `DiskFull`, or `StoreError` when the database fails.
    """

    def __init__(self, url: str, root: Path, owner: RootFile) -> None:
        """Open the index at `url` for the root `owner` at `root`. Make its tables if they are missing.

        Raises `StoreError` when the URL or its driver is unknown.
        """
        self._root = root
        self._owner = owner
        self._engine = _engine(url)
        self._writer = self._engine.execution_options(writes=True)
        try:
            self._make_tables()
        except StoreError:  # another root may have made them at this moment
            self._make_tables()

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    # --- writing -----------------------------------------------------------------------------------

    def put(self, kind: Kind[Record], record: Record) -> None:
        """Replace the rows of a record, unless they say the same already."""
        row = rows.of_record(kind, record)
        same = sa.select(kind.table.c.id).where(self._mine(kind.table, id=record.id, document=row["document"]))
        with self._reading() as connection:
            if connection.execute(same).first() is not None:
                return
        with self._writing() as connection:
            self._delete(connection, kind.table, id=record.id)
            if isinstance(record, Comparison):
                self._delete(connection, verdicts, comparison=record.id)
            self._insert_record(connection, kind, record)

    def put_trials(self, run_id: str, saved: Iterable[Trial]) -> None:
        """Replace the rows of these trials of a run."""
        with self._writing() as connection:
            for trial in saved:
                for table in (medians, trials):
                    self._delete(connection, table, run=run_id, number=trial.number)
                self._insert_trial(connection, run_id, trial)

    def put_line(self, line: LineFile) -> None:
        """Replace the rows of a line."""
        with self._writing() as connection:
            self._delete(connection, builds, line=line.line)
            self._insert(connection, builds, rows.of_line(line))

    def replace_all(self, saved: Files) -> None:
        """Replace every row of this root, in one transaction. Rows of other roots stay."""
        with self._writing() as connection:
            for table in OWNED:
                self._delete(connection, table)
            for line in saved.lines:
                self._insert(connection, builds, rows.of_line(line))
            for run in saved.runs:
                self._insert_record(connection, RUNS, run)
            for run_id, its_trials in saved.trials.items():
                for trial in its_trials:
                    self._insert_trial(connection, run_id, trial)
            for comparison in saved.comparisons:
                self._insert_record(connection, COMPARISONS, comparison)
            for check in saved.selfchecks:
                self._insert_record(connection, SELFCHECKS, check)

    # --- reading -----------------------------------------------------------------------------------

    def builds(self) -> list[BuildRow]:
        """Return every build of every line, in the order of the lines."""
        names = BuildRow.__dataclass_fields__
        query = sa.select(*(builds.c[name] for name in names)).where(self._mine(builds))
        with self._reading() as connection:
            found = connection.execute(query.order_by(builds.c.line, builds.c.position)).mappings().all()
        return [BuildRow(**row) for row in found]

    def records(self, kind: Kind[Record], limit: int | None = None, **wanted: str) -> list[Record]:
        """Return the records that have the `wanted` values in their columns, newest first."""
        table = kind.table
        query = sa.select(table.c.document).where(self._mine(table, **wanted))
        query = query.order_by(table.c.started_utc.desc(), table.c.id.desc()).limit(limit)
        with self._reading() as connection:
            found = connection.execute(query).scalars().all()
        return [kind.decode(document) for document in found]

    def finished(self, kind: Kind[Record]) -> set[str]:
        """Return the ids of the records that are finished: these change no more."""
        query = sa.select(kind.table.c.id).where(self._mine(kind.table, status="finished"))
        with self._reading() as connection:
            return set(connection.execute(query).scalars())

    def trial_counts(self) -> dict[str, int]:
        """Return the number of trials of each run, by its id."""
        query = sa.select(trials.c.run, sa.func.count()).where(self._mine(trials)).group_by(trials.c.run)
        with self._reading() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def elsewhere(self, kind: Kind[Record], start: str) -> list[Elsewhere]:
        """Return the records of other roots whose ids begin with `start`."""
        table = kind.table
        query = sa.select(table.c.id, roots.c.host, roots.c.path, roots.c.opened_utc).where(
            table.c.root == roots.c.id,
            table.c.root != self._owner.id,
            table.c.id.startswith(start, autoescape=True),
        )
        with self._reading() as connection:
            return [Elsewhere(*row) for row in connection.execute(query.order_by(table.c.id))]

    # --- inside ------------------------------------------------------------------------------------

    def _make_tables(self) -> None:
        """Make the tables of this version if they are missing, and note where the root lies now."""
        row = {name: getattr(self._owner, name) for name in ("id", "host", "path")}
        with errors(self._engine, self._root), self._writer.begin() as connection:
            names = set(sa.inspect(connection).get_table_names())
            if runs.name not in names and any(_is_ours(name) for name in names):
                log.warning(
                    "the index %s was written by another version of pocketlab: building a new one from the files "
                    "of %s; nothing is lost, and the old tables stay as they are",
                    *(self._engine.url.render_as_string(), self._root),
                )
            metadata.create_all(connection)
            connection.execute(roots.delete().where(roots.c.id == self._owner.id))
            connection.execute(roots.insert().values(**row, opened_utc=now_utc()))

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        """Begin a transaction, and wait until no other process writes rows of this root.

        The update changes nothing. It locks the root's row, in any database.
        """
        with errors(self._engine, self._root), self._writer.begin() as connection:
            connection.execute(roots.update().where(roots.c.id == self._owner.id).values(id=self._owner.id))
            yield connection

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with errors(self._engine, self._root), self._engine.connect() as connection:
            yield connection

    def _mine(self, table: sa.Table, **values: object) -> sa.ColumnElement[bool]:
        """Return the condition for this root's rows that have these values in their columns."""
        return sa.and_(table.c.root == self._owner.id, *(table.c[name] == value for name, value in values.items()))

    def _delete(self, connection: sa.Connection, table: sa.Table, **values: object) -> None:
        connection.execute(table.delete().where(self._mine(table, **values)))

    def _insert(self, connection: sa.Connection, table: sa.Table, new: Sequence[rows.Row]) -> None:
        if new:
            connection.execute(table.insert(), [{"root": self._owner.id, **row} for row in new])

    def _insert_record(self, connection: sa.Connection, kind: Kind[Record], record: Record) -> None:
        self._insert(connection, kind.table, [rows.of_record(kind, record)])
        if isinstance(record, Comparison):
            self._insert(connection, verdicts, rows.of_verdicts(record))

    def _insert_trial(self, connection: sa.Connection, run_id: str, trial: Trial) -> None:
        self._insert(connection, trials, [rows.of_trial(run_id, trial)])
        self._insert(connection, medians, rows.of_medians(run_id, trial))


@contextmanager
def errors(engine: sa.Engine, root: Path) -> Iterator[None]:
    """Translate the database's errors into `DiskFull` and `StoreError`."""
    try:
        yield
    except sa.exc.SQLAlchemyError as error:
        if _is_full(error, root):
            raise disk_full("write the index", root) from error
        cause = getattr(error, "orig", None) or error
        raise StoreError(f"the index {engine.url.render_as_string()}: {cause}; {_remedy(engine)}") from error
    except (OverflowError, UnicodeEncodeError) as error:  # the driver's own, for what no column can hold
        raise StoreError(f"the index {engine.url.render_as_string()} cannot hold a value: {error}") from error


def _remedy(engine: sa.Engine) -> str:
    if engine.dialect.name == "sqlite":
        return "if it is damaged, remove it: the next `lab runs` rebuilds it from the files"
    return "check that database; `lab reindex` rebuilds the rows of this data root from its files"


def _is_ours(name: str) -> bool:
    """Tell whether a version of pocketlab made a table of this name; versions 1 and 2 used no prefix."""
    return name == "medians" or name.startswith("pocketlab_v")


def _engine(url: str) -> sa.Engine:
    try:
        address = sa.make_url(url)
        if address.drivername == "postgresql":
            address = address.set(drivername="postgresql+psycopg")
        engine = sa.create_engine(address)
    except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError) as error:
        raise StoreError(f"SQLAlchemy does not know the index's URL: {error}") from error
    except ImportError as error:
        raise StoreError(
            f"the index is a {address.get_backend_name()} database, and its driver is missing ({error}); "
            "for PostgreSQL: pip install 'pocketlab[postgres]'"
        ) from error
    if address.get_backend_name() == "sqlite":
        _prepare_sqlite(engine)
    return engine


def _prepare_sqlite(engine: sa.Engine) -> None:
    """Turn on the write-ahead log and patience, and let a transaction include changes of tables.

    A transaction that will write locks the database at its beginning. One that read first could not wait for
    another writer: SQLite refuses it at once, because what it read is out of date.
    The two events are SQLAlchemy's own recipe for the last (its dialect's page "Pysqlite", "Serializable
    isolation / Savepoints / Transactional DDL").
    """

    @sa.event.listens_for(engine, "connect")
    def _connected(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")

    @sa.event.listens_for(engine, "begin")
    def _begun(connection: sa.Connection) -> None:
        writes = connection.get_execution_options().get("writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _is_full(error: sa.exc.SQLAlchemyError, root: Path) -> bool:
    cause = getattr(error, "orig", None)
    if getattr(cause, "sqlstate", None) == "53100":  # PostgreSQL's disk_full
        return True
    name = str(getattr(cause, "sqlite_errorname", ""))
    if name.startswith(("SQLITE_IOERR", "SQLITE_CANTOPEN")):
        return shutil.disk_usage(root).free < SPARE_BYTES
    return name == "SQLITE_FULL"
