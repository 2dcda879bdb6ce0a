from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from stand_in import CACHE, CORES, PROMPT, batches_of, job_of, write_build

from device_agents.contract import Error, Event, Graph, Iteration, Output, Span, Stage, parse_event
from device_agents.contract import Job as JobModel
from device_agents.reference.failure import as_failure
from device_agents.reference.language import Language
from device_agents.reference.package import open_package, read_input
from device_agents.reference.session import cpu_features, memory_of, run_job
from device_agents.reference.units import ExecutionUnit, label_of, open_units
from device_agents.schema import SCHEMA

AGENT = [sys.executable, "-m", "device_agents.reference", "run"]
TWO_CORES = pytest.mark.skipif(len(CORES) < 2, reason="two units need two cores; this process may use one")
ENCODE: dict[str, object] = {
    "kind": "encode_image",
    "input": "screen",
    "batches": batches_of(2, 1),
    "pipelined": False,
}
GENERATE: dict[str, object] = {
    "kind": "generate",
    "input": "screen",
    "batches": batches_of(2, 1),
    "pipelined": False,
    "parallel_tokens": 3,
    "new_tokens": 4,
    "coupled": True,
}


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the stand-in build once."""
    return write_build(tmp_path_factory.mktemp("build"))


@pytest.fixture(autouse=True)
def _same_cores() -> Iterator[None]:
    """Give the test process its cores back: an agent run inside it pins its thread."""
    allowed = os.sched_getaffinity(0)
    yield
    os.sched_setaffinity(0, allowed)


def events_of(job: dict[str, object], tmp_path: Path, wanted: int = 0) -> list[Event]:
    """Run a job inside this process, and read its events back."""
    path, stream = tmp_path / "job.json", io.BytesIO()
    path.write_text(json.dumps(job), encoding="utf-8")
    assert run_job(path, stream) == wanted
    os.sched_setaffinity(0, CORES)  # the agent pinned this thread
    lines = stream.getvalue().decode().splitlines()
    return [parse_event.validate_json(line) for line in lines]


def spans(events: list[Event], iteration: int = 1) -> list[Span]:
    """Pick the spans of one iteration, in order of start."""
    found = [event for event in events if isinstance(event, Span) and event.iteration == iteration]
    return sorted(found, key=lambda span: span.start_ns)


def end_ns(span: Span) -> int:
    """Return when a span ended."""
    return span.start_ns + span.duration_ns


def output(events: list[Event], kind: str) -> Output:
    """Pick the last output of a kind."""
    return [event for event in events if isinstance(event, Output) and event.kind == kind][-1]


def test_a_generation_leaves_one_span_a_batch_chunk_and_token(build: Path, tmp_path: Path) -> None:
    """The journal of one iteration, as PROTOCOL.md tells it: 8 prompt tokens in chunks of 3, 4 new ones."""
    events = events_of(job_of(build, GENERATE), tmp_path)

    told = [(s.stage.value, s.index, s.count.true, s.count.padded) for s in spans(events) if s.count is not None]
    token = [
        [("embed", i, 1, 1), ("decode", i, 1, 1), ("sample", i, 1, 1), ("detokenise", i, 1, 1)] for i in (1, 2, 3)
    ]
    assert told == [
        ("tile", 0, 3, 3),
        *[("patch_embed", 0, 2, 2), ("vit", 0, 2, 2), ("project", 0, 2, 2)],
        *[("patch_embed", 1, 1, 1), ("vit", 1, 1, 1), ("project", 1, 1, 1)],
        ("embed", 0, 5, 5),
        *[("prefill", 0, 3, 3), ("prefill", 1, 3, 3), ("prefill", 2, 2, 3)],
        *[("sample", 0, 1, 1), ("detokenise", 0, 1, 1)],
        *[line for lines in token for line in lines],
    ]
    assert [event.event for event in events[-5:]] == ["iteration", "output", "output", "output", "end"]
    tokens = output(events, "tokens").tokens
    assert tokens is not None
    assert len(tokens.ids) == len(tokens.margins) == 4


def test_end_counts_what_was_written(build: Path, tmp_path: Path) -> None:
    """A reader can see that nothing was lost on the way."""
    events = events_of(job_of(build, ENCODE), tmp_path)
    end = events[-1]

    assert end.event == "end"
    counts = {kind: sum(event.event == kind for event in events) for kind in ("span", "iteration", "output")}
    assert (end.spans, end.iterations, end.outputs) == (counts["span"], counts["iteration"], counts["output"])
    assert counts == {"span": 21, "iteration": 3, "output": 3}
    assert [e.phase for e in events if isinstance(e, Iteration)] == ["warmup", "measure", "measure"]


def test_spans_of_one_unit_never_overlap_and_lie_in_their_iteration(build: Path, tmp_path: Path) -> None:
    """One unit does one thing at a time, and nothing outside the time a user waits."""
    events = events_of(job_of(build, GENERATE), tmp_path)
    whole = next(e for e in events if isinstance(e, Iteration) and e.iteration == 1)
    last: dict[str, int] = {}

    for span in spans(events):
        assert whole.start_ns <= span.start_ns <= end_ns(span) <= whole.start_ns + whole.duration_ns
        if span.role != "user":
            assert span.start_ns >= last.get(span.unit, 0)
            last[span.unit] = end_ns(span)


def test_padding_and_batching_change_no_feature(build: Path, tmp_path: Path) -> None:
    """Tile by tile, in one batch, padded first or pipelined: the same tokens."""
    found = []
    shapes = [batches_of(3), batches_of(1, 1, 1), [{"true": 1, "padded": 3}, {"true": 2, "padded": 2}]]
    for batches in shapes:
        features = output(events_of(job_of(build, ENCODE | {"batches": batches}), tmp_path), "features")
        assert features.fingerprint is not None
        assert features.fingerprint.shape == [3, 16]
        found.append(features.fingerprint.projections)

    np.testing.assert_allclose(found[1], found[0], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found[2], found[0], rtol=1e-5, atol=1e-5)


@TWO_CORES
def test_an_input_the_job_brings_goes_before_the_builds(build: Path, tmp_path: Path) -> None:
    """Other pixels under the same name give other features; a name that is in neither is refused."""
    own = tmp_path / "own"
    shutil.copytree(build / "inputs/screen", own)
    pixels = (own / "pixels.rgb8").read_bytes()
    (own / "pixels.rgb8").write_bytes(bytes(255 - byte for byte in pixels))

    bundled = output(events_of(job_of(build, ENCODE), tmp_path), "features")
    theirs = output(events_of({**job_of(build, ENCODE), "inputs": {"screen": str(own)}}, tmp_path), "features")
    neither = events_of({**job_of(build, ENCODE | {"input": "cat"}), "inputs": {"mine": str(own)}}, tmp_path, 1)

    assert theirs.fingerprint != bundled.fingerprint
    error = next(event for event in neither if isinstance(event, Error))
    assert "no input 'cat' in the build; it has ['screen'], and the job brings ['mine']" in error.message


def test_the_slow_blocks_of_a_batch_hide_the_next_convolution(build: Path, tmp_path: Path) -> None:
    """Pipelined, the second convolution starts before the first batch's blocks are done; serial, after."""
    inject = {"stage": "vit", "slow_down": 2000.0}
    overlaps = {}
    for pipelined in (True, False):
        work = ENCODE | {"batches": batches_of(1, 1, 1), "pipelined": pipelined}
        found = spans(events_of(job_of(build, work, inject=inject), tmp_path))
        vit = next(s for s in found if s.stage is Stage.VIT and s.index == 0)
        convolution = next(s for s in found if s.stage is Stage.PATCH_EMBED and s.index == 1)
        overlaps[pipelined] = convolution.start_ns < end_ns(vit)
        assert (vit.role, convolution.role) == ("npu", "cpu")
        assert (vit.unit, convolution.unit) == (label_of(CORES[-1:]), label_of(CORES[:1]))

    assert overlaps == {True: True, False: False}


@pytest.mark.parametrize("kv_cache", ["float32", "int8"])
@pytest.mark.parametrize("chunk", [3, 5])
def test_a_chunked_prefill_answers_like_a_whole_one(kv_cache: str, chunk: int, tmp_path: Path) -> None:
    """Chunks of 3 and 5, the last padded, leave the cache as one chunk of 8 does: logits and tokens agree."""
    folder = write_build(tmp_path, kv_cache=kv_cache)
    package = open_package(folder)
    units = open_units(JobModel.model_validate(job_of(folder, {"kind": "null"})))
    image = np.linspace(-1, 1, 3 * 16, dtype=np.float32).reshape(3, 1, 16)
    answers = []
    for parallel in (PROMPT, chunk):
        language = Language(
            package,
            units,
            read_input(package, "screen"),
            image,
            prompt_tokens=PROMPT,
            parallel_tokens=parallel,
            new_tokens=8,
        )
        language.reset()
        language.prefill([], 0)
        language.decode([], 0, 0, 8)
        answers.append((language.last_logits.copy(), language.trail()))

    np.testing.assert_allclose(answers[1][0], answers[0][0], rtol=1e-4, atol=1e-5)
    assert answers[1][1].ids == answers[0][1].ids
    assert len(set(answers[0][1].ids)) > 1


def test_decoding_answers_like_generating(build: Path, tmp_path: Path) -> None:
    """The cache of `decode` is filled with the same context, so its tokens are those of `generate`."""
    work = {"kind": "decode", "input": "screen", "context_tokens": PROMPT, "new_tokens": 4, "parallel_tokens": 5}
    decoded = output(events_of(job_of(build, work), tmp_path), "tokens").tokens
    generated = output(events_of(job_of(build, GENERATE), tmp_path), "tokens").tokens

    assert decoded is not None
    assert generated is not None
    assert decoded.ids == generated.ids


@pytest.mark.parametrize(
    ("coupled", "delay", "case"),
    [(True, None, "start"), (False, None, "encoded"), (False, 0.0, "start"), (False, 0.2, "waited")],
)
def test_the_first_token_is_awaited_from_when_both_were_given(
    coupled: bool, delay: float | None, case: str, build: Path, tmp_path: Path
) -> None:
    """Coupled: the start. Decoupled: when the image is encoded, or when the user has typed, if that is later."""
    work = GENERATE | {"coupled": coupled, "instruction_delay_s": delay}
    events = events_of(job_of(build, work), tmp_path)
    found = spans(events)
    first = next(s for s in found if s.stage is Stage.FIRST_TOKEN)
    encoded = max(end_ns(s) for s in found if s.stage is Stage.PROJECT)
    prompt = next(s for s in found if s.stage is Stage.EMBED)
    tile = next(s for s in found if s.stage is Stage.TILE)
    visible = next(s for s in found if s.stage is Stage.DETOKENISE and s.index == 0)

    assert (first.role, first.unit) == ("user", "user")
    assert end_ns(first) == end_ns(visible)
    if case == "start":
        assert first.start_ns <= tile.start_ns
    elif case == "encoded":
        assert encoded <= first.start_ns <= prompt.start_ns
    else:
        begin = next(e.start_ns for e in events if isinstance(e, Iteration) and e.iteration == 1)
        assert 200_000_000 <= first.start_ns - begin <= prompt.start_ns - begin
        assert first.start_ns > encoded


def test_an_injected_slow_down_is_computed_and_recorded(build: Path, tmp_path: Path) -> None:
    """The slowed stage burns processor time, and `end` says that it was meant."""
    inject = {"stage": "vit", "slow_down": 500.0}
    events = events_of(job_of(build, ENCODE, inject=inject), tmp_path)
    found = {stage: [s for s in spans(events) if s.stage is stage] for stage in (Stage.VIT, Stage.PROJECT)}

    assert events[-1].event == "end"
    assert events[-1].inject is not None
    assert events[-1].inject.slow_down == 500.0
    assert min(s.cpu_ns for s in found[Stage.VIT]) > max(s.cpu_ns for s in found[Stage.PROJECT])


def test_a_load_opens_and_closes_every_graph(build: Path, tmp_path: Path) -> None:
    """Six graphs: six spans `load`, then six `unload`; the memory pass adds what the process holds."""
    events = events_of(job_of(build, {"kind": "load"}, memory_pass=True), tmp_path)

    assert [s.stage.value for s in spans(events)] == ["load"] * 6 + ["unload"] * 6
    memory = [event for event in events if event.event == "memory"]
    assert len(memory) == 3
    assert all(0 < event.resident_bytes <= event.peak_bytes for event in memory)


def test_nothing_is_done_for_null(build: Path, tmp_path: Path) -> None:
    """The null workload has iterations and no spans."""
    events = events_of(job_of(build, {"kind": "null"}), tmp_path)

    assert [event.event for event in events] == ["hello", "iteration", "iteration", "iteration", "end"]


PREFILL = {"kind": "prefill", "input": "screen", "prompt_tokens": PROMPT, "parallel_tokens": 3}
REFUSED: list[tuple[str, dict[str, object], dict[str, object], str, str]] = [
    ("newer", ENCODE, {"protocol": 2, "novelty": 1}, "version", "speaks 1"),
    ("key", ENCODE, {"novelty": 1}, "bad_job", "novelty"),
    ("workload", {"kind": "dance"}, {}, "bad_job", "kind"),
    ("reserved", {"kind": "evaluate", "items": "x"}, {}, "bad_job", "evaluate"),
    ("release", GENERATE | {"release_vision": True}, {}, "bad_job", "release_vision"),
    ("delay", GENERATE | {"instruction_delay_s": 1.0}, {}, "bad_job", "coupled"),
    ("input", ENCODE | {"input": "moon"}, {}, "bad_job", "'moon'"),
    ("sum", ENCODE | {"batches": batches_of(2, 2)}, {}, "bad_job", "hold 4 tiles"),
    ("shape", ENCODE | {"batches": [{"true": 3, "padded": 4}]}, {}, "bad_job", "'batch': 4"),
    ("small", ENCODE | {"batches": [{"true": 3, "padded": 2}]}, {}, "bad_job", "shape of 2"),
    ("chunk", PREFILL | {"parallel_tokens": 4}, {}, "bad_job", "'tokens': 4"),
    ("prompt", PREFILL | {"prompt_tokens": 9}, {}, "bad_job", "9 prompt tokens"),
    ("cache", GENERATE | {"new_tokens": CACHE}, {}, "bad_job", f"cache holds {CACHE}"),
    (
        "cores",
        ENCODE,
        {"units": {u: {"cores": [9999]} for u in ("cpu", "npu", "all")}},
        "unit_unavailable",
        "9999",
    ),
    ("unit", ENCODE, {"units": {"cpu": {"cores": CORES[:1]}}}, "bad_job", "npu"),
    ("stages", ENCODE, {"stages": {"tile": "cpu"}}, "bad_job", "vit"),
    ("pipeline", ENCODE | {"pipelined": True}, {"stages": dict.fromkeys(Graph, "all")}, "bad_job", "two units"),
    ("inject", ENCODE, {"inject": {"stage": "decode", "slow_down": 2}}, "bad_job", "'decode'"),
    ("build", ENCODE, {"build": "/nowhere"}, "load", "manifest.json"),
]


@pytest.mark.parametrize(
    ("work", "changes", "error", "words"), [c[1:] for c in REFUSED], ids=[c[0] for c in REFUSED]
)
def test_a_job_that_cannot_be_done_is_refused_in_words(  # noqa: PLR0917  (fixtures)
    work: dict[str, object],
    changes: dict[str, object],
    error: str,
    words: str,
    build: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Hello, one error of the right class, end, exit 1, and one plain line on stderr."""
    events = events_of(job_of(build, work, **changes), tmp_path, wanted=1)

    assert [event.event for event in events] == ["hello", "error", "end"]
    assert events[1].event == "error"
    assert events[1].error == error
    assert words in events[1].message
    assert capsys.readouterr().err.startswith(f"agent: {error}: ")


@pytest.mark.parametrize(
    ("damage", "words"),
    [("missing", "found nothing"), ("shorter", "bytes"), ("altered", "cannot open"), ("pixels", "pixels.rgb8")],
)
def test_a_damaged_build_is_a_load_error(damage: str, words: str, tmp_path: Path) -> None:
    """A graph or image that is missing, truncated or not what it was names its file."""
    (tmp_path / "build").mkdir()
    folder = write_build(tmp_path / "build")
    graph, pixels = folder / "vit.onnx", folder / "inputs/screen/pixels.rgb8"
    size = graph.stat().st_size
    if damage == "missing":
        graph.unlink()
    elif damage == "pixels":
        pixels.write_bytes(b"short")
    else:
        graph.write_bytes(b"\0" * (size if damage == "altered" else size // 2))
    events = events_of(job_of(folder, ENCODE), tmp_path, wanted=1)

    assert events[1].event == "error"
    assert events[1].error == "load"
    assert words in events[1].message


def test_a_build_of_a_newer_protocol_is_a_version_error(tmp_path: Path) -> None:
    """Its other keys are not even looked at."""
    (tmp_path / "manifest.json").write_text('{"protocol": 2, "from": "the future"}', encoding="utf-8")
    events = events_of(job_of(tmp_path, ENCODE), tmp_path, wanted=1)

    assert events[1].event == "error"
    assert events[1].error == "version"


def test_foreign_exceptions_get_the_contracts_class() -> None:
    """Out of memory and a full disk are told apart from what nobody foresaw."""
    assert as_failure(MemoryError()).error == "oom"
    assert as_failure(RuntimeError("std::bad_alloc")).error == "oom"
    assert as_failure(OSError(28, "No space left on device")).error == "disk_full"
    assert str(as_failure(ZeroDivisionError("x / 0"))) == "ZeroDivisionError: x / 0"
    assert as_failure(ZeroDivisionError()).error == "crash"


def test_a_full_disk_is_told_on_stderr(build: Path, tmp_path: Path) -> None:
    """/dev/full takes nothing: exit 1, class disk_full, no traceback."""
    path = tmp_path / "job.json"
    path.write_text(json.dumps(job_of(build, {"kind": "null"})), encoding="utf-8")
    done = subprocess.run(
        [*AGENT, "--job", str(path), "--events", "/dev/full"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert done.stderr.startswith("agent: disk_full: ")
    assert "Traceback" not in done.stderr


def test_a_killed_agent_loses_the_iteration_in_flight_only(build: Path, tmp_path: Path) -> None:
    """Killed while it waits inside iteration 1: iteration 0 is whole on disk, nothing of 1, no end."""
    job, events = tmp_path / "job.json", tmp_path / "events.jsonl"
    work = GENERATE | {"coupled": False, "instruction_delay_s": 1.0}
    job.write_text(json.dumps(job_of(build, work)), encoding="utf-8")
    agent = subprocess.Popen([*AGENT, "--job", str(job), "--events", str(events)])
    deadline = time.monotonic() + 30
    while b'"event":"iteration"' not in (events.read_bytes() if events.exists() else b""):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    threading.Event().wait(0.3)
    agent.send_signal(signal.SIGKILL)
    agent.wait()

    found = [parse_event.validate_json(line) for line in events.read_text(encoding="utf-8").splitlines()]
    assert {e.iteration for e in found if isinstance(e, Span | Iteration | Output)} == {0}
    assert [e.event for e in found[-4:]] == ["iteration", "output", "output", "output"]


def test_units_are_named_after_their_cores() -> None:
    """Runs of cores are joined."""
    assert [label_of(cores) for cores in ((0,), (0, 1, 2), (3, 0, 2))] == ["cpu0", "cpu0-2", "cpu0,2-3"]


def test_cpu_features_are_those_that_every_core_has() -> None:
    """Of a big and a little core only what both can do; only what chooses kernels."""
    text = "processor\t: 0\nFeatures\t: fp asimd asimddp i8mm\n\nprocessor\t: 1\nFeatures\t: fp asimd asimddp\n"

    assert cpu_features(text) == ["asimd", "asimddp"]
    assert cpu_features("") == []


def test_memory_is_read_in_bytes() -> None:
    """/proc counts in units of 1024 bytes."""
    memory = memory_of("Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t    1000 kB\n", 7)

    assert (memory.iteration, memory.resident_bytes, memory.peak_bytes) == (7, 1_024_000, 2_097_152)


def test_a_unit_of_one_core_is_timed_by_its_thread() -> None:
    """And one of several by the process, for the library's threads work too."""
    assert ExecutionUnit((0,)).cpu_clock is time.thread_time_ns
    assert ExecutionUnit((0, 1)).cpu_clock is time.process_time_ns


def test_events_satisfy_the_published_schema(build: Path, tmp_path: Path) -> None:
    """What another language reads of the contract describes what this agent writes, and refuses other keys."""
    jsonschema = pytest.importorskip("jsonschema")
    definitions = json.loads(SCHEMA.read_text(encoding="utf-8"))["$defs"]
    validator = jsonschema.Draft202012Validator({"$ref": "#/$defs/Event", "$defs": definitions})
    for event in events_of(job_of(build, GENERATE, memory_pass=True), tmp_path):
        validator.validate(json.loads(event.model_dump_json()))

    assert not validator.is_valid({"event": "memory", "iteration": 0, "resident_bytes": 1})
    assert not validator.is_valid({"event": "error", "error": "crash", "message": "", "more": 1})
