"""Commands that the lab prints to be pasted keep a person's paths and names whole."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import typer

from lab.cli.compare import _measured
from lab.cli.hints import data_option
from lab.cli.judged import print_comparison
from lab.cli.output import unwritten, where, write
from lab.cli.run import _files
from lab.cli.selfcheck import _resume as resume_selfcheck
from lab.cli.work import build_option
from lab.compare.comparison import open_comparison
from lab.errors import RunError
from lab.report.wording import MARK
from lab.store import Store
from tests.fake_lab import FakeLab, batch_scenario
from tests.lab.compare.compare_lab import Lab as Compared
from tests.saved_answers import saved_run
from tests.saved_checks import CHECKED, CUT

NAMES = ["my data", "it's mine", 'a "b"', "a;b $c"]


@pytest.mark.parametrize("name", NAMES)
def test_a_data_root_is_one_word(name: str, tmp_path: Path) -> None:
    """Behind --data."""
    assert shlex.split(data_option(tmp_path / name)) == ["--data", str(tmp_path / name)]


@pytest.mark.parametrize("name", NAMES)
def test_a_build_in_its_own_folder_is_one_word(name: str, tmp_path: Path) -> None:
    """Behind --build."""
    lab = FakeLab(tmp_path, batch_scenario("[1]", warmup=1, blocks=2))
    bench = replace(lab.bench, build=replace(lab.bench.build, folder=tmp_path / name))

    assert shlex.split(build_option(bench)) == ["--build", str(tmp_path / name)]
    lab.close()


@pytest.mark.parametrize("name", NAMES)
def test_a_self_check_is_resumed_by_a_command_of_whole_words(name: str, tmp_path: Path) -> None:
    """Scenario, device and data root."""
    record = replace(CHECKED, scenario=f"{name}.toml", device=name)
    words = shlex.split(resume_selfcheck(record, tmp_path / name, record.scenario))

    assert words[2:6] == [f"{name}.toml", "--resume", "--device", name]
    assert words[-2:] == ["--data", str(tmp_path / name)]


def test_a_file_that_no_lab_wrote_is_not_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The page of an earlier run is, and so is an empty file."""
    page, thesis = tmp_path / "report.html", tmp_path / "thesis.html"
    thesis.write_text("three years", encoding="ascii")
    page.touch()

    write(page, f"<!doctype html> {MARK}: one")
    write(page, iter([f"<!doctype html> {MARK}", ": two"]))
    with pytest.raises(RunError, match=r"thesis\.html: wanted a new file or one that a lab wrote, found another"):
        write(thesis, "a page")

    assert page.read_text(encoding="ascii").endswith(": two")
    assert thesis.read_text(encoding="ascii") == "three years"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    assert capsys.readouterr().out.count("Wrote") == 2


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    """Half a trace never replaces a whole one."""
    old = tmp_path / "trace.json"
    old.write_text(MARK, encoding="ascii")

    def pieces() -> Iterator[str]:
        yield "half"
        raise RunError("no event")

    with pytest.raises(RunError, match="no event"):
        write(old, pieces())

    assert [path.name for path in tmp_path.iterdir()] == ["trace.json"]
    assert old.read_text(encoding="ascii") == MARK


def test_a_run_of_which_nothing_counts_is_to_be_explained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A trace and a profile are of a run that has something to look into."""
    with closing(Store(tmp_path)) as store:
        good = saved_run(store)
        lost = replace(good, id="018f0000-0001-7", scenario="decode")
    where(tmp_path, [good, lost], tmp_path, None, {good.id})
    both = capsys.readouterr().out
    where(tmp_path, [lost], tmp_path, None, set())
    alone = capsys.readouterr().out

    assert "explain 018f0000-0001 " in both and "why no trial of decode counts" in both
    assert f"trace {good.id[:13]} " in both and f"profile {good.id[:13]} " in both
    assert "explain 018f0000-0001 " in alone and "trace" not in alone and "profile" not in alone


def test_files_that_were_not_written_are_named_with_the_command_that_writes_them() -> None:
    """One that can be pasted; nothing where no file was asked for."""
    assert unwritten("018f", html=None, markdown=None) == ""
    assert unwritten("018f", html=Path("a b.html"), markdown=Path("v.md")) == (
        "\nNot written: a b.html, v.md; `lab show 018f --html 'a b.html' --markdown v.md` writes what was measured"
    )
    assert unwritten("", html=Path("v.html")) == "\nNot written: v.html: nothing was measured"


def test_a_comparison_that_was_refused_says_that_no_file_was_written(tmp_path: Path) -> None:
    """Its sides differ in more than was compared."""
    refused = replace(CUT, baseline_run="", candidate_run="", differs={"profile": ("observe", "fixed")})
    with closing(Store(tmp_path)) as store, pytest.raises(RunError, match=r"\nNot written: v\.html: nothing"):
        print_comparison(store, refused, html=Path("v.html"))


def test_a_comparison_that_is_interrupted_says_that_no_file_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its page can be had later."""

    def interrupted(*_: object, **__: object) -> Iterator[None]:
        raise KeyboardInterrupt
        yield

    lab = Compared(tmp_path)
    sides = lab.sides()
    found, _, _ = open_comparison(
        baseline=sides[0], candidate=sides[1], dimension="build", looks=None, seed=1, budget_s=60.0
    )
    monkeypatch.setattr("lab.cli.compare.measure", interrupted)
    with pytest.raises(typer.Exit):
        _measured(found, sides, Path("v.html"), None)

    last = capsys.readouterr().err.splitlines()[-1]
    assert last == f"Not written: v.html; `lab show {found.id} --html v.html` writes what was measured"
    lab.close()


def test_a_run_that_ends_early_says_that_its_page_was_not_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The error is printed as before."""
    with closing(Store(tmp_path)) as store:
        run = saved_run(store)
    with pytest.raises(RunError, match="lost"), _files(lambda: [run], Path("v.html")):
        raise RunError("lost")

    said = " ".join(capsys.readouterr().err.split())
    assert f"Not written: v.html; `lab show {run.id[:13]} --html v.html` writes what was measured" in said
