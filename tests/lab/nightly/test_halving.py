"""The halving of a line, against lines whose first bad build is known."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from lab.nightly.halving import Halving, Outcome


def test_of_three_builds_the_middle_one_is_tried_and_decides() -> None:
    """Good, ?, bad: if the middle is bad, it is the first; if it is good, the end is."""
    start = Halving(2)

    assert (start.next, start.most) == (1, 1)
    assert [(done.good, done.bad, done.next) for done in (start.tried(1, "bad"), start.tried(1, "good"))] == [
        (0, 1, None),
        (1, 2, None),
    ]


def test_neighbours_need_no_comparison() -> None:
    """Nothing lies between them."""
    assert (Halving(1).next, Halving(1).most, Halving(1).good, Halving(1).bad) == (None, 0, 0, 1)


def test_a_build_that_does_not_run_is_left_for_its_neighbour_and_widens_the_answer() -> None:
    """Of r0 to r4 the middle does not run: r3 is tried, then r1, and the step lies after r1 and not after r3."""
    done, journal = Halving(4), []
    for outcome in ("does not run", "bad", "good"):
        assert done.next is not None
        journal.append(done.next)
        done = done.tried(done.next, outcome)

    assert journal == [2, 3, 1]
    assert (done.next, done.good, done.bad, done.skipped) == (None, 1, 3, (2,))


@given(st.data())
def test_the_first_bad_build_is_always_inside_the_answer(data: st.DataObject) -> None:
    """Wherever the step is and whichever builds do not run or cannot be told, the answer (good, bad] holds it.

    It needs the binary logarithm of the untried plus one, rounded up, and one more for each build that decided
    nothing; every build left inside the answer is one of those.
    """
    last = data.draw(st.integers(1, 60))
    first_bad = data.draw(st.integers(1, last))
    dull: dict[int, Outcome] = data.draw(
        st.dictionaries(st.integers(1, last), st.sampled_from(["cannot tell", "does not run"]))
    )
    done, tried, skips = Halving(last), 0, 0
    assert done.most == math.ceil(math.log2(last))
    while (at := done.next) is not None:
        outcome: Outcome = dull.get(at, "bad" if at >= first_bad else "good")
        tried, skips = tried + 1, skips + (at in dull)
        done = done.tried(at, outcome)

    assert done.good < first_bad <= done.bad
    assert tried <= math.ceil(math.log2(last)) + skips
    assert all(at in dull for at in range(done.good + 1, done.bad))
    assert done.skipped == tuple(range(done.good + 1, done.bad))
