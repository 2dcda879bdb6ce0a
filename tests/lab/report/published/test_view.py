"""The literature beside ours: our newest figure for each claim, what differs, and no ratio anywhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lab.device.fake.build import write_fake_build
from lab.records import Cell, Context, Literature, Published, Reference, Run, Statement, System, Trial, purpose_of
from lab.report.document import as_json
from lab.report.published.differs import differences
from lab.report.published.document import published_document
from lab.report.published.markdown import render_markdown
from lab.report.published.page import render_html
from lab.report.published.view import Claim, View, view_of
from lab.scenario.known import SCENARIOS
from lab.scenario.load import load
from lab.store import Store
from tests.lab.report.report_runs import printed

PAPER = System(
    name="BlueLM-V-3B",
    source="arXiv 2411.10640",
    device="vivo X100",
    runtime="NPU",
    model="2.7 billion parameters",
    weights="trained",
    precision="INT4",
    cache="int8",
    prompt_tokens=2048,
    conditions="not published",
)
RIVAL = replace(PAPER, name="rival", runtime="llama.cpp", measure="`lab run SCENARIO --build theirs`")
LITERATURE = Literature(
    systems=(PAPER, RIVAL),
    figures=(
        Published("load", "load_s", {}, 0.47, "published", "a paper, Table 5", ""),
        Published("throughput", "prefill_s", {}, 2.7, "published", "a paper, Table 5", ""),
        Published(
            "prefill_tokens", "prefill_s", {"parallel_tokens": 128}, 2.7, "published", "a paper, Fig. 8", ""
        ),
        Published("load", "load_s", {}, 4.0, "published", "another", "", "rival", "llama.cpp"),
    ),
    statements=(
        Statement("Loading takes long.", "published", "a paper, sec. 3", scenario="load"),
        Statement("29,000 images.", "published", "a paper, sec. 5.1", instead="other images"),
    ),
    references=(Reference("Accuracy", "a paper, Table 2", "other data", ("model", "score"), (("one", "70.5"),)),),
)


def saved(store: Store, number: int, name: str, seconds: float, **facts: str) -> Run:
    """Save a finished run of a bundled scenario with a single cell, every trial of which took so many seconds."""
    scenario = load(SCENARIOS / f"{name}.toml")
    context = {"device_kind": "host", "device_model": "a Xeon", "device_cores": "0,1", **facts}
    run = Run(
        id=f"018f0000-000{number}-7000-8000-000000000001",
        scenario=name,
        suite="",
        build=facts.get("build", "b" * 64),
        build_line=facts.get("line", "nano"),
        device="host",
        started_utc=f"2026-01-01T00:0{number}:00.000Z",
        ended_utc=None,
        status="running",
        seed=1,
        blocks=8,
        context=Context(context),
        cells=scenario.cells,
        scenario_toml=scenario.toml,
    )
    store.create_run(run)
    for trial in range(8):
        store.save_trial(
            run.id,
            Trial(
                *(trial + 1, trial, scenario.cells[0].key, True, None, "", "2026-01-01T00:00:01.000Z", 1.0),
                {scenario.metric: (seconds,) * 5},
                state="steady",
                purpose=purpose_of(scenario.metric),
            ),
        )
    store.finish_run(run.id, "finished")
    return run


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store with two runs that load, the newer of 0.2 s, and a build."""
    opened = Store(tmp_path)
    write_fake_build(tmp_path / "fake")
    build = opened.add_build(tmp_path / "fake", "nano")
    saved(opened, 1, "load", 0.1, build=build.id)
    saved(opened, 2, "load", 0.2, build=build.id)
    yield opened
    opened.close()


def viewed(store: Store | None) -> View:
    """View the literature beside a store; nothing may be lost."""

    def lost(what: str, error: Exception) -> None:
        raise AssertionError((what, error))

    return view_of(LITERATURE, store, lost)


def claim(view: View, words: str) -> Claim:
    """Return the one claim that begins so."""
    (found,) = [each for each in view.claims if each.words.startswith(words)]
    return found


def test_without_results_the_literature_stands_with_the_commands_that_measure_it() -> None:
    """Figures that several scenarios repeat are one claim, measured by the first of them."""
    view = viewed(None)

    assert view.sentence == (
        "Of 5 published claims, 0 have a row of ours, 4 could have one, and 1 only stands published. "
        "1 table of accuracy: for reference."
    )
    assert [(each.words, each.value, each.measure) for each in view.claims] == [
        ("load", 0.47, "`lab run load`"),
        ("prefill", 2.7, "`lab run throughput`"),
        ("Loading takes long.", None, "`lab run load`"),
        ("29,000 images.", None, ""),
        ("load", 4.0, "`lab run load --build theirs`"),
    ]
    assert view.claims[1].sources == ("a paper, Table 5", "a paper, Fig. 8")


def test_our_newest_run_stands_beside_a_figure_with_its_interval_and_what_differs(store: Store) -> None:
    """The medians of eight equal trials; the fake build has trained no weights and its cache is INT8 as theirs."""
    (row,) = viewed(store).claims[0].ours

    assert (row.run[:13], row.build_line, row.device, row.device_kind) == ("018f0000-0002", "nano", "host", "host")
    assert row.interval is not None
    assert (row.interval.estimate, row.interval.low, row.interval.high, row.unit) == (0.2, 0.2, 0.2, "s")
    differs = {each.aspect: (each.published, each.ours) for each in row.differs}
    assert differs["device"] == ("vivo X100", "a Xeon, 2 cores (this machine, no phone)")
    assert differs["weights"] == ("trained", "random")
    assert differs["conditions"][0] == "not published"
    assert "prompt" not in differs  # loading has none


def test_memory_is_said_in_gigabytes_of_a_billion(store: Store) -> None:
    """Ours as theirs: 1.5e9 bytes are 1.5 GB beside the published 2.2."""
    saved(store, 3, "memory", 1.5e9)
    figure = Published("memory", "peak_rss_bytes", {"release_vision": False}, 2.2e9, "published", "a paper", "")
    found = view_of(replace(LITERATURE, figures=(figure,)), store, lambda what, error: None)

    (row,) = found.claims[0].ours
    assert row.interval is not None
    assert (found.claims[0].value, row.interval.estimate, row.unit) == (2.2, 1.5, "GB")
    assert found.claims[0].measure == "`lab run memory`"


def test_a_statement_has_our_answer_beside_it(store: Store) -> None:
    """In the words of the run's own sentence."""
    (row,) = claim(viewed(store), "Loading takes long.").ours

    assert "200 ms" in row.sentence and row.interval is None


def test_a_figure_of_another_runtime_is_beside_runs_of_that_runtime_alone(store: Store) -> None:
    """llama.cpp's load beside llama.cpp's; an emulated phone's times are no measurements."""
    saved(store, 3, "load", 3.0, line="theirs", device_runtime="llama.cpp")
    saved(store, 4, "load", 9.0, line="slow", device_kind="emulated")

    view = viewed(store)
    assert [each.build_line for each in view.claims[-1].ours] == ["theirs"]
    assert [each.build_line for each in view.claims[0].ours] == ["nano", "theirs"]
    (gone,) = [each for each in view.claims[-1].ours[0].differs if each.aspect == "model"]
    assert gone.ours == "unknown: its build is gone"


def test_every_format_has_both_figures_and_no_third(store: Store) -> None:
    """0.47 s and 0.2 s: neither their ratio nor the difference is printed, and a page loads nothing."""
    view = viewed(store)
    said = json.loads(as_json([published_document(view)]))["results"][0]

    assert said["claims"][0]["ours"][0]["interval"]["estimate"] == 0.2
    from lab.report.published.terminal import render_terminal

    for text in (printed(render_terminal(view)), render_markdown(view), render_html(view)):
        assert "0.47 s" in text and "200 ms" in text and "018f0000-0002" in text
        assert not any(third in text for third in ("2.35", "0.43", "42.", "270 ms", "faster", "slower"))
    assert "70.5" in render_markdown(view) and "70.5" in render_html(view)
    assert "http" not in render_html(view)


def test_a_part_of_the_prompt_is_no_whole_one(store: Store) -> None:
    """A cell that prefills 512 tokens differs from 2048, whatever its build's input has."""
    run = saved(store, 3, "prefill_tokens", 1.0)
    cell = Cell("part", {"parallel_tokens": 128, "prompt_tokens": 512, "input": "screen"})

    told = {each.aspect: each.ours for each in differences(store, PAPER, run, cell, "prefill_s")}
    assert told["prompt"] == "512 tokens"
