"""Export a preset's language model as a .gguf, to measure llama.cpp on the shape and weights of our builds.

python -m models.gguf_export bench --program llama-bench --out folder

`lab builds add` packs the folder: the model, the program, and a `foreign.toml`.
"""

from __future__ import annotations

from device_agents import ending
from models.extras import need

if __name__ == "__main__":  # before the imports below would fail with a traceback
    need("gguf_export", "models,agents", "torch", "onnx_ir", "PIL", "gguf")

import argparse
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import gguf
import numpy as np
import numpy.typing as npt
from gguf.constants import GGMLQuantizationType, LlamaFileType
from torch import Tensor

from models.errors import PrepareError
from models.export import BUILDABLE, reference_prompt_tokens
from models.language import LanguageConfig, LanguageModel
from models.mllm import PRESETS, random_mllm

Array = npt.NDArray[np.float32]

STORAGE = GGMLQuantizationType.Q4_0
"""4 bits, symmetric, blocks of 32 with a 16-bit scale, 4.5 bits a weight: ggml's nearest to our `w4`."""
TABLE = GGMLQuantizationType.Q8_0
"""The embedding table in 8 bits, as in the recipe `paper`."""
FULL = GGMLQuantizationType.F32

DESCRIPTION = """\
# What pocketlab cannot read from the files beside this one; `lab builds add FOLDER --line NAME` packs it.
model = "{model}"
recipe = "q4_0"
kv_cache = "q8_0"   # the paper's key-value cache has 8 bits
notes = ["Shape and weights of the {model} preset's language model; llama.cpp's output is not compared with ours."]

[prompt_tokens]
screen = {screen}

[weights]
origin = "random"
source = "seed {seed} of models/: timings are real, answers are noise"
"""


def write_gguf(model: LanguageModel, name: str, path: Path) -> None:
    """Write the language model in llama.cpp's `llama` architecture, without a vocabulary."""
    config = model.config
    refuse_unlike(config, name)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name(name)
    writer.add_vocab_size(config.vocabulary)
    writer.add_context_length(config.cache_tokens)
    writer.add_embedding_length(config.hidden)
    writer.add_block_count(config.layers)
    writer.add_feed_forward_length(config.mlp)
    writer.add_head_count(config.heads)
    writer.add_head_count_kv(config.key_value_heads)
    writer.add_key_length(config.head_dim)
    writer.add_value_length(config.head_dim)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_rope_freq_base(config.rope_base)
    writer.add_layer_norm_rms_eps(config.norm_epsilon)
    writer.add_file_type(LlamaFileType.MOSTLY_Q4_0)
    writer.add_tokenizer_model("no_vocab")
    for tensor, values, storage in tensors(model):
        writer.add_tensor(tensor, gguf.quants.quantize(values, storage), raw_dtype=storage)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def refuse_unlike(config: LanguageConfig, name: str) -> None:
    """Raise PrepareError for what the `llama` architecture cannot express: scalings, tied tables, odd rows."""
    scalings = (config.embedding_scale, config.residual_scale, config.logit_scale)
    if config.tied or set(scalings) != {1.0}:
        raise PrepareError(
            f"{name}: wanted an untied model without scalings, as llama.cpp's `llama` is; found tied="
            f"{config.tied}, scalings {scalings}: choose another preset"
        )
    if odd := [size for size in (config.hidden, config.mlp, config.heads * config.head_dim) if size % 32]:
        raise PrepareError(
            f"{name}: wanted rows in whole blocks of 32 for q4_0, found rows of {odd}: choose another preset"
        )


def tensors(model: LanguageModel) -> Iterator[tuple[str, Array, GGMLQuantizationType]]:
    """Yield (name, values, storage) of every tensor, with llama.cpp's names."""
    config = model.config
    wide, narrow = config.heads * config.head_dim, config.key_value_heads * config.head_dim
    yield "token_embd.weight", array(model.embedding.weight), TABLE
    yield "output_norm.weight", array(model.norm.weight), FULL
    yield "output.weight", array(model.head.weight), STORAGE
    for layer, block in enumerate(model.layers):
        at = f"blk.{layer}"
        query, key, value = np.split(array(block.attention.qkv.weight), [wide, wide + narrow])
        gate, up = np.split(array(block.gate_up.weight), 2)
        yield f"{at}.attn_norm.weight", array(block.attention_norm.weight), FULL
        yield f"{at}.attn_q.weight", neighbours(query, config.heads), STORAGE
        yield f"{at}.attn_k.weight", neighbours(key, config.key_value_heads), STORAGE
        yield f"{at}.attn_v.weight", value, STORAGE
        yield f"{at}.attn_output.weight", array(block.attention.out.weight), STORAGE
        yield f"{at}.ffn_norm.weight", array(block.mlp_norm.weight), FULL
        yield f"{at}.ffn_gate.weight", gate, STORAGE
        yield f"{at}.ffn_up.weight", up, STORAGE
        yield f"{at}.ffn_down.weight", array(block.down.weight), STORAGE


def neighbours(rows: Array, heads: int) -> Array:
    """Reorder [heads * E, H] so that the pairs of a rotation are adjacent, as in `llama`.

    Our pairs are the first and the second half of a head (:func:`models.language.rotate`).
    """
    halves = rows.reshape(heads, 2, rows.shape[0] // heads // 2, rows.shape[1])
    return halves.swapaxes(1, 2).reshape(rows.shape)


def array(tensor: Tensor) -> Array:
    """Return the values as float32 on the host."""
    return tensor.detach().float().numpy()


def export(preset: str, program: Path, folder: Path, seed: int) -> None:
    """Write the folder; raise PrepareError if it holds files or `program` does not exist."""
    if folder.exists() and any(folder.iterdir()):
        raise PrepareError(f"wanted a new or empty folder, found files in {folder}: name another")
    if not program.is_file():
        raise PrepareError(
            f"wanted llama.cpp's llama-bench, found no file {program}: build it with "
            "`python -m device_agents.adapters.llama_build --out FOLDER`"
        )
    model = random_mllm(PRESETS[preset], seed)
    folder.mkdir(parents=True, exist_ok=True)
    write_gguf(model.language, preset, folder / f"{preset}-q4_0.gguf")
    shutil.copyfile(program, folder / "llama-bench")
    (folder / "llama-bench").chmod(0o755)
    words = DESCRIPTION.format(model=preset, seed=seed, screen=reference_prompt_tokens(model.config))
    (folder / "foreign.toml").write_text(words, encoding="utf-8")


def main() -> int:
    """Export from the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m models.gguf_export", description=__doc__)
    parser.add_argument("preset", choices=BUILDABLE)
    parser.add_argument("--program", type=Path, required=True, help="llama-bench for the device's ABI")
    parser.add_argument("--seed", type=int, default=0, help="seed of the weights (default 0)")
    parser.add_argument("--out", type=Path, required=True, help="a new or empty folder")
    arguments = parser.parse_args()
    try:
        export(arguments.preset, arguments.program, arguments.out, arguments.seed)
    except (PrepareError, OSError) as error:
        print(f"gguf_export: {error}", file=sys.stderr)  # noqa: T201 - the program's message
        return 2
    return 0


if __name__ == "__main__":
    ending.run("gguf_export", main)
