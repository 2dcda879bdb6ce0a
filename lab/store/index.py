"""The index of what the files hold: tables that pages and lists read, and that can always be rebuilt.

SQLite by default, any other database by URL. Nothing is kept here alone, so rows have no foreign keys: a
row that a crash kept out is put in when the store is next opened.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.util import CommandError

from lab.errors import StoreError
from lab.files import disk_full
from lab.records import Comparison, Run, SelfCheck, Trial
from lab.store.raw import ComparisonFile, LineFile, RunFile, SelfCheckFile, encode
from lab.store.tables import builds, comparisons, medians, runs, selfchecks, trials, verdicts

BUSY_MS = 30_000
"""How long SQLite waits for another process's write (a write here takes milliseconds)."""

SPARE_BYTES = 1 << 20
"""With less than this free, an input or output error of SQLite is a full disk: it needs 32 KiB for a read."""


@dataclass(frozen=True)
class BuildRow:
    """A build's place in a line."""

    id: str
    line: str
    revision: int
    model: str
    recipe: str
    added_utc: str
    baseline: bool


def connect(url: str, root: Path) -> sa.Engine:
    """Open the index at `url` and bring its tables up to date; call it under the store's lock.

    Raises `DiskFull`, or `StoreError` when it cannot be opened or was written by a newer lab.
    """
    try:
        address = sa.make_url(url)
        if address.drivername == "postgresql":
            address = address.set(drivername="postgresql+psycopg")
        engine = sa.create_engine(address)
    except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError) as error:
        raise StoreError(f"the index's URL is none that SQLAlchemy knows: {error}") from error
    except ImportError as error:
        raise StoreError(
            f"the index is a {address.get_backend_name()} database, and its driver is missing ({error}); "
            "for PostgreSQL: pip install 'pocketlab[postgres]'"
        ) from error
    if address.get_backend_name() == "sqlite":
        _prepare_sqlite(engine)
    with errors(engine, root):
        _migrate(engine)
    return engine


@contextmanager
def errors(engine: sa.Engine, root: Path) -> Iterator[None]:
    """Translate the database's errors into `DiskFull` and `StoreError`."""
    try:
        yield
    except sa.exc.SQLAlchemyError as error:
        if _is_full(error, root):
            raise disk_full("write the index", root) from error
        cause = getattr(error, "orig", None) or error
        raise StoreError(
            f"the index {engine.url.render_as_string()}: {cause}; `lab reindex` rebuilds it"
        ) from error


def put_line(engine: sa.Engine, line: LineFile) -> None:
    """Make the rows of a line what its file says."""
    with engine.begin() as connection:
        connection.execute(builds.delete().where(builds.c.line == line.line))
        _insert(connection, builds, _build_rows(line))


def put_run(engine: sa.Engine, run: Run, saved: Iterable[Trial] = ()) -> None:
    """Make the rows of a run, and of the trials given, what their files say."""
    rows = list(saved)
    with engine.begin() as connection:
        _hold(connection, run.id)
        connection.execute(runs.delete().where(runs.c.id == run.id))
        _insert(connection, runs, [_run_row(run)])
        for trial in rows:
            _replace_trial(connection, run.id, trial)


def put_trial(engine: sa.Engine, run_id: str, trial: Trial) -> None:
    """Make the rows of a trial what its file says."""
    with engine.begin() as connection:
        _hold(connection, run_id)
        _replace_trial(connection, run_id, trial)


def put_comparison(engine: sa.Engine, comparison: Comparison) -> None:
    """Make the rows of a comparison, one a cell's verdict, what its file says."""
    with engine.begin() as connection:
        connection.execute(
            comparisons.update().where(comparisons.c.id == comparison.id).values(status=comparisons.c.status)
        )
        connection.execute(verdicts.delete().where(verdicts.c.comparison == comparison.id))
        connection.execute(comparisons.delete().where(comparisons.c.id == comparison.id))
        _insert_comparison(connection, comparison)


def list_comparisons(engine: sa.Engine, limit: int | None) -> list[Comparison]:
    """Return comparisons, newest first."""
    newest = (comparisons.c.started_utc.desc(), comparisons.c.id.desc())
    query = sa.select(comparisons.c.document).order_by(*newest).limit(limit)
    with engine.connect() as connection:
        found = connection.execute(query).scalars().all()
    return [ComparisonFile.model_validate_json(document).comparison for document in found]


def known_comparisons(engine: sa.Engine) -> dict[str, str]:
    """Return comparison id -> status as the index has it."""
    with engine.connect() as connection:
        return {row[0]: row[1] for row in connection.execute(sa.select(comparisons.c.id, comparisons.c.status))}


def put_selfcheck(engine: sa.Engine, found: SelfCheck) -> None:
    """Make the row of a self-check what its file says."""
    with engine.begin() as connection:
        connection.execute(selfchecks.delete().where(selfchecks.c.id == found.id))
        _insert(connection, selfchecks, [_selfcheck_row(found)])


def list_selfchecks(engine: sa.Engine, device: str | None) -> list[SelfCheck]:
    """Return the self-checks of a device, or of all, newest first."""
    query = sa.select(selfchecks.c.document).order_by(selfchecks.c.started_utc.desc(), selfchecks.c.id.desc())
    if device is not None:
        query = query.where(selfchecks.c.device == device)
    with engine.connect() as connection:
        found = connection.execute(query).scalars().all()
    return [SelfCheckFile.model_validate_json(document).selfcheck for document in found]


def known_selfchecks(engine: sa.Engine) -> dict[str, str]:
    """Return self-check id -> status as the index has it."""
    with engine.connect() as connection:
        return {row[0]: row[1] for row in connection.execute(sa.select(selfchecks.c.id, selfchecks.c.status))}


def replace_all(
    engine: sa.Engine,
    lines: Sequence[LineFile],
    saved: Sequence[tuple[Run, Sequence[Trial]]],
    compared: Sequence[Comparison] = (),
    checked: Sequence[SelfCheck] = (),
) -> None:
    """Empty the index and fill it again, in one transaction."""
    with engine.begin() as connection:
        for table in (medians, trials, runs, builds, verdicts, comparisons, selfchecks):
            connection.execute(table.delete())
        _insert(connection, selfchecks, [_selfcheck_row(found) for found in checked])
        for comparison in compared:
            _insert_comparison(connection, comparison)
        for line in lines:
            _insert(connection, builds, _build_rows(line))
        for run, its_trials in saved:
            _insert(connection, runs, [_run_row(run)])
            _insert(connection, trials, [_trial_row(run.id, trial) for trial in its_trials])
            _insert(connection, medians, [row for trial in its_trials for row in _median_rows(run.id, trial)])


def list_builds(engine: sa.Engine) -> list[BuildRow]:
    """Return every build of every line, in the order of the lines."""
    query = sa.select(builds).order_by(builds.c.line, builds.c.position)
    with engine.connect() as connection:
        found = connection.execute(query).mappings().all()
    return [BuildRow(**{name: value for name, value in row.items() if name != "position"}) for row in found]


def list_runs(engine: sa.Engine, limit: int | None) -> list[Run]:
    """Return runs, newest first."""
    query = sa.select(runs.c.document).order_by(runs.c.started_utc.desc(), runs.c.id.desc()).limit(limit)
    with engine.connect() as connection:
        found = connection.execute(query).scalars().all()
    return [RunFile.model_validate_json(document).run for document in found]


def known_runs(engine: sa.Engine) -> dict[str, tuple[str, int]]:
    """Return run id -> (status, number of trials) as the index has it."""
    query = (
        sa.select(runs.c.id, runs.c.status, sa.func.count(trials.c.number))
        .select_from(runs.outerjoin(trials, trials.c.run == runs.c.id))
        .group_by(runs.c.id, runs.c.status)
    )
    with engine.connect() as connection:
        return {row[0]: (row[1], row[2]) for row in connection.execute(query)}


def _migrate(engine: sa.Engine) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    try:
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except CommandError as error:
        raise StoreError(
            f"the index {engine.url.render_as_string()} was written by a newer pocketlab ({error}); update "
            "pocketlab, or remove the index and let `lab reindex` make it anew from the files"
        ) from error


def _prepare_sqlite(engine: sa.Engine) -> None:
    """Write-ahead log, patience, and transactions that take in changes of tables.

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
        connection.exec_driver_sql("BEGIN")


def _is_full(error: sa.exc.SQLAlchemyError, root: Path) -> bool:
    cause = getattr(error, "orig", None)
    if getattr(cause, "sqlstate", None) == "53100":  # PostgreSQL's disk_full
        return True
    name = str(getattr(cause, "sqlite_errorname", ""))
    if name.startswith(("SQLITE_IOERR", "SQLITE_CANTOPEN")):
        return shutil.disk_usage(root).free < SPARE_BYTES
    return name == "SQLITE_FULL"


def _hold(connection: sa.Connection, run_id: str) -> None:
    """Wait for others who write the same run, in any database: an update that changes nothing locks its row."""
    connection.execute(runs.update().where(runs.c.id == run_id).values(status=runs.c.status))


def _replace_trial(connection: sa.Connection, run_id: str, trial: Trial) -> None:
    for table in (medians, trials):
        connection.execute(table.delete().where(table.c.run == run_id, table.c.number == trial.number))
    _insert(connection, trials, [_trial_row(run_id, trial)])
    _insert(connection, medians, _median_rows(run_id, trial))


def _insert(connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, object]]) -> None:
    if rows:
        connection.execute(table.insert(), [dict(row) for row in rows])


def _build_rows(line: LineFile) -> list[dict[str, object]]:
    return [
        {"line": line.line, "position": i, **entry.model_dump(), "baseline": entry.id == line.baseline}
        for i, entry in enumerate(line.builds, start=1)
    ]


def _run_row(run: Run) -> dict[str, object]:
    names = [column.name for column in runs.columns if column.name != "document"]
    return {name: getattr(run, name) for name in names} | {"document": encode(RunFile(run=run)).decode()}


def _trial_row(run_id: str, trial: Trial) -> dict[str, object]:
    names = [column.name for column in trials.columns if column.name != "run"]
    return {"run": run_id} | {name: getattr(trial, name) for name in names}


def _insert_comparison(connection: sa.Connection, comparison: Comparison) -> None:
    document = encode(ComparisonFile(comparison=comparison)).decode()
    own = {name: getattr(comparison, name) for name in ("id", "started_utc", "status")}
    _insert(connection, comparisons, [own | {"document": document}])
    shared = ("started_utc", "status", "dimension", "scenario", "metric", "device")
    of_all = {name: getattr(comparison, name) for name in (*shared, "baseline_run", "candidate_run")}
    rows = []
    for found in comparison.cells:
        change = found.change
        numbers = {
            "change": change.estimate if change else None,
            "low": change.low if change else None,
            "high": change.high if change else None,
        }
        judged = {"cell": found.cell, "verdict": found.verdict, "p": found.p, "pairs": found.pairs}
        rows.append({"comparison": comparison.id, **of_all, **judged, **numbers})
    _insert(connection, verdicts, rows)


def _selfcheck_row(found: SelfCheck) -> dict[str, object]:
    names = [column.name for column in selfchecks.columns if column.name != "document"]
    document = encode(SelfCheckFile(selfcheck=found)).decode()
    return {name: getattr(found, name) for name in names} | {"document": document}


def _median_rows(run_id: str, trial: Trial) -> list[dict[str, object]]:
    return [
        {
            "run": run_id,
            "number": trial.number,
            "metric": name,
            "iterations": len(values),
            "median": median(values),
        }
        for name, values in trial.samples.items()
        if values
    ]
