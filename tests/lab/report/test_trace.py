"""A trace has one track for each execution unit, with its spans at the times they were measured."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from device_agents.contract import Event, Hello, Iteration, Span, Stage, Tokens
from lab.device.vitals.look import write
from lab.errors import RunError, StoreError
from lab.records import Vitals
from lab.report.trace import Source, document, trace_of_saved
from lab.store import Store, glance
from tests.saved_answers import saved_run


def events() -> list[Event]:
    """Return two iterations on two units; a convolution overlaps the blocks of the batch before."""
    found: list[Event] = [
        Hello(
            protocol=1, agent="a", agent_version="1", runtime="r", runtime_version="1", abi="x86_64",
            cpu_features=[], units={}, pid=1, monotonic_ns=4_000_000, boot_ns=1_004_000_000, real_ns=0,
        )
    ]  # fmt: skip
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


def text_of(found: list[Event]) -> str:
    """Return an events file."""
    return "".join(event.model_dump_json() + "\n" for event in found)


def trace_of(
    folder: Path, vitals: tuple[Vitals, ...] = (), iteration: int | None = None, text: str | None = None
) -> list[dict[str, Any]]:
    """Return the events of the trace of a trial."""
    path = folder / "events.jsonl"
    path.write_text(text_of(events()) if text is None else text)
    found: list[dict[str, Any]] = json.loads("".join(document([Source("title", path, vitals, iteration)])))[
        "traceEvents"
    ]
    return found


def test_tracks_are_the_units_in_the_papers_order(tmp_path: Path) -> None:
    """Iterations first, then the CPU above the NPU, the user below both, whichever came first."""
    trace = trace_of(tmp_path)

    names = {e["tid"]: e["args"]["name"] for e in trace if e["name"] == "thread_name"}
    ranks = {names[e["tid"]]: e["args"]["sort_index"] for e in trace if e["name"] == "thread_sort_index"}
    assert sorted(ranks, key=ranks.__getitem__) == ["iteration", "cpu (unit cpu0)", "npu (unit npu0)", "user"]


def test_slices_of_a_stage_have_one_name_so_that_perfetto_can_add_them_up(tmp_path: Path) -> None:
    """Numbers of batches and iterations stand in the arguments."""
    slices = [e for e in trace_of(tmp_path) if e["ph"] == "X"]

    assert {e["name"] for e in slices} == {"vit", "patch_embed", "first_token", "warmup", "measure"}
    assert [e["args"]["index"] for e in slices if e["name"] == "patch_embed"] == [0, 1, 0, 1]


def test_times_are_microseconds_from_the_agents_hello(tmp_path: Path) -> None:
    """The second iteration begins 11 ms after it; its span 2 ms later, 2 ms long."""
    (vit,) = [e for e in trace_of(tmp_path, iteration=1) if e["name"] == "vit"]

    assert (vit["ph"], vit["ts"], vit["dur"]) == ("X", 13000.0, 2000.0)
    assert vit["args"] == {
        "role": "npu",
        "unit": "npu0",
        "iteration": 1,
        "index": 0,
        "parent": None,
        "cpu_ms": 1.5,
        "source": "measured",
        "true": 1,
        "padded": 4,
    }


def test_what_began_before_the_hello_has_a_negative_time(tmp_path: Path) -> None:
    """Written exactly: 5 ns before it."""
    text = text_of(events()).replace('"start_ns":7000000', '"start_ns":3999995')
    assert [e["ts"] for e in trace_of(tmp_path, text=text) if e["name"] == "vit"] == [-0.005, 13000.0]


def test_an_overlap_can_be_seen(tmp_path: Path) -> None:
    """Two spans on two tracks share time, which is the purpose of the pipeline."""
    trace = trace_of(tmp_path, iteration=1)
    (vit,) = [e for e in trace if e["name"] == "vit"]
    conv = [e for e in trace if e["name"] == "patch_embed"][1]

    assert vit["tid"] != conv["tid"]
    assert (vit["ts"], conv["ts"]) == (13000.0, 13500.0)


def test_sensors_and_cpu_time_are_counters(tmp_path: Path) -> None:
    """Readings on the device's clock since boot, which is 1 s ahead; the agent's CPU time over each iteration."""
    warm = Vitals(
        1.010,
        celsius={"battery": 31.5},
        clocks_khz={"policy4": 2_000_000.0},
        caps={"policy4": 0.8},
        busy_cores=1.5,
    )
    later = Vitals(1.500, celsius={"battery": 40.0})

    counters = [e for e in trace_of(tmp_path, (warm, later), iteration=0) if e["ph"] == "C"]

    assert [(e["name"], e["ts"], e["args"]["value"]) for e in counters] == [
        ("CPU of the agent, cores", 1000.0, 0.5),
        ("temperature of battery, °C", 6000.0, 31.5),
        ("clock of policy4, MHz", 6000.0, 2000.0),
        ("clock allowed of policy4, %", 6000.0, 80.0),
        ("CPU of everything, cores", 6000.0, 1.5),
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it holds no event"),
        ("\0\x9b garbage\n", "line 1 is no event"),
        ("[" * 100_000 + "\n", "line 1 is no event"),
        ('{"a":1}\n', "line 1 is no event"),
        ('{"event":"span"}\n', "line 1 is no event of the contract"),
        ('{"event":"hello"}\n', "line 1 is no event of the contract"),
        (
            text_of(events()).replace('"start_ns":7000000', '"start_ns":"now"'),
            "line 2 is no event of the contract",
        ),
        (
            text_of(events()).replace('"duration_ns":2000000', '"duration_ns":-1'),
            "line 2 is no event of the contract",
        ),
        (
            text_of(events()).replace('"start_ns":7000000', f'"start_ns":{10**400}'),
            "line 2 is no event of the con",
        ),
    ],
)
def test_garbage_is_no_trace(text: str, why: str, tmp_path: Path) -> None:
    """The message names the file, the line and what to do."""
    with pytest.raises(RunError, match=f"events.jsonl: wanted an agent's events, but {why}.*--trial chooses"):
        trace_of(tmp_path, text=text)


def test_two_runs_go_into_one_file_as_two_processes(tmp_path: Path) -> None:
    """Without a number the first valid trial is meant; one that is not there is refused with those that are."""
    store = Store(tmp_path)
    runs = [saved_run(store), saved_run(store, "018f0000-0000-7000-8000-000000000002")]
    for run in runs:
        folder = store.trial_folder(run.id, 1)
        (folder / "events.jsonl").write_text(text_of(events()))
        (folder / "vitals.jsonl").write_text(write(Vitals(1.010, celsius={"battery": 30.0})))

    glances = [glance.one(tmp_path, "run", run.id) for run in runs]
    numbers, pieces = trace_of_saved(tmp_path, glances)
    trace = json.loads("".join(pieces))["traceEvents"]

    assert numbers == [1, 1]
    assert {e["pid"] for e in trace if e["ph"] == "C" and "battery" in e["name"]} == {1, 2}
    assert [e["args"]["name"] for e in trace if e["name"] == "process_name"] == [
        f"null null trial 1, tiny on host ({run.id[:13]})" for run in runs
    ]
    with pytest.raises(RunError, match=r"has no trial 77; it has 0 to 8 \(0 is the uncounted first process\)"):
        trace_of_saved(tmp_path, glances, 77)
    with pytest.raises(RunError, match=r"^trial 3 of run .* has no events"):
        trace_of_saved(tmp_path, glances, 3)
    store.create_run(replace(runs[0], id="018f0000-0000-7000-8000-000000000003"))
    with pytest.raises(RunError, match=r"has no trial, so no trace: `lab explain 018f0000-0000` says what to do"):
        trace_of_saved(tmp_path, [glance.one(tmp_path, "run", "018f0000-0000-7000-8000-000000000003")])
    with pytest.raises(RunError, match=r"events\.jsonl: has no iteration 2; it has \[0, 1\]"):
        list(trace_of_saved(tmp_path, glances, 1, 2)[1])
    store.close()


def test_events_that_were_changed_after_their_run_ended_are_refused(tmp_path: Path) -> None:
    """They are sealed with their run."""
    store = Store(tmp_path)
    run = saved_run(store)
    path = store.trial_folder(run.id, 1) / "events.jsonl"
    path.write_text(text_of(events()))
    store.finish_run(run.id, "finished")
    path.write_text(text_of(events()).replace("2000000", "1000000"))

    with pytest.raises(StoreError, match=r"events\.jsonl: changed since its run ended"):
        trace_of_saved(tmp_path, [glance.one(tmp_path, "run", run.id)])
    store.close()
