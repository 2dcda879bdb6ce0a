"""Results for programs: what is printed fits the published schema, and is raw."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import jsonschema
import pytest

from lab.cli.judged import VERDICT_COLUMNS, comparison_document, comparison_rows
from lab.cli.show import show
from lab.records import CellVerdict, Interval
from lab.report.answer.document import answer_document, answer_rows
from lab.report.answer.saved import answer_of, known_literature
from lab.report.checked import SELFCHECK_COLUMNS, selfcheck_document, selfcheck_rows
from lab.report.document import as_csv, as_json
from lab.report.explain.document import explanation_columns, explanation_document, explanation_rows
from lab.report.explain.saved import explained
from lab.report.listed import LISTED_COLUMNS, listed, listed_rows
from lab.report.published.document import published_document
from lab.report.published.view import view_of
from lab.report.schema import SCHEMA, schema
from lab.store import Store, glance
from tests.saved_answers import SECONDS, saved_run
from tests.saved_checks import CHECKED, CUT, EMPTY

OTHER = "018f0000-0001-7000-8000-000000000002"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store with two runs, a comparison of them and one that was refused, and a self-check."""
    opened = Store(tmp_path)
    first, second = saved_run(opened), saved_run(opened, OTHER, minute=1)
    verdict = CellVerdict("null", "same", Interval(1.0, 0.99, 1.01, 0.95, 8), 0.01, 1.0, 8, "same after 8 pairs")
    compared = replace(CUT, id="018f0000-0002", baseline_run=first.id, candidate_run=second.id, metric="null_s")
    opened.save_comparison(replace(compared, scenario="null", status="finished", cells=(verdict,)))
    refused = replace(CUT, id="018f0000-0003", baseline_run="", candidate_run="", status="finished")
    opened.save_comparison(replace(refused, differs={"profile": ("observe", "fixed")}))
    opened.save_selfcheck(CHECKED)
    yield opened
    opened.close()


def documents(store: Store) -> list[object]:
    """Return a result of every kind."""
    run = store.run(OTHER)
    return [
        *map(listed, glance.newest(store.root)),
        answer_document(answer_of(store, run)[0], None),
        comparison_document(store, store.comparison("018f0000-0002")),
        comparison_document(store, store.comparison("018f0000-0003")),
        selfcheck_document(CHECKED),
        explanation_document(explained(store, run)),
        published_document(view_of(known_literature(), store, lambda what, error: None)),
    ]


def test_what_is_printed_fits_the_published_schema(store: Store) -> None:
    """Every kind of result; and one with a field too few does not."""
    found = json.loads(as_json(documents(store)))

    jsonschema.validate(found, json.loads(SCHEMA.read_text(encoding="utf-8")))
    kinds = [each["result"] for each in found["results"]]
    assert kinds == ["listed"] * 5 + [*("answer", "verdict", "verdict", "selfcheck", "explanation", "published")]
    del found["results"][5]["run"]["inject"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(found, json.loads(schema()))


def test_the_published_schema_is_the_codes() -> None:
    """The test fails when a result changed without `python -m lab.report.schema --write`."""
    assert SCHEMA.read_text(encoding="utf-8") == schema()


def test_figures_are_raw_under_names_with_their_unit(store: Store) -> None:
    """The median of eight trials, to the last bit, and each sample."""
    answer, verdict, refused, _, why, _ = json.loads(as_json(documents(store)[5:]))["results"]

    assert answer["cells"][0]["figures"]["null_s"]["estimate"] == pytest.approx(1.0, rel=0.05)
    assert [each["trial"]["samples"]["null_s"] for each in why["trials"]] == [[each] * 5 for each in SECONDS]
    assert verdict["cells"][0]["baseline"] == {str(block): each for block, each in enumerate(SECONDS)}
    assert (verdict["cells"][0]["verdict"]["verdict"], verdict["baseline"]["id"][-1]) == ("same", "1")
    assert (refused["baseline"], "profile: observe" in refused["refusal"]) == (None, True)


def test_rows_are_as_raw(store: Store) -> None:
    """A row a cell and metric, a cell, a live comparison, a trial."""
    run = store.run(OTHER)
    (cell,) = answer_rows(answer_of(store, run)[0])
    (judged,) = comparison_rows(store, store.comparison("018f0000-0002"))
    trials = explanation_rows(explained(store, run))

    assert (cell["metric"], cell["cell"], cell["valid"]) == ("null_s", "null", 8)
    assert (judged["verdict"], judged["change"], judged["low"]) == ("same", 1.0, 0.99)
    assert comparison_rows(store, store.comparison("018f0000-0003")) == []
    assert [row["null_s"] for row in trials] == list(SECONDS)
    assert [row["verdict"] for row in selfcheck_rows(CHECKED)] == ["same"]


@dataclass(frozen=True)
class Odd:
    """Values that JSON and terminals cannot take."""

    values: tuple[float, ...] = (math.inf, math.nan, 0.1)
    name: str = "a\x1b[2J\u202e"


def test_a_number_that_json_lacks_is_null_and_no_text_controls_a_terminal() -> None:
    """Whatever a device or a file called itself."""
    text = as_json([Odd()])

    assert json.loads(text)["results"] == [{"values": [None, None, 0.1], "name": "a\x1b[2J\u202e"}]
    assert "\x1b" not in text and text.isascii()
    assert as_csv([{"a": 1, "b": True}, {"c": "x\x1b,y"}], ["a"]) == 'a,b,c\n1,true,\n,,"x\ufffd,y"\n'
    assert as_csv([], ["a", "b"]) == "a,b\n"


def test_a_table_without_a_row_has_the_columns_of_one_with_rows(store: Store) -> None:
    """An empty list, a refused comparison, a self-check and a run that have measured nothing yet."""
    run, compared = store.run(OTHER), store.comparison("018f0000-0002")
    why = explained(store, run)

    assert tuple(listed_rows([*glance.newest(store.root, ("run",))])[0]) == LISTED_COLUMNS
    assert tuple(comparison_rows(store, compared)[0]) == VERDICT_COLUMNS
    assert tuple(selfcheck_rows(CHECKED)[0]) == SELFCHECK_COLUMNS
    assert tuple(explanation_rows(why)[0]) == explanation_columns(why)


@pytest.mark.parametrize("record", ["018f0000-0003", EMPTY.id])
def test_a_record_that_has_measured_nothing_has_a_header(
    store: Store, record: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """For a program, no row is not no table."""
    store.save_selfcheck(EMPTY)
    show([record], as_csv=True, data=store.root)

    assert capsys.readouterr().out.count("\n") == 1
