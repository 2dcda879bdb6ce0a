"""The templates of docs/your-own-build.md work as they stand."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from device_agents.contract import ForeignManifest, Manifest
from lab.builds.folder import load_input, open_build, verify
from lab.builds.packing import open_or_pack
from lab.builds.runtimes import Runtime
from tests.lab.builds.test_packing import foreign_folder
from tests.lab_process import ROOT

PAGE = (ROOT / "docs/your-own-build.md").read_text(encoding="utf-8")


def template(language: str) -> str:
    """Return the one block of the page in a language."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
    return str(found)


def test_the_script_describes_a_folder_of_graphs(tmp_path: Path) -> None:
    """What it writes opens and verifies, with itself outside the folder or removed."""
    for name in ("embed.onnx", "llm.onnx"):
        (tmp_path / name).write_bytes(b"a stand-in, no network")
    script = template("python")
    argv = [sys.executable, "-c", script]
    subprocess.run(argv, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, check=True)
    build = open_build(tmp_path)

    verify(build)
    assert isinstance(build.manifest, Manifest)
    assert load_input(build, "text").prompt_tokens == 64
    assert sorted(graph.path for each in build.manifest.graphs.values() for graph in each) == [
        "embed.onnx",
        "llm.onnx",
    ]


def test_the_description_of_a_gguf_is_read(tmp_path: Path) -> None:
    """Every key of the page is one that the lab knows."""
    (foreign_folder(tmp_path) / "foreign.toml").write_text(template("toml"))
    manifest = open_or_pack(tmp_path).manifest

    assert isinstance(manifest, ForeignManifest)
    assert (manifest.model, manifest.recipe, manifest.prompt_tokens) == ("qwen2-1.5b", "q4_0", {"screen": 2048})


def test_the_row_of_a_runtime_is_one(tmp_path: Path) -> None:
    """As it would stand in the table."""
    (row,) = re.findall(r"^```\n(Runtime\(.*?\))\n```", PAGE, flags=re.MULTILINE | re.DOTALL)
    runtime = eval(row, {"Runtime": Runtime})  # the page's own text

    assert runtime.suffix == ".mymodel"


def test_the_page_names_no_file_that_is_not_there() -> None:
    """Links, and paths in code."""
    targets = [ROOT / "docs" / target for target in re.findall(r"\]\(([^)#:]+)", PAGE)]
    named = [ROOT / name for name in re.findall(r"`((?:tests|device_agents|lab)/[\w/.]+\.py)`", PAGE)]

    missing = [str(path) for path in (*targets, *named) if not path.exists() and path.name != "mytool.py"]
    assert (missing, len(named) > 3) == ([], True)
