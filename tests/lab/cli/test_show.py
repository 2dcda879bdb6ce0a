"""The command `lab show`: the same words whether an answer was kept or is computed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lab.store import Store
from tests.lab_process import Lab
from tests.saved_answers import saved_run
from tests.saved_checks import CUT

FIRST, SECOND = "018f0000-0000-7000-8000-000000000001", "018f0000-0001-7000-8000-000000000002"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """The store that the command opens too, with two runs of the null scenario."""
    opened = Store(tmp_path / "data")
    saved_run(opened, FIRST)
    saved_run(opened, SECOND, minute=1)
    yield opened
    opened.close()


def test_an_answer_is_printed_the_same_a_second_time(lab: Lab, store: Store) -> None:
    """The first time it is computed and kept, the second time it is read."""
    computed = lab("show", "last")
    assert (store.root / "runs" / SECOND / "answer.json").is_file()

    assert computed.returncode == 0, computed.stderr
    assert "What does the lab cost?" in computed.stdout
    assert lab("show", "last").stdout == computed.stdout


def test_several_runs_stand_beside_each_other(lab: Lab, store: Store) -> None:
    """Each answer, then one table of their figures."""
    done = lab("show", FIRST, SECOND)

    assert done.stdout.count("What does the lab cost?") == 2
    beside = done.stdout.partition("run beside run")[2]
    assert beside.count("tiny bbbbbbbb") == 2


def test_a_page_markdown_and_percentiles_come_from_the_trials(lab: Lab, store: Store, tmp_path: Path) -> None:
    """A kept answer does not hold them."""
    lab("show", "last")
    page, text = tmp_path / "report.html", tmp_path / "report.md"

    assert lab("show", "last", "--html", page, "--markdown", text).stdout.count("Wrote ") == 2
    assert "<svg" in page.read_text()
    assert "What does the lab cost?" in text.read_text()
    assert "p50" in lab("show", "last", "--percentiles").stdout


def test_a_comparison_is_written_as_a_page_and_as_markdown(lab: Lab, store: Store, tmp_path: Path) -> None:
    """Both at once; a document for programs writes no file, and says so instead of leaving one out."""
    store.save_comparison(replace(CUT, id="018f0000-0002-7", baseline_run=FIRST, candidate_run=SECOND))
    page, text = tmp_path / "verdict.html", tmp_path / "verdict.md"

    done = lab("show", "last", "--html", page, "--markdown", text)
    refused = lab("compare", "--resume", "018f0000-0002", "--json", "--markdown", tmp_path / "other.md")

    assert (done.returncode, done.stdout.count("Wrote ")) == (0, 2), done.stderr
    assert "<html" in page.read_text() and "### " in text.read_text()
    assert (refused.returncode, "leave --markdown out" in refused.stderr) == (2, True)
