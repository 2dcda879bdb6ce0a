"""Products: the rule, their bits, and each way against algebra, on the graphs that ONNX Runtime opens."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest
import torch
from torch import Tensor

from device_agents.contract import Graph
from models.check import relative_error
from models.graphs import llm_graph, project_graph, vit_graph
from models.mllm import PRESETS, Mllm
from models.net import FLOAT, Net
from models.products import KINDS, ROWS, Way, linear, matrices, mean_bits, way_of, ways
from models.quantize import RECIPES, Storage, quantize_blocks

RECIPE_NAMES = sorted(RECIPES)


def product(weight: Tensor, way: Way) -> Net:
    """Return a graph of one product: x [n, K] -> y [n, N]."""
    net = Net()
    y = linear(net, "w", net.input("x", FLOAT, ("n", weight.shape[1])), weight, None, way=way)
    net.output("y", y, FLOAT, ("n", weight.shape[0]))
    return net


def multiplied(weight: Tensor, way: Way, x: Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Run that graph in ONNX Runtime."""
    model = ir.to_proto(product(weight, way).model("product")).SerializeToString()
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"x": x.numpy()})[0], dtype=np.float32)


def optimised(net: Net, folder: Path) -> ir.Model:
    """Return the graph as a session with an agent's options runs it: folded and fused."""
    net.save(folder, "graph")
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(folder / "optimised.onnx")
    options.log_severity_level = 3
    onnxruntime.InferenceSession(
        str(folder / "graph.onnx"), sess_options=options, providers=["CPUExecutionProvider"]
    )
    return ir.load(folder / "optimised.onnx")


def paid_at_every_call(model: ir.Model) -> list[str]:
    """Return the nodes whose cost a call pays however few rows it has: they work on whole weights.

    These are nodes that see nothing but constants (a dequantising chain that the session did not fold), and
    MatMulNBits where ONNX Runtime 1.32 unpacks the matrix first: below accuracy level 4 (8 bits always, 4 bits
    for several rows), and for blocks other than 16, 32, 64, 128 and 256 (MLAS, qnbitgemm.cpp).
    """
    constant = set(model.graph.initializers)
    found = []
    for node in model.graph:
        inputs = [value.name for value in node.inputs if value is not None]
        if set(inputs) <= constant:
            constant |= {value.name for value in node.outputs if value.name is not None}
            found.append(node.op_type)
        if node.op_type == "MatMulNBits":
            number = {name: node.attributes[name].as_int() for name in ("bits", "block_size", "accuracy_level")}
            if number["accuracy_level"] != 4 or number["block_size"] not in (16, 32, 64, 128, 256):
                found.append(f"MatMulNBits {number}")
    return found


def nets(model: Mllm, recipe: str) -> dict[Graph, Net]:
    """Return the stage graphs that multiply matrices."""
    chosen = ways(RECIPES[recipe])
    return {
        Graph.VIT: vit_graph(model.vision, model.config, chosen["vision"]),
        Graph.PROJECT: project_graph(model.projector, model.config, chosen["projector"]),
        Graph.LLM: llm_graph(model.language, chosen["language"]),
    }


@pytest.mark.parametrize("recipe", RECIPE_NAMES)
def test_no_product_costs_what_its_rows_do_not_share(recipe: str, tiny: Mllm, tmp_path: Path) -> None:
    """In no graph that a session runs is a whole weight unpacked at every call."""
    for graph, net in nets(tiny, recipe).items():
        (tmp_path / graph).mkdir()
        assert paid_at_every_call(optimised(net, tmp_path / graph)) == [], graph


def test_the_ways_that_do_are_recognised(tmp_path: Path) -> None:
    """Level 0 with 8 bits and a DequantizeLinear of the weight, both left to run time, are found."""
    weight = torch.randn(64, 128, generator=torch.Generator().manual_seed(1))
    blocks = quantize_blocks(weight, 8, 32)
    level_0, dequantized = Net(), Net()
    for net in (level_0, dequantized):
        net.input("x", FLOAT, ("n", 128))
    y = level_0.op(
        "MatMulNBits",
        level_0.inputs[0],
        level_0.constant("packed", blocks.packed),
        level_0.constant("scales", blocks.scales),
        domain="com.microsoft",
        bits=8,
        block_size=32,
        K=128,
        N=64,
        accuracy_level=0,
    )
    level_0.output("y", y, FLOAT, ("n", 64))
    codes = dequantized.constant("codes", torch.randint(-127, 127, (128, 64), dtype=torch.int8))
    rows = dequantized.op("DequantizeLinear", codes, dequantized.scalar(0.01))
    y = dequantized.op("MatMul", dequantized.inputs[0], rows)
    dequantized.output("y", y, FLOAT, ("n", 64))
    for name in ("a", "b"):
        (tmp_path / name).mkdir()

    found = paid_at_every_call(optimised(level_0, tmp_path / "a"))
    assert found == ["MatMulNBits {'bits': 8, 'block_size': 32, 'accuracy_level': 0}"]
    assert paid_at_every_call(optimised(dequantized, tmp_path / "b")) == ["DequantizeLinear"]


@pytest.mark.parametrize("block", [32, 64, 128])
@pytest.mark.parametrize("columns", [72, 256])
@pytest.mark.parametrize(("storage", "bits", "rows", "bound"), [
    ("w8", 8, "many", 1e-6),
    ("w8", 8, "one", 0.01),
    ("w4", 4, "one", 0.01),
])  # fmt: skip
def test_the_layout_is_the_one_onnx_runtime_multiplies_with(
    *, storage: Storage, bits: Literal[4, 8], rows: Literal["many", "one"], bound: float, columns: int, block: int
) -> None:
    """Each way equals a float product with the dequantised weights, up to INT8 activations at level 4."""
    weight = torch.randn(24, columns, generator=torch.Generator().manual_seed(4))
    x = torch.randn(5, columns, generator=torch.Generator().manual_seed(5))

    found = multiplied(weight, way_of(storage, rows, block), x)

    assert relative_error(found, (x @ quantize_blocks(weight, bits, block).dequantize().T).numpy()) < bound


@pytest.mark.parametrize("storage", ["w8", "w8a8", "w4"])
@pytest.mark.parametrize("rows", ["many", "one"])
def test_a_row_has_one_answer_alone_and_among_others(storage: Storage, rows: Literal["many", "one"]) -> None:
    """A quiet row beside a loud one keeps its result: no step is shared between rows."""
    weight = torch.randn(48, 128, generator=torch.Generator().manual_seed(6))
    x = torch.randn(4, 128, generator=torch.Generator().manual_seed(7)) * torch.tensor([[1.0], [50], [1], [3]])
    way = way_of(storage, rows, 64)

    together = multiplied(weight, way, x)

    alone = np.concatenate([multiplied(weight, way, x[i : i + 1]) for i in range(4)])
    assert relative_error(together, alone) < 1e-5


def test_codes_by_token_are_an_integer_product() -> None:
    """The fused INT8 product is the product of the codes: where codes are exact, so is the result."""
    weight = torch.randint(-127, 128, (16, 64), generator=torch.Generator().manual_seed(8)).float()
    x = torch.randint(-127, 128, (3, 64), generator=torch.Generator().manual_seed(9)).float()
    weight[:, 0] = x[:, 0] = 127.0  # a step of 1 for every row

    assert np.array_equal(multiplied(weight, way_of("w8a8", "many", 64), x), (x @ weight.T).numpy())


def test_every_matrix_of_the_graphs_is_in_the_table(tiny: Mllm) -> None:
    """Inputs and outputs of all products of the float32 graphs are those that `matrices` lists."""
    shapes = [
        tuple(node.inputs[1].const_value.shape)
        for net in nets(tiny, "fp32").values()
        for node in net.tape.nodes
        if node.op_type == "MatMul" and node.inputs[1] is not None and node.inputs[1].const_value is not None
    ]
    listed = [(m.inputs, m.outputs) for m in matrices(PRESETS["tiny"]) for _ in range(m.count)]

    assert sorted(shapes) == sorted(listed)


@pytest.mark.parametrize(
    ("way", "stored", "loaded"),
    [
        (Way("float32", "float"), 32.0, 32.0),
        (Way("w4", "blocks", 32), 5.0, 6.0),
        (Way("w4", "blocks", 64), 4.5, 5.0),
        (Way("w4", "blocks", 128), 4.25, 4.5),
        (Way("w8", "blocks", 64), 8.5, 9.0),
        (Way("w8", "unpacked", 64), 8.5, 32.0),
        (Way("w8a8", "tokens"), 8 + 32 / 256, 8 + 64 / 256),
    ],
)
def test_scales_count_as_bits_of_a_weight(way: Way, stored: float, loaded: float) -> None:
    """4 bits in blocks of 64 are 4.5 in the file and 5 in memory; the arithmetic for a row of 256."""
    assert way.stored_bits(256) == stored
    assert way.loaded_bits(256) == loaded


def test_padding_counts_too() -> None:
    """A row of 64 in blocks of 128 stores twice its weights."""
    assert Way("w4", "blocks", 128).stored_bits(64) == 2 * 4.25


def test_stored_bits_are_the_bytes_in_the_file(tiny: Mllm) -> None:
    """The bits that the manifest states are those of the graph's own packed weights and scales."""
    way = way_of("w4", "one", 64)
    net = llm_graph(tiny.language, way)
    held = [v.const_value for name, v in net.constants.items() if name.endswith((".packed", ".scales"))]
    weights = sum(m.weights for m in matrices(tiny.config) if m.component == "language")

    bits = 8 * sum(value.nbytes for value in held if value is not None) / weights

    assert mean_bits(tiny.config, "language", way)[0] == pytest.approx(bits)


def test_every_storage_has_a_way_for_every_component() -> None:
    """The rule has no gap."""
    storages: list[Storage] = ["float32", "w4", "w8", "w8a8"]
    assert set(KINDS) == {(storage, rows) for storage in storages for rows in set(ROWS.values())}
