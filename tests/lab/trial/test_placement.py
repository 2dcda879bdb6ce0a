"""CPU time shows which unit did a stage's work, and which claims are false."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_agents.contract import PROTOCOL, Event, Hello, Iteration, Span, Stage
from lab.records import Vitals
from lab.trial.placement import contradiction, others_rose, placement

MS = 1_000_000


def span(unit: str, cpu_ms: float, *, wall_ms: float = 1000, start_ms: float = 0, **more: object) -> Span:
    """Return a span of `vit`, by default of one second."""
    facts = {"stage": "vit", "iteration": 0, "index": 0, "role": "npu", "thread": 1} | more
    times = {"start_ns": round(start_ms * MS), "duration_ns": round(wall_ms * MS), "cpu_ns": round(cpu_ms * MS)}
    return Span.model_validate(facts | times | {"unit": unit})


@pytest.mark.parametrize(
    ("unit", "cpu_ms", "where"),
    [
        ("npu0", 0, "NPU"),
        ("npu0", 200, "NPU"),
        ("npu0", 201, "MIXED"),
        ("npu0", 799, "MIXED"),
        ("npu0", 800, "CPU"),
        ("npu0", 3900, "CPU"),  # four cores
        ("cpu2-3", 1900, "CPU"),
        ("cpu0", 450, "CPU"),  # another process had the core the rest of the time
        ("cpu0", 100, "UNKNOWN"),  # it waited, for a disk or something else
    ],
)
def test_cpu_time_says_what_did_the_work(unit: str, cpu_ms: float, where: str) -> None:
    """An idle CPU and a claimed accelerator: NPU; a CPU busy throughout: CPU, whatever is claimed."""
    assert placement([span(unit, cpu_ms)]) == {Stage.VIT: where}


def test_a_claim_that_cpu_time_contradicts_is_reported_with_its_figures() -> None:
    """The sentence names the stage, the unit and both times, summed over the launches."""
    launches = [span("npu0", 485, wall_ms=500), span("npu0", 485, wall_ms=500, start_ms=600)]

    assert contradiction(launches) == (
        "`vit` claims npu0 and used 0.97 s of CPU time in 1.00 s: it ran on the CPU"
    )


@pytest.mark.parametrize(("unit", "cpu_ms"), [("cpu0-1", 2000), ("npu0", 30), ("npu0", 500)])
def test_nothing_else_is_a_contradiction(unit: str, cpu_ms: float) -> None:
    """A working CPU, a working accelerator and one that the CPU helps make true claims."""
    assert contradiction([span(unit, cpu_ms)]) == ""


def test_what_was_printed_by_a_foreign_tool_is_no_evidence() -> None:
    """A parsed duration has no CPU time: its 0 proves no accelerator."""
    printed = [span("npu0", 0, source="parsed")]

    assert placement(printed) == {Stage.VIT: "UNKNOWN"}
    assert contradiction(printed) == ""


def test_a_stage_too_short_to_tell_is_unknown() -> None:
    """Most of a tenth of a millisecond is the driver call, which is CPU time."""
    calls = [span("npu0", 0.09, wall_ms=0.1, start_ms=at) for at in range(10)]

    assert placement(calls) == {Stage.VIT: "UNKNOWN"}
    assert contradiction(calls) == ""


def test_a_unit_that_worked_beside_it_is_not_held_against_an_accelerator() -> None:
    """The process's CPU time includes the next batch's convolution; the last batch has nothing beside it."""
    convolution = span("cpu0", 900, start_ms=100, wall_ms=900, stage="patch_embed", role="cpu", index=1)
    overlapped = span("npu0", 930, index=0)
    alone = span("npu0", 30, start_ms=1000, index=1)

    assert placement([overlapped, convolution, alone]) == {Stage.VIT: "NPU", Stage.PATCH_EMBED: "UNKNOWN"}
    assert contradiction([overlapped, convolution, alone]) == ""


def test_a_fall_back_in_a_pipeline_is_seen_in_its_last_batch() -> None:
    """Nothing runs beside the last batch: its CPU time is that of the claimed accelerator's work."""
    convolution = span("cpu0", 900, start_ms=100, wall_ms=900, stage="patch_embed", role="cpu", index=1)
    batches = [span("npu0", 1900, index=0), convolution, span("npu0", 970, start_ms=1000, index=1)]

    assert contradiction(batches).startswith("`vit` claims npu0 and used 0.97 s of CPU time in 1.00 s")


def test_a_stage_of_which_some_launches_fell_back_is_mixed_and_still_a_contradiction_of_the_claim() -> None:
    """A launch that admits the CPU is honest; launches that claim the NPU are judged by themselves."""
    honest = [span("npu0", 20), span("cpu0-3", 3900, start_ms=1000)]
    lying = [span("npu0", 20), span("gpu", 990, start_ms=1000)]

    assert placement(honest) == {Stage.VIT: "MIXED"}
    assert contradiction(honest) == ""
    assert placement(lying) == {Stage.VIT: "MIXED"}
    assert contradiction(lying).startswith("`vit` claims gpu")


def test_waiting_and_parts_of_a_stage_are_nobodys_work() -> None:
    """A user's wait and a span inside another are not judged."""
    user = span("user", 0, role="user", stage="first_token")
    part = span("npu0", 0, parent="vit")

    assert placement([user, part]) == {}


def with_an_iteration(*spans: Span) -> list[Event]:
    """Return the events of an agent that measures one second from 10 s on, by the device's clock."""
    clock = {"monotonic_ns": 0, "boot_ns": 0, "real_ns": 0}
    words = dict.fromkeys(("agent", "agent_version", "runtime", "runtime_version", "abi"), "test")
    hello = Hello.model_validate(clock | words | {"protocol": PROTOCOL, "cpu_features": [], "units": {}, "pid": 1})
    iteration = Iteration(iteration=0, phase="measure", start_ns=10_000 * MS, duration_ns=1000 * MS)
    return [hello, *spans, iteration]


def test_what_others_used_more_is_the_devices_cpu_time_without_the_agents_and_without_what_was_used_before() -> (
    None
):
    """Of 2 busy cores (median of three samples) 0.3 are the agent's; before it began 0.5 were busy: 1.2 more."""
    events = with_an_iteration(span("npu0", 300, start_ms=10_000))
    during = [Vitals(at, busy_cores=busy) for at, busy in ((9.9, 7.0), (10.1, 2.0), (10.5, 1.0), (10.9, 3.0))]

    assert others_rose(Vitals(9.0, busy_cores=0.5), during, events) == pytest.approx(1.2)


def test_what_was_not_read_says_nothing_of_others() -> None:
    """There is no sample during the measurement, or no look before it."""
    events = with_an_iteration(span("npu0", 300, start_ms=10_000))

    assert others_rose(Vitals(9.0, busy_cores=0.5), [Vitals(9.5, busy_cores=2.0)], events) is None
    assert others_rose(Vitals(9.0), [Vitals(10.5, busy_cores=2.0)], events) is None


@given(
    st.lists(
        st.tuples(st.sampled_from(["npu0", "cpu0", "cpu1"]), st.integers(0, 20), st.integers(1, 8)), max_size=12
    )
)
def test_only_spans_with_nothing_beside_them_are_evidence(drawn: list[tuple[str, int, int]]) -> None:
    """Whatever overlaps, exactly the spans that ran alone decide about the accelerator."""
    free: dict[str, int] = {}
    spans: list[Span] = []
    for unit, pause, length in drawn:  # one unit does one thing at a time
        start = free.get(unit, 0) + pause
        free[unit] = start + length
        spans.append(span(unit, length if unit != "npu0" else 0, start_ms=start, wall_ms=length, stage="vit"))

    def met(one: Span, other: Span) -> bool:
        apart = one.start_ns >= other.start_ns + other.duration_ns
        return not apart and other.start_ns < one.start_ns + one.duration_ns

    alone = [one for one in spans if not any(one.unit != other.unit and met(one, other) for other in spans)]
    seen = {("NPU" if one.unit == "npu0" else "CPU") for one in alone}
    wanted = {} if not spans else {Stage.VIT: "MIXED" if len(seen) > 1 else next(iter(seen), "UNKNOWN")}
    assert placement(spans) == wanted
