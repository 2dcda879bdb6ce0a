"""What a memory pass found stands beside the figures of time, without an interval and without touching them."""

from __future__ import annotations

from dataclasses import replace

from lab.records import Trial
from lab.report.answer.view import answer
from tests.lab.report.report_runs import ENCODE, batches, invalid, run_of, trials_of

CELLS = batches(1, 4)
TIMED = trials_of(CELLS, {ENCODE.name: [[1.0] * 6, [0.8] * 6]})


def held(number: int, cell: str, peak_bytes: float) -> Trial:
    """Return a trial of the memory pass."""
    samples = {"peak_rss_bytes": (peak_bytes,)}
    return replace(TIMED[0], number=number, block=7, cell=cell, purpose="memory", samples=samples)


def test_peaks_are_shown_in_mib_by_cell() -> None:
    """64 MiB and 96 MiB; time's own figures are those of the timed trials alone."""
    passed = [held(13, CELLS[0].key, 64 * 2**20), held(14, CELLS[1].key, 96 * 2**20)]

    alone = answer(run_of(CELLS), TIMED, question="?", metric=ENCODE)
    both = answer(run_of(CELLS), [*TIMED, *passed], question="?", metric=ENCODE)

    metric, by_cell = both.other_metrics["peak_rss_bytes"]
    assert (metric.label, metric.unit) == ("peak resident memory", "MiB")
    assert {key: (found.estimate, found.low, found.n) for key, found in by_cell.items()} == {
        "patches_per_batch=1": (64.0, None, 1),
        "patches_per_batch=4": (96.0, None, 1),
    }
    assert [summary.interval for summary in both.summaries] == [summary.interval for summary in alone.summaries]
    assert both.sentence == alone.sentence


def test_a_memory_pass_that_does_not_count_shows_nothing() -> None:
    """Its outputs were wrong: what it held is not what the work holds."""
    wrong = replace(invalid(13, 7, CELLS[0].key, peak_rss_bytes=(1e9,)), purpose="memory")

    assert answer(run_of(CELLS), [*TIMED, wrong], question="?", metric=ENCODE).other_metrics == {}
