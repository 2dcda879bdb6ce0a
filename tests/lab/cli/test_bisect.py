"""The command `lab bisect` on this machine, with real processes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from lab.store import Store
from tests.lab.cli.test_compare import accepted  # noqa: F401 - a fixture
from tests.lab_process import Lab


@pytest.fixture
def line(tmp_path: Path, tiny_build: Path) -> Store:
    """Add the tiny build to a line three times, each with another note."""
    store = Store(tmp_path / "data")
    for number in range(3):
        folder = tmp_path / f"r{number}"
        shutil.copytree(tiny_build, folder)
        manifest = (folder / "manifest.json").read_text()
        if number:
            (folder / "manifest.json").write_text(manifest.replace('"notes":[', f'"notes":["note {number}",', 1))
        store.add_build(folder, "tiny")
    return store


@pytest.mark.slow
def test_ends_without_a_verdict_are_refused_and_not_measured_again(
    lab: Lab,
    line: Store,
    accepted: Path,  # noqa: F811
) -> None:
    """A budget for few pairs shows nothing. The same command again takes the comparison from the store."""
    command = ("bisect", "tiny", "--scenario", accepted, "--budget", "6")
    first = lab(*command)
    again = lab(*command)

    for done in (first, again):
        assert (done.returncode, done.stdout) == (2, ""), done.stderr
        words = " ".join(done.stderr.split())
        assert "cannot tell" in words, done.stderr
        assert "tiny: from tiny r1" in words
    assert "measuring comparison" in first.stderr
    assert "known from comparison" in again.stderr
    assert len(line.comparisons()) == 1


@pytest.mark.slow
def test_what_cannot_be_bisected_is_refused_before_anything_is_measured(lab: Lab, line: Store) -> None:
    """An unknown stage, a good build after the bad one, and an unknown line."""
    for options, words in (
        (("tiny", "--stage", "vit"), "--stage: wanted one of decode_s, decode_tokens_per_s, found 'vit'"),
        (
            ("tiny", "--good", "3", "--bad", "1"),
            "wanted a good build before the bad one, found good r3 and bad r1",
        ),
        (("nano",), "no line 'nano': known: tiny"),
    ):
        done = lab("bisect", *options, "--scenario", "decode")
        assert (done.returncode, words in " ".join(done.stderr.split())) == (2, True), done.stderr
