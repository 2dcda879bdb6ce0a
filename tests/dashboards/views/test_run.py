"""The page Run: a list of runs that leads to each, and everything about one of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dashboards import data
from device_agents.contract import InvalidReason
from lab.errors import RunError, StoreError
from lab.records import Context, Run, Trial
from lab.store import Store
from lab.store.raw import TrialFile, encode
from tests.dashboards.pages import shown, words
from tests.lab.report.report_runs import HOSTILE
from tests.lab.report.test_trace import events, text_of
from tests.lab.run.test_monitor import COOL, Lab
from tests.saved_answers import saved_run, trial_of

RUN = "018f0000-0000-7000-8000-000000000001"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Return a store that is closed at the end."""
    found = Store(tmp_path / "data")
    yield found
    found.close()


def charts(at: AppTest) -> list[dict[str, Any]]:
    """Return the options of the charts of a page."""
    return [json.loads(chart.proto.spec) for chart in at.get("echarts_chart")]


def titles(at: AppTest) -> list[str]:
    """Return the titles of all strips of all charts of a page."""
    return [title["text"] for chart in charts(at) for title in chart.get("title", [])]


def dotted(at: AppTest, chart: int, strip: int = 0) -> list[str]:
    """Return the words of the points of one strip of a chart, series after series."""
    series = [each for each in charts(at)[chart]["series"] if each["yAxisIndex"] == strip]
    return [point["name"] for each in series for point in each["data"]]


def tables(at: AppTest) -> list[list[str]]:
    """Return the columns of each table of a page."""
    return [list(table.value.columns) for table in at.dataframe]


def saved(store: Store, *, status: str = "running", trials: list[Trial] | None = None, **changed: Any) -> Run:
    """Save a run of trials, and end it unless it is to be running."""
    run = replace(saved_run(store), **changed)
    other = replace(run, id=RUN[:-1] + "2", status="running", ended_utc=None)
    store.create_run(other)
    for trial in trials if trials is not None else [trial_of(1, 1.0), trial_of(2, 1.1)]:
        store.save_trial(other.id, trial)
    if status == "failed":
        store.finish_run(other.id, "failed")
    return other


def test_a_run_of_a_phone_shows_its_heat_on_the_trials_axis(tmp_path: Path) -> None:
    """Medians, temperature, and below one trial's phases, its sensors, its checks and its files."""
    lab = Lab(tmp_path)
    lab.phone.vitals = lambda at: replace(COOL, boot_s=at, caps={"policy0": 1.0})
    run = lab.begin()
    lab.go_on(run)
    lab.close()

    at = shown(tmp_path / "data", "run", id=run.id[:13])

    assert not at.exception
    assert "Encoding the image takes 100 ms" in at.subheader[0].value
    assert "a phone" in at.markdown[2].value or "a phone" in words(at)
    assert titles(at)[:3] == [
        "image encoding: median, % of its cell's mean, ↓ lower is better",
        "temperature, °C: ring at the start, dot the peak",
        "clock allowed, % of the top",
    ]
    assert dotted(at, 0, 2) == ["trial 1: 100 % of its top clock"]
    assert {"temperature, °C", "whole iteration (ms), ↓ lower is better"} <= set(titles(at))
    assert ["figure", "check"] in tables(at)
    assert "Gate log: 1 look" in [each.label for each in at.expander]
    assert {"file 1 events.jsonl", "file 1 vitals.jsonl", "trace 1"} <= {
        each.key for each in at.get("download_button")
    }


def test_one_trials_phases_are_drawn_on_a_track_for_each_unit(store: Store) -> None:
    """The middle iteration that counts, its spans as rectangles, its stages with true and padded amounts."""
    run = saved_run(store)
    (store.trials_folder(run.id) / "0003" / "events.jsonl").write_text(text_of(events()))
    store.finish_run(run.id, "finished")

    at = shown(store.root, "run", id=run.id, trial="3")

    assert not at.exception
    assert at.selectbox(key="trial").value == "3"
    assert at.number_input(key="iteration").value == 1
    phases = charts(at)[2]
    assert phases["yAxis"][0]["data"] == ["user's wait", "cpu cpu0", "npu npu0"]
    names = [one[0]["name"] for series in phases["series"] for one in series["markArea"]["data"]]
    assert "patch_embed 1 on cpu0 · 2.00 ms · from 2.50 ms · 1.50 ms of CPU · 1 wanted of 4 computed" in names
    assert dotted(at, 1, 1) == ["warm-up 0: 9.00 ms", "iteration 1: 9.00 ms"]


def test_a_selected_row_shows_its_trial_and_another_selection_replaces_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row of the table, then a point of the chart; a selection that stays does not hold the choice."""
    monkeypatch.setenv("POCKETLAB_DATA", str(store.root))
    run = saved_run(store)
    at = shown(store.root, "run", id=run.id)
    assert at.selectbox(key="trial").value == "1"

    at.session_state[f"trials {run.id}"] = {"selection": {"rows": [4], "columns": [], "cells": []}}
    at = at.run()
    assert (at.selectbox(key="trial").value, at.subheader[1].value) == ("5", "Trial 5: null")
    at = at.selectbox(key="trial").set_value("6").run()
    assert at.subheader[1].value == "Trial 6: null"
    at.session_state[f"strips {run.id}"] = {
        "selection": {"selected": [{"series_index": 0, "data_indices": [2]}], "areas": []}
    }
    at = at.run()
    assert (at.selectbox(key="trial").value, at.subheader[1].value) == ("3", "Trial 3: null")


def test_what_was_chosen_of_a_longer_run_does_not_break_a_shorter_one(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trial, an iteration and a metric that the next run does not have fall back to its own."""
    monkeypatch.setenv("POCKETLAB_DATA", str(store.root))
    other = saved(store, trials=[replace(trial_of(1, 1.0), samples={"load_s": (1.0,)})])
    longer = store.run(RUN)
    for run, number, lines in ((longer, 6, events()), (other, 1, events()[:6])):
        (store.trials_folder(run.id) / f"{number:04d}" / "events.jsonl").write_text(text_of(lines))
    at = shown(store.root, "run", id=longer.id, trial="6", metric="null_s", iteration="1")
    assert (at.selectbox(key="trial").value, at.number_input(key="iteration").value) == ("6", 1)

    at.query_params.clear()
    at.query_params["id"] = other.id
    at = at.run()

    assert not at.exception
    assert (at.selectbox(key="trial").value, at.selectbox(key="metric").value) == ("1", "load_s")
    assert at.number_input(key="iteration").value == 0


def test_commands_name_the_run_and_the_trial(store: Store) -> None:
    """Whoever copies them gets what the page shows."""
    run = saved_run(store)
    at = shown(store.root, "run", id=run.id, trial="3")

    assert [each.value for each in at.code][:5] == [
        f"{line} --data {store.root}"
        for line in (
            f"lab run null --build {'b' * 12} --device host",
            "lab show 018f0000-0000",
            "lab explain 018f0000-0000 --trial 3",
            "lab trace 018f0000-0000 --trial 3",
            "lab bundle 018f0000-0000",
        )
    ]


def test_a_trials_files_and_its_trace_are_read_when_they_are_asked_for(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As they lie there; no path leads out of its folder, and lost events are refused with a sentence."""
    monkeypatch.setenv("POCKETLAB_DATA", str(store.root))
    run = saved_run(store)
    (store.trials_folder(run.id) / "0003" / "events.jsonl").write_text(text_of(events()))
    store.finish_run(run.id, "finished")

    assert data.file(run.id, 3, "events.jsonl").decode() == text_of(events())
    names = {each["name"] for each in json.loads(data.trace(run.id, 3, 1))["traceEvents"]}
    assert {"vit", "patch_embed", "measure"} <= names and "warmup" not in names
    for name in ("../0003/events.jsonl", "/etc/passwd", "gone.txt"):
        with pytest.raises(StoreError):
            data.file(run.id, 3, name)
    with pytest.raises(RunError, match=r"trial 4 of run .* has no events"):
        data.trace(run.id, 4, None)


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("../../x", "no run has an id that begins"),
        (HOSTILE, "no run has an id that begins"),
        ("018e", "no run has an id that begins '018e'"),
        ("018f0000-0000-7000-8000-0000000000ff", "no run has an id that begins"),
    ],
)
def test_a_link_to_a_run_that_is_not_there_says_so(store: Store, wanted: str, said: str) -> None:
    """With the newest runs that there are; a path is no id."""
    saved_run(store)
    at = shown(store.root, "run", id=wanted)

    assert not at.exception
    assert said in at.error[0].value.replace("\\", "")


@pytest.mark.parametrize("number", ["99", "-1", "x", HOSTILE])
def test_a_trial_that_is_not_there_is_named_and_another_one_is_shown(store: Store, number: str) -> None:
    """The first that counts."""
    run = saved_run(store)
    at = shown(store.root, "run", id=run.id, trial=number)

    assert not at.exception
    assert "This run has no trial" in at.warning[-1].value
    assert "it has 1 to 8" in at.warning[-1].value
    assert at.selectbox(key="trial").value == "1"


def test_a_run_in_progress_says_that_it_is_running(store: Store) -> None:
    """What there is by now is shown; the page offers to look again, and the command if its lab was killed."""
    run = saved(store)
    at = shown(store.root, "run", id=run.id)

    assert not at.exception
    assert "This run is still being measured" in words(at)
    assert "Look again" in [each.label for each in at.button]
    assert "2 trials: 2 count. The run is running." in [each.value for each in at.caption]
    assert f"lab run --resume {run.id[:13]} --data {store.root}" in [each.value for each in at.code]


def test_a_run_without_a_trial_yet_says_so(store: Store) -> None:
    """It has just begun."""
    run = saved(store, trials=[])
    at = shown(store.root, "run", id=run.id)

    assert not at.exception
    assert "No trial yet." in words(at)


def test_a_damaged_trial_is_named_and_the_others_are_shown(store: Store) -> None:
    """Half a file, as a full disk leaves it."""
    run = saved_run(store)
    (store.trials_folder(run.id) / "0002" / "trial.json").write_text('{"format": 1, "trial": {"num')
    at = shown(store.root, "run", id=run.id)

    assert not at.exception
    assert "Damaged or changed later, and in no figure:" in at.warning[0].value
    assert "0002/trial.json" in at.warning[0].value.replace("\\", "")
    assert at.selectbox(key="trial").options == ["1", "3", "4", "5", "6", "7", "8"]


def test_times_of_an_emulated_phone_are_said_to_be_no_measurements(store: Store) -> None:
    """In the strips, the table and the percentiles; no direction is better."""
    run = saved(store, context=Context({"device_kind": "emulated"}))
    at = shown(store.root, "run", id=run.id, tab="Percentiles")
    heads = [name for table in tables(at) for name in table]

    assert not at.exception
    assert titles(at)[0].endswith("% of its cell's mean, emulated, not a measurement")
    assert any(name.endswith("emulated, not a measurement") for name in heads)
    assert any(each.value.startswith("Emulated, not a measurement. ") for each in at.caption)
    assert not any("is better" in words for words in [*titles(at), *heads])


def test_a_run_whose_scenario_is_damaged_shows_its_head_and_its_context(store: Store) -> None:
    """No figure can be computed, and it is said why."""
    run = saved(store, scenario_toml="nonsense [", context=Context({"device_kind": "host", "os": "14"}))
    at = shown(store.root, "run", id=run.id)

    assert not at.exception
    assert "the scenario of run" in at.error[0].value
    assert ["fact", "value"] in tables(at)


def test_invalid_trials_are_shown_with_sign_word_and_reason(store: Store) -> None:
    """What their agent printed last is open to read."""
    died = replace(trial_of(2, 1.1), valid=False, reason=InvalidReason.AGENT_DIED, detail="signal 9", samples={})
    run = saved(store, status="failed", trials=[trial_of(1, 1.0), died])
    (store.trials_folder(run.id) / "0002" / "stderr.txt").write_text("Killed\n")
    at = shown(store.root, "run", id=run.id, trial="2")

    assert not at.exception
    table = at.dataframe[0].value
    assert list(table["standing"]) == ["✓ counts", "– invalid"]
    assert table["why"][1].startswith("agent_died: the agent's process ended before its work was done; signal 9")
    assert "Killed" in [each.value for each in at.code]
    assert dotted(at, 0)[1].startswith("trial 2: no figure, agent_died")


def test_hostile_words_of_a_device_are_only_words(store: Store) -> None:
    """Markup in its name, its build's line, a trial's cell, detail, flag, note and output."""
    bad = replace(
        trial_of(1, 1.0), valid=False, reason=InvalidReason.AGENT_ERROR, detail=HOSTILE, cell=HOSTILE,
        flags=(HOSTILE,), notes={HOSTILE: 1.0}, placement={HOSTILE: HOSTILE},
    )  # fmt: skip
    run = saved(store, device=HOSTILE, build_line=HOSTILE, suite=HOSTILE, trials=[bad, trial_of(2, 1.0)])
    folder = store.trials_folder(run.id) / "0001"
    (folder / "stderr.txt").write_text(HOSTILE)
    (folder / "events.jsonl").write_text(HOSTILE)
    (folder / f"{HOSTILE.replace('/', '')}.txt").write_text("odd")
    for tab in ("Trials", "Why they counted or not", "Percentiles", "Context"):
        at = shown(store.root, "run", id=run.id, trial="1", tab=tab)

        assert not at.exception
        said = [each.value for each in (*at.markdown, *at.caption, *at.warning, *at.info, *at.subheader)]
        assert not [each for each in said if "<script" in re.sub("``.*?``", "", each)]
        assert not any("\x1b" in each.value for each in (*at.markdown, *at.caption, *at.code, *at.info))


def test_a_memory_pass_shows_its_peaks_and_is_never_a_figure(store: Store) -> None:
    """In the unit in which it reads well; it stands in the table as what it is."""
    memory = replace(trial_of(2, 1.0), purpose="memory", samples={"peak_rss_bytes": (3.0e9,)})
    run = saved(store, trials=[trial_of(1, 1.0), memory])
    at = shown(store.root, "run", id=run.id, trial="2")

    assert not at.exception
    assert list(at.dataframe[0].value["standing"]) == ["✓ counts", "▤ memory"]
    assert [(each.label, each.value) for each in at.metric] == [("peak resident memory", "3.00 GB")]


def test_a_time_that_is_none_hides_nothing(store: Store) -> None:
    """Another program wrote the run's record."""
    run = saved(store, started_utc="yesterday", trials=[replace(trial_of(1, 1.0), started_utc="noon")])
    store.finish_run(run.id, "finished")
    at = shown(store.root, "run", id=run.id)

    assert not at.exception
    assert "took an unknown time" in words(at)


def test_why_trials_counted_is_told_with_what_to_do(store: Store) -> None:
    """The words of `lab explain`."""
    run = saved_run(store)
    at = shown(store.root, "run", id=run.id, tab="Why they counted or not")

    assert not at.exception
    assert "✓ **Trials 1-8 \\(8 of 8\\)" in words(at) or "✓ **Trials 1-8 (8 of 8)" in words(at)
    assert "What to do next" in words(at)
    assert {"What the device did"} <= {each.label for each in at.expander}


def test_percentiles_are_told_where_they_can_be_estimated(store: Store) -> None:
    """Twenty iterations a trial are enough for the middle, not for the 99th."""
    trials = [replace(trial_of(n, 1.0), samples={"null_s": (1.0,) * 20}) for n in range(1, 7)]
    at = shown(store.root, "run", id=saved(store, trials=trials).id, tab="Percentiles")

    assert not at.exception
    (table,) = [each.value for each in at.dataframe if "p50" in each.value.columns]
    assert table["p99"][0] == "not estimable"
    assert table["p50"][0].startswith("1.00 s")


def test_a_very_large_run_gets_no_more_points_than_a_screen_has(store: Store) -> None:
    """Two thousand trials: the outlier stays, and every one can be chosen."""
    trials = [replace(trial_of(1, 1.0 + (n == 777)), number=n, block=n - 1) for n in range(1, 2001)]
    trials = [
        replace(
            each,
            started_utc=f"2026-01-01T00:{each.number // 60:02d}:{each.number % 60:02d}Z",
        )
        for each in trials
    ]
    run = saved(store, trials=[])
    for each in trials:
        folder = store.trials_folder(run.id) / f"{each.number:04d}"
        folder.mkdir()
        (folder / "trial.json").write_bytes(encode(TrialFile(trial=each)))
    at = shown(store.root, "run", id=run.id)

    assert not at.exception
    points = [name for chart in charts(at) for series in chart["series"] for name in series["data"]]
    assert 100 < len(points) <= 2010
    assert any(name.startswith("trial 777:") for name in dotted(at, 0))
    assert len(at.selectbox(key="trial").options) == 2000


def test_a_demonstrations_run_says_that_its_raw_lines_were_not_kept(rack: Path) -> None:
    """Its trials are drawn all the same, and its night is linked."""
    store = Store(rack)
    run = store.runs(1)[0]
    store.close()
    at = shown(rack, "run", id=run.id)

    assert not at.exception
    assert "its raw lines were not kept" in at.info[0].value
    assert "a simulated device of the demonstration" in words(at)
    assert any("Its night" in each.proto.label for each in at.get("page_link")) == bool(run.night)


def test_without_an_id_the_newest_runs_lead_to_their_pages(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Selecting a row shows that run."""
    monkeypatch.setenv("POCKETLAB_DATA", str(store.root))
    run = saved(store)
    at = shown(store.root, "run")
    assert list(at.dataframe[0].value["id"]) == [run.id, RUN]

    at.session_state["runs"] = {"selection": {"rows": [1], "columns": [], "cells": []}}
    at = at.run()

    assert f"run {RUN}" in words(at)


def test_the_list_is_filtered_by_what_the_link_says(store: Store) -> None:
    """Search box, scenario, device and status; a value that nobody knows is ignored."""
    run = saved(store, device="phone-1")

    for query, wanted in (
        ({"status": "running"}, [run.id]),
        ({"device": "host"}, [RUN]),
        ({"q": RUN[-4:]}, [RUN]),
        ({"device": "nothing"}, [run.id, RUN]),
    ):
        at = shown(store.root, "run", **query)
        assert not at.exception
        assert list(at.dataframe[0].value["id"]) == wanted
    at = shown(store.root, "run", q="nothing of the kind")
    assert "No run fits these filters." in words(at)
