from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
from stand_in import batches_of, job_of

from device_agents.contract import Input, Manifest, Output, parse_event, relative_distance

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None,
    reason="the reference build is made with torch, which is not installed",
)


@pytest.fixture(scope="module", params=["fp32"])
def tiny(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Export the `tiny` reference build in its own process, as the lab does."""
    folder = tmp_path_factory.mktemp("tiny") / "build"
    command = [sys.executable, "-m", "models.export", "tiny", "--recipe", request.param, "--out", str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    return folder


def outputs_of(build: Path, work: dict[str, object], tmp_path: Path) -> dict[str, Output]:
    """Run the agent as a process and return the last iteration's outputs by kind."""
    job, events = tmp_path / "job.json", tmp_path / "events.jsonl"
    job.write_text(json.dumps(job_of(build, work, iterations=1)), encoding="utf-8")
    command = [sys.executable, "-m", "device_agents.reference", "run", "--job", str(job), "--events", str(events)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = [parse_event.validate_json(line) for line in events.read_text(encoding="utf-8").splitlines()]
    return {event.kind: event for event in found if isinstance(event, Output)}


@pytest.mark.parametrize(("parallel", "batches"), [(128, (4, 4, 1)), (512, (1, 5, 3))])
def test_the_agent_answers_like_the_torch_oracle(
    parallel: int, batches: tuple[int, ...], tiny: Path, tmp_path: Path
) -> None:
    """Features, logits and tokens lie within the tolerance that the build states, however it is cut."""
    manifest = Manifest.model_validate_json((tiny / "manifest.json").read_bytes())
    source = Input.model_validate_json((tiny / "inputs/screen/input.json").read_bytes())
    work = {
        "kind": "generate",
        "input": "screen",
        "batches": batches_of(*batches),
        "pipelined": False,
        "parallel_tokens": parallel,
        "new_tokens": 8,
        "coupled": True,
    }
    found = outputs_of(tiny, work, tmp_path)
    features, logits, tokens = (found[kind] for kind in ("features", "logits", "tokens"))

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
