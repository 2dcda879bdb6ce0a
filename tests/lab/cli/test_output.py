"""Commands that the lab prints to be pasted keep a person's paths and names whole."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lab.cli.hints import data_option
from lab.cli.output import write
from lab.cli.selfcheck import _resume as resume_selfcheck
from lab.cli.work import build_option
from lab.errors import RunError
from lab.report.wording import MARK
from tests.fake_lab import FakeLab, batch_scenario
from tests.saved_checks import CHECKED

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
