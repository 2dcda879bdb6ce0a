from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from device_agents.contract import Event, Input, Manifest, Output, Span, relative_distance
from tests.both_agents import REFERENCE, Agent
from tests.device_agents.stand_in import CORES, batches_of, job_of
from tests.lab_process import ROOT

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None,
    reason="the reference build is made with torch, which is not installed",
)

BUILDS = {"tiny-fp32": ("tiny", "fp32"), "nano-paper": ("nano", "paper")}
"""All float32, and the paper's recipe: 4-bit language model, 8-bit vision, float16 key-value cache."""


@pytest.fixture(scope="module", params=list(BUILDS))
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Export a reference build in its own process, as the lab does."""
    model, recipe = BUILDS[request.param]
    folder = tmp_path_factory.mktemp(request.param) / "build"
    command = [sys.executable, "-m", "models.export", model, "--recipe", recipe, "--out", str(folder)]
    subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
    return folder


def generate(parallel: int, batches: tuple[int, ...], *, pipelined: bool = False) -> dict[str, object]:
    """Return the workload with every stage."""
    return {
        "kind": "generate",
        "input": "screen",
        "batches": batches_of(*batches),
        "pipelined": pipelined,
        "parallel_tokens": parallel,
        "new_tokens": 8,
        "coupled": True,
    }


def outputs(events: list[Event]) -> dict[str, Output]:
    """Return the last iteration's outputs by kind."""
    return {event.kind: event for event in events if isinstance(event, Output)}


@pytest.mark.parametrize(("parallel", "batches"), [(128, (4, 4, 1)), (512, (1, 4, 4))])
def test_the_agent_answers_like_the_torch_oracle(
    parallel: int, batches: tuple[int, ...], agent: Agent, exported: Path, tmp_path: Path
) -> None:
    """Features, logits and tokens are within the build's tolerance, for every batch and chunk size."""
    manifest = Manifest.model_validate_json((exported / "manifest.json").read_bytes())
    source = Input.model_validate_json((exported / "inputs/screen/input.json").read_bytes())
    answer = agent.run(job_of(exported, generate(parallel, batches), iterations=1), tmp_path)
    assert answer.returncode == 0, answer.stderr
    features, logits, tokens = (outputs(answer.events)[kind] for kind in ("features", "logits", "tokens"))

    assert features.fingerprint is not None
    assert logits.fingerprint is not None
    assert tokens.tokens is not None
    assert source.golden.features is not None
    assert features.fingerprint.shape == source.golden.features.shape
    assert relative_distance(features.fingerprint, source.golden.features) <= manifest.tolerance.features
    assert relative_distance(logits.fingerprint, source.golden.logits) <= manifest.tolerance.logits
    trail = source.golden.tokens
    for ours, theirs, margin in zip(tokens.tokens.ids, trail.ids, trail.margins, strict=False):
        if ours != theirs:
            assert margin <= manifest.tolerance.margin
            break


WORKS: dict[str, dict[str, object]] = {
    "load": {"kind": "load"},
    "generate": generate(128, (4, 4, 1)),
    "pipelined": generate(128, (4, 4, 1), pipelined=True)
    | {"coupled": False, "instruction_delay_s": 0.0, "prefill_early": True, "release_vision": True},
    "decode": {
        "kind": "decode",
        "input": "text",
        "context_tokens": 20,
        "new_tokens": 5,
        "parallel_tokens": 128,
    },
    "prefill": {"kind": "prefill", "input": "screen", "prompt_tokens": 200, "parallel_tokens": 128},
}


@pytest.mark.parametrize("work", WORKS)
def test_both_agents_tell_the_same(work: str, native: Agent, exported: Path, tmp_path: Path) -> None:
    """Both write the same events in the same order, except for times: equal tokens, outputs within tolerance."""
    if work == "pipelined" and len(CORES) < 2:
        pytest.skip("two units need two cores; this process may use one")
    manifest = Manifest.model_validate_json((exported / "manifest.json").read_bytes())
    job = job_of(exported, WORKS[work], iterations=1)
    theirs, ours = (agent.run(job, tmp_path).events for agent in (REFERENCE, native))

    assert journal(ours, in_order=work != "pipelined") == journal(theirs, in_order=work != "pipelined")
    for kind, output in outputs(ours).items():
        other = outputs(theirs)[kind]
        if output.tokens is not None and other.tokens is not None:
            assert output.tokens.ids == other.tokens.ids
            continue
        assert output.fingerprint is not None
        assert other.fingerprint is not None
        assert output.fingerprint.shape == other.fingerprint.shape
        tolerance = manifest.tolerance.features if kind == "features" else manifest.tolerance.logits
        assert relative_distance(output.fingerprint, other.fingerprint) <= tolerance


def journal(events: list[Event], *, in_order: bool) -> list[str]:
    """Return the events without times, sorted unless `in_order`: two units at once finish in either order."""
    told = [
        f"{event.iteration} {event.stage} {event.index} {event.role} {event.unit} {event.count} {event.source}"
        if isinstance(event, Span)
        else event.event
        for event in events
    ]
    return told if in_order else sorted(told)
