"""The end-to-end table: ours and published figures, each in a column of its own."""

from __future__ import annotations

from lab.records import Metric, Published
from lab.report.answer.ends import end_to_end
from lab.report.answer.view import answer
from tests.lab.report.report_runs import DECODE, ENCODE, FIRST_TOKEN, cell, run_of, trials_of

CELL = cell("throughput", coupled=True, parallel_tokens=128)
PREFILL = Metric("prefill_s", "prefill", "s", "lower")
PAPER = Published("throughput", "decode_tokens_per_s", {"parallel_tokens": 128}, 24.4, "published", "Table 5", "")


def test_a_step_has_our_figure_and_the_published_one_beside_it() -> None:
    """In the order in which a user meets them; a step without a published figure has none."""
    values = {"encode_s": 2.0, "prefill_s": 3.0, "first_token_s": 5.2, "decode_tokens_per_s": 20.0}
    trials = trials_of([CELL], {name: [[value] * 6] for name, value in values.items()})
    other = Published("throughput", "decode_tokens_per_s", {"parallel_tokens": 32}, 1.0, "published", "other", "")
    found = end_to_end(
        answer(run_of([CELL], scenario="throughput"), trials, question="", metric=DECODE,
               other_metrics=[FIRST_TOKEN, PREFILL, ENCODE], published=[PAPER, other])
    )  # fmt: skip

    assert found is not None
    assert [row.texts[:5] for row in found.rows] == [
        ("image encoding", "2.00 s", "2.00 to 2.00 s", "", ""),
        ("prefill", "3.00 s", "3.00 to 3.00 s", "", ""),
        ("time to first token", "5.20 s", "5.20 to 5.20 s", "", ""),
        ("decode", "20.0 tokens/s", "20.0 to 20.0 tokens/s", "24.4 tokens/s", "published"),
    ]


def test_a_run_that_is_not_end_to_end_has_no_such_table() -> None:
    """A sweep of the encoder decodes nothing."""
    trials = trials_of([CELL], {"encode_s": [[2.0] * 6]})

    assert end_to_end(answer(run_of([CELL]), trials, question="", metric=ENCODE)) is None
