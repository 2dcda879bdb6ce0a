"""A foreign tool goes through the same seam: launched, its output kept, parsed and judged, marked as parsed."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from device_agents.contract import ForeignManifest, Graph, InvalidReason, Job, Span, Stage, canonical_json
from lab.builds.folder import open_build
from lab.builds.packing import open_or_pack
from lab.device.android import SCRATCH
from lab.device.local import SystemClock, connect, cores
from lab.errors import ScenarioError
from lab.records import Cell, DeviceIdentity, Flaw, Parameter
from lab.trial.agent import Errand, carry_out
from lab.trial.folder import EVENTS, PLACED, read_events
from lab.trial.foreign import is_unplaced, launch_for, parse, placement_flaw
from lab.trial.job import job_for
from lab.trial.judge import judge
from tests.farm_phones import Phone
from tests.lab_process import Lab, run_lab

PRETENDER = """#!{python}
# Takes llama-bench's options, prints a result in its grammar, and does nothing. {mark}
import json, os, sys, time
given = dict(zip(sys.argv[1::2], sys.argv[2::2]))
print("load_backend: a stray line", file=sys.stderr)
prompt, new, depth = (int(given.get(name, 0)) for name in ("-p", "-n", "-d"))
time.sleep(0.3)  # long enough to be looked at
repeats = [10_000_000 + 1000 * i for i in range(int(given["-r"]))]
{spoil}
print(json.dumps({{"build_commit": "0ff", "build_number": 3, "n_prompt": prompt, "n_gen": new, "n_depth": depth,
    "n_ubatch": int(given["-ub"]), "backends": "CPU", "n_gpu_layers": int(given["-ngl"]),
    "n_threads": int(given["-t"]), "cpu_mask": given["-C"],
    "cpu_strict": given["--cpu-strict"] == "1", "test_time": "2026-11-23T05:00:00Z", "samples_ns": repeats}}))
"""

ON_A_PHONE = """#!/system/bin/sh
# The same for a phone's shell: as many repetitions as were asked for, of 10 ms each.
mask= ; threads= ; batch= ; prompt= ; times=
while [ $# -gt 0 ]; do
  case $1 in
    -C) mask=$2;; -t) threads=$2;; -ub) batch=$2;; -p) prompt=$2;;
    -r) for i in $(seq "$2"); do times="$times${times:+,}10000000"; done;;
  esac
  shift
done
cat "${0%/*}/m.gguf" >&2
printf '{"n_prompt": %s, "n_gen": 0, "n_ubatch": %s, "n_threads": %s, "cpu_mask": "%s", ' "$prompt" "$batch" \\
  "$threads" "$mask"
printf '"cpu_strict": true, "samples_ns": [%s]}\\n' "$times"
"""

SCENARIO = """
[scenario]
name = "short"
question = "Which chunk is fastest?"
metric = "{metric}"
[workload]
kind = "{kind}"
{fixed}
[sweep]
{sweep}
[plan]
warmup = 1
iterations = 2
blocks = 1
"""


def pretend(folder: Path, spoil: str = "") -> Path:
    """Write a foreign folder whose tool runs the code `spoil` before it prints its result."""
    folder.mkdir()
    (folder / "m.gguf").write_bytes(b"GGUF")
    (folder / "llama-bench").write_text(PRETENDER.format(python=sys.executable, spoil=spoil, mark=folder.name))
    (folder / "llama-bench").chmod(0o755)
    (folder / "foreign.toml").write_text("[prompt_tokens]\nscreen = 96\n")
    return folder


def prefill(folder: Path) -> Path:
    """Write a scenario of two chunk sizes on the whole prompt."""
    path = folder / "short.toml"
    sweep = "parallel_tokens = [32, 64]"
    path.write_text(SCENARIO.format(metric="prefill_s", kind="prefill", fixed="prompt_tokens = 0", sweep=sweep))
    return path


def made(folder: Path, kind: str, parameters: dict[str, Parameter]) -> Job:
    """Return the work of a cell for a foreign build."""
    return job_for(
        Cell("the cell", parameters),
        kind=kind,
        trial="t",
        build=str(folder),
        manifest=open_or_pack(folder).manifest,
        inputs={},
        device=DeviceIdentity("host", "host", "model", "print", (0, 1)),
        warmup=1,
        iterations=2,
    )


def test_a_foreign_run_is_answered_and_marked(tmp_path: Path, lab: Lab) -> None:
    """The tool prints 10 ms for a prefill of 96 tokens: the answer says 10 ms, and that it was parsed."""
    added = lab("builds", "add", pretend(tmp_path / "foreign"), "--line", "theirs")
    done = lab("run", prefill(tmp_path), "--build", "theirs")

    assert added.returncode == 0, added.stderr
    assert done.returncode == 0, done.stderr
    assert "10.0 ms" in done.stdout
    assert "Parsed: llama-bench" in done.stdout
    assert "their number is checked, its output is not" in " ".join(done.stdout.split())
    trial = next((tmp_path / "data" / "runs").glob("*/trials/0001"))
    assert '"n_prompt": 96' in (trial / "stdout.txt").read_text()
    assert "a stray line" in (trial / "stderr.txt").read_text()
    assert '"source":"parsed"' in (trial / "events.jsonl").read_text()
    assert '"unit":"unknown"' not in (trial / "events.jsonl").read_text()
    assert (trial / "placement.txt").read_text() == "observed\n"
    assert "unplaced" not in done.stdout
    shown = lab("builds", "show", "theirs").stdout
    assert "prefill and decode only" in shown
    assert "screen = 96 tokens" in shown
    assert "files read, each as the manifest says" in lab("builds", "verify", "theirs").stdout


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        ("sys.exit(0)", "no_work: llama-bench ended with status 0 and printed 0 results"),
        ("sys.exit('error: failed to load model')", "load: llama-bench ended with status 1"),
        ("os.kill(os.getpid(), 9)", "crash: llama-bench was ended by SIGKILL"),
        ("prompt //= 2", "`prefill` worked on 48 tokens, the job asks for 96"),
        ("repeats.pop()", "wanted 2 measure iterations, found 1"),
        ("given['-ub'] = '7'", "n_ubatch 7, wanted 32"),
        (
            "given['-ngl'] = '99'",
            "unit_unavailable: llama-bench ran on a back end that it does not name, 99 layers",
        ),
    ],
)
def test_a_tool_that_fails_or_does_less_gives_no_number(tmp_path: Path, spoil: str, words: str) -> None:
    """The trial does not count and says why; the tool's output is kept."""
    folder, trial = pretend(tmp_path / "foreign", spoil), tmp_path / "trial"
    trial.mkdir()
    packed, device = open_or_pack(folder), connect()
    (folder / "manifest.json").write_bytes(canonical_json(packed.manifest))
    build = open_build(folder)
    job = made(folder, "prefill", {"input": "screen", "prompt_tokens": 0, "parallel_tokens": 32})
    assert isinstance(build.manifest, ForeignManifest)

    launch = launch_for(job, build.manifest, build, device, trial)
    outcome = carry_out(Errand(launch, device.transport, trial, 20.0, SystemClock()))
    parse(build.manifest, build, outcome, trial)
    findings = judge(
        job,
        outcome,
        read_events((trial / EVENTS).read_bytes()),
        stderr="",
        manifest=build.manifest,
        inputs={},
        timeout_s=20.0,
        max_gap=0.1,
    )

    assert (trial / "stderr.txt").read_text().startswith("load_backend: a stray line")
    assert findings.flaw is not None
    assert words in findings.flaw.detail


def test_a_tool_that_was_not_looked_at_has_an_unknown_unit(tmp_path: Path, lab: Lab) -> None:
    """It counts, the report says so, and it is not compared with figures of a known unit."""
    folder = pretend(tmp_path / "foreign")
    text = (folder / "llama-bench").read_text()
    (folder / "llama-bench").write_text(text.replace('"backends": "CPU", ', ""))
    lab("builds", "add", folder, "--line", "theirs")
    done = lab("run", prefill(tmp_path), "--build", "theirs")

    assert done.returncode == 0, done.stderr
    assert "2 unplaced (nobody saw what a foreign tool ran on" in " ".join(done.stdout.split())
    trial = next((tmp_path / "data" / "runs").glob("*/trials/0001"))
    assert '"unit":"unknown"' in (trial / "events.jsonl").read_text()


@pytest.mark.skipif(len(cores()) < 2, reason="wants a core that the job does not name")
def test_a_tool_that_leaves_its_cores_gives_no_number(tmp_path: Path) -> None:
    """It says its mask back all the same; each trial has the reason."""
    leave = "os.sched_setaffinity(0, range(os.cpu_count())); time.sleep(1.5)"
    first = cores()[0]
    on_one = (
        f"import os, runpy; os.sched_setaffinity(0, {{{first}}}); runpy.run_module('lab.cli', run_name='__main__')"
    )
    run_lab(tmp_path, ["builds", "add", pretend(tmp_path / "foreign", leave), "--line", "theirs"])
    done = run_lab(tmp_path, ["run", prefill(tmp_path), "--build", "theirs"], python=("-c", on_one))

    assert done.returncode == 2
    assert "unit_unavailable: the tool did not run where it was asked to: thread" in done.stderr
    assert f"wanted {first}" in done.stderr


def test_an_adapter_that_ignores_what_was_seen_changes_nothing(tmp_path: Path) -> None:
    """The lab judges its own look: elsewhere is a flaw, unseen is `unplaced`, whatever unit the spans claim."""
    span = Span(
        stage=Stage.PREFILL, iteration=0, index=0, start_ns=0, duration_ns=9, role="npu", unit="cpu1,3", thread=0,
        cpu_ns=0, source="parsed",
    )  # fmt: skip
    assert is_unplaced(tmp_path, [span])  # no file: nobody looked
    (tmp_path / PLACED).write_text("observed\n")
    assert not is_unplaced(tmp_path, [span])
    assert is_unplaced(tmp_path, [span.model_copy(update={"unit": "unknown"})])
    assert placement_flaw(tmp_path) is None
    (tmp_path / PLACED).write_text("contradicted thread 7 was allowed on cores 0-7, wanted 1,3\n")
    assert placement_flaw(tmp_path) == Flaw(
        InvalidReason.WRONG_UNIT, "thread 7 was allowed on cores 0-7, wanted 1,3"
    )


def test_decode_rate_is_tokens_over_the_printed_time(tmp_path: Path, lab: Lab) -> None:
    """Nine new tokens are eight calls in 10 ms: 800 tokens/s."""
    lab("builds", "add", pretend(tmp_path / "foreign"), "--line", "theirs")
    path = tmp_path / "short.toml"
    fixed, sweep = "new_tokens = 9", "context_tokens = [16]"
    path.write_text(SCENARIO.format(metric="decode_tokens_per_s", kind="decode", fixed=fixed, sweep=sweep))
    done = lab("run", path, "--build", "theirs")

    assert done.returncode == 0, done.stderr
    assert "800 tokens/s" in done.stdout


def test_other_scenarios_are_refused_before_anything_is_measured(tmp_path: Path, lab: Lab) -> None:
    """The tool cannot encode images."""
    lab("builds", "add", pretend(tmp_path / "foreign"), "--line", "theirs")
    done = lab("run", "vit_batch", "--build", "theirs")

    assert done.returncode == 2
    assert (
        "wanted a tool that measures 'encode_image', but the build m-gguf runs in llama.cpp's own tool"
        in done.stderr
    )
    assert not list((tmp_path / "data" / "runs").glob("*/trials/*"))


def test_the_whole_of_an_unknown_prompt_is_refused(tmp_path: Path) -> None:
    """The tool makes up its tokens: foreign.toml must say how many."""
    folder = pretend(tmp_path / "foreign")
    parameters: dict[str, Parameter] = {"input": "text", "prompt_tokens": 0, "parallel_tokens": 8}

    with pytest.raises(ScenarioError, match=r"foreign\.toml, under \[prompt_tokens\]: `text = 2048`"):
        made(folder, "prefill", parameters)


def test_a_foreign_job_names_every_core_for_the_language_model(tmp_path: Path) -> None:
    """There are no graphs to place, so `split` and `all` are the same."""
    job = made(
        pretend(tmp_path / "foreign"),
        "prefill",
        {"input": "screen", "prompt_tokens": 0, "parallel_tokens": 8, "placement": "split"},
    )

    assert job.stages == {Graph.LLM: "all"}
    assert job.units["all"].cores == [0, 1]


def test_a_phone_gets_the_tool_and_not_our_agent(tmp_path: Path, phone: Phone) -> None:
    """The tool is pushed, started by Android's shell and parsed on the host; nothing else is sent."""
    variables = {"POCKETLAB_ADB_SERVER": f"127.0.0.1:{phone.adb_server}"}
    agents, agent = tmp_path / "data/agents/x86_64", "0" * 64
    agents.mkdir(parents=True)
    told = {"abi": "x86_64", "id": agent, "agent": "native", "runtime": "none", "argv": ["agent"]}
    (agents / "bundle.json").write_text(json.dumps(told))
    folder = pretend(tmp_path / "foreign")
    (folder / "llama-bench").write_text(ON_A_PHONE)
    commands: list[list[str | Path]] = [
        ["builds", "add", folder, "--line", "theirs"],
        ["devices", "connect", phone.address],
        ["run", prefill(tmp_path), "--build", "theirs", "--device", phone.name],
    ]
    done = [run_lab(tmp_path, command, variables=variables) for command in commands]

    assert [each.returncode for each in done] == [0, 0, 0], done[-1].stderr
    assert "10.0 ms" in done[-1].stdout
    trial = next((tmp_path / "data" / "runs").glob("*/trials/0001"))
    assert (trial / "stderr.txt").read_text() == "GGUF"
    assert phone.shell(f"ls {SCRATCH}/builds/*/m.gguf").split() != []
    assert phone.shell(f"ls -d {SCRATCH}/agents/{agent} 2> /dev/null || true") == ""
