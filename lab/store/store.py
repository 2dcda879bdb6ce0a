"""Where builds, runs and trials are kept: raw files, which are the truth, and an index of them.

    <root>/builds/<id>/                      a build, verified when it was added
    <root>/lines/<line>.json                 the builds of a line, in order, and its baseline
    <root>/runs/<id>/run.json                a run; samples.parquet beside it once it is finished
    <root>/runs/<id>/trials/0001/trial.json  a trial, written last, beside the agent's raw lines
    <root>/comparisons/<id>.json             two runs against each other, saved after each of their pairs
    <root>/selfchecks/<id>.json              how far verdicts on a device can be trusted, measured there
    <root>/root.json                         the identity of this data root
    <root>/index.sqlite                      rebuilt from all of these by `Store.reindex`

Results are read from the files and lists from the index, so that results can be read on a full disk too.
"""

from __future__ import annotations

import logging
import shlex
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar

from lab.builds.folder import Build
from lab.errors import StoreError
from lab.files import disk_errors, locked, make_folder, sync, write_atomically
from lab.identifiers import now_utc
from lab.records import Comparison, Run, SelfCheck, Trial
from lab.store import glance, shelf
from lab.store.index import Files, Index
from lab.store.kinds import COMPARISONS, RUNS, SELFCHECKS, Kind, Record
from lab.store.raw import TrialFile, encode, read
from lab.store.root import identify
from lab.store.rows import BuildRow, rows_of_line

log = logging.getLogger(__name__)

Result = TypeVar("Result")
Ended = Literal["finished", "interrupted", "failed"]

SHOWN = 3
"""How many records of other data roots a message names."""


class Store:
    """One data root. Several processes may use it at once, but only one of them writes a given run."""

    def __init__(self, root: Path, url: str | None = None) -> None:
        """Open the data root `root`; make it if it is missing. `url` names a database for the index.

        Without `url` the index is a SQLite file in the root. It is opened when it is first needed.
        Raises `StoreError` when the folder cannot be made.
        """
        self.root = root
        self._url = url or f"sqlite:///{(root / 'index.sqlite').absolute()}"
        self._opened: Index | None = None
        self._opening = threading.Lock()  # runs on several devices share a store, each in a thread
        with disk_errors("open the store", root):
            for name in ("builds", "lines", "runs", "comparisons", "selfchecks"):
                make_folder(root / name)

    @property
    def builds_folder(self) -> Path:
        """The folder that holds each build under its id."""
        return self.root / "builds"

    def close(self) -> None:
        """Close the index."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    # --- builds ------------------------------------------------------------------------------------

    def add_build(self, folder: Path, line: str) -> Build:
        """Verify a build, copy it in, and make it the newest of `line`; return the copy.

        If it is already the newest of its line nothing changes, and the log says so.
        Raises `BuildError` and `DiskFull`.
        """
        with self._locked():
            kept, changed = shelf.add(self.root, folder, line)
            if changed is not None:
                self._index().put_line(changed)
        return kept

    def builds(self) -> list[BuildRow]:
        """Return every build of every line, oldest first within a line."""
        return self._index().builds()

    def find_build(self, text: str) -> Build:
        """Return a build: the newest of the line `text`, the one whose id begins so, or the one in that folder.

        Raises `BuildError` when nothing or more than one build fits.
        """
        return shelf.find(self.root, text)

    def set_baseline(self, line: str, build_id: str) -> None:
        """Make a build the baseline of its line, against which others are judged; raise `BuildError`."""
        with self._locked():
            self._index().put_line(shelf.set_baseline(self.root, line, build_id))

    # --- runs --------------------------------------------------------------------------------------

    def create_run(self, run: Run) -> None:
        """Write a new run; raise `StoreError` when its id exists already, and `DiskFull`."""
        path = RUNS.path(self.root, run.id)
        if path.exists():
            raise StoreError(f"{path.parent}: this run is there already; a run is created once")
        with disk_errors(f"create run {run.id}", path):
            make_folder(self.trials_folder(run.id))
        self._save(RUNS, run)

    def update_run(self, run: Run) -> None:
        """Save what became known of a run after it was created; raise `DiskFull` and `StoreError`."""
        self._save(RUNS, run)

    def trials_folder(self, run_id: str) -> Path:
        """Return the folder that holds a run's trials, each in a folder named by its number: ``0001``."""
        return self.root / "runs" / run_id / "trials"

    def trial_folder(self, run_id: str, number: int) -> Path:
        """Return the folder of a trial. Make it if it is missing; leave what a cut trial left in it.

        Raises `DiskFull` and `StoreError`.
        """
        folder = self.trials_folder(run_id) / f"{number:04d}"
        with disk_errors(f"start trial {number}", folder):
            return make_folder(folder)

    def save_trial(self, run_id: str, trial: Trial) -> None:
        """Save a trial: sync its raw lines, then write `trial.json`, then the index. After this it is safe.

        Raises `DiskFull` and `StoreError`.
        """
        folder = self.trial_folder(run_id, trial.number)
        with disk_errors(f"save trial {trial.number} of run {run_id}", folder):
            for path in folder.iterdir():
                if path.is_file():
                    sync(path)
            write_atomically(folder / "trial.json", encode(TrialFile(trial=trial)))
        self._index().put_trials(run_id, [trial])

    def finish_run(self, run_id: str, status: Ended) -> None:
        """End a run: write its samples as one Parquet file, its end into `run.json`, then the index.

        An interrupted or failed run may be resumed and end again. Raises `DiskFull` and `StoreError`.
        """
        from lab.store.samples import to_parquet  # noqa: PLC0415 - pyarrow: most commands save no samples

        trials = self.trials(run_id)
        run = replace(RUNS.read(self.root, run_id), status=status, ended_utc=now_utc())
        path = RUNS.path(self.root, run_id).with_name("samples.parquet")
        with disk_errors(f"finish run {run_id}", path):
            write_atomically(path, to_parquet(run_id, trials))
        RUNS.write(self.root, run)
        self._index().put_trials(run_id, trials)
        self._index().put(RUNS, run)

    def runs(self, limit: int | None = None) -> list[Run]:
        """Return the runs of this root, newest first."""
        return self._index().records(RUNS, limit)

    def run(self, text: str) -> Run:
        """Return the run whose id begins with `text`, or the ``last`` asked for; raise `StoreError`."""
        return self._find(RUNS, text)

    def trials(self, run_id: str) -> list[Trial]:
        """Return a run's saved trials by number; raise `StoreError` naming a damaged file."""
        return [read(TrialFile, path).trial for path in self._trial_files(run_id)]

    # --- comparisons -------------------------------------------------------------------------------

    def save_comparison(self, comparison: Comparison) -> None:
        """Save a comparison as it stands now; raise `DiskFull` and `StoreError`."""
        self._save(COMPARISONS, comparison)

    def comparison(self, text: str) -> Comparison:
        """Return the comparison whose id begins with `text`, or the ``last`` asked for; raise `StoreError`."""
        return self._find(COMPARISONS, text)

    def comparisons(self, limit: int | None = None) -> list[Comparison]:
        """Return the comparisons of this root, newest first."""
        return self._index().records(COMPARISONS, limit)

    def save_selfcheck(self, found: SelfCheck) -> None:
        """Save a device's self-check as it stands now; raise `DiskFull` and `StoreError`."""
        self._save(SELFCHECKS, found)

    def selfcheck(self, text: str) -> SelfCheck:
        """Return the self-check whose id begins with `text`, or the ``last`` asked for; raise `StoreError`."""
        return self._find(SELFCHECKS, text)

    def selfchecks(self, device: str | None = None) -> list[SelfCheck]:
        """Return the self-checks of a device, or of all, newest first."""
        wanted = {} if device is None else {"device": device}
        return self._index().records(SELFCHECKS, None, **wanted)

    # --- index -------------------------------------------------------------------------------------

    def reindex(self) -> dict[str, int]:
        """Rebuild the index of this root from its files alone; return how many of each it now holds.

        Raises `StoreError` naming a damaged file, and then leaves the index as it was.
        """
        with self._locked():
            runs = [RUNS.read(self.root, each) for each in RUNS.ids(self.root)]
            saved = Files(
                lines=shelf.lines(self.root),
                runs=runs,
                trials={run.id: self.trials(run.id) for run in runs},
                comparisons=[COMPARISONS.read(self.root, each) for each in COMPARISONS.ids(self.root)],
                selfchecks=[SELFCHECKS.read(self.root, each) for each in SELFCHECKS.ids(self.root)],
            )
            self._index().replace_all(saved)
        return {
            "builds": sum(len(line.builds) for line in saved.lines),
            "runs": len(saved.runs),
            "trials": sum(len(trials) for trials in saved.trials.values()),
            "comparisons": len(saved.comparisons),
            "selfchecks": len(saved.selfchecks),
        }

    def _index(self) -> Index:
        """Return the index. The first call opens it and adds what it lacks."""
        if self._opened is None:
            with self._opening, disk_errors("open the index", self.root), locked(self.root / "index.lock"):
                if self._opened is None:
                    index = Index(self._url, self.root, identify(self.root))
                    self._catch_up(index)
                    self._opened = index
        return self._opened

    def _catch_up(self, index: Index) -> None:
        """Add to the index what it lacks: after a crash or a full disk, or because it is new."""
        rows = index.builds()
        for name in shelf.names(self.root):
            line = _unless_damaged(partial(shelf.read_line, self.root, name))
            if line is not None and rows_of_line(line) != [row for row in rows if row.line == name]:
                index.put_line(line)
        counts = index.trial_counts()
        for run in self._unfinished(index, RUNS):
            if len(self._trial_files(run.id)) != counts.get(run.id, 0):
                index.put_trials(run.id, _unless_damaged(partial(self.trials, run.id)) or [])
            index.put(RUNS, run)
        for comparison in self._unfinished(index, COMPARISONS):
            index.put(COMPARISONS, comparison)
        for check in self._unfinished(index, SELFCHECKS):
            index.put(SELFCHECKS, check)

    def _unfinished(self, index: Index, kind: Kind[Record]) -> Iterator[Record]:
        """Yield every record that is not finished in the index and whose file can be read."""
        finished = index.finished(kind)
        return self._readable(kind, [each for each in kind.ids(self.root) if each not in finished])

    def _readable(self, kind: Kind[Record], ids: Iterable[str]) -> Iterator[Record]:
        """Yield every record whose file can be read: a damaged one hides no other."""
        found = (_unless_damaged(partial(kind.read, self.root, record_id)) for record_id in ids)
        return (record for record in found if record is not None)

    def _save(self, kind: Kind[Record], record: Record) -> None:
        """Write a record's file, then its rows."""
        kind.write(self.root, record)
        self._index().put(kind, record)

    def _find(self, kind: Kind[Record], text: str) -> Record:
        """Return the record whose id begins with `text`, or the ``last`` asked for; raise `StoreError`."""
        if text == "last":
            return kind.read(self.root, glance.last(self.root, (kind.name,)).id)
        ids = kind.ids(self.root)
        found = [each for each in ids if text and each.startswith(text)]
        if text in found:
            found = [text]
        if len(found) != 1:
            many = f"{len(found)} {kind.name}s have" if found else f"no {kind.name} has"
            known = (
                ", ".join(each[:13] for each in ids[-5:])
                or f"none yet; start one with `{glance.ASKED[kind.name]}`"
            )
            other = "" if found or not text else self._elsewhere(kind, text)
            raise StoreError(f"{self.root}: {many} an id that begins {text!r}; the newest: {known}{other}")
        return kind.read(self.root, found[0])

    def elsewhere(self, text: str) -> str:
        """Return words about records of other roots in a shared index whose ids begin so; empty for none."""
        return self._elsewhere(RUNS, text) + self._elsewhere(COMPARISONS, text) + self._elsewhere(SELFCHECKS, text)

    def _elsewhere(self, kind: Kind[Record], text: str) -> str:
        """Return words about records of other roots in a shared index: where they lie and what to do."""
        try:
            found = self._index().elsewhere(kind, text)
        except StoreError as error:
            log.debug("could not look for it in the index: %s", error)
            return ""
        return "".join(
            f"; {kind.name} {each.id} lies in another data root, the folder {each.path} on host {each.host} "
            f"(last opened {each.opened_utc}): on that host, use `--data {shlex.quote(each.path)}`"
            for each in found[:SHOWN]
        )

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep other processes from adding builds or reindexing meanwhile."""
        with disk_errors("lock the store", self.root), locked(self.root / "store.lock"):
            yield

    def _trial_files(self, run_id: str) -> list[Path]:
        files = self.trials_folder(run_id).glob("*/trial.json")
        return sorted(
            (path for path in files if path.parent.name.isdigit()), key=lambda path: int(path.parent.name)
        )


def _unless_damaged(read_it: Callable[[], Result]) -> Result | None:
    """Return what is read, or None after a warning when its file is damaged."""
    try:
        return read_it()
    except StoreError as error:
        log.warning("left out: %s", error)
        return None
