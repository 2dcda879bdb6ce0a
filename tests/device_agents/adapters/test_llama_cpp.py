"""llama-bench gets exactly the job's work, and anything but one clean result becomes an error."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_agents.adapters.llama_cpp import parse, prepare
from device_agents.contract import (
    PROTOCOL,
    Command,
    DecodeWork,
    End,
    Error,
    Event,
    File,
    ForeignManifest,
    Graph,
    Hello,
    Iteration,
    Job,
    LoadWork,
    PrefillWork,
    Span,
    Unit,
    Weights,
    Work,
    canonical_json,
    parse_event,
)
from device_agents.reference.failure import AgentError
from tests.lab_process import ROOT

PREFILL = PrefillWork(input="screen", prompt_tokens=100, parallel_tokens=32)
DECODE = DecodeWork(input="screen", context_tokens=50, new_tokens=9, parallel_tokens=32)


def job_of(work: Work) -> Job:
    """Return a job of one warm-up and two measured iterations on cores 1 and 3."""
    return Job(
        protocol=PROTOCOL,
        trial="t",
        build="/builds/x",
        work=work,
        warmup_iterations=1,
        iterations=2,
        units={"all": Unit(cores=[1, 3])},
        stages={Graph.LLM: "all"},
    )


def manifest_of(kv_cache: str = "f16") -> ForeignManifest:
    """Return the manifest of a build for llama-bench."""
    files = [File(path=name, sha256="0" * 64, bytes=1) for name in ("bin/llama-bench", "m.gguf")]
    return ForeignManifest(
        protocol=PROTOCOL,
        runtime="llama.cpp",
        model="m",
        recipe="q4_0",
        weight_file="m.gguf",
        program="bin/llama-bench",
        abi="x86_64",
        kv_cache="q8_0" if kv_cache == "q8_0" else "f16",
        prompt_tokens={"screen": 100},
        weights=Weights(origin="random", source="none"),
        files=files,
    )


def line(**changes: object) -> str:
    """Return one result in the tool's format, for PREFILL, with these keys changed; None removes a key."""
    keys: dict[str, object] = {
        "build_commit": "0abc123",
        "build_number": 77,
        "cpu_info": "A chip (of ours)",
        "backends": "CPU",
        "model_filename": "/builds/x/m.gguf",
        "n_batch": 100,
        "n_ubatch": 32,
        "n_threads": 2,
        "cpu_mask": "0xa",
        "cpu_strict": True,
        "type_k": "f16",
        "n_gpu_layers": 0,
        "load_mode": "mmap",
        "n_prompt": 100,
        "n_gen": 0,
        "n_depth": 0,
        "test_time": "2026-11-23T05:00:00Z",
        "avg_ns": 1000,
        "samples_ns": [1500, 1000, 1100],
        "samples_ts": [6.6e7, 1e8, 9e7],
    }
    return json.dumps({k: v for k, v in (keys | changes).items() if v is not None}) + "\n"


def read(
    stdout: str, *, work: Work = PREFILL, stderr: str = "", returncode: int = 0, placed: str = "observed"
) -> list[Event]:
    """Parse the tool's output for one job."""
    return parse(job_of(work), manifest_of(), stdout=stdout, stderr=stderr, returncode=returncode, placed=placed)


def units(events: list[Event]) -> set[str]:
    """Return the units of all spans."""
    return {event.unit for event in events if isinstance(event, Span)}


def refusal(events: list[Event]) -> Error:
    """Return the only error of a failed run, between `hello` and an `end` that counts nothing."""
    hello, error, end = events
    assert isinstance(hello, Hello)
    assert isinstance(error, Error)
    assert end == End(spans=0, iterations=0, outputs=0)
    return error


def test_prefill_becomes_a_command_line() -> None:
    """The prompt is one batch, the chunk a micro-batch, the warm-up a repetition; threads have their cores."""
    command = prepare(job_of(PREFILL), manifest_of())

    assert command.argv == [
        "/builds/x/bin/llama-bench",
        "-m",
        "/builds/x/m.gguf",
        "-p",
        "100",
        "-n",
        "0",
        "-b",
        "100",
        "-ub",
        "32",
        "-t",
        "2",
        "-C",
        "0xa",
        "--cpu-strict",
        "1",
        "-ngl",
        "0",
        "-r",
        "3",
        "--no-warmup",
        "-o",
        "jsonl",
    ]
    assert command.environment == {"LD_LIBRARY_PATH": "/builds/x"}


def test_decode_counts_the_tokens_after_the_first() -> None:
    """Nine new tokens are eight calls after the context: the first comes from the prefill, as with our agents."""
    command = prepare(job_of(DECODE), manifest_of("q8_0"))

    assert " ".join(command.argv[3:]) == (
        "-p 0 -n 8 -d 50 -b 50 -ub 32 -ctk q8_0 -ctv q8_0 -fa 1 "
        "-t 2 -C 0xa --cpu-strict 1 -ngl 0 -r 3 --no-warmup -o jsonl"
    )


@pytest.mark.parametrize("work", [LoadWork(), DECODE.model_copy(update={"new_tokens": 1})])
def test_what_the_tool_cannot_do_is_a_bad_job(work: Work) -> None:
    """The tool cannot time a load or a single token."""
    with pytest.raises(
        AgentError, match="llama-bench measures prefill, and decode of 2 tokens or more"
    ) as refused:
        prepare(job_of(work), manifest_of())
    assert refused.value.error == "bad_job"


def test_each_sample_becomes_an_iteration() -> None:
    """The tool's durations lie end to end from 0 and are marked parsed; the first is the warm-up."""
    hello, *timed, end = read(line())

    assert isinstance(hello, Hello)
    assert (hello.runtime, hello.runtime_version, hello.pid) == ("llama.cpp", "build 77 (0abc123)", 0)
    assert (hello.monotonic_ns, hello.real_ns) == (0, 1795410000_000000000)
    spans = [event for event in timed if isinstance(event, Span)]
    assert [(s.start_ns, s.duration_ns, s.unit, s.source) for s in spans] == [
        (0, 1500, "cpu1,3", "parsed"),
        (1500, 1000, "cpu1,3", "parsed"),
        (2500, 1100, "cpu1,3", "parsed"),
    ]
    assert all(span.stage == "prefill" and span.count and span.count.true == 100 for span in spans)
    phases = [(i.phase, i.start_ns, i.duration_ns) for i in timed if isinstance(i, Iteration)]
    assert phases == [("warmup", 0, 1500), ("measure", 1500, 1000), ("measure", 2500, 1100)]
    assert end == End(spans=3, iterations=3, outputs=0)


@pytest.mark.parametrize("placed", ["", "unknown", "unknown no thread of it was seen", "nonsense"])
def test_the_tools_own_words_prove_no_placement(placed: str) -> None:
    """It says its mask back whether or not it placed a thread; without the lab's look the unit is unknown."""
    assert units(read(line(), placed=placed)) == {"unknown"}
    assert units(parse(job_of(PREFILL), manifest_of(), stdout=line(), stderr="", returncode=0)) == {"unknown"}


def test_threads_seen_elsewhere_are_no_measurement() -> None:
    """The message says where."""
    seen = "contradicted thread 7 was allowed on cores 0-7, wanted 1,3"
    error = refusal(read(line(), placed=seen))

    assert error.error == "unit_unavailable"
    assert error.message.endswith(seen.removeprefix("contradicted "))


@pytest.mark.parametrize("name", ["backends", "n_gpu_layers"])
def test_a_back_end_that_is_not_told_is_unknown(name: str) -> None:
    """Threads on the right cores do not show that these did the work: a GPU may have."""
    assert units(read(line(**{name: None}))) == {"unknown"}


def test_a_tool_with_another_back_end_that_uses_no_device_ran_on_the_cpu() -> None:
    """A build with OpenCL that was told to use none of its devices."""
    assert units(read(line(backends="OpenCL,CPU", devices="none"))) == {"cpu1,3"}
    assert units(read(line(backends="BLAS,CPU"))) == {"cpu1,3"}


def test_decode_is_one_span_of_many_tokens() -> None:
    """The tool times a run of tokens, and the adapter invents no time for single ones."""
    _, span, *_ = read(line(n_prompt=0, n_gen=8, n_depth=50, samples_ns=[800, 900, 850]), work=DECODE)

    assert isinstance(span, Span)
    assert (span.stage, span.duration_ns, span.count and span.count.true) == ("decode", 800, 8)


def test_another_builds_keys_and_stray_lines_are_no_matter() -> None:
    """Builds print different keys; a missing optional key or an unknown one does no harm."""
    old = line(n_depth=None, cpu_mask=None, cpu_strict=None, load_mode=None, use_mmap=True, test_time=None)

    assert len(read(f"a stray print\n{old}\n")) == 8


@pytest.mark.parametrize(
    ("stdout", "wanted", "words"),
    [
        ("", "no_work", "printed 0 results, wanted 1"),
        ("not json at all\n", "no_work", "printed 0 results"),
        (line() + line(), "no_work", "printed 2 results"),
        (line(samples_ns=[]), "no_work", "samples_ns is []"),
        (line(samples_ns=[5, 0, 5]), "no_work", "samples_ns is [5, 0, 5]"),
        (line()[:40] + "\n", "crash", "cannot be read"),
        (line(samples_ns=None), "crash", "samples_ns: Field required"),
        (line().replace("1500", "nan"), "crash", "cannot be read"),
        (line(n_ubatch=512), "bad_job", "n_ubatch 512, wanted 32"),
        (line(n_threads=8), "bad_job", "n_threads 8, wanted 2"),
        (line(n_gen=5), "bad_job", "n_gen 5, wanted 0"),
        (line(n_depth=9), "bad_job", "n_depth 9, wanted 0"),
        (line(cpu_mask="0x0"), "bad_job", "cpu_mask 0x0, wanted 0xa"),
        (line(cpu_strict=False), "bad_job", "cpu_strict False, wanted True"),
        (line(type_k="q8_0"), "bad_job", "type_k q8_0, wanted f16"),
        (line(type_v="q8_0"), "bad_job", "type_v q8_0, wanted f16"),
        (line(model_filename="/else/other.gguf"), "bad_job", "model_filename other.gguf, wanted m.gguf"),
        (line(backends="OpenCL", n_gpu_layers=99), "unit_unavailable", "ran on OpenCL, 99 layers"),
        (line(backends="Vulkan,CPU"), "unit_unavailable", "ran on Vulkan, 0 layers"),  # prompts may go there
        (line(n_gpu_layers=1), "unit_unavailable", "a back end that it does not name, 1 layers"),
        (line(backends=None, n_gpu_layers=99), "unit_unavailable", "99 layers"),
    ],
)
def test_output_that_is_no_clean_result_is_an_error(stdout: str, wanted: str, words: str) -> None:
    """Missing, garbled, doubled, contradicting or empty output is an error in words, never a number."""
    error = refusal(read(stdout))

    assert error.error == wanted
    assert words in error.message


@pytest.mark.parametrize(
    ("returncode", "stderr", "wanted", "words"),
    [
        (1, "llama_bench: error: failed to load model '/builds/x/m.gguf'", "load", "ended with status 1"),
        (1, "error: invalid parameter for argument: -fa", "bad_job", "-fa"),
        (1, "ggml: failed to allocate buffer of size 9", "oom", "size 9"),
        (126, "sh: llama-bench: Exec format error", "load", "Exec format error"),
        (-9, "", "crash", "ended by SIGKILL"),
        (-11, "Segmentation fault", "crash", "ended by SIGSEGV"),
        (7, "who knows", "crash", "who knows"),
    ],
)
def test_a_failed_run_is_an_error_whatever_it_printed(
    returncode: int, stderr: str, wanted: str, words: str
) -> None:
    """A result printed before the end does not count."""
    error = refusal(read(line(), stderr=stderr, returncode=returncode))

    assert error.error == wanted
    assert words in error.message


@pytest.mark.parametrize(
    "changes",
    [
        {"samples_ns": [1, 10**400, 1, 1]},
        {"samples_ns": [2**62, 2**62, 2**62, 2**62]},
        {"test_time": "9999-01-01T00:00:00Z"},
    ],
)
def test_a_number_beyond_the_contract_is_an_error_event(changes: dict[str, object]) -> None:
    """The adapter must not end with a traceback of its own: a tool's text ends no run."""
    assert "llama-bench printed what no event can hold" in refusal(read(line(**changes))).message


def test_threads_that_could_not_be_placed_are_no_measurement() -> None:
    """Ggml only warns and goes on, but the adapter reports an error."""
    error = refusal(read(line(), stderr="warn: failed to set affinity mask 0xa : Invalid argument"))

    assert error.error == "unit_unavailable"


def test_a_wrong_amount_is_left_for_the_reader_to_find() -> None:
    """The counts are the tool's own, and the lab compares them with the job."""
    spans = [event for event in read(line(n_prompt=64)) if isinstance(event, Span)]

    assert {span.count.true for span in spans if span.count} == {64}


@given(st.text(), st.text(), st.integers(-64, 255))
def test_no_garbage_makes_a_number(stdout: str, stderr: str, returncode: int) -> None:
    """For any output that is no result, the events are hello, error, end."""
    refusal(read(stdout, stderr=stderr, returncode=returncode))


@given(st.integers(0, len(line()) - 2))
def test_no_cut_makes_a_number(length: int) -> None:
    """A truncated line is never read as a shorter result."""
    refusal(read(line()[:length]))


def test_both_steps_run_as_processes(tmp_path: Path) -> None:
    """As the lab runs them, `prepare` prints a Command and `parse` writes events."""
    (tmp_path / "job.json").write_bytes(canonical_json(job_of(PREFILL)))
    (tmp_path / "manifest.json").write_bytes(canonical_json(manifest_of()))
    (tmp_path / "out").write_text(line())
    (tmp_path / "err").write_text("")
    (tmp_path / "placement.txt").write_text("observed\n")

    def ask(*arguments: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-m", "device_agents.adapters.llama_cpp", *arguments]
        both = ["--job", str(tmp_path / "job.json"), "--manifest", str(tmp_path / "manifest.json")]
        return subprocess.run([*argv, *both], cwd=ROOT, capture_output=True, text=True, check=False)

    said = ask("prepare")
    events = tmp_path / "events.jsonl"
    files = [f"--stdout={tmp_path / 'out'}", f"--stderr={tmp_path / 'err'}", f"--events={events}"]
    parsed = ask("parse", *files, "--returncode=0")
    refused = ask("parse", *files, "--returncode=0", "--stdout", str(tmp_path / "gone"))

    assert Command.model_validate_json(said.stdout) == prepare(job_of(PREFILL), manifest_of())
    assert parsed.returncode == 0
    assert [parse_event.validate_json(row) for row in events.read_bytes().splitlines()] == read(line())
    assert refused.returncode == 1
    assert refused.stderr.startswith("adapter: load: ")
