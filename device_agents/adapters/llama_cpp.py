"""The adapter of llama.cpp's `llama-bench`: prefill and decode rates on random tokens, on the CPU.

``python -m device_agents.adapters.llama_cpp prepare --job J --manifest M`` prints a `Command`;
``… parse --job J --manifest M --stdout F --stderr F --returncode N --events E`` writes the events.

`llama_result` reads what it prints, of which `samples_ns` holds one duration for each repetition: of `n_prompt`
tokens in batches of `n_ubatch`, or of `n_gen` single tokens after `n_depth` cached ones (llama.cpp,
tools/llama-bench). It excludes tokeniser and sampler.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from device_agents.adapters import observed
from device_agents.adapters.llama_result import Result, cores_of, mask_of, read
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


def prepare(job: Job, manifest: ForeignManifest) -> Command:
    """Return how to start `llama-bench` for a job; raises `AgentError` (`bad_job`) for what it cannot do.

    Its own warm-up is switched off: the first repetitions are the job's warm-up iterations.
    """
    work, cores = job.work, cores_of(job)
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
    place = ["-t", f"{len(cores)}", "-C", hex(mask_of(cores)), "--cpu-strict", "1", "-ngl", "0"]
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
        result = read(job, manifest, stdout=stdout, stderr=stderr, returncode=returncode)
        unit = observed.unit_of(cores_of(job), placed)
        if result.backends is None or result.n_gpu_layers is None:
            unit = observed.UNKNOWN  # it may have computed anywhere
        timed = _timed(job, result, unit)
        return [_hello(job, manifest, result), *timed, _end(len(result.samples_ns))]
    except AgentError as error:
        return [_hello(job, manifest, None), Error(error=error.error, message=str(error)), _end(0)]
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        words = f"llama-bench printed what no event can hold: {first['loc'][0]}: {first['msg']}"
        return [_hello(job, manifest, None), Error(error=ErrorClass.CRASH, message=words), _end(0)]


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
