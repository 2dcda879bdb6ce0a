"""The folder of a site."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.errors import DiskFull, StoreError
from lab.report.site.folder import MANIFEST, replace_site

ABOUT = {"version": "0.1.0"}
OLD = [("index.html", "old"), ("runs/a.html", "a")]


def content(folder: Path) -> dict[str, str]:
    """Return the files of a site but its manifest."""
    files = {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}
    return {name: text for name, text in files.items() if name != MANIFEST}


def test_a_site_replaces_the_one_before(tmp_path: Path) -> None:
    """Nothing of the old one is left, and nothing beside the folder."""
    folder = tmp_path / "deep" / "site"
    assert replace_site(folder, OLD, ABOUT)[0] == 3
    replace_site(folder, [("index.html", "new")], ABOUT)

    assert content(folder) == {"index.html": "new"}
    assert list(folder.parent.iterdir()) == [folder]


def test_an_empty_folder_is_used(tmp_path: Path) -> None:
    """A person may make it first."""
    (tmp_path / "site").mkdir()
    replace_site(tmp_path / "site", OLD, ABOUT)

    assert content(tmp_path / "site") == dict(OLD)


@pytest.mark.parametrize("name", ["notes.txt", ".git/config", "runs/mine.html", "empty/"])
def test_a_file_that_no_lab_wrote_is_never_replaced(tmp_path: Path, name: str) -> None:
    """Neither in a foreign folder nor in a site to which somebody added something."""
    folder = tmp_path / "site"
    replace_site(folder, OLD, ABOUT)
    place = folder / name
    place.parent.mkdir(exist_ok=True)
    place.mkdir() if name.endswith("/") else place.write_text("mine")

    with pytest.raises(StoreError, match=f"found {name.rstrip('/')} in it; nothing was written"):
        replace_site(folder, [("index.html", "new")], ABOUT)
    assert place.exists() and (folder / "index.html").read_text() == "old"


def test_a_folder_without_a_manifest_is_somebody_elses(tmp_path: Path) -> None:
    """However much it looks like a site."""
    folder = tmp_path / "site"
    replace_site(folder, OLD, ABOUT)
    (folder / MANIFEST).write_text("{}")

    with pytest.raises(StoreError, match="wanted a new folder, an empty one, or a site that a lab wrote"):
        replace_site(folder, OLD, ABOUT)


def test_a_file_in_the_place_of_the_folder_stays(tmp_path: Path) -> None:
    """It is named."""
    (tmp_path / "site").write_text("mine")

    with pytest.raises(StoreError, match="found a file"):
        replace_site(tmp_path / "site", OLD, ABOUT)
    assert (tmp_path / "site").read_text() == "mine"


def test_an_interrupt_leaves_the_old_site_whole(tmp_path: Path) -> None:
    """Ctrl-C comes while pages are made."""

    def cut() -> Iterator[tuple[str, str]]:
        yield "index.html", "new"
        raise KeyboardInterrupt

    replace_site(tmp_path / "site", OLD, ABOUT)
    with pytest.raises(KeyboardInterrupt):
        replace_site(tmp_path / "site", cut(), ABOUT)

    assert content(tmp_path / "site") == dict(OLD)
    assert list(tmp_path.iterdir()) == [tmp_path / "site"]


def test_a_full_disk_leaves_the_old_site_whole(small_disk: Path) -> None:
    """It is said, and what was written aside is gone."""
    replace_site(small_disk / "site", OLD, ABOUT)
    with pytest.raises(DiskFull):
        replace_site(small_disk / "site", ((f"{n}.html", "x" * 2**20) for n in range(9)), ABOUT)

    assert content(small_disk / "site") == dict(OLD)
    assert list(small_disk.iterdir()) == [small_disk / "site"]


def test_what_a_killed_publication_left_is_cleaned_up(tmp_path: Path) -> None:
    """It is killed while it writes aside, or between the two moves that put the new site into place."""
    folder = tmp_path / "site"
    replace_site(folder, OLD, ABOUT)
    folder.rename(tmp_path / ".site.old")
    replace_site(tmp_path / ".site.part", OLD, ABOUT)
    replace_site(folder, [("index.html", "new")], ABOUT)

    assert content(folder) == {"index.html": "new"}
    assert list(tmp_path.iterdir()) == [folder]
