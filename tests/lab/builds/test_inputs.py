"""An image and a request of the user's own: `lab run --image`, from the file to the answer and back again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from device_agents.contract import content_id
from lab.builds import inputs
from lab.builds.folder import open_build
from lab.device.fake.build import write_fake_build
from lab.errors import PrepareError
from lab.records import Run
from lab.scenario.known import SCENARIOS
from lab.store import Store
from tests.lab_process import ROOT, Lab

NO_TORCH = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")
sys.meta_path.insert(0, Missing())
"""


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """Save a blue square: 2:2 tiles and a thumbnail of four tokens each, 20 in all."""
    Image.new("RGB", (90, 90), (10, 90, 200)).save(tmp_path / "-my photo; $(x).png")
    return tmp_path / "-my photo; $(x).png"


def anyhow(folder: Path) -> Path:
    """Write the scenario `throughput` with gates that let it run and count on a busy machine."""
    gates = 'max_gap = 0.9\ncpu_time_least = 0\nstart = "never"'
    text = (SCENARIOS / "throughput.toml").read_text().replace("max_gap = 0.10", gates)
    assert 'start = "never"' in text
    (folder / "throughput.toml").write_text(text)
    return folder / "throughput.toml"


def saved(root: Path, text: str = "last") -> tuple[Run, list[bool]]:
    """Return a run and whether each of its trials is valid."""
    store = Store(root)
    record = store.run(text)
    found = [trial.valid for trial in store.trials(record.id)]
    store.close()
    return record, found


def test_a_run_on_an_own_image_is_judged_by_the_oracle_and_resumed(
    tmp_path: Path, lab: Lab, tiny_build: Path, photo: Path
) -> None:
    """Features, logits and tokens agree with the fp32 model; a resumed run finds the same input again."""
    root = tmp_path / "data"
    ask = ("--build", tiny_build, "--blocks", "1", "--image", photo, "--instruction", "What is this?")

    done = lab("run", anyhow(tmp_path), *ask)

    assert done.returncode == 0, done.stderr
    (folder,) = (root / "inputs").iterdir()
    own = inputs.find(root, folder.name)
    assert own is not None
    assert own.id == content_id(own.document) == folder.name
    record, counted = saved(root)
    assert all(counted)
    assert record.context.facts["input_mine"] == own.id
    assert {cell.parameters["input"] for cell in record.cells} == {"mine"}
    said = " ".join(done.stdout.split())
    assert "on an image of 90 x 90 pixels (2:2, 5 patches), asked 'What is this?', 52 prompt tokens in all" in said

    trials = sorted((root / "runs" / record.id / "trials").glob("*/trial.json"))
    trials[-1].unlink()
    (root / "runs" / record.id / "run.json").write_text(
        (root / "runs" / record.id / "run.json").read_text().replace('"finished"', '"interrupted"')
    )
    photo.unlink()
    resumed = lab("run", "--resume", record.id, "--build", tiny_build)
    assert resumed.returncode == 0, resumed.stderr
    assert saved(root)[1] == counted

    pixels = folder / "pixels.rgb8"
    pixels.write_bytes(bytes(pixels.stat().st_size))
    trials[-1].unlink()
    (root / "runs" / record.id / "run.json").write_text(
        (root / "runs" / record.id / "run.json").read_text().replace('"finished"', '"interrupted"')
    )
    refused = lab("run", "--resume", record.id, "--build", tiny_build)
    assert refused.returncode == 2
    assert f"{pixels}: damaged: wanted SHA-256" in refused.stderr


def test_the_same_question_is_the_same_input_and_another_is_another(tmp_path: Path, tiny_build: Path) -> None:
    """Its id covers the pixels, the words and the oracle's outputs. A damaged copy is replaced."""
    Image.new("RGB", (90, 90), (10, 90, 200)).save(tmp_path / "photo.png")
    build = open_build(tiny_build)
    first = inputs.prepare(tmp_path, build, tmp_path / "photo.png", "What is this?")
    (first.folder / "input.json").write_text("{}")
    with pytest.raises(PrepareError, match=r"input.json: damaged"):
        inputs.check(first)

    assert inputs.prepare(tmp_path, build, tmp_path / "photo.png", "What is this?") == first
    inputs.check(first)
    assert inputs.prepare(tmp_path, build, tmp_path / "photo.png", "What is that?").id != first.id
    assert len(list((tmp_path / "inputs").iterdir())) == 2


def test_a_model_that_cannot_be_rebuilt_is_refused(tmp_path: Path, lab: Lab, photo: Path) -> None:
    """Weights that neither a seed nor a file gives again have no expected output."""
    write_fake_build(tmp_path / "build")

    done = lab("run", "throughput", "--build", tmp_path / "build", "--image", photo)

    assert done.returncode == 2
    assert (
        "manifest.json names neither a seed nor a file of them (random: none: a stand-in for tests); export the "
        "build again" in done.stderr
    )


def test_a_lab_without_torch_says_what_to_install(tmp_path: Path, lab: Lab, tiny_build: Path, photo: Path) -> None:
    """The lab itself runs without torch; only preparing needs it."""
    (tmp_path / "sitecustomize.py").write_text(NO_TORCH)

    done = lab("run", "throughput", "--build", tiny_build, "--image", photo, PYTHONPATH=f"{tmp_path}:{ROOT}")

    assert done.returncode == 2
    assert "wanted the modules torch, PIL, safetensors; this Python" in done.stderr
    assert "has no torch: run `pip install 'pocketlab[models]'`" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "null", "--image", "photo.png"), "--image: scenario null works on no input; leave --image out"),
        (("run", "throughput", "--instruction", "x"), "name it with --image FILE"),
        (("run", "--resume", "--image", "photo.png"), "--resume uses the input its run began with"),
    ],
)
def test_what_makes_no_sense_together_is_refused(
    lab: Lab, tiny_build: Path, arguments: tuple[str, ...], words: str
) -> None:
    """Before anything is prepared."""
    done = lab(*arguments, "--build", tiny_build)

    assert done.returncode == 2
    assert words in done.stderr


def test_ctrl_c_while_preparing_is_status_2(tmp_path: Path, tiny_build: Path, photo: Path) -> None:
    """There is one message, and the half-made input is gone."""
    environment = {
        **os.environ, "POCKETLAB_DATA": str(tmp_path / "data"), "POCKETLAB_LOCK": str(tmp_path / "lock"),
    }  # fmt: skip
    argv = [sys.executable, "-m", "lab.cli", "run", "vit_batch", "--build", str(tiny_build), "--image", str(photo)]
    with subprocess.Popen(argv, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) as started:
        while not list((tmp_path / "data").glob("inputs/.preparing-*")):
            assert started.poll() is None
            time.sleep(0.01)
        started.send_signal(signal.SIGINT)
        _, said = started.communicate(timeout=60)

    assert started.returncode == 2
    assert said == "lab: interrupted; everything saved before is safe\n"
    assert list((tmp_path / "data/inputs").iterdir()) == []
