"""How every matrix of a build is multiplied: the rule that chooses, the graph nodes, and the bits they read.

`python -m benchmarks products` measures the ways against each other; docs/adr/0017 says what follows from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from torch import Tensor

from models.mllm import MllmConfig
from models.net import FLOAT, ORT, UINT8, Net, Value
from models.quantize import BITS, Recipe, Storage, quantize_blocks, quantize_rows

Kind = Literal["float", "unpacked", "blocks", "tokens"]
"""How ONNX Runtime multiplies by a stored matrix.

- `float`: `MatMul` by float32 weights.
- `unpacked`: the same; the session unpacks 8-bit blocks to float32 once, while it opens (constant folding).
- `blocks`: `MatMulNBits` at accuracy level 4. Weights stay packed; activations are rounded to INT8 by block.
- `tokens`: `MatMulIntegerToFloat`, unsigned codes (ADR 2); activations are rounded to INT8 by token.
"""

Component = Literal["vision", "projector", "language"]
Rows = Literal["many", "one"]

ROWS: Mapping[Component, Rows] = {"vision": "many", "projector": "many", "language": "one"}
"""How many rows a component's products meet: the tokens of whole tiles, or down to one token of an answer."""

KINDS: Mapping[tuple[Storage, Rows], Kind] = {
    ("float32", "many"): "float",
    ("float32", "one"): "float",
    ("w8", "many"): "unpacked",
    ("w8", "one"): "blocks",
    ("w8a8", "many"): "tokens",
    ("w8a8", "one"): "tokens",
    ("w4", "many"): "blocks",
    ("w4", "one"): "blocks",
}
"""The rule. In none of them does a call pay for weights what another row would not share (ADR 17)."""

LEVEL = 4
"""MatMulNBits' accuracy level. Below 4 there is no kernel for 8 bits: it unpacks the matrix at every call."""


@dataclass(frozen=True)
class Way:
    """A way of storing and multiplying; `block` weights of a row share a scale, or the whole row if it is 0."""

    storage: Storage
    kind: Kind
    block: int = 0

    def stored_bits(self, inputs: int) -> float:
        """Return the bits a weight takes in the file, in rows of `inputs`: scales and padding included."""
        return self._bits(inputs, extras=1)

    def loaded_bits(self, inputs: int) -> float:
        """Return the bits a weight takes in memory, where a product reads them.

        ONNX Runtime 1.32 on x86 keeps a float32 or int32 sum beside each scale (MLAS, PackedQuantBDataStruct).
        """
        return 32.0 if self.kind == "unpacked" else self._bits(inputs, extras=2)

    def _bits(self, inputs: int, extras: int) -> float:
        """Return the bits a weight with `extras` numbers of 32 bits for each block or row."""
        if self.kind == "float":
            return 32.0
        block = self.block or inputs
        return -(-inputs // block) * (block * BITS[self.storage] + 32 * extras) / inputs


def way_of(storage: Storage, rows: Rows, block: int) -> Way:
    """Return how a matrix of that storage is multiplied where products meet so many rows."""
    kind = KINDS[storage, rows]
    return Way(storage, kind, block if kind in ("unpacked", "blocks") else 0)


def ways(recipe: Recipe) -> dict[Component, Way]:
    """Return how a recipe's components are multiplied."""
    stored: dict[Component, Storage] = {
        "vision": recipe.vision,
        "projector": recipe.projector,
        "language": recipe.language,
    }
    return {component: way_of(stored[component], rows, recipe.block) for component, rows in ROWS.items()}


@dataclass(frozen=True)
class Matrix:
    """The `count` matrices [outputs, inputs] of one name, such as the `up` of every vision block."""

    component: Component
    name: str
    outputs: int
    inputs: int
    count: int

    @property
    def weights(self) -> int:
        """Return the weights of all `count`."""
        return self.outputs * self.inputs * self.count


def matrices(config: MllmConfig) -> list[Matrix]:
    """Return every matrix that a product of the stage graphs multiplies by; the convolution is not one."""
    vision, language = config.vision, config.language
    wide, narrow = (heads * language.head_dim for heads in (language.heads, language.key_value_heads))
    hidden = language.hidden
    return [
        Matrix("vision", "qkv", 3 * vision.hidden, vision.hidden, vision.layers),
        Matrix("vision", "out", vision.hidden, vision.hidden, vision.layers),
        Matrix("vision", "up", vision.mlp, vision.hidden, vision.layers),
        Matrix("vision", "down", vision.hidden, vision.mlp, vision.layers),
        Matrix("projector", "first", hidden, 4 * vision.hidden, 1),
        Matrix("projector", "second", hidden, hidden, 1),
        Matrix("language", "qkv", wide + 2 * narrow, hidden, language.layers),
        Matrix("language", "out", hidden, wide, language.layers),
        Matrix("language", "gate_up", 2 * language.mlp, hidden, language.layers),
        Matrix("language", "down", hidden, language.mlp, language.layers),
        Matrix("language", "head", language.vocabulary, hidden, 1),
    ]


def mean_bits(config: MllmConfig, component: Component, way: Way) -> tuple[float, float]:
    """Return the bits a weight of a component, stored and loaded, over all its matrices."""
    own = [matrix for matrix in matrices(config) if matrix.component == component]
    total = sum(matrix.weights for matrix in own)
    stored = sum(matrix.weights * way.stored_bits(matrix.inputs) for matrix in own)
    loaded = sum(matrix.weights * way.loaded_bits(matrix.inputs) for matrix in own)
    return stored / total, loaded / total


def linear(
    net: Net, name: str, x: Value, weight: Tensor, bias: Tensor | None, *, way: Way, scale: float = 1.0
) -> Value:
    """Multiply x [..., K] by `scale` * weight [N, K] transposed, in its way, and add the bias.

    Rounding is the same for a scaled matrix: `scale` goes into the scales that are stored.
    """
    if way.kind == "float":
        y = net.op("MatMul", x, net.constant(f"{name}.weight", weight.T.float() * scale))
    elif way.kind == "unpacked":
        y = _unpacked(net, name, x, weight, way=way, scale=scale)
    elif way.kind == "blocks":
        y = _blocks(net, name, x, weight, way=way, scale=scale)
    else:
        y = _tokens(net, name, x, weight, scale=scale)
    return y if bias is None else net.op("Add", y, net.constant(f"{name}.bias", bias))


def _unpacked(net: Net, name: str, x: Value, weight: Tensor, *, way: Way, scale: float) -> Value:
    """Append MatMul by weights that nodes without a free input unpack, so that every session folds them.

    `DequantizeLinear` says the same in one node, but sessions fold none and may turn it into MatMulNBits.
    """
    outputs, inputs = weight.shape
    blocks = quantize_blocks(weight, 8, way.block)
    codes = net.op("Cast", net.constant(f"{name}.packed", blocks.packed), to=FLOAT.value)
    scales = net.constant(f"{name}.scales", scale * blocks.scales[..., None])
    rows = net.op("Mul", net.op("Sub", codes, net.scalar(128.0)), scales)
    rows = net.op("Reshape", rows, net.integers(outputs, -1))
    if inputs % way.block:
        rows = net.op("Slice", rows, net.integers(0), net.integers(inputs), net.integers(1))
    return net.op("MatMul", x, net.op("Transpose", rows, perm=(1, 0)))


def _blocks(net: Net, name: str, x: Value, weight: Tensor, *, way: Way, scale: float) -> Value:
    """Append MatMulNBits."""
    blocks = quantize_blocks(weight, 4 if way.storage == "w4" else 8, way.block)
    return net.op(
        "MatMulNBits",
        x,
        net.constant(f"{name}.packed", blocks.packed),
        net.constant(f"{name}.scales", scale * blocks.scales),
        domain=ORT,
        bits=blocks.bits,
        block_size=way.block,
        K=weight.shape[1],
        N=weight.shape[0],
        accuracy_level=LEVEL,
    )


def _tokens(net: Net, name: str, x: Value, weight: Tensor, *, scale: float) -> Value:
    """Append MatMulIntegerToFloat with one scale per token, so that batching changes no token's result.

    The operator takes one scale for all activations: each token is divided by its own step first, the product
    multiplied by it afterwards. `DynamicQuantizeMatMul` would take one step for the whole batch.
    """
    codes, scales = quantize_rows(weight)
    largest = net.op("ReduceMax", net.op("Abs", x), net.integers(-1), keepdims=1)
    step = net.op("Div", net.op("Max", largest, net.scalar(1e-12)), net.scalar(127.0))
    one, middle = net.scalar(1.0), net.constant("u8_128", np.array(128, dtype=np.uint8))
    activations = net.op("QuantizeLinear", net.op("Div", x, step), one, middle, output_dtype=UINT8.value)
    product = net.op(
        "MatMulIntegerToFloat",
        activations,
        net.constant(f"{name}.codes", codes.T),
        one,
        net.constant(f"{name}.scales", scale * scales),
        middle,
        middle,
        domain=ORT,
    )
    return net.op("Mul", product, step)
