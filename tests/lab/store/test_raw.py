"""Files of older labs are read; damaged ones and those of newer labs are refused by name."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from lab.errors import StoreError
from lab.records import Interval
from lab.store.raw import ComparisonFile, RunFile, SelfCheckFile, TrialFile, encode, read
from tests.saved_checks import CHECKED
from tests.saved_runs import comparison_of, run_of, trial_of


def test_a_record_stands_under_the_name_of_its_kind() -> None:
    """Indented, after the version of the format: these files are also read by people and by other programs."""
    assert encode(RunFile(record=run_of("a0"))).startswith(b'{\n  "format": 1,\n  "run": {\n    "id": "a0",')
    assert list(json.loads(encode(SelfCheckFile(record=CHECKED)))) == ["format", "selfcheck"]


def test_infinity_and_nan_come_back(tmp_path: Path) -> None:
    """JSON has no numbers for them."""
    path = tmp_path / "trial.json"
    path.write_bytes(encode(TrialFile(trial=replace(trial_of(1), notes={"a": float("inf"), "b": float("nan")}))))
    notes = read(TrialFile, path).trial.notes

    assert notes["a"] == float("inf")
    assert notes["b"] != notes["b"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "damaged, not JSON"),
        ('{"format": 1, "trial": {"num', "damaged, not JSON"),
        ('{"format": 1, "trial": {"number": 1}}', "damaged: trial.block: Field required"),
        ("[" * 100_000, "damaged, not JSON: nested deeper than 64 levels"),
        (f'{{"format": {"9" * 5_000}}}', "damaged, not JSON: a whole number has more than 40 digits"),
        ('{"format": 1, "format": 1}', "damaged, not JSON: the key 'format' stands twice in one object"),
        ('{"format": 1, "trail": {}}', "damaged: trial: Field required"),
        ('{"format": 2, "attempt": {}}', "written in format 2, this lab knows 1; update pocketlab"),
    ],
)
def test_a_damaged_file_and_one_of_a_newer_lab_are_refused(tmp_path: Path, content: str, words: str) -> None:
    """The message names the file and what is wrong."""
    path = tmp_path / "trial.json"
    path.write_text(content)

    with pytest.raises(StoreError, match=re.escape(f"{path}: {words}")):
        read(TrialFile, path)


@pytest.mark.parametrize("name", ["number", "block"])
def test_a_trial_that_no_database_could_number_is_damaged(tmp_path: Path, name: str) -> None:
    """Edited by hand: it must not end the index."""
    path = tmp_path / "trial.json"
    path.write_text(encode(TrialFile(trial=trial_of(1))).decode().replace(f'"{name}": ', f'"{name}": 1{"0" * 30}'))

    with pytest.raises(StoreError, match=rf"'{name}': wanted a whole number from 0 to 2\^31, found 1000"):
        read(TrialFile, path)


def test_a_self_check_of_an_older_lab_is_read_without_the_figure_that_had_another_meaning(tmp_path: Path) -> None:
    """Everything else that it measured is there."""
    text = encode(SelfCheckFile(record=replace(CHECKED, smallest_found=1.1))).decode()
    assert '"smallest_found": 1.1' in text
    path = tmp_path / "selfcheck.json"
    path.write_text(text.replace('"smallest_found"', '"smallest_visible"'))

    live = tuple(replace(each, found=replace(each.found, smallest_found=None)) for each in CHECKED.live)
    assert read(SelfCheckFile, path).record == replace(CHECKED, live=live)


def test_a_comparison_of_an_older_lab_is_read(tmp_path: Path) -> None:
    """Without the changes that it called visible, and without what it did not know: orders and missing trials."""
    found = comparison_of(1)
    document = json.loads(encode(ComparisonFile(record=found)))
    for cell in document["comparison"]["cells"]:
        del cell["missing"], cell["serial_p"]
        cell["smallest_visible"] = cell.pop("smallest_found")
    path = tmp_path / "comparison.json"
    path.write_text(json.dumps(document))

    cells = tuple(replace(cell, smallest_found=None) for cell in found.cells)
    assert read(ComparisonFile, path).record == replace(found, cells=cells)


@pytest.mark.parametrize(
    ("figure", "words"),
    [
        ({"p": 1e39}, "wanted each p of cell 'a' between 0 and 1, found 1e+39"),
        ({"serial_p": float("nan")}, "wanted each p of cell 'a' between 0 and 1, found nan"),
        (
            {"change": Interval(float("inf"), 1.0, 2.0, 0.95, 8)},
            "wanted positive numbers in the change of cell 'a'",
        ),
        (
            {"change": Interval(1.0, -1.0, 2.0, 0.95, 8)},
            "wanted positive numbers in the change of cell 'a', found -1",
        ),
    ],
)
def test_figures_that_no_lab_computes_are_damage(figure: dict[str, Any], words: str) -> None:
    """Of a comparison and of a self-check, edited by hand: a verdict is drawn from them."""
    whole = comparison_of(1)
    wrong = replace(whole.cells[0], **figure)
    live = replace(CHECKED.live[0], found=wrong)

    with pytest.raises(ValidationError, match=re.escape(words)):
        ComparisonFile(record=replace(whole, cells=(wrong,)))
    with pytest.raises(ValidationError, match=re.escape(words)):
        SelfCheckFile(record=replace(CHECKED, live=(live,)))
