"""Where builds, runs and trials are kept: raw files, which are the truth, and an index of them.

    <root>/builds/<id>/                      a build, verified when it was added
    <root>/lines/<line>.json                 the builds of a line, in order, and its baseline
    <root>/runs/<id>/run.json                a run; seal.json beside it once it has ended
    <root>/runs/<id>/trials/0001/trial.json  a trial, written last, beside the agent's raw lines
    <root>/runs/<id>/trials/0001/events.parquet  their rows, of a trial with very many
    <root>/comparisons/<id>.json             two runs against each other, saved after each of their pairs
    <root>/selfchecks/<id>.json              how far verdicts on a device can be trusted, measured there
    <root>/nights/<id>/                      a night: night.json, and values.parquet with the figure of each series
    <root>/incidents/<id>.json               a change for the worse that nights found, and what became of it
    <root>/root.json                         the identity of this data root
    <root>/changed                           empty; its time is that of the last change
    <root>/index.sqlite                      rebuilt from all of these by `Store.reindex`

Results are read from the files. Lists are read from the index, and from the files where that fails: it is a cache,
and nothing that is measured waits for it or ends with it (:mod:`lab.store.cache`).
"""

from __future__ import annotations

import errno
import logging
import os
import re
import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from lab.builds.folder import Build
from lab.errors import StoreError
from lab.files import disk_errors, locked, make_folder, sync, write_atomically
from lab.identifiers import now_utc
from lab.records import Comparison, Incident, Night, Run, SelfCheck, Trial, Value
from lab.records.counts import Spread, Tally
from lab.store import events, glance, lines, saved, seal, shelf
from lab.store.cache import Cache
from lab.store.kinds import (
    COMPARISONS,
    INCIDENTS,
    NIGHTS,
    RUNS,
    SELFCHECKS,
    Kind,
    NightRow,
    Record,
    RunGroup,
    RunRow,
    grouped,
)
from lab.store.lines import BuildRow
from lab.store.raw import TrialFile, encode
from lab.store.saved import Files, Trials

if TYPE_CHECKING:
    from lab.store.index import Index

log = logging.getLogger(__name__)

Ended = Literal["finished", "interrupted", "failed"]

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""A whole id."""

CHANGED = "changed"
"""An empty file of the root whose time is that of the last change."""

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
        self._cache = Cache(root, url)
        self._shared = url is not None
        self._told: set[str] = set()
        with disk_errors("open the store", root):
            for name in ("builds", "lines", "runs", "comparisons", "selfchecks", "nights", "incidents"):
                _make_or_do_without(root / name)

    @property
    def builds_folder(self) -> Path:
        """The folder that holds each build under its id."""
        return self.root / "builds"

    def close(self) -> None:
        """Close the index."""
        self._cache.close()

    def version(self) -> str:
        """Return words that differ once anything was saved in this root, by whatever process."""
        try:
            return str((self.root / CHANGED).stat().st_mtime_ns)
        except OSError:
            return ""

    # --- builds ------------------------------------------------------------------------------------

    def add_build(self, folder: Path, line: str) -> Build:
        """Verify a build, copy it in, and make it the newest of `line`; return the copy.

        If it is already the newest of its line nothing changes, and the log says so.
        Raises `BuildError` and `DiskFull`.
        """
        build = shelf.checked(folder, line)
        with self.held():
            kept, changed = shelf.add(self.root, build, line)
            if changed is not None:
                self._tell(lambda index: index.put_all(Files(lines=[changed])))
        return kept

    def builds(self) -> list[BuildRow]:
        """Return every build of every line, oldest first; leave out a damaged line with a warning."""
        return lines.builds(self.root)

    def find_build(self, text: str) -> Build:
        """Return a build: the newest of the line `text`, the one whose id begins so, or the one in that folder.

        Raises `BuildError` when nothing or more than one build fits.
        """
        return shelf.find(self.root, text)

    def set_baseline(self, line: str, build_id: str) -> None:
        """Make a build the baseline of its line, against which others are judged; raise `BuildError`."""
        with self.held():
            changed = shelf.set_baseline(self.root, line, build_id)
            self._tell(lambda index: index.put_all(Files(lines=[changed])))

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
        with disk_errors(f"save run {run.id}", self.root):
            seal.open_again(RUNS.path(self.root, run.id).parent)
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
            seal.open_again(folder.parent.parent)
            write_atomically(folder / "trial.json", encode(TrialFile(trial=trial)))
        self._tell(lambda index: index.put_trial(run_id, trial))

    def finish_run(self, run_id: str, status: Ended) -> None:
        """End a run: write very many events as Parquet, the run's end into `run.json`, then the index.

        An interrupted or failed run may be resumed and end again. Raises `DiskFull` and `StoreError`.
        """
        trials = self.trials(run_id)
        run = replace(RUNS.read(self.root, run_id), status=status, ended_utc=now_utc())
        folder = RUNS.path(self.root, run_id).parent
        with disk_errors(f"finish run {run_id}", folder):
            seal.open_again(folder)
            (folder / "samples.parquet").unlink(missing_ok=True)  # an older lab's: it lacks what was resumed
            for trial in trials:
                events.lay_down(folder / "trials" / f"{trial.number:04d}")
            RUNS.write(self.root, run)
            seal.close(folder)
        self._tell(lambda index: index.put_all(Files(records=[run], trials={run_id: trials})), last=True)

    def runs(self, limit: int | None = None) -> list[Run]:
        """Return the runs of this root, newest first."""
        return self._listed(RUNS, limit)

    def run_groups(self) -> list[RunGroup]:
        """Return what was measured: a group for each scenario, device and line of builds, in that order."""
        try:
            return self._cache.read(lambda index: index.run_groups())
        except StoreError as error:
            self._cache.warn(error, "lists are read from the files, which takes longer")
        return grouped(self._run_rows_of_files())

    def run_rows(self, limit: int | None = None, **wanted: str) -> list[RunRow]:
        """Return the runs with these values in the fields of a row, newest first, without their documents."""
        try:
            return self._cache.read(lambda index: index.run_rows(limit, **wanted))
        except StoreError as error:
            self._cache.warn(error, "lists are read from the files, which takes longer")
        found = self._run_rows_of_files()
        return [each for each in found if all(getattr(each, name) == value for name, value in wanted.items())][
            :limit
        ]

    def _run_rows_of_files(self) -> list[RunRow]:
        """Return all runs, newest first, read from their files."""
        found = saved.records(RUNS, self.root, RUNS.ids(self.root))
        names = RunRow.__dataclass_fields__
        rows = [RunRow(**{name: getattr(each, name) for name in names}) for each in found]
        return sorted(rows, key=lambda row: (row.started_utc, row.id), reverse=True)

    def run(self, text: str) -> Run:
        """Return the run whose id begins with `text`, or the ``last`` asked for; raise `StoreError`."""
        return self._find(RUNS, text)

    def trials(self, run_id: str) -> list[Trial]:
        """Return a run's saved trials by number; what is wrong with its files is told in warnings, once."""
        found = self.examined(run_id)
        for words in found.problems:
            if words not in self._told:
                self._told.add(words)
                log.warning("left out: %s", words)
        return list(found.kept)

    def examined(self, run_id: str) -> Trials:
        """Return a run's saved trials, and a sentence for each of its files that is damaged or was changed."""
        return saved.trials(self.root, run_id)

    def tallies(self, since: str, until: str | None = None) -> list[Tally]:
        """Return how many trials counted, and how many did not by reason, of the runs that began in a time.

        Raises `StoreError` when the index does not answer: reading every trial's file would take minutes.
        """
        return self._cache.read(lambda index: index.tallies(since, until))

    def spreads(self, since: str, device: str | None = None) -> list[Spread]:
        """Return the spread between trials of each cell, in the runs that began since then; raises as above."""
        return self._cache.read(lambda index: index.spreads(since, device))

    # --- comparisons -------------------------------------------------------------------------------

    def save_comparison(self, comparison: Comparison) -> None:
        """Save a comparison as it stands now; raise `DiskFull` and `StoreError`."""
        self._save(COMPARISONS, comparison)

    def comparison(self, text: str) -> Comparison:
        """Return the comparison whose id begins with `text`, or the ``last`` asked for; raise `StoreError`."""
        return self._find(COMPARISONS, text)

    def comparisons(self, limit: int | None = None) -> list[Comparison]:
        """Return the comparisons of this root, newest first."""
        return self._listed(COMPARISONS, limit)

    def save_selfcheck(self, found: SelfCheck) -> None:
        """Save a device's self-check as it stands now; raise `DiskFull` and `StoreError`."""
        self._save(SELFCHECKS, found)

    def selfcheck(self, text: str) -> SelfCheck:
        """Return the self-check whose id begins with `text`, or the ``last`` asked for; raise `StoreError`."""
        return self._find(SELFCHECKS, text)

    def selfchecks(self, device: str | None = None) -> list[SelfCheck]:
        """Return the self-checks of a device, or of all, newest first."""
        wanted = {} if device is None else {"device": device}
        return self._listed(SELFCHECKS, None, **wanted)

    # --- nights ------------------------------------------------------------------------------------

    def save_night(self, night: Night) -> None:
        """Save a night as it stands now; raise `DiskFull` and `StoreError`."""
        self._save(NIGHTS, night)

    def night(self, text: str) -> Night:
        """Return the newest night of a date, the ``last``, or the one whose id begins with `text`.

        Raises `StoreError` when there is none.
        """
        found = [each.id for each in self.nights() if text in (each.date, "last")]
        return NIGHTS.read(self.root, found[0]) if found else self._find(NIGHTS, text)

    def nights(self, suite: str | None = None, status: str | None = None) -> list[NightRow]:
        """Return the nights of this root, or those of a suite or with a status, newest first."""
        try:
            rows = self._cache.read(lambda index: index.nights())
        except StoreError as error:
            self._cache.warn(error, "lists are read from the files, which takes longer")
            found = saved.records(NIGHTS, self.root, NIGHTS.ids(self.root))
            names = NightRow.__dataclass_fields__
            rows = [NightRow(**{name: getattr(each, name) for name in names}) for each in found]
            rows.sort(key=lambda row: (row.started_utc, row.id), reverse=True)
        return [row for row in rows if suite in (None, row.suite) and status in (None, row.status)]

    def save_values(self, night_id: str, found: Sequence[Value]) -> None:
        """Save the figures of a night; raise `DiskFull` and `StoreError`."""
        from lab.store import values  # noqa: PLC0415 - pyarrow: most commands read no figures

        values.write(self.root, night_id, found)

    def values(self, night_id: str) -> list[Value]:
        """Return the figures of a night; raise `StoreError` when they are missing or damaged."""
        from lab.store import values  # noqa: PLC0415 - as above

        return values.read(self.root, night_id)

    def save_incident(self, incident: Incident) -> None:
        """Save an incident as it stands now; raise `DiskFull` and `StoreError`."""
        self._save(INCIDENTS, incident)

    def change_incident(self, text: str, change: Callable[[Incident], Incident]) -> Incident:
        """Replace an incident by what `change` makes of it as it stands now, and return that.

        Nobody else changes an incident meanwhile. Raises as :meth:`incident`, and whatever `change` raises.
        """
        with self.held():
            changed = change(self.incident(text))
            self.save_incident(changed)
        return changed

    def incident(self, text: str) -> Incident:
        """Return the incident whose id begins with `text`, or the ``last`` opened; raise `StoreError`."""
        if text == "last" and (found := self.incidents()):
            return found[0]
        return self._find(INCIDENTS, text)

    def incidents(self) -> list[Incident]:
        """Return the incidents of this root, newest first."""
        return self._listed(INCIDENTS, None)

    # --- index -------------------------------------------------------------------------------------

    def reindex(self) -> dict[str, int]:
        """Rebuild the index of this root from its files alone; return noun -> how many of these it now holds.

        A damaged file is left out with a warning. An index of ours that cannot be used is set aside; raises
        `StoreError` for another one, and `DiskFull`.
        """
        with self.held():
            found = saved.everything(self.root)
            self._cache.rebuild(found)
            self._changed()
        return {
            "build": sum(len(line.builds) for line in found.lines),
            "run": sum(isinstance(each, Run) for each in found.records),
            "trial": sum(len(trials) for trials in found.trials.values()),
            "comparison": sum(isinstance(each, Comparison) for each in found.records),
            "self-check": sum(isinstance(each, SelfCheck) for each in found.records),
            "night": sum(isinstance(each, Night) for each in found.records),
            "incident": sum(isinstance(each, Incident) for each in found.records),
        }

    def _listed(self, kind: Kind[Record], limit: int | None, **wanted: str) -> list[Record]:
        """Return records with these values in their fields, newest first; from the files if the index fails."""
        try:
            return self._cache.read(lambda index: index.records(kind, limit, **wanted))
        except StoreError as error:
            self._cache.warn(error, "lists are read from the files, which takes longer")
        found = saved.records(kind, self.root, kind.ids(self.root))
        fits = [each for each in found if all(getattr(each, name) == value for name, value in wanted.items())]
        return sorted(fits, key=lambda each: (each.started_utc, each.id), reverse=True)[:limit]

    def _tell(self, change: Callable[[Index], None], *, last: bool = False) -> None:
        """Tell the index, and whoever asks for the version, what was just saved in a file."""
        self._cache.write(change, last=last)
        self._changed()

    def _changed(self) -> None:
        """Give the root a new version. The kernel's own clock has ticks, within which two saves would be one."""
        last = int(self.version() or 0)
        with suppress(OSError):  # a disk that takes no more, or another user's file: it has at least a tick's time
            path = self.root / CHANGED
            path.touch()
            now = max(time.time_ns(), last + 1)
            os.utime(path, ns=(now, now))

    def _save(self, kind: Kind[Record], record: Record) -> None:
        """Write a record's file, then its rows."""
        kind.write(self.root, record)
        self._tell(lambda index: index.put_all(Files(records=[record])), last=record.status != "running")

    def _find(self, kind: Kind[Record], text: str) -> Record:
        """Return the record whose id begins with `text`, or the ``last`` asked for; raise `StoreError`."""
        if text == "last" and kind.name in glance.KINDS:
            return kind.read(self.root, glance.last(self.root, (kind.name,)).id)
        if UUID.fullmatch(text) and kind.path(self.root, text).exists():
            return kind.read(self.root, text)
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
        if not self._shared:
            return ""
        try:
            found = self._cache.read(lambda index: index.elsewhere(kind, text))
        except StoreError as error:
            log.debug("could not look for it in the index: %s", error)
            return ""
        return "".join(
            f"; {kind.name} {each.id} lies in another data root, the folder {each.path} on host {each.host} "
            f"(last opened {each.opened_utc}): on that host, use `--data {shlex.quote(each.path)}`"
            for each in found[:SHOWN]
        )

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep others from adding builds, changing incidents or reindexing meanwhile."""
        with disk_errors("lock the store", self.root), locked(self.root / "store.lock"):
            yield


def _make_or_do_without(path: Path) -> None:
    """Make a folder of the data root. One that is there already but takes no folder can still be read."""
    try:
        make_folder(path)
    except OSError as error:
        if error.errno not in (errno.EROFS, errno.EACCES, errno.EPERM) or not path.parent.is_dir():
            raise
