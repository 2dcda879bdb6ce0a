from __future__ import annotations

import json
import shutil
import subprocess
import threading
import time
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from device_agents.contract import Error, Event, Graph, Iteration, Memory, Output, Span, Stage, parse_event
from device_agents.reference.units import label_of
from device_agents.schema import SCHEMA
from tests.both_agents import Agent
from tests.device_agents.stand_in import CACHE, CORES, PROMPT, batches_of, job_of, write_build
from tests.lab_process import ROOT

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


def events_of(agent: Agent, job: dict[str, object], tmp_path: Path, wanted: int = 0) -> list[Event]:
    """Run a job with an agent, and return its events."""
    answer = agent.run(job, tmp_path)
    assert answer.returncode == wanted, answer.stderr
    return answer.events


def spans(events: list[Event], iteration: int = 1) -> list[Span]:
    """Return the spans of one iteration, in order of start."""
    found = [event for event in events if isinstance(event, Span) and event.iteration == iteration]
    return sorted(found, key=lambda span: span.start_ns)


def end_ns(span: Span) -> int:
    """Return the end of a span, in nanoseconds."""
    return span.start_ns + span.duration_ns


def output(events: list[Event], kind: str) -> Output:
    """Return the last output of a kind."""
    return [event for event in events if isinstance(event, Output) and event.kind == kind][-1]


def test_a_generation_leaves_one_span_a_batch_chunk_and_token(agent: Agent, build: Path, tmp_path: Path) -> None:
    """The spans of one iteration follow PROTOCOL.md: 8 prompt tokens in chunks of 3, then 4 new tokens."""
    events = events_of(agent, job_of(build, GENERATE), tmp_path)

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


def test_end_counts_what_was_written(agent: Agent, build: Path, tmp_path: Path) -> None:
    """A reader can check that no event was lost."""
    events = events_of(agent, job_of(build, ENCODE), tmp_path)
    end = events[-1]

    assert end.event == "end"
    counts = {kind: sum(event.event == kind for event in events) for kind in ("span", "iteration", "output")}
    assert (end.spans, end.iterations, end.outputs) == (counts["span"], counts["iteration"], counts["output"])
    assert counts == {"span": 21, "iteration": 3, "output": 3}
    assert [e.phase for e in events if isinstance(e, Iteration)] == ["warmup", "measure", "measure"]


def test_spans_of_one_unit_never_overlap_and_lie_in_their_iteration(
    agent: Agent, build: Path, tmp_path: Path
) -> None:
    """A unit does one thing at a time, and all its work is inside the iteration that the user waits for."""
    events = events_of(agent, job_of(build, GENERATE), tmp_path)
    whole = next(e for e in events if isinstance(e, Iteration) and e.iteration == 1)
    last: dict[str, int] = {}

    for span in spans(events):
        assert whole.start_ns <= span.start_ns <= end_ns(span) <= whole.start_ns + whole.duration_ns
        if span.role != "user":
            assert span.start_ns >= last.get(span.unit, 0)
            last[span.unit] = end_ns(span)


def test_padding_and_batching_change_no_feature(agent: Agent, build: Path, tmp_path: Path) -> None:
    """The tokens are the same tile by tile, in one batch, padded or pipelined."""
    found = []
    shapes = [batches_of(3), batches_of(1, 1, 1), [{"true": 1, "padded": 3}, {"true": 2, "padded": 2}]]
    for batches in shapes:
        features = output(events_of(agent, job_of(build, ENCODE | {"batches": batches}), tmp_path), "features")
        assert features.fingerprint is not None
        assert features.fingerprint.shape == [3, 16]
        found.append(features.fingerprint.projections)

    np.testing.assert_allclose(found[1], found[0], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found[2], found[0], rtol=1e-5, atol=1e-5)


@TWO_CORES
def test_an_input_the_job_brings_goes_before_the_builds(agent: Agent, build: Path, tmp_path: Path) -> None:
    """Other pixels under the same name give other features; a name in neither job nor build is refused."""
    own = tmp_path / "own"
    shutil.copytree(build / "inputs/screen", own)
    pixels = (own / "pixels.rgb8").read_bytes()
    (own / "pixels.rgb8").write_bytes(bytes(255 - byte for byte in pixels))

    bundled = output(events_of(agent, job_of(build, ENCODE), tmp_path), "features")
    theirs = output(
        events_of(agent, {**job_of(build, ENCODE), "inputs": {"screen": str(own)}}, tmp_path), "features"
    )
    neither = events_of(
        agent, {**job_of(build, ENCODE | {"input": "cat"}), "inputs": {"mine": str(own)}}, tmp_path, 1
    )

    assert theirs.fingerprint != bundled.fingerprint
    error = next(event for event in neither if isinstance(event, Error))
    assert "no input 'cat' in the build; it has ['screen'], and the job brings ['mine']" in error.message


def test_the_slow_blocks_of_a_batch_hide_the_next_convolution(agent: Agent, build: Path, tmp_path: Path) -> None:
    """The second convolution starts before the first batch's blocks end if pipelined, and after them if serial."""
    inject = {"stage": "vit", "slow_down": 2000.0}
    overlaps = {}
    for pipelined in (True, False):
        work = ENCODE | {"batches": batches_of(1, 1, 1), "pipelined": pipelined}
        found = spans(events_of(agent, job_of(build, work, inject=inject), tmp_path))
        vit = next(s for s in found if s.stage is Stage.VIT and s.index == 0)
        convolution = next(s for s in found if s.stage is Stage.PATCH_EMBED and s.index == 1)
        overlaps[pipelined] = convolution.start_ns < end_ns(vit)
        assert (vit.role, convolution.role) == ("npu", "cpu")
        assert (vit.unit, convolution.unit) == (label_of(CORES[-1:]), label_of(CORES[:1]))

    assert overlaps == {True: True, False: False}


def test_decoding_answers_like_generating(agent: Agent, build: Path, tmp_path: Path) -> None:
    """With the same context in the cache, `decode` makes the tokens of `generate`."""
    work = {"kind": "decode", "input": "screen", "context_tokens": PROMPT, "new_tokens": 4, "parallel_tokens": 5}
    decoded = output(events_of(agent, job_of(build, work), tmp_path), "tokens").tokens
    generated = output(events_of(agent, job_of(build, GENERATE), tmp_path), "tokens").tokens

    assert decoded is not None
    assert generated is not None
    assert decoded.ids == generated.ids


@pytest.mark.parametrize(
    ("coupled", "delay", "case"),
    [(True, None, "start"), (False, None, "encoded"), (False, 0.0, "start"), (False, 0.2, "waited")],
)
def test_the_first_token_is_awaited_from_when_both_were_given(  # noqa: PLR0917  (fixtures)
    coupled: bool, delay: float | None, case: str, agent: Agent, build: Path, tmp_path: Path
) -> None:
    """Coupled, the wait begins at the start; decoupled, when the image is encoded or the text typed, if later."""
    work = GENERATE | {"coupled": coupled, "instruction_delay_s": delay}
    events = events_of(agent, job_of(build, work), tmp_path)
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


def test_released_vision_graphs_are_open_again_for_the_next_image(
    agent: Agent, build: Path, tmp_path: Path
) -> None:
    """`unload` lies between the image and the prompt, in every iteration, and no output changes."""
    kept = events_of(agent, job_of(build, GENERATE), tmp_path)
    released = events_of(agent, job_of(build, GENERATE | {"release_vision": True}), tmp_path)

    for iteration in range(3):
        found = spans(released, iteration)
        unload = next(s for s in found if s.stage is Stage.UNLOAD)
        assert max(end_ns(s) for s in found if s.stage is Stage.PROJECT) <= unload.start_ns
        assert end_ns(unload) <= min(s.start_ns for s in found if s.stage is Stage.EMBED)
    assert outputs_of(released) == outputs_of(kept)
    assert not [s for s in spans(kept) if s.stage is Stage.UNLOAD]


def test_what_precedes_the_instruction_is_prefilled_before_it_arrives(
    agent: Agent, build: Path, tmp_path: Path
) -> None:
    """Of 5 known tokens one chunk of 3 runs early; the chunks and all outputs are those of a late prefill."""
    late = GENERATE | {"coupled": False, "instruction_delay_s": 0.1}
    awaited = events_of(agent, job_of(build, late), tmp_path)
    early = events_of(agent, job_of(build, late | {"prefill_early": True}), tmp_path)
    given = next(s.start_ns for s in spans(early) if s.stage is Stage.FIRST_TOKEN)

    told = [(s.stage.value, s.index, s.count, end_ns(s) <= given) for s in spans(early)]
    prompt = [(name, index, count.true, before) for name, index, count, before in told if count]
    assert [line for line in prompt if line[0] in ("embed", "prefill")][:5] == [
        *[("embed", 0, 2, True), ("prefill", 0, 3, True)],
        *[("embed", 0, 3, False), ("prefill", 1, 3, False), ("prefill", 2, 2, False)],
    ]
    assert outputs_of(early) == outputs_of(awaited)


def test_the_memory_pass_tells_the_peak_of_each_phase(agent: Agent, build: Path, tmp_path: Path) -> None:
    """Phases come in order, loading only where something was opened, and none exceeds the process's peak."""
    expected = {
        False: ["load", "encode", "prefill", "decode", None, "encode", "prefill", "decode", None],
        True: ["load", "encode", "prefill", "decode", None] * 2,
    }
    for release, phases in expected.items():
        job = job_of(build, GENERATE | {"release_vision": release}, memory_pass=True, iterations=1)
        memory = [e for e in events_of(agent, job, tmp_path) if isinstance(e, Memory)]
        assert [event.during for event in memory] == phases
        assert all(0 < event.resident_bytes <= event.peak_bytes for event in memory)
        assert max(event.peak_bytes for event in memory) == memory[-1].peak_bytes


def test_released_memory_goes_back_to_the_kernel(agent: Agent, build: Path, tmp_path: Path) -> None:
    """The 48 MB that the blocks of a batch compute with are resident until the release, and not after it."""
    wide = widened(build, tmp_path / "wide")
    ends = {}
    for release in (False, True):
        job = job_of(
            wide, GENERATE | {"release_vision": release}, memory_pass=True, warmup_iterations=0, iterations=1
        )
        memory = [e for e in events_of(agent, job, tmp_path) if isinstance(e, Memory)]
        ends[release] = next(e.resident_bytes for e in memory if e.during == "decode")

    assert ends[False] - ends[True] > 40_000_000


def widened(build: Path, folder: Path) -> Path:
    """Return a copy of the build whose blocks repeat a batch of 2 tiles 250,000 times, and take the mean."""
    shutil.copytree(build, folder)
    model = onnx.load(folder / "vit.onnx")
    blocks, add = model.graph.node
    many = numpy_helper.from_array(np.array([250_000, 1, 4, 6]), "many")
    model.graph.initializer.append(many)
    add.input[0] = "mean"
    repeat = onnx.helper.make_node("Expand", [blocks.output[0], "many"], ["wide"])
    mean = onnx.helper.make_node("ReduceMean", ["wide"], ["mean"], axes=[0], keepdims=0)
    del model.graph.node[:]
    model.graph.node.extend([blocks, repeat, mean, add])
    path = folder / "vit.onnx"
    onnx.save(model, path)
    manifest = json.loads((folder / "manifest.json").read_bytes())
    next(file for file in manifest["files"] if file["path"] == "vit.onnx")["bytes"] = path.stat().st_size
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def outputs_of(events: list[Event]) -> list[Output]:
    """Return every output."""
    return [event for event in events if isinstance(event, Output)]


def test_an_injected_slow_down_is_computed_and_recorded(agent: Agent, build: Path, tmp_path: Path) -> None:
    """The slowed stage uses processor time, and `end` records the slow-down."""
    inject = {"stage": "vit", "slow_down": 500.0}
    events = events_of(agent, job_of(build, ENCODE, inject=inject), tmp_path)
    found = {stage: [s for s in spans(events) if s.stage is stage] for stage in (Stage.VIT, Stage.PROJECT)}

    assert events[-1].event == "end"
    assert events[-1].inject is not None
    assert events[-1].inject.slow_down == 500.0
    assert min(s.cpu_ns for s in found[Stage.VIT]) > max(s.cpu_ns for s in found[Stage.PROJECT])


def test_a_load_opens_and_closes_every_graph(agent: Agent, build: Path, tmp_path: Path) -> None:
    """Six graphs give six `load` spans, then six `unload` spans; the memory pass adds the resident memory."""
    events = events_of(agent, job_of(build, {"kind": "load"}, memory_pass=True), tmp_path)

    assert [s.stage.value for s in spans(events)] == ["load"] * 6 + ["unload"] * 6
    memory = [event for event in events if event.event == "memory"]
    assert len(memory) == 3
    assert all(0 < event.resident_bytes <= event.peak_bytes for event in memory)


def test_nothing_is_done_for_null(agent: Agent, build: Path, tmp_path: Path) -> None:
    """The null workload has iterations and no spans."""
    events = events_of(agent, job_of(build, {"kind": "null"}), tmp_path)

    assert [event.event for event in events] == ["hello", "iteration", "iteration", "iteration", "end"]


PREFILL = {"kind": "prefill", "input": "screen", "prompt_tokens": PROMPT, "parallel_tokens": 3}
REFUSED: list[tuple[str, dict[str, object], dict[str, object], str, str]] = [
    ("newer", ENCODE, {"protocol": 2, "novelty": 1}, "version", "speaks 1"),
    ("key", ENCODE, {"novelty": 1}, "bad_job", "novelty"),
    ("workload", {"kind": "dance"}, {}, "bad_job", "kind"),
    ("early", GENERATE | {"coupled": False, "prefill_early": True}, {}, "bad_job", "needs instruction_delay_s"),
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
    agent: Agent,
    build: Path,
    tmp_path: Path,
) -> None:
    """The agent writes hello, one error of the right class and end, exits with 1 and one line on stderr."""
    answer = agent.run(job_of(build, work, **changes), tmp_path)
    events = answer.events

    assert answer.returncode == 1
    assert [event.event for event in events] == ["hello", "error", "end"]
    assert events[1].event == "error"
    assert events[1].error == error
    assert words in events[1].message
    assert answer.stderr.startswith(f"agent: {error}: ")
    assert answer.stderr.count("\n") == 1


MALFORMED: list[tuple[str, dict[str, object], str]] = [
    ("unit's key", {"units": {"cpu": {"cores": [0], "speed": 1}}}, "speed"),
    ("batch's key", {"work": ENCODE | {"batches": [{"true": 3, "padded": 3, "more": 0}]}}, "more"),
    ("workload's key", {"work": ENCODE | {"new_tokens": 3}}, "new_tokens"),
    ("no batch", {"work": ENCODE | {"batches": []}}, "batches"),
    ("nothing true", {"work": ENCODE | {"batches": [{"true": 0, "padded": 3}]}}, "true"),
    ("half a tile", {"work": ENCODE | {"batches": [{"true": 1.5, "padded": 3}]}}, "true"),
    ("yes", {"work": ENCODE | {"pipelined": [True]}}, "pipelined"),
    ("one token", {"work": GENERATE | {"new_tokens": 1}}, "new_tokens"),
    ("no core", {"units": {"cpu": {"cores": []}}}, "cores"),
    ("minus one", {"units": {"cpu": {"cores": [-1]}}}, "cores"),
    ("a path", {"units": {"../cpu": {"cores": [0]}}}, "units"),
    ("graph", {"stages": {"brain": "cpu"}}, "stages"),
    ("speed-up", {"inject": {"stage": "vit", "slow_down": 1.0}}, "slow_down"),
    ("stage", {"inject": {"stage": "dance", "slow_down": 2.0}}, "stage"),
    ("no iteration", {"iterations": 0}, "iterations"),
    ("protocol", {"protocol": 0}, "protocol"),
    ("build", {"build": None}, "build"),
]


@pytest.mark.parametrize(("changes", "where"), [c[1:] for c in MALFORMED], ids=[c[0] for c in MALFORMED])
def test_what_is_no_job_is_refused_by_name(
    changes: dict[str, object], where: str, agent: Agent, build: Path, tmp_path: Path
) -> None:
    """A wrong key or value anywhere in a job is a `bad_job`, the message says where, and `hello` has no unit."""
    events = events_of(agent, job_of(build, ENCODE) | changes, tmp_path, wanted=1)

    assert [event.event for event in events] == ["hello", "error", "end"]
    assert events[0].event == "hello"
    assert events[0].units == {}
    assert events[1].event == "error"
    assert events[1].error == "bad_job"
    assert where in events[1].message


@pytest.mark.parametrize("key", ["protocol", "trial", "build", "work", "iterations", "units", "stages"])
def test_a_job_that_lacks_a_key_is_refused_by_name(key: str, agent: Agent, build: Path, tmp_path: Path) -> None:
    """The agent guesses no required key."""
    job = job_of(build, ENCODE)
    del job[key]
    events = events_of(agent, job, tmp_path, wanted=1)

    assert events[1].event == "error"
    assert events[1].error == "bad_job"
    assert key in events[1].message


@pytest.mark.parametrize("job", [b"", b"{", b"[]", b"7", b'"job"', b'{"protocol": "\xff"}', b"null", b"{}{}"])
def test_a_file_that_holds_no_job_is_bad_job(job: bytes, agent: Agent, tmp_path: Path) -> None:
    """For a file that is empty, cut, no object or not UTF-8 the agent writes hello, error, end."""
    answer = agent.run(job, tmp_path)

    assert answer.returncode == 1
    assert [event.event for event in answer.events] == ["hello", "error", "end"]
    assert answer.events[1].event == "error"
    assert answer.events[1].error == "bad_job"


@pytest.mark.parametrize(
    "arguments", [[], ["dance"], ["run"], ["run", "--job", "x"], ["run", "--events", "x"], ["run", "--job"]]
)
def test_a_wrong_command_line_ends_with_2(arguments: list[str], agent: Agent, tmp_path: Path) -> None:
    """The agent writes no event and prints its usage on stderr."""
    done = subprocess.run(
        [*agent.command, *arguments], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )

    assert done.returncode == 2
    assert "usage" in done.stderr
    assert not (ROOT / "x").exists()


def test_a_broken_networks_answer_travels_as_words(agent: Agent, tmp_path: Path) -> None:
    """NaN pixels give NaN features; the fingerprint reports them, and the agent does not crash."""
    folder = write_build(tmp_path)
    model = onnx.load(folder / "tile.onnx")
    for tensor in model.graph.initializer:
        if tensor.name == "ones":
            shape = numpy_helper.to_array(tensor).shape
            tensor.CopyFrom(numpy_helper.from_array(np.full(shape, np.nan, np.float32), "ones"))
    onnx.save(model, folder / "tile.onnx")
    answer = agent.run(job_of(folder, GENERATE), tmp_path)
    features, tokens = (output(answer.events, kind) for kind in ("features", "tokens"))

    assert answer.returncode == 0, answer.stderr
    assert b'"norm":"NaN","projections":["NaN",' in answer.raw
    assert features.fingerprint is not None
    assert np.isnan(features.fingerprint.norm)
    assert tokens.tokens is not None
    assert np.isnan(tokens.tokens.margins).all()
    assert tokens.tokens.ids == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("damage", "words"),
    [("missing", "found nothing"), ("shorter", "bytes"), ("altered", "cannot open"), ("pixels", "pixels.rgb8")],
)
def test_a_damaged_build_is_a_load_error(damage: str, words: str, agent: Agent, tmp_path: Path) -> None:
    """The error names the graph or image file that is missing, truncated or changed."""
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
    events = events_of(agent, job_of(folder, ENCODE), tmp_path, wanted=1)

    assert events[1].event == "error"
    assert events[1].error == "load"
    assert words in events[1].message


def test_a_build_of_a_newer_protocol_is_a_version_error(agent: Agent, tmp_path: Path) -> None:
    """The agent refuses it before it reads any other key."""
    (tmp_path / "manifest.json").write_text('{"protocol": 2, "from": "the future"}', encoding="utf-8")
    events = events_of(agent, job_of(tmp_path, ENCODE), tmp_path, wanted=1)

    assert events[1].event == "error"
    assert events[1].error == "version"


def test_a_full_disk_is_told_on_stderr(agent: Agent, build: Path, tmp_path: Path) -> None:
    """Writing to /dev/full fails: exit status 1, class disk_full, no traceback."""
    path = tmp_path / "job.json"
    path.write_text(json.dumps(job_of(build, {"kind": "null"})), encoding="utf-8")
    process = agent.start(path, Path("/dev/full"))
    stderr = process.communicate(timeout=60)[1]

    assert process.returncode == 1
    assert stderr.startswith("agent: disk_full: ")
    assert stderr.count("\n") == 1


def test_a_killed_agent_loses_the_iteration_in_flight_only(agent: Agent, build: Path, tmp_path: Path) -> None:
    """Killed inside iteration 1, it leaves all of iteration 0 on disk, nothing of iteration 1 and no end."""
    job, events = tmp_path / "job.json", tmp_path / "events.jsonl"
    work = GENERATE | {"coupled": False, "instruction_delay_s": 1.0}
    job.write_text(json.dumps(job_of(build, work)), encoding="utf-8")
    process = agent.start(job, events)
    deadline = time.monotonic() + 30
    while b'"event":"iteration"' not in (events.read_bytes() if events.exists() else b""):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    threading.Event().wait(0.3)
    process.kill()
    process.communicate(timeout=60)

    found = [parse_event.validate_json(line) for line in events.read_text(encoding="utf-8").splitlines()]
    assert {e.iteration for e in found if isinstance(e, Span | Iteration | Output)} == {0}
    assert [e.event for e in found[-4:]] == ["iteration", "output", "output", "output"]


def test_events_satisfy_the_published_schema(agent: Agent, build: Path, tmp_path: Path) -> None:
    """The JSON Schema accepts every event that the agent writes, and rejects other keys."""
    jsonschema = pytest.importorskip("jsonschema")
    definitions = json.loads(SCHEMA.read_text(encoding="utf-8"))["$defs"]
    validator = jsonschema.Draft202012Validator({"$ref": "#/$defs/Event", "$defs": definitions})
    lines = agent.run(job_of(build, GENERATE, memory_pass=True), tmp_path).raw.splitlines()
    assert len(lines) > 50
    for line in lines:
        validator.validate(json.loads(line))

    assert not validator.is_valid({"event": "memory", "iteration": 0, "resident_bytes": 1})
    assert not validator.is_valid({"event": "error", "error": "crash", "message": "", "more": 1})
