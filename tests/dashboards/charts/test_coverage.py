"""The map of a night says of every device and scenario what was found, or that nothing was measured."""

from __future__ import annotations

from dashboards.charts.coverage import coverage, height_of
from lab.report.night.covered import Covered

FOUND = (
    Covered("phone-2", "decode", "w4", "regressed", "1 series; regressed: 512, 20 tokens/s", "run"),
    Covered("phone-1", "decode", "w4", "not measured", "does not answer, 3 nights in a row", silent=True),
)


def test_a_field_has_the_sign_of_its_outcome_and_a_sentence() -> None:
    """Columns are scenarios with their line, rows are devices by name; the sign is there without any colour."""
    option = coverage(FOUND)
    fields = option["series"][0]["data"]

    assert option["xAxis"]["data"] == ["decode · w4"]
    assert option["yAxis"]["data"] == ["phone-1", "phone-2"]
    assert [(each["value"], each["label"]["formatter"]) for each in fields] == [([0, 1, 0], "×"), ([0, 0, 1], "∅")]
    assert fields[1]["name"] == "phone-1 · decode · w4: does not answer, 3 nights in a row"


def test_the_legend_names_only_what_is_there() -> None:
    """An outcome that no field has is not in the legend."""
    labels = [each["label"] for each in coverage(FOUND)["visualMap"]["pieces"]]

    assert labels == ["× regressed", "∅ not measured"]


def test_a_row_a_device() -> None:
    """The map grows with the rack."""
    assert height_of(FOUND) - height_of(FOUND[:1]) == 30
