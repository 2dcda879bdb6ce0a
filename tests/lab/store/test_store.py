"""What was saved stays saved: through kill -9, a full disk, two writers and a lost index."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from device_agents.contract import InvalidReason
from lab.device.fake.build import write_fake_build
from lab.errors import BuildError, DiskFull, StoreError
from lab.identifiers import new_run_id
from lab.records import Cell, CellVerdict, Comparison, Context, Interval, Run, Trial
from lab.store import Store, tables
from tests.saved_checks import CHECKED

WRITER = """
import sys
from pathlib import Path
from lab.records import Trial
from lab.store import Store

store = Store(Path(sys.argv[1]), sys.argv[4] or None)
for number in range(int(sys.argv[3]), int(sys.argv[3]) + int(sys.argv[5])):
    samples = {"encode_s": tuple(float(number + i) for i in range(200))}
    store.save_trial(sys.argv[2], Trial(number, 0, "a", True, None, "", "2026-01-01T00:00:00.000Z", 1.0, samples))
    print(number, flush=True)
"""


def run_of(run_id: str = "018f0000-0000-7000-8000-000000000001", started: str = "2026-01-01T00:00:00.000Z") -> Run:
    """Return a run that has just begun."""
    return Run(
        id=run_id,
        scenario="vit_batch",
        suite="quick",
        build="b" * 64,
        build_line="nano-w4",
        device="host",
        started_utc=started,
        ended_utc=None,
        status="running",
        seed=2**70,
        blocks=6,
        context=Context({"device_kind": "host"}),
        cells=(Cell("a", {"patches_per_batch": 4, "pipelined": True, "share": 1.0, "input": "screen"}),),
        scenario_toml="# a question\n",
    )


def trial_of(number: int, *, valid: bool = True) -> Trial:
    """Return a trial of two metrics."""
    reason = None if valid else InvalidReason.WRONG_OUTPUT
    samples = {"encode_s": (1.0, 4.0, 2.0), "vit_s": (0.5, 0.5, 0.25)}
    return Trial(number, 0, "a", valid, reason, "", "2026-01-01T00:00:01.000Z", 9.5, samples, {"gap": 0.01})


def write(store: Store, run_id: str, first: int, count: int, url: str = "") -> subprocess.Popen[str]:
    """Start another process that saves `count` trials from `first` on and prints each once it is saved."""
    argv = [sys.executable, "-c", WRITER, str(store.root), run_id, str(first), url, str(count)]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)


def dump(store: Store) -> dict[str, list[tuple[object, ...]]]:
    """Return every row of the index."""
    store.runs()
    engine = sa.create_engine(f"sqlite:///{store.root / 'index.sqlite'}")
    with engine.connect() as connection:
        rows = {
            table.name.removeprefix(tables.PREFIX): [
                tuple(row)[1:] for row in connection.execute(sa.select(table).order_by(*table.primary_key))
            ]
            for table in tables.OWNED
        }
    engine.dispose()
    return rows


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Open a store in an empty folder."""
    opened = Store(tmp_path / "data")
    yield opened
    opened.close()


@contextmanager
def reopened(store: Store) -> Iterator[Store]:
    """Open the same store again, as another process would."""
    again = Store(store.root)
    yield again
    again.close()


# --- runs and trials ---------------------------------------------------------------------------------


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
    """By the time they started."""
    first, second = run_of("a1", "2026-01-01T00:00:00.000Z"), run_of("a0", "2026-01-02T00:00:00.000Z")
    store.create_run(first)
    store.create_run(second)

    assert [run.id for run in store.runs()] == ["a0", "a1"]
    assert [run.id for run in store.runs(1)] == ["a0"]
    assert store.run("last").id == "a0"
    assert store.run("a1") == first


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


def test_a_finished_run_is_sealed_with_all_its_samples(store: Store) -> None:
    """Those of invalid trials are there too, and say so."""
    store.create_run(run_of())
    store.save_trial(run_of().id, trial_of(1))
    store.save_trial(run_of().id, trial_of(2, valid=False))
    store.finish_run(run_of().id, "finished")
    rows = pq.read_table(store.root / "runs" / run_of().id / "samples.parquet").to_pylist()

    assert store.run("last").status == store.runs()[0].status == "finished"
    assert store.run("last").ended_utc is not None
    assert len(rows) == 12
    assert rows[1] == {
        "run": run_of().id,
        "trial": 1,
        "block": 0,
        "cell": "a",
        "metric": "encode_s",
        "iteration": 1,
        "value": 4.0,
        "valid": True,
    }
    assert [row["valid"] for row in rows] == [True] * 6 + [False] * 6


def test_an_interrupted_run_goes_on_and_is_sealed_again(store: Store) -> None:
    """The second seal holds what the first lacked."""
    store.create_run(run_of())
    store.save_trial(run_of().id, trial_of(1))
    store.finish_run(run_of().id, "interrupted")
    store.save_trial(run_of().id, trial_of(2))
    store.finish_run(run_of().id, "finished")

    assert store.run("last").status == "finished"
    assert pq.read_table(store.root / "runs" / run_of().id / "samples.parquet").num_rows == 12


def test_a_run_without_a_trial_is_sealed_too(store: Store) -> None:
    """Nothing was measured, and that is a result."""
    store.create_run(run_of())
    store.finish_run(run_of().id, "failed")

    assert pq.read_table(store.root / "runs" / run_of().id / "samples.parquet").num_rows == 0


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"format": 1, "trial": {"num', "damaged, not JSON"),
        ('{"format": 1, "trial": {"number": 1}}', "damaged: trial.block: Field required"),
        ('{"format": 2, "attempt": {}}', "written in format 2, this lab knows 1; update pocketlab"),
    ],
)
def test_a_damaged_file_is_named(store: Store, content: str, words: str) -> None:
    """The lab opens all the same, and says which file it cannot read."""
    store.create_run(run_of())
    path = store.trial_folder(run_of().id, 1) / "trial.json"
    path.write_text(content)

    with reopened(store) as again:
        assert again.runs() == [run_of()]
        for read in (lambda: again.trials(run_of().id), again.reindex):
            with pytest.raises(StoreError, match=re.escape(f"{path}: {words}")):
                read()


# --- index ---------------------------------------------------------------------------------------------


def test_reindexing_rebuilds_an_identical_index_from_the_files(store: Store, tmp_path: Path) -> None:
    """Also when the index is gone altogether."""
    write_fake_build(tmp_path / "build")
    build = store.add_build(tmp_path / "build", "nano")
    store.add_build(tmp_path / "build", "other")
    store.set_baseline("nano", build.id)
    for run_id in ("a0", "a1"):
        store.create_run(run_of(run_id))
        store.save_trial(run_id, trial_of(1))
        store.save_trial(run_id, trial_of(2, valid=False))
    store.finish_run("a0", "finished")
    before = dump(store)

    assert store.reindex() == {"builds": 2, "runs": 2, "trials": 4, "comparisons": 0, "selfchecks": 0}
    assert dump(store) == before
    assert [len(before[name]) for name in ("builds", "medians", "runs", "trials")] == [2, 8, 2, 4]
    store.close()
    for path in store.root.glob("index.sqlite*"):
        path.unlink()
    assert store.reindex() == {"builds": 2, "runs": 2, "trials": 4, "comparisons": 0, "selfchecks": 0}
    assert dump(store) == before


def test_the_index_holds_the_median_of_each_trial(store: Store) -> None:
    """Of 1, 4 and 2 it is 2; of 0.5, 0.5 and 0.25 it is 0.5."""
    store.create_run(run_of("a0"))
    store.save_trial("a0", trial_of(1))

    assert dump(store)["medians"] == [("a0", 1, "encode_s", 3, 2.0), ("a0", 1, "vit_s", 3, 0.5)]


def comparison_of(number: int, status: Literal["running", "finished"] = "finished") -> Comparison:
    """Return a comparison with a verdict and one that waits for its first pair."""
    change = Interval(1.05, 1.031, 1.07, 0.95, 8)
    return Comparison(
        id=f"018f0000-0000-7000-8000-00000000000{number}",
        dimension="build",
        scenario="vit_batch",
        metric="encode_s",
        device="host",
        baseline_run="a0",
        candidate_run="a1",
        started_utc=f"2026-01-0{number}T00:00:00.000Z",
        ended_utc=None,
        status=status,
        seed=2**70,
        looks_most=24,
        looks_first=6,
        budget_s=1800.0,
        differs={"build": ("b0", "b1")},
        cells=(
            CellVerdict("a", "regressed", change, 0.02, 0.001, 8, "regressed after 8 pairs"),
            CellVerdict("b", "cannot tell", None, None, 1.0, 0, "no pair yet"),
        ),
    )


def test_a_self_check_of_an_older_lab_is_read_without_the_figure_that_had_another_meaning(store: Store) -> None:
    """From the index and from the file; what it measured is all there."""
    store.save_selfcheck(CHECKED)
    (file,) = (store.root / "selfchecks").glob("*.json")
    text = file.read_text()
    assert '"smallest_found"' in text
    file.write_text(text.replace('"smallest_found"', '"smallest_visible"'))

    assert store.reindex()["selfchecks"] == 1
    assert store.selfchecks("host") == [CHECKED]


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
    assert store.reindex()["comparisons"] == 2
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


@pytest.mark.parametrize("url", ["nonsense", "nonsense://here"])
def test_a_url_that_is_none_is_refused_in_words(tmp_path: Path, url: str) -> None:
    """Whatever SQLAlchemy calls it."""
    with pytest.raises(StoreError, match="SQLAlchemy does not know the index's URL"):
        Store(tmp_path, url).runs()


def test_a_folder_that_cannot_be_made_is_refused_in_words(tmp_path: Path) -> None:
    """A file is in the way."""
    (tmp_path / "data").write_text("")

    with pytest.raises(StoreError, match="could not open the store"):
        Store(tmp_path / "data")


# --- crashes, full disks, company ----------------------------------------------------------------------


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

    with pytest.raises(DiskFull, match=r"no space left on the disk that holds .*goes on with `lab run --resume`"):
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
    """SQLite cannot even read then; results come from the files, and lists say what is wrong."""
    store = Store(small_disk)
    store.create_run(run_of())
    store.save_trial(run_of().id, trial_of(1))
    store.close()
    fill(small_disk)

    with reopened(store) as again:
        assert again.trials(again.run("last").id) == [trial_of(1)]
        with pytest.raises(DiskFull):
            again.runs()


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


# --- builds --------------------------------------------------------------------------------------------


def other_build(folder: Path, note: str) -> Path:
    """Write a build that differs from the fake one by a note."""
    write_fake_build(folder)
    path = folder / "manifest.json"
    path.write_text(path.read_text().replace('"notes":[]', f'"notes":["{note}"]'))
    return folder


def test_builds_stand_in_their_line_in_the_order_they_were_added(store: Store, tmp_path: Path) -> None:
    """A line's name finds its newest, an id's beginning that build, a folder itself."""
    first = store.add_build(other_build(tmp_path / "1", "one"), "nano")
    second = store.add_build(other_build(tmp_path / "2", "two"), "nano")

    assert first.folder == store.builds_folder / first.id
    assert [(row.id, row.line, row.revision, row.model, row.recipe) for row in store.builds()] == [
        (first.id, "nano", 1, "fake", "fp32"),
        (second.id, "nano", 2, "fake", "fp32"),
    ]
    assert store.find_build("nano").id == second.id
    assert store.find_build(first.id[:10]).id == first.id
    assert store.find_build(str(tmp_path / "1")).folder == tmp_path / "1"


def test_adding_a_build_again_changes_nothing_and_says_so(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Another line may name the same build; one that comes back after another is a new revision."""
    caplog.set_level("INFO", logger="lab")
    first = store.add_build(other_build(tmp_path / "1", "one"), "nano")
    again = store.add_build(tmp_path / "1", "nano")
    before = len(store.builds())
    store.add_build(tmp_path / "1", "other")
    store.add_build(other_build(tmp_path / "2", "two"), "nano")
    store.add_build(first.folder, "nano")

    assert (again, before) == (first, 1)
    assert f"build {first.id[:12]} is already revision 1 of line nano" in caplog.text
    assert [(row.line, row.revision) for row in store.builds()] == [
        ("nano", 1),
        ("nano", 2),
        ("nano", 3),
        ("other", 1),
    ]
    assert store.find_build("nano").id == first.id


def test_a_damaged_build_is_not_added(store: Store, tmp_path: Path) -> None:
    """It is named where it lies, and nothing is copied."""
    write_fake_build(tmp_path / "build")
    (tmp_path / "build" / "vit.onnx").write_bytes(b"")

    with pytest.raises(BuildError, match=r"vit\.onnx: truncated"):
        store.add_build(tmp_path / "build", "nano")
    assert list(store.builds_folder.iterdir()) == []


def test_a_damaged_copy_is_replaced_by_a_whole_one(store: Store, tmp_path: Path) -> None:
    """Adding the build again mends the store."""
    write_fake_build(tmp_path / "build")
    kept = store.add_build(tmp_path / "build", "nano")
    (kept.folder / "vit.onnx").write_bytes(b"")
    (store.builds_folder / ".adding-left-by-a-crash").mkdir()
    store.add_build(tmp_path / "build", "nano")

    assert (kept.folder / "vit.onnx").read_bytes() == b"a stand-in, no network"
    assert [path.name for path in store.builds_folder.iterdir()] == [kept.id]


def test_one_build_of_a_line_is_its_baseline(store: Store, tmp_path: Path) -> None:
    """The next one takes its place."""
    first = store.add_build(other_build(tmp_path / "1", "one"), "nano")
    second = store.add_build(other_build(tmp_path / "2", "two"), "nano")
    store.set_baseline("nano", first.id)
    store.set_baseline("nano", second.id[:12])

    assert [row.baseline for row in store.builds()] == [False, True]
    with pytest.raises(BuildError, match="0 builds begin with 'zz'"):
        store.set_baseline("nano", "zz")
    with pytest.raises(BuildError, match="no line 'pico'; known: nano"):
        store.set_baseline("pico", first.id)


def test_a_build_is_asked_for_in_words_that_fit_one(store: Store, tmp_path: Path) -> None:
    """What could have been meant is listed."""
    with pytest.raises(BuildError, match="no build 'nano': wanted a line"):
        store.find_build("nano")
    with pytest.raises(BuildError, match=r"'\.\./x' cannot name a line"):
        store.add_build(other_build(tmp_path / "1", "one"), "../x")
    for number in range(17):  # of 17 ids two begin with the same hexadecimal digit
        store.add_build(other_build(tmp_path / str(number), str(number)), "nano")
    digits = [row.id[0] for row in store.builds()]
    shared = next(digit for digit in digits if digits.count(digit) > 1)
    with pytest.raises(BuildError, match=f"builds begin with '{shared}'"):
        store.find_build(shared)


# --- identifiers, PostgreSQL -----------------------------------------------------------------------------


def test_run_ids_are_uuids_of_version_7_that_sort_by_time() -> None:
    """The time of RFC 9562, appendix A.6 (2022-02-22 19:22:22 UTC) gives its first 48 bits, 017F22E279B0."""
    moment = 1_645_557_742_000_000_000
    ids = [new_run_id(moment + microsecond * 1000) for microsecond in range(1000)]

    assert ids[0].startswith("017f22e2-79b0-7000-")
    assert ids == sorted(ids)
    assert all(run_id[14] == "7" and run_id[19] in "89ab" for run_id in ids)


def binaries() -> Path | None:
    """Return the folder of PostgreSQL's server programs; Debian keeps them off the path."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")) or [Path(shutil.which("initdb") or "/none")]
    return found[-1].parent if found[-1].exists() else None


@pytest.fixture
def postgres() -> Iterator[str]:
    """Start a server of our own on a socket in a folder of its own; return its URL."""
    folder = binaries()
    pytest.importorskip(
        "psycopg", reason="the PostgreSQL driver is not installed: pip install 'pocketlab[postgres]'"
    )
    if folder is None:
        pytest.skip("no PostgreSQL server on this machine: install Debian's package postgresql")
    user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
    with tempfile.TemporaryDirectory(prefix="pocketlab-") as base:
        if user:
            shutil.chown(base, "postgres")
        control = [*user, str(folder / "pg_ctl"), "-D", f"{base}/data", "-s", "-w"]
        initdb = [*user, str(folder / "initdb"), "-D", f"{base}/data", "-U", "lab", "-A", "trust", "--no-sync"]
        subprocess.run(initdb, check=True, capture_output=True, cwd=base)
        options = f"-c listen_addresses='' -c unix_socket_directories={base} -c fsync=off"
        subprocess.run([*control, "-o", options, "-l", f"{base}/log", "start"], check=True, cwd=base)
        try:
            yield f"postgresql://lab@/postgres?host={base}"
        finally:
            subprocess.run([*control, "-m", "immediate", "stop"], check=True, cwd=base)


def test_the_index_may_be_a_postgresql_database(postgres: str, tmp_path: Path) -> None:
    """Migrations, builds, two writers at once, comparisons, self-checks and reindexing work as in SQLite."""
    store = Store(tmp_path / "data", postgres)
    build = store.add_build(other_build(tmp_path / "1", "one"), "nano")
    store.set_baseline("nano", build.id)
    store.create_run(run_of())
    writers = [write(store, run_of().id, first, 20, postgres) for first in (1, 101)]
    for writer in writers:
        with writer:
            assert writer.stdout is not None
            assert len(writer.stdout.readlines()) == 20
    store.finish_run(run_of().id, "finished")
    for status in ("running", "finished"):  # saved again after each pair
        store.save_comparison(comparison_of(1, status))
        store.save_selfcheck(replace(CHECKED, status=status))

    assert [(row.id, row.baseline) for row in store.builds()] == [(build.id, True)]
    for _ in range(2):
        assert [run.status for run in store.runs()] == ["finished"]
        assert store.comparisons() == [comparison_of(1)]
        assert store.selfchecks("host") == [CHECKED]
        assert store.selfchecks("virtual-1") == []
        assert store.reindex() == {"builds": 1, "runs": 1, "trials": 40, "comparisons": 1, "selfchecks": 1}
    assert not (store.root / "index.sqlite").exists()
    store.close()
