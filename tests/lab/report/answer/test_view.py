"""The answer of a run to its question, and what it refuses to say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from lab.records import Answer, Cell, Metric, Published, Run, Trial
from lab.report.answer.view import answer, matches
from tests.lab.report.report_runs import (
    DECODE,
    ENCODE,
    FIRST_TOKEN,
    NOISE,
    batches,
    cell,
    figure,
    invalid,
    run_of,
    trials_of,
)


def encode_answer(cells: Sequence[Cell], trials: Sequence[Trial], published: Sequence[Published] = ()) -> Answer:
    """Answer the question of the fastest batch."""
    return answer(run_of(cells), trials, question="Which batch is fastest?", metric=ENCODE, published=published)


def times(*typical: float) -> list[list[float]]:
    """Give each cell its own order of the same noise."""
    return [[t * NOISE[(b + 2 * i) % 6] for b in range(6)] for i, t in enumerate(typical)]


def test_a_clear_best_is_named_with_its_lead() -> None:
    """One cell differs from all others; the sentence says how far behind the next one is."""
    cells = batches(1, 4, 6)
    found = encode_answer(cells, trials_of(cells, {"encode_s": times(0.4, 0.3, 0.33)}))

    assert found.best == "patches_per_batch=4"
    assert found.contenders == ("patches_per_batch=4",)
    assert found.sentence == (
        "Fastest: 4 patches per batch, at 300 ms (95 % interval 297 to 303 ms). Next: 6, which is 10 % slower "
        "(95 % interval 8.6 to 11 %). Probability of being best: > 0.99."
    )
    assert [s.may_be_best for s in found.summaries] == [False, True, False]


def test_cells_tied_with_the_best_are_named() -> None:
    """In the sentence and in the contenders; a cell that is clearly behind is in neither."""
    cells = batches(3, 4, 5, 6)
    found = encode_answer(cells, trials_of(cells, {"encode_s": times(0.301, 0.3, 0.3005, 0.4)}))

    assert found.contenders == ("patches_per_batch=3", "patches_per_batch=4", "patches_per_batch=5")
    assert found.sentence.startswith("Fastest: 4 patches per batch, at 300 ms (")
    assert " Tied with 3 and 5: this run cannot separate them. Probability of being best: 0." in found.sentence


@pytest.mark.parametrize(
    ("metric", "head", "tail"),
    [
        (
            Metric("size", "size", "MiB", "lower"),
            "Lowest: 1 patch per batch, at 300 MiB",
            "4, which is 10 % higher (",
        ),
        (DECODE, "Fastest: 4 patches per batch, at 330 tokens/s", "1, which is 9.1 % slower ("),
        (
            Metric("score", "score", "points", "higher"),
            "Highest: 4 patches per batch",
            "1, which is 9.1 % lower (",
        ),
    ],
)
def test_the_words_fit_the_metric(metric: Metric, head: str, tail: str) -> None:
    """Rates are fast and slow, anything else high and low: 300 is 9.1 % less than 330."""
    cells = batches(1, 4)
    trials = trials_of(cells, {metric.name: times(300, 330)})
    words = answer(run_of(cells), trials, question="?", metric=metric).sentence

    assert words.startswith(head)
    assert f"Next: {tail}" in words


def test_too_few_trials_give_no_best() -> None:
    """Three blocks: figures without intervals, and a sentence that says what is missing."""
    cells = batches(1, 4)
    few = [t for t in trials_of(cells, {"encode_s": times(0.4, 0.3)}) if t.block <= 3]
    found = encode_answer(cells, few)

    assert found.best is None and found.contenders == ()
    assert found.sentence.startswith("Cannot tell: none of 2 cells has the 4 valid trials")
    for summary in found.summaries:
        assert summary.interval is not None and summary.interval.low is None
        assert summary.probability_best is None and summary.may_be_best


def test_a_cell_with_too_few_trials_is_reported_as_not_judged() -> None:
    """It may still be the best."""
    cells = batches(1, 4, 6)
    trials = [t for t in trials_of(cells, {"encode_s": times(0.4, 0.3, 0.2)}) if t.cell[-1] != "6" or t.block <= 2]
    found = encode_answer(cells, trials)

    assert found.best == "patches_per_batch=4"
    assert "Not judged: 6 patches per batch (2 valid trials); 4 are needed." in found.sentence
    assert "Probability of being best among those judged: " in found.sentence
    assert found.summaries[2].may_be_best and found.summaries[2].probability_best is None


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


def test_when_no_cell_stands_out_the_answer_is_cannot_tell() -> None:
    """Three cells within the noise: the best estimate is named, and nothing is called fastest."""
    cells = batches(1, 4, 6)
    noisy = [
        [0.30, 0.36, 0.31, 0.35, 0.32, 0.34],
        [0.35, 0.30, 0.34, 0.31, 0.33, 0.32],
        [0.33, 0.33, 0.36, 0.30, 0.31, 0.37],
    ]
    found = encode_answer(cells, trials_of(cells, {"encode_s": noisy}))

    assert found.sentence.startswith(
        "Cannot tell which is fastest: this run cannot separate the 3 cells. "
        "Best estimate: 4 patches per batch, at 32"
    )


def test_nothing_valid_is_no_answer() -> None:
    """No trial, or only invalid ones."""
    cells = batches(1, 4)

    for trials in ([], [invalid(1, 1, "patches_per_batch=1", encode_s=(0.3,))]):
        found = encode_answer(cells, trials)
        assert found.sentence == "No answer: no valid trial of image encoding."
        assert found.best is None and found.summaries[0].interval is None


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 0.0, -1.0])
def test_a_valid_trial_with_an_impossible_value_is_left_out_with_a_warning(bad: float) -> None:
    """The report neither crashes nor averages the value."""
    cells = batches(1, 4)
    trials = trials_of(cells, {"encode_s": times(0.4, 0.3)})
    trials[0] = replace(trials[0], samples={"encode_s": (0.4, bad, 0.4)})
    found = encode_answer(cells, trials)

    assert found.summaries[0].valid == 5
    assert "1 valid trial without a usable value of encode_s: left out." in found.warnings


def test_a_single_cell_says_what_a_user_sees() -> None:
    """Throughput: tokens per second, and the first token after how long."""
    cells = (cell("all", coupled=True),)
    rates = [88.0 * n for n in NOISE]
    trials = trials_of(cells, {"decode_tokens_per_s": [rates], "first_token_s": [[1.42] * 6]})
    found = answer(
        run_of(cells, scenario="throughput"),
        trials,
        question="?",
        metric=DECODE,
        other_metrics=[FIRST_TOKEN, DECODE],
    )

    assert found.sentence == (
        "A user sees 88.0 tokens/s (95 % interval 87.1 to 88.9 tokens/s), "
        "the first token after 1.42 s (95 % interval 1.42 to 1.42 s)."
    )
    assert set(found.other_metrics) == {"first_token_s"}


def test_pipelining_is_quoted_against_the_better_serial_rival() -> None:
    """The saving is 1 - 1/1.05 of the time on all cores, not 1 - 1/1.1 of that on split ones."""
    cells = (
        cell("a", pipelined=True, placement="split"),
        cell("b", pipelined=False, placement="split"),
        cell("c", pipelined=False, placement="all"),
    )
    found = encode_answer(cells, trials_of(cells, {"encode_s": [[0.3 * r] * 6 for r in (1.0, 1.1, 1.05)]}))

    assert found.sentence.endswith(
        "Compared with the best serial cell (serial, on all cores), pipelining saves 4.8 % "
        "(95 % interval of the saving 4.8 to 4.8 %)."
    )


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
        "The best cell is the largest patches_per_batch that was tried: the true optimum may lie beyond."
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
    assert told[0].startswith("Less precise than plan.target asks (2.0 %): 2 to ")
    assert told[0].endswith("The run stopped when the time ran out (plan.budget_s).")
    assert said(replace(asked, target=0.5)) == said(run_of(cells)) == []
    assert said(replace(asked, blocks=4, most=6))[0].endswith("after 6 trials, plan.most.")


def test_what_overlap_could_save_is_computed_from_units_in_turn() -> None:
    """Overlapping stages slowed each other from 50 to 75 ms; nothing was saved, and none is reported."""
    cells = (cell("piped", pipelined=True, placement="split"), cell("serial", pipelined=False, placement="split"))
    found = answer(
        run_of(cells, scenario="pipeline_overlap"),
        trials_of(
            cells,
            {
                "encode_s": [[0.3] * 6, [0.3] * 6],
                "patch_embed_s": [[0.225] * 6, [0.15] * 6],
                "overlap_possible_s": [[0.15] * 6, [0.1] * 6],
            },
        ),
        question="?",
        metric=ENCODE,
        other_metrics=[
            Metric("patch_embed_s", "patch embedding", "s", "lower"),
            Metric("overlap_possible_s", "overlap possible", "s", "higher"),
        ],
    )

    assert found.sentence.endswith(
        "The same batches on the same units, run in turn, take 300 ms, of which 150 ms is convolution: overlap "
        "could save at most 100 ms (33 %) and saves 0 % (95 % interval of the saving 0 to 0 %)."
    )


def test_a_pipeline_that_loses_costs() -> None:
    """It does not save minus ten per cent."""
    cells = (cell("piped", pipelined=True), cell("serial", pipelined=False))
    found = encode_answer(cells, trials_of(cells, {"encode_s": [[0.33] * 6, [0.3] * 6]}))

    assert "pipelining costs 10 % more (95 % interval of the saving -10 to -10 %)." in found.sentence


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


def test_a_saving_beyond_what_overlap_can_explain_gets_a_remark() -> None:
    """Ten per cent are saved where five could be: something else differed."""
    cells = (cell("piped", pipelined=True), cell("serial", pipelined=False))
    metrics = {
        "encode_s": [[0.27] * 6, [0.3] * 6],
        "patch_embed_s": [[0.02] * 6] * 2,
        "overlap_possible_s": [[0.015] * 6] * 2,
    }
    found = answer(
        run_of(cells),
        trials_of(cells, metrics),
        question="?",
        metric=ENCODE,
        other_metrics=[Metric(name, name, "s", "higher") for name in ("patch_embed_s", "overlap_possible_s")],
    )

    assert found.sentence.endswith("That is more than overlap can explain: look for other load and measure again.")


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


def test_peaks_are_shown_in_mib_by_cell() -> None:
    """64 MiB and 96 MiB; the figures of time come from the timed trials alone."""
    passed = [memory_pass(13, SIZES[0].key, 64 * 2**20), memory_pass(14, SIZES[1].key, 96 * 2**20)]

    alone = answer(run_of(SIZES), TIMED, question="?", metric=ENCODE)
    both = answer(run_of(SIZES), [*TIMED, *passed], question="?", metric=ENCODE)

    metric, by_cell = both.other_metrics["peak_rss_bytes"]
    assert (metric.label, metric.unit) == ("peak resident memory", "MiB")
    assert {key: (found.estimate, found.low, found.n) for key, found in by_cell.items()} == {
        "patches_per_batch=1": (64.0, None, 1),
        "patches_per_batch=4": (96.0, None, 1),
    }
    assert [summary.interval for summary in both.summaries] == [summary.interval for summary in alone.summaries]
    assert both.sentence == alone.sentence


def test_a_memory_pass_that_does_not_count_shows_nothing() -> None:
    """Its outputs were wrong, so its memory is not that of the work."""
    wrong = replace(invalid(13, 7, SIZES[0].key, peak_rss_bytes=(1e9,)), purpose="memory")

    assert answer(run_of(SIZES), [*TIMED, wrong], question="?", metric=ENCODE).other_metrics == {}
