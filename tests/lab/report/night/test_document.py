"""A night for programs: it fits the schema and has a row for each series."""

from __future__ import annotations

import json

import jsonschema

from lab.report.document import as_json
from lab.report.night.document import night_document
from lab.report.night.view import view_of
from lab.report.schema import SCHEMA
from tests.lab.report.night.night_reports import hostile, many, realistic


def test_a_night_fits_the_published_schema() -> None:
    """A realistic one and a hostile one."""
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))

    for night, values in (realistic(), hostile()):
        found = json.loads(as_json([night_document(night, values)]))
        jsonschema.validate(found, schema)
        assert found["results"][0]["verdict"] == view_of(night, values).verdict


def test_every_series_has_a_row_and_so_has_every_gap() -> None:
    """A hundred series, ten of them with findings, and three gaps, whose outcome is null."""
    night, values = realistic()
    rows = night_document(night, values).series

    assert [each.outcome for each in rows].count(None) == 3 and len(rows) == 103
    first = rows[0]
    assert (first.outcome, first.ratio, first.pairs, first.unit) == ("regressed", 0.925, 12, "tokens/s")
    assert (rows[-1].why, rows[-1].value) == ("too warm at its gate for 20 min", None)


def test_a_finding_without_a_figure_in_the_list_has_a_row() -> None:
    """Nothing that was judged is left out."""
    night, _ = many(9)

    assert len(night_document(night, []).series) == 8 + len(night.gaps) + 1


def test_what_fails_a_gate_is_named() -> None:
    """The four confirmed regressions, and no suspect."""
    assert len(night_document(*realistic()).failing) == 4
