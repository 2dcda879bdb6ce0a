"""A self-check: its order, its words when time runs out, and what is kept of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import cycle

import pytest

from lab.compare.selfcheck import Measured, Order, carry_on
from lab.compare.tally import share_s, slow_downs, tally
from lab.errors import DeviceLost
from lab.records import CellVerdict, Context, Inject, Interval, SelfCheck, Verdict

RECORD = SelfCheck(
    id="c0",
    device="host",
    context=Context({"device_kind": "host"}),
    scenario="selfcheck",
    metric="prefill_s",
    build="b" * 64,
    build_line="nano-paper",
    started_utc="2026-11-23T08:00:00Z",
    ended_utc=None,
    status="running",
    seed=5,
    budget_s=900.0,
    spent_s=0.0,
    wanted=10,
    wanted_injected=5,
    inject=Inject("prefill", 1.1),
    looks_most=24,
    looks_first=6,
)


class Setting:
    """A clock, a comparison that takes time and gives a chosen verdict, and a journal of what happened."""

    def __init__(
        self, *, pairs: int = 8, pair_s: float = 4.0, start_s: float = 0.0, fails_at: int | None = None
    ) -> None:
        self.now, self.start_s = 1000.0, start_s
        self.pairs, self.pair_s, self.fails_at = pairs, pair_s, fails_at
        self.error: BaseException = KeyboardInterrupt()
        self.verdict: Callable[[Order], Verdict] = lambda order: "same" if order.slow_down == 1 else "slower"
        self.journal: list[str] = []
        self.saved: list[SelfCheck] = []
        self.orders: list[Order] = []

    def monotonic(self) -> float:
        """Return this test's own seconds."""
        return self.now

    def utc(self) -> str:
        """Return a fixed time."""
        return "2026-11-23T09:00:00Z"

    def compare(self, order: Order) -> Measured:
        """Take the time of the pairs; equal sides differ by half a per cent, alternately."""
        if order.number == self.fails_at:
            self.now += self.pair_s
            raise self.error
        self.orders.append(order)
        self.now += self.start_s + self.pairs * self.pair_s
        self.journal.append(f"compare {order.number}, {order.slow_down:g} times")
        noise = cycle((1.005, 1 / 1.005))
        ratios = tuple(order.slow_down * next(noise) for _ in range(self.pairs))
        change = Interval(order.slow_down, 0.99 * order.slow_down, 1.01 * order.slow_down, 0.95, self.pairs)
        found = CellVerdict("selfcheck", self.verdict(order), change, 0.01, 1.0, self.pairs, "verdict reached")
        return Measured(f"comparison-{order.number}", found, ratios, 2 * self.pairs)

    def save(self, record: SelfCheck) -> None:
        """Keep what would be saved."""
        self.journal.append(f"save {record.status}, {len(record.live)} done")
        self.saved.append(record)

    def run(self, record: SelfCheck = RECORD) -> SelfCheck:
        """Measure what a record lacks."""
        return carry_on(record, self.compare, clock=self, save=self.save)


def test_a_self_check_in_order() -> None:
    """Each comparison is saved as it ends, slowed ones alternate with equal ones, and the rates come last."""
    setting = Setting()
    setting.run(replace(RECORD, wanted=4, wanted_injected=2))

    assert setting.journal == [
        "compare 0, 1 times",
        "save running, 1 done",
        "compare 1, 1.1 times",
        "save running, 2 done",
        "compare 2, 1 times",
        "save running, 3 done",
        "compare 3, 1 times",
        "save running, 4 done",
        "compare 4, 1.1 times",
        "save running, 5 done",
        "compare 5, 1 times",
        "save running, 6 done",
        "save finished, 6 done",
    ]


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
    assert found.block_pairs == 6, "the cube root of 80 is 4.3; whole ABBA groups"
    assert found.spent_s == 15 * 8 * 4
    by_scale = {rate.slow_down: rate for rate in found.resampled}
    assert (by_scale[1.0].wrong, by_scale[1.05].found, by_scale[1.1].found) == (0, 1000, 1000)
    assert found.smallest_found == pytest.approx(0.033, abs=0.003), "little more than policy lets be called one"


def test_the_variation_between_trials_follows_from_pairs() -> None:
    """Log ratios of +-ln 1.005 vary by 0.5 %; each side varies by that over the square root of two."""
    found = Setting().run()

    assert found.between_cv == pytest.approx(0.005 / math.sqrt(2), rel=0.01)


def test_the_slowed_pairs_are_not_drawn_from() -> None:
    """Only pairs of equal sides show the noise."""
    found = Setting().run()

    assert max(found.ratios) < 1.01


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
        "only 4 of 10 comparisons of the build with itself and 2 of 5 comparisons with 10 % injected were judged "
        "within 200 s: a pair took 4 s, including waits at gates; all of them need at most 1440 s "
        "(--budget 1440)",
    )


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
    assert any("only 2 of 3 comparisons" in words for words in found.missing) == (judged == 2)


def test_a_comparison_that_ran_out_of_time_is_measured_again() -> None:
    """With more time the third is repeated with its seed; its first pairs are not drawn from twice."""
    first, second = Setting(pairs=8), Setting(pairs=8)
    first.verdict = lambda order: "same" if order.number < 2 else "cannot tell"
    record = first.run(replace(RECORD, wanted=3, wanted_injected=0))
    assert len(record.live) == len(first.orders) == 3
    whole = second.run(replace(record, budget_s=1800.0))

    assert [order.number for order in second.orders] == [2]
    assert second.orders[0].seed == first.orders[2].seed
    assert (len(whole.live), len(whole.ratios), whole.aa_trials) == (3, 24, 48)
    assert tally(whole).alike == 3


def test_a_comparison_may_take_all_its_pairs_if_the_budget_has_them() -> None:
    """900 s for 15 are 60 s each; at 4 s a pair the next may take 24 pairs and half as much again."""
    setting = Setting()
    setting.run()

    assert [round(order.budget_s, 1) for order in setting.orders[:2]] == [60.0, 144.0]
    assert {order.ends_at for order in setting.orders} == {1900.0}


def test_what_is_left_is_spent_unless_it_ends_before_the_first_look() -> None:
    """At 20 s a pair, 740 s pay for over 24 pairs, 300 s for a try, 110 s for nothing: six pairs take 120 s."""
    measured = Setting(pair_s=20.0).run(replace(RECORD, budget_s=160.0))

    assert len(measured.live) == 1
    assert [share_s(measured, left_s) for left_s in (740.0, 300.0, 110.0)] == [720.0, 300.0, None]


def test_after_a_comparison_without_a_pair_the_next_gets_twice_the_time() -> None:
    """The cost of a pair is unknown; it ends when less is left than the longest took, and none is counted."""
    setting = Setting(pairs=0, start_s=290.0)
    setting.verdict = lambda order: "cannot tell"
    found = setting.run()

    assert [round(order.budget_s, 1) for order in setting.orders] == [60.0, 87.1, 98.5]
    assert len(found.live) == 3
    assert tally(found).alike == 0
    assert "were judged within 900 s: no pair was valid. Give it more time" in found.missing[0]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (KeyboardInterrupt(), "interrupted"),
        (DeviceLost("gone"), "failed"),
        (ValueError("a fault of ours"), "failed"),
    ],
)
def test_what_was_measured_before_an_end_is_kept(error: BaseException, status: str) -> None:
    """Ctrl-C and a lost device cost the comparison in progress; the rest is saved with its rates."""
    setting = Setting(fails_at=6)
    setting.error = error
    with pytest.raises(type(error)):
        setting.run()

    kept = setting.saved[-1]
    assert (kept.status, len(kept.live), len(kept.ratios)) == (status, 6, 32)
    assert len(kept.resampled) == 6
    assert kept.missing == (
        "only 4 of 10 comparisons of the build with itself and 2 of 5 comparisons with 10 % injected were "
        f"measured: the self-check was {status}",
    )
    assert kept.spent_s == 6 * 32 + 4


def test_one_that_spent_its_budget_is_resumed_with_a_larger_one() -> None:
    """In the order and with the seeds that it would have had, within what the new budget leaves."""
    short, more = Setting(), Setting()
    spent = short.run(replace(RECORD, budget_s=200.0))
    whole = more.run(replace(spent, budget_s=900.0))

    assert [order.number for order in more.orders] == list(range(len(spent.live), 15))
    assert [order.seed for order in more.orders] == [RECORD.seed + order.number for order in more.orders]
    assert more.orders[0].ends_at == 1000 + 900 - spent.spent_s
    assert (whole.status, whole.missing, whole.spent_s) == ("finished", (), 15 * 32)


def test_it_is_resumed_where_it_was_interrupted() -> None:
    """The second start measures what is missing, in the same order, within the rest of the budget."""
    first, second = Setting(fails_at=6), Setting()
    with pytest.raises(KeyboardInterrupt):
        first.run()
    whole = second.run(first.saved[-1])

    assert [order.number for order in second.orders] == list(range(6, 15))
    assert (whole.status, len(whole.live), len(whole.ratios)) == ("finished", 15, 80)
    assert whole.spent_s == 15 * 32 + 4
    assert second.orders[0].ends_at == 1000 + 900 - (6 * 32 + 4)
    assert [live.slow_down for live in whole.live] == slow_downs(RECORD)
