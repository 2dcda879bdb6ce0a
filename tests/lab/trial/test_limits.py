"""What a job can make, counted by hand."""

from __future__ import annotations

from device_agents.contract import PROTOCOL, Batch, EncodeImageWork, Job, NullWork, Work
from lab.trial.limits import Limits, limits_of


def job(work: Work, iterations: int) -> Job:
    """Return a job with one warm-up."""
    return Job(
        protocol=PROTOCOL,
        trial="t",
        build="/b",
        work=work,
        warmup_iterations=1,
        iterations=iterations,
        units={},
        stages={},
    )


def test_an_empty_job_makes_few_lines() -> None:
    """2 x 2 iterations x (2 + 5) lines, and 100; 512 bytes each, 6 outputs of 4 KiB, and 256 KiB."""
    assert limits_of(job(NullWork(), 1), {}) == Limits(128 * 512 + 6 * 4096 + 262_144, 128, 4096 + 262_144)


def test_a_job_of_batches_makes_three_spans_for_each() -> None:
    """2 x 10 iterations x (2 + 1 + 3 x 3 + 5) lines, and 100."""
    batches = [Batch(true=4, padded=4), Batch(true=4, padded=4), Batch(true=1, padded=1)]
    work = EncodeImageWork(input="screen", batches=batches, pipelined=False)
    assert limits_of(job(work, 9), {}).lines == 440
