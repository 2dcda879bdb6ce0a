"""A table of a report: its heads and the words in it, said once; each format draws it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

Kind = Literal["words", "prose", "whole", "number", "faults"]
"""The content of a column: a few words, prose that wraps, text that is never cut, numbers, or
`faults`: numbers that should be 0."""

Item = TypeVar("Item")


@dataclass(frozen=True)
class Head:
    """The head of a column; `about` explains it where a format has room, such as a tooltip."""

    text: str
    kind: Kind = "number"
    about: str = ""

    @property
    def left(self) -> bool:
        """True if the column is aligned left: words are, numbers are not."""
        return self.kind in ("words", "prose", "whole")


@dataclass(frozen=True)
class Column(Generic[Item]):
    """A head, and the text of an item under it; a column that is not `shown` is left out."""

    head: Head
    text: Callable[[Item], str]
    shown: bool = True


@dataclass(frozen=True)
class Row:
    """One text for each column. A line break sets small print below a figure.

    `standing` names how the row stands, such as ``best`` or ``wrong``; each format has its own style for it.
    """

    texts: tuple[str, ...]
    standing: str = ""


@dataclass(frozen=True)
class Table:
    """Heads and rows. `title` and `note` stand above and below; formats with headings may leave them out."""

    heads: tuple[Head, ...]
    rows: tuple[Row, ...]
    title: str = ""
    note: str = ""


def table(
    columns: Sequence[Column[Item]],
    items: Iterable[Item],
    *,
    standing: Callable[[Item], str] = lambda item: "",
    title: str = "",
    note: str = "",
) -> Table:
    """Return the table with a row for each item; texts are as they are, formats escape them."""
    shown = [column for column in columns if column.shown]
    rows = tuple(Row(tuple(column.text(item) for column in shown), standing(item)) for item in items)
    return Table(tuple(column.head for column in shown), rows, title, note)
