"""Without a name, the newest comparison or self-check that makes sense is taken, not simply the newest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lab.compare.newest import (
    comparison_to_go_on_with,
    newest_that_judged,
    selfcheck_to_go_on_with,
    selfcheck_to_resume,
)
from lab.errors import RunError
from lab.records import Comparison
from lab.store import Store
from tests.saved_checks import CHECKED, CUT, EMPTY


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """The store that the command opens too."""
    opened = Store(tmp_path / "data")
    yield opened
    opened.close()


def on(day: int) -> Comparison:
    """Return a comparison that began on a later day."""
    return replace(CUT, id=f"{CUT.id[:-1]}{day}", started_utc=f"2026-01-0{day}T00:00:00.000Z")


@pytest.mark.parametrize(
    "newer",
    [
        replace(on(2), status="finished"),
        replace(on(2), status="finished", baseline_run="", candidate_run="", differs={"profile": ("a", "b")}),
        replace(on(2), status="finished", looks_most=0, looks_first=0),
        replace(on(5), dimension="parameter", scenario="selfcheck", seed=5),
        replace(on(3), dimension="parameter", scenario="selfcheck", seed=19),
    ],
    ids=["finished", "incomparable", "of two runs", "of a self-check", "that a self-check was left in"],
)
def test_the_newest_comparison_that_can_be_resumed_is_taken(store: Store, newer: Comparison) -> None:
    """Whatever began after it."""
    store.save_selfcheck(CHECKED)
    store.save_comparison(CUT)
    store.save_comparison(newer)

    assert comparison_to_go_on_with(store, None) == CUT
    assert comparison_to_go_on_with(store, "last") == CUT
    assert comparison_to_go_on_with(store, newer.id) == newer, "one that was named is meant"


def test_a_users_own_comparison_of_parameters_belongs_to_no_self_check(store: Store) -> None:
    """No self-check drew its seed."""
    own = replace(on(3), dimension="parameter", scenario="selfcheck", seed=20)
    store.save_selfcheck(CHECKED)
    store.save_comparison(own)

    assert comparison_to_go_on_with(store, None) == own


def test_without_a_comparison_to_resume_the_error_says_what_to_do(store: Store) -> None:
    """A finished one does not qualify."""
    store.save_comparison(replace(on(2), status="finished"))

    with pytest.raises(
        RunError, match="there is no comparison to resume: start one with `lab compare A B --scenario NAME`"
    ):
        comparison_to_go_on_with(store, None)


def test_the_newest_self_check_that_judged_something_is_quoted() -> None:
    """A self-check that stopped at its start says nothing; if all did, none is quoted."""
    assert newest_that_judged([EMPTY, CHECKED]) == CHECKED
    assert newest_that_judged([EMPTY]) is None


def test_a_self_check_that_spent_its_budget_is_resumed_with_a_larger_one() -> None:
    """Otherwise it is over; one that measured everything it was asked for is always over."""
    done = replace(CHECKED, wanted=1, wanted_injected=0)

    assert selfcheck_to_go_on_with([CHECKED], longer=False) is None
    assert selfcheck_to_go_on_with([CHECKED], longer=True) == CHECKED
    assert selfcheck_to_go_on_with([done, CHECKED], longer=True) == CHECKED
    assert selfcheck_to_go_on_with([done, EMPTY], longer=False) == EMPTY


def test_a_budget_that_is_too_small_is_told_apart_from_what_was_spent(store: Store) -> None:
    """Never "15 s already: wanted more, found 15.2"."""
    store.save_selfcheck(replace(CHECKED, spent_s=15.4))

    with pytest.raises(RunError, match=r"has taken 15\.4 s already: wanted a --budget of more .* found 15\.2"):
        selfcheck_to_resume(store, CHECKED.device, 15.2)
