"""A trial's events as rows, for readers of a trial that was judged long ago: from its lines, or from columns.

`lab.trial.folder.read_events` checks every key of every line and keeps them all: of a million spans that is ten
times the work, and some gigabytes. The lines are the truth. Of a trial with very many, a Parquet file of the same
rows is laid down and sealed when its run ends, and read instead: parsing takes most of a trace's time.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from io import BufferedReader
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

from pydantic_core import from_json

from lab.errors import StoreError
from lab.files import open_regular, sync
from lab.records.files import EVENTS
from lab.store import seal

COLUMNS = "events.parquet"
"""The file of a trial's rows, beside its lines."""

MANY_BYTES = 16 << 20
"""Size of an events file from which it gets columns. A judgement: parsing so much takes as long as importing the
library that reads columns."""

AT_ONCE = 1 << 16
"""Rows in one piece of the columns: a judgement, some megabytes of memory."""

LINE_BYTES = 64 << 20
"""The longest line that is read. A judgement: an output of a million tokens has 48 MB (`lab.trial.limits`)."""

MOST = 2**63
"""Numbers of the contract have 64 bits."""

EXCERPT, WHY = 60, 160
"""How many characters of a line that is no event are quoted, and of what is wrong with it."""

Words = tuple[str, str, str, str, str | None, str | None]
"""The words of a span or an iteration: event, stage (of an iteration its phase), role, unit, parent and source."""

Row = tuple[Words, int, int, int, int, int, int | None, int | None]
"""A span or an iteration: its words, and the numbers of :data:`NUMBERS`."""

WORDS = ("event", "name", "role", "unit", "parent", "source")
NUMBERS = ("iteration", "index", "start_ns", "duration_ns", "cpu_ns", "true", "padded")


NEVER_NULL = (*WORDS[:4], *NUMBERS[:5])
"""The columns in which every row has a value."""


class Clocks(NamedTuple):
    """The agent's two clocks in nanoseconds, read together when it began."""

    monotonic_ns: int
    boot_ns: int


class NotAnEvent(ValueError):  # noqa: N818 - what the line is
    """A line that is no event; its text says which and why."""


@dataclass(frozen=True)
class Events:
    """The clocks of a trial's hello, if its first line is one, and the rows of its spans and iterations."""

    clocks: Clocks | None
    rows: Iterator[Row]


def source(folder: Path) -> Path:
    """Return the file with the events of a trial: its columns if they are as they were sealed, or its lines."""
    run, path = folder.parents[1], folder / COLUMNS
    try:
        sealed = seal.sums(run).get(path.relative_to(run).as_posix()) if path.is_file() else None
        whole = sealed is not None and not seal.differs(path, sealed)
    except (OSError, StoreError):
        whole = False
    return path if whole else folder / EVENTS


def read(path: Path) -> Events:
    """Return the events in a file that :func:`source` named.

    Raises `NotAnEvent` for a hello that is none, `OSError`, and `NotAnEvent` at the first row that is none.
    """
    return _of_columns(path) if path.name == COLUMNS else _of_lines(path)


def lay_down(folder: Path, many_bytes: int = MANY_BYTES) -> None:
    """Write the columns of a trial whose lines have so many bytes, each an event; raises `OSError`."""
    path, lines = folder / COLUMNS, folder / EVENTS
    path.unlink(missing_ok=True)
    if not lines.is_file() or lines.stat().st_size < many_bytes:
        return
    import pyarrow as pa  # noqa: PLC0415 - few trials have so many events
    import pyarrow.parquet as pq  # noqa: PLC0415 - as above

    kinds = [(name, pa.string()) for name in WORDS] + [(name, pa.int64()) for name in NUMBERS]
    aside = path.with_name(f".{COLUMNS}.part")
    try:
        found = read(lines)
        schema = pa.schema(kinds, None if found.clocks is None else _named(found.clocks))
        with pq.ParquetWriter(aside, schema) as file:
            while some := [(*words, *numbers) for words, *numbers in islice(found.rows, AT_ONCE)]:
                columns = zip(zip(*some, strict=True), schema.types, strict=True)
                file.write(pa.record_batch([pa.array(each, kind) for each, kind in columns], schema))
        sync(aside)
        aside.replace(path)
    except (NotAnEvent, UnicodeError):
        return  # the lines say what is wrong
    finally:
        aside.unlink(missing_ok=True)


def _named(clocks: Clocks) -> dict[str, str]:
    return {name: str(value) for name, value in clocks._asdict().items()}


def _of_columns(path: Path) -> Events:
    with _columns_of(path):
        import pyarrow.parquet as pq  # noqa: PLC0415 - few trials have columns

        file = pq.ParquetFile(path, read_dictionary=list(WORDS))
        named = {key.decode(): value for key, value in (file.schema_arrow.metadata or {}).items()}
        clocks = Clocks(*(int(named[name]) for name in Clocks._fields)) if "boot_ns" in named else None
    return Events(clocks, _rows_in(path, file))


def _rows_in(path: Path, file: Any) -> Iterator[Row]:
    with _columns_of(path):
        kinds = [str(file.schema_arrow.field(name).type) for name in (*WORDS, *NUMBERS)]
        if [each.split("<")[0] for each in kinds] != ["dictionary"] * len(WORDS) + ["int64"] * len(NUMBERS):
            raise TypeError(f"wanted columns of texts and of whole numbers, found {', '.join(kinds)}")
        for batch in file.iter_batches(AT_ONCE, use_threads=False, columns=[*WORDS, *NUMBERS]):
            if lacking := [name for name in NEVER_NULL if batch.column(name).null_count]:
                raise TypeError(f"wanted a value in each row, found none in {', '.join(lacking)}")
            yield from _rows_of(batch.columns)


@contextmanager
def _columns_of(path: Path) -> Iterator[None]:
    """Translate what the library raises for a file that a lab did not write: `ArrowInvalid` is a ValueError."""
    try:
        yield
    except (ValueError, TypeError, KeyError) as error:
        why = " ".join(str(error).split())[:WHY]
        raise NotAnEvent(
            f"{path.name} holds no columns of events ({why}); remove it: the lines say the same"
        ) from error


def _rows_of(columns: Sequence[Any]) -> Iterator[Any]:
    """Yield the rows of a batch; a word that stands in many rows is one object, which saves time."""
    count = len(WORDS)
    words = (map(_words_of(each), each.indices.to_pylist()) for each in columns[:count])
    return zip(zip(*words, strict=True), *(each.to_pylist() for each in columns[count:]), strict=True)


def _words_of(column: Any) -> Callable[[int | None], str | None]:
    words: dict[int | None, str | None] = dict(enumerate(column.dictionary.to_pylist()))
    words[None] = None
    return words.__getitem__


def _of_lines(path: Path) -> Events:
    objects = _objects(path)
    number, first = next(objects, (0, {}))
    clocks = None
    if first.get("event") == "hello":
        try:
            clocks = Clocks(first["monotonic_ns"], first["boot_ns"])
            if {*map(type, clocks)} != _INT:
                raise TypeError(f"wanted whole numbers, found {clocks!r}")
        except (KeyError, TypeError) as error:
            raise _not_of_the_contract(number, error) from error
    return Events(clocks, _rows(chain([(number, first)] if number else [], objects)))


def _rows(objects: Iterator[tuple[int, Any]]) -> Iterator[Row]:
    """Yield the row of each line that is a span or an iteration."""
    known: set[Words] = set()
    for number, event in objects:
        index = cpu_ns = true = padded = 0
        try:
            kind = event["event"]
            if kind == "span":
                parent, source = event.get("parent"), event.get("source")
                words: Words = (kind, event["stage"], event["role"], event["unit"], parent, source)
                index, cpu_ns = event["index"], event["cpu_ns"]
                if count := event.get("count"):
                    true, padded = count["true"], count["padded"]
            elif kind == "iteration":
                words, count = (kind, event["phase"], "", "", None, None), None
            else:
                continue
            iteration, start_ns, duration_ns = event["iteration"], event["start_ns"], event["duration_ns"]
            numbers = iteration, index, start_ns, duration_ns, cpu_ns, true, padded
            if {*map(type, numbers)} != _INT or max(numbers) >= MOST or min(numbers) < -MOST:
                raise TypeError(f"wanted whole numbers of 64 bits, found {numbers!r}")
            if duration_ns < 0 or cpu_ns < 0:
                raise TypeError(f"wanted times from 0 on, found {duration_ns} and {cpu_ns}")
            if words not in known:
                _check_words(words)
                known.add(words)
        except (KeyError, TypeError, AttributeError) as error:
            raise _not_of_the_contract(number, error) from error
        yield (words, *numbers) if count else (words, iteration, index, start_ns, duration_ns, cpu_ns, None, None)


_INT = {int}


def _check_words(words: tuple[object, ...]) -> None:
    if not all(isinstance(word, str) for word in words[:4]) or not all(
        word is None or isinstance(word, str) for word in words[4:]
    ):
        raise TypeError(f"wanted words, found {words!r}")


def _not_of_the_contract(number: int, error: Exception) -> NotAnEvent:
    return NotAnEvent(f"line {number} is no event of the contract ({' '.join(str(error).split())[:WHY]})")


def _objects(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield number and object of each whole line. A last line without its end is left out: its agent died.

    Raises `NotAnEvent` and `OSError`, also for what is no regular file or larger than any agent may write.
    """
    with BufferedReader(open_regular(path, seal.MOST_BYTES)) as file:
        for number, line in enumerate(iter(partial(file.readline, LINE_BYTES), b""), start=1):
            if len(line) == LINE_BYTES:
                raise NotAnEvent(f"line {number} is no event: it has {LINE_BYTES:,} bytes or more")
            if not line.endswith(b"\n"):
                return
            try:
                found = from_json(line, allow_inf_nan=False)
                found["event"]
            except (ValueError, TypeError, KeyError) as error:
                text = line[:EXCERPT].decode(errors="replace")
                raise NotAnEvent(f"line {number} is no event ({error}): {text!r}") from error
            yield number, found


@dataclass
class Summary:
    """What a trial's events come to: its clocks, its measured iterations, and the work of its spans.

    Times are nanoseconds of the device's monotonic clock; `work` holds start, end and CPU time of each stage that
    is no part of another, in three columns. `parsed`: a foreign tool printed durations, whose starts are unknown.
    """

    clocks: Clocks | None = None
    starts_ns: array[int] = field(default_factory=lambda: array("q"))
    durations_ns: array[int] = field(default_factory=lambda: array("q"))
    warmups: int = 0
    work: tuple[array[int], array[int], array[int]] = field(
        default_factory=lambda: (array("q"), array("q"), array("q"))
    )
    parsed: bool = False


def summary(folder: Path) -> Summary:
    """Return the summary of a trial's events up to the first line that is none; an empty one without a file."""
    found, path = Summary(), source(folder)
    if not path.is_file():
        return found
    begin, end, cpu = found.work
    try:
        events = read(path)
        found.clocks = events.clocks
        for (event, name, role, _, parent, origin), _, _, start_ns, duration_ns, cpu_ns, _, _ in events.rows:
            if event == "span":
                if parent is None and role != "user":
                    begin.append(start_ns)
                    end.append(min(start_ns + duration_ns, MOST - 1))
                    cpu.append(cpu_ns)
                    found.parsed |= origin == "parsed"
            elif name == "measure":
                found.starts_ns.append(start_ns)
                found.durations_ns.append(duration_ns)
            else:
                found.warmups += 1
    except (NotAnEvent, OSError):
        pass
    return found
