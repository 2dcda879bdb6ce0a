"""The adapter of a made-up runtime, `tick`: its tool prints the nanoseconds of each repetition, one a line."""

from __future__ import annotations

import argparse
from pathlib import Path

from device_agents.contract import (
    PROTOCOL,
    Command,
    End,
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


def prepare(job: Job, manifest: ForeignManifest) -> Command:
    """Start the tool with the number of repetitions."""
    argv = [f"{job.build}/{manifest.program}", str(job.warmup_iterations + job.iterations)]
    return Command(argv=argv, environment={})


def parse(job: Job, manifest: ForeignManifest, printed: str) -> list[Event]:
    """Return a span and an iteration for each line, laid end to end from 0."""
    assert isinstance(job.work, PrefillWork)
    tokens = job.work.prompt_tokens
    hello = Hello(
        protocol=PROTOCOL,
        agent="tick",
        agent_version="1",
        runtime=manifest.runtime,
        runtime_version="1",
        abi=manifest.abi,
        cpu_features=[],
        units={name: unit.cores for name, unit in job.units.items()},
        pid=0,
        monotonic_ns=0,
        boot_ns=0,
        real_ns=0,
    )
    events: list[Event] = [hello]
    start = 0
    for number, duration in enumerate(map(int, printed.split())):
        span = Span(
            stage=Stage.PREFILL,
            iteration=number,
            index=0,
            start_ns=start,
            duration_ns=duration,
            role="npu",
            unit=f"cpu{job.units[job.stages[Graph.LLM]].cores[0]}",
            thread=0,
            cpu_ns=0,
            count=Tokens(true=tokens, padded=tokens),
            source="parsed",
        )
        phase = "warmup" if number < job.warmup_iterations else "measure"
        events += [span, Iteration(iteration=number, phase=phase, start_ns=start, duration_ns=duration)]
        start += duration
    timed = (len(events) - 1) // 2
    return [*events, End(spans=timed, iterations=timed, outputs=0)]


def main() -> None:
    """Do one step, as PROTOCOL.md's "Foreign tools" has it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("step", choices=["prepare", "parse"])
    for name in ("job", "manifest", "stdout", "stderr", "events"):
        parser.add_argument(f"--{name}", type=Path)
    parser.add_argument("--returncode", type=int)
    chosen = parser.parse_args()
    job = Job.model_validate_json(chosen.job.read_bytes())
    manifest = ForeignManifest.model_validate_json(chosen.manifest.read_bytes())
    if chosen.step == "prepare":
        print(prepare(job, manifest).model_dump_json())  # noqa: T201 - the answer
        return
    lines = [event.model_dump_json() + "\n" for event in parse(job, manifest, chosen.stdout.read_text())]
    chosen.events.write_text("".join(lines))


if __name__ == "__main__":
    main()
