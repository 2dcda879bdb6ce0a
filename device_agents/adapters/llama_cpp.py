"""The adapter of llama.cpp's `llama-bench`: prefill and decode rates on random tokens, on the CPU.

``python -m device_agents.adapters.llama_cpp prepare --job J --manifest M`` prints a `Command`;
``… parse --job J --manifest M --stdout F --stderr F --returncode N --events E`` writes the events.

The output format is that of ``-o jsonl``: one object for each test. Its keys differ between builds, so they are
looked up by name. `samples_ns` holds one duration for each repetition: of `n_prompt` tokens in batches of
`n_ubatch`, or of `n_gen` single tokens after `n_depth` cached ones (llama.cpp, tools/llama-bench). It
excludes tokeniser and sampler.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from device_agents.adapters import observed
from device_agents.contract import (
    PROTOCOL,
    ROLES,
    Command,
    DecodeWork,
    End,
    Error,
    ErrorClass,
    Event,
    ForeignManifest,
    Graph,
    Hello,
    Iteration,
    Job,
    PrefillWork,
    Span,
    Stage,
    Tokens,
)
from device_agents.reference.failure import AgentError, bad_job

AGENT, AGENT_VERSION = "llama-bench", "adapter 0.1.0"

TAIL = 300
"""The number of characters that a message quotes from the end of the tool's output."""

NOT_PINNED = "failed to set affinity"
"""The text that ggml prints on stderr when it cannot pin a thread to its cores; it still goes on."""

ON_THE_CPU = frozenset({"CPU", "BLAS"})
"""The back ends of ggml that compute on the CPU; any other may take work from it, prompts even at 0 layers
(`op_offload` in llama.cpp's ggml-backend)."""

SIGNS: Mapping[str, ErrorClass] = {
    "invalid parameter": ErrorClass.BAD_JOB,
    "Exec format error": ErrorClass.LOAD,
    "cannot execute": ErrorClass.LOAD,
    "not found": ErrorClass.LOAD,
    "Permission denied": ErrorClass.LOAD,
    "failed to load model": ErrorClass.LOAD,
    "failed to allocate": ErrorClass.OOM,
    "unable to allocate": ErrorClass.OOM,
    "bad_alloc": ErrorClass.OOM,
}
"""Text on stderr of a failing `llama-bench`, or of the shell that could not start it -> the contract's class."""


class Result(BaseModel):
    """The fields read from one line of ``-o jsonl``; those with a default are not printed by every build."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    n_prompt: int = Field(ge=0)
    n_gen: int = Field(ge=0)
    n_depth: int = Field(default=0, ge=0)
    n_ubatch: int
    n_threads: int
    samples_ns: list[int]
    cpu_mask: str | None = None
    cpu_strict: bool | None = None
    n_gpu_layers: int | None = None
    backends: str | None = None
    devices: str | None = None
    type_k: str | None = None
    type_v: str | None = None
    model_filename: str | None = None
    build_commit: str = "unknown"
    build_number: int = 0
    test_time: str = ""


def prepare(job: Job, manifest: ForeignManifest) -> Command:
    """Return how to start `llama-bench` for a job; raises `AgentError` (`bad_job`) for what it cannot do.

    Its own warm-up is switched off: the first repetitions are the job's warm-up iterations.
    """
    work, cores = job.work, _cores(job)
    if job.inject is not None or job.memory_pass:
        raise bad_job("llama-bench can neither be slowed down (`inject`) nor report its memory (`memory_pass`)")
    if isinstance(work, PrefillWork):
        batch = max(work.prompt_tokens, work.parallel_tokens)
        amount = ["-p", f"{work.prompt_tokens}", "-n", "0", "-b", f"{batch}", "-ub", f"{work.parallel_tokens}"]
    elif isinstance(work, DecodeWork) and work.new_tokens > 1:  # the first token comes from the prefill, untimed
        batch = max(work.context_tokens, work.parallel_tokens)
        amount = ["-p", "0", "-n", f"{work.new_tokens - 1}", "-d", f"{work.context_tokens}"]
        amount += ["-b", f"{batch}", "-ub", f"{work.parallel_tokens}"]
    else:
        raise bad_job(f"llama-bench measures prefill, and decode of 2 tokens or more; the job asks for {work!r}")
    cache = (
        [] if manifest.kv_cache == "f16" else ["-ctk", manifest.kv_cache, "-ctv", manifest.kv_cache, "-fa", "1"]
    )
    place = ["-t", f"{len(cores)}", "-C", hex(_mask(cores)), "--cpu-strict", "1", "-ngl", "0"]
    repeat = ["-r", f"{job.warmup_iterations + job.iterations}", "--no-warmup", "-o", "jsonl"]
    folder = job.build.rstrip("/")
    return Command(
        argv=[
            f"{folder}/{manifest.program}",
            *("-m", f"{folder}/{manifest.weight_file}"),
            *amount,
            *cache,
            *place,
            *repeat,
        ],
        environment={"LD_LIBRARY_PATH": folder},  # libraries packed beside the program
    )


def parse(
    job: Job,
    manifest: ForeignManifest,
    *,
    stdout: str,
    stderr: str,
    returncode: int,
    placed: str = observed.UNKNOWN,
) -> list[Event]:
    """Turn the output of `llama-bench` into events; anything but one clean result becomes an `error`.

    `placed` is what the lab saw of its threads (`adapters.observed`).
    """
    try:
        result = _result(job, manifest, stdout, stderr, returncode)
        unit = observed.unit_of(_cores(job), placed)
    except AgentError as error:
        return [_hello(job, manifest, None), Error(error=error.error, message=str(error)), _end(0)]
    if result.backends is None or result.n_gpu_layers is None:
        unit = observed.UNKNOWN  # it may have computed anywhere
    timed = _timed(job, result, unit)
    return [_hello(job, manifest, result), *timed, _end(len(result.samples_ns))]


def _result(job: Job, manifest: ForeignManifest, stdout: str, stderr: str, returncode: int) -> Result:
    """Read the result of a run that succeeded and did what the job asks; raises `AgentError` otherwise."""
    if returncode != 0:
        raise _failure(returncode, stderr)
    if NOT_PINNED in stderr:
        raise AgentError(ErrorClass.UNIT_UNAVAILABLE, f"llama-bench could not use its cores: {_tail(stderr)}")
    lines = [line for line in stdout.splitlines() if line.lstrip().startswith("{")]
    if len(lines) != 1:
        raise AgentError(
            ErrorClass.NO_WORK,
            f"llama-bench ended with status 0 and printed {len(lines)} results, wanted 1; stdout: "
            f"{_tail(stdout)!r}, stderr: {_tail(stderr)!r}",
        )
    try:
        result = Result.model_validate_json(lines[0])
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise AgentError(
            ErrorClass.CRASH, f"llama-bench's result cannot be read: {where}: {first['msg']}: {_tail(lines[0])!r}"
        ) from error
    if not result.samples_ns or min(result.samples_ns) <= 0:
        raise AgentError(ErrorClass.NO_WORK, f"llama-bench took no time: samples_ns is {result.samples_ns}")
    _on_the_cpu(job, result)
    _as_asked(job, manifest, result)
    return result


def _on_the_cpu(job: Job, result: Result) -> None:
    """Raise `AgentError` when the tool says that something other than the CPU may have computed."""
    ends = [name.strip() for name in (result.backends or "").split(",") if name.strip()]
    others = [name for name in ends if name not in ON_THE_CPU]
    layers = result.n_gpu_layers or 0
    if (others and result.devices != "none") or layers:
        where = ", ".join(others) or "a back end that it does not name"
        raise AgentError(
            ErrorClass.UNIT_UNAVAILABLE,
            f"llama-bench ran on {where}, {layers} layers; wanted cores {_cores(job)} alone: use a tool that was "
            "built without that back end",
        )


def _as_asked(job: Job, manifest: ForeignManifest, result: Result) -> None:
    """Raise `AgentError` when the tool says that it ran something else; the reader checks the amounts."""
    work, cores, cache = job.work, _cores(job), manifest.kv_cache
    wanted: dict[str, object] = {"n_threads": len(cores)}
    if isinstance(work, PrefillWork):
        wanted |= {"n_gen": 0, "n_depth": 0, "n_ubatch": work.parallel_tokens}
    elif isinstance(work, DecodeWork):
        wanted |= {"n_prompt": 0, "n_depth": work.context_tokens, "n_ubatch": work.parallel_tokens}
    found: dict[str, object] = {name: getattr(result, name) for name in wanted}
    said: dict[str, tuple[object, object]] = {  # not printed by every build: (wanted, found)
        "cpu_mask": (hex(_mask(cores)), result.cpu_mask and result.cpu_mask.lower()),
        "cpu_strict": (True, result.cpu_strict),
        "type_k": (cache, result.type_k),
        "type_v": (cache, result.type_v),
        "model_filename": (_name(manifest.weight_file), result.model_filename and _name(result.model_filename)),
    }
    wanted |= {name: pair[0] for name, pair in said.items() if pair[1] is not None}
    found |= {name: pair[1] for name, pair in said.items() if pair[1] is not None}
    if wrong := [f"{name} {found[name]}, wanted {wanted[name]}" for name in wanted if found[name] != wanted[name]]:
        raise bad_job(f"llama-bench ran something else than it was asked for: {'; '.join(wrong)}")


def _timed(job: Job, result: Result, unit: str) -> list[Event]:
    """Return a span and an iteration for each sample, end to end from 0: only durations are known."""
    prefill = isinstance(job.work, PrefillWork)
    stage = Stage.PREFILL if prefill else Stage.DECODE
    tokens = result.n_prompt if prefill else result.n_gen
    events: list[Event] = []
    start = 0
    for number, duration in enumerate(result.samples_ns):
        span = Span(
            stage=stage,
            iteration=number,
            index=0,
            start_ns=start,
            duration_ns=duration,
            role=ROLES[stage],
            unit=unit,
            thread=0,
            cpu_ns=0,
            count=Tokens(true=tokens, padded=tokens),
            source="parsed",
        )
        warm = number < job.warmup_iterations
        phase = Iteration(
            iteration=number, phase="warmup" if warm else "measure", start_ns=start, duration_ns=duration
        )
        events += [span, phase]
        start += duration
    return events


def _hello(job: Job, manifest: ForeignManifest, result: Result | None) -> Hello:
    """Return the `hello` event, with what the output says: it has no pid and no monotonic clock."""
    version = "unknown" if result is None else f"build {result.build_number} ({result.build_commit})"
    return Hello(
        protocol=PROTOCOL,
        agent=AGENT,
        agent_version=AGENT_VERSION,
        runtime="llama.cpp",
        runtime_version=version,
        abi=manifest.abi,
        cpu_features=[],
        units={name: unit.cores for name, unit in job.units.items()},
        pid=0,
        monotonic_ns=0,
        boot_ns=0,
        real_ns=_real_ns("" if result is None else result.test_time),
    )


def _end(samples: int) -> End:
    return End(spans=samples, iterations=samples, outputs=0)


def _real_ns(text: str) -> int:
    """Read `test_time`, the start of the test to the second; return 0 when there is none."""
    try:
        return int(datetime.fromisoformat(text).timestamp()) * 1_000_000_000
    except ValueError:
        return 0


def _failure(returncode: int, stderr: str) -> AgentError:
    if returncode < 0:
        try:
            name = signal.Signals(-returncode).name
        except ValueError:
            name = f"signal {-returncode}"
        return AgentError(ErrorClass.CRASH, f"llama-bench was ended by {name}; its last words: {_tail(stderr)!r}")
    found = next((error for sign, error in SIGNS.items() if sign in stderr), ErrorClass.CRASH)
    return AgentError(found, f"llama-bench ended with status {returncode}; its last words: {_tail(stderr)!r}")


def _cores(job: Job) -> list[int]:
    """Return the cores of the language model's unit; raises `AgentError` (`bad_job`) when it has none."""
    name = job.stages.get(Graph.LLM)
    if name not in job.units:
        raise bad_job(
            f"the job names no unit for the language model: stages {job.stages}, units {list(job.units)}"
        )
    return sorted(set(job.units[name].cores))


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _mask(cores: Sequence[int]) -> int:
    return sum(1 << core for core in cores)


def _tail(text: str) -> str:
    return text.strip()[-TAIL:]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one step; return 0, or 1 after one line `adapter: CLASS: message` on stderr."""
    parser = argparse.ArgumentParser(prog="device_agents.adapters.llama_cpp", description=__doc__)
    steps = parser.add_subparsers(dest="step", required=True)
    before = steps.add_parser("prepare", help="print how to start llama-bench, as a Command")
    after = steps.add_parser("parse", help="turn the output of llama-bench into events")
    for step in (before, after):
        step.add_argument("--job", type=Path, required=True, help="the job: JSON, see PROTOCOL.md")
        step.add_argument("--manifest", type=Path, required=True, help="the build's manifest.json")
    for name in ("stdout", "stderr", "events"):
        after.add_argument(f"--{name}", type=Path, required=True)
    after.add_argument(
        "--returncode", type=int, required=True, help="the tool's exit status; -n when signal n ended it"
    )
    chosen = parser.parse_args(arguments)
    try:
        job = Job.model_validate_json(chosen.job.read_bytes())
        manifest = ForeignManifest.model_validate_json(chosen.manifest.read_bytes())
        if chosen.step == "prepare":
            sys.stdout.write(prepare(job, manifest).model_dump_json() + "\n")
        else:
            _write(chosen.events, job, manifest, chosen)
    except AgentError as error:
        sys.stderr.write(f"adapter: {error.error}: {error}\n")
        return 1
    except (OSError, ValidationError) as error:
        sys.stderr.write(f"adapter: {ErrorClass.LOAD}: {error}\n")
        return 1
    return 0


def _write(path: Path, job: Job, manifest: ForeignManifest, given: argparse.Namespace) -> None:
    said = {name: getattr(given, name).read_bytes().decode(errors="replace") for name in ("stdout", "stderr")}
    events = parse(job, manifest, **said, returncode=given.returncode, placed=observed.beside(given.stdout))
    path.write_bytes(b"".join(event.model_dump_json().encode() + b"\n" for event in events))


if __name__ == "__main__":
    sys.exit(main())
