"""The ends of a bisection: the builds of a line from a good to a bad one, as a user named them."""

from __future__ import annotations

from collections.abc import Sequence

from lab.errors import BuildError
from lab.records import BuildAt
from lab.store.lines import BuildRow


def between(rows: Sequence[BuildRow], line: str, good: str | None, bad: str | None) -> tuple[BuildAt, ...]:
    """Return the builds of a line in order, from `good` to `bad`: revisions (``12``, ``r12``) or starts of ids.

    Without `good` it is the line's baseline, or its first build; without `bad` the newest. Of an id that the line
    holds twice the newest place counts. Raises `BuildError`.
    """
    own = [row for row in rows if row.line == line]
    if not own:
        known = ", ".join(sorted({row.line for row in rows})) or "none"
        raise BuildError(f"no line {line!r}: known: {known}; `lab builds add FOLDER --line NAME` adds a build")
    last = len(own) - 1 if bad is None else _place(own, bad)
    baseline = max((at for at, row in enumerate(own) if row.baseline), default=0)
    first = baseline if good is None else _place(own, good)
    if first >= last:
        ends = f"good r{own[first].revision} and bad r{own[last].revision}"
        raise BuildError(
            f"line {line}: wanted a good build before the bad one, found {ends}: give --good and --bad"
        )
    return tuple(BuildAt(row.id, row.line, row.revision) for row in own[first : last + 1])


def _place(own: Sequence[BuildRow], text: str) -> int:
    number = text.removeprefix("r")
    places = [at for at, row in enumerate(own) if str(row.revision) == number]
    places = places or [at for at, row in enumerate(own) if text and row.id.startswith(text)]
    if len({own[at].id for at in places}) != 1:
        listed = ", ".join(f"r{row.revision} ({row.id[:8]})" for row in own)
        raise BuildError(f"line {own[0].line}: {len(places)} builds are called {text!r}; it has: {listed}")
    return places[-1]
