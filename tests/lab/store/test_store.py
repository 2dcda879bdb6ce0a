"""Saved records stay saved: through kill -9, a full disk, two writers and a lost index."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from lab.device.fake.build import write_fake_build
from lab.errors import DiskFull, StoreError
from lab.files import sha256
from lab.store import Store, seal
from lab.store.saved import Trials
from tests.saved_runs import comparison_of, dump, reopened, run_of, trial_of, write


def test_a_run_and_its_trials_come_back_as_they_were_saved(store: Store) -> None:
    """Types included: a truth value stays one, a float stays one, NaN and infinity survive."""
    odd = replace(trial_of(2, valid=False), notes={"distance": float("inf")})
    store.create_run(run_of())
    store.save_trial(run_of().id, trial_of(1))
    store.save_trial(run_of().id, odd)

    with reopened(store) as again:
        assert again.run("last") == run_of()
        assert again.runs() == [run_of()]
        assert again.trials(run_of().id) == [trial_of(1), odd]
        assert [type(v) for v in again.run("last").cells[0].parameters.values()] == [int, bool, float, str]


def test_the_files_can_be_read_by_a_person(store: Store) -> None:
    """Indented, with the version of their format, one file a trial beside its raw lines."""
    store.create_run(run_of())
    folder = store.trial_folder(run_of().id, 1)
    (folder / "events.jsonl").write_text("{}\n")
    store.save_trial(run_of().id, trial_of(1))

    assert folder == store.root / "runs" / run_of().id / "trials" / "0001"
    assert sorted(path.name for path in folder.iterdir()) == ["events.jsonl", "trial.json"]
    assert (folder / "trial.json").read_text().startswith('{\n  "format": 1,\n  "trial": {\n    "number": 1,')


def test_the_newest_run_is_listed_first(store: Store) -> None:
    """By the time they started, which is in their ids too."""
    first, second = run_of("a0", "2026-01-01T00:00:00.000Z"), run_of("a1", "2026-01-02T00:00:00.000Z")
    store.create_run(first)
    store.create_run(second)

    assert [run.id for run in store.runs()] == ["a1", "a0"]
    assert [run.id for run in store.runs(1)] == ["a1"]
    assert store.run("last").id == "a1"
    assert store.run("a0") == first


def test_a_run_is_asked_for_in_words_that_fit_one(store: Store) -> None:
    """An empty store, no run, several runs."""
    with pytest.raises(StoreError, match="holds no run yet"):
        store.run("last")
    store.create_run(run_of("a1"))
    store.create_run(run_of("a0"))

    with pytest.raises(StoreError, match="2 runs have an id that begins 'a'"):
        store.run("a")
    with pytest.raises(StoreError, match="no run has an id that begins 'b'"):
        store.run("b")
    with pytest.raises(StoreError, match="is there already"):
        store.create_run(run_of("a1"))


def test_a_finished_run_is_sealed(store: Store) -> None:
    """Its end is known, and the sum of each of its trials."""
    store.create_run(run_of())
    store.save_trial(run_of().id, trial_of(1))
    store.save_trial(run_of().id, trial_of(2, valid=False))
    store.finish_run(run_of().id, "finished")

    assert store.run("last").status == store.runs()[0].status == "finished"
    assert store.run("last").ended_utc is not None
    assert sealed(store) == ["run.json", "trials/0001/trial.json", "trials/0002/trial.json"]


def test_an_interrupted_run_goes_on_and_is_sealed_again(store: Store) -> None:
    """The second seal holds what the first lacked; samples that an older lab wrote beside it are out of date."""
    store.create_run(run_of())
    store.save_trial(run_of().id, trial_of(1))
    store.finish_run(run_of().id, "interrupted")
    (store.trials_folder(run_of().id).parent / "samples.parquet").write_bytes(b"PAR1")
    store.save_trial(run_of().id, trial_of(2))
    store.finish_run(run_of().id, "finished")

    assert store.run("last").status == "finished"
    assert sealed(store) == ["run.json", "trials/0001/trial.json", "trials/0002/trial.json"]
    assert not (store.trials_folder(run_of().id).parent / "samples.parquet").exists()


def test_a_run_without_a_trial_is_sealed_too(store: Store) -> None:
    """Nothing was measured, and that is a result."""
    store.create_run(run_of())
    store.finish_run(run_of().id, "failed")

    assert sealed(store) == ["run.json"]


def sealed(store: Store) -> list[str]:
    """Return the files of the run that its seal holds."""
    return sorted(seal.sums(store.trials_folder(run_of().id).parent))


def test_a_damaged_trial_costs_that_trial_alone(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    """It is named once; the others are read, and the index is rebuilt without it."""
    store.create_run(run_of())
    for number in (1, 2, 3):
        store.save_trial(run_of().id, trial_of(number))
    path = store.trial_folder(run_of().id, 2) / "trial.json"
    path.write_text('{"format": 1, "trial": {"num')

    with reopened(store) as again:
        for _ in range(2):
            assert again.trials(run_of().id) == [trial_of(1), trial_of(3)]
        assert caplog.text.count(f"left out: {path}: damaged, not JSON") == 1
        assert again.reindex()["trial"] == 2
        assert [row[1] for row in dump(again)["trials"]] == [1, 3]


@pytest.mark.parametrize("text", ["[" * 100_000, '{"format": 2, "trial": 1}', '"\\ud800"', "9" * 6000, ""])
def test_a_trial_of_any_text_is_named_as_damaged(text: str, store: Store) -> None:
    """Deep nesting, another format, half a character, a number of thousands of digits, nothing at all."""
    store.create_run(run_of())
    (store.trial_folder(run_of().id, 1) / "trial.json").write_text(text)

    (problem,) = store.examined(run_of().id).problems
    assert re.search(r"0001/trial\.json: (damaged|written in format 2)", problem)


def test_only_a_file_in_a_folder_with_a_number_is_a_trial(store: Store) -> None:
    """A pipe is not waited for; a digit of another script is no number; a trial that was copied is not two."""
    store.create_run(run_of())
    store.save_trial(run_of().id, trial_of(1))
    trials = store.trials_folder(run_of().id)
    shutil.copytree(trials / "0001", trials / "\N{SUPERSCRIPT TWO}")
    shutil.copytree(trials / "0001", trials / "0003")
    (trials / "0004").mkdir()
    os.mkfifo(trials / "0004" / "trial.json")

    found = store.examined(run_of().id)
    assert found.kept == (trial_of(1),)
    assert [problem.partition(": ")[2] for problem in found.problems] == [
        "says that it is trial 1; restore it from a copy, or move it away",
        "could not be read: wanted a regular file, found a pipe; restore it from a copy, or move it away",
    ]


def test_a_sample_that_was_edited_later_is_noticed(store: Store) -> None:
    """The seal of a finished run holds the SHA-256 of each of its files; the trial enters no figure."""
    store.create_run(run_of())
    for number in (1, 2):
        store.save_trial(run_of().id, trial_of(number))
    store.finish_run(run_of().id, "finished")
    assert store.examined(run_of().id).problems == ()
    folder = store.trials_folder(run_of().id).parent
    for name in ("trials/0002/trial.json", "run.json"):
        path = folder / name
        path.write_bytes(path.read_bytes().replace(b"4.0", b"1.0").replace(b"quick", b"slow"))

    found = store.examined(run_of().id)
    assert found.kept == (trial_of(1),)
    assert [problem.partition(": ")[2].partition(":")[0] for problem in found.problems] == [
        "changed since its run ended",
        "changed since its run ended",
    ]


def test_samples_that_an_older_lab_sealed_are_still_watched(store: Store) -> None:
    """Its run is read as ever; they are checked against their sum, and missed when they are gone."""
    store.create_run(run_of())
    store.save_trial(run_of().id, trial_of(1))
    store.finish_run(run_of().id, "finished")
    folder = store.trials_folder(run_of().id).parent
    samples, path = folder / "samples.parquet", folder / seal.FILE
    samples.write_bytes(b"PAR1")
    document = json.loads(path.read_text())
    document["files"]["samples.parquet"] = sha256(samples)
    path.write_text(json.dumps(document))
    assert store.examined(run_of().id) == Trials((trial_of(1),), ())

    samples.unlink()

    assert store.examined(run_of().id) == Trials(
        (trial_of(1),), (f"{samples}: gone since its run ended; restore it from a copy",)
    )


def test_a_run_that_goes_on_is_sealed_anew(store: Store) -> None:
    """An interrupted run may change; what was sealed before does not make its new trials look edited."""
    store.create_run(run_of())
    store.save_trial(run_of().id, trial_of(1))
    store.finish_run(run_of().id, "interrupted")
    store.update_run(run_of())
    store.save_trial(run_of().id, trial_of(2))
    assert store.examined(run_of().id).problems == ()

    store.finish_run(run_of().id, "finished")
    assert store.examined(run_of().id).kept == (trial_of(1), trial_of(2))


def test_a_comparison_comes_back_and_the_index_holds_its_verdicts(store: Store) -> None:
    """By the start of its id or `last`; saved again after each pair; rebuilt from the files alone."""
    store.save_comparison(comparison_of(1, "running"))
    store.save_comparison(comparison_of(1))
    store.save_comparison(comparison_of(2))

    assert store.comparison("last") == comparison_of(2)
    assert store.comparison(comparison_of(1).id) == comparison_of(1)
    assert store.comparisons() == [comparison_of(2), comparison_of(1)]
    assert store.comparisons(1) == [comparison_of(2)]
    with pytest.raises(StoreError, match="2 comparisons have an id that begins '018f'"):
        store.comparison("018f")
    before = dump(store)
    assert len(before["verdicts"]) == 4
    assert store.reindex()["comparison"] == 2
    assert dump(store) == before


def test_a_comparison_that_a_crash_kept_out_of_the_index_is_put_in_on_opening(store: Store) -> None:
    """Its file is the truth; a half-written one beside it is not seen."""
    store.save_comparison(comparison_of(1, "running"))
    shutil.copytree(store.root, store.root.parent / "other")
    store.save_comparison(comparison_of(1))
    (store.root / "comparisons" / ".x.json.part").write_text("half")
    (store.root.parent / "other" / "index.sqlite").rename(store.root / "index.sqlite")

    with reopened(store) as again:
        assert again.comparisons() == [comparison_of(1)]


def test_a_folder_that_cannot_be_made_is_refused_in_words(tmp_path: Path) -> None:
    """A file is in the way."""
    (tmp_path / "data").write_text("")

    with pytest.raises(StoreError, match="could not open the store"):
        Store(tmp_path / "data")


def test_kill_9_loses_no_trial_that_was_saved(store: Store) -> None:
    """Whatever the writer was doing, each trial it had reported is there whole, in files and index."""
    store.create_run(run_of())
    reported: list[int] = []
    for until in (3, 11, 24):
        first = len(store.trials(run_of().id)) + 1
        with write(store, run_of().id, first, 10_000) as writer:
            assert writer.stdout is not None
            while not reported or reported[-1] < until:
                reported.append(int(writer.stdout.readline()))
            writer.send_signal(signal.SIGKILL)
            reported += [int(line) for line in writer.stdout if line.endswith("\n")]

    with reopened(store) as again:
        found = again.trials(run_of().id)
        assert {trial.number for trial in found} >= set(reported)
        assert all(trial.samples["encode_s"][199] == trial.number + 199.0 for trial in found)
        assert [row[1] for row in dump(again)["trials"]] == [trial.number for trial in found]


def test_a_crash_between_file_and_index_is_made_good_on_opening(store: Store) -> None:
    """The trial's file, a new run's, and a run's end were written, and then the power went."""
    store.create_run(run_of("a0"))
    store.save_trial("a0", trial_of(1))
    runs = store.root / "runs"
    shutil.copytree(runs / "a0" / "trials" / "0001", runs / "a0" / "trials" / "0002")
    second = runs / "a0" / "trials" / "0002" / "trial.json"
    second.write_text(second.read_text().replace('"number": 1', '"number": 2'))
    shutil.copytree(runs / "a0", runs / "a1")
    for run_id, old, new in (("a0", '"running"', '"finished"'), ("a1", '"a0"', '"a1"')):
        path = runs / run_id / "run.json"
        path.write_text(path.read_text().replace(old, new))

    with reopened(store) as again:
        rows = dump(again)
        assert [(run.id, run.status) for run in again.runs()] == [("a1", "running"), ("a0", "finished")]
        assert [row[:2] for row in rows["trials"]] == [("a0", 1), ("a0", 2), ("a1", 1), ("a1", 2)]


def test_what_a_cut_write_left_aside_is_not_seen(store: Store) -> None:
    """A trial's folder without `trial.json` is no trial."""
    store.create_run(run_of())
    (store.trial_folder(run_of().id, 1) / ".trial.json.part").write_text('{"format"')

    assert store.trials(run_of().id) == []
    store.save_trial(run_of().id, trial_of(1))
    assert store.trials(run_of().id) == [trial_of(1)]


def fill(disk: Path) -> Path:
    """Write until nothing fits any more."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
        while file.write(bytes(4096)):
            pass
    return ballast


def test_a_full_disk_costs_nothing_that_was_saved(small_disk: Path) -> None:
    """One clear error; results stay readable; with space again the run goes on."""
    store = Store(small_disk)
    store.create_run(run_of())
    store.save_trial(run_of().id, trial_of(1))
    ballast = fill(small_disk)

    with pytest.raises(DiskFull, match=r"no space left on the disk that holds .*free some space, then resume$"):
        store.save_trial(run_of().id, trial_of(2))
    with pytest.raises(DiskFull):
        store.finish_run(run_of().id, "interrupted")
    assert store.trials(run_of().id) == [trial_of(1)]
    assert store.runs() == [run_of()]
    ballast.unlink()
    store.save_trial(run_of().id, trial_of(2))
    store.finish_run(run_of().id, "finished")
    assert store.trials(run_of().id) == [trial_of(1), trial_of(2)]
    assert [row[1] for row in dump(store)["trials"]] == [1, 2]
    store.close()


def test_results_can_be_read_from_a_disk_that_is_full(small_disk: Path) -> None:
    """SQLite cannot even read then; results and lists come from the files."""
    store = Store(small_disk)
    store.create_run(run_of())
    store.save_trial(run_of().id, trial_of(1))
    store.close()
    fill(small_disk)

    with reopened(store) as again:
        assert again.trials(again.run("last").id) == [trial_of(1)]
        assert again.runs() == [run_of()]


def test_a_disk_too_small_for_a_build_keeps_no_half_of_it(small_disk: Path, tmp_path: Path) -> None:
    """The copy that did not fit is gone, and the line does not name it."""
    write_fake_build(tmp_path / "build")
    store = Store(small_disk)
    store.runs()
    ballast = fill(small_disk)

    with pytest.raises(DiskFull):
        store.add_build(tmp_path / "build", "nano")
    ballast.unlink()
    assert list(store.builds_folder.iterdir()) == []
    assert store.builds() == []
    store.close()


def test_two_processes_write_at_once(store: Store) -> None:
    """Neither is told that the index is locked, and every row arrives."""
    for run_id in ("a0", "a1"):
        store.create_run(run_of(run_id))
    writers = [write(store, run_id, 1, 40) for run_id in ("a0", "a1")]
    for writer in writers:
        with writer:
            assert writer.stdout is not None
            assert len(writer.stdout.readlines()) == 40
        assert writer.returncode == 0

    assert [row[:2] for row in dump(store)["trials"]] == [(r, n) for r in ("a0", "a1") for n in range(1, 41)]


@pytest.mark.parametrize("name", ["\u00b2", "\u0660\u0660\u0660\u0661", "1" * 250, "0001x"])
def test_a_folder_that_no_lab_named_is_no_trial(store: Store, name: str) -> None:
    """A superscript two is a digit to Python, and no number."""
    store.create_run(run_of())
    store.save_trial(run_of().id, trial_of(1))
    folder = store.trials_folder(run_of().id)
    shutil.copytree(folder / "0001", folder / name)

    assert store.trials(run_of().id) == [trial_of(1)]
    assert store.reindex()["trial"] == 1


def test_every_save_gives_the_root_another_version(store: Store) -> None:
    """Two within one tick of the kernel's clock too, after a clock that was ahead, and after a reindex."""
    store.create_run(run_of())
    ahead = int(store.version()) + 10**15
    os.utime(store.root / "changed", ns=(ahead, ahead))
    versions = [store.version()]
    for _ in range(20):
        store.save_comparison(comparison_of(2))
        versions.append(store.version())
    store.reindex()

    assert len({*versions, store.version()}) == 22
