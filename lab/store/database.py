"""The database that holds an index: opened by its URL, with its errors in the lab's words."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from lab.errors import StoreError
from lab.files import disk_full

FILE = "index.sqlite"
"""The index of a data root, in the root, when the user names no other."""

BUSY_MS = 4_000
"""How long SQLite waits for another process's write: a write here takes milliseconds, and what it waits for is a
measurement. Below `cache.PATIENCE_S`, so that the error says what it waited for."""

CONNECT_S = 4
"""How long a connection to a database server may take: below `cache.PATIENCE_S` for the same reason."""

PASSING = ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_FULL", "SQLITE_NOMEM", "SQLITE_INTERRUPT", "SQLITE_PROTOCOL")
"""Errors of SQLite that say nothing about its file."""

SPARE_BYTES = 1 << 20
"""With less than this free, an input or output error of SQLite means a full disk: a read needs 32 KiB."""


class Unusable(StoreError):  # noqa: N818 - what the index is
    """The database is no index that this lab can use: damaged, of another program or of a newer SQLite."""


@contextmanager
def errors(engine: sa.Engine, root: Path) -> Iterator[None]:
    """Translate the database's errors into `DiskFull`, `Unusable` and `StoreError`; tell no secret of its URL."""
    try:
        yield
    except sa.exc.SQLAlchemyError as error:
        if _is_full(error, root):
            raise disk_full("write the index", root) from error
        cause = getattr(error, "orig", None) or error
        name = str(getattr(cause, "sqlite_errorname", ""))
        lasting = name.startswith("SQLITE") and not name.startswith(PASSING)
        words = f"the index {place(engine.url)}: {_without_secrets(str(cause), engine.url)}; {remedy(engine)}"
        raise (Unusable if lasting else StoreError)(words) from error
    except (OverflowError, UnicodeEncodeError) as error:  # the driver's own, for what no column can hold
        raise StoreError(f"the index {place(engine.url)} cannot hold a value: {error}") from error


def place(url: sa.URL) -> str:
    """Return the file or server of a database's URL in words, without the user, the password and the options."""
    if url.get_backend_name() == "sqlite":
        return url.database or "in memory"
    host = (url.host or str(url.query.get("host", "this machine"))).rpartition("@")[2]
    port = f":{url.port}" if url.port else ""
    return f"{url.database or 'database'} ({url.get_backend_name()} on {host}{port})"


def _without_secrets(words: str, url: sa.URL) -> str:
    """Return a driver's words without the secrets of its URL, some of which it may repeat."""
    options = [value for name, value in url.query.items() if "pass" in name]
    early = (url.host or "").rpartition("@")[0]  # of a password that holds an unquoted "@"
    for secret in filter(None, (url.password, early, *options)):
        words = words.replace(str(secret), "***")
    return words


def remedy(engine: sa.Engine) -> str:
    """Return what to do about an index that fails."""
    if engine.dialect.name == "sqlite" and Path(engine.url.database or "").name != FILE:
        return "move that file away, or name another by POCKETLAB_INDEX; `lab reindex` fills it from the files"
    if engine.dialect.name == "sqlite":
        return "`lab reindex` builds it anew from the files"
    return "check that database; `lab reindex` rebuilds the rows of this data root from its files"


def engine_of(url: str) -> sa.Engine:
    """Return the engine of a URL; no part of one that cannot be read is told, since it may hold a password."""
    try:
        address = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError) as error:
        raise StoreError(
            "SQLAlchemy does not know the index's URL: wanted e.g. sqlite:///FILE or "
            "postgresql://USER:PASSWORD@HOST:5432/DATABASE (quote other characters by %); see POCKETLAB_INDEX"
        ) from error
    if address.drivername == "postgresql":
        address = address.set(drivername="postgresql+psycopg")
    try:
        server = address.get_backend_name() == "postgresql" and "connect_timeout" not in address.query
        engine = sa.create_engine(address, connect_args={"connect_timeout": CONNECT_S} if server else {})
    except sa.exc.SQLAlchemyError as error:
        raise StoreError(
            f"SQLAlchemy cannot use the index's URL: {_without_secrets(str(error), address)}; see POCKETLAB_INDEX"
        ) from error
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
