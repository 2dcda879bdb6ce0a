"""Where builds, runs and trials are kept: raw files, which are the truth, and an index of them.

    <root>/builds/<id>/                      a build, verified when it was added
    <root>/lines/<line>.json                 the builds of a line, in order, and its baseline
    <root>/runs/<id>/run.json                a run; samples.parquet beside it once it is finished
    <root>/runs/<id>/trials/0001/trial.json  a trial, written last, beside the agent's raw lines
    <root>/comparisons/<id>.json             two runs against each other, saved after each of their pairs
    <root>/selfchecks/<id>.json              what verdicts on a device are worth, measured there
    <root>/index.sqlite                      rebuilt from all of these by `Store.reindex`

Results are read from the files and lists from the index, so that results can be read on a full disk too.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal, TypeVar

import sqlalchemy as sa

from lab.builds.folder import Build
from lab.errors import StoreError
from lab.files import disk_errors, locked, make_folder, sync, write_atomically
from lab.identifiers import now_utc
from lab.records import Comparison, Run, SelfCheck, Trial
from lab.store import index, shelf
from lab.store.index import BuildRow
from lab.store.raw import ComparisonFile, RunFile, SelfCheckFile, TrialFile, encode, read

log = logging.getLogger(__name__)

Result = TypeVar("Result")
Ended = Literal["finished", "interrupted", "failed"]


class Store:
    """One data root. Several processes may use it at once; one of them writes a given run."""

    def __init__(self, root: Path, url: str | None = None) -> None:
        """Open `root`, made if need be; `url` names another database than the SQLite file in it.

        Raises `StoreError` when the folder cannot be made. The index is opened when it is first needed.
        """
        self.root = root
        self._url = url or f"sqlite:///{(root / 'index.sqlite').absolute()}"
        self._engine: sa.Engine | None = None
        self._opening = threading.Lock()  # runs on several devices share a store, each in a thread
        with disk_errors("open the store", root):
            for name in ("builds", "lines", "runs", "comparisons", "selfchecks"):
                make_folder(root / name)

    @property
    def builds_folder(self) -> Path:
        """The folder that holds each build under its id."""
        return self.root / "builds"

    def close(self) -> None:
        """Let go of the index."""
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    # --- builds ------------------------------------------------------------------------------------

    def add_build(self, folder: Path, line: str) -> Build:
        """Verify a build, copy it in, and make it the newest of `line`; return it where it now lies.

        One that already is the newest of its line stays as it is, and the log says so.
        Raises `BuildError` and `DiskFull`.
        """
        with self._locked():
            kept, changed = shelf.add(self.root, folder, line)
            if changed is not None:
                self._indexed(lambda engine: index.put_line(engine, changed))
        return kept

    def builds(self) -> list[BuildRow]:
        """Return every build of every line, oldest first within a line."""
        return self._indexed(index.list_builds)

    def find_build(self, text: str) -> Build:
        """Return the newest build of the line `text`, or that whose id begins so, or that in the folder.

        Raises `BuildError` when nothing or more than one thing fits.
        """
        return shelf.find(self.root, text)

    def set_baseline(self, line: str, build_id: str) -> None:
        """Make a build the one that others of its line are judged by; raises `BuildError`."""
        with self._locked():
            changed = shelf.set_baseline(self.root, line, build_id)
            self._indexed(lambda engine: index.put_line(engine, changed))

    # --- runs --------------------------------------------------------------------------------------

    def create_run(self, run: Run) -> None:
        """Write a new run; raises `StoreError` when there is one with its id, and `DiskFull`."""
        folder = self._folder(run.id)
        if (folder / "run.json").exists():
            raise StoreError(f"{folder}: this run is there already; a run is created once")
        with disk_errors(f"create run {run.id}", folder):
            make_folder(self.trials_folder(run.id))
            write_atomically(folder / "run.json", encode(RunFile(run=run)))
        self._indexed(lambda engine: index.put_run(engine, run))

    def update_run(self, run: Run) -> None:
        """Write down what became known of a run after it was created; raises `DiskFull` and `StoreError`."""
        with disk_errors(f"update run {run.id}", self._folder(run.id)):
            write_atomically(self._folder(run.id) / "run.json", encode(RunFile(run=run)))
        self._indexed(lambda engine: index.put_run(engine, run, self.trials(run.id)))

    def trials_folder(self, run_id: str) -> Path:
        """Return the folder that holds a run's trials, each in a folder named by its number: ``0001``."""
        return self._folder(run_id) / "trials"

    def trial_folder(self, run_id: str, number: int) -> Path:
        """Return the folder of a trial. Make it if it is missing; leave what a cut trial left in it.

        Raises `DiskFull` and `StoreError`.
        """
        folder = self.trials_folder(run_id) / f"{number:04d}"
        with disk_errors(f"start trial {number}", folder):
            return make_folder(folder)

    def save_trial(self, run_id: str, trial: Trial) -> None:
        """Save a trial: raw lines synced, then `trial.json`, then the index. Once this returns it is safe.

        Raises `DiskFull` and `StoreError`.
        """
        folder = self.trial_folder(run_id, trial.number)
        with disk_errors(f"save trial {trial.number} of run {run_id}", folder):
            for path in folder.iterdir():
                if path.is_file():
                    sync(path)
            write_atomically(folder / "trial.json", encode(TrialFile(trial=trial)))
        self._indexed(lambda engine: index.put_trial(engine, run_id, trial))

    def finish_run(self, run_id: str, status: Ended) -> None:
        """Seal a run: its samples in one Parquet file, its end in `run.json`, then the index.

        An interrupted or failed run may go on later and be sealed again. Raises `DiskFull` and `StoreError`.
        """
        from lab.store.samples import to_parquet  # only here, so that other commands need not wait for pyarrow

        folder = self._folder(run_id)
        trials = self.trials(run_id)
        run = replace(self._read_run(run_id), status=status, ended_utc=now_utc())
        with disk_errors(f"finish run {run_id}", folder):
            write_atomically(folder / "samples.parquet", to_parquet(run_id, trials))
            write_atomically(folder / "run.json", encode(RunFile(run=run)))
        self._indexed(lambda engine: index.put_run(engine, run, trials))

    def runs(self, limit: int | None = None) -> list[Run]:
        """Return runs, newest first."""
        return self._indexed(lambda engine: index.list_runs(engine, limit))

    def run(self, text: str) -> Run:
        """Return the run whose id begins with `text`, or the newest for ``last``; raises `StoreError`."""
        if text == "last":
            newest = max(self._readable_runs(), key=lambda run: (run.started_utc, run.id), default=None)
            if newest is None:
                raise StoreError(f"{self.root}: holds no run yet that can be read; start one with `lab run`")
            return newest
        found = [run_id for run_id in self._run_ids() if text and run_id.startswith(text)]
        if text in found:
            found = [text]
        if len(found) != 1:
            what = f"{len(found)} runs" if found else "no run"
            raise StoreError(f"{self.root}: {what} with an id that begins {text!r}; `lab runs` lists them all")
        return self._read_run(found[0])

    def _readable_runs(self) -> Iterator[Run]:
        """Yield every run whose file can be read; one that is damaged hides no other."""
        for run_id in self._run_ids():
            try:
                yield self._read_run(run_id)
            except StoreError as error:
                log.warning("%s", error)

    def trials(self, run_id: str) -> list[Trial]:
        """Return a run's saved trials by number; raises `StoreError` naming a file that is damaged."""
        return [read(TrialFile, path).trial for path in self._trial_files(run_id)]

    # --- comparisons -------------------------------------------------------------------------------

    def save_comparison(self, comparison: Comparison) -> None:
        """Save a comparison as it stands now: its file, then the index. Raises `DiskFull` and `StoreError`."""
        path = self._comparison_file(comparison.id)
        with disk_errors(f"save comparison {comparison.id}", path):
            write_atomically(path, encode(ComparisonFile(comparison=comparison)))
        self._indexed(lambda engine: index.put_comparison(engine, comparison))

    def comparison(self, text: str) -> Comparison:
        """Return the comparison whose id begins with `text`, or the newest for ``last``; raises `StoreError`."""
        ids = self._comparison_ids()  # a UUIDv7's order is that of time
        found = ids[-1:] if text == "last" else [each for each in ids if text and each.startswith(text)]
        if text in found:
            found = [text]
        if len(found) != 1:
            what = f"{len(found)} comparisons have" if found else "no comparison has"
            known = ", ".join(each[:13] for each in ids[-5:]) or "none yet; start one with `lab compare`"
            raise StoreError(f"{self.root}: {what} an id that begins {text!r}; the newest: {known}")
        return self._read_comparison(found[0])

    def comparisons(self, limit: int | None = None) -> list[Comparison]:
        """Return comparisons, newest first."""
        return self._indexed(lambda engine: index.list_comparisons(engine, limit))

    def save_selfcheck(self, found: SelfCheck) -> None:
        """Save a device's check of itself: its file, then the index. Raises `DiskFull` and `StoreError`."""
        path = self._selfcheck_file(found.id)
        with disk_errors(f"save self-check {found.id}", path):
            write_atomically(path, encode(SelfCheckFile(selfcheck=found)))
        self._indexed(lambda engine: index.put_selfcheck(engine, found))

    def selfchecks(self, device: str | None = None) -> list[SelfCheck]:
        """Return the self-checks of a device, or of all, newest first."""
        return self._indexed(lambda engine: index.list_selfchecks(engine, device))

    # --- index -------------------------------------------------------------------------------------

    def reindex(self) -> dict[str, int]:
        """Rebuild the index from the files alone; return how many of each it now holds.

        Raises `StoreError` naming a damaged file, and then leaves the index as it was.
        """
        with self._locked():
            lines = shelf.lines(self.root)
            saved = [(self._read_run(run_id), self.trials(run_id)) for run_id in self._run_ids()]
            compared = [self._read_comparison(each) for each in self._comparison_ids()]
            checked = [self._read_selfcheck(each) for each in self._selfcheck_ids()]
            self._indexed(lambda engine: index.replace_all(engine, lines, saved, compared, checked))
        return {
            "builds": sum(len(line.builds) for line in lines),
            "runs": len(saved),
            "trials": sum(len(trials) for _, trials in saved),
            "comparisons": len(compared),
            "selfchecks": len(checked),
        }

    def _indexed(self, work: Callable[[sa.Engine], Result]) -> Result:
        """Do something with the index, opened if need be."""
        engine = self._engine or self._open()
        with index.errors(engine, self.root):
            return work(engine)

    def _open(self) -> sa.Engine:
        """Open the index, once, and put into it what it lacks."""
        with self._opening:
            if self._engine is None:
                with disk_errors("open the index", self.root), locked(self.root / "index.lock"):
                    engine = index.connect(self._url, self.root)
                with index.errors(engine, self.root):
                    self._catch_up(engine)
                self._engine = engine
            return self._engine

    def _catch_up(self, engine: sa.Engine) -> None:
        """Put into the index what a crash or a full disk kept out of it."""
        known = index.known_runs(engine)
        for run_id in self._run_ids():
            status, count = known.get(run_id, ("missing", 0))
            if status == "finished":
                continue
            try:
                run = self._read_run(run_id)
                if run.status != status or len(self._trial_files(run_id)) != count:
                    index.put_run(engine, run, self.trials(run_id))
            except StoreError as error:
                log.warning("left out of the index: %s", error)
        compared = index.known_comparisons(engine)
        for comparison_id in self._comparison_ids():
            if compared.get(comparison_id) != "finished":
                try:
                    index.put_comparison(engine, self._read_comparison(comparison_id))
                except StoreError as error:
                    log.warning("left out of the index: %s", error)
        checked = index.known_selfchecks(engine)
        for selfcheck_id in self._selfcheck_ids():
            if checked.get(selfcheck_id) != "finished":
                try:
                    index.put_selfcheck(engine, self._read_selfcheck(selfcheck_id))
                except StoreError as error:
                    log.warning("left out of the index: %s", error)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep other processes from adding builds or reindexing meanwhile."""
        with disk_errors("lock the store", self.root), locked(self.root / "store.lock"):
            yield

    def _folder(self, run_id: str) -> Path:
        return self.root / "runs" / run_id

    def _read_run(self, run_id: str) -> Run:
        return read(RunFile, self._folder(run_id) / "run.json").run

    def _run_ids(self) -> list[str]:
        with disk_errors("list the runs", self.root):
            return sorted(path.parent.name for path in (self.root / "runs").glob("*/run.json"))

    def _comparison_file(self, comparison_id: str) -> Path:
        return self.root / "comparisons" / f"{comparison_id}.json"

    def _read_comparison(self, comparison_id: str) -> Comparison:
        return read(ComparisonFile, self._comparison_file(comparison_id)).comparison

    def _comparison_ids(self) -> list[str]:
        with disk_errors("list the comparisons", self.root):
            return sorted(path.stem for path in (self.root / "comparisons").glob("[!.]*.json"))

    def _selfcheck_file(self, selfcheck_id: str) -> Path:
        return self.root / "selfchecks" / f"{selfcheck_id}.json"

    def _read_selfcheck(self, selfcheck_id: str) -> SelfCheck:
        return read(SelfCheckFile, self._selfcheck_file(selfcheck_id)).selfcheck

    def _selfcheck_ids(self) -> list[str]:
        with disk_errors("list the self-checks", self.root):
            return sorted(path.stem for path in (self.root / "selfchecks").glob("[!.]*.json"))

    def _trial_files(self, run_id: str) -> list[Path]:
        files = self.trials_folder(run_id).glob("*/trial.json")
        return sorted(
            (path for path in files if path.parent.name.isdigit()), key=lambda path: int(path.parent.name)
        )
