"""The files of a site: where each record's page lies, and links from one page to another."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lab.store.kinds import NightRow

SAFE = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}")
"""A name that may be part of a file's name. Ids and dates are; others' names need not be."""

DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

START = 13
"""Characters of an id by which a page names a record at least: those of a UUIDv7's millisecond."""


@dataclass(frozen=True)
class Links:
    """The records that have a page: `paths` holds the page of each id, of every kind."""

    paths: Mapping[str, str]
    starts: Mapping[str, str] = field(repr=False)

    def to(self, text: str, at: str) -> str:
        """Return a link from the page `at` to the page of the record whose id begins so; empty for none.

        A text that is too short to name a record, and a page's own record, have no link.
        """
        found = text if text in self.paths else self.starts.get(text[:START], "") if len(text) >= START else ""
        if not found or not found.startswith(text) or (path := self.paths[found]) == at:
            return ""
        return relative(path, at)


def links_of(paths: Mapping[str, str]) -> Links:
    """Return the links to pages; where ids begin alike, the last of them is meant by their start."""
    return Links(paths, {each[:START]: each for each in paths})


def relative(path: str, at: str) -> str:
    """Return a link to a file of the site from the page `at`."""
    return posixpath.relpath(path, posixpath.dirname(at))


def page_of(kind: str, record_id: str) -> str:
    """Return where the page of a run, a comparison or an incident lies."""
    return f"{kind}s/{record_id}.html"


def pages_of_nights(rows: Sequence[NightRow]) -> dict[str, str]:
    """Return the page of each night, by its id: its date, with its suite where two share that.

    A night measured twice, and one whose date or suite is no name of a file, has its id.
    """
    found: dict[str, str] = {}
    for row in rows:
        alike = [each for each in rows if each.date == row.date]
        same = [each for each in alike if each.suite == row.suite]
        name = row.date if len(alike) == 1 else f"{row.date}-{row.suite}" if len(same) == 1 else row.id
        good = DATE.fullmatch(row.date) and SAFE.fullmatch(name)
        found[row.id] = f"nights/{name if good else row.id}.html"
    return found
