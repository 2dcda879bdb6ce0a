"""Builds of the tiny preset, made once a session."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.export import export, reference_input
from models.mllm import PRESETS, Mllm, random_mllm
from models.prepare import Prepared


@pytest.fixture(scope="session")
def tiny() -> Mllm:
    """The smallest preset with the weights of seed 0."""
    return random_mllm(PRESETS["tiny"], 0)


@pytest.fixture(scope="session")
def screen(tiny: Mllm) -> Prepared:
    """The bundled screen and request, prepared for it."""
    return reference_input(tiny)


@pytest.fixture(scope="session")
def tiny_builds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One exported folder for each recipe."""
    folder = tmp_path_factory.mktemp("builds")
    for recipe in ("fp32", "w8", "w8a8", "paper"):
        export("tiny", recipe, folder / recipe, seed=0, extra=[], say=lambda line: None)
    return {path.name: path for path in folder.iterdir()}
