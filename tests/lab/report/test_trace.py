"""A trace has one track for each execution unit, with its spans at the times they were measured."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from device_agents.contract import Event, Iteration, Span, Stage, Tokens
from lab.errors import RunError
from lab.report.trace import trace_of, trace_of_saved
from lab.store import Store
from tests.saved_answers import saved_run


def events() -> list[Event]:
    """Return two iterations on two units; a convolution overlaps the blocks of the batch before."""
    found: list[Event] = []
    for number in (0, 1):
        at = 5_000_000 + number * 10_000_000
        for stage, role, start, index in (
            (Stage.VIT, "npu", at + 2_000_000, 0),
            (Stage.PATCH_EMBED, "cpu", at, 0),
            (Stage.PATCH_EMBED, "cpu", at + 2_500_000, 1),
            (Stage.FIRST_TOKEN, "user", at, 0),
        ):
            span = Span(
                stage=stage,
                iteration=number,
                index=index,
                start_ns=start,
                duration_ns=2_000_000,
                role=role,
                unit="user" if role == "user" else f"{role}0",
                thread=1,
                cpu_ns=1_500_000,
                count=Tokens(true=1, padded=4),
            )
            found.append(span)
        phase = "warmup" if number == 0 else "measure"
        found.append(Iteration(iteration=number, phase=phase, start_ns=at, duration_ns=9_000_000))
    return found


def test_tracks_are_the_units_in_the_papers_order() -> None:
    """The CPU is above the NPU, the user below both."""
    trace = trace_of("title", events())["traceEvents"]

    names = [e["args"] for e in trace if e["name"] == "thread_name"]

    assert names == [
        {"name": "iteration"},
        {"name": "cpu (unit cpu0)"},
        {"name": "npu (unit npu0)"},
        {"name": "user"},
    ]


def test_times_are_microseconds_from_the_first_event() -> None:
    """A span 2 ms into the trial, 2 ms long, starts at 2000 and lasts 2000."""
    trace = trace_of("title", events(), iteration=1)["traceEvents"]

    (vit,) = [e for e in trace if e["name"] == "vit 0"]

    assert (vit["ph"], vit["ts"], vit["dur"]) == ("X", 2000.0, 2000.0)
    assert vit["args"] == {
        "role": "npu",
        "unit": "npu0",
        "iteration": 1,
        "parent": None,
        "cpu_ms": 1.5,
        "source": "measured",
        "true": 1,
        "padded": 4,
    }


def test_an_overlap_can_be_seen() -> None:
    """Two spans on two tracks share time, which is the purpose of the pipeline."""
    trace = trace_of("title", events(), iteration=1)["traceEvents"]
    by_name = {str(e["name"]): e for e in trace if e["ph"] == "X"}

    vit, conv = by_name["vit 0"], by_name["patch_embed 1"]

    assert vit["tid"] != conv["tid"]
    assert (vit["ts"], conv["ts"]) == (2000.0, 2500.0)


def test_the_trace_is_json_with_only_known_phases() -> None:
    """Every event carries what the format asks for, and the document is plain JSON."""
    document = json.loads(json.dumps(trace_of("title", events())))

    assert set(document) == {"traceEvents"}
    assert {e["ph"] for e in document["traceEvents"]} == {"M", "X"}
    assert all({"name", "pid", "tid"} <= set(e) for e in document["traceEvents"])
    assert all(e["ts"] >= 0 and e["dur"] >= 0 for e in document["traceEvents"] if e["ph"] == "X")


def test_a_trial_or_iteration_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:
    """Without a number the first valid trial is meant."""
    store = Store(tmp_path)
    run = saved_run(store)
    lines = [event.model_dump_json() + "\n" for event in events()]
    (store.trial_folder(run.id, 1) / "events.jsonl").write_text("".join(lines))

    number, document = trace_of_saved(store, run)
    assert (number, document) == (1, trace_of("null null trial 1", events()))
    with pytest.raises(RunError, match=r"has no trial 77; it has 0 to 8 \(0 is the uncounted first process\)"):
        trace_of_saved(store, run, 77)
    with pytest.raises(RunError, match=r"trial 1 of run .* has no iteration 2; it has \[0, 1\]"):
        trace_of_saved(store, run, 1, 2)
    store.close()
