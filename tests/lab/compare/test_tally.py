"""The counts, rates and gaps of a self-check, and the time that its next comparison may take."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from lab.compare.tally import budget_for_all, conclude, share_s, slow_downs, tally
from lab.records import CellVerdict, LiveCheck, Verdict
from tests.lab.compare.scripted_selfcheck import RECORD, Setting


def test_the_slowed_comparisons_are_spread_evenly() -> None:
    """However early time runs out, both kinds were measured in about the proportion asked for."""
    order = slow_downs(RECORD)

    assert (order.count(1.0), order.count(1.1)) == (10, 5)
    assert [order[start : start + 3].count(1.1) for start in range(0, 15, 3)] == [1] * 5


def test_what_was_measured_is_counted_and_resampled() -> None:
    """Ten A/A comparisons of eight pairs are 160 trials; with noise of 0.5 % every slow-down of 5 % is found."""
    found = Setting().run()

    assert tally(found) == replace(tally(found), alike=10, false=0, slowed=5, found=5)
    assert (found.aa_trials, len(found.ratios), found.missing) == (160, 80, ())
    assert found.block_pairs == 5, "the cube root of 80 is 4.3"
    assert found.spent_s == 15 * 8 * 4
    by_scale = {rate.slow_down: rate for rate in found.resampled}
    assert (by_scale[1.0].wrong, by_scale[1.05].found, by_scale[1.1].found) == (0, 1000, 1000)
    assert found.smallest_found == pytest.approx(0.033, abs=0.003), "little more than policy lets be called one"


def test_the_variation_between_trials_follows_from_pairs() -> None:
    """Log ratios of +-ln 1.005 vary by 0.5 %; each side varies by that over the square root of two."""
    found = Setting().run()

    assert found.between_cv == pytest.approx(0.005 / math.sqrt(2), rel=0.01)


def test_false_verdicts_and_missed_slow_downs_are_counted_as_such() -> None:
    """`slower` of equal sides is false; a slow-down called `faster` or `same` is not found."""
    setting = Setting()
    words: list[Verdict] = ["slower", "faster", "same", "slower", "same", "same"]
    setting.verdict = lambda order: words[order.number]
    found = setting.run(replace(RECORD, wanted=4, wanted_injected=2))

    assert [live.slow_down for live in found.live] == [1.0, 1.1, 1.0, 1.0, 1.1, 1.0]
    count = tally(found)
    assert (count.false, count.alike, count.found, count.slowed) == (2, 4, 0, 2)


def test_a_spent_budget_ends_it_in_words() -> None:
    """Six comparisons of 32 s fit into 200 s; the seventh would not reach its first look."""
    found = Setting().run(replace(RECORD, budget_s=200.0))

    assert found.status == "finished"
    assert [live.slow_down for live in found.live] == [1.0, 1.1, 1.0, 1.0, 1.1, 1.0]
    assert found.missing == (
        "judged within 200 s: 4 of 10 comparisons of the build with itself and 2 of 5 comparisons with 10 % "
        "injected. A pair took 4 s without waiting; with such waits all comparisons need about 1440 s "
        "(--budget 1440)",
    )


def test_a_check_without_a_valid_pair_names_what_says_why() -> None:
    """Time may not help: the explanation of its last comparison says what does; of load it is said at once."""
    unjudged = CellVerdict("c", "cannot tell", None, None, 1.0, 0, "")
    live = LiveCheck("0193f000-1111-7222-8333-444455556666", 1.0, unjudged, 0, 9.0)
    found = conclude(replace(RECORD, live=(live,), status="finished"))

    assert found.missing[0].endswith("No pair was valid; `lab explain 0193f000-1111` says why trials do not count")
    busy = conclude(replace(RECORD, live=(replace(live, spoilt=4),), status="finished"))
    assert (
        "No pair was valid: other programs kept the device's cores busy in 4 trials; stop what else runs on it, "
        "since more time alone does not help; `lab explain"
    ) in busy.missing[0]
    assert "--budget" not in busy.missing[0], "nothing is foretold from no pair"


def test_too_few_pairs_leave_the_rates_out_in_words() -> None:
    """Three comparisons of eight pairs are fewer than 30."""
    found = Setting().run(replace(RECORD, wanted=3, wanted_injected=0))

    assert (found.resampled, found.smallest_found, found.block_pairs) == ((), None, 0)
    assert found.missing == (
        "no rates by slow-down and no smallest slow-down that is found: wanted 30 A/A pairs (60 trials), found 24",
    )


@pytest.mark.parametrize(("pairs", "judged"), [(8, 2), (23, 2), (24, 3)])
def test_a_comparison_that_time_cut_short_is_in_no_rate(pairs: int, judged: int) -> None:
    """One undecided after 8 of 24 pairs might still have been called changed; after all 24 it was judged."""
    setting = Setting(pairs=pairs, pair_s=1.0)
    words: list[Verdict] = ["same", "cannot tell", "slower"]
    setting.verdict = lambda order: words[order.number]
    found = setting.run(replace(RECORD, wanted=3, wanted_injected=0))

    count = tally(found)
    assert (count.false, count.alike) == (1, judged)
    assert len(found.ratios) == 3 * pairs, "its pairs are drawn from"
    assert any(": 2 of 3 comparisons" in words for words in found.missing) == (judged == 2)


def test_what_is_left_is_spent_unless_it_ends_before_the_first_look() -> None:
    """At 20 s a pair, 740 s pay for over 24 pairs, 300 s for a try, 110 s for nothing: six pairs take 120 s."""
    measured = Setting(pair_s=20.0).run(replace(RECORD, budget_s=160.0))

    assert len(measured.live) == 1
    assert [share_s(measured, left_s) for left_s in (740.0, 300.0, 110.0)] == [720.0, 300.0, None]


def test_the_next_comparison_is_priced_without_the_waits_of_the_last() -> None:
    """Of 160 s for eight pairs 144 were spent waiting: 110 s may reach a first look at 2 s a pair, 11 s may not.

    The next may take one and a half times its 24 pairs with such a wait: 1.5 x (48 + 144) s.
    """
    measured = Setting(pair_s=20.0).run(replace(RECORD, budget_s=160.0))
    waited = replace(measured, live=tuple(replace(live, pair_s=2.0) for live in measured.live))

    assert [share_s(waited, left_s) for left_s in (740.0, 110.0, 11.0)] == [288.0, 110.0, None]
    assert budget_for_all(waited) == 15 * 192
