"""The files of a night's report."""

from __future__ import annotations

import json
from email import message_from_bytes
from html import unescape
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest

from lab.errors import StoreError
from lab.report.night.files import write_reports
from lab.report.night.view import view_of
from tests.lab.report.night.night_reports import hostile, realistic
from tests.night_records import INCIDENT


def test_every_format_is_written_and_says_the_same(tmp_path: Path) -> None:
    """Five files and one for each incident; each can be parsed and has the verdict."""
    night, values = realistic()
    paths = {each.name: each for each in write_reports(tmp_path / "reports", night, values)}
    verdict = view_of(night, values).verdict

    assert [*paths][:5] == ["report.json", "report.md", "report.html", "report.eml", "junit.xml"]
    assert [*paths][5:] == [f"incident-{INCIDENT}.txt", "incident-019a2222-0000-7000-8000-0000000000bb.txt"]
    assert json.loads(paths["report.json"].read_bytes())["results"][0]["verdict"] == verdict
    assert verdict in paths["report.md"].read_text(encoding="utf-8")
    assert verdict in unescape(paths["report.html"].read_text(encoding="utf-8"))
    assert message_from_bytes(paths["report.eml"].read_bytes()).is_multipart()
    assert verdict in Xml.parse(paths["junit.xml"]).findtext("testsuite/system-out", "")


def test_a_hostile_night_is_written_too(tmp_path: Path) -> None:
    """No name keeps a file from being written as UTF-8."""
    assert len(write_reports(tmp_path, *hostile())) == 6


def test_a_folder_that_cannot_be_written_is_an_error_of_the_store(tmp_path: Path) -> None:
    """A file lies where the folder belongs."""
    (tmp_path / "reports").write_text("")

    with pytest.raises(StoreError, match="could not write the report of a night"):
        write_reports(tmp_path / "reports", *realistic())
