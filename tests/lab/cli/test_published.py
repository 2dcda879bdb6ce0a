"""The command `lab published`: the literature is there before anything was measured."""

from __future__ import annotations

import json
from pathlib import Path

from tests.lab_process import Lab


def test_an_empty_data_root_has_the_published_column_and_the_commands(lab: Lab, tmp_path: Path) -> None:
    """On stdout for a person and for programs; and no folder of results is made by looking."""
    said, document = lab("published"), lab("published", "--json")

    assert (said.returncode, document.returncode) == (0, 0), said.stderr + document.stderr
    assert "0 have a row of ours" in said.stdout and "24.4 tokens/s" in said.stdout
    (found,) = json.loads(document.stdout)["results"]
    assert (found["result"], {len(each["ours"]) for each in found["claims"]}) == ("published", {0})
    assert not (tmp_path / "data").exists()


def test_every_table_is_written_to_files(lab: Lab, tmp_path: Path) -> None:
    """As Markdown and as a page at once; a document for programs writes no file, and says so."""
    page, text = tmp_path / "published.html", tmp_path / "published.md"

    done = lab("published", "--html", page, "--markdown", text)
    refused = lab("published", "--json", "--html", page)

    assert (done.returncode, done.stdout.count("Wrote ")) == (0, 2), done.stderr
    assert "HallusionBench" in page.read_text() and "| Qwen2-VL | 8B |" in text.read_text()
    assert (refused.returncode, "leave --html out" in refused.stderr) == (2, True)
