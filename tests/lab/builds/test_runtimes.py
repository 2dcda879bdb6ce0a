"""A runtime is one row of the table and one adapter: nothing else knows it."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from device_agents.contract import ForeignManifest, canonical_json
from lab.builds.folder import Build, open_build
from lab.builds.packing import open_or_pack
from lab.builds.runtimes import RUNTIMES, Runtime
from lab.device.local import SystemClock, connect
from lab.errors import BuildError
from lab.records import Cell, DeviceIdentity
from lab.trial.agent import Errand, carry_out
from lab.trial.folder import EVENTS, read_events
from lab.trial.foreign import launch_for, parse
from lab.trial.invariants import check
from lab.trial.job import job_for
from lab.trial.metrics import samples_of

TICK = Runtime("tick", ".tock", program="ticker", adapter="tests.tick_adapter", kv_caches=("int4", "f16"))
TABLE = (*RUNTIMES, TICK)

TOOL = """#!/bin/sh
# Prints 20 ms for each repetition, and does nothing.
for i in $(seq "$1"); do echo 20000000; done
"""


def brought(folder: Path) -> Path:
    """Write what an engineer brings: a model and the tool."""
    folder.mkdir(exist_ok=True)
    (folder / "m.tock").write_bytes(b"weights")
    (folder / "ticker").write_text(TOOL)
    (folder / "ticker").chmod(0o755)
    return folder


def packed(folder: Path) -> tuple[Build, ForeignManifest]:
    """Pack what was brought, and keep the manifest beside it as the lab's shelf does."""
    build = open_or_pack(brought(folder), TABLE)
    (folder / "manifest.json").write_bytes(canonical_json(build.manifest))
    opened = open_build(folder, TABLE)
    assert opened == build
    assert isinstance(opened.manifest, ForeignManifest)
    return opened, opened.manifest


def test_a_row_and_an_adapter_make_a_runtime(tmp_path: Path) -> None:
    """A made-up tool is packed, started and parsed: 96 tokens in the 20 ms that it prints."""
    build, manifest = packed(tmp_path / "brought")
    trial, device = tmp_path / "trial", connect()
    trial.mkdir()
    job = job_for(
        Cell("the cell", {"input": "any", "prompt_tokens": 96, "parallel_tokens": 32}),
        kind="prefill",
        trial="t",
        build=str(build.folder),
        manifest=manifest,
        inputs={},
        device=DeviceIdentity("host", "host", "model", "print", (0,)),
        warmup=1,
        iterations=2,
    )

    launch = launch_for(job, manifest, build, device, trial, runtimes=TABLE)
    outcome = carry_out(Errand(launch, device.transport, trial, 20.0, SystemClock()))
    parse(manifest, build, outcome, trial, runtimes=TABLE)
    events = read_events((trial / EVENTS).read_bytes()).events

    assert (manifest.runtime, manifest.recipe, manifest.kv_cache, manifest.abi) == (
        "tick",
        "tock",
        "int4",
        "script",
    )
    assert check(job, events, manifest, {}, max_gap=0.1).flaw is None
    assert samples_of(job, events)["prefill_s"] == pytest.approx((0.02, 0.02))


def test_a_build_of_a_runtime_that_the_table_lacks_is_refused(tmp_path: Path) -> None:
    """As a build from a newer lab is: the message names the runtime and what this lab has an adapter for."""
    packed(tmp_path / "brought")

    with pytest.raises(BuildError, match=r"an adapter for \(llama\.cpp\), found 'tick'; update pocketlab"):
        open_build(tmp_path / "brought")


def test_a_folder_with_models_of_two_runtimes_is_refused(tmp_path: Path) -> None:
    """One folder is one build."""
    (brought(tmp_path) / "m.gguf").write_bytes(b"GGUF")

    with pytest.raises(BuildError, match=r"wanted one \.gguf or \.tock, found 2: m\.gguf, m\.tock; give each"):
        open_or_pack(tmp_path, TABLE)


def test_a_cache_that_the_tool_cannot_keep_is_refused(tmp_path: Path) -> None:
    """The row says what it can."""
    (brought(tmp_path) / "foreign.toml").write_text('kv_cache = "q8_0"\n')

    with pytest.raises(BuildError, match=r"foreign\.toml: 'kv_cache': wanted 'int4' or 'f16', found 'q8_0'"):
        open_or_pack(tmp_path, TABLE)


def test_every_adapter_of_the_table_is_there() -> None:
    """A row with a tool names a module that can be run."""
    rows = [runtime for runtime in RUNTIMES if runtime.adapter]

    assert rows
    assert [runtime.name for runtime in rows if find_spec(runtime.adapter) is None or not runtime.program] == []
