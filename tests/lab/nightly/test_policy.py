"""Another policy tried on nights that were measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lab.nightly.policy import DryNight, dry_run
from lab.records import Night, Series
from lab.scenario.nights import Policy
from lab.store import Store
from tests.night_records import GOOD, SERIES, finding, night, value

LOUD = replace(SERIES, cell="context_tokens=2048")
"""A series that a looser policy would have passed on, and that nobody measured again."""


def saved(tmp_path: Path, *nights: Night) -> Store:
    """Return a store with these nights."""
    store = Store(tmp_path / "data")
    for number, each in enumerate(nights):
        store.save_night(replace(each, id=f"01990000-0000-7000-8000-{number:012}"))
    return store


def passing(*series: Series):  # type: ignore[no-untyped-def]
    """Return screens that pass these series on every night."""
    return lambda night, policy: series


def test_a_policy_is_held_against_what_was(tmp_path: Path) -> None:
    """A confirmed regression that is passed on stays an alert; a suspect without a comparison is only counted."""
    store = saved(tmp_path, night())

    found = dry_run(store, Policy(), screen=passing(SERIES, LOUD))

    assert found == (DryNight(night().date, 2, suspects=(1, 2), alerts=(1, 1), unmeasured=1, lost=()),)


@pytest.mark.parametrize(
    ("policy", "passed"), [(Policy(), ()), (Policy(least=0.1), (SERIES,))], ids=["not passed on", "too small"]
)
def test_a_regression_that_a_policy_loses_is_named(
    tmp_path: Path, policy: Policy, passed: tuple[Series, ...]
) -> None:
    """The one of 7.5 % is lost where the screens miss it, and where only 10 % count."""
    (found,) = dry_run(saved(tmp_path, night()), policy, screen=passing(*passed))

    assert found.alerts == (1, 0)
    assert found.lost == (finding(),)


def test_a_regression_that_no_screen_found_does_not_depend_on_them(tmp_path: Path) -> None:
    """A build without history is compared at once, whatever the policy."""
    first = replace(night(), findings=(replace(finding(), screens=()),))

    (found,) = dry_run(saved(tmp_path, first), Policy(), screen=passing())

    assert (found.suspects, found.alerts) == ((0, 0), (1, 1))


def test_the_last_finished_nights_of_the_newest_suite_are_tried(tmp_path: Path) -> None:
    """Oldest first; other suites, and nights that did not finish, are left out."""
    of = [replace(night(), date=f"2026-11-{day}", started_utc=f"2026-11-{day}T01:00:00Z") for day in range(20, 26)]
    of[1], of[2] = replace(of[1], suite="weekly"), replace(of[2], status="interrupted", ended_utc=None)
    store = saved(tmp_path, *of)

    assert [each.date[-2:] for each in dry_run(store, Policy(), 3, passing())] == ["23", "24", "25"]
    assert [each.date[-2:] for each in dry_run(store, Policy(), 30, passing())] == ["20", "23", "24", "25"]
    assert dry_run(Store(tmp_path / "empty"), Policy()) == ()


def test_the_labs_own_screens_look_at_the_stored_figures(tmp_path: Path) -> None:
    """Ten quiet nights, then a new build that is 7.5 % slower: passed on by 3 %, not by 20 %."""
    store = Store(tmp_path / "data")
    for day in range(1, 12):
        last, date = day == 11, f"2026-11-{day:02d}"
        figure = value(of=381.0) if last else replace(value(of=412.0 + day % 3), build=GOOD)
        quiet = replace(night(), findings=(), gaps=(), incidents=(), told=(), counts={"no change seen": 1})
        record = replace(night() if last else quiet, id=f"0199{day:04}-0000-7000-8000-000000000000", date=date)
        store.save_night(replace(record, started_utc=f"{date}T01:00:00Z"))
        store.save_values(record.id, [figure])

    found = {least: dry_run(store, Policy(least=least))[-1] for least in (0.03, 0.2)}

    assert [each.suspects for each in found.values()] == [(1, 1), (1, 0)]
    assert [each.alerts for each in found.values()] == [(1, 1), (1, 0)]
