"""Export a language model's shape with random weights as a .gguf, to measure llama.cpp on it.

python -m models.gguf_export bench --program llama-bench --out folder

`lab builds add` packs the folder: the model, the program, and a `foreign.toml`. One tensor at a time is in memory.
"""

from __future__ import annotations

from device_agents import ending
from models.extras import need

if __name__ == "__main__":  # before the imports below would fail with a traceback
    need("gguf_export", "models,agents", "torch", "onnx_ir", "PIL", "gguf")

import argparse
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import gguf
import numpy as np
from gguf.constants import GGMLQuantizationType, LlamaFileType

from models.errors import PrepareError
from models.export import reference_prompt_tokens
from models.gguf_blocks import draw, row_bytes
from models.language import LanguageConfig
from models.mllm import PRESETS

Q4_0, Q8_0, Q4_K, Q6_K, F32 = (
    GGMLQuantizationType.Q4_0,
    GGMLQuantizationType.Q8_0,
    GGMLQuantizationType.Q4_K,
    GGMLQuantizationType.Q6_K,
    GGMLQuantizationType.F32,
)

Say = Callable[[str], None]


@dataclass(frozen=True)
class Shape:
    """A decoder's sizes, the recipe its weights are stored by, its cache's type, and what to say of it."""

    config: LanguageConfig
    recipe: str
    kv_cache: str
    prompt_tokens: int
    note: str


def _of_preset(name: str) -> Shape:
    """Return the shape of our preset's language model, in the precision of our 4-bit builds."""
    return Shape(
        config=PRESETS[name].language,
        recipe="q4_0",  # 4 bits, symmetric, blocks of 32 with a 16-bit scale: ggml's nearest to our `w4`
        kv_cache="q8_0",  # the paper's cache has 8 bits
        prompt_tokens=reference_prompt_tokens(PRESETS[name]),
        note=f"Shape of the {name} preset's language model",
    )


RIVAL = "llama3_8b_shape"
"""A shape, not a model: nobody should take it for MiniCPM-Llama3-V 2.5 itself."""

SHAPES: Mapping[str, Shape] = MappingProxyType(
    {
        **{name: _of_preset(name) for name in PRESETS},
        RIVAL: Shape(
            config=LanguageConfig(
                layers=32,
                hidden=4096,
                mlp=14336,
                heads=32,
                key_value_heads=8,
                head_dim=128,
                vocabulary=128256,
                cache_tokens=8192,
                rope_base=500_000.0,
            ),  # config.json of meta-llama/Meta-Llama-3-8B-Instruct
            recipe="q4_k_m",
            kv_cache="f16",  # llama.cpp's own choice; that of the published row is unknown
            prompt_tokens=2048,  # the paper's whole input; the prompt of the published row is unknown
            note="Shape of Llama-3-8B, the decoder of MiniCPM-Llama3-V 2.5 (arXiv 2408.01800); no vision encoder",
        ),
    }
)

FILE_TYPES = {"q4_0": LlamaFileType.MOSTLY_Q4_0, "q4_k_m": LlamaFileType.MOSTLY_Q4_K_M}

DESCRIPTION = """\
# What pocketlab cannot read from the files beside this one; `lab builds add FOLDER --line NAME` packs it.
model = "{model}"
recipe = "{recipe}"
kv_cache = "{kv_cache}"
notes = ["{note}. Weights are random blocks, never quantised from a model: as fast, but the output is noise."]

[prompt_tokens]
screen = {screen}

[weights]
origin = "random"
source = "seed {seed} of models/gguf_blocks.py: timings are real, answers are noise"
"""


@dataclass(frozen=True)
class Matrix:
    """A tensor of llama.cpp: its name, [rows, columns], its storage, and the root mean square of its values."""

    name: str
    rows: int
    columns: int
    storage: GGMLQuantizationType
    spread: float


def matrices(config: LanguageConfig, recipe: str) -> Iterator[Matrix]:
    """Yield the matrices, with llama.cpp's names and the variance of `random_mllm`.

    The head is stored on its own even where the model ties it to the table, as in our builds: a table of 8 bits
    and a head of 4. `q4_k_m` mixes types as `llama-quantize` does (llama.cpp, `llama_tensor_get_type`).
    """
    wide, narrow = config.heads * config.head_dim, config.key_value_heads * config.head_dim
    mixed = recipe == "q4_k_m"
    body = Q4_K if mixed else Q4_0

    def matrix(name: str, rows: int, columns: int, storage: GGMLQuantizationType) -> Matrix:
        return Matrix(f"{name}.weight", rows, columns, storage, columns**-0.5)

    table = Q4_K if mixed else Q8_0
    yield Matrix("token_embd.weight", config.vocabulary, config.hidden, table, 1 / config.embedding_scale)
    yield matrix("output", config.vocabulary, config.hidden, Q6_K if mixed else body)
    for layer in range(config.layers):
        more = Q6_K if mixed and _more_bits(layer, config.layers) else body
        at = f"blk.{layer}"
        yield matrix(f"{at}.attn_q", wide, config.hidden, body)
        yield matrix(f"{at}.attn_k", narrow, config.hidden, body)
        yield matrix(f"{at}.attn_v", narrow, config.hidden, more)
        yield matrix(f"{at}.attn_output", config.hidden, wide, body)
        yield matrix(f"{at}.ffn_gate", config.mlp, config.hidden, body)
        yield matrix(f"{at}.ffn_up", config.mlp, config.hidden, body)
        yield matrix(f"{at}.ffn_down", config.hidden, config.mlp, more)


def _more_bits(layer: int, layers: int) -> bool:
    """Return whether Q4_K_M keeps a layer's values and down projection in 6 bits (`use_more_bits`)."""
    eighth = layers // 8
    return layer < eighth or layer >= 7 * layers // 8 or (layer - eighth) % 3 == 2


def norms(config: LanguageConfig) -> list[str]:
    """Return the names of the norms, whose weights are 1."""
    return [
        "output_norm.weight",
        *(f"blk.{layer}.{name}.weight" for layer in range(config.layers) for name in ("attn_norm", "ffn_norm")),
    ]


def write_gguf(shape: Shape, name: str, path: Path, *, seed: int, say: Say = lambda words: None) -> None:
    """Write the model without a vocabulary, a tensor at a time; raise PrepareError for odd rows."""
    config = shape.config
    found = list(matrices(config, shape.recipe))
    refuse_odd_rows(found, name)
    writer = gguf.GGUFWriter(path, "llama" if _plain(config) else "minicpm")
    _add_sizes(writer, shape, name)
    for norm in norms(config):
        writer.add_tensor_info(norm, (config.hidden,), np.dtype(np.float32), config.hidden * 4, F32)
    for each in found:
        row = row_bytes(each.columns, each.storage)
        writer.add_tensor_info(each.name, (each.rows, row), np.dtype(np.uint8), each.rows * row, each.storage)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for _ in norms(config):
        writer.write_tensor_data(np.ones(config.hidden, np.float32))
    generator = np.random.default_rng(seed)
    for number, each in enumerate(found):
        writer.write_tensor_data(draw(each.rows, each.columns, each.storage, each.spread, generator))
        if (number + 1) * 4 // len(found) > number * 4 // len(found):
            say(f"writing {path.name}: {100 * (number + 1) // len(found)} %")
    writer.close()


def _plain(config: LanguageConfig) -> bool:
    """Return whether the model has no scalings: then it is a `llama`, otherwise a `minicpm`."""
    return config.embedding_scale == config.residual_scale == config.logit_scale == 1.0


def _add_sizes(writer: gguf.GGUFWriter, shape: Shape, name: str) -> None:
    config = shape.config
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
    if not _plain(config):
        writer.add_embedding_scale(config.embedding_scale)
        writer.add_residual_scale(config.residual_scale)
        writer.add_logit_scale(1 / config.logit_scale)  # llama.cpp divides by it
    writer.add_file_type(FILE_TYPES[shape.recipe])
    writer.add_tokenizer_model("no_vocab")


def refuse_odd_rows(found: list[Matrix], name: str) -> None:
    """Raise PrepareError for rows that are not whole blocks."""
    for each in found:
        try:
            row_bytes(each.columns, each.storage)
        except ValueError as error:
            raise PrepareError(f"{name}: {each.name}: {error}: choose another shape") from error


def export(name: str, program: Path, folder: Path, seed: int, say: Say = lambda words: None) -> None:
    """Write the folder; raise PrepareError if it holds files or `program` does not exist."""
    if folder.exists() and any(folder.iterdir()):
        raise PrepareError(f"wanted a new or empty folder, found files in {folder}: name another")
    if not program.is_file():
        raise PrepareError(
            f"wanted llama.cpp's llama-bench, found no file {program}: build it with "
            "`python -m device_agents.adapters.llama_build --out FOLDER`"
        )
    shape = SHAPES[name]
    folder.mkdir(parents=True, exist_ok=True)
    write_gguf(shape, name, folder / f"{name}-{shape.recipe}.gguf", seed=seed, say=say)
    shutil.copyfile(program, folder / "llama-bench")
    (folder / "llama-bench").chmod(0o755)
    words = DESCRIPTION.format(
        model=name,
        recipe=shape.recipe,
        kv_cache=shape.kv_cache,
        note=shape.note,
        screen=shape.prompt_tokens,
        seed=seed,
    )
    (folder / "foreign.toml").write_text(words, encoding="utf-8")


def main() -> int:
    """Export from the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m models.gguf_export", description=__doc__)
    parser.add_argument("shape", choices=SHAPES, metavar="SHAPE", help=", ".join(SHAPES))
    parser.add_argument("--program", type=Path, required=True, help="llama-bench for the device's ABI")
    parser.add_argument("--seed", type=int, default=0, help="seed of the weights (default 0)")
    parser.add_argument("--out", type=Path, required=True, help="a new or empty folder")
    given = parser.parse_args()
    try:
        export(
            given.shape,
            given.program,
            given.out,
            given.seed,
            lambda words: print(f"  {words}", file=sys.stderr, flush=True),  # noqa: T201 - progress
        )
    except (PrepareError, OSError) as error:
        print(f"gguf_export: {error}", file=sys.stderr)  # noqa: T201 - the program's message
        return 2
    return 0


if __name__ == "__main__":
    ending.run("gguf_export", main)
