"""A profiled job's operators, summed into the groups that a reader asks about."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from device_agents.contract import Operators, Stage
from lab.records import ATTENTION, PRODUCTS, REST, UNPACKING, CellBreakdown

GROUPS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        PRODUCTS: frozenset(
            {"Conv", "FusedConv", "NhwcFusedConv", "MatMul", "FusedMatMul", "Gemm", "FusedGemm", "QGemm"}
            | {"MatMulNBits", "MatMulInteger", "MatMulIntegerToFloat", "DynamicQuantizeMatMul", "QLinearMatMul"}
        ),
        ATTENTION: frozenset({"GroupQueryAttention", "MultiHeadAttention", "Attention", "QAttention"}),
        UNPACKING: frozenset(
            {"Cast", "DequantizeLinear", "QuantizeLinear", "DynamicQuantizeLinear"}
            | {"Abs", "ReduceMax", "Max", "Div", "Round"}
        ),
    }
)
"""ONNX Runtime's operators by group; any other is `rest`. Our graphs use the last five of `unpacking` only to
round activations to 8 bits (models/graphs.py), except in the `tile` stage, which works on pixels."""

ITEMS: Mapping[str, tuple[Stage, str]] = MappingProxyType(
    {
        "encode_image": (Stage.VIT, "patch"),
        "prefill": (Stage.PREFILL, "token"),
        "decode": (Stage.DECODE, "token"),
    }
)
"""Kind of workload -> the stage whose items its time is divided by, and their name."""


def breakdown_of(cell: str, kind: str, found: Operators) -> CellBreakdown:
    """Return a cell's seconds by group; what no operator took, between operators too, is in `rest`."""
    seconds = dict.fromkeys((PRODUCTS, ATTENTION, UNPACKING, REST), 0.0)
    for operator in found.operators:
        seconds[_group(operator.stage, operator.operator)] += operator.duration_ns * 1e-9
    whole_s = sum(stage.duration_ns for stage in found.stages) * 1e-9
    seconds[REST] = max(0.0, whole_s - sum(seconds[group] for group in GROUPS))
    counted, _ = ITEMS.get(kind, (None, ""))
    items = sum(stage.items for stage in found.stages if stage.stage is counted)
    return CellBreakdown(cell, seconds, items, found.unseen)


def _group(stage: Stage, operator: str) -> str:
    named = next((group for group, operators in GROUPS.items() if operator in operators), REST)
    return REST if stage is Stage.TILE and named == UNPACKING else named
