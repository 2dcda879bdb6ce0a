"""The index as a cache: opened when first needed, waited for only so long, and caught up when it was behind.

A measurement never ends because of it. What it could not be told it learns from the files once it answers again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import closing
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from lab.errors import StoreError
from lab.files import disk_errors, locked
from lab.identifiers import now_utc
from lab.store import saved, shelf
from lab.store.kinds import KINDS, RUNS, Kind, Record
from lab.store.measured import trial_files
from lab.store.root import identify
from lab.store.saved import Files

if TYPE_CHECKING:
    from lab.store.index import Index

log = logging.getLogger(__name__)

Result = TypeVar("Result")

FILE = "index.sqlite"

PATIENCE_S = 5.0
"""How long one question or change may take before the index counts as failed: a judgement. One takes milliseconds,
and what waits for it may be a measurement. A server that was stopped answers never."""

AGAIN_S = 30.0
"""How long after a failure the index is tried again: a judgement, so that waits stay below a sixth of the time."""

BATCH = 100
"""How many runs are added in one transaction: a judgement, far below `PATIENCE_S`."""


class Cache:
    """The index of one data root. Any thread may call its methods."""

    def __init__(self, root: Path, url: str | None, *, patience_s: float = PATIENCE_S) -> None:
        """Nothing is opened yet. Without `url` the index is a SQLite file in the root."""
        self._root = root
        self._url = url
        self._patience_s = patience_s
        self._opened: Index | None = None
        self._opening = threading.RLock()  # runs on several devices share a store, each in a thread
        self._failed_at: float | None = None
        self._told = False

    def close(self) -> None:
        """Close the index."""
        with self._opening:
            if self._opened is not None:
                self._opened.close()
                self._opened = None

    def write(self, change: Callable[[Index], None], *, last: bool = False) -> None:
        """Tell the index what was just saved in a file. A failure costs one warning, and the rows follow later.

        With `last` an index that failed a moment ago is tried all the same: nothing may follow this change.
        """
        if not last and self._failed_at is not None and time.monotonic() < self._failed_at + AGAIN_S:
            return  # the files are read once it answers again
        try:
            self.read(change)
        except StoreError as error:
            self.warn(error, "what is measured is safe in its files, and the index learns of it later")

    def read(self, question: Callable[[Index], Result]) -> Result:
        """Ask the index; raise `StoreError` when it fails or gives no answer in time."""
        try:
            index = self._index()
            return _within(self._patience_s, lambda: question(index))
        except StoreError:
            self.close()
            self._failed_at = time.monotonic()
            raise

    def warn(self, error: StoreError, then: str) -> None:
        """Say once that the index failed, and what that means."""
        if not self._told:
            self._told = True
            log.warning("%s. Meanwhile %s", error, then)
        else:
            log.debug("%s", error)

    def rebuild(self, everything: Files) -> None:
        """Replace every row of this root; set a SQLite file of ours aside that cannot be used.

        Raises `DiskFull` and `StoreError`.
        """
        from lab.store.database import Unusable  # noqa: PLC0415 - the reason for this module

        try:
            self._replace_all(everything)
        except Unusable:
            if self._url is not None:  # named by the user: it may hold anything
                raise
            self._set_aside()
            self._replace_all(everything)
        self._failed_at, self._told = None, False

    def _replace_all(self, everything: Files) -> None:
        with closing(self._open()) as index:
            index.replace_all(everything)

    def _index(self) -> Index:
        """Return the index, opened and caught up."""
        with self._opening:
            if self._opened is None:
                index = _within(self._patience_s, self._open)
                try:
                    self._catch_up(index)
                except StoreError:
                    index.close()
                    raise
                if self._failed_at is not None:
                    log.info("the index answers again, and holds what the files hold")
                self._opened, self._failed_at = index, None
            return self._opened

    def _open(self) -> Index:
        """Open the index and make its tables. Processes take turns: two may find an empty database."""
        from lab.store.index import Index  # noqa: PLC0415 - SQLAlchemy: what reads files needs none

        url = self._url or f"sqlite:///{(self._root / FILE).absolute()}"
        with disk_errors("open the index", self._root), locked(self._root / "index.lock"):
            return Index(url, self._root, identify(self._root))

    def _set_aside(self) -> None:
        """Move our SQLite file and what belongs to it out of the way, keeping it for whoever wants to look."""
        aside = self._root / f"{FILE}.unusable-{now_utc().replace(':', '')}"
        with disk_errors("set the index aside", self._root):
            for ending in ("-wal", "-shm"):
                (self._root / f"{FILE}{ending}").unlink(missing_ok=True)
            (self._root / FILE).rename(aside)
        log.warning("%s was no index that this lab can use: it is now %s", self._root / FILE, aside.name)

    def _catch_up(self, index: Index) -> None:
        """Add to the index what it lacks: after a crash, a full disk or a failure, or because it is new."""
        rows = _within(self._patience_s, index.builds)
        lacking = [
            line
            for line in saved.lines(self._root)
            if shelf.rows_of_line(line) != [row for row in rows if row.line == line.line]
        ]
        _within(self._patience_s, partial(index.put_all, Files(lines=lacking)))
        counts = _within(self._patience_s, index.trial_counts)
        for kind in KINDS:
            finished = _within(self._patience_s, partial(index.finished, kind))
            known = _within(self._patience_s, partial(index.unfinished, kind))
            ids = iter([each for each in kind.ids(self._root) if each not in finished])
            missing = (each for each in ids if not self._holds(kind, each, known, counts))
            while some := list(islice(missing, BATCH)):
                _within(self._patience_s, partial(index.put_read, partial(self._files, kind, some)))

    def _files(self, kind: Kind[Record], ids: list[str]) -> Files:
        """Return these records as their files hold them, with the trials of runs."""
        records = list(saved.records(kind, self._root, ids))
        of_runs = [record.id for record in records] if kind is RUNS else []
        return Files(records=records, trials={run_id: saved.told_trials(self._root, run_id) for run_id in of_runs})

    def _holds(
        self, kind: Kind[Record], record_id: str, known: Mapping[str, str], counts: Mapping[str, int]
    ) -> bool:
        """Tell whether the index holds an unfinished record as it is in its file, with all of its trials."""
        if record_id not in known:
            return False
        if kind is RUNS and len(trial_files(self._root, record_id)) != counts.get(record_id, 0):
            return False
        try:
            return kind.path(self._root, record_id).read_bytes() == known[record_id].encode()
        except OSError:
            return True  # what cannot be read tells the index nothing new


def _within(seconds: float, work: Callable[[], Result]) -> Result:
    """Return what `work` returns within so many seconds; raise `StoreError` if it takes longer, and let it go on.

    A database's driver may wait for ever, and cannot be interrupted. What goes on does no harm: it changes rows as
    files said, and the next opening compares them with the files.
    """
    done: Future[Result] = Future()

    def carry_out() -> None:
        try:
            done.set_result(work())
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits
            done.set_exception(error)

    threading.Thread(target=carry_out, name="index", daemon=True).start()
    try:
        return done.result(seconds)
    except TimeoutError:
        if done.done():
            raise
        raise StoreError(
            f"the index gave no answer within {seconds:g} s; see whether its database runs, and who holds it"
        ) from None
