"""The Gantt chart of an image's encoding, from literal stages."""

from __future__ import annotations

from dashboards.charts.pipeline import height_of, pipeline
from lab.report.pipeline import Pipeline, Stage

PIPED = Pipeline(
    "piped", 1, 2,
    (
        Stage("patch_embed", "cpu", "cpu0", 0, 0.0, 0.16, 4),
        Stage("patch_embed", "cpu", "cpu0", 1, 0.16, 0.04, 1),
        Stage("vit", "npu", "cpu1", 0, 0.16, 0.8, 4),
    ),
    0.04,
)  # fmt: skip
TURN = Pipeline("turn", 3, 1, (Stage("vit", "npu", "<b>", 0, 0.0, 0.3, None),), 0.0)


def test_a_stage_is_a_bar_on_the_row_of_its_unit() -> None:
    """Milliseconds from the beginning; the rows of one pipeline follow those of the other."""
    option = pipeline([("pipelined", PIPED), ("in turn", TURN)])
    embed, vit = option["series"]

    assert option["yAxis"]["data"] == ["pipelined\ncpu (cpu0)", "pipelined\nnpu (cpu1)", "in turn\nnpu (<b>)"]
    assert [(each["type"], each["coordinateSystem"]) for each in option["series"]] == [
        ("lines", "cartesian2d")
    ] * 2
    assert [bar["coords"] for bar in embed["data"]] == [[[0.0, 0], [160.0, 0]], [[160.0, 0], [200.0, 0]]]
    assert [bar["coords"] for bar in vit["data"]] == [[[160.0, 1], [960.0, 1]], [[0.0, 2], [300.0, 2]]]
    assert option["xAxis"]["name"] == "time (ms), ← shorter is better"
    assert option["xAxis"]["max"] == 960.0


def test_a_bar_says_its_stage_its_patches_and_its_time() -> None:
    """A number that is unknown is left out."""
    embed, vit = pipeline([("pipelined", PIPED), ("in turn", TURN)])["series"]

    assert embed["name"] == "patch embed"
    assert [bar["name"] for bar in embed["data"]] == [
        "patch embed 1, 4 patches: 160 ms, from 0 s",
        "patch embed 2, 1 patch: 40.0 ms, from 160 ms",
    ]
    assert vit["data"][1]["name"] == "vit 1: 300 ms, from 0 s"


def test_a_long_pipeline_joins_neighbours_and_hides_no_other() -> None:
    """Two pipelines of 300 spans in each of four stages: every row has bars, up to the end of its last span."""
    names = ("tile", "patch_embed", "vit", "project")
    stages = tuple(
        Stage(name, "npu", name, at, 4e-3 * at + 1e-3 * place, 1e-3, 1)
        for at in range(300)
        for place, name in enumerate(names)
    )
    option = pipeline([(name, Pipeline(name, 1, 1, stages, 0.0)) for name in ("pipelined", "in turn")])
    bars = [bar for series in option["series"] for bar in series["data"]]
    ends = {row: max(bar["coords"][1][0] for bar in bars if bar["coords"][1][1] == row) for row in range(8)}

    assert len(option["yAxis"]["data"]) == 8 and len(bars) <= 1000
    assert ends == {row: round(1.197 + row % 4 / 1000, 3) for row in range(8)}
    assert any("drawn as one" in bar["name"] for bar in bars)


def test_stages_have_colours_of_their_own_and_rows_their_height() -> None:
    """A picture with one more unit is one row higher."""
    both = [("pipelined", PIPED), ("in turn", TURN)]

    assert len({each["color"] for each in pipeline(both)["series"]}) == 2
    assert height_of(both) - height_of(both[:1]) == 40
    assert pipeline([])["series"] == []
