"""Runs made of literal trials, their answers and explanations, for the report's tests."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from rich.console import Console, RenderableType

from device_agents.contract import InvalidReason
from lab.records import Answer, Cell, Context, Metric, Parameter, Published, Run, Trial
from lab.records.explanation import Doing, Evidence, Explanation
from lab.report.answer.view import answer
from lab.report.explain.view import explain

ENCODE = Metric("encode_s", "image encoding", "s", "lower")
DECODE = Metric("decode_tokens_per_s", "decode", "tokens/s", "higher")
FIRST_TOKEN = Metric("first_token_s", "time to first token", "s", "lower")

NOISE = (1.0, 1.01, 0.99, 1.0, 1.005, 0.995)
"""Relative noise of a cell in six blocks."""


def batches(*values: int) -> tuple[Cell, ...]:
    """Sweep patches per batch."""
    return tuple(Cell(f"patches_per_batch={v}", {"patches_per_batch": v, "pipelined": True}) for v in values)


def cell(key: str, **parameters: Parameter) -> Cell:
    """Make a cell of a listed sweep."""
    return Cell(key, parameters)


def run_of(
    cells: Sequence[Cell],
    *,
    scenario: str = "vit_batch",
    line: str = "nano-paper",
    status: Literal["running", "finished", "interrupted", "failed"] = "finished",
) -> Run:
    """Make a run of these cells on the host."""
    return Run(
        id="0192f3a1-7c4e-7abc-8def-001122334455",
        scenario=scenario,
        suite="quick",
        build="a3" * 32,
        build_line=line,
        device="host",
        started_utc="2026-11-23T01:20:00Z",
        ended_utc=None,
        status=status,
        seed=7,
        blocks=6,
        context=Context({"device.kind": "host"}),
        cells=tuple(cells),
        scenario_toml="[scenario]",
    )


def trials_of(cells: Sequence[Cell], metrics: Mapping[str, Sequence[Sequence[float]]]) -> list[Trial]:
    """Make one valid trial for each cell and block; metrics[name][cell][block] is its median."""
    blocks = range(len(next(iter(metrics.values()))[0]))
    return [
        Trial(
            number=1 + block * len(cells) + index,
            block=block + 1,
            cell=found.key,
            valid=True,
            reason=None,
            detail="",
            started_utc="2026-11-23T01:20:00Z",
            wall_s=2.0,
            samples={
                name: (v[index][block] * 0.999, v[index][block], v[index][block] * 1.2)
                for name, v in metrics.items()
            },
        )
        for block in blocks
        for index, found in enumerate(cells)
    ]


def invalid(number: int, block: int, key: str, detail: str = "", **samples: tuple[float, ...]) -> Trial:
    """Make a trial with a wrong output."""
    return Trial(
        number, block, key, False, InvalidReason.WRONG_OUTPUT, detail, "2026-11-23T01:21:00Z", 2.0, samples
    )


def figure(
    value: float, metric: str = "encode_s", scenario: str = "vit_batch", **parameters: Parameter
) -> Published:
    """Make a published figure."""
    return Published(scenario, metric, parameters, value, "published", "arXiv 2411.10640, Fig. 5", "a note")


CELLS = batches(1, 4)
"""The two cells of explained runs."""


def kept_of(trials: Sequence[Trial], doing: Doing | None = None) -> list[Evidence]:
    """Return evidence for each trial, all with the same `doing`; trials begin a minute apart."""
    begun = [f"2026-11-23T{1 + number // 60:02d}:{number % 60:02d}:00Z" for number in range(len(trials))]
    return [
        Evidence(replace(trial, started_utc=at), 1, None, doing or Doing(unknown="no sensor was read around it"))
        for trial, at in zip(trials, begun, strict=True)
    ]


def fine(blocks: int, cells: Sequence[Cell] = CELLS) -> list[Trial]:
    """Make steady, valid trials with a little noise."""
    noise = [1 + 0.004 * ((7 * block) % 5 - 2) for block in range(blocks)]
    return [
        replace(trial, state="steady", samples={"encode_s": (0.3 * noise[trial.block - 1],) * 3})
        for trial in trials_of(cells, {"encode_s": [[0.3 * factor for factor in noise] for _ in cells]})
    ]


def bad(trial: Trial, reason: InvalidReason, detail: str) -> Trial:
    """Make a trial invalid."""
    return replace(trial, valid=False, reason=reason, detail=detail, state="unknown")


HOSTILE = "</td><script>alert(1)</script>\x1b[2J|`*[x](javascript:alert(1)) \"'"
"""A name that would do harm in HTML, in Markdown and in a terminal."""


def times(*typical: float) -> list[list[float]]:
    """Give each cell its own order of the same noise."""
    return [[t * NOISE[(b + 2 * i) % 6] for b in range(6)] for i, t in enumerate(typical)]


def encode_answer(cells: Sequence[Cell], trials: Sequence[Trial], published: Sequence[Published] = ()) -> Answer:
    """Answer the question of the fastest batch."""
    return answer(run_of(cells), trials, question="Which batch is fastest?", metric=ENCODE, published=published)


def example(hostile: str = "nano-paper") -> tuple[Answer, list[Trial]]:
    """Answer a sweep of 1, 4 and 6 with an invalid trial, another metric and a published figure."""
    cells = batches(1, 4, 6)
    encode = times(0.4, 0.3, 0.301)
    trials = trials_of(cells, {"encode_s": encode, "first_token_s": encode})
    trials.append(invalid(19, 6, "patches_per_batch=1", hostile, encode_s=(0.35,)))
    run = replace(run_of(cells, line=hostile), device=hostile, scenario_toml=hostile)
    published = [replace(figure(2.06, patches_per_batch=4), source=hostile, note=hostile)]
    found = answer(
        run,
        trials,
        question=f"Which {hostile}?",
        metric=ENCODE,
        other_metrics=[FIRST_TOKEN],
        published=published,
    )
    return found, trials


def explained(kept: Sequence[Evidence], run: Run | None = None) -> Explanation:
    """Explain a run of two cells."""
    return explain(run or run_of(CELLS), kept, ENCODE)


def printed(found: RenderableType, width: int = 80) -> str:
    """Return what would be printed into a file."""
    out = io.StringIO()
    Console(file=out, width=width).print(found)
    return out.getvalue()


def flat(text: str) -> str:
    """Undo the wrapping."""
    return re.sub(r"\s+", " ", text)
