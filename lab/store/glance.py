"""Records at a glance: what a list says of them, read from their files without the index and without pydantic.

Both take longer to import than `lab runs` may take. Whoever measures or judges reads records with `Store`.
"""

from __future__ import annotations

import logging
import os
import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, cast

from lab.documents.strict import object_of
from lab.errors import StoreError
from lab.files import RECORD_BYTES, disk_errors, read
from lab.records import ACCEPTANCE

log = logging.getLogger(__name__)

Kind = Literal["run", "comparison", "self-check", "night", "incident"]
KINDS: tuple[Kind, ...] = ("run", "comparison", "self-check")
"""The kinds that `lab runs` lists."""

_PLACES: Mapping[Kind, tuple[str, str]] = {
    "run": ("runs/*/run.json", "run"),
    "comparison": ("comparisons/*.json", "comparison"),
    "self-check": ("selfchecks/*.json", "selfcheck"),
    "night": ("nights/*/night.json", "night"),
    "incident": ("incidents/*.json", "incident"),
}
"""Where the files of a kind lie below the data root, and the key that holds the record."""

WORD = 200
"""The longest name in a record that is listed: a judgement, three times the longest that the lab gives. With one
of a megabyte in it, no other record of the list would be seen."""

START = 13
"""Characters of an id that are shown at least: those of a UUIDv7's millisecond."""

ASKED: Mapping[Kind, str] = {
    "run": "lab run",
    "comparison": "lab compare A B --scenario NAME",
    "self-check": "lab selfcheck",
    "night": "lab nightly",
    "incident": "lab nightly",
}
"""The command that makes a record of a kind."""


@dataclass(frozen=True)
class Side:
    """A build that was measured: the line it was named by, and its id."""

    line: str
    id: str


@dataclass(frozen=True)
class Glance:
    """A line of the list of records, in the words of `lab.records`.

    `runs` are a run's own id or those of a comparison's sides (none: it measured nothing), `builds` what they
    measured, as far as their files can be read. `part_of` names what made the record by itself: ``comparison ID``,
    ``self-check ID``, ``night ID`` or ``acceptance``; empty for what a user asked for.
    """

    kind: Kind
    id: str
    started_utc: str
    scenario: str
    suite: str
    builds: tuple[Side, ...]
    device: str
    status: str
    runs: tuple[str, ...]
    part_of: str


def ids(root: Path, kinds: Sequence[Kind] = KINDS) -> list[tuple[str, Kind]]:
    """Return the (id, kind) of the records in a data root, oldest first: ids are UUIDv7. Raises `StoreError`."""
    found: list[tuple[str, Kind]] = []
    for kind in kinds:
        before, after = _PLACES[kind][0].split("*")
        folder, inside = root / before, after.startswith("/")
        with disk_errors(f"list the {kind}s", root):
            names = os.listdir(folder) if folder.is_dir() else []  # noqa: PTH208 - of 5000, in a tenth of the time
            if inside:
                names = [name for name in names if os.path.exists(f"{folder}/{name}{after}")]  # noqa: PTH110 - as above
            else:
                names = [name.removesuffix(after) for name in names if name.endswith(after)]
        found += [(name, kind) for name in names if not name.startswith(".")]  # a cut write's file
    return sorted(found)


def newest(root: Path, kinds: Sequence[Kind] = KINDS) -> Iterator[Glance]:
    """Yield records, newest first; one whose file is damaged hides no other. Raises `StoreError`."""
    look = _looks(root)
    for record_id, kind in reversed(ids(root, kinds)):
        try:
            yield look(kind, record_id)
        except StoreError as error:
            log.warning("%s", error)


def last(root: Path, kinds: Sequence[Kind] = KINDS) -> Glance:
    """Return what the user last asked for: no run or comparison that the lab made by itself.

    Raises `StoreError` when there is none.
    """
    found = next((each for each in newest(root, kinds) if not each.part_of), None)
    if found is None:
        what = "run, comparison or self-check" if len(kinds) > 1 else kinds[0]
        raise StoreError(f"{root}: holds no {what} yet that can be read; start one with `{ASKED[kinds[0]]}`")
    return found


def find(root: Path, text: str, kinds: Sequence[Kind] = KINDS) -> Glance:
    """Return the record whose id begins with `text`, or what the user asked for ``last``; raise `StoreError`."""
    if text == "last":
        return last(root, kinds)
    there = ids(root, kinds)
    found = [each for each in there if text and each[0].startswith(text)]
    if exact := [each for each in found if each[0] == text]:
        found = exact
    if len(found) != 1:
        what = "record" if len(kinds) > 1 else kinds[0]
        many = f"{len(found)} {what}s have" if found else f"no {what} has"
        shown = ", ".join(f"{kind} {each}" for each, kind in (found or there)[-5:])
        known = shown or f"none yet; start one with `{ASKED[kinds[0]]}`"
        which = "the newest of them" if found else "the newest"
        meant = " (did you mean `last`?)" if not found and _like_last(text) else ""
        raise StoreError(f"{root}: {many} an id that begins {text!r}{meant}; {which}: {known}")
    ((record_id, kind),) = found
    return one(root, kind, record_id)


def _like_last(text: str) -> bool:
    """Return whether a text that names no record is a slip of the pen for ``last``, or a word for it."""
    from difflib import get_close_matches  # noqa: PLC0415 - only a mistake needs it

    return bool(get_close_matches(text.lower(), ("last", "latest", "newest")))


def one(root: Path, kind: Kind, record_id: str) -> Glance:
    """Return the record of a kind that has this id; raise `StoreError` when it is missing or damaged."""
    return _looks(root)(kind, record_id)


def start_of(record_id: str, there: Sequence[tuple[str, Kind]]) -> str:
    """Return the start of an id that names it alone among the sorted `there` of :func:`ids`.

    The first 13 characters of a UUIDv7 are its millisecond, which a comparison and its runs may share.
    """
    place = bisect_left(there, (record_id,))
    beside = [there[i][0] for i in (place - 1, place + 1) if 0 <= i < len(there)]
    lengths = range(START, len(record_id))
    return next(
        (record_id[:n] for n in lengths if not any(each.startswith(record_id[:n]) for each in beside)), record_id
    )


def _looks(root: Path) -> Callable[[Kind, str], Glance]:
    """Return what reads one record; it reads the self-checks once, when the first comparison is met."""

    @cache
    def checks() -> list[dict[str, Any]]:
        return list(_readable(root, "self-check"))

    def look(kind: Kind, record_id: str) -> Glance:
        path, found = _record(root, kind, record_id)
        try:
            if word(found, "id") != record_id:
                raise ValueError(f"says that it is {found['id']}")
            runs = tuple(_runs(kind, record_id, found))
            return Glance(
                kind=kind,
                id=record_id,
                started_utc=word(found, "started_utc"),
                scenario=word(found, "scenario"),
                suite=word(found, "suite") if kind == "run" else "",
                builds=(Side(word(found, "build_line"), word(found, "build")),)
                if kind != "comparison"
                else tuple(_builds(root, runs)),
                device=word(found, "device"),
                status=word(found, "status"),
                runs=runs,
                part_of=_maker(kind, found, checks),
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise _damaged(path, kind, error) from error

    return look


def word(found: Mapping[str, object], key: str) -> str:
    """Return a name or an id in a record; raises KeyError, TypeError, and ValueError for one that is too long."""
    text = found[key]
    if not isinstance(text, str):
        raise TypeError(f"{key!r}: wanted text, found {type(text).__name__}")
    if len(text) > WORD:
        raise ValueError(f"{key!r}: wanted at most {WORD} characters, found {len(text):,}")
    return text


def path_of(root: Path, kind: Kind, record_id: str) -> Path:
    """Return where the file of a record lies; raises `StoreError` for an id that is no name of a file."""
    if len(record_id) > WORD or not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*", record_id):
        raise StoreError(
            f"{root}: wanted the id of a {kind}, of letters and digits, found {record_id[:WORD]!r}; move away "
            "what is called so, or restore the record that names it from a copy"
        )
    return root / _PLACES[kind][0].replace("*", record_id)


def _runs(kind: Kind, record_id: str, found: Mapping[str, Any]) -> Sequence[str]:
    if kind == "comparison":
        return [word(found, name) for name in ("baseline_run", "candidate_run") if found[name]]
    return [record_id] if kind == "run" else []


def _builds(root: Path, runs: Sequence[str]) -> Iterator[Side]:
    """Yield the builds of a comparison's runs, as far as these can be read."""
    for run_id in runs:
        try:
            run = _record(root, "run", run_id)[1]
            yield Side(word(run, "build_line"), word(run, "build"))
        except (StoreError, ValueError, KeyError, TypeError) as error:
            log.debug("a side of a comparison is not shown: %s", error)


def _maker(kind: Kind, found: Mapping[str, Any], checks: Callable[[], list[dict[str, Any]]]) -> str:
    """Return what made a record by itself, empty for nothing."""
    if kind == "run":
        if whole := found.get("comparison"):
            return f"comparison {whole}"
        if found["suite"] == ACCEPTANCE:
            return "acceptance"
    if night := found.get("night"):
        return f"night {night}"
    if kind == "comparison":
        check = next((each for each in checks() if _made(each, found)), None)
        return "" if check is None else f"self-check {check['id']}"
    return ""


def _made(check: Mapping[str, Any], found: Mapping[str, Any]) -> bool:
    """Return whether a self-check measured a comparison.

    The one that was interrupted is not in the self-check's record yet. It is recognised by what it compares and by
    its seed: that of the self-check, which is drawn from 2^31, plus the comparison's number.
    """
    if any(live["comparison"] == found["id"] for live in check["live"]):
        return True
    alike = (check["device"], check["scenario"], "parameter")
    number = found["seed"] - check["seed"]
    return bool(
        alike == (found["device"], found["scenario"], found["dimension"])
        and check["started_utc"] <= found["started_utc"]
        and 0 <= number < check["wanted"] + check["wanted_injected"]
    )


def _readable(root: Path, kind: Kind) -> Iterator[dict[str, Any]]:
    for record_id, _ in ids(root, (kind,)):
        try:
            yield _record(root, kind, record_id)[1]
        except StoreError as error:
            log.debug("%s", error)


def _record(root: Path, kind: Kind, record_id: str) -> tuple[Path, dict[str, Any]]:
    """Return the file of a record and what it holds; raise `StoreError` when it is missing or damaged."""
    path, key = path_of(root, kind, record_id), _PLACES[kind][1]
    try:
        return path, cast("dict[str, Any]", object_of(read(path, RECORD_BYTES))[key])
    except OSError as error:
        raise StoreError(
            f"{path}: could not be read: {error.strerror or error}; restore it from a copy, or move it away"
        ) from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _damaged(path, kind, error) from error


def _damaged(path: Path, kind: Kind, error: Exception) -> StoreError:
    why = f"{error} is missing" if isinstance(error, KeyError) else error
    return StoreError(f"{path}: damaged, not a {kind}: {why}; restore it from a copy, or move it away")
