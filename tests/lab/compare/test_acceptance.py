"""A phone repeats its reference cell before it judges builds."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lab.compare.comparison import measure, open_comparison
from lab.errors import RunError
from lab.records import Trial
from tests.lab.compare.compare_lab import BOOT, Lab


def references(lab: Lab) -> list[list[Trial]]:
    """Return the tries of each reference run, oldest first."""
    runs = [found for found in reversed(lab.store.runs()) if found.suite == "acceptance"]
    return [lab.store.trials(found.id) for found in runs]


def begin(lab: Lab) -> None:
    """Open a comparison of builds and measure its first pair."""
    first, second = lab.sides()
    comparison, _, _ = open_comparison(baseline=first, candidate=second, dimension="build", seed=5)
    steps = measure(comparison, first, second)
    next(steps)
    steps.close()


def test_a_phone_repeats_its_reference_cell_before_it_judges_builds(make: Callable[..., Lab]) -> None:
    """Two tries the first time; none later in the same boot, one in another boot or after a day."""
    lab = make()

    begin(lab)
    begin(lab)
    assert [len(tries) for tries in references(lab)] == [2]
    lab.phone.replies = {BOOT: "boot-2\n"}
    begin(lab)
    assert [len(tries) for tries in references(lab)] == [2, 1]
    lab.phone.clock.seconds += 25 * 3600
    begin(lab)
    assert [len(tries) for tries in references(lab)] == [2, 1, 1]


def test_a_phone_that_drifts_judges_nothing(make: Callable[..., Lab]) -> None:
    """Five tries, each a tenth slower than the one before: nothing is compared, and the tries are kept."""
    lab = make()
    lab.phone.stage_s = lambda job: 0.01 * 1.1 ** int(job.trial[-4:])

    with pytest.raises(RunError, match=r"fake may not judge builds.*\+10\.0%, \+21\.0%, \+33\.1%, \+46\.4%"):
        begin(lab)

    assert [len(tries) for tries in references(lab)] == [5]
    assert lab.store.comparison("last").status == "failed"
    assert not (lab.store.root / "devices" / "acceptance.json").exists()


def test_a_phone_that_is_steady_but_has_changed_is_reported_as_such(make: Callable[..., Lab]) -> None:
    """It took 10 ms once and takes 20 ms now: someone changed it, or something is wrong with it."""
    lab = make()
    begin(lab)
    lab.phone.replies, lab.phone.stage_s = {BOOT: "boot-2\n"}, lambda job: 0.02

    with pytest.raises(RunError, match="steady, but has changed since"):
        begin(lab)


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        (1, r"found \+100\.0% of 0\.01 s\. Let it cool"),
        (0, r"found none that counts\. `lab show last` says why"),
    ],
)
def test_one_try_shows_no_steadiness_and_none_is_reported(
    make: Callable[..., Lab], counts: int, words: str
) -> None:
    """Four or five of the five tries die: one that counts is compared with the known reference."""
    lab = make()
    begin(lab)
    begun = lab.phone.started
    lab.phone.replies, lab.phone.stage_s = {BOOT: "boot-2\n"}, lambda job: 0.02
    lab.phone.script = lambda number: "dies" if number > begun + counts else "none"

    with pytest.raises(RunError, match=words):
        begin(lab)


def test_without_a_reference_two_tries_must_count(make: Callable[..., Lab]) -> None:
    """The first would only be the reference."""
    lab = make(script=lambda number: "dies" if number > 1 else "none")

    with pytest.raises(RunError, match=r"found fewer than two that count\. `lab show last` says why"):
        begin(lab)
