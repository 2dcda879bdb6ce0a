"""A graph under construction: nodes in order, named constants, and the file that large ones go to at once."""

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


PAGE = 4096
"""ONNX asks that external data start on a page, so that a runtime can map it (onnx.proto, TensorProto)."""


class Net:
    """A graph under construction: inputs, nodes in order, named constants.

    With `weights`, a file to make, constants of 256 bytes or more are written to it as they are added: a graph of
    any size takes the memory of its largest constant. Without, all constants are kept, for a graph in memory.
    """

    def __init__(self, weights: Path | None = None) -> None:
        self.weights = weights
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
            kept = self.weights is None or array.nbytes < 256
            tensor = ir.tensor(array, name=name) if kept else self._append(array, name)
            self.constants[name] = self.tape.initializer(tensor)
        return self.constants[name]

    def _append(self, array: npt.NDArray[np.generic], name: str) -> ir.ExternalTensor:
        """Write an array at the end of the file of weights, on a page of its own if it fills one."""
        assert self.weights is not None  # for the type checker: the caller has looked
        with self.weights.open("ab") as file:
            step = PAGE if array.nbytes >= PAGE else 64
            file.write(bytes(-file.tell() % step))
            offset = file.tell()
            array.tofile(file)
        dtype = ir.DataType.from_numpy(array.dtype)
        shape = ir.Shape(array.shape)
        return ir.ExternalTensor(
            self.weights.name, offset, array.nbytes, dtype, shape=shape, name=name, base_dir=self.weights.parent
        )

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
        """Write `name`.onnx, which names the file of weights beside it or holds them."""
        ir.save(self.model(name), folder / f"{name}.onnx")
