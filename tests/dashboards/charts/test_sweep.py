"""The chart of a sweep, from literal trials: what is drawn, where, and in which panel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from dashboards.charts.panels import MOST_CELLS
from dashboards.charts.style import KINDS, MOST_POINTS, Option
from dashboards.charts.sweep import height_of, note_of, sweep
from device_agents.reasons import InvalidReason
from lab.records import Answer, Context, Published, Trial
from lab.report.answer.view import answer
from tests.lab.report.report_runs import DECODE, ENCODE, NOISE, batches, cell, run_of, trials_of

CELLS = batches(1, 4, 6)
FIGURE = Published("vit_batch", "encode_s", {"patches_per_batch": 4}, 2.06, "published", "paper, Fig. 7", "")


def _answer(
    *levels: float, trials: Sequence[Trial] | None = None, published: Sequence[Published] = ()
) -> tuple[Answer, list[Trial]]:
    """Return the answer of a sweep over 1, 4 and 6 patches with these medians, on a phone."""
    run = replace(run_of(CELLS), context=Context({"device_kind": "phone"}))
    values = [[level * noise for noise in NOISE] for level in levels]
    own = list(trials) if trials is not None else trials_of(CELLS, {"encode_s": values})
    return answer(run, own, question="", metric=ENCODE, published=published), own


def _series(option: Option, name: str) -> list[Any]:
    return [each for each in option["series"] if each["name"] == name]


def test_a_cell_has_its_place_its_estimate_and_the_band_of_its_interval() -> None:
    """Milliseconds; a point without a value ends each band. Colours are those of the device's kind."""
    option = sweep(*_answer(0.4, 0.3, 0.5))
    (estimates,), (bands,) = _series(option, "estimate"), _series(option, "interval")

    assert [each["value"] for each in estimates["data"]] == [[0, 400.0], [1, 300.0], [2, 500.0]]
    assert estimates["data"][1]["name"] == "4: 300 ms (95 % interval 297 to 303 ms)"
    assert len(bands["data"]) == 9
    assert [point[0] for point in bands["data"][:3]] == [0, 0, 0]
    assert bands["data"][0][1] < 400 < bands["data"][1][1]
    assert bands["data"][2] == [0, None]
    assert estimates["color"] == bands["color"] == KINDS["phone"]
    assert option["yAxis"][0]["name"] == "image encoding (ms), ↓ lower is better"
    assert option["xAxis"][0]["data"] == ["1", "4\nbest", "6"]


def test_trials_stand_beside_each_other_in_the_order_of_their_blocks() -> None:
    """From a quarter left of a cell's middle to a quarter right of it, so that drift is a slope."""
    (dots,) = _series(sweep(*_answer(0.4, 0.3, 0.5)), "trial")
    first = [each for each in dots["data"] if each["value"][0] < 0.5]

    assert [each["value"][0] for each in first] == [-0.25, -0.15, -0.05, 0.05, 0.15, 0.25]
    assert first[0]["name"] == "1, trial 1, block 1: 400 ms"


def test_trials_that_do_not_count_are_hollow_and_say_why() -> None:
    """They have series of their own, in no colour of a device."""
    _, trials = _answer(0.4, 0.3, 0.5)
    trials[0] = replace(trials[0], valid=False, reason=InvalidReason.WRONG_OUTPUT)
    trials[1] = replace(trials[1], state="unsteady")
    option = sweep(*_answer(trials=trials))
    (invalid,), (unsteady,) = _series(option, "invalid trial"), _series(option, "trial that never settled")

    assert (invalid["symbol"], invalid["itemStyle"]["color"]) == ("circle", "transparent")
    assert [each["name"] for each in invalid["data"]] == [
        f"1, trial 1, block 1: 400 ms, invalid trial: {InvalidReason.WRONG_OUTPUT}"
    ]
    assert (unsteady["symbol"], unsteady["itemStyle"]["color"]) == ("triangle", "transparent")
    assert len(unsteady["data"]) == 1


def test_cells_that_cannot_be_told_from_the_best_are_shaded_and_named() -> None:
    """A shade from half a place before a cell to half a place behind it; the note says what it means."""
    found, trials = _answer(0.3, 0.3, 0.5)
    (bands,) = _series(sweep(found, trials), "interval")

    assert bands["markArea"]["data"] == [[{"xAxis": -0.5}, {"xAxis": 0.5}], [{"xAxis": 0.5}, {"xAxis": 1.5}]]
    assert sweep(found, trials)["xAxis"][0]["data"] == ["1\ntied", "4\ntied", "6"]
    assert "Shaded: not distinguishable from the best." in note_of(found)
    assert "Shaded" not in note_of(_answer(0.4, 0.3, 0.5)[0])


def test_published_figures_have_a_panel_and_a_scale_of_their_own() -> None:
    """In seconds where ours are milliseconds, in the colour of published figures, over the cell they are about."""
    found, trials = _answer(0.4, 0.3, 0.5, published=[FIGURE, replace(FIGURE, value=2.7, kind="derived")])
    option = sweep(found, trials)
    (printed,), (derived,) = _series(option, "published"), _series(option, "published (derived)")

    assert len(option["grid"]) == 2
    assert option["yAxis"][1]["name"] == "published, own scale: image encoding (s), ↓ lower is better"
    assert (printed["yAxisIndex"], printed["color"], printed["symbol"]) == (1, KINDS["published"], "diamond")
    assert printed["data"] == [{"value": [1, 2.06], "name": "published: 2.06 s, paper, Fig. 7"}]
    assert (derived["symbol"], derived["itemStyle"]["color"]) == ("diamond", "transparent")
    assert height_of(found, trials) > height_of(*_answer(0.4, 0.3, 0.5))


def test_a_second_metric_has_a_panel_below_with_the_same_cells() -> None:
    """Latency above, speed below it: Fig. 8 in one picture."""
    run = run_of(CELLS)
    trials = trials_of(CELLS, {"encode_s": [[0.4] * 6] * 3, "decode_tokens_per_s": [[20.0] * 6] * 3})
    found = answer(run, trials, question="", metric=ENCODE, other_metrics=[DECODE])
    option = sweep(found, trials, "decode_tokens_per_s")

    assert [each["name"] for each in option["yAxis"]] == [
        "image encoding (ms), ↓ lower is better",
        "decode (tokens/s), ↑ higher is better",
    ]
    assert option["xAxis"][2]["data"] == ["1", "4", "6"]
    assert [each["value"] for each in _series(option, "estimate")[1]["data"]] == [[0, 20.0], [1, 20.0], [2, 20.0]]
    assert sweep(found, trials, "unknown") == sweep(found, trials)


def test_cells_with_long_names_stand_below_each_other() -> None:
    """Values then run from left to right, and the first cell stands on top."""
    cells = (replace(cell("a"), label="pipelined"), replace(cell("b"), label="in turn, all cores"))
    trials = trials_of(cells, {"encode_s": [[0.4] * 6, [0.3] * 6]})
    option = sweep(answer(run_of(cells), trials, question="", metric=ENCODE), trials)
    (estimates,) = _series(option, "estimate")

    assert [each["value"] for each in estimates["data"]] == [[400.0, 0], [300.0, 1]]
    assert option["yAxis"][0]["data"] == ["pipelined", "in turn, all cores\nbest"]
    assert option["yAxis"][0]["inverse"] is True


def test_values_far_apart_stand_on_an_axis_that_doubles() -> None:
    """One token a call takes many times as long as 128."""
    axis = sweep(*_answer(4.0, 0.4, 0.5))["yAxis"][0]

    assert (axis["type"], axis["logBase"]) == ("log", 2)
    assert axis["min"] < 0.4
    assert sweep(*_answer(0.4, 0.3, 0.5))["yAxis"][0]["type"] == "value"


def test_a_run_without_a_figure_has_no_chart() -> None:
    """Nothing was measured yet, or nothing of use."""
    assert sweep(*_answer(trials=[])) == {}
    _, trials = _answer(0.4, 0.3, 0.5)
    assert sweep(*_answer(trials=[replace(each, samples={}) for each in trials])) == {}


def test_a_large_sweep_keeps_its_extremes_and_stays_within_the_points_of_a_chart() -> None:
    """600 cells with 30 trials each, one of them the fastest and one trial far off."""
    cells = batches(*range(1, 601))
    levels = [[0.4 + 0.001 * (at % 7)] * 30 for at in range(600)]
    levels[333] = [0.1] * 30
    levels[333][17] = 0.9
    trials = trials_of(cells, {"encode_s": levels})
    found = answer(run_of(cells), trials, question="", metric=ENCODE)
    option = sweep(found, trials)

    assert sum(len(each["data"]) for each in option["series"]) <= MOST_POINTS
    assert round(min(each["value"][1] for each in _series(option, "estimate")[0]["data"])) == 100
    assert round(max(each["value"][1] for each in _series(option, "trial")[0]["data"])) == 900
    assert f"{MOST_CELLS} of 600 cells are drawn" in note_of(found)
