"""A study is asked from its file, and answered by a process of models/."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.errors import PrepareError, ScenarioError
from lab.scenario.load import load
from lab.scenario.study import PATH, answered, load_study


def test_a_study_is_no_scenario() -> None:
    """Nothing can be measured: the message names the command that answers it."""
    with pytest.raises(ScenarioError, match="a study of image sizes, which measures nothing: `lab study`"):
        load(PATH)


def test_an_unknown_key_is_refused(tmp_path: Path) -> None:
    """As in every file of a question."""
    path = tmp_path / "x.toml"
    path.write_text(PATH.read_text().replace("seed = 0", "sed = 0"))

    with pytest.raises(ScenarioError, match=r"unknown key 'sed'; did you mean 'seed'\?"):
        load_study(path)


def test_a_table_of_the_users_is_answered_with_the_papers_examples(tmp_path: Path) -> None:
    """640x480 is 2:2 by the relaxed rule and LLaVA-NeXT on 3x3, and 3:2 by InternVL (worked by hand)."""
    (tmp_path / "-x.csv").write_text("width,height\n640,480\n640\n")

    found = answered(load_study(), tmp_path / "-x.csv", [], "3x3")

    (table,) = found.tables
    assert (table.name, table.images, table.bad) == ("-x.csv", 1, 1)
    assert table.rows[0].tokens == {"relaxed": 5 * 196, "llava_next": 5 * 196, "internvl": 7 * 196}
    assert table.rows[0].pair("relaxed", "internvl").fewer == 1
    assert [each.name for each in found.pictures] == ["394x390", "380x76", "768x1536"]


@pytest.mark.parametrize(("picture", "words"), [("gone.png", "no such file"), ("a\0b", "cannot be passed")])
def test_what_cannot_be_placed_is_refused(picture: str, words: str) -> None:
    """With the message of the program that reads it."""
    with pytest.raises(PrepareError, match=words):
        answered(load_study(), None, [picture], "3x3")
