"""Times that contradict each other are refused, with the figures in the message."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from device_agents.contract import Hello, InvalidReason, Iteration, Job, Span, Stage
from lab.trial import timing
from lab.trial.flaws import Found
from lab.trial.invariants import Findings
from lab.trial.timing import CLOCK_GRAIN_NS
from tests.lab.trial.fake_trial import Spoil, changed, checked, flaw_of, tried

MS = 1_000_000


@pytest.fixture
def judged(tmp_path: Path) -> Callable[..., Findings]:
    """Let the fake phone's agent do a job well, change its events, and return the findings."""

    def judge(kind: str, spoil: Spoil = list, *, wall_s: float | None = None) -> Findings:
        job, _, _, _ = tried(tmp_path, "none", kind)
        return checked(tmp_path, job, spoil, wall_s)

    return judge


def greeting(**update: object) -> Spoil:
    """Change what `hello` says."""
    return lambda events: [e.model_copy(update=update) if isinstance(e, Hello) else e for e in events]


def test_a_device_that_is_years_off_is_believed(judged: Callable[..., Findings]) -> None:
    """The time of day does not matter for durations: a phone without a network may be in 1970, or in 2100."""
    assert judged("encode_image", greeting(real_ns=4_102_444_800 * 10**9)).flaw is None


def test_a_clock_that_is_read_after_what_it_times_went_back(judged: Callable[..., Findings]) -> None:
    """`hello` comes first: an iteration that began before it was timed by a clock that went back."""
    flaw = flaw_of(judged("encode_image", greeting(monotonic_ns=5 * 10**9)))

    assert flaw.reason is InvalidReason.CLOCK_JUMP
    assert "iteration 0 began 5.000 s before the end of what came before it" in flaw.detail


def test_a_span_outside_its_iteration_was_timed_by_another_clock(judged: Callable[..., Findings]) -> None:
    """A stage cannot run before its iteration began, or after it ended."""
    flaw = flaw_of(judged("encode_image", changed(Stage.TILE, start_ns=10**12)))

    assert flaw.reason is InvalidReason.CLOCK_JUMP
    assert "iteration 0: `tile` 0 lies 999." in flaw.detail
    assert "outside of it" in flaw.detail


def test_the_whole_trial_is_longer_than_its_iterations(judged: Callable[..., Findings]) -> None:
    """Three iterations of 0.1 s (ten stages of 10 ms) fit into 0.3 s, and into 0.2 s within the host's grain."""
    assert judged("encode_image", wall_s=0.3).flaw is None


@pytest.mark.parametrize(("wall_s", "reason"), [(0.21, None), (0.19, InvalidReason.CLOCK_JUMP), (None, None)])
def test_iterations_longer_than_the_trial_were_timed_by_a_clock_that_jumped(
    tmp_path: Path, wall_s: float | None, reason: InvalidReason | None
) -> None:
    """0.3 s of iterations do not fit into 0.19 s by the host's clock; they may if the host did not see it all."""
    job, _, _, _ = tried(tmp_path, "none", "encode_image")

    flaw = checked(tmp_path, job, wall_s=wall_s).flaw

    assert (flaw.reason if flaw else None) is reason


def test_a_first_token_before_its_prefill_is_not_believed(judged: Callable[..., Findings]) -> None:
    """In a coupled trial nine tiles (10 stages of 10 ms) and seven chunks precede the first token: 170 ms."""
    flaw = flaw_of(judged("generate", changed(Stage.FIRST_TOKEN, duration_ns=150_000_000)))

    assert flaw.reason is InvalidReason.SPAN_GAP
    assert flaw.detail == (
        "iteration 1: the first token is reported after 150.000 ms, but its parts, the encoding (100.000 ms) and "
        "the prefill (70.000 ms), take longer"
    )


def test_a_decoupled_first_token_waits_for_prefill_only(tmp_path: Path) -> None:
    """The image was encoded while the user typed: the wait may be shorter than the encoding."""
    job, _, _, _ = tried(tmp_path, "none", "generate")
    decoupled = job.model_copy(update={"work": job.work.model_copy(update={"coupled": False})})

    flaw = checked(tmp_path, decoupled, changed(Stage.FIRST_TOKEN, duration_ns=80_000_000)).flaw

    assert flaw is None


@pytest.mark.parametrize(
    ("start_ms", "given_ms", "reason"),
    [(500, 500, None), (560, 500, InvalidReason.SPAN_GAP), (500, 300, InvalidReason.SPAN_GAP)],
)
def test_only_the_users_typing_may_be_idle(
    start_ms: int, given_ms: int, reason: InvalidReason | None, tmp_path: Path
) -> None:
    """400 ms until the instruction are nobody's gap; 60 ms after it are, as is an instruction before its time."""
    job, _, _, _ = tried(tmp_path, "none", "generate")
    work = job.work.model_copy(update={"coupled": False, "instruction_delay_s": 0.5})
    facts = {"iteration": 1, "index": 0, "role": "npu", "unit": "npu", "thread": 0, "cpu_ns": 0}
    told = [("vit", 0, 100, {}), ("first_token", given_ms, 120, {"role": "user"}), ("prefill", start_ms, 100, {})]
    spans = [
        Span.model_validate({**facts, "stage": stage, "start_ns": at * MS, "duration_ns": ms * MS, **more})
        for stage, at, ms, more in told
    ]
    whole = Iteration(iteration=1, phase="measure", start_ns=0, duration_ns=(start_ms + 100) * MS)

    flaw = None
    try:
        delayed = job.model_copy(update={"work": work})
        timing.gap(delayed, whole, spans, 0.10, {})
        timing.instruction(delayed, whole, spans)
    except Found as found:
        flaw = found.flaw

    assert (flaw and flaw.reason) == reason


def streamed(numbers: list[int], pause_ms: int = 0) -> list[Span]:
    """Return the stages of a decode: 10 ms for each token, the last of them `detokenise`; then a pause."""
    facts = {"iteration": 1, "role": "npu", "unit": "npu", "thread": 0, "cpu_ns": 0}
    spans = []
    for at, number in enumerate(numbers):
        start_ns = at * (10 + pause_ms) * MS
        told = {**facts, "index": number, "count": {"true": 1, "padded": 1}}
        if at:
            spans.append(
                Span.model_validate({**told, "stage": "decode", "start_ns": start_ns, "duration_ns": 9 * MS})
            )
        told |= {"stage": "detokenise", "start_ns": start_ns + 9 * MS, "duration_ns": MS}
        spans.append(Span.model_validate(told))
    return spans


@pytest.fixture
def decoding(tmp_path: Path) -> Job:
    """Return a job of five new tokens."""
    return tried(tmp_path, "none", "decode")[0]


def test_tokens_that_become_visible_one_by_one_are_believed(decoding: Job) -> None:
    """Five tokens appear once each, in order, with an allowed pause between them."""
    timing.tokens(decoding, 1, streamed([0, 1, 2, 3, 4], pause_ms=1), max_gap=0.10)


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ([0, 1, 2, 3, 4, 5], "made 6 tokens visible, 6 of them different ones; the job asks for 5"),
        ([0, 1, 2, 3], "made 4 tokens visible, 4 of them different ones; the job asks for 5"),
        ([0, 1, 2, 3, 3], "made 5 tokens visible, 4 of them different ones; the job asks for 5"),
        ([0, 2, 1, 3, 4], "token 2 was visible before token 1"),
    ],
)
def test_a_runner_that_counts_one_token_too_many_is_caught(decoding: Job, numbers: list[int], words: str) -> None:
    """N + 1 tokens, or a token twice, would make the rate look better than it is."""
    with pytest.raises(Found, match=words) as found:
        timing.tokens(decoding, 1, streamed(numbers), max_gap=0.10)

    assert found.value.flaw.reason is InvalidReason.WRONG_TOKEN_COUNT


def test_the_stages_of_the_tokens_account_for_the_decode_time(decoding: Job) -> None:
    """Of four intervals of 15 ms the stages account for 10 ms each: a third of the time is missing."""
    words = r"tokens 2 to 5 took 60.000 ms, their stages only 40.000 ms of it \(33 % missing, allowed 10 %\)"
    with pytest.raises(Found, match=words) as found:
        timing.tokens(decoding, 1, streamed([0, 1, 2, 3, 4], pause_ms=5), max_gap=0.10)

    assert found.value.flaw.reason is InvalidReason.SPAN_GAP


def test_a_clock_may_step_by_a_millisecond(judged: Callable[..., Findings]) -> None:
    """Two readings of a coarse clock may contradict each other by less than its grain."""
    started = 1_000  # the fake agent's tape

    assert judged("encode_image", greeting(monotonic_ns=started + CLOCK_GRAIN_NS)).flaw is None
