"""A self-check: its order, what is kept of it, and how it is resumed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.compare.selfcheck import carry_on
from lab.compare.tally import slow_downs, tally
from lab.errors import DeviceLost
from tests.lab.compare.scripted_selfcheck import RECORD, Setting


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


def test_the_slowed_pairs_are_not_drawn_from() -> None:
    """Only pairs of equal sides show the noise."""
    found = Setting().run()

    assert max(found.ratios) < 1.01


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


def test_after_a_comparison_without_a_pair_the_next_gets_twice_the_time() -> None:
    """The cost of a pair is unknown; it ends when less is left than the longest took, and none is counted."""
    setting = Setting(pairs=0, start_s=290.0)
    setting.verdict = lambda order: "cannot tell"
    found = setting.run()

    assert [round(order.budget_s, 1) for order in setting.orders] == [60.0, 87.1, 98.5]
    assert len(found.live) == 3
    assert tally(found).alike == 0
    assert "injected. No pair was valid; `lab explain" in found.missing[0]


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
        f"judged before the self-check {'failed' if status == 'failed' else 'was interrupted'}: 4 of 10 "
        "comparisons of the build with itself and 2 of 5 comparisons with 10 % injected",
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


def test_what_other_programs_spoilt_is_kept_with_its_comparison() -> None:
    """Three trials of each comparison: the advice at the end is about load."""
    setting = Setting(pairs=0, start_s=290.0)
    setting.verdict = lambda order: "cannot tell"

    found = carry_on(
        RECORD,
        lambda order: replace(setting.compare(order), spoilt=3),
        clock=setting,
        save=setting.save,
    )

    assert [live.spoilt for live in found.live] == [3, 3, 3]
    assert "cores busy in 9 trials; stop what else runs on it" in found.missing[0]
