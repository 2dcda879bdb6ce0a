"""Operators, launch by launch: those of the warm-up and of untimed work are left out."""

from __future__ import annotations

import json
from pathlib import Path

from device_agents.contract import Event, Graph, Iteration, Operators, Span, Stage, Tokens, canonical_json
from device_agents.reference.__main__ import main
from device_agents.reference.profiler import summed
from tests.device_agents.stand_in import job_of, write_build


def span(stage: Stage, iteration: int, start_ns: int, duration_ns: int, tokens: int = 4) -> Span:
    """Return a launch of a stage."""
    return Span(
        stage=stage,
        iteration=iteration,
        index=0,
        start_ns=start_ns,
        duration_ns=duration_ns,
        role="npu",
        unit="cpu0",
        thread=1,
        cpu_ns=0,
        count=Tokens(true=tokens, padded=tokens),
    )


EVENTS: list[Event] = [
    span(Stage.PREFILL, 0, 0, 100),
    Iteration(iteration=0, phase="warmup", start_ns=0, duration_ns=100),
    span(Stage.PREFILL, 1, 1000, 100),
    span(Stage.PREFILL, 1, 1200, 50),
    span(Stage.SAMPLE, 1, 1300, 7, tokens=1),
    Iteration(iteration=1, phase="measure", start_ns=1000, duration_ns=400),
]


def test_an_operator_belongs_to_the_launch_in_which_it_began() -> None:
    """Of six operators one ran in the warm-up, one between launches and one after them."""
    ran = [("MatMul", start, took) for start, took in ((10, 80), (1010, 60), (1150, 5), (1210, 30), (1290, 9))]
    stages, operators, unseen = summed(EVENTS, {Graph.LLM: [*ran, ("Cast", 1080, 20)]})

    assert [(s.stage, s.launches, s.duration_ns, s.items) for s in stages] == [
        (Stage.PREFILL, 2, 150, 8),
        (Stage.SAMPLE, 1, 7, 1),
    ]
    assert [(o.operator, o.calls, o.duration_ns) for o in operators] == [("MatMul", 2, 90), ("Cast", 1, 20)]
    assert unseen == 0


def test_a_launch_that_was_not_recorded_is_counted_and_left_out() -> None:
    """The runtime stops recording after a million events: what it missed is no `rest`."""
    stages, _, unseen = summed(EVENTS, {Graph.LLM: [("MatMul", 1010, 60)]})

    assert [(s.stage, s.duration_ns) for s in stages] == [(Stage.PREFILL, 100), (Stage.SAMPLE, 7)]
    assert unseen == 1


def test_the_verb_profile_writes_the_operators_of_every_stage(tmp_path: Path) -> None:
    """Each stage with a graph has operators, which take no longer than the stage, and no other file is left."""
    batches = [{"true": 1, "padded": 1}] * 3
    work = {"kind": "generate", "input": "screen", "batches": batches, "pipelined": False}
    work |= {"parallel_tokens": 3, "new_tokens": 3, "coupled": True}
    (tmp_path / "build").mkdir()
    job = job_of(write_build(tmp_path / "build"), work, warmup_iterations=1, iterations=2)
    (tmp_path / "job.json").write_text(json.dumps(job))
    names = {name: str(tmp_path / name) for name in ("job.json", "events.jsonl", "operators.json")}

    options = ("--job", names["job.json"], "--events", names["events.jsonl"])
    assert main(["profile", *options, "--operators", names["operators.json"]]) == 0

    raw = (tmp_path / "operators.json").read_bytes()
    found = Operators.model_validate_json(raw)
    took = {stage.stage: stage.duration_ns for stage in found.stages}
    assert raw == canonical_json(found)
    assert found.unseen == 0
    graphs = {Stage.TILE, Stage.PATCH_EMBED, Stage.VIT, Stage.PROJECT, Stage.EMBED}
    assert {o.stage for o in found.operators} == graphs | {Stage.PREFILL, Stage.DECODE}
    assert {stage.stage: stage.launches for stage in found.stages}[Stage.DECODE] == 2 * 2
    for stage in {o.stage for o in found.operators}:  # the profiler rounds to microseconds
        calls = [o for o in found.operators if o.stage is stage]
        assert sum(o.duration_ns for o in calls) <= took[stage] + 1000 * sum(o.calls for o in calls)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["build", *sorted(names)]
