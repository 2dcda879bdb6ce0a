"""The answer of a run to its question, and what it refuses to say."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from device_agents.contract import InvalidReason
from lab.records import Answer, Inject, Run, Trial
from lab.report.answer.markdown import render_markdown
from lab.report.answer.page import render_html
from lab.report.answer.standing import matches
from lab.report.answer.terminal import render_terminal
from lab.report.answer.view import answer
from tests.lab.report.report_runs import (
    DECODE,
    ENCODE,
    NOISE,
    batches,
    cell,
    encode_answer,
    figure,
    invalid,
    printed,
    run_of,
    times,
    trials_of,
)


def test_too_few_trials_give_no_best() -> None:
    """Three blocks: figures without intervals, and a sentence that says what is missing."""
    cells = batches(1, 4)
    few = [t for t in trials_of(cells, {"encode_s": times(0.4, 0.3)}) if t.block <= 3]
    found = encode_answer(cells, few)

    assert found.best is None and found.contenders == ()
    assert found.sentence.startswith(
        "Cannot tell: to be compared, two cells need 4 valid trials each, and of 2 cells none has them"
    )
    for summary in found.summaries:
        assert summary.interval is not None and summary.interval.low is None
        assert summary.may_be_best


def test_a_cell_with_too_few_trials_is_reported_as_not_judged() -> None:
    """It may still be the best."""
    cells = batches(1, 4, 6)
    trials = [t for t in trials_of(cells, {"encode_s": times(0.4, 0.3, 0.2)}) if t.cell[-1] != "6" or t.block <= 2]
    found = encode_answer(cells, trials)

    assert found.best == "patches_per_batch=4"
    assert "Not judged: 6 patches per batch (2 valid trials); 4 are needed." in found.sentence
    assert found.summaries[2].may_be_best


def test_invalid_trials_are_counted_by_reason_and_enter_no_figure() -> None:
    """A wrong output that was ten times faster changes nothing but the count."""
    cells = batches(1, 4)
    good = trials_of(cells, {"encode_s": times(0.4, 0.3)})
    bad = [invalid(90 + i, 7 + i, "patches_per_batch=1", encode_s=(0.01,)) for i in range(5)]

    without, found = encode_answer(cells, good), encode_answer(cells, good + bad)

    assert found.summaries[0].interval == without.summaries[0].interval
    assert dict(found.summaries[0].invalid) == {"wrong_output": 5}
    assert found.sentence == without.sentence
    assert "5 of 17 trials are invalid and enter no figure." in found.warnings


def test_a_best_cell_that_lost_more_trials_than_the_others_is_not_best() -> None:
    """Eight of 14 trials of the fastest throttled, none of six others: C(14, 8) / C(20, 8) = .024."""
    cells = batches(1, 4)
    good = trials_of(cells, {"encode_s": times(0.4, 0.3)})
    hot = replace(invalid(90, 7, "patches_per_batch=4"), reason=InvalidReason.THROTTLED)
    bad = [replace(hot, number=90 + i, block=7 + i) for i in range(8)]

    found = encode_answer(cells, good + bad)

    assert found.best is None and "patches_per_batch=4" in found.contenders
    assert found.sentence.startswith(
        "Cannot tell which is best: 8 of 14 trials of 4 patches per batch do not count, and 0 of 6 of the others: "
        "more than chance explains (Fisher's exact test, p = .024); it throttles or times out more often than the "
        "others (8 throttled). Of the trials that count: "
    )
    assert encode_answer(cells, good + bad[:2]).best == "patches_per_batch=4"


def test_work_that_may_not_be_the_accelerators_is_flagged() -> None:
    """Trials with a stage that the CPU did in part, and those in which others may have worked for it."""
    cells = batches(1, 4)
    trials = trials_of(cells, {"encode_s": times(0.4, 0.3)})
    trials[:3] = [replace(trial, flags=("mixed",)) for trial in trials[:3]]
    trials[7] = replace(trials[7], flags=("elsewhere",))

    assert encode_answer(cells, trials).warnings[0] == (
        "Of 12 valid trials: 3 mixed (a stage ran partly on an accelerator and partly on the CPU); "
        "1 elsewhere (an accelerator is claimed, but others used about a core more than before: perhaps for its "
        "work)."
    )


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 0.0, -1.0])
def test_a_valid_trial_with_an_impossible_value_is_left_out_with_a_warning(bad: float) -> None:
    """The report neither crashes nor averages the value."""
    cells = batches(1, 4)
    trials = trials_of(cells, {"encode_s": times(0.4, 0.3)})
    trials[0] = replace(trials[0], samples={"encode_s": (0.4, bad, 0.4)})
    found = encode_answer(cells, trials)

    assert found.summaries[0].valid == 5
    assert "1 valid trial without a usable value of encode_s: left out." in found.warnings


def test_published_figures_are_kept_where_they_match_a_cell() -> None:
    """They must equal it on every parameter they name, and be of this scenario and a metric that is shown."""
    cells = batches(1, 4)
    right = figure(2.06, patches_per_batch=4, pipelined=True)
    others = [
        figure(1.0, patches_per_batch=2),
        figure(1.0, placement="split"),
        figure(1.0, scenario="load"),
        figure(1.0, metric="vit_s", patches_per_batch=4),
    ]
    found = encode_answer(cells, trials_of(cells, {"encode_s": times(0.4, 0.3)}), [right, *others])

    assert found.published == (right,)
    assert "2.06" not in found.sentence
    assert matches(figure(1.0), cells[0])


def test_warnings_name_what_weakens_the_answer() -> None:
    """An unfinished run, noisy cells, and a best at the end of what was tried."""
    cells = batches(1, 2, 4)
    noisy = [[v * (1.3 if b % 2 else 1.0) for b, v in enumerate(row)] for row in times(4.0, 2.0, 1.0)]
    trials = trials_of(cells, {"encode_s": noisy})
    steady = [replace(t, samples={"encode_s": (t.samples["encode_s"][1],) * 3}) for t in trials]
    found = answer(run_of(cells, status="interrupted"), steady, question="?", metric=ENCODE)

    assert found.warnings[0] == "The run is interrupted: planned trials are missing."
    assert found.warnings[1].startswith("Noisy: trials of 1, 2 and 4 vary by 1")
    assert found.warnings[-1] == (
        "The largest patches per batch that was tried has the best estimate: the true optimum may lie beyond."
    )


def test_a_closed_loop_that_stopped_short_of_its_target_says_so() -> None:
    """It names the wide cell with its width and the reason; it does not name the narrow one."""
    cells = batches(1, 2)
    trials = trials_of(
        cells, {"encode_s": [[n * NOISE[b] ** (1, 9)[i] for b in range(6)] for i, n in enumerate((2.0, 1.0))]}
    )
    asked = replace(run_of(cells), target=0.02, most=15, budget_s=60.0)

    def said(run: Run) -> list[str]:
        found = answer(run, trials, question="?", metric=ENCODE)
        return [words for words in found.warnings if "precise" in words]

    told = said(asked)
    assert len(told) == 1
    assert told[0].startswith("Less precise than plan.target asks (±2.0 %): 2 (±")
    assert told[0].endswith("The run stopped when the time ran out (plan.budget_s).")
    assert said(replace(asked, target=0.5)) == said(run_of(cells)) == []
    assert said(replace(asked, blocks=4, most=6))[0].endswith("after 6 trials, plan.most.")


def test_a_cell_that_lacks_the_slow_block_is_not_called_best() -> None:
    """Blocks drift by half; the cell that is 2 % slower in each of its blocks lacks the slowest block."""
    cells = batches(1, 4)
    drift = [1.0, 1.1, 1.2, 1.3, 1.4, 1.5]
    trials = trials_of(cells, {"encode_s": [[0.3 * 1.02 * d for d in drift], [0.3 * d for d in drift]]})
    found = encode_answer(cells, [t for t in trials if not (t.cell == "patches_per_batch=1" and t.block == 5)])

    assert found.best == "patches_per_batch=4"
    assert found.contenders == ("patches_per_batch=4",)
    assert "Next: 1, which is 2.0 % slower" in found.sentence


def test_outputs_that_were_only_counted_are_named() -> None:
    """The oracle answers whole prompts; the outputs of a cell on part of one are not compared."""
    cells = batches(1, 4)
    trials = trials_of(cells, {"encode_s": times(0.4, 0.3)})
    trials = [replace(t, notes={"golden_checked": float(t.cell == "patches_per_batch=4")}) for t in trials]

    assert (
        "Outputs of 1 were counted, not compared: the oracle answered whole prompts only."
        in encode_answer(cells, trials).warnings
    )


def test_a_run_whose_cells_cannot_all_be_true_is_called_suspect() -> None:
    """The reader is warned; the trials count, because nobody knows which of them is wrong."""
    cells = tuple(cell(f"parallel_tokens={n}", parallel_tokens=n) for n in (32, 128))
    run = run_of(cells, scenario="generate")
    rates = [[10.0 * noise for noise in NOISE], [9.0 * noise for noise in NOISE]]

    found = answer(run, trials_of(cells, {DECODE.name: rates}), question="?", metric=DECODE)

    (suspect,) = [words for words in found.warnings if words.startswith("Suspect: ")]
    assert suspect.startswith("Suspect: the decode rate of parallel_tokens=128 is 0.9 times")
    assert [summary.valid for summary in found.summaries] == [6, 6]


# --- the memory pass -------------------------------------------------------------------------------------


SIZES = batches(1, 4)
TIMED = trials_of(SIZES, {ENCODE.name: [[1.0] * 6, [0.8] * 6]})


def memory_pass(number: int, cell: str, peak_bytes: float) -> Trial:
    """Return a trial of the memory pass."""
    samples = {"peak_rss_bytes": (peak_bytes,)}
    return replace(TIMED[0], number=number, block=7, cell=cell, purpose="memory", samples=samples)


def test_peaks_are_shown_in_bytes_by_cell() -> None:
    """64 and 96 million; the figures of time come from the timed trials alone."""
    passed = [memory_pass(13, SIZES[0].key, 64e6), memory_pass(14, SIZES[1].key, 96e6)]

    alone = answer(run_of(SIZES), TIMED, question="?", metric=ENCODE)
    both = answer(run_of(SIZES), [*TIMED, *passed], question="?", metric=ENCODE)

    metric, by_cell = both.other_metrics["peak_rss_bytes"]
    assert (metric.label, metric.unit) == ("peak resident memory", "bytes")
    assert {key: (found.estimate, found.low, found.n) for key, found in by_cell.items()} == {
        "patches_per_batch=1": (64e6, None, 1),
        "patches_per_batch=4": (96e6, None, 1),
    }
    assert [summary.interval for summary in both.summaries] == [summary.interval for summary in alone.summaries]
    assert both.sentence == alone.sentence


def test_a_memory_pass_that_does_not_count_shows_nothing() -> None:
    """Its outputs were wrong, so its memory is not that of the work."""
    wrong = replace(invalid(13, 7, SIZES[0].key, peak_rss_bytes=(1e9,)), purpose="memory")

    assert answer(run_of(SIZES), [*TIMED, wrong], question="?", metric=ENCODE).other_metrics == {}


def unsteady_answer() -> tuple[Answer, list[Trial]]:
    """Answer a run in which one trial of the first cell never settled, and two are flagged."""
    cells = batches(1, 4)
    trials = trials_of(cells, {"encode_s": [[0.4 * n for n in NOISE], [0.3 * n for n in NOISE]]})
    trials[0] = replace(trials[0], state="unsteady")
    trials[3] = replace(trials[3], flags=("busy",))
    trials[5] = replace(trials[5], flags=("busy",))
    return answer(run_of(cells), trials, question="?", metric=ENCODE), trials


def test_unsteady_trials_have_a_column_of_their_own_and_flags_a_line() -> None:
    """In the terminal, in Markdown and on the page; a run without any has no such column."""
    found, trials = unsteady_answer()

    assert [(s.valid, s.unsteady) for s in found.summaries] == [(5, 1), (6, 0)]
    assert any("1 of 12 trials never settled and enters no figure" in w for w in found.warnings)
    assert any(re.match(r"Of 12 valid trials: 2 busy \(", w) for w in found.warnings)
    text = printed(render_terminal(found))
    assert max(map(len, text.splitlines())) <= 80 and "unsteady" in text
    assert "| unsteady |" in render_markdown(found)
    assert ">unsteady</th>" in render_html([(found, trials)])
    calm = [replace(trial, state="steady") for trial in trials]
    settled = answer(found.run, calm, question="?", metric=ENCODE)
    assert ">unsteady</th>" not in render_html([(settled, calm)])
    assert "unsteady" not in printed(render_terminal(settled))


def test_an_injected_run_warns_before_all_else() -> None:
    """So nobody mistakes its figures for the build's."""
    cells = batches(1, 4)
    trials = trials_of(cells, {"encode_s": [[0.4 * n for n in NOISE], [0.3 * n for n in NOISE]]})
    run = replace(run_of(cells), inject=Inject("prefill", 1.1))
    found = answer(run, trials, question="?", metric=ENCODE)

    assert found.warnings[0].startswith("INJECTED: a slow-down of 10 % was injected into prefill")
    assert "INJECTED" in printed(render_terminal(found)) and "INJECTED" in render_markdown(found)
