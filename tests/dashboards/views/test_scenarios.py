"""The page Scenarios: the answer first, whatever the run is like."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from playwright.sync_api import Browser
from streamlit.testing.v1 import AppTest

from device_agents.reasons import InvalidReason
from lab.records import Cell, Context, Trial
from lab.scenario.known import SCENARIOS
from lab.scenario.load import load
from lab.store import Store
from tests.dashboards.conftest import server
from tests.dashboards.pages import shown, words
from tests.lab.report.report_runs import run_of, trials_of

SIX = (1.0, 1.01, 0.99, 1.0, 1.005, 0.995)
HOSTILE = '<b>"x"</b> [l](http://e) $a$ `c`'


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty data root."""
    with closing(Store(tmp_path / "data")) as opened:
        yield opened


def _saved(
    store: Store,
    scenario: str,
    levels: Mapping[str, Sequence[float]],
    *,
    cells: Sequence[Cell] = (),
    end: bool = True,
    change: Mapping[str, Any] = MappingProxyType({}),
    trials: Sequence[Trial] | None = None,
) -> str:
    """Save a run of a bundled scenario, six trials a cell around these levels, and return its id."""
    known = load(SCENARIOS / f"{scenario}.toml")
    cells = tuple(cells or known.cells)
    run = replace(run_of(cells, scenario=scenario, status="running"), scenario_toml=known.toml)
    run = replace(run, **{"context": Context({"device_kind": "host"}), **change})
    values = {name: [[level * noise for noise in SIX] for level in own] for name, own in levels.items()}
    store.create_run(run)
    for trial in trials_of(cells, values) if trials is None else trials:
        store.save_trial(run.id, trial)
    if end:
        store.finish_run(run.id, "finished")
    return run.id


def _charts(at: AppTest) -> list[Any]:
    return [json.loads(each.proto.spec) for each in at.get("echarts_chart")]


def test_the_newest_finished_answer_comes_first(store: Store) -> None:
    """Question, sentence, what the device is, the chart, the published figures, and the commands."""
    run_id = _saved(store, "vit_batch", {"encode_s": [0.40, 0.36, 0.33, 0.30, 0.31, 0.35]})
    at = shown(store.root, "scenarios")
    said = words(at)

    assert not at.exception
    assert "How many patches per batch encode a 2:4 image fastest?" in at.subheader[0].value
    assert "Fastest: 4 patches per batch, at 300 ms" in said
    assert "this machine, no phone" in said
    assert "Published figures" in said
    assert f"lab show {run_id}" in said
    assert f"lab run vit_batch --build nano-paper --device host --data {store.root}" in said
    assert "### How many patches per batch" in said
    assert len(_charts(at)) == 1
    assert list(at.dataframe[0].value["standing"]) == ["behind"] * 3 + ["best"] + ["behind"] * 2


def test_pickers_are_links_and_what_they_do_not_know_falls_back(store: Store) -> None:
    """Two devices: a link names the older one; an unknown device is the newest finished one's."""
    _saved(store, "load", {"load_s": [0.47]}, change={"id": "0192f3a1-0001", "device": "a"})
    _saved(store, "load", {"load_s": [0.94]}, change={"id": "0192f3a2-0002", "device": "b"})

    assert "470 ms" in words(shown(store.root, "scenarios", scenario="load", device="a"))
    for unknown in ({}, {"device": "nowhere"}, {"run": "gone"}, {"scenario": "<i>"}):
        assert "940 ms" in words(shown(store.root, "scenarios", **unknown))


def test_a_side_of_a_comparison_is_no_default_and_is_marked(store: Store) -> None:
    """The newest run of its own comes first, also where a device was only ever compared; a side can be picked."""
    _saved(
        store, "load", {"load_s": [0.47]}, change={"id": "0192f3a1-0001", "started_utc": "2026-11-01T00:00:00Z"}
    )
    side = {"comparison": "c1", "started_utc": "2026-11-02T00:00:00Z"}
    _saved(store, "load", {"load_s": [0.94]}, change={"id": "0192f3a2-0002", **side})
    _saved(store, "load", {"load_s": [1.94]}, change={"id": "0192f3a3-0003", "device": "zzz", **side})
    at = shown(store.root, "scenarios", scenario="load")

    assert "470 ms" in words(at) and not at.warning
    options = at.selectbox(key="run").options
    assert options == ["2026-11-02 00:00 0192f3a2-0002 side of a comparison", "2026-11-01 00:00 0192f3a1-0001"]
    assert "940 ms" in words(shown(store.root, "scenarios", run=options[0]))


def test_a_run_of_the_link_that_is_not_there_is_named(store: Store) -> None:
    """The default is shown; another question that is picked by hand warns of nothing."""
    _saved(store, "load", {"load_s": [0.47]})
    _saved(store, "throughput", {"decode_tokens_per_s": [20.0]}, change={"id": "0192f3a2-0002"})
    at = shown(store.root, "scenarios", scenario="load", run="<b>gone")

    assert "470 ms" in words(at)
    assert "No run &lt;b\\>gone of this question" in at.warning[0].value
    at = shown(store.root, "scenarios", scenario="load", run=at.selectbox(key="run").options[0])
    assert not at.warning
    at.selectbox(key="scenario").select("throughput").run()
    assert "20.0 tokens/s" in words(at) and not at.warning


def test_a_run_in_progress_is_said_to_be_one(store: Store) -> None:
    """It is shown where none is finished; planned trials are missing."""
    _saved(store, "load", {"load_s": [0.47]}, end=False)
    at = shown(store.root, "scenarios")

    assert not at.exception
    assert "The run is running: planned trials are missing" in words(at)


def test_a_run_without_a_valid_trial_has_no_answer_and_no_figure(store: Store) -> None:
    """Its trials are counted, and the page says that there is nothing to draw if there was none."""
    trials = trials_of(load(SCENARIOS / "load.toml").cells, {"load_s": [[0.4] * 6]})
    bad = [replace(each, valid=False, reason=InvalidReason.WRONG_OUTPUT) for each in trials]
    _saved(store, "load", {}, trials=bad, change={"device": "bad"})
    _saved(store, "load", {}, trials=[], change={"device": "none", "id": "0192f3a2-0002"})
    at = shown(store.root, "scenarios", device="bad")

    assert not at.exception
    assert "No answer: no trial of load counts" in words(at)
    assert list(at.dataframe[0].value["invalid"]) == [6]
    at = shown(store.root, "scenarios", device="none")
    assert not at.exception
    assert "No trial has a figure to draw" in words(at)


def test_a_scenario_that_is_no_longer_known_is_answered_from_its_own_copy(store: Store) -> None:
    """One of another lab, whose metric is unknown here, is named in an error."""
    _saved(store, "load", {"load_s": [0.47]}, change={"scenario": "cold_load"})
    at = shown(store.root, "scenarios", scenario="cold_load")
    assert not at.exception
    assert "Opening every graph takes 470 ms" in words(at)

    text = load(SCENARIOS / "load.toml").toml.replace("load_s", "joules")
    other = {"id": "0192f3a2-0002", "scenario": "energy", "scenario_toml": text}
    _saved(store, "load", {}, trials=[], change=other)
    at = shown(store.root, "scenarios", scenario="energy")
    assert not at.exception
    assert "joules" in at.error[0].value


def test_names_with_markup_are_shown_as_they_are(store: Store) -> None:
    """A device, a line and a label of a cell are text, also in commands, where a shell must not read them."""
    cells = (Cell("a", {"patches_per_batch": 1}, HOSTILE), Cell("b", {"patches_per_batch": 2}, "plain"))
    _saved(store, "vit_batch", {"encode_s": [0.3, 0.4]}, cells=cells,
           change={"device": HOSTILE, "build_line": "$(reboot)"})  # fmt: skip
    at = shown(store.root, "scenarios")

    assert not at.exception
    assert "&lt;b" in words(at)
    assert not any("<b>" in each.value for each in (*at.markdown, *at.caption, *at.subheader))
    assert "--build '$(reboot)' --device '<b>" in words(at)
    assert list(at.dataframe[0].value["cell"]) == [HOSTILE, "plain"]


def test_an_emulated_phone_shows_no_time(store: Store) -> None:
    """Its trials are counted; neither a chart nor a table has a figure."""
    facts = Context({"device_kind": "emulated"})
    _saved(store, "load", {"load_s": [0.47]}, change={"context": facts, "device": "emu"})
    at = shown(store.root, "scenarios")

    assert not at.exception
    assert "its times are not measurements" in words(at)
    assert not _charts(at)
    assert list(at.dataframe[0].value.columns) == ["cell", "valid", "invalid"]


def test_the_share_of_the_wait_that_is_the_image_is_answered(store: Store) -> None:
    """Beside the published end-to-end table."""
    levels = {"encode_s": [2.0], "prefill_s": [3.0], "first_token_s": [5.0], "decode_tokens_per_s": [20.0]}
    _saved(store, "throughput", levels)
    at = shown(store.root, "scenarios")

    assert "The image is 40.0 % of the wait for the first word" in words(at)
    assert list(at.dataframe[1].value["published"]) == ["2.06 s", "2.70 s", "4.76 s", "24.4 tokens/s"]


def test_latency_and_speed_stand_in_one_picture(store: Store) -> None:
    """A run that only prefills names the run that tells the speed of the output."""
    levels = {"prefill_s": [2.0, 0.3, 0.2, 0.21, 0.26], "prefill_tokens_per_s": [1e3, 7e3, 1e4, 9e3, 8e3]}
    _saved(store, "prefill_tokens", levels)
    at = shown(store.root, "scenarios")
    names = [each.get("name", "") for each in _charts(at)[0]["yAxis"]]

    assert [each.partition(" (")[0] for each in names] == ["prefill", "prefill", "published, own scale: prefill"]
    assert "For the speed of the output" in words(at)
    _saved(store, "throughput", {"decode_tokens_per_s": [20.0]}, change={"id": "0192f3a2-0002"})
    side = {"id": "0192f3a3-0003", "comparison": "c1", "started_utc": "2027-01-01T00:00:00Z"}
    _saved(store, "throughput", {"decode_tokens_per_s": [40.0]}, change=side)
    said = words(shown(store.root, "scenarios", scenario="prefill_tokens")).replace("\\", "")
    run = store.run("0192f3a2-0002")
    assert (
        f"of build {run.build_line} ({run.build[:8]}), {run.started_utc[:10]}: A user sees 20.0 tokens/s" in said
    )


def test_a_pipeline_without_its_raw_events_says_what_is_missing(store: Store) -> None:
    """Its figures are shown all the same."""
    _saved(store, "pipeline_overlap", {"encode_s": [0.30, 0.315, 0.33, 0.4, 0.31]})
    at = shown(store.root, "scenarios")

    assert not at.exception
    assert "Pipelining is faster" in words(at)
    assert "has no timeline: its events cannot be read" in words(at)


def test_a_large_sweep_is_drawn_in_part_and_listed_whole(store: Store) -> None:
    """300 cells."""
    cells = [Cell(f"patches_per_batch={n}", {"patches_per_batch": n}) for n in range(1, 301)]
    _saved(store, "vit_batch", {"encode_s": [0.3 + n / 1e4 for n in range(300)]}, cells=cells)
    at = shown(store.root, "scenarios")

    assert not at.exception
    assert "100 of 300 cells are drawn" in words(at)
    assert len(at.dataframe[0].value) == 300


def test_a_damaged_run_is_named(store: Store) -> None:
    """Its file no longer parses: the page says which one."""
    run_id = _saved(store, "load", {"load_s": [0.47]})
    (store.root / "runs" / run_id / "run.json").write_text("{")
    at = shown(store.root, "scenarios")

    assert not at.exception
    assert run_id in at.error[0].value.replace("\\", "")


def test_a_sustained_run_is_a_curve_with_its_windows_below(store: Store) -> None:
    """Twenty minutes of an iteration every ten seconds, the last ten minutes at half the speed."""
    rates = [20.0] * 60 + [10.0] * 60
    cells = load(SCENARIOS / "sustained.toml").cells
    (trial,) = trials_of(cells, {"decode_tokens_per_s": [[1.0]]})
    trial = replace(trial, samples={"decode_tokens_per_s": tuple(rates)}, state="steady")
    run_id = _saved(store, "sustained", {}, trials=[], end=False)
    lines = [
        {"event": "iteration", "iteration": at, "phase": "measure", "start_ns": at * 10**10, "duration_ns": 10**10}
        for at in range(len(rates))
    ]
    events = store.trial_folder(run_id, trial.number) / "events.jsonl"
    events.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    store.save_trial(run_id, trial)
    at = shown(store.root, "scenarios")
    rate = _charts(at)[0]["series"][0]["data"]

    assert not at.exception
    assert rate[0]["value"][1] == 20.0
    assert rate[-1]["value"][1] == 10.0
    assert at.dataframe[0].value["rate"].iloc[0] == "20.0 tokens/s"


def test_a_picked_question_is_a_link_and_draws_its_chart(browser: Browser, store: Store) -> None:
    """Pick a run, then a question: the link names the question alone. Opened anew it shows the same answer."""
    for number in (1, 2):
        _saved(store, "vit_batch", {"encode_s": [0.4] * 6}, change={"id": f"0192f3a{number}-0002"})
    _saved(store, "load", {"load_s": [0.47]})
    idle = "[data-testid=stApp][data-test-script-state=notRunning]"
    with server(store.root) as address, closing(browser.new_context()) as context:
        page = context.new_page()
        page.goto(f"{address}/scenarios")
        for label, link in (("Run", "**/scenarios?run=*"), ("Question", "**/scenarios?scenario=load")):
            page.wait_for_selector(f"{idle} canvas")
            page.get_by_label(label).first.click()
            page.get_by_role("option").nth(1).click()
            page.wait_for_url(link)
        answer = page.get_by_text("Opening every graph takes 470 ms").first
        answer.wait_for()
        page.goto(page.url)
        answer.wait_for()
        page.wait_for_selector(f"{idle} canvas")
