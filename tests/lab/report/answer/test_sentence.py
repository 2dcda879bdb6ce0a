"""The sentence that answers a scenario's question."""

from __future__ import annotations

import pytest

from lab.records import Metric
from lab.report.answer.view import answer
from tests.lab.report.report_runs import (
    DECODE,
    ENCODE,
    FIRST_TOKEN,
    NOISE,
    batches,
    cell,
    encode_answer,
    invalid,
    run_of,
    times,
    trials_of,
)


def test_a_clear_best_is_named_with_its_lead() -> None:
    """One cell differs from all others; the sentence says how far behind the next one is."""
    cells = batches(1, 4, 6)
    found = encode_answer(cells, trials_of(cells, {"encode_s": times(0.4, 0.3, 0.33)}))

    assert found.best == "patches_per_batch=4"
    assert found.contenders == ("patches_per_batch=4",)
    assert found.sentence == (
        "Fastest: 4 patches per batch, at 300 ms (95 % interval 297 to 303 ms). Next: 6, which is 10 % slower "
        "(95 % interval 8.1 to 12 %)."
    )
    assert [s.may_be_best for s in found.summaries] == [False, True, False]


def test_cells_tied_with_the_best_are_named() -> None:
    """In the sentence and in the contenders; a cell that is clearly behind is in neither."""
    cells = batches(3, 4, 5, 6)
    found = encode_answer(cells, trials_of(cells, {"encode_s": times(0.301, 0.3, 0.3005, 0.4)}))

    assert found.contenders == ("patches_per_batch=3", "patches_per_batch=4", "patches_per_batch=5")
    assert found.best is None and found.leader == "patches_per_batch=4"
    assert found.sentence.startswith(
        "Cannot tell which of 3, 4 and 5 is fastest: this run cannot separate them. The other cell is slower. "
        "Best estimate: 4 patches per batch, at 300 ms ("
    )


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
        assert found.sentence == "No answer: no trial of vit_batch counts (image encoding)."
        assert found.best is None and found.summaries[0].interval is None


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
        "the first token after 1.42 s (95 % interval 1.42 to 1.42 s). First token: from image and instruction "
        "given to its text, the model loaded."
    )
    assert set(found.other_metrics) == {"first_token_s"}


def test_pipelining_is_quoted_against_the_better_serial_rival() -> None:
    """Against the cell on all cores, which is 5 % slower, not against the one on split ones, 10 %."""
    cells = (
        cell("a", pipelined=True, placement="split"),
        cell("b", pipelined=False, placement="split"),
        cell("c", pipelined=False, placement="all"),
    )
    found = encode_answer(cells, trials_of(cells, {"encode_s": [[0.3 * r] * 6 for r in (1.0, 1.1, 1.05)]}))

    assert found.sentence == (
        "Pipelining is faster: the best serial cell (serial, on all cores) is 5.0 % slower (95 % interval 5.0 to "
        "5.0 %). Fastest: pipelined, on split units, at 300 ms (95 % interval 300 to 300 ms)."
    )


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

    assert found.sentence.startswith(
        "Whether pipelining is faster cannot be told: the best serial cell (serial) is 0 % slower (95 % "
        "interval 0 to "
        "0 %). The same batches on the same units, run in turn, take 300 ms, of which 150 ms is convolution: "
        "overlap "
        "could hide at most 100 ms, and pipelined they take 300 ms. Cannot tell which is fastest"
    )


def test_a_pipeline_that_loses_costs() -> None:
    """It does not save minus ten per cent."""
    cells = (cell("piped", pipelined=True), cell("serial", pipelined=False))
    found = encode_answer(cells, trials_of(cells, {"encode_s": [[0.33] * 6, [0.3] * 6]}))

    assert found.sentence.startswith(
        "Pipelining is not faster: the best pipelined cell (pipelined) is 10 % slower (95 % interval 10 to 10 %)."
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

    assert (
        "they take 270 ms. That is more than overlap can explain: look for other load and measure again."
        in found.sentence
    )


def test_an_unjudged_cell_with_a_better_figure_contradicts_nothing() -> None:
    """Two trials of it, at 300 ms: the best of the others is not called fastest of all."""
    cells = batches(1, 4, 6)
    trials = [
        trial
        for trial in trials_of(cells, {"encode_s": times(0.4, 0.3, 0.33)})
        if trial.block <= 2 or trial.cell != cells[1].key
    ]
    found = encode_answer(cells, trials)

    assert found.sentence.startswith("Fastest of the 2 judged cells: 6 patches per batch, at 330 ms")
    assert "Not judged: 4 patches per batch (2 valid trials); 4 are needed." in found.sentence
    assert not any("beyond" in words for words in found.warnings)


def test_a_better_figure_of_too_few_trials_is_told_with_its_number() -> None:
    """A closed loop has no interval of five trials; it does not say so as if five were many."""
    cells = batches(1, 4)
    trials = [t for t in trials_of(cells, {"encode_s": times(0.4, 0.3)}) if t.block <= 4]

    assert "at 299 ms (no interval: 4 valid trials are too few)." in encode_answer(cells, trials).sentence
