"""The command `lab study`."""

from __future__ import annotations

from pathlib import Path

from tests.lab_process import Lab


def test_the_study_answers_first(lab: Lab, tmp_path: Path) -> None:
    """Without device, build or data root: a sentence, the tables, the paper's counts, and the paper's examples."""
    done = lab("study", "--html", tmp_path / "page.html")

    words = " ".join(done.stdout.split())
    assert done.returncode == 0 and not done.stderr
    assert words.startswith("How often does relaxed matching need fewer tiles than the other two rules")
    assert "tokens does it save? Relaxed matching needs fewer tiles than LLaVA-NeXT for 0 to " in words
    assert "29,000 of about 624,000" in words and " 768x768 " in words
    assert "<svg" in (tmp_path / "page.html").read_text() and not (tmp_path / "data").exists()


def test_bad_rows_are_told_and_a_bad_file_is_refused(lab: Lab, tmp_path: Path) -> None:
    """The rest of the table is answered."""
    (tmp_path / "sizes.csv").write_text("width,height\nx,y\n1,20000\n")
    done = lab("study", tmp_path / "sizes.csv")
    assert done.returncode == 0
    assert "! sizes.csv: left out 1 of its rows: line 2: wanted whole numbers, found 'x,y'" in done.stdout

    (tmp_path / "sizes.csv").write_text("")
    done = lab("study", tmp_path / "sizes.csv")
    assert done.returncode == 2 and "found an empty file" in done.stderr and not done.stdout
