"""The names of nights in a list: a date where it is enough."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from lab.store.kinds import NightRow


def names_of(nights: Sequence[NightRow]) -> list[str]:
    """Return a name a night, no two alike: its date, with the suite where a date has several, else with its id."""
    dates = Counter(each.date for each in nights)
    suites = Counter((each.date, each.suite) for each in nights)
    return [
        each.date
        if dates[each.date] == 1
        else f"{each.date} {each.suite}"
        if suites[each.date, each.suite] == 1
        else f"{each.date} {each.suite} {each.id}"
        for each in nights
    ]
