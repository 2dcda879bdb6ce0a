"""The literature's figures that come with pocketlab: known metrics, known scenarios, arithmetic that holds."""

from __future__ import annotations

import pytest

from lab.report.answer.standing import matches
from lab.scenario.known import SCENARIOS
from lab.scenario.load import load
from lab.scenario.published import literature
from lab.stats.schedule import pipeline
from lab.trial import memory
from lab.trial.metrics import METRICS

LITERATURE = literature(SCENARIOS / "published.toml")
FIGURES = LITERATURE.figures
COUNTED = ("images", "fewer", "more")
"""What the resolution study counts; no cell is measured."""


def value(scenario: str, metric: str, **parameters: str | float | bool) -> tuple[float, str]:
    """Find the one figure of a scenario and metric with these parameters."""
    found = [
        f
        for f in FIGURES
        if (f.scenario, f.metric) == (scenario, metric) and parameters.items() <= f.parameters.items()
    ]
    assert len(found) == 1
    return found[0].value, found[0].kind


def test_every_figure_has_a_known_metric_and_the_paper_as_its_source() -> None:
    """A figure without a source is a rumour."""
    assert len(FIGURES) == 33
    assert {f.metric for f in FIGURES} <= {*METRICS, *memory.METRICS, *COUNTED}
    assert all("arXiv 2411.10640" in f.source for f in FIGURES)


def test_what_the_paper_prints() -> None:
    """Table 5 and Fig. 5 of arXiv 2411.10640."""
    assert value("vit_batch", "encode_s", patches_per_batch=4) == (2.06, "published")
    assert value("vit_batch", "vit_s", patches_per_batch=4) == (1.9, "published")
    assert value("prefill_tokens", "prefill_s", parallel_tokens=128) == (2.7, "published")
    assert value("throughput", "decode_tokens_per_s") == (24.4, "published")
    assert value("load", "load_s") == (0.47, "published")
    assert value("pipeline_overlap", "overlap_possible_s") == (0.2, "published")


def test_what_the_paper_prints_of_its_rival() -> None:
    """Table 5 again: 13.9 s of prefill and 4.9 tokens a second, beside runs of llama.cpp alone."""
    rival = "MiniCPM-Llama3-V 2.5"

    assert [(f.scenario, f.value, f.runtime) for f in FIGURES if f.system == rival] == [
        ("prefill_tokens", 13.9, "llama.cpp"),
        ("decode", 4.9, "llama.cpp"),
    ]


def test_the_accuracy_tables_have_the_figures_that_the_paper_prints() -> None:
    """Table 3's average is that of its eight columns, OCRBench of 1000 divided by 10."""
    by_title = {table.title: table for table in LITERATURE.references}
    ours = next(row for row in by_title["OpenCompass"].rows if row[0] == "BlueLM-V-3B")

    scores = [float(text) for text in ours[3:]]
    scores[6] /= 10
    assert round(sum(scores) / 8, 1) == float(ours[2]) == 66.1
    assert by_title["Tiling rules compared"].rows[5] == (
        *("BlueLM-3B", "relaxed"),
        *("79.5", "56.2", "31.3", "360", "17.5"),
    )
    assert by_title["Text in images"].rows[4][2:] == ("78.4", "87.8", "32.7")


def test_what_the_paper_counts() -> None:
    """Sec. 5.1: images of LLaVA-665k, less 41k entries of text alone, with fewer or more tiles."""
    assert value("resolution_study", "images") == (665_000 - 41_000, "derived")
    assert value("resolution_study", "fewer", than="llava_next") == (29_000, "published")
    assert value("resolution_study", "fewer", than="internvl") == (523_000, "published")
    assert value("resolution_study", "more", than="internvl") == (25_000, "published")
    assert value("memory", "peak_rss_bytes") == (2.2e9, "published")


def test_the_derived_waits_are_the_rest_of_the_encoding_and_the_prefill() -> None:
    """max(0, 2.06 s - delay) + 2.7 s (facts of Table 5 of arXiv 2411.10640; Fig. 6 prints no time)."""
    waits = {0.0: 4.76, 0.5: 4.26, 1.0: 3.76, 2.0: 2.76, 3.0: 2.7, 5.0: 2.7}

    for delay, wait_s in waits.items():
        assert value("decoupled", "first_token_s", instruction_delay_s=delay) == (wait_s, "derived")
    assert value("decoupled", "first_token_s", coupled=True) == (4.76, "derived")


def test_what_is_derived_follows_from_what_is_printed() -> None:
    """Sums and schedules of 160, 40, 800 and 300 ms; 2048 tokens in 2.7 s."""
    large, small = (0.16, 0.8), (0.04, 0.3)

    def takes(*batches: tuple[float, float]) -> tuple[float, float]:
        found = pipeline([b[0] for b in batches], [b[1] for b in batches])
        return round(found.makespan, 6), round(found.serial, 6)

    piped, serial = takes(large, large, small)
    assert piped == 2.06
    assert value("pipeline_overlap", "encode_s", patches_per_batch=4, pipelined=False) == (serial, "derived")
    first, _ = takes(small, large, large)
    assert value("pipeline_overlap", "encode_s", order="smallest_first") == (first, "derived")
    piped, serial = takes(*[small] * 9)
    assert value("vit_batch", "encode_s", patches_per_batch=1) == (piped, "derived")
    assert value("pipeline_overlap", "encode_s", patches_per_batch=1) == (serial, "derived")
    assert value("pipeline_overlap", "patch_embed_s") == (round(0.16 + 0.16 + 0.04, 6), "derived")
    assert value("vit_batch", "vit_s", patches_per_batch=1) == (round(9 * 0.3, 6), "derived")
    assert value("throughput", "first_token_s") == (round(2.06 + 2.7, 6), "derived")
    assert value("first_token", "first_token_s", coupled=True) == (round(2.06 + 2.7, 6), "derived")
    assert value("first_token", "first_token_s", coupled=False) == (2.7, "derived")
    assert value("prefill_tokens", "prefill_tokens_per_s") == (int(2048 / 2.7), "derived")


@pytest.mark.parametrize("name", sorted({f.scenario for f in FIGURES if f.metric not in COUNTED}))
def test_every_figure_is_about_a_cell_of_its_scenario(name: str) -> None:
    """A figure that matches nothing would never be shown."""
    cells = load(SCENARIOS / f"{name}.toml").cells

    for figure in FIGURES:
        if figure.scenario == name:
            assert any(matches(figure, cell) for cell in cells), figure
