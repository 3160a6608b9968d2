# SPDX-License-Identifier: Apache-2.0
"""What an op of the native engine will take, before it runs: instructions as linear functions of a kernel's shape.

prices.toml has the coefficients, which `make prices` measures.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sapmcu.ir.cost import op_macs
from sapmcu.ir.graph import Graph, Op
from sapmcu.ir.native import Call, FunctionRef, Params, Step
from sapmcu.ir.speed import OpPrice
from sapmcu.ir.tflite import op_code

PRICES = Path(__file__).with_name("prices.toml")
PRICED_AS: Mapping[str, str] = {
    "cortex-m0": "cortex-m0plus",
    "cortex-m0plus": "cortex-m0plus",
    "cortex-m3": "cortex-m3",
    "cortex-m4": "cortex-m4",
    "cortex-m7": "cortex-m4",
    "cortex-m33": "cortex-m4",
}
"""Cores that run the same code, but for a per cent."""
PACKED = "sapmcu_packed_"
"""Begin of the structs with a proved requantization: sapmcu/packed_conv2d.h."""
BLOCK = 2
"""Pixels and channels that kernels of matrix products compute at once."""
WORD = 4
"""Numbers that they take at once."""

Shape = Mapping[str, int]
"""What a kernel does how often, by the names of the coefficients."""


@dataclass(frozen=True, slots=True)
class KernelPrice:
    """Of one kernel on one core. error: the largest of those that it was fitted to, as a fraction."""

    coefficients: Mapping[str, float]
    error: float

    def instructions(self, shape: Shape) -> float:
        return sum(value * shape.get(name, 0) for name, value in self.coefficients.items())


def price_ops(graph: Graph, steps: Sequence[Step], core: str) -> tuple[OpPrice, ...]:
    """Of each op, run whole."""
    return tuple(_price_op(graph, op, step, core) for op, step in zip(graph.ops, steps, strict=True))


def _price_op(graph: Graph, op: Op, step: Step, core: str) -> OpPrice:
    parts = []
    for call in step.lowered.calls:
        price = kernel_price(call_kernel(call), core)
        parts.append(None if price is None else price.instructions(call_shape(graph, op, call)))
    total = None if None in parts else round(sum(filter(None, parts)))
    kernels = tuple(dict.fromkeys(call_kernel(call) for call in step.lowered.calls))
    return OpPrice(step.index, op_code(op), kernels, op_macs(graph, op), total)


def kernel_price(kernel: str, core: str) -> KernelPrice | None:
    """None where the kernel wasn't measured on such a core."""
    return _prices().get((PRICED_AS.get(core, core), kernel))


@cache
def _prices() -> Mapping[tuple[str, str], KernelPrice]:
    if not PRICES.exists():  # before the first measurement
        return {}
    table = tomllib.loads(PRICES.read_text(encoding="ascii"))
    return {(row["core"], row["kernel"]): KernelPrice(row["instructions"], row["error"]) for row in table["price"]}


def call_kernel(call: Call) -> str:
    """The kernel that a driver is given, or the function itself; with the longer requantization it is another one."""
    names = [one.name for one in call.arguments if isinstance(one, FunctionRef)]
    params = [one for one in call.arguments if isinstance(one, Params) and one.c_type.startswith(PACKED)]
    is_longer = any(dict(one.fields)["shift"] for one in params)
    return f"{names[0] if names else call.function}{' with signs' if is_longer else ''}"


def call_shape(graph: Graph, op: Op, call: Call) -> Shape:
    """What the call does how often."""
    fields = _fields(call)
    result, operand = graph.results(op)[0], graph.tensors[op.present_inputs[0]]
    if "vectors" in fields:  # a product of matrices: its vectors are the pixels of a row
        fields |= {
            "out_width": fields["vectors"],
            "kernel_width": 1,
            "kernel_height": 1,
            "in_channels": fields["depth"],
        }
    if "out_width" not in fields:
        rows = result.elements // max(result.shape[-1], 1) if result.shape else 1
        return {"call": 1, "results": result.elements, "operands": operand.elements, "vectors": rows}
    return _window_shape(fields)


def _fields(call: Call) -> dict[str, int]:
    """All numbers of the structs that a call is given."""
    fields: dict[str, int] = {}
    for argument in call.arguments:
        if isinstance(argument, Params):
            fields |= {name: value for name, value in argument.fields if isinstance(value, int)}
    return fields


def _window_shape(fields: Mapping[str, int]) -> Shape:
    """Of a kernel that slides a window over rows."""
    rows, width = fields.get("out_rows", 1), fields["out_width"]
    height, across = fields.get("kernel_height", 3), fields.get("kernel_width", 3)
    depth = fields.get("in_channels", fields.get("channels", 1))
    is_planar = "out_channels" not in fields
    channels = depth * fields.get("channel_multiplier", 1) if is_planar else fields["out_channels"]
    weights = across * (1 if is_planar else depth)  # of a row of the window, for one output
    words = height * -(-weights // WORD)
    pairs, groups, pixels = width // BLOCK, -(-channels // BLOCK), rows * width
    inside, borders = _inside(fields, width, across)
    rest = channels % WORD
    return {
        "call": 1,
        "rows": rows,
        "pixels": pixels,
        "outputs": pixels * channels,
        "macs": pixels * channels * height * weights,
        "output_rows": pixels * channels * height,
        "output_taps": 0 if is_planar else pixels * channels * height * across,
        "spans": pixels * height,
        "gathered": pixels * height * across * depth,
        "pair_blocks": rows * pairs * groups,
        "pair_words": rows * pairs * groups * words,
        "last_blocks": rows * (width % BLOCK) * groups,
        "last_words": rows * (width % BLOCK) * groups * words,
        "loose_weights": 0 if is_planar else pixels * groups * height * (weights % WORD),
        "inside": rows * inside * height * channels * (1 if is_planar else depth),
        "inside_taps": rows * inside * height,
        "borders": rows * borders,
        "quads": pixels * (channels // WORD),
        "quad_macs": pixels * (channels // WORD) * height * weights,
        "rest": pixels * rest,
        "rest_macs": pixels * rest * height * weights,
        "quads_begun": pixels * -(-channels // WORD),
        "row_quads": rows * -(-channels // WORD),
    }


def _inside(fields: Mapping[str, int], width: int, across: int) -> tuple[int, int]:
    """(columns of all windows of a row that lie in the image, windows that lie partly beside it)"""
    pad, stride = fields.get("pad_left", 0), fields.get("stride_width", 1)
    dilation, end = fields.get("dilation_width", 1), fields.get("in_width", width * stride)
    counts = [
        sum(0 <= column * stride - pad + tap * dilation < end for tap in range(across)) for column in range(width)
    ]
    return sum(counts), sum(count < across for count in counts)
