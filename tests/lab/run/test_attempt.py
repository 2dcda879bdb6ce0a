"""An attempt at a trial: what it leaves in the trial's folder, and the progress it reports."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lab.run.runner import run
from tests.fake_lab import ScriptedLab


def test_a_good_trial_keeps_its_samples_and_raw_lines(make: Callable[..., ScriptedLab]) -> None:
    """Nine tiles at one a batch are 28 stages of 10 ms; the agent's own lines lie beside the trial."""
    lab = make()
    record = lab.begin()
    trials = lab.go_on(record)

    one = next(trial for trial in trials if trial.cell == "patches_per_batch=1")

    assert one.valid
    assert list(one.samples["encode_s"]) == pytest.approx([0.28, 0.28])
    folder = lab.store.trial_folder(record.id, one.number)
    assert {path.name for path in folder.iterdir()} == {
        "job.json",
        "events.jsonl",
        "stdout.txt",
        "stderr.txt",
        "trial.json",
        "turn",
        "boot",
    }


def test_what_a_cut_trial_left_is_kept_aside(make: Callable[..., ScriptedLab]) -> None:
    """Half-written lines do not mix with the new trial's, and are not thrown away."""
    lab = make()
    record = lab.begin()
    (lab.store.trial_folder(record.id, 1) / "events.jsonl").write_text("half a l")

    lab.go_on(record)

    kept = lab.store.root / "runs" / record.id / "interrupted" / "0001-1" / "events.jsonl"
    assert kept.read_text() == "half a l"
    assert lab.store.trials(record.id)[0].valid
    assert lab.store.reindex()["trial"] == 4


def test_the_memory_pass_is_counted_among_the_trials_to_come(make: Callable[..., ScriptedLab]) -> None:
    """Two cells in two blocks, and one more of each: progress never says 5 of 4."""
    lab = make()
    record = lab.begin(memory=True)
    totals: set[int] = set()

    list(run(record, lab.scenario, lab.bench, watch=lambda now: totals.add(now.total)))

    assert totals == {6}
