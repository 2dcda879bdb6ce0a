"""The index of the files: tables for lists and pages, which can always be rebuilt.

SQLite by default, any other database by URL. Nothing is kept here alone. Rows have no foreign keys: a crash
can keep a row out, and the next opening of the index puts it in (:mod:`lab.store.cache`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from lab.errors import StoreError
from lab.identifiers import now_utc
from lab.records import Comparison, Spread, Tally, Trial
from lab.store import counts, rows
from lab.store.database import Unusable, engine_of, errors, place, remedy
from lab.store.kinds import KINDS, Kind, NightRow, Record, RunGroup, RunRow, kind_of
from lab.store.lines import BuildRow
from lab.store.raw import RootFile
from lab.store.saved import Files
from lab.store.tables import OWNED, RECORDS, builds, medians, metadata, nights, roots, runs, trials, verdicts

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Elsewhere:
    """A record of another data root, and where that root lay when it was last opened."""

    id: str
    host: str
    path: str
    opened_utc: str


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
        self._engine = engine_of(url)
        self._writer = self._engine.execution_options(writes=True)
        try:
            self._make_tables()
        except StoreError:  # another root may have made them at this moment
            self._make_tables()

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    # --- writing -----------------------------------------------------------------------------------

    def put_all(self, saved: Files) -> None:
        """Replace the rows of these lines and records, and of all trials of the runs in `trials`."""
        self.put_read(lambda: saved)

    def put_read(self, read: Callable[[], Files]) -> None:
        """Replace rows as :meth:`put_all` does, by what `read` returns while no other process writes rows.

        A file is written before its rows: so nothing that another lab saves meanwhile is replaced by older files.
        """
        with self._writing() as connection:
            saved = read()
            ids = {kind.name: [each.id for each in saved.records if kind_of(each) is kind] for kind in KINDS}
            old = [(RECORDS[name], "id", own) for name, own in ids.items()]
            old += [
                (builds, "line", [line.line for line in saved.lines]),
                (verdicts, "comparison", ids["comparison"]),
            ]
            old += [(table, "run", list(saved.trials)) for table in (medians, trials)]
            for table, name, values in old:
                if values:
                    connection.execute(table.delete().where(self._mine(table), table.c[name].in_(values)))
            self._insert_all(connection, saved)

    def put_trial(self, run_id: str, trial: Trial) -> None:
        """Replace the rows of this trial of a run."""
        with self._writing() as connection:
            for table in (medians, trials):
                self._delete(connection, table, run=run_id, number=trial.number)
            self._insert_all(connection, Files(trials={run_id: [trial]}))

    def replace_all(self, saved: Files) -> None:
        """Replace every row of this root, in one transaction. Rows of other roots stay.

        Raises `Unusable` for a damaged SQLite file, also where its damage would not have been met.
        """
        if self._engine.dialect.name == "sqlite":
            with self._reading() as connection:
                found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
            if found != "ok":
                raise Unusable(f"the index {place(self._engine.url)}: damaged: {found}; {remedy(self._engine)}")
        with self._writing() as connection:
            for table in OWNED:
                self._delete(connection, table)
            self._insert_all(connection, saved)

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
        table = RECORDS[kind.name]
        query = sa.select(table.c.document).where(self._mine(table, **wanted))
        query = query.order_by(table.c.started_utc.desc(), table.c.id.desc()).limit(limit)
        with self._reading() as connection:
            found = connection.execute(query).scalars().all()
        try:
            return [kind.decode(document) for document in found]
        except ValueError as error:
            raise Unusable(
                f"the index {place(self._engine.url)}: a damaged row of {table.name}; {remedy(self._engine)}"
            ) from error

    def nights(self) -> list[NightRow]:
        """Return the nights of this root, newest first."""
        columns = [nights.c[name] for name in NightRow.__dataclass_fields__]
        query = (
            sa.select(*columns).where(self._mine(nights)).order_by(nights.c.started_utc.desc(), nights.c.id.desc())
        )
        with self._reading() as connection:
            return [NightRow(**row) for row in connection.execute(query).mappings()]

    def run_groups(self) -> list[RunGroup]:
        """Return the groups of runs, by scenario, device and line.

        Each step goes to the next group by the covering index alone: a year of nights has 547,500 runs, and
        grouping them reads them all.
        """
        names = ("scenario", "device", "build_line")
        at = self._next(None, (), names[0])
        for number in (1, 2):
            at = self._next(at, names[:number], names[number])
        own = [runs.c[name] == at.c[name] for name in names]
        newest = sa.select(runs.c.id).where(self._mine(runs), *own)
        newest = newest.order_by(runs.c.started_utc.desc(), runs.c.id.desc()).limit(1)
        finished = newest.where(runs.c.status == "finished").scalar_subquery()
        columns = newest.scalar_subquery().label("newest"), sa.func.coalesce(finished, "").label("finished")
        query = sa.select(*at.c, *columns).where(at.c.build_line.is_not(None))
        with self._reading() as connection:
            found = connection.execute(query).mappings().all()
        return sorted((RunGroup(**row) for row in found), key=lambda each: each.same)

    def _next(self, before: sa.CTE | None, same: Sequence[str], name: str) -> sa.CTE:
        """Return the rows of `before`, each with every value of the column `name`, and with a last NULL."""

        def highest(beside: sa.CTE | None, *more: sa.ColumnElement[bool]) -> sa.Label[str]:
            own = [] if beside is None else [runs.c[each] == beside.c[each] for each in same]
            found = sa.select(sa.func.max(runs.c[name])).where(self._mine(runs), *own, *more)
            return (found if beside is None else found.correlate(beside)).scalar_subquery().label(name)

        first = sa.select(*([] if before is None else before.c), highest(before))
        if before is not None:
            first = first.where(before.c[same[-1]].is_not(None))
        at = first.cte(name, recursive=True)
        further = sa.select(*(at.c[each] for each in same), highest(at, runs.c[name] < at.c[name]))
        return at.union_all(further.where(at.c[name].is_not(None)))

    def run_rows(self, limit: int | None, **wanted: str) -> list[RunRow]:
        """Return the runs that have the `wanted` values in their columns, newest first."""
        columns = [runs.c[name] for name in RunRow.__dataclass_fields__]
        query = sa.select(*columns).where(self._mine(runs, **wanted))
        query = query.order_by(runs.c.started_utc.desc(), runs.c.id.desc()).limit(limit)
        with self._reading() as connection:
            return [RunRow(**row) for row in connection.execute(query).mappings()]

    def finished(self, kind: Kind[Record]) -> set[str]:
        """Return the ids of the records that are finished: these change no more."""
        table = RECORDS[kind.name]
        query = sa.select(table.c.id).where(self._mine(table, status="finished"))
        with self._reading() as connection:
            return set(connection.execute(query).scalars())

    def unfinished(self, kind: Kind[Record]) -> dict[str, str]:
        """Return id -> document, the text of its file, of each record that may still change."""
        table = RECORDS[kind.name]
        query = sa.select(table.c.id, table.c.document).where(self._mine(table), _changing(table))
        with self._reading() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def trial_counts(self) -> dict[str, int]:
        """Return the number of trials of each run that may still change, by its id."""
        changing = sa.select(runs.c.id).where(self._mine(runs), _changing(runs))
        query = sa.select(trials.c.run, sa.func.count()).where(self._mine(trials), trials.c.run.in_(changing))
        query = query.group_by(trials.c.run)
        with self._reading() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def tallies(self, since: str, until: str | None = None) -> list[Tally]:
        """Return how many trials counted, or why not, of the runs that began in a time."""
        with self._reading() as connection:
            found = connection.execute(counts.tallies(self._owner.id, since, until)).mappings()
            return [Tally(**row) for row in found]

    def spreads(self, since: str, device: str | None = None) -> list[Spread]:
        """Return the spread between trials of the runs that began since then, by cell and metric."""
        with self._reading() as connection:
            found = connection.execute(counts.spreads(self._owner.id, since, device)).mappings()
            return [Spread(**row) for row in found]

    def elsewhere(self, kind: Kind[Record], start: str) -> list[Elsewhere]:
        """Return the records of other roots whose ids begin with `start`."""
        table = RECORDS[kind.name]
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
                    *(place(self._engine.url), self._root),
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

    def _mine(self, table: sa.FromClause, **values: object) -> sa.ColumnElement[bool]:
        """Return the condition for this root's rows that have these values in their columns."""
        return sa.and_(table.c.root == self._owner.id, *(table.c[name] == value for name, value in values.items()))

    def _delete(self, connection: sa.Connection, table: sa.Table, **values: object) -> None:
        connection.execute(table.delete().where(self._mine(table, **values)))

    def _insert(self, connection: sa.Connection, table: sa.Table, new: Sequence[rows.Row]) -> None:
        if new:
            connection.execute(table.insert(), [{"root": self._owner.id, **row} for row in new])

    def _insert_all(self, connection: sa.Connection, saved: Files) -> None:
        self._insert(connection, builds, [row for line in saved.lines for row in rows.of_line(line)])
        for kind in KINDS:
            own = [rows.of_record(kind, record) for record in saved.records if kind_of(record) is kind]
            self._insert(connection, RECORDS[kind.name], own)
        judged = [record for record in saved.records if isinstance(record, Comparison)]
        self._insert(connection, verdicts, [row for record in judged for row in rows.of_verdicts(record)])
        measured = [(run_id, trial) for run_id, of_run in saved.trials.items() for trial in of_run]
        self._insert(connection, trials, [rows.of_trial(run_id, trial) for run_id, trial in measured])
        figures = [row for run_id, trial in measured for row in rows.of_medians(run_id, trial)]
        self._insert(connection, medians, figures)


def _changing(table: sa.Table) -> sa.ColumnElement[bool]:
    """Return the condition for records that are not finished, in words that an index on the status answers."""
    return sa.or_(table.c.status < "finished", table.c.status > "finished")


def _is_ours(name: str) -> bool:
    """Tell whether a version of pocketlab made a table of this name; versions 1 and 2 used no prefix."""
    return name == "medians" or name.startswith("pocketlab_v")
