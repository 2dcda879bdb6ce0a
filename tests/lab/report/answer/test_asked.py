"""Every bundled scenario's question, and beside it the sentence that answers it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import pytest

from lab.records import Answer, Sustained
from lab.report.answer.sustained import lasting_sentence
from lab.report.answer.tables import cells_table
from lab.report.answer.view import answer
from lab.scenario.known import SCENARIOS
from lab.scenario.load import load
from lab.scenario.workloads import WORKLOADS
from lab.stats.sustained import sustained
from lab.trial.metrics import METRICS
from tests.lab.report.report_runs import NOISE, run_of, trials_of

ASKED: dict[str, tuple[Sequence[float], str]] = {
    "vit_batch": (
        [0.40, 0.36, 0.33, 0.30, 0.31, 0.35],
        "How many patches per batch encode a 2:4 image fastest? "
        "Fastest: 4 patches per batch, at 300 ms (95 % interval 294 to 306 ms). Next: 5, which is 3.3 % "
        "slower (95 % "
        "interval 2.8 to 3.8 %).",
    ),
    "prefill_tokens": (
        [2.0, 0.3, 0.206, 0.2065, 0.265],
        "How many tokens in parallel prefill the full prompt fastest? "
        "Cannot tell which of 128 and 512 is fastest: this run cannot separate them. The other 3 cells are "
        "slower. "
        "Best estimate: 128 tokens in parallel, at 206 ms (95 % interval 203 to 209 ms).",
    ),
    "decode": (
        [478, 460, 267],
        "At which context length are tokens decoded fastest, and how much speed is lost at the longest? "
        "Fastest: 128 tokens of context, at 478 tokens/s (95 % interval 473 to 483 tokens/s). At the longest, "
        "2048 "
        "tokens of context, the loss is 44 % of the speed (95 % interval 44 to 45 %). Next: 512, which is 3.8 % "
        "slower (95 % interval 3.4 to 4.1 %).",
    ),
    "pipeline_overlap": (
        [0.30, 0.315, 0.33, 0.4, 0.31],
        "How much faster is an image encoded when convolution and transformer blocks overlap? "
        "Pipelining is faster: the best serial cell (in turn) is 5.0 % slower (95 % interval 4.5 to 5.5 %). "
        "Fastest: "
        "pipelined, at 300 ms (95 % interval 297 to 303 ms).",
    ),
    "first_token": (
        [1.42, 0.7],
        "How long until the first token, if the image arrives with the instruction or before it? "
        "1.42 s (95 % interval 1.41 to 1.43 s) if the image arrives with the instruction. That is 103 % "
        "slower (95 % "
        "interval 102 to 103 %) than if it arrives before: 700 ms (95 % interval 691 to 709 ms). First token: "
        "from "
        "image and instruction given to its text, the model loaded.",
    ),
    "decoupled": (
        [0.9, 0.91, 0.6, 0.5, 0.5, 0.5, 0.5, 0.4, 0.2, 0.2, 0.2, 0.2],
        "How much of the wait for the first token does encoding the image while the user types save? "
        "Decoupling saves 400 ms of 900 ms for an instruction that takes 2 s to type (44 %, 95 % interval 44 to "
        "45 %): the first token comes after 500 ms. Prefilling what precedes the instruction while the user types "
        "(ours, not the paper's) leaves 200 ms of that. First token: from image and instruction given to its "
        "text, the model loaded.",
    ),
    "memory": (
        [3.1e9, 2.2e9],
        "How much memory does an answer take at its peak, with and without releasing the vision graphs? "
        "3.10 GB at most without releasing the vision graphs, 2.20 GB with it: 29 % less.",
    ),
    "throughput": (
        [88.0],
        "How many tokens per second does a user see? "
        "A user sees 88.0 tokens/s (95 % interval 87.1 to 88.9 tokens/s).",
    ),
    "load": (
        [0.47],
        "How long does it take to open every graph of the build, with its files in memory? "
        "Opening every graph takes 470 ms (95 % interval 465 to 475 ms).",
    ),
    "null": (
        [12e-6],
        "How long does an iteration that does nothing take? "
        "An iteration that does nothing takes 12.0 µs (95 % interval 11.9 to 12.1 µs).",
    ),
    "reference": (
        [0.013],
        "How long does a short prefill take on this device? "
        "The prefill takes 13.0 ms (95 % interval 12.9 to 13.1 ms).",
    ),
    "selfcheck": (
        [0.05],
        "How often does the lab report a change between equal builds, and which slow-downs does it find? "
        "`lab selfcheck` answers that, from many runs like this one. The prefill takes 50.0 ms (95 % interval "
        "49.5 to 50.5 ms).",
    ),
}  # fmt: skip


def answered(name: str, values: Sequence[float]) -> Answer:
    """Answer a bundled scenario whose cells have these figures; noise grows from cell to cell."""
    scenario = load(SCENARIOS / f"{name}.toml")
    metric = METRICS[scenario.metric]
    medians = [[v * (1 + (n - 1) * (1 + 0.3 * i)) for n in NOISE] for i, v in enumerate(values)]
    trials = [
        replace(trial, purpose=scenario.purpose) for trial in trials_of(scenario.cells, {metric.name: medians})
    ]
    return answer(
        run_of(scenario.cells, scenario=name),
        trials,
        question=scenario.question,
        metric=metric,
        other_metrics=[METRICS[each] for each in WORKLOADS[scenario.kind].metrics if each != metric.name],
    )


@pytest.mark.parametrize("name", ASKED)
def test_a_scenarios_sentence_answers_its_question(name: str) -> None:
    """Read both together."""
    values, words = ASKED[name]
    found = answered(name, values)

    assert f"{found.question} {found.sentence}" == words


def test_the_lasting_rate_answers_how_much_a_warm_device_sustains() -> None:
    """Twenty minutes that lose a quarter after ten."""
    scenario = load(SCENARIOS / "sustained.toml")
    points = [(float(s), 20.0 if s < 600 else 15.0) for s in range(1200)]
    curve: Sustained = sustained(points, trial=1, cell=scenario.cells[0].key, unit="tokens/s", celsius=[])

    assert scenario.question == (
        "How many tokens per second does a warm device sustain, and when is the speed lost?"
    )
    assert lasting_sentence([curve], scenario.cells) == (
        "15.0 tokens/s sustained, 75 % of the peak of 20.0 tokens/s at 0 min; 25 % lost (95 % interval of the "
        "loss 25 "
        "to 25 %), the first 10 % after 10 min."
    )


def test_every_bundled_scenario_is_read_here() -> None:
    """A new one is added above, with its answer."""
    named = {path.stem for path in SCENARIOS.glob("*.toml") if "[scenario]" in path.read_text()}

    assert named == {*ASKED, "sustained", "accuracy"}


@pytest.mark.parametrize("name", ["vit_batch", "decode", "pipeline_overlap", "first_token"])
@pytest.mark.parametrize("narrow", [True, False])
def test_percentages_of_the_sentence_stand_in_the_table(name: str, narrow: bool) -> None:
    """What is slower, by how much and between which limits is read in one cell of the column."""
    found = answered(name, ASKED[name][0])
    column = {text for row in cells_table(found, narrow=narrow).rows for text in row.texts}

    gaps = re.findall(r"(\S+ %) (?:slower|of the speed) \(95 % interval (\S+) to (\S+) %\)", found.sentence)
    assert gaps and {f"{share} ({low} to {high})" for share, low, high in gaps} <= column


def test_a_longest_context_that_loses_nothing_says_so() -> None:
    """The loss is not seen where the interval holds none; nothing is lost where the longest is ahead."""
    assert "2048 tokens of context, no loss is seen: 0.21 % of the speed (95 % interval" in (
        answered("decode", [478, 400, 477]).sentence
    )
    assert (
        "At the longest, 2048 tokens of context, no loss is seen." in answered("decode", [400, 460, 478]).sentence
    )


def test_two_waits_that_cannot_be_separated_are_both_told() -> None:
    """Neither is called slower."""
    assert answered("first_token", [1.42, 1.421]).sentence.startswith(
        "1.42 s (95 % interval 1.41 to 1.43 s) if the image arrives with the instruction, 1.42 s (95 % "
        "interval 1.40 "
        "to 1.44 s) if the image arrives before: this run cannot separate them."
    )
