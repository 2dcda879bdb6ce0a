"""One trial of the fake phone's agent, run once and judged; its events may be changed before the invariants."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from device_agents.contract import Event, Input, Job, Manifest, Span, Stage
from lab.device.fake.build import write_fake_build
from lab.device.fake.phone import FakePhone, Fault, fake_device
from lab.records import Cell, Flaw, Parameter
from lab.trial.agent import Errand, Outcome, carry_out, launch_for
from lab.trial.folder import EVENTS, read_events
from lab.trial.invariants import Findings, check
from lab.trial.job import job_for
from lab.trial.judge import judge
from lab.trial.metrics import samples_of

Spoil = Callable[[list[Event]], list[Event]]
"""A change of the events that an agent wrote."""

ENCODE: dict[str, Parameter] = {
    "input": "screen",
    "patches_per_batch": 4,
    "pipelined": False,
    "remainder": "exact",
    "order": "largest_first",
    "placement": "split",
}
PREFILL: dict[str, Parameter] = {"input": "screen", "prompt_tokens": 0, "parallel_tokens": 8, "placement": "all"}
DECODE: dict[str, Parameter] = {
    "input": "screen",
    "context_tokens": 50,
    "new_tokens": 5,
    "parallel_tokens": 8,
    "placement": "all",
}
GENERATE: dict[str, Parameter] = {**ENCODE, "parallel_tokens": 8, "new_tokens": 5, "coupled": True}
PARAMETERS = {"encode_image": ENCODE, "prefill": PREFILL, "decode": DECODE, "generate": GENERATE}


def setting(folder: Path) -> tuple[Manifest, dict[str, Input]]:
    """Return a stand-in build's manifest and inputs."""
    manifest = write_fake_build(folder)
    return manifest, {"screen": Input.model_validate_json((folder / "inputs/screen/input.json").read_bytes())}


def tried(tmp_path: Path, fault: Fault, kind: str) -> tuple[Job, Findings, Outcome, dict[str, tuple[float, ...]]]:
    """Run the fake phone's agent once and judge what it wrote."""
    manifest, inputs = setting(tmp_path / "build")
    phone = FakePhone(inputs, script=lambda number: fault)
    device = fake_device(phone)
    parameters = PARAMETERS.get(kind, {"placement": "all"})
    job = job_for(
        Cell("cell", parameters),
        kind=kind,
        trial="run-0001",
        build="/builds/1",
        manifest=manifest,
        inputs=inputs,
        device=device.identity,
        warmup=1,
        iterations=2,
    )
    folder = tmp_path / "trial"
    folder.mkdir()
    outcome = carry_out(Errand(launch_for(job, device, folder), phone, folder, 10.0, phone.clock))
    raw = (folder / EVENTS).read_bytes() if (folder / EVENTS).exists() else b""
    reading = read_events(raw)
    findings = judge(
        job,
        outcome,
        reading,
        stderr="",
        manifest=manifest,
        inputs=inputs,
        timeout_s=10.0,
        max_gap=0.10,
        cpu_time_least=0.7,
    )
    return job, findings, outcome, samples_of(job, reading.events)


def checked(tmp_path: Path, job: Job, spoil: Spoil = list, wall_s: float | None = None) -> Findings:
    """Check the trial that ran in a folder, after `spoil` has changed its events."""
    manifest, inputs = setting(tmp_path / "again")
    events = list(read_events((tmp_path / "trial" / EVENTS).read_bytes()).events)
    return check(job, spoil(events), manifest, inputs, max_gap=0.10, wall_s=wall_s)


def flaw_of(findings: Findings) -> Flaw:
    """Return the flaw, which must be there."""
    assert findings.flaw is not None
    return findings.flaw


def changed(stage: Stage, **update: object) -> Spoil:
    """Change every span of a stage."""
    return lambda events: [
        event.model_copy(update=update) if isinstance(event, Span) and event.stage == stage else event
        for event in events
    ]
