"""Builds against torch: parity, the error of each recipe, and refusal of a wrong graph."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from device_agents.contract import Graph, Manifest, content_id
from models.check import Finding, Runtime, check, relative_error
from models.errors import PrepareError
from models.export import export, refuse_wrong, write_graphs
from models.graphs import vit_graph
from models.language import Cache
from models.mllm import PRESETS, Mllm, random_mllm
from models.origins import Origin
from models.prepare import Prepared
from models.products import way_of
from models.quantize import RECIPES


def manifest_of(folder: Path) -> Manifest:
    """Read a build's manifest."""
    return Manifest.model_validate_json((folder / "manifest.json").read_bytes())


def test_the_fp32_build_is_torch(tiny_builds: dict[str, Path], tiny: Mllm, screen: Prepared) -> None:
    """Tiles, features and logits agree up to float rounding, and so does every top-1 token."""
    found = check(Runtime(tiny_builds["fp32"]), tiny.config, screen, "float32")

    assert found.tiles < 1e-5
    assert found.error.feature_relative_error < 1e-5
    assert found.error.logit_relative_error < 1e-5
    assert found.error.top1_agreement == 1.0
    assert found.error.logit_kl_nats < 1e-9


def test_each_recipe_costs_what_its_bits_suggest(tiny_builds: dict[str, Path]) -> None:
    """8-bit weights move features by about 1 %, 4-bit weights logits by 5 to 50 %, fp32 nothing."""
    errors = {name: manifest_of(folder).recipe_error for name, folder in tiny_builds.items()}

    assert errors["fp32"].logit_relative_error < 1e-5
    assert 0.001 < errors["w8"].feature_relative_error < 0.03
    assert 0.001 < errors["w8a8"].feature_relative_error < 0.06
    assert 0.05 < errors["paper"].logit_relative_error < 0.5
    assert errors["paper"].logit_relative_error > 3 * errors["w8"].logit_relative_error


def test_a_float16_cache_adds_less_error_than_an_int8_one(tiny: Mllm, screen: Prepared, tmp_path: Path) -> None:
    """On float32 weights: float16 keeps 11 bits, INT8 seven and a sign, so its error is under a tenth."""
    prompt, last = screen.prompt[:64].numpy(), np.array([63])
    wanted = tiny.language(screen.prompt[:64], Cache.empty(tiny.config.language), torch.from_numpy(last)).numpy()
    errors = {}
    for kind in ("float32", "float16", "int8"):
        folder = tmp_path / kind
        folder.mkdir()
        write_graphs(tiny, replace(RECIPES["fp32"], cache=kind), [screen], folder)
        errors[kind] = relative_error(Runtime(folder).logits(tiny.config, prompt, last, kind), wanted)

    assert errors["float32"] < 1e-5
    assert errors["float32"] < errors["float16"] < errors["int8"] / 10


@pytest.mark.parametrize("recipe", ["fp32", "w8", "w8a8", "paper"])
def test_no_tile_is_changed_by_its_neighbours(tiny_builds: dict[str, Path], recipe: str) -> None:
    """A tile has the same features alone and in a batch of six, in every recipe."""
    runtime = Runtime(tiny_builds[recipe])
    tiles = np.random.default_rng(0).standard_normal((6, 3, 56, 56)).astype(np.float32)

    together = runtime.encode(tiles).reshape(6, 4, -1)
    alone = np.stack([runtime.encode(tiles[i : i + 1]) for i in range(6)])

    assert np.abs(together - alone).max() < 1e-4


def test_the_manifest_names_every_file_by_its_hash(tiny_builds: dict[str, Path]) -> None:
    """Every file in the folder is listed, and every listed hash matches."""
    folder = tiny_builds["paper"]
    listed = {f.path: f.sha256 for f in manifest_of(folder).files}
    present = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}

    assert set(listed) == set(present) - {"manifest.json"}
    for name, digest in listed.items():
        assert hashlib.sha256(present[name].read_bytes()).hexdigest() == digest


def test_the_paper_recipe_is_the_papers_table(tiny_builds: dict[str, Path]) -> None:
    """W8 vision and projector, W4 language model; notes state the differences, the float16 cache among them."""
    found = manifest_of(tiny_builds["paper"])

    assert found.precision["vision"].weights.startswith("INT8")
    assert found.precision["projector"].weights.startswith("INT8")
    assert found.precision["language"].weights.startswith("INT4")
    assert found.kv_cache == "float16"
    assert found.precision["kv_cache"].activations == "float16, as is attention"
    assert "the paper: INT8" in found.precision["kv_cache"].note
    assert manifest_of(tiny_builds["paper-kv8"]).kv_cache == "int8"
    assert "INT16" in found.precision["language"].note
    assert "FP16" in found.notes[0]
    stated = {
        name: (p.product.operator, p.product.accuracy_level, p.product.block, p.product.unpacked)
        for name, p in found.precision.items()
        if p.product is not None
    }
    assert stated == {
        "vision": ("MatMul", None, 64, True),
        "projector": ("MatMul", None, 64, True),
        "language": ("MatMulNBits", 4, 64, False),
    }
    assert found.weights.origin == "random"


def test_the_same_seed_gives_the_same_build(tiny_builds: dict[str, Path], tmp_path: Path) -> None:
    """A second export on this machine gives the same content and so the same id."""
    again = export("tiny", "w8", tmp_path / "again", origin=Origin())

    assert again == content_id(manifest_of(tiny_builds["w8"]))


def test_weights_of_another_model_are_not_called_a_build(
    tiny_builds: dict[str, Path], tiny: Mllm, screen: Prepared, tmp_path: Path
) -> None:
    """The check refuses one graph of seed 1 among those of seed 0: its features are far off."""
    for path in tiny_builds["fp32"].glob("*.*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "vit.bin").unlink()
    other = random_mllm(PRESETS["tiny"], 1)
    vit_graph(other.vision, other.config, way_of("float32", "many", 0)).save(tmp_path, Graph.VIT)

    found = check(Runtime(tmp_path), tiny.config, screen, "float32")

    assert found.error.feature_relative_error > 0.1
    with pytest.raises(PrepareError, match=r"wanted the exported features within 0\.0001 of torch"):
        refuse_wrong(RECIPES["fp32"], found)


def test_nan_is_wrong(tiny_builds: dict[str, Path], tiny: Mllm, screen: Prepared) -> None:
    """An error that is not a number is outside every limit."""
    good = check(Runtime(tiny_builds["fp32"]), tiny.config, screen, "float32")
    bad = Finding(good.error.model_copy(update={"logit_relative_error": float("nan")}), 0.0, 0.0, 0.0)

    with pytest.raises(PrepareError, match="logits"):
        refuse_wrong(RECIPES["fp32"], bad)


def test_a_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    """The export neither adds to someone's files nor removes them."""
    (tmp_path / "precious.txt").write_text("mine")

    with pytest.raises(PrepareError, match="new or empty folder"):
        export("tiny", "fp32", tmp_path, origin=Origin())
    assert (tmp_path / "precious.txt").read_text() == "mine"


@pytest.mark.parametrize(("recipe", "kind"), [("paper-kv8", "int8"), ("paper", "float16")])
def test_a_rounded_cache_keeps_chunks_equal(
    tiny_builds: dict[str, Path], tiny: Mllm, screen: Prepared, recipe: str, kind: str
) -> None:
    """A cache of fewer bits is the same, whether filled whole or in chunks: INT8 scales are static."""
    runtime = Runtime(tiny_builds[recipe])
    prompt = screen.prompt[:64].numpy()
    whole = runtime.logits(tiny.config, prompt, np.array([63]), kind)
    language = tiny.config.language
    shape = (1, language.key_value_heads, language.cache_tokens, language.head_dim)
    names = [f"{part}_{i}" for i in range(language.layers) for part in ("key", "value")]
    cache: dict[str, npt.NDArray[np.generic]] = {f"past_{name}": np.zeros(shape, dtype=kind) for name in names}
    logits = np.empty(0, dtype=np.float32)
    for start in range(0, 64, 16):
        found = runtime.run(
            Graph.LLM,
            None,
            embeddings=prompt[None, start : start + 16],
            last_position=np.array([start + 15], dtype=np.int32),
            total_tokens=np.array(start + 16, dtype=np.int32),
            positions=np.array([15]),
            **cache,
        )
        logits = np.asarray(found[0], dtype=np.float32)
        cache = {f"past_{name}": value for name, value in zip(names, found[1:], strict=True)}

    assert np.allclose(logits, whole, atol=1e-4)
