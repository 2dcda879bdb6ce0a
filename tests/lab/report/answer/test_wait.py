"""The share of a user's wait that is the image, from the stage times of trials."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from lab.records import Context, Trial
from lab.report.answer.wait import image_shares, wait_share_sentence
from tests.lab.report.report_runs import cell, run_of, trials_of

COUPLED = cell("throughput", coupled=True)
DECOUPLED = cell("decoupled", coupled=False)


def _trials(shares: Sequence[float]) -> list[Trial]:
    """Return trials in which the first word comes after two seconds."""
    image = [[2 * share for share in shares]]
    return trials_of([COUPLED], {"encode_s": image, "first_token_s": [[2.0] * len(shares)]})


def test_the_share_is_the_median_of_trials_with_its_interval() -> None:
    """Of six equal shares both ends are that share; of six others they lie inside their range."""
    run = run_of([COUPLED], scenario="throughput")
    share = image_shares(run, _trials([0.40, 0.41, 0.42, 0.43, 0.44, 0.45]))["throughput"]

    assert wait_share_sentence(run, _trials([0.425] * 6)) == (
        "The image is 42.5 % of the wait for the first word (95 % interval 42.5 to 42.5 %)."
    )
    assert share.estimate == pytest.approx((0.42 * 0.43) ** 0.5)
    assert share.low is not None
    assert share.high is not None
    assert 0.40 <= share.low < share.estimate < share.high <= 0.45


def test_a_slow_iteration_enters_both_times() -> None:
    """The share is taken iteration by iteration: in each it is a half, whatever the times are."""
    (trial,) = _trials([0.5])
    trial = replace(trial, samples={"encode_s": (1.0, 7.0, 2.0), "first_token_s": (2.0, 14.0, 4.0)})

    assert image_shares(run_of([COUPLED]), [trial])["throughput"].estimate == 0.5
    assert wait_share_sentence(run_of([COUPLED]), [trial]) == (
        "The image is about 50.0 % of the wait for the first word (no interval: of 1 trial)."
    )


def test_without_a_trial_that_timed_both_the_share_cannot_be_told() -> None:
    """Trials that do not count, and trials of one metric, are no answer."""
    run, (trial,) = run_of([COUPLED]), _trials([0.5])
    words = "Cannot tell what share of the wait is the image: no valid trial timed both."

    assert wait_share_sentence(run, []) == words
    assert wait_share_sentence(run, [replace(trial, valid=False)]) == words
    assert wait_share_sentence(run, [replace(trial, samples={"encode_s": (1.0,)})]) == words


def test_a_decoupled_image_is_no_part_of_the_wait() -> None:
    """Its wait begins when the image is encoded."""
    run = run_of([COUPLED, DECOUPLED], scenario="first_token")
    trials = [*_trials([0.5]), *(replace(each, cell="decoupled") for each in _trials([0.5]))]

    assert list(image_shares(run, trials)) == ["throughput"]
    assert wait_share_sentence(run, trials) == (
        "Share of the wait that is the image. Coupled: the image is about 50.0 % of the wait for the first word "
        "(no interval: of 1 trial); and decoupled: the image is no part of the wait, which begins once it is "
        "encoded."
    )


def test_where_nobody_waits_and_where_times_are_no_measurements_there_is_no_share() -> None:
    """A sweep of the encoder has no first word; an emulated phone's clock says nothing."""
    emulated = replace(run_of([COUPLED]), context=Context({"device_kind": "emulated"}))

    assert wait_share_sentence(run_of([cell("a", patches_per_batch=4)]), []) == ""
    assert "not measurements" in wait_share_sentence(emulated, _trials([0.5]))
