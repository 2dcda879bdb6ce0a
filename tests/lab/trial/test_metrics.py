"""Rates come from seconds and true counts; the expected values are arithmetic on the paper's own figures."""

from __future__ import annotations

import pytest

from device_agents.contract import (
    Batch,
    DecodeWork,
    EncodeImageWork,
    Event,
    GenerateWork,
    Graph,
    Iteration,
    Job,
    NullWork,
    PrefillWork,
    Span,
    Stage,
    Tokens,
    Work,
)
from lab.scenario.workloads import WORKLOADS
from lab.trial.metrics import METRICS, samples_of

MS = 1_000_000


def job(work: Work) -> Job:
    """Return a job of one measured iteration."""
    return Job(protocol=1, trial="t", build="b", work=work, warmup_iterations=1, iterations=1, units={}, stages={})


def span(stage: Stage, start_ms: float, length_ms: float, true: int | None = None, **more: object) -> Span:
    """Return a span of iteration 1 in milliseconds."""
    facts = {"iteration": 1, "index": 0, "role": "npu", "unit": "npu", "thread": 0, "cpu_ns": 0, **more}
    count = None if true is None else Tokens(true=true, padded=max(true, 128))
    return Span.model_validate(
        {
            "stage": stage,
            "start_ns": int(start_ms * MS),
            "duration_ns": int(length_ms * MS),
            "count": count,
            **facts,
        }
    )


def whole(length_ms: float, *, start_ms: float = 0.0) -> Iteration:
    """Return the measured iteration 1."""
    return Iteration(iteration=1, phase="measure", start_ns=int(start_ms * MS), duration_ns=int(length_ms * MS))


def test_warm_up_is_no_sample() -> None:
    """Only iterations of the phase `measure` enter a metric."""
    warm = Iteration(iteration=0, phase="warmup", start_ns=0, duration_ns=900 * MS)

    assert samples_of(job(NullWork()), [warm, whole(2.0)]) == {"null_s": (0.002,)}


def test_what_overlapping_could_hide() -> None:
    """200 ms for the paper's batches in turn; stages that overlapped or share a unit give no figure."""
    cpu, npu = {"unit": "cpu", "role": "cpu"}, {"unit": "npu", "role": "npu"}
    events: list[Event] = [
        span(Stage.PATCH_EMBED, 0, 160, 4, index=0, **cpu),
        span(Stage.VIT, 160, 800, 4, index=0, **npu),
        span(Stage.PATCH_EMBED, 960, 160, 4, index=1, **cpu),
        span(Stage.VIT, 1120, 800, 4, index=1, **npu),
        span(Stage.PATCH_EMBED, 1920, 40, 1, index=2, **cpu),
        span(Stage.VIT, 1960, 300, 1, index=2, **npu),
        whole(2260),
    ]
    batches = [Batch(true=4, padded=4), Batch(true=4, padded=4), Batch(true=1, padded=1)]

    def found(*, pipelined: bool, vit: str) -> dict[str, tuple[float, ...]]:
        work = EncodeImageWork(input="screen", batches=batches, pipelined=pipelined)
        return samples_of(
            job(work).model_copy(update={"stages": {Graph.PATCH_EMBED: "cpu", Graph.VIT: vit}}), events
        )

    assert found(pipelined=False, vit="npu")["overlap_possible_s"][0] == pytest.approx(0.2)
    assert "overlap_possible_s" not in found(pipelined=True, vit="npu")
    assert "overlap_possible_s" not in found(pipelined=False, vit="cpu")


def test_an_image_of_nine_patches_as_the_paper_times_it() -> None:
    """Batches of 4, 4 and 1 at 160/40 ms on the CPU and 800/300 ms on the NPU, pipelined: 2060 ms."""
    cpu, npu = {"unit": "cpu", "role": "cpu"}, {"unit": "npu", "role": "npu"}
    events: list[Event] = [
        span(Stage.PATCH_EMBED, 0, 160, 4, **cpu),
        span(Stage.PATCH_EMBED, 160, 160, 4, **cpu),
        span(Stage.PATCH_EMBED, 320, 40, 1, **cpu),
        span(Stage.VIT, 160, 800, 4, **npu),
        span(Stage.VIT, 960, 800, 4, **npu),
        span(Stage.VIT, 1760, 300, 1, **npu),
        whole(2060),
    ]
    work = EncodeImageWork(input="screen", batches=[Batch(true=4, padded=4)], pipelined=True)

    samples = samples_of(job(work), events)

    assert samples["encode_s"] == (2.06,)
    assert samples["patch_embed_s"][0] == pytest.approx(0.36)
    assert samples["vit_s"][0] == pytest.approx(1.9)
    assert samples["patches_per_s"][0] == pytest.approx(9 / 2.06)
    assert "project_s" not in samples


def test_padded_tokens_do_not_flatter_a_prefill() -> None:
    """130 true tokens in two chunks of 128 within 0.1 s are 1300 tokens/s, not 2560."""
    events: list[Event] = [
        span(Stage.PREFILL, 0, 50, 128),
        span(Stage.PREFILL, 50, 50, 2),
        whole(100),
    ]
    work = PrefillWork(input="screen", prompt_tokens=130, parallel_tokens=128)

    assert samples_of(job(work), events)["prefill_tokens_per_s"][0] == pytest.approx(1300)


def test_five_tokens_have_four_intervals() -> None:
    """Decode speed counts tokens 2..N over the time between the first and the last visible one."""
    decodes = [span(Stage.DECODE, 100 + 50 * i, 40, 1, index=i) for i in range(4)]
    details = [span(Stage.DETOKENISE, 140 + 50 * i, 10, 1, index=i) for i in range(4)]
    first = span(Stage.FIRST_TOKEN, 0, 100, role="user", unit="user")
    work = DecodeWork(input="screen", context_tokens=10, new_tokens=5, parallel_tokens=8)

    samples = samples_of(job(work), [first, *decodes, *details, whole(300)])

    assert samples["decode_s"][0] == pytest.approx(0.2)
    assert samples["decode_tokens_per_s"][0] == pytest.approx(20.0)


def test_a_sub_span_is_not_counted_twice() -> None:
    """A span with a parent is part of it, in seconds and in tokens."""
    events: list[Event] = [
        span(Stage.PREFILL, 0, 100, 128),
        span(Stage.PREFILL, 0, 50, 128, parent=Stage.PREFILL),
        whole(100),
    ]
    work = PrefillWork(input="screen", prompt_tokens=128, parallel_tokens=128)

    assert samples_of(job(work), events)["prefill_tokens_per_s"][0] == pytest.approx(1280)


def test_a_generation_tells_its_phases_apart() -> None:
    """Encoding ends with the projector, prefill starts after it, the first token counts from the start."""
    events: list[Event] = [
        span(Stage.EMBED, 0, 5, 14),
        span(Stage.PATCH_EMBED, 5, 10, 9),
        span(Stage.VIT, 15, 80, 9),
        span(Stage.PROJECT, 95, 5, 9),
        span(Stage.EMBED, 100, 10, 0),
        span(Stage.PREFILL, 110, 90, 50),
        span(Stage.FIRST_TOKEN, 0, 210, role="user", unit="user"),
        span(Stage.SAMPLE, 200, 10),
        span(Stage.DECODE, 210, 50, 1),
        whole(260),
    ]
    work = GenerateWork(
        input="screen",
        batches=[Batch(true=9, padded=9)],
        pipelined=False,
        parallel_tokens=64,
        new_tokens=2,
        coupled=True,
    )

    samples = samples_of(job(work), events)

    assert samples["encode_s"][0] == pytest.approx(0.095)
    assert samples["prefill_s"][0] == pytest.approx(0.100)
    assert samples["first_token_s"][0] == pytest.approx(0.210)
    assert samples["decode_s"][0] == pytest.approx(0.050)


def test_every_metric_a_workload_yields_is_known() -> None:
    """A scenario's headline can always be looked up."""
    assert {name for workload in WORKLOADS.values() for name in workload.metrics} <= set(METRICS)


def early(*, start_of_rest_ms: float) -> list[Event]:
    """Return an early prefill of one chunk that ended at 212 ms, and the rest, for an instruction at 500 ms."""
    return [
        span(Stage.VIT, 0, 100, 4),
        span(Stage.UNLOAD, 100, 10),
        span(Stage.EMBED, 110, 2, 5),
        span(Stage.PREFILL, 112, 100, 128),
        span(Stage.EMBED, start_of_rest_ms, 1, 3),
        span(Stage.PREFILL, start_of_rest_ms + 1, 50, 100, index=1),
        span(Stage.FIRST_TOKEN, 500, 60, role="user", unit="user"),
        whole(600),
    ]


def test_waiting_for_the_instruction_is_no_prefill() -> None:
    """102 ms before and 51 ms after it, as if the user had not been waited for from 212 to 500 ms."""
    batches = [Batch(true=4, padded=4)]
    work = GenerateWork(
        input="screen",
        batches=batches,
        pipelined=False,
        parallel_tokens=128,
        new_tokens=2,
        coupled=False,
        instruction_delay_s=0.5,
        prefill_early=True,
        release_vision=True,
    )

    found = samples_of(job(work), early(start_of_rest_ms=500))

    seconds = {name: round(values[0], 6) for name, values in found.items() if name.endswith("_s")}
    assert seconds["prefill_s"] == 0.153
    assert seconds["prefill_rest_s"] == 0.051
    assert seconds["unload_s"] == 0.01
    assert seconds["first_token_s"] == 0.06
