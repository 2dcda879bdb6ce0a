"""From a user's table of questions to scored answers, and to one table of builds."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path

import numpy as np
from PIL import Image

from tests.lab_process import Lab


def table_of(folder: Path) -> Path:
    """Write a table of two images with two questions each, and a row that is broken."""
    rows = ["index\timage\tquestion\tA\tB\tanswer\tcategory"]
    for number in range(2):
        stream = io.BytesIO()
        noise = np.random.default_rng(number).integers(0, 256, (60, 40, 3)).astype(np.uint8)
        Image.fromarray(noise).save(stream, "PNG")
        rows.append(f"{number}\t{base64.b64encode(stream.getvalue()).decode()}\tHow late?\t\t\t9:41\tclock")
        rows.append(f"{number + 10}\t{number}\tWhich?\tred\tblue\tB\tcolour")
    rows.append("99\t\tWhat?\t\t\tyes\tclock")
    path = folder / "my table.tsv"
    path.write_text("\n".join([*rows, ""]), encoding="utf-8")
    return path


def test_a_table_of_questions_is_asked_scored_and_shown(lab: Lab, tiny_build: Path, tmp_path: Path) -> None:
    """Random weights answer nothing right; every question has a scored answer, and the answers stay at home."""
    data, table = tmp_path / "data", table_of(tmp_path)
    assert lab("builds", "add", tiny_build, "--line", "tiny-fp32", "--data", data).returncode == 0

    done = lab("run", "accuracy", "--build", "tiny-fp32", "--questions", table, "--data", data)
    assert done.returncode == 0, done.stderr
    assert "row 5: it has neither image nor image_path" in done.stderr
    assert "0 of 4 questions are answered exactly: 0 %." in " ".join(done.stdout.split())
    assert "No interval: 2 images are too few for one." in " ".join(done.stdout.split())

    shown = json.loads(lab("show", "last", "--json", "--data", data).stdout)
    (document,) = shown["results"]
    whole = document["accuracy"][0]
    assert (whole["questions"], whole["images"], whole["problems"]) == (4, 2, 0)
    assert [(each["name"], each["questions"]) for each in whole["kinds"]] == [("clock", 2), ("colour", 2)]
    kept = next((data / "runs").glob("*/trials/0001/scores.json"))
    names = [each["name"] for each in json.loads(kept.read_bytes())["answers"]]
    assert names == ["index-0", "index-10", "index-1", "index-11"]
    events = kept.with_name("events.jsonl").read_bytes()
    assert events.count(b'"event":"answer"') == 4
    assert b"9:41" not in (kept.with_name("job.json")).read_bytes()

    listed = lab("accuracy", "--data", data)
    assert listed.returncode == 0, listed.stderr
    assert "tiny-fp32" in listed.stdout
    assert "answers/s" in listed.stdout


def test_without_an_evaluation_there_is_no_table(lab: Lab, tmp_path: Path) -> None:
    """The message names the command that makes one."""
    done = lab("accuracy", "--data", tmp_path / "data")

    assert done.returncode == 2
    assert "run accuracy --build nano-fp32" in done.stderr


def test_questions_are_refused_where_no_scenario_asks_any(lab: Lab, tiny_build: Path, tmp_path: Path) -> None:
    """`decode` works on its own input."""
    done = lab("run", "decode", "--build", tiny_build, "--questions", tmp_path, "--data", tmp_path / "data")

    assert done.returncode == 2
    assert "scenario decode asks no questions; leave --questions out" in done.stderr
