"""The ends of a bisection, as a user names them."""

from __future__ import annotations

import pytest

from lab.errors import BuildError
from lab.nightly.ends import between
from lab.store.lines import BuildRow

ROWS = [
    BuildRow(build * 32, "nano", revision, "nano", "w4", "2026-01-01T00:00:00Z", build == "bb")
    for revision, build in enumerate(("aa", "bb", "cc", "dd", "bb"), start=1)
]


@pytest.mark.parametrize(
    ("good", "bad", "revisions"),
    [
        ("1", None, [1, 2, 3, 4, 5]),
        ("r2", "r4", [2, 3, 4]),
        ("aa", "ccc", [1, 2, 3]),
        ("1", "bb", [1, 2, 3, 4, 5]),
    ],
)
def test_ends_are_revisions_or_starts_of_ids(good: str | None, bad: str | None, revisions: list[int]) -> None:
    """All builds from one to the other, in the line's order; an id that occurs twice is its newest place."""
    assert [build.revision for build in between(ROWS, "nano", good, bad)] == revisions


def test_without_a_good_end_the_baseline_is_it_else_the_first() -> None:
    """The baseline is what others are judged against; a line without one begins at its first build."""
    plain = [BuildRow(*(row.id, row.line, row.revision, "nano", "w4", "", False)) for row in ROWS]

    assert between(ROWS[:4], "nano", None, None)[0].revision == 2
    assert between(plain, "nano", None, None)[0].revision == 1


@pytest.mark.parametrize(
    ("line", "good", "bad", "words"),
    [
        ("none", None, None, "no line 'none': known: nano"),
        ("nano", "4", "2", "wanted a good build before the bad one, found good r4 and bad r2"),
        ("nano", "9", None, r"0 builds are called '9'; it has: r1 \(aaaaaaaa\), r2"),
        ("nano", "", None, "0 builds are called ''"),
    ],
)
def test_what_cannot_be_an_end_is_named(line: str, good: str | None, bad: str | None, words: str) -> None:
    """With what there is."""
    with pytest.raises(BuildError, match=words):
        between(ROWS, line, good, bad)
