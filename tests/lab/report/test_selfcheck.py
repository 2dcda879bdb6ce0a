"""A self-check in a terminal and in Markdown."""

from __future__ import annotations

import io
from dataclasses import replace

from rich.console import Console

from lab.records import CellVerdict, Context, Inject, Interval, LiveCheck, ResampledRates, SelfCheck, Verdict
from lab.report.selfcheck import (
    bars,
    beforehand,
    lower,
    pair_step,
    quote,
    render_markdown,
    render_terminal,
    step,
    upper,
)


def live(number: int, slow_down: float, verdict: Verdict, pairs: int = 8) -> LiveCheck:
    """One live comparison."""
    change = Interval(slow_down, slow_down * 0.98, slow_down * 1.02, 0.95, pairs)
    found = CellVerdict("selfcheck", verdict, change, 0.02, 1.0, pairs, "verdict reached")
    return LiveCheck(f"comparison-{number}", slow_down, found, 2 * pairs, 31.6)


RECORD = SelfCheck(
    id="01a2078b-6652",
    device="virtual-1",
    context=Context({"device_kind": "virtual"}),
    scenario="selfcheck",
    metric="prefill_s",
    build="b" * 64,
    build_line="nano-paper",
    started_utc="2026-11-23T08:00:00Z",
    ended_utc="2026-11-23T08:15:00Z",
    status="finished",
    seed=5,
    budget_s=900.0,
    spent_s=612.0,
    wanted=10,
    wanted_injected=5,
    inject=Inject("prefill", 1.1),
    looks_most=24,
    looks_first=6,
    live=(
        *(live(n, 1.0, "same") for n in range(9)),
        live(9, 1.0, "faster"),
        *(live(n, 1.1, "slower") for n in range(10, 15)),
    ),
    aa_trials=160,
    ratios=(1.0,) * 80,
    block_pairs=6,
    resampled=(
        ResampledRates(1.0, 1000, 0, 3, 990, 7, 9.5),
        ResampledRates(1.05, 1000, 960, 0, 30, 10, 11.2),
        ResampledRates(1.1, 1000, 1000, 0, 0, 0, 6.8),
    ),
    smallest_found=0.0463,
    between_cv=0.0087,
)


def shown(record: SelfCheck, width: int = 100) -> str:
    """Return what a terminal without colours shows."""
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(render_terminal(record))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_every_rate_is_k_of_n_with_its_exact_bound() -> None:
    """Clopper and Pearson, one-sided: 1 of 10 may be 39.4 %, 5 of 5 may be 54.9 %, 0 of 0 is `none measured`."""
    assert upper(1, 10) == "1 of 10 (≤ 39.4 %)"
    assert upper(0, 1000) == "0 of 1000 (≤ 0.3 %)"
    assert lower(5, 5) == "5 of 5 (≥ 54.9 %)"
    assert upper(0, 0) == lower(0, 0) == "none measured"


def test_a_terminal_shows_the_live_and_the_resampled_rates() -> None:
    """The words first, with the kind of device, then both tables and the bars."""
    text = shown(RECORD)
    flat = " ".join(text.split())

    assert "virtual-1 worth? (a virtual phone" in flat
    assert "nano-paper against itself, called changed: 1 of 10 (≤ 39.4 %)" in flat
    assert "With 10 % injected into prefill, found: 5 of 5 (≥ 54.9 %)" in flat
    assert "found in 95 % of the resampled comparisons is 4.6 %; by policy nothing under 3 % is called" in flat
    assert "5 % 960 of 1000 0 of 1000 30 of 1000 10 of 1000 11.2 (≥ 94.8 %) (≤ 0.3 %)" in flat
    assert "A/A trials: 160, pairs: 80, 0.87 % between trials" in flat
    assert "612 s of 900 s" in flat


def test_it_is_readable_from_eighty_columns() -> None:
    """No line is wider, and no figure is cut."""
    text = shown(RECORD, width=80)

    assert max(len(line) for line in text.splitlines()) <= 80
    assert "…" not in text


def test_bars_are_as_long_as_what_was_found() -> None:
    """A full bar has thirty characters; without a slow-down there is nothing to find, and no bar."""
    assert bars(RECORD.resampled) == [
        "  5 % " + "█" * 29 + "  960 of 1000",
        " 10 % " + "█" * 30 + " 1000 of 1000",
    ]


def test_what_could_not_be_shown_is_said() -> None:
    """An interrupted self-check prints no rates, and says why."""
    cut = replace(RECORD, live=(), ratios=(), aa_trials=0, resampled=(), smallest_found=None, between_cv=None)
    cut = replace(cut, missing=("no rates by slow-down: wanted 30 A/A pairs",))

    for text in (shown(cut), render_markdown(cut)):
        flat = " ".join(text.split())
        assert "called changed: none measured" in flat
        assert "no rates by slow-down: wanted 30 A/A pairs" in flat
        assert "resampled" not in flat.lower()


def test_markdown_says_the_same() -> None:
    """Both tables and the bars, with nothing that Markdown would misread as markup."""
    text = render_markdown(RECORD)

    assert "| 10 | - | faster | 1.000 | 0.980 to 1.020 | 8 | 32 |" in text
    assert "| 10 % | 1000 of 1000<br>(≥ 99.7 %) | 0 of 1000<br>(≤ 0.3 %)" in text
    assert "\n 10 % ███" in text
    assert text.endswith("\n")


def test_a_verdict_can_quote_what_it_is_worth() -> None:
    """One line, with the day."""
    assert quote(RECORD) == (
        "Self-check of virtual-1, 2026-11-23, selfcheck: equal builds called changed: 1 of 10 (≤ 39.4 %); "
        "10 % slow-downs found: 5 of 5 (≥ 54.9 %); found in 95 % of cases: slow-downs from 4.6 %"
    )


def test_a_step_says_what_came_of_it_and_what_is_left() -> None:
    """One line for each comparison, on a terminal and in a log."""
    assert step(RECORD) == (
        "virtual-1 15/15 10 % injected: slower after 8 pairs, ratio 1.100, 32 s; 288 s of 900 s left"
    )


def test_a_comparison_that_time_cut_short_was_measured_but_not_judged() -> None:
    """Nineteen pairs are not `none measured`; its own line says that it was cut short."""
    cut = replace(RECORD, live=(live(0, 1.0, "cannot tell", pairs=19),), resampled=(), smallest_found=None)

    assert (
        "called changed: none judged (time ran out after 19 pairs); 10 % slow-downs found: none measured"
        in quote(cut)
    )
    assert "called changed: none judged (time ran out after 19 pairs). With" in " ".join(shown(cut).split())
    assert step(cut) == "virtual-1 1/15 alike: cut short after 19 pairs, ratio 1.000, 32 s; 288 s of 900 s left"


def test_within_a_comparison_its_pairs_and_the_time_left_are_said() -> None:
    """For a log, in which nothing else appears while a long comparison is measured."""
    assert pair_step(RECORD, 3, 1, 412.2) == "virtual-1 3/15: 1 pair so far; 412 s of 900 s left"
    assert pair_step(RECORD, 3, 2, -0.2).endswith("; 0 s of 900 s left")
    assert pair_step(RECORD, 3, 2, -31.0).endswith("; 900 s spent, and 31 s more")


def test_before_it_starts_a_self_check_says_what_it_can_show() -> None:
    """Three comparisons in 120 s: one alike has too few pairs for rates by slow-down."""
    small = replace(RECORD, live=(), wanted=1, wanted_injected=2, budget_s=120.0)
    earlier = replace(RECORD, live=(live(0, 1.0, "same", pairs=8),))

    assert beforehand(small, None) == [
        "virtual-1: 1 comparison of nano-paper with itself and 2 with 10 % injected, of 6 to 24 pairs each, "
        "within 120 s",
        "at best it shows: equal builds called changed: 0 of 1 (≤ 95 %); slow-downs found: 2 of 2 (≥ 22.4 %)",
        "it cannot show rates by slow-down: they need 30 pairs of the build with itself, and 24 is the "
        "most it measures",
        "what a pair takes is not known here yet: all comparisons surely fit at 1.7 s or less, none at over 20 s",
    ]
    assert (
        beforehand(small, earlier)[-1]
        == "a pair took 4 s the last time, without waiting: by that about 1 to 3 of 3 comparisons fit, and fewer "
        "if pairs wait"
    )
    assert beforehand(replace(small, budget_s=20.0), earlier)[-1] == (
        "a pair took 4 s the last time, without waiting: by that none of 3 comparisons fits, so it cannot show "
        "anything"
    )
    assert beforehand(replace(small, wanted=2, wanted_injected=0), earlier)[-1] == (
        "a pair took 4 s the last time, without waiting: by that about 1 to 2 of 2 comparisons fit, and fewer if "
        "pairs wait"
    )
    assert "too few pairs" in beforehand(replace(small, wanted=2, budget_s=100.0), earlier)[-1]
    assert "slow-downs found: none asked for" in beforehand(replace(small, wanted_injected=0), None)[1]


def test_a_share_smaller_than_a_wait_for_other_programs_is_said_beforehand() -> None:
    """16 s of 240 s for each of 15 comparisons, where a run may wait 60 s; with 60 s each it may pass."""
    short = replace(RECORD, live=(), budget_s=240.0)

    assert (
        "on a busy machine it may show nothing: a run may wait 60 s there for other programs, and the share of a "
        "comparison is 16 s; stop them first, or give it at least --budget 900"
    ) in beforehand(short, None, 60.0)
    assert not any("busy machine" in words for words in beforehand(replace(short, budget_s=900.0), None, 60.0))
