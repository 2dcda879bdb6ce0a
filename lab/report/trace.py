"""Trials as a trace that Perfetto opens: one track for each execution unit of a run, and its sensors as counters.

Format: the JSON array format of Chrome's Trace Event Format document, with complete events (``ph = "X"``),
counters (``"C"``) and metadata (``"M"``). Times are microseconds since the agent's hello, so that two runs in one
file begin together. Events are written as they are read: a trial may have millions.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from lab.device.vitals.lines import read
from lab.device.vitals.meaning import aligned
from lab.errors import RunError, StoreError
from lab.records import Vitals
from lab.records.files import EVENTS, VITALS
from lab.report.wording import MARK
from lab.store import events, seal
from lab.store.events import Clocks, NotAnEvent, Row, Words
from lab.store.glance import Glance
from lab.store.measured import measured

RANK = {"cpu": 0, "npu": 1, "user": 3}
"""Tracks from top to bottom: the paper's two units, then any other, then the user's wait."""

WHOLE, FIRST = 1, 2
"""The tracks of iterations, and of the first execution unit."""

AT_ONCE = 1000
"""How many events are written at once: a judgement, some hundred kilobytes."""


@dataclass(frozen=True)
class Source:
    """A trial to be written: its title, its events, its vitals, and one iteration or all."""

    title: str
    events: Path
    vitals: tuple[Vitals, ...]
    iteration: int | None


def trace_of_saved(
    root: Path, runs: Sequence[Glance], trial: int | None = None, iteration: int | None = None
) -> tuple[list[int], Iterator[str]]:
    """Return the number of the trial that is taken of each run, and the pieces of one trace of all of them.

    Without `trial` that is the first valid one; trial 0 is the uncounted first process. Raises `RunError` for a
    trial that is not there, and while the pieces are read for lines that are no events and an iteration that is
    missing; `StoreError` for events that were changed after their run ended.
    """
    chosen = [_chosen(root, run, trial, iteration) for run in runs]
    return [number for number, _ in chosen], document([source for _, source in chosen])


def document(sources: Iterable[Source]) -> Iterator[str]:
    """Yield the pieces of a trace in which each source is a process; raises as :func:`trace_of_saved` says."""
    yield f'{{"otherData":{{"origin":"{MARK}"}},"traceEvents":[\n'
    for number, source in enumerate(sources, start=1):
        found = _Trial(number, source).events()
        yield ("" if number == 1 else ",\n") + next(found)
        while some := ",\n".join(islice(found, AT_ONCE)):
            yield ",\n" + some
    yield "\n]}\n"


def _chosen(root: Path, run: Glance, trial: int | None, iteration: int | None) -> tuple[int, Source]:
    trials = {found.number: found for found in measured(root, run.id)}
    valid = [number for number, found in trials.items() if found.valid]
    number = trial if trial is not None else next(iter(valid or trials), None)
    folder = root / "runs" / run.id
    place = folder / "trials" / f"{number or 0:04d}"
    if number is None:
        raise RunError(f"run {run.id} has no trial, so no trace: `lab explain {run.id[:13]}` says what to do")
    if not (place / EVENTS).is_file():
        if number in trials:
            raise RunError(f"trial {number} of run {run.id} has no events: its agent wrote none, or they are lost")
        known = f"0 to {max(trials)}" if trials else "none"
        raise RunError(f"run {run.id} has no trial {number}; it has {known} (0 is the uncounted first process)")
    path = events.source(place)
    seal.refuse_changed(folder, path.relative_to(folder).as_posix())
    cell = trials[number].cell if number in trials else "settling"
    try:
        seen = read(place / VITALS) if (place / VITALS).is_file() else ()
    except StoreError:  # `lab explain` says so; a trace without counters is one all the same
        seen = ()
    title = f"{run.scenario} {cell} trial {number}, {run.builds[0].line} on {run.device} ({run.id[:13]})"
    return number, Source(title, path, seen, iteration)


_PART = tuple(f".{each:03d}" for each in range(1000))
_LAST = tuple(f"{each:03d}" for each in range(1000))
"""Decimals of microseconds, and the last ones of milliseconds: Python takes twice as long to write a float."""


class _Trial:
    """One process of a trace while its events are read."""

    def __init__(self, process: int, source: Source) -> None:
        self._process = process
        self._source = source
        self._origin_ns: int | None = None
        self._clocks: Clocks | None = None
        self._tracks: dict[tuple[str, str], int] = {}
        self._slices: dict[Words, tuple[str, str, bool]] = {}
        self._cpu_ns: dict[int, int] = {}
        self._extent_ns: list[int] = []
        self._numbers: list[int] = []

    def events(self) -> Iterator[str]:
        """Yield every event of the trial, as JSON."""
        yield self._meta("process_name", 0, {"name": self._source.title})
        yield from self._track(WHOLE, "iteration", 0)
        path, wanted = self._source.events, self._source.iteration
        try:
            found = events.read(path)
            self._clocks = found.clocks
            self._origin_ns = None if found.clocks is None else found.clocks.monotonic_ns
            yield from self._rows(found.rows, wanted)
        except OSError as error:
            raise self._refused(f"the file could not be read: {error.strerror or error}") from error
        except NotAnEvent as error:
            raise self._refused(str(error)) from error
        if self._origin_ns is None:
            raise self._refused("it holds no event")
        if wanted is not None and wanted not in self._numbers:
            raise RunError(f"{path}: has no iteration {wanted}; it has {self._numbers or 'none'}")
        yield from self._counters()

    def _refused(self, why: str) -> RunError:
        return RunError(
            f"{self._source.events}: wanted an agent's events, but {why}; `lab explain RUN --trial N` says how "
            "that trial was judged, and --trial chooses another one"
        )

    def _rows(self, rows: Iterator[Row], wanted: int | None) -> Iterator[str]:
        """Yield the events of the rows of one iteration or of all; in one loop, as there may be millions."""
        slices, spent_ns = self._slices, self._cpu_ns
        for words, iteration, index, start, duration, cpu, true, padded in rows:
            whole = words[0] == "iteration"
            if whole:
                self._numbers.append(iteration)
            if wanted is not None and iteration != wanted:
                continue
            if self._origin_ns is None:
                self._origin_ns = start
            at = start - self._origin_ns
            if whole:
                yield from self._iteration(words[1], iteration, start, duration)
                continue
            if words not in slices:
                yield from self._new_slice(words)
            head, tail, works = slices[words]
            if works:
                spent_ns[iteration] = spent_ns.get(iteration, 0) + cpu
            amount = "" if true is None else f',"true":{true},"padded":{padded}'
            if at < 0:
                head, at = f"{head}-", -at
            yield (
                f'{head}{at // 1000}{_PART[at % 1000]},"dur":{duration // 1000}{_PART[duration % 1000]},"args":'
                f'{{"iteration":{iteration},"index":{index},"cpu_ms":{cpu // 1_000_000}{_PART[cpu // 1000 % 1000]}'
                f"{_LAST[cpu % 1000]}{amount}{tail}"
            )

    def _new_slice(self, words: Words) -> Iterator[str]:
        """Note what all spans of a kind share, their name too, so that Perfetto can add them up.

        Yield what names their track, if they are the first on it.
        """
        _, stage, role, unit, parent, source = words
        place = (role, "user" if role == "user" else unit)
        if place not in self._tracks:
            number = self._tracks[place] = FIRST + len(self._tracks)
            name = "user" if role == "user" else f"{role} (unit {unit})"
            yield from self._track(number, name, 1 + RANK.get(role, 2))
        track = f'"pid":{self._process},"tid":{self._tracks[place]}'
        rest = {"role": role, "unit": unit, "parent": parent, "source": source or "measured"}
        head = f'{{"name":{json.dumps(stage)},"cat":{json.dumps(role)},"ph":"X",{track},"ts":'
        works = parent is None and role != "user" and source != "parsed"
        self._slices[words] = head, f",{json.dumps(rest)[1:-1]}}}}}", works

    def _iteration(self, phase: str, number: int, start: int, duration: int) -> Iterator[str]:
        at = (start - (self._origin_ns or 0)) / 1e3
        where = {"pid": self._process, "tid": WHOLE, "ts": at, "dur": duration / 1e3}
        yield json.dumps({"name": phase, "cat": "iteration", "ph": "X", **where, "args": {"iteration": number}})
        self._extent_ns += [start, start + duration]
        spent = self._cpu_ns.pop(number, 0)
        if spent and duration:
            yield self._counter("CPU of the agent, cores", start, spent / duration)

    def _counters(self) -> Iterator[str]:
        """Yield what the sensors said while the trial ran: temperatures, clocks, the device's load."""
        if self._clocks is None:
            return
        for at_ns, one in aligned(self._source.vitals, self._clocks):
            within = not self._extent_ns or min(self._extent_ns) <= at_ns <= max(self._extent_ns)
            if self._source.iteration is not None and not within:
                continue
            figures = {f"temperature of {name}, °C": value for name, value in one.celsius.items()}
            figures |= {f"clock of {name}, MHz": value / 1e3 for name, value in one.clocks_khz.items()}
            figures |= {f"clock allowed of {name}, %": 100 * value for name, value in one.caps.items()}
            if one.busy_cores is not None:
                figures["CPU of everything, cores"] = one.busy_cores
            yield from (self._counter(name, at_ns, value) for name, value in figures.items())

    def _counter(self, name: str, at_ns: int, value: float) -> str:
        at = (at_ns - (self._origin_ns or 0)) / 1e3
        return json.dumps({"name": name, "ph": "C", "pid": self._process, "ts": at, "args": {"value": value}})

    def _track(self, number: int, name: str, rank: int) -> Iterator[str]:
        yield self._meta("thread_name", number, {"name": name})
        yield self._meta("thread_sort_index", number, {"sort_index": rank})

    def _meta(self, name: str, thread: int, arguments: dict[str, str | int]) -> str:
        return json.dumps({"name": name, "ph": "M", "pid": self._process, "tid": thread, "args": arguments})
