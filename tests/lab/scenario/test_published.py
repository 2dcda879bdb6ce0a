"""The literature: figures with their sources, statements, systems and tables, each refused where it is broken."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.errors import ScenarioError
from lab.records import Published, Reference, Statement
from lab.scenario.published import literature
from tests.lab.scenario.scenario_files import write

FIGURE = '[[figure]]\nscenario = "x"\nmetric = "encode_s"\nvalue = 1.9\nkind = "published"\n'
SYSTEM = """
[[system]]
name = "a rival"
source = "a paper"
device = "a phone"
runtime = "its CPU"
model = "8 billion parameters"
precision = "4 bits"
conditions = "not published"
"""
TABLE = '[[reference]]\ntitle = "t"\nsource = "a paper"\nwhy = "other data"\ncolumns = ["model", "score"]\n'


def test_published_figures_keep_source_and_kind(tmp_path: Path) -> None:
    """A figure without a source, or of a kind we do not know, is refused."""
    path = write(tmp_path, FIGURE + 'source = "a paper"\nparameters = {patches_per_batch = 4}\n')

    assert literature(path).figures == (
        Published("x", "encode_s", {"patches_per_batch": 4}, 1.9, "published", "a paper", ""),
    )
    with pytest.raises(ScenarioError, match=r"'figure\.0\.source' is missing"):
        literature(write(tmp_path, FIGURE))
    with pytest.raises(ScenarioError, match=r"'figure\.0\.kind': wanted 'published', 'derived' or 'third_party'"):
        literature(write(tmp_path, FIGURE.replace('"published"', '"heard"') + 'source = "a paper"\n'))


def test_a_statement_is_about_a_system_of_the_file(tmp_path: Path) -> None:
    """A name with a slip of the pen would hide it from every table."""
    said = '[[statement]]\nwords = "It is fast."\nkind = "published"\nsource = "a paper"\nsystem = "a rival"\n'

    found = literature(write(tmp_path, SYSTEM + said))
    assert found.statements == (Statement("It is fast.", "published", "a paper", "a rival"),)
    assert (found.systems[0].prompt_tokens, found.systems[0].cache) == (None, "")
    with pytest.raises(ScenarioError, match=r"wanted a system of this file \(a rival\), found 'a rivel': add its"):
        literature(write(tmp_path, SYSTEM + said.replace('"a rival"', '"a rivel"')))


def test_a_table_has_a_text_for_each_column(tmp_path: Path) -> None:
    """As printed: nothing is computed with it."""
    found = literature(write(tmp_path, TABLE + 'rows = [["one", "67"], ["two", "66.1"]]\n'))

    assert found.references == (
        Reference("t", "a paper", "other data", ("model", "score"), (("one", "67"), ("two", "66.1"))),
    )
    with pytest.raises(ScenarioError, match=r"t: wanted rows of 2 texts, one a column, found \['one'\]"):
        literature(write(tmp_path, TABLE + 'rows = [["one"]]\n'))
