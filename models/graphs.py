"""The stage graphs of a build: each torch module as the ONNX graph that runtimes execute.

Graphs are written by hand, not traced: they use ONNX Runtime's fused operators (MatMulNBits,
GroupQueryAttention with a quantised cache) that tracing cannot produce, and every node is intended.
`batch` and `tokens` are free dimensions, so all shapes of a stage share one graph and one weight file:
`weights`, which grows as the graph does (:class:`models.net.Net`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import onnx_ir as ir
import torch
from torch import Tensor

from models.language import LanguageConfig, LanguageModel
from models.mllm import MllmConfig
from models.net import FLOAT, FLOAT16, INT8, INT32, INT64, ORT, UINT8, Attribute, Net, Value
from models.products import Way, linear
from models.projector import Projector
from models.quantize import CacheType, cache_scale, quantize_rows
from models.vision import PatchEmbedding, VisionBlocks


def tile_graph(config: MllmConfig) -> Net:
    """Resize and normalise: image and placement -> tiles [n, 3, S, S] in `order`, where 0 is the thumbnail.

    Bicubic with coefficient -0.5, antialiased, without weights outside the image: Pillow's and torch's
    filter. Without `exclude_outside` ONNX Runtime differs from both at the edges by up to 7 % of the range.
    """
    side = config.vision.tile_pixels
    net = Net()
    image = net.input("image", UINT8, ("height", "width", 3))
    fit, pads = net.input("fit", INT64, (2,)), net.input("pads", INT64, (4,))
    grid, order = net.input("grid", INT64, (2,)), net.input("order", INT64, ("n",))
    planes = net.op("Unsqueeze", net.op("Transpose", image, perm=(2, 0, 1)), net.integers(0))
    planes = net.op("Cast", planes, to=FLOAT.value)

    def resized(size: Value) -> Value:
        none = None
        sizes = net.op("Concat", net.integers(1, 3), size, axis=0)
        scaled = net.op(
            "Resize", planes, none, none, sizes, mode="cubic", cubic_coeff_a=-0.5, antialias=1, exclude_outside=1
        )
        scaled = net.op("Clip", scaled, net.scalar(0.0), net.scalar(255.0))
        return net.op("Sub", net.op("Div", scaled, net.scalar(127.5)), net.scalar(1.0))

    thumbnail = resized(net.integers(side, side))
    # The canvas is black, which is -1 after normalising.
    near, far = net.ops("Split", pads, outputs=2, axis=0, num_outputs=2)
    all_pads = net.op("Concat", net.integers(0, 0), near, net.integers(0, 0), far, axis=0)
    canvas = net.op("Pad", resized(fit), all_pads, net.scalar(-1.0))
    rows, columns = net.ops("Split", grid, outputs=2, axis=0, num_outputs=2)
    shape = net.op("Concat", net.integers(3), rows, net.integers(side), columns, net.integers(side), axis=0)
    squares = net.op("Transpose", net.op("Reshape", canvas, shape), perm=(1, 3, 0, 2, 4))
    tiles = net.op("Reshape", squares, net.integers(-1, 3, side, side))
    chosen = net.op("Gather", net.op("Concat", thumbnail, tiles, axis=0), order, axis=0)
    net.output("tiles", chosen, FLOAT, ("n", 3, side, side))
    return net


def patch_embed_graph(module: PatchEmbedding, config: MllmConfig, weights: Path | None = None) -> Net:
    """Build the convolution: float32 in every recipe, because the paper runs it on the CPU."""
    vision = config.vision
    net = Net(weights)
    tiles = net.input("tiles", FLOAT, ("batch", 3, vision.tile_pixels, vision.tile_pixels))
    kernel, bias = module.convolution.weight, module.convolution.bias
    assert bias is not None  # for the type checker: the module is built with one
    stride = (vision.patch_pixels, vision.patch_pixels)
    patches = net.op("Conv", tiles, net.constant("kernel", kernel), net.constant("bias", bias), strides=stride)
    rows = net.op("Reshape", patches, net.integers(0, vision.hidden, vision.tokens))
    rows = net.op("Transpose", rows, perm=(0, 2, 1))
    embedded = net.op("Add", rows, net.constant("position", module.position))
    net.output("embeddings", embedded, FLOAT, ("batch", vision.tokens, vision.hidden))
    return net


def vit_graph(module: VisionBlocks, config: MllmConfig, way: Way, weights: Path | None = None) -> Net:
    """Build the transformer blocks and the final norm."""
    vision = config.vision
    net = Net(weights)
    shape = ("batch", vision.tokens, vision.hidden)
    x = net.input("embeddings", FLOAT, shape)
    for index, block in enumerate(module.layers):
        name = f"blocks.{index}"
        h = net.norm(f"{name}.attention_norm", x, block.attention_norm)
        qkv = linear(net, f"{name}.qkv", h, block.attention.qkv.weight, block.attention.qkv.bias, way=way)
        query, key, value = net.ops("Split", qkv, outputs=3, axis=-1, num_outputs=3)
        mixed = net.op("MultiHeadAttention", query, key, value, domain=ORT, num_heads=vision.heads)
        out = linear(net, f"{name}.out", mixed, block.attention.out.weight, block.attention.out.bias, way=way)
        x = net.op("Add", x, out)
        h = net.norm(f"{name}.mlp_norm", x, block.mlp_norm)
        h = linear(net, f"{name}.up", h, block.up.weight, block.up.bias, way=way)
        h = net.op("Gelu", h, approximate="tanh")
        x = net.op("Add", x, linear(net, f"{name}.down", h, block.down.weight, block.down.bias, way=way))
    net.output("features", net.norm("norm", x, module.norm), FLOAT, shape)
    return net


def project_graph(module: Projector, config: MllmConfig, way: Way, weights: Path | None = None) -> Net:
    """Build the 2x2 downsampler and the MLP."""
    side, hidden = module.side, config.vision.hidden
    half, odd = (side + 1) // 2, side % 2
    net = Net(weights)
    x = net.input("features", FLOAT, ("batch", side * side, hidden))
    x = net.op("Reshape", x, net.integers(-1, side, side, hidden))
    x = net.op("Pad", x, net.integers(0, 0, 0, 0, 0, odd, odd, 0)) if odd else x
    x = net.op(
        "Transpose", net.op("Reshape", x, net.integers(-1, half, 2, half, 2, hidden)), perm=(0, 1, 3, 2, 4, 5)
    )
    x = net.norm("norm", net.op("Reshape", x, net.integers(-1, half * half, 4 * hidden)), module.norm)
    x = net.op("Gelu", linear(net, "first", x, module.first.weight, module.first.bias, way=way))
    x = linear(net, "second", x, module.second.weight, module.second.bias, way=way)
    net.output("tokens", x, FLOAT, ("batch", half * half, config.language.hidden))
    return net


def embed_graph(model: LanguageModel, table: str, weights: Path | None = None) -> Net:
    """Build token ids -> embeddings, from a float32 table or an INT8 one with one scale per row."""
    net = Net(weights)
    ids = net.input("ids", INT64, ("tokens",))
    weight, scale = model.embedding.weight, model.config.embedding_scale
    if table == "float32":
        rows = net.op("Gather", net.constant("table", weight.float() * scale), ids)
    else:
        codes, scales = quantize_rows(weight)
        centred = (codes ^ 128).view(torch.int8)  # the code minus 128
        codes_of = net.op("Cast", net.op("Gather", net.constant("table", centred), ids), to=FLOAT.value)
        rows = net.op("Mul", codes_of, net.op("Gather", net.constant("scales", scale * scales[:, None]), ids))
    net.output("embeddings", rows, FLOAT, ("tokens", model.config.hidden))
    return net


CACHES: Mapping[CacheType, ir.DataType] = {"float32": FLOAT, "float16": FLOAT16, "int8": INT8}


def attend(  # noqa: PLR0917  (reads as the operator's own list of inputs)
    net: Net,
    config: LanguageConfig,
    qkv: Value,
    past: Sequence[Value],
    lengths: Sequence[Value],
    tables: Sequence[Value],
    cache: CacheType,
    scales: Sequence[Value] | None = None,
) -> Sequence[Value]:
    """Append grouped-query attention over a cache of type `cache` -> mixed, present key, present value.

    `past` are keys and values, `lengths` last_position and total_tokens, `tables` cosines and sines; an INT8 cache
    needs the `scales` of keys and values. With a float16 cache attention alone is float16, its tables too, and a
    cast stands before and after it.
    """
    half = cache == "float16"
    query = net.op("Cast", qkv, to=FLOAT16.value) if half else qkv
    inputs: list[Value | None] = [query, None, None, *past, *lengths, *tables]
    attributes: dict[str, Attribute] = {}
    if scales is not None:
        inputs += [None, None, None, *scales]
        attributes = {"k_quant_type": "PER_CHANNEL", "v_quant_type": "PER_CHANNEL", "kv_cache_bit_width": 8}
    mixed, key, value = net.ops(
        "GroupQueryAttention",
        *inputs,
        outputs=3,
        domain=ORT,
        num_heads=config.heads,
        kv_num_heads=config.key_value_heads,
        do_rotary=1,
        **attributes,
    )
    return net.op("Cast", mixed, to=FLOAT.value) if half else mixed, key, value


def llm_graph(
    model: LanguageModel,
    way: Way,
    cache: CacheType = "float32",
    cache_largest: tuple[list[Tensor], list[Tensor]] | None = None,
    weights: Path | None = None,
) -> Net:
    """Build the decoder; an INT8 cache needs `cache_largest` (keys, values; [G, E] per layer) for its scales."""
    config = model.config
    cache_type = CACHES[cache]
    cache_shape = (1, config.key_value_heads, config.cache_tokens, config.head_dim)
    net = Net(weights)
    x = net.input("embeddings", FLOAT, (1, "tokens", config.hidden))
    last, total = net.input("last_position", INT32, (1,)), net.input("total_tokens", INT32, ())
    positions = net.input("positions", INT64, ("k",))
    half = cache == "float16"
    tables = [
        net.constant(name, table.half() if half else table)
        for name, table in (("cosine", model.cosine), ("sine", model.sine))
    ]
    presents: list[tuple[str, Value]] = []
    branch: Value | None = None

    def normed(name: str, weight: Tensor) -> Value:
        """Add the pending branch to the residual stream and normalise the sum, in one node."""
        nonlocal x
        scale = net.constant(name, weight)
        if branch is None:
            return net.op("SimplifiedLayerNormalization", x, scale, axis=-1, epsilon=config.norm_epsilon)
        outputs = net.ops(
            "SkipSimplifiedLayerNormalization",
            x,
            branch,
            scale,
            outputs=4,
            domain=ORT,
            epsilon=config.norm_epsilon,
        )
        x = outputs[3]
        return outputs[0]

    for index, block in enumerate(model.layers):
        name = f"blocks.{index}"
        past = [net.input(f"past_{part}_{index}", cache_type, cache_shape) for part in ("key", "value")]
        h = normed(f"{name}.attention_norm", block.attention_norm.weight)
        qkv = linear(net, f"{name}.qkv", h, block.attention.qkv.weight, None, way=way)
        scales = None
        if cache == "int8" and cache_largest is not None:
            scales = [
                net.constant(f"{name}.{part}_scale", cache_scale(largest[index])[None, :, None])
                for part, largest in zip(("key", "value"), cache_largest, strict=True)
            ]
        mixed, key, value = attend(net, config, qkv, past, (last, total), tables, cache, scales)
        presents += [(f"present_key_{index}", key), (f"present_value_{index}", value)]
        out = block.attention.out.weight
        branch = linear(net, f"{name}.out", mixed, out, None, way=way, scale=config.residual_scale)
        h = normed(f"{name}.mlp_norm", block.mlp_norm.weight)
        gate_up = linear(net, f"{name}.gate_up", h, block.gate_up.weight, None, way=way)
        gate, up = net.ops("Split", gate_up, outputs=2, axis=-1, num_outputs=2)
        gated = net.op("Mul", net.op("QuickGelu", gate, domain=ORT, alpha=1.0), up)  # alpha 1 is SiLU
        branch = linear(net, f"{name}.down", gated, block.down.weight, None, way=way, scale=config.residual_scale)
    wanted = net.op("Gather", net.op("Add", x, branch), positions, axis=1)
    scale = net.constant("norm", model.norm.weight)
    wanted = net.op("SimplifiedLayerNormalization", wanted, scale, axis=-1, epsilon=config.norm_epsilon)
    logits = linear(net, "head", wanted, model.head.weight, None, way=way, scale=config.logit_scale)
    net.output("logits", net.op("Squeeze", logits, net.integers(0)), FLOAT, ("k", config.vocabulary))
    for present, value in presents:
        net.output(present, value, cache_type, cache_shape)
    return net
