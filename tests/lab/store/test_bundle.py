"""Bundles of what lies behind a result: complete, equal for equal files, and refused when a byte has changed."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from lab.errors import DiskFull, StoreError
from lab.report import wording
from lab.store import Store
from lab.store.bundle import COMMENT_BYTES, LABEL, MANIFEST, verify_bundle, write_bundle
from tests.night_records import COMPARISON, INCIDENT, incident
from tests.saved_runs import comparison_of, run_of, trial_of

FIRST, SECOND = "018f0000-0000-7000-8000-0000000000a1", "018f0000-0000-7000-8000-0000000000a2"
RUN_FILES = [
    f"runs/{FIRST}/{name}"
    for name in ("run.json", "seal.json", "trials/0001/events.jsonl", "trials/0001/trial.json")
]


@pytest.fixture
def root(store: Store) -> Path:
    """Return a data root with a comparison of two runs, and an incident that it confirmed."""
    for run_id in (FIRST, SECOND):
        store.create_run(run_of(run_id))
        (store.trial_folder(run_id, 1) / "events.jsonl").write_text('{"event":"hello"}\n')
        store.save_trial(run_id, trial_of(1))
        store.finish_run(run_id, "finished")
    (store.trials_folder(FIRST) / "0001/.events.jsonl.part").write_text("cut")
    store.save_comparison(replace(comparison_of(1), id=COMPARISON, baseline_run=FIRST, candidate_run=SECOND))
    store.save_incident(incident())
    return store.root


def names(path: Path) -> list[str]:
    """Return the names in a zip file."""
    with zipfile.ZipFile(path) as archive:
        return archive.namelist()


def test_a_bundle_of_a_run_holds_each_of_its_files_as_it_is(root: Path, tmp_path: Path) -> None:
    """Raw lines, trials, seal and context, under their names in the data root; no half-written file."""
    target = tmp_path / "run.zip"

    found = write_bundle(root, "run", FIRST, target, "1.2")

    assert names(target) == [MANIFEST, *RUN_FILES]
    with zipfile.ZipFile(target) as archive:
        assert all(archive.read(name) == (root / name).read_bytes() for name in RUN_FILES)
        about = json.loads(archive.read(MANIFEST))
    assert (about["format"], about["kind"], about["id"], about["lab"]) == (1, "run", FIRST, "1.2")
    assert about["files"][RUN_FILES[0]] == {
        "bytes": (root / RUN_FILES[0]).stat().st_size,
        "sha256": hashlib.sha256((root / RUN_FILES[0]).read_bytes()).hexdigest(),
    }
    assert found == verify_bundle(target)
    assert found.sha256 == hashlib.sha256(target.read_bytes()).hexdigest()
    assert wording.MARK.encode() in target.read_bytes()[:200], "a lab knows its own file"


def test_what_a_record_is_made_of_is_in_its_bundle(root: Path, tmp_path: Path) -> None:
    """A comparison brings its runs; an incident its comparisons and their runs."""
    both = [*RUN_FILES, *(name.replace(FIRST, SECOND) for name in RUN_FILES)]
    comparison, target = f"comparisons/{COMPARISON}.json", tmp_path / "bundle.zip"

    write_bundle(root, "comparison", COMPARISON, target, "1")
    assert names(target) == [MANIFEST, comparison, *both]
    write_bundle(root, "incident", INCIDENT, target, "1")
    assert names(target) == [MANIFEST, comparison, f"incidents/{INCIDENT}.json", *both]
    with pytest.raises(StoreError, match="wanted a run, a comparison, an incident or a self-check, found night x"):
        write_bundle(root, "night", "x", target, "1")


def test_equal_files_make_equal_bundles(root: Path, tmp_path: Path) -> None:
    """Nothing of the time or of the machine is in them."""
    first, second = tmp_path / "a.zip", tmp_path / "b.zip"
    write_bundle(root, "run", FIRST, first, "1")
    os.utime(root / RUN_FILES[0], (0, 0))
    write_bundle(root, "run", FIRST, second, "1")

    assert first.read_bytes() == second.read_bytes()


def test_a_change_of_any_byte_is_refused(root: Path, tmp_path: Path) -> None:
    """Headers, names, content, manifest, the archive's directory and its comment; also a cut and an addition."""
    path = tmp_path / "run.zip"
    write_bundle(root, "run", FIRST, path, "1")
    whole = path.read_bytes()
    accepted = []
    with path.open("r+b", buffering=0) as file:
        for at, byte in enumerate(whole):
            os.pwrite(file.fileno(), bytes([byte ^ 1]), at)
            try:
                verify_bundle(path)
                accepted.append(at)
            except StoreError:
                os.pwrite(file.fileno(), bytes([byte]), at)
    assert accepted == []
    verify_bundle(path)

    for other in (whole + b"\n", whole[:-1], whole[1:], b"x" + whole, b"", whole + whole):
        path.write_bytes(other)
        with pytest.raises(StoreError, match=r"run\.zip: refused: .*; get another copy of it"):
            verify_bundle(path)
    path.write_bytes(whole)
    verify_bundle(path)


def crafted(path: Path, *entries: tuple[zipfile.ZipInfo | str, bytes], files: object = None) -> Path:
    """Write an archive with a right sum, of another making; `files` is the manifest's list."""
    listed = {
        name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for entry, content in entries
        for name in [entry if isinstance(entry, str) else entry.filename]
    }
    about = {"format": 1, "kind": "run", "id": "x", "lab": "1", "files": listed if files is None else files}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.comment = bytes(COMMENT_BYTES)
        for entry, content in ((regular(MANIFEST), json.dumps(about).encode()), *entries):
            archive.writestr(regular(entry) if isinstance(entry, str) else entry, content)
    content = path.read_bytes()[:-COMMENT_BYTES]
    path.write_bytes(content + LABEL + hashlib.sha256(content).hexdigest().encode())
    return path


def regular(name: str, mode: int = stat.S_IFREG | 0o644) -> zipfile.ZipInfo:
    """Return the header of a file."""
    entry = zipfile.ZipInfo(name)
    entry.external_attr, entry.compress_type = mode << 16, zipfile.ZIP_DEFLATED
    return entry


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../x", "runs/../../x", "runs\\x", "C:x", "./run.json", "runs//x", "runs/x/"]
)
def test_a_name_that_leads_out_of_a_folder_is_refused(tmp_path: Path, name: str) -> None:
    """The sums are right, and nobody should unpack it all the same."""
    with pytest.raises(StoreError, match=r"is not that of a file inside a data root|no bundle that a lab wrote"):
        verify_bundle(crafted(tmp_path / "x.zip", (regular(name), b"x")))


def test_links_unlisted_files_and_wrong_sums_are_refused(tmp_path: Path) -> None:
    """Each bears a right sum of the whole: whoever made it made that, too."""
    path = tmp_path / "x.zip"
    verify_bundle(crafted(path, ("runs/a", b"x")))

    with pytest.raises(StoreError, match="is a link or a folder"):
        verify_bundle(crafted(path, (regular("runs/a", stat.S_IFLNK | 0o777), b"/etc/passwd")))
    with pytest.raises(StoreError, match="does not name the files that it holds"):
        verify_bundle(crafted(path, ("runs/a", b"x"), files={}))
    wrong = {"runs/a": {"bytes": 1, "sha256": hashlib.sha256(b"y").hexdigest()}}
    with pytest.raises(StoreError, match=r"runs/a is not as its manifest\.json says"):
        verify_bundle(crafted(path, ("runs/a", b"x"), files=wrong))
    with pytest.raises(StoreError, match="no name twice"), pytest.warns(UserWarning, match="Duplicate name"):
        verify_bundle(crafted(path, ("runs/a", b"x"), ("runs/a", b"x")))


def test_a_bomb_is_refused_before_it_is_read(tmp_path: Path) -> None:
    """A megabyte of zeros has a kilobyte; more than may be unpacked is refused by what the directory says."""
    path = crafted(tmp_path / "x.zip", ("runs/a", bytes(1 << 20)))
    assert path.stat().st_size < 3000

    with pytest.raises(StoreError, match="wanted at most 1,048,576"):
        verify_bundle(path, most=1 << 20)


def test_a_file_that_is_no_bundle_is_named(tmp_path: Path) -> None:
    """A missing file, a folder, and an empty archive with a right sum."""
    (tmp_path / "folder").mkdir()
    for name, words in (("none.zip", "No such file"), ("folder", "wanted a regular file")):
        with pytest.raises(StoreError, match=words):
            verify_bundle(tmp_path / name)
    content = b"PK\5\6"
    (tmp_path / "x.zip").write_bytes(content + LABEL + hashlib.sha256(content).hexdigest().encode())
    with pytest.raises(StoreError, match="no bundle that a lab wrote"):
        verify_bundle(tmp_path / "x.zip")


def test_a_full_disk_leaves_what_was_there(root: Path, small_disk: Path) -> None:
    """The error says so; nothing half-written stays."""
    (root / RUN_FILES[3]).write_bytes(os.urandom(8 << 20))
    target = small_disk / "run.zip"
    target.write_bytes(b"before")

    with pytest.raises(DiskFull, match="bundle run"):
        write_bundle(root, "run", FIRST, target, "1")

    assert [(path.name, path.read_bytes()) for path in small_disk.iterdir()] == [("run.zip", b"before")]
