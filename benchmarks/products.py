"""What a product costs: every matrix of every preset, stored each way, as a ratio to float32.

CPU time on one thread, ways alternated. A matrix of vision meets the tokens of one and of four tiles, one of the
language model 1, 32 and 128 tokens. `->` marks the way that models/products.py chooses for `w8` and `w4`. The ways
below the line are rivals that no build uses: each fails in speed, exactness or independence of rows (ADR 17).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.cpu_time import alternated, session_of, unpacked_at_every_call
from models.check import relative_error
from models.mllm import PRESETS, MllmConfig
from models.net import FLOAT, ORT, UINT8, Net, Value
from models.products import ROWS, Matrix, Way, linear, matrices, way_of
from models.quantize import quantize_rows

ROUNDS = 5
LARGEST_MACS = 4e9
"""Products beyond this are left out, and counted: they take seconds each and add no new kernel."""

BLOCKS = (32, 64, 128)
WAYS: Mapping[str, Way] = {
    "float32": Way("float32", "float"),
    **{f"w4, block {block}, level 4": Way("w4", "blocks", block) for block in BLOCKS},
    **{f"w8, block {block}, level 4": Way("w8", "blocks", block) for block in BLOCKS},
    "w8, block 64, unpacked once": Way("w8", "unpacked", 64),
    "w8a8, fused, a step a token": Way("w8a8", "tokens"),
}


def of_way(way: Way, weight: Tensor) -> Net:
    """Return a product as a build has it."""
    return product(weight, lambda net, x: linear(net, "w", x, weight, None, way=way))


def product(weight: Tensor, multiply: Callable[[Net, Value], Value]) -> Net:
    """Return a graph of one product: x [n, K] -> y [n, N]."""
    net = Net()
    net.output("y", multiply(net, net.input("x", FLOAT, ("n", weight.shape[1]))), FLOAT, ("n", weight.shape[0]))
    return net


def level_0(weight: Tensor) -> Net:
    """MatMulNBits without a kernel for 8 bits: the whole matrix is unpacked at every call."""
    return unpacked_at_every_call(of_way(Way("w8", "blocks", 32), weight))


def unfused(weight: Tensor) -> Net:
    """`w8a8` as it was: rounding, product and scaling in a node each."""

    def multiply(net: Net, x: Value) -> Value:
        codes, scales = quantize_rows(weight)
        largest = net.op("ReduceMax", net.op("Abs", x), net.integers(-1), keepdims=1)
        step = net.op("Div", net.op("Max", largest, net.scalar(1e-12)), net.scalar(127.0))
        rounded = net.op("Add", net.op("Round", net.op("Div", x, step)), net.scalar(128.0))
        middle = net.constant("middle", np.array(128, dtype=np.uint8))
        activations = net.op("Cast", rounded, to=UINT8.value)
        whole = net.op("MatMulInteger", activations, net.constant("codes", codes.T), middle, middle)
        scaled = net.op("Mul", net.op("Cast", whole, to=FLOAT.value), step)
        return net.op("Mul", scaled, net.constant("scales", scales))

    return product(weight, multiply)


def dynamic(weight: Tensor, *, signed: bool) -> Net:
    """DynamicQuantizeMatMul: one step for the batch; signed codes saturate on x86 without VNNI (ADR 2)."""

    def multiply(net: Net, x: Value) -> Value:
        codes, scales = quantize_rows(weight)
        middle: Value | None = net.constant("middle", np.full(weight.shape[0], 128, dtype=np.uint8))
        if signed:
            codes, middle = (codes.to(torch.int16) - 128).to(torch.int8), None
        stored = net.constant("codes", codes.T), net.constant("scales", scales)
        return net.op("DynamicQuantizeMatMul", x, *stored, middle, domain=ORT)

    return product(weight, multiply)


RIVALS: Mapping[str, Callable[[Tensor], Net]] = {
    "w8, block 32, level 0": level_0,
    "w8a8, unfused, a step a token": unfused,
    "w8a8, fused, a step a batch": partial(dynamic, signed=False),
    "signed, fused, a step a batch": partial(dynamic, signed=True),
}


def rows_of(config: MllmConfig, matrix: Matrix) -> tuple[int, ...]:
    """Return how many rows the products of a matrix have."""
    tile = {"vision": config.vision.tokens, "projector": config.tokens_per_tile}.get(matrix.component)
    if tile is not None:
        return tile, 4 * tile
    return (1,) if matrix.name == "head" else (1, 32, 128)


def measure(matrix: Matrix, rows: tuple[int, ...]) -> dict[str, tuple[list[float], float]]:
    """Return of each way its CPU seconds for each number of rows, and its error on the last of them."""
    weight = torch.randn(matrix.outputs, matrix.inputs, generator=torch.Generator().manual_seed(0))
    nets = {name: of_way(way, weight) for name, way in WAYS.items()}
    nets |= {name: make(weight) for name, make in RIVALS.items()}
    sessions = {name: session_of(net) for name, net in nets.items()}
    seconds: dict[str, list[float]] = {name: [] for name in nets}
    errors: dict[str, float] = {}
    for count in rows:
        x = np.random.default_rng(0).standard_normal((count, matrix.inputs)).astype(np.float32)
        works = {name: partial(session.run, None, {"x": x}) for name, session in sessions.items()}
        for name, found in alternated(works, ROUNDS).items():
            seconds[name].append(found)
        wanted = x @ weight.numpy().T
        errors = {name: relative_error(np.asarray(work()[0]), wanted) for name, work in works.items()}
    return {name: (seconds[name], errors[name]) for name in nets}


def show(config: MllmConfig, matrix: Matrix) -> int:
    """Print the table of one matrix; return how many of its numbers of rows were left out."""
    wanted = rows_of(config, matrix)
    rows = tuple(count for count in wanted if count * matrix.outputs * matrix.inputs <= LARGEST_MACS)
    if rows:
        found = measure(matrix, rows)
        base = found["float32"][0]
        times = ", ".join(f"{count}: {s * 1e3:.3g} ms" for count, s in zip(rows, base, strict=True))
        print(f"  {config.name} {matrix.component}.{matrix.name} {matrix.outputs} x {matrix.inputs}, rows {times}")
        chosen = {way_of("w8", ROWS[matrix.component], 64), way_of("w4", ROWS[matrix.component], 64)}
        for name, (seconds, error) in found.items():
            way = WAYS.get(name)
            bits = "" if way is None else f"  bits {way.loaded_bits(matrix.inputs):.2f}"
            ratios = "  ".join(f"{s / b:6.2f}" for s, b in zip(seconds, base, strict=True))
            mark = "->" if way in chosen else "  "
            print(f"   {mark} {name:30s}{ratios}  error {error:.4f}{bits}", flush=True)
    return len(wanted) - len(rows)


def run(folder: Path) -> bool:
    """Print a table for every shape; True always: which way is best is for the reader and the processor."""
    del folder
    left_out = 0
    for config in PRESETS.values():
        if config.name != "tiny":
            left_out += sum(show(config, matrix) for matrix in matrices(config))
    print(f"  left out, beyond {LARGEST_MACS:.0e} multiply-accumulates: {left_out}")
    return True
