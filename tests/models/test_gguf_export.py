"""The .gguf of a shape, read back by the gguf package: sizes, types of tensors, scalings, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import gguf
import pytest

from models.errors import PrepareError
from models.gguf_export import RIVAL, SHAPES, export, matrices, write_gguf
from models.language import LanguageConfig

SMALL = replace(SHAPES["tiny"], config=LanguageConfig(2, 64, 96, 2, 1, 32, 128, 256))


def types_of(path: Path) -> dict[str, tuple[list[int], str]]:
    """Return the shape (ggml's order: columns first) and the type of each tensor of a file."""
    reader = gguf.GGUFReader(path)
    return {each.name: (each.shape.tolist(), each.tensor_type.name) for each in reader.tensors}


def value_of(path: Path, key: str) -> object:
    """Return the value of a key of a file."""
    field = gguf.GGUFReader(path).get_field(key)
    assert field is not None
    return field.contents()


def test_a_shape_without_scalings_is_a_llama(tmp_path: Path) -> None:
    """4-bit matrices, an 8-bit table, norms of 1 in full, and the sizes that llama.cpp asks for."""
    path = tmp_path / "small.gguf"
    write_gguf(SMALL, "small", path, seed=0)

    tensors = types_of(path)
    assert value_of(path, "general.architecture") == "llama"
    assert value_of(path, "llama.attention.head_count_kv") == 1
    assert tensors["token_embd.weight"] == ([64, 128], "Q8_0")
    assert tensors["output.weight"] == ([64, 128], "Q4_0")
    assert tensors["blk.1.attn_k.weight"] == ([64, 32], "Q4_0")
    assert tensors["blk.1.ffn_down.weight"] == ([96, 64], "Q4_0")
    assert tensors["blk.0.ffn_norm.weight"] == ([64], "F32")
    assert len(tensors) == 3 + 2 * 9
    assert {
        float(value) for each in gguf.GGUFReader(path).tensors if "norm" in each.name for value in each.data
    } == {1.0}


def test_a_shape_with_scalings_is_a_minicpm(tmp_path: Path) -> None:
    """llama.cpp divides logits by its scale: 9 for MiniCPM-2B, whose sizes give 256 / 2304."""
    path = tmp_path / "small.gguf"
    config = replace(SMALL.config, tied=True, embedding_scale=12.0, residual_scale=0.25, logit_scale=256 / 2304)
    write_gguf(replace(SMALL, config=config), "small", path, seed=0)

    assert value_of(path, "general.architecture") == "minicpm"
    assert value_of(path, "minicpm.embedding_scale") == 12.0
    assert value_of(path, "minicpm.residual_scale") == 0.25
    assert value_of(path, "minicpm.logit_scale") == 9.0
    assert types_of(path)["output.weight"] == ([64, 128], "Q4_0")


def test_the_rival_has_llama_3_8bs_weights_in_q4_k_m() -> None:
    """8.03 billion weights; of 32 layers, `llama-quantize` keeps 16 in 6 bits, and the head."""
    found = list(matrices(SHAPES[RIVAL].config, "q4_k_m"))

    more = [each.name for each in found if each.storage.name == "Q6_K"]
    assert sum(each.rows * each.columns for each in found) == 8_029_995_008
    assert [int(name.split(".")[1]) for name in more if name.endswith("ffn_down.weight")] == [
        *range(4),
        *(6, 9, 12, 15, 18, 21, 24, 27),
        *range(28, 32),
    ]
    assert len(more) == 2 * 16 + 1 and "output.weight" in more


def test_rows_that_are_no_whole_blocks_are_refused(tmp_path: Path) -> None:
    """MiniCPM-2B has rows of 5760, which K-quants cannot hold."""
    shape = replace(SHAPES["bluelm_v_3b"], recipe="q4_k_m")

    with pytest.raises(PrepareError, match=r"bluelm_v_3b: blk\.0\.ffn_down\.weight: rows of 5760 .* of 256"):
        write_gguf(shape, "bluelm_v_3b", tmp_path / "odd.gguf", seed=0)


def test_the_folder_says_that_its_weights_are_random(tmp_path: Path) -> None:
    """`lab builds add` reads it from foreign.toml."""
    program = tmp_path / "llama-bench"
    program.write_text("#!/bin/sh\n")
    export("tiny", program, tmp_path / "out", 3)

    said = (tmp_path / "out/foreign.toml").read_text()
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "foreign.toml",
        "llama-bench",
        "tiny-q4_0.gguf",
    ]
    assert 'origin = "random"' in said and "seed 3" in said and "never quantised from a model" in said
    with pytest.raises(PrepareError, match="wanted a new or empty folder"):
        export("tiny", program, tmp_path / "out", 3)
