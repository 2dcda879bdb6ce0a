from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from device_agents.contract import Hello, Input, Manifest, Output, relative_distance
from device_agents.virtual_phone.emulation import cpuinfo
from tests.both_agents import Agent, bundle_of, started_from
from tests.device_agents.stand_in import CORES, batches_of, job_of

pytestmark = pytest.mark.arm64


@pytest.fixture(scope="module")
def emulated(tmp_path_factory: pytest.TempPathFactory) -> Agent:
    """Run the arm64 bundle under qemu with a phone's cpuinfo: the runtime's probe crashes on this machine's."""
    qemu = shutil.which("qemu-aarch64-static")
    if qemu is None or os.uname().machine != "x86_64":
        pytest.skip("arm64 is emulated by qemu-aarch64-static on x86_64: apt install qemu-user-static")
    root = tmp_path_factory.mktemp("root")
    (root / "proc").mkdir()
    (root / "proc/cpuinfo").write_text(cpuinfo(), encoding="ascii")
    return Agent("native", (qemu, "-L", str(root), *started_from(bundle_of("arm64")).command))


@pytest.mark.parametrize("recipe", ["fp32", "paper"])
def test_arm64_answers_the_same_tokens_as_x86_64(
    recipe: str, emulated: Agent, native: Agent, tiny_builds: dict[str, Path], tmp_path: Path
) -> None:
    """The same source for another processor: the same token ids, outputs within the recipe's tolerance.

    In float32 all 128 ids are the same. The paper's recipe rounds activations to 8 bits, and each processor's
    kernels round in their own way: its ids may part where the choice is less decided than the recipe's margin.
    """
    folder = tiny_builds[recipe]
    manifest = Manifest.model_validate_json((folder / "manifest.json").read_bytes())
    source = Input.model_validate_json((folder / "inputs/screen/input.json").read_bytes())
    work = {
        "kind": "generate",
        "input": "screen",
        "batches": batches_of(4, 4, 1),
        "pipelined": False,
        "parallel_tokens": 128,
        "new_tokens": len(source.golden.tokens.ids),
        "coupled": True,
    }
    units = {name: {"cores": CORES[:1]} for name in ("cpu", "npu", "all")}
    job = job_of(folder, work, warmup_iterations=0, iterations=1, units=units)
    here, there = (agent.run(job, tmp_path, timeout_s=600) for agent in (native, emulated))
    assert there.returncode == 0, there.stderr
    theirs, ours = ({e.kind: e for e in a.events if isinstance(e, Output)} for a in (here, there))

    hello = there.events[0]
    assert isinstance(hello, Hello)
    assert hello.abi == "aarch64-linux-gnu"
    assert {"asimddp", "i8mm"} <= set(hello.cpu_features)
    assert ours["tokens"].tokens is not None
    assert theirs["tokens"].tokens is not None
    trail = theirs["tokens"].tokens
    same = [a == b for a, b in zip(ours["tokens"].tokens.ids, trail.ids, strict=True)]
    parted = same.index(False) if False in same else len(same)
    assert parted == len(same) or (recipe == "paper" and trail.margins[parted] <= manifest.tolerance.margin)
    assert parted >= 16
    distances = [
        (ours["features"].fingerprint, theirs["features"].fingerprint, manifest.tolerance.features),
        (ours["logits"].fingerprint, theirs["logits"].fingerprint, manifest.tolerance.logits),
    ]
    for found, golden, bound in distances:
        assert found is not None
        assert golden is not None
        assert relative_distance(found, golden) <= bound
