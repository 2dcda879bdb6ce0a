"""A graph under construction: nodes in order, named constants, and the two files it is saved as."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx_ir as ir
from torch import Tensor, nn

ORT = "com.microsoft"
OPSETS = {"": 21, ORT: 1}
IR_VERSION = 10
FLOAT, FLOAT16, INT8, UINT8, INT32, INT64 = (
    ir.DataType.FLOAT,
    ir.DataType.FLOAT16,
    ir.DataType.INT8,
    ir.DataType.UINT8,
    ir.DataType.INT32,
    ir.DataType.INT64,
)
Value = ir.Value
Attribute = int | float | str | Sequence[int]


class Net:
    """A graph under construction: inputs, nodes in order, named constants."""

    def __init__(self) -> None:
        self.tape = ir.tape.Tape()
        self.inputs: list[Value] = []
        self.outputs: list[Value] = []
        self.constants: dict[str, Value] = {}

    def input(self, name: str, dtype: ir.DataType, shape: Sequence[int | str]) -> Value:
        """Declare an input; a string is a free dimension."""
        value = ir.val(name, dtype=dtype, shape=tuple(shape))
        self.inputs.append(value)
        return value

    def output(self, name: str, value: Value, dtype: ir.DataType, shape: Sequence[int | str]) -> None:
        """Name a value and make it an output."""
        value.name, value.dtype, value.shape = name, dtype, ir.Shape(tuple(shape))
        self.outputs.append(value)

    def constant(self, name: str, value: Tensor | npt.NDArray[np.generic]) -> Value:
        """Return the weight or small constant of that name; a later call with the name returns the same one."""
        if name not in self.constants:
            array = (
                value.detach().contiguous().numpy() if isinstance(value, Tensor) else np.ascontiguousarray(value)
            )
            self.constants[name] = self.tape.initializer(ir.tensor(array, name=name))
        return self.constants[name]

    def integers(self, *values: int) -> Value:
        """Return a constant int64 vector, for shapes and axes."""
        return self.constant("i_" + "_".join(map(str, values)), np.array(values, dtype=np.int64))

    def scalar(self, value: float) -> Value:
        """Return a constant float32 scalar."""
        return self.constant(f"f_{value}", np.array(value, dtype=np.float32))

    def op(self, kind: str, *inputs: Value | None, domain: str = "", **attributes: Attribute) -> Value:
        """Append a node with one output."""
        return self.tape.op(kind, inputs, attributes, domain=domain)

    def ops(
        self, kind: str, *inputs: Value | None, outputs: int, domain: str = "", **attributes: Attribute
    ) -> Sequence[Value]:
        """Append a node with several outputs."""
        return self.tape.op_multi_out(kind, inputs, attributes, num_outputs=outputs, domain=domain)

    def norm(self, name: str, x: Value, layer: nn.LayerNorm) -> Value:
        """Append a LayerNorm over the last axis."""
        weight, bias = self.constant(f"{name}.weight", layer.weight), self.constant(f"{name}.bias", layer.bias)
        return self.op("LayerNormalization", x, weight, bias, axis=-1, epsilon=layer.eps)

    def model(self, name: str) -> ir.Model:
        """Return the graph as a model, its weights inside."""
        graph = ir.Graph(
            self.inputs,
            self.outputs,
            nodes=self.tape.nodes,
            initializers=self.tape.initializers,
            opset_imports=OPSETS,
            name=name,
        )
        return ir.Model(graph, ir_version=IR_VERSION, producer_name="pocketlab")

    def save(self, folder: Path, name: str) -> None:
        """Write `name`.onnx and, for weights of 256 bytes or more, `name`.bin beside it."""
        large = any(v.const_value is not None and v.const_value.nbytes >= 256 for v in self.constants.values())
        ir.save(self.model(name), folder / f"{name}.onnx", external_data=f"{name}.bin" if large else None)
