"""6. The types of the key-value cache side by side: one layer's attention on `bench` sizes, by chunk and context.

Rivals: GroupQueryAttention over an INT8 cache, the paper's, and over float16 and float32 ones, in the nodes that
builds have (models/graphs.py), alternated in one process, on one core, in CPU time. No claim: it shows which type
recipes should use with this version of the runtime (docs/adr/0018). The last column is the share of the INT8 time
that is beyond float32's: unpacking. Below 0 the INT8 cache is faster.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import torch

from benchmarks.cpu_time import Work, alternated, session_of
from device_agents.reference.sessions import BoundGraph, zeros
from models.graphs import CACHES, attend
from models.language import LanguageConfig, rotary_tables
from models.mllm import PRESETS
from models.net import FLOAT, INT32, Net
from models.quantize import CacheType

CHUNKS, CONTEXTS = (1, 32, 128), (0, 512, 1920)
KINDS: tuple[CacheType, ...] = ("float32", "float16", "int8")
ROUNDS = {1: 40, 32: 11, 128: 7}
"""Rounds at each chunk size, each kind once a round, in turn forwards and backwards."""


def run(folder: Path) -> bool:
    """Print a line for each chunk and context; True always, because this makes no claim."""
    config = PRESETS["bench"].language
    print(f"  onnxruntime {onnxruntime.__version__}, one core, milliseconds of CPU time for one layer of `bench`")
    for kind in KINDS:
        mib = 2 * config.layers * config.key_value_heads * config.head_dim * 2048 * bytes_of(kind) / 2**20
        print(f"  {kind}: the cache of 2048 tokens takes {mib:.0f} MiB in all {config.layers} layers")
    print(
        "  chunk, context:  " + "  ".join(f"{kind:>8}" for kind in KINDS) + "   float16 / float32   INT8 unpacks"
    )
    sessions = {kind: session(config, kind) for kind in KINDS}
    for chunk in CHUNKS:
        for context in CONTEXTS:
            works: dict[str, Work] = {kind: work(config, kind, sessions[kind], chunk, context) for kind in KINDS}
            whole, half, eight = alternated(works, ROUNDS[chunk]).values()
            times = "  ".join(f"{1e3 * seconds:8.2f}" for seconds in (whole, half, eight))
            print(
                f"  {chunk:5}, {context:7}:  {times}   {half / whole:17.2f}   {1 - whole / eight:12.0%}",
                flush=True,
            )
    return True


def bytes_of(kind: CacheType) -> int:
    """Return the bytes of one element."""
    return np.dtype(kind).itemsize


def session(config: LanguageConfig, kind: CacheType) -> onnxruntime.InferenceSession:
    """Return a session of one attention: qkv [1, t, Q + K + V] -> mixed, with its cache."""
    net = Net()
    shape = (1, config.key_value_heads, config.cache_tokens, config.head_dim)
    wide, narrow = config.heads * config.head_dim, config.key_value_heads * config.head_dim
    qkv = net.input("qkv", FLOAT, (1, "tokens", wide + 2 * narrow))
    past = [net.input(f"past_{part}", CACHES[kind], shape) for part in ("key", "value")]
    lengths = [net.input("last_position", INT32, (1,)), net.input("total_tokens", INT32, ())]
    cosine, sine = (table.half() if kind == "float16" else table for table in rotary_tables(config))
    tables = [net.constant("cosine", cosine), net.constant("sine", sine)]
    step = torch.full((1, config.key_value_heads, 1, config.head_dim), 4 / 127)
    scales = [net.constant(f"{part}_scale", step) for part in ("key", "value")] if kind == "int8" else None
    mixed, key, value = attend(net, config, qkv, past, lengths, tables, kind, scales)
    net.output("mixed", mixed, FLOAT, (1, "tokens", wide))
    net.output("present_key", key, CACHES[kind], shape)
    net.output("present_value", value, CACHES[kind], shape)
    return session_of(net)


def work(
    config: LanguageConfig, kind: CacheType, opened: onnxruntime.InferenceSession, chunk: int, context: int
) -> Work:
    """Return a call of `chunk` tokens behind `context` cached ones, on random values."""
    random = np.random.default_rng(0)
    shape = (1, config.key_value_heads, config.cache_tokens, config.head_dim)
    spread = 32 if kind == "int8" else 1  # INT8 codes of the same values
    cache = {part: (spread * random.standard_normal(shape)).astype(kind) for part in ("key", "value")}
    wide, narrow = config.heads * config.head_dim, config.key_value_heads * config.head_dim
    inputs = {
        "qkv": random.standard_normal((1, chunk, wide + 2 * narrow)).astype(np.float32),
        "last_position": np.array([context + chunk - 1], dtype=np.int32),
        "total_tokens": np.array(context + chunk, dtype=np.int32),
        **{f"past_{part}": values for part, values in cache.items()},
    }
    outputs = {"mixed": zeros((1, chunk, wide)), **{f"present_{part}": values for part, values in cache.items()}}
    return BoundGraph(opened, inputs, outputs).run
