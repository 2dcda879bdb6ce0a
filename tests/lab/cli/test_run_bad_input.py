"""Whatever is put into the lab, or happens to it: one message, status 2, nothing saved lost, and `--resume`.

Every test here is the command `lab` as a process, on a real build and the real agent. Proved end to end elsewhere:
Ctrl-C, SIGTERM and kill -9 in the middle of a run, then `--resume`: `test_run_cut.test_a_cut_run_is_resumed`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from lab.device.fake.build import write_fake_build
from lab.records import Trial
from lab.store import Store
from tests.lab_process import Lab, null_scenario, run_lab

SCENARIO = null_scenario("own", blocks=2, iterations=1, timeout_s=5)

DECODE = """
[scenario]
name = "own"
question = "How fast is decoding?"
metric = "decode_s"
[workload]
kind = "decode"
context_tokens = 128
new_tokens = 3970
[gates]
start = "never"
"""

AGENT = """
import json, os, pathlib, signal, sys, time
from device_agents.reference.__main__ import main
job, events = json.load(open("job.json")), pathlib.Path("events.jsonl")
hit = FAULT if not job["trial"].endswith("0000") and (ONLY is None or ONLY in job["units"]) else "none"
if pathlib.Path(WELL).exists():
    hit = "none"
if hit == "hangs":
    time.sleep(600)
status = main(sys.argv[1:])
if hit == "fills the disk" and job["trial"].endswith("0002"):
    with open(WELL.replace("well", "ballast"), "wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass
lines = events.read_bytes().splitlines(keepends=True)
if hit in ("dies", "no end"):
    events.write_bytes(b"".join(lines[:-1]))
if hit == "half a line":
    events.write_bytes(b"".join(lines)[:-20])
if hit == "gives up":
    events.write_bytes(lines[0] + b'{"event": "error", "error": "oom", "message": "no memory"}\\n')
    status = 1
if hit == "dies":
    os.kill(os.getpid(), signal.SIGKILL)
sys.exit(status)
"""
"""The real agent, and then what may happen to one; with the file WELL nothing happens any more."""

LAB = """
import dataclasses, sys
from lab import cli
from lab.device import local
device = dataclasses.replace(local.connect(), agent=(sys.executable, "-c", sys.argv[1]))
local.connect = lambda: device
sys.argv = ["lab", *sys.argv[2:]]
cli.main()
"""
"""The real command, but for how its agent is started."""


def refused(done: subprocess.CompletedProcess[str], *words: str) -> str:
    """Check for status 2 and one message with these words in this order, and nothing on stdout; return it."""
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("lab: ")
    assert done.stderr.count("lab: ") == 1
    assert "Traceback" not in done.stderr
    place = 0
    for word in words:
        found = done.stderr.find(word, place)
        assert found >= 0, f"{word!r} is not in {done.stderr[place:]!r}"
        place = found + len(word)
    return done.stderr


# --- scenarios ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("[plan]", "[plan]\nblock = 3", "[plan] unknown key 'block'; did you mean 'blocks'? known keys: warmup"),
        ('kind = "null"', 'kind = "null"\npatches = 4', "[workload] unknown key 'patches'"),
        ("blocks = 2", 'blocks = "2"', "'plan.blocks': wanted a whole number, found '2'"),
        (
            "[plan]",
            "[sweep]\nplacement = []\n[plan]",
            "[sweep] 'placement' is an empty list; give it at least one",
        ),
        ("[plan]", "[sweep]\n[plan]", "[sweep] names no parameter; name one, or remove the table"),
        ("[plan]", "cells = []\n[plan]", "'cells'"),
    ],
)
def test_a_scenario_that_is_wrong_names_file_and_key(
    tmp_path: Path, lab: Lab, before: str, after: str, words: str
) -> None:
    """Unknown key, wrong type, empty sweep: found before any build is looked for."""
    path = tmp_path / "own.toml"
    path.write_text(SCENARIO.replace(before, after))

    refused(lab("run", path), f"{path}: ", words)


# --- builds ------------------------------------------------------------------------------------------


def altered(folder: Path) -> None:
    """Turn one byte over."""
    content = bytearray((folder / "vit.onnx").read_bytes())
    content[50] ^= 1
    (folder / "vit.onnx").write_bytes(content)


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda folder: (folder / "vit.onnx").unlink(), "vit.onnx: missing, wanted"),
    "truncated": (lambda folder: os.truncate(folder / "vit.bin", 100), "vit.bin: truncated, wanted"),
    "altered": (altered, "vit.onnx: altered, wanted SHA-256"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_build_names_the_file_and_is_measured_once_it_is_whole(
    tmp_path: Path, lab: Lab, tiny_build: Path, damage: str
) -> None:
    """Nothing is started on it; with the file put back the run that had begun is finished."""
    build, scenario = tmp_path / "build", tmp_path / "own.toml"
    shutil.copytree(tiny_build, build)
    scenario.write_text(SCENARIO)
    spoil, words = DAMAGE[damage]
    spoil(build)

    done = lab("run", scenario, "--build", build, "--blocks", "2")

    said = refused(done, f"{build}: ", words, "export the build again", "lab run --resume ", f"--build {build}")
    shutil.copytree(tiny_build, build, dirs_exist_ok=True)
    resumed = lab(*said.split("lab ")[-1].split())
    assert resumed.returncode == 0, resumed.stderr
    assert "finished" in resumed.stdout
    assert valid(tmp_path / "data") == [True, True]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("manifest.json", "manifest.json: written in protocol 2, this lab knows 1; update pocketlab"),
        ("inputs/screen/input.json", "input.json: written in protocol 2, this lab knows 1; update pocketlab"),
    ],
)
def test_a_build_of_a_newer_protocol_asks_for_a_newer_lab(
    tmp_path: Path, lab: Lab, tiny_build: Path, name: str, words: str
) -> None:
    """Whatever else it says is not looked at: it may mean anything. No run is begun."""
    shutil.copytree(tiny_build, tmp_path / "build")
    document = json.loads((tmp_path / "build" / name).read_bytes())
    (tmp_path / "build" / name).write_text(json.dumps({**document, "protocol": 2, "new": []}))

    done = lab("run", "vit_batch", "--build", tmp_path / "build")

    assert "make build" not in refused(done, str(tmp_path / "build"), words)
    assert not list((tmp_path / "data/runs").iterdir())


# --- images and prompts ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("notes.png", "found no image of these formats: convert it to PNG or JPEG"),
        ("pixel.png", "found one of 1x1 pixels: use a larger image"),
        ("wide.png", "found one of 20000x2 pixels: scale it down or crop it first"),
        ("gone.png", "found no such file: give the path of an image file"),
    ],
)
def test_an_image_that_cannot_be_used_is_named(
    tmp_path: Path, lab: Lab, tiny_build: Path, name: str, found: str
) -> None:
    """No image, one pixel, too wide, not there: nothing is begun, and nothing is left."""
    (tmp_path / "notes.png").write_text("not an image")
    Image.new("1", (1, 1)).save(tmp_path / "pixel.png")
    Image.new("1", (20000, 2)).save(tmp_path / "wide.png")

    refused(lab("run", "throughput", "--build", tiny_build, "--image", tmp_path / name), name, "wanted", found)

    assert list(tmp_path.glob("data/inputs/*")) == []
    assert not list((tmp_path / "data/runs").iterdir())


def test_an_instruction_longer_than_the_cache_says_what_fits(tmp_path: Path, lab: Lab, tiny_build: Path) -> None:
    """The limit, what was found (7 + 12 of template, 20 of 2:2 tiles and a thumbnail, 5000), and what to do."""
    Image.new("RGB", (60, 60)).save(tmp_path / "photo.png")
    words = ("--image", tmp_path / "photo.png", "--instruction", "a" * 5000)

    done = lab("run", "throughput", "--build", tiny_build, *words)

    refused(done, "at most 3968 tokens (the cache of tiny holds 4096", "found 5039", "shorten the instruction")


def test_a_prompt_longer_than_the_cache_is_refused_before_anything_is_measured(
    tmp_path: Path, lab: Lab, tiny_build: Path
) -> None:
    """128 tokens of context and 3970 new ones do not fit into 4096."""
    (tmp_path / "own.toml").write_text(DECODE)

    done = lab("run", tmp_path / "own.toml", "--build", tiny_build)

    refused(done, "cell own: 4098 tokens do not fit into the cache of tiny-fp32, which holds 4096; shorten")


# --- agents ------------------------------------------------------------------------------------------


def sick_lab(
    folder: Path, fault: str, *arguments: str | Path, data: Path | None = None, only: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `lab` with an agent that something happens to until there is a file `well` beside the data."""
    root = data or folder / "data"
    code = f"FAULT, ONLY, WELL = {fault!r}, {only!r}, {str(root.parent / 'well')!r}\n{AGENT}"
    return run_lab(folder, arguments, data=root, python=("-c", LAB, code))


def trials(root: Path) -> list[Trial]:
    """Return the saved trials of the newest run."""
    store = Store(root)
    found = store.trials(store.run("last").id)
    store.close()
    return found


def valid(root: Path) -> list[bool]:
    """Tell for each trial of the newest run whether it counts."""
    return [trial.valid for trial in trials(root)]


FAULTS = {
    "dies": ("agent_died", "the agent was ended by signal 9 after "),
    "hangs": ("timeout", "the agent did not end within 5 s and was ended"),
    "half a line": ("agent_died", "the agent ended with status 0 after 2 events, the last a `iteration`; in the "),
    "no end": ("no_end", "the agent ended without its last line, `end`"),
    "gives up": ("agent_error", "the agent gave up: oom: no memory"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_an_agent_that_fails_every_time_stops_the_run_which_can_go_on(
    tmp_path: Path, tiny_build: Path, fault: str
) -> None:
    """The run says why and stops after its first block; its invalid trial stays when it goes on."""
    (tmp_path / "own.toml").write_text(SCENARIO)
    reason, detail = FAULTS[fault]
    arguments = ("run", tmp_path / "own.toml", "--build", tiny_build, "--blocks", "2")

    done = sick_lab(tmp_path, fault, *arguments)

    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    message = done.stderr[done.stderr.index("lab: ") :]
    assert f"on host stops: no trial of its first block was valid. own: {reason}: {detail}" in message
    (before,) = trials(tmp_path / "data")
    assert before.reason == reason

    (tmp_path / "well").touch()
    resumed = sick_lab(tmp_path, fault, *message.split("lab ")[-1].split())
    assert resumed.returncode == 0, resumed.stderr
    assert trials(tmp_path / "data")[0] == before
    assert valid(tmp_path / "data") == [False, True]


def test_one_cell_that_always_fails_is_shown_beside_the_others(tmp_path: Path, tiny_build: Path) -> None:
    """The run goes on to its end, the answer counts the invalid trials, and the status is 0."""
    (tmp_path / "own.toml").write_text(SCENARIO + '[sweep]\nplacement = ["all", "split"]\n')

    done = sick_lab(
        tmp_path, "no end", "run", tmp_path / "own.toml", "--build", tiny_build, "--blocks", "2", only="npu"
    )

    assert done.returncode == 0, done.stderr
    assert sorted(valid(tmp_path / "data")) == [False, False, True, True]
    assert "no_end" in done.stdout or "no end" in done.stdout


def test_a_run_of_which_nothing_counts_ends_with_status_2(tmp_path: Path, tiny_build: Path) -> None:
    """A complete run without a valid trial answers nothing: it says so, and that only a new one can help."""
    (tmp_path / "own.toml").write_text(SCENARIO)
    arguments = ("run", tmp_path / "own.toml", "--build", tiny_build, "--blocks", "1")

    done = sick_lab(tmp_path, "no end", *arguments)

    assert done.returncode == 2
    assert "is complete, and its trial does not count. own: no_end: the agent ended without" in done.stderr
    assert "start a new run" in done.stderr and "resume" not in done.stderr
    assert valid(tmp_path / "data") == [False]


def test_an_agent_that_cannot_work_fails_the_run_in_words(lab: Lab, tmp_path: Path) -> None:
    """The real reference agent refuses a build that is no network: kept as invalid trials, status 2."""
    write_fake_build(tmp_path / "fake")

    (tmp_path / "nothing.toml").write_text(null_scenario("nothing", blocks=1))

    done = lab("run", str(tmp_path / "nothing.toml"), "--build", str(tmp_path / "fake"))

    assert done.returncode == 2
    assert "agent_error" in done.stderr


# --- disks -------------------------------------------------------------------------------------------


def test_a_disk_that_fills_up_in_the_middle_costs_no_saved_trial(
    tmp_path: Path, tiny_build: Path, small_disk: Path
) -> None:
    """One message names the folder; with space again `--resume` measures what is missing."""
    (tmp_path / "own.toml").write_text(SCENARIO)
    root = small_disk / "data"
    arguments = ("run", tmp_path / "own.toml", "--build", tiny_build, "--blocks", "3")

    done = sick_lab(tmp_path, "fills the disk", *arguments, data=root)

    assert done.returncode == 2
    message = done.stderr[done.stderr.index("lab: ") :]
    assert f"no space left on the disk that holds {root}" in message
    assert "everything saved before is safe: free some space" in message
    assert done.stderr.count("no space left") == 1
    assert "Traceback" not in done.stderr
    (before,) = trials(root)

    (small_disk / "well").touch()
    (small_disk / "ballast").unlink()
    resumed = sick_lab(tmp_path, "none", *message.partition("\n(")[0].split("lab ")[-1].split(), data=root)
    assert resumed.returncode == 0, resumed.stderr
    assert trials(root)[0] == before
    assert valid(root) == [True, True, True]
