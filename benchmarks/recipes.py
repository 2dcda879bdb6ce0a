"""Recipes side by side: bits a weight, error against fp32, and speed; 8-bit weights before and after ADR 17.

CPU time on one thread, recipes alternated. The key-value cache is float32 throughout: this compares weights.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.cpu_time import Work, alternated, session_of, unpacked_at_every_call
from models.check import Runtime, check
from models.export import reference_input, text_input, write_graphs
from models.graphs import llm_graph, vit_graph
from models.manifest import BATCHES
from models.mllm import PRESETS, Mllm, random_mllm
from models.net import Net
from models.prepare import Prepared
from models.products import Way, mean_bits, ways
from models.quantize import RECIPES, Recipe

ROUNDS = 7
BLOCKED = tuple(replace(RECIPES[name], block=block) for name in ("paper", "w8") for block in (32, 64, 128))
ALL: Mapping[str, Recipe] = {
    "fp32": RECIPES["fp32"],
    "w8a8": RECIPES["w8a8"],
    **{f"{recipe.name}, block {recipe.block}": recipe for recipe in BLOCKED},
}
BEFORE = Way("w8", "blocks", 32)
"""8-bit weights as they were: MatMulNBits, block 32, at accuracy level 0 (:func:`unpacked_at_every_call`)."""


def vision(net: Net, model: Mllm, batch: int) -> Work:
    """Return one call of the blocks on a batch of tiles."""
    shape = (batch, model.config.vision.tokens, model.config.vision.hidden)
    given = {"embeddings": np.random.default_rng(0).standard_normal(shape).astype(np.float32)}
    return partial(session_of(net).run, None, given)


def decoding(net: Net, model: Mllm, tokens: int, past: int) -> Work:
    """Return one call of the decoder: `tokens` after `past` cached ones."""
    language = model.config.language
    shape = (1, language.key_value_heads, language.cache_tokens, language.head_dim)
    rows = np.random.default_rng(0).standard_normal((1, tokens, language.hidden)).astype(np.float32)
    given = {
        "embeddings": rows,
        "last_position": np.array([past + tokens - 1], dtype=np.int32),
        "total_tokens": np.array(past + tokens, dtype=np.int32),
        "positions": np.array([tokens - 1]),
        **{
            f"past_{part}_{layer}": np.zeros(shape, dtype=np.float32)
            for part in ("key", "value")
            for layer in range(language.layers)
        },
    }
    session = session_of(net)
    binding = session.io_binding()
    for name, value in given.items():
        binding.bind_cpu_input(name, value)
    binding.bind_output("logits")
    return lambda: session.run_with_iobinding(binding)


def errors(model: Mllm, recipe: Recipe, prepared: Sequence[Prepared]) -> str:
    """Return the errors of features and logits on prepared inputs, as the export states them."""
    with tempfile.TemporaryDirectory() as folder:
        write_graphs(model, replace(recipe, cache="float32"), prepared, Path(folder))
        runtime = Runtime(Path(folder))
        found = [check(runtime, model.config, one, "float32").error for one in prepared]
    logits = " and ".join(f"{error.logit_relative_error:.3f}" for error in found)
    return f"features {found[0].feature_relative_error:.4f}, logits {logits}, KL {found[0].logit_kl_nats:.4f}"


def table(model: Mllm) -> None:
    """Print bits and errors of every recipe, then its speed as a ratio to fp32."""
    print("  recipe: bits a weight of vision | language, stored (in memory); error against fp32")
    prepared = [reference_input(model), text_input(model)]
    for name, recipe in ALL.items():
        chosen = ways(recipe)
        bits = [mean_bits(model.config, part, chosen[part]) for part in ("vision", "language")]
        words = " | ".join(f"{stored:.2f} ({loaded:.2f})" for stored, loaded in bits)
        print(f"    {name:18s}{words}; {errors(model, recipe, prepared)}", flush=True)
    nets = {name: ways(recipe) for name, recipe in ALL.items()}
    show(
        "blocks, batch 4",
        {n: vision(vit_graph(model.vision, model.config, w["vision"]), model, 4) for n, w in nets.items()},
    )
    for tokens in (1, 32, 128):
        works = {n: decoding(llm_graph(model.language, w["language"]), model, tokens, 0) for n, w in nets.items()}
        show(f"language model, {tokens} tokens a call", works)


def show(title: str, works: Mapping[str, Work]) -> None:
    """Print the CPU time of the first, and of all as a ratio to it."""
    found = alternated(works, ROUNDS)
    base = next(iter(found.values()))
    words = ", ".join(f"{name} {seconds / base:.2f}" for name, seconds in found.items())
    print(f"  {title}: {base * 1e3:.3g} ms; {words}", flush=True)


def curve(model: Mllm) -> None:
    """Print the blocks' time a patch over patches in a batch, for fp32 and `paper` before and after."""
    sides: Mapping[str, Callable[[], Net]] = {
        "fp32": lambda: vit_graph(model.vision, model.config, ways(RECIPES["fp32"])["vision"]),
        "paper": lambda: vit_graph(model.vision, model.config, ways(RECIPES["paper"])["vision"]),
        "paper before": lambda: unpacked_at_every_call(vit_graph(model.vision, model.config, BEFORE)),
    }
    works = {(name, batch): vision(make(), model, batch) for batch in BATCHES for name, make in sides.items()}
    found = alternated({f"{name} {batch}": work for (name, batch), work in works.items()}, ROUNDS)
    print(f"  {model.config.name}, blocks: ms a patch at a batch of {', '.join(map(str, BATCHES))}")
    for name in sides:
        a_patch = [found[f"{name} {batch}"] / batch * 1e3 for batch in BATCHES]
        gain = 1 - min(a_patch) / a_patch[0]
        print(f"    {name:13s}{'  '.join(f'{ms:6.2f}' for ms in a_patch)}   best batch against 1: -{gain:.1%}")


def decode(model: Mllm, recipes: Sequence[str] = ("fp32", "w8", "paper")) -> None:
    """Print the time of one token at a short context, 8-bit weights before and after."""
    works = {
        name: decoding(llm_graph(model.language, ways(RECIPES[name])["language"]), model, 1, 16)
        for name in recipes
    }
    before = unpacked_at_every_call(llm_graph(model.language, BEFORE))
    works["w8 before"] = decoding(before, model, 1, 16)
    found = alternated(works, ROUNDS)
    print(f"  {model.config.name}, one token: " + ", ".join(f"{n} {s * 1e3:.3g} ms" for n, s in found.items()))


def run(folder: Path, *, preset: str = "nano") -> bool:
    """Print the curve, one token, and the table of recipes; True always: this compares, and claims nothing."""
    del folder
    model = random_mllm(PRESETS[preset], 0)
    curve(model)
    decode(model)
    table(model)
    return True
