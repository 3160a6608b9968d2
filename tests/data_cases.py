# SPDX-License-Identifier: Apache-2.0
"""A sound case of every op that works element by element or moves data, for tests of their rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from rule_cases import Case
from single_op import constant, tensor

from sapmcu.ir import ops
from sapmcu.ir.graph import Quantization, Tensor
from sapmcu.ir.ops import Range

INT8 = Range(-128, 127)
LIKE_TENSOR = Quantization((0.5,), (0,))
"""What single_op.tensor gives."""


def numbers(name: str, values: Any, dtype: str = "int32") -> Tensor:
    return constant(name, np.array(values, dtype))


def int8_constant(name: str, values: Any) -> Tensor:
    return constant(name, np.array(values, np.int8), LIKE_TENSOR)


def binary(kind: type[Any]) -> Case:
    attributes = {} if kind in (ops.Maximum, ops.Minimum, ops.SquaredDifference) else {"activation": INT8}
    return {
        "op": kind(("x", "y"), ("z",), **attributes),
        "x": tensor("x", (2, 1, 3)),
        "y": tensor("y", (4, 1)),
        "z": tensor("z", (2, 4, 3)),
    }


def unary(kind: type[Any]) -> Case:
    outputs = {ops.Logistic: (1 / 256, -128), ops.Tanh: (1 / 128, 0)}
    attributes = {"alpha": 0.25} if kind is ops.LeakyRelu else {}
    return {
        "op": kind(("x",), ("y",), **attributes),
        "x": tensor("x", (2, 3)),
        "y": tensor("y", (2, 3), "int8", *outputs.get(kind, (0.5, 0))),
    }


def prelu() -> Case:
    return {
        "op": ops.PRelu(("x", "alpha"), ("y",)),
        "x": tensor("x", (1, 2, 2, 3)),
        "alpha": int8_constant("alpha", [[[1, 2, 3]]]),
        "y": tensor("y", (1, 2, 2, 3)),
    }


def quantize() -> Case:
    return {"op": ops.Quantize(("x",), ("y",)), "x": tensor("x", (2, 3)), "y": tensor("y", (2, 3), scale=0.25)}


def dequantize() -> Case:
    y = tensor("y", (2, 3), "float32", None)
    return {"op": ops.Dequantize(("x",), ("y",)), "x": tensor("x", (2, 3)), "y": y}


def reshape() -> Case:
    op, shape = ops.Reshape(("x", "shape"), ("y",)), numbers("shape", [3, -1])
    return {"op": op, "x": tensor("x", (2, 3)), "shape": shape, "y": tensor("y", (3, 2))}


def squeeze() -> Case:
    return {"op": ops.Squeeze(("x",), ("y",), (0, -2)), "x": tensor("x", (1, 3, 1, 2)), "y": tensor("y", (3, 2))}


def expand_dims() -> Case:
    op = ops.ExpandDims(("x", "a"), ("y",))
    return {"op": op, "x": tensor("x", (2, 3)), "a": numbers("a", -1), "y": tensor("y", (2, 3, 1))}


def transpose() -> Case:
    op = ops.Transpose(("x", "perm"), ("y",))
    return {"op": op, "x": tensor("x", (2, 3, 4)), "perm": numbers("perm", [2, 0, 1]), "y": tensor("y", (4, 2, 3))}


def broadcast_to() -> Case:
    op = ops.BroadcastTo(("x", "shape"), ("y",))
    return {"op": op, "x": tensor("x", (3, 1)), "shape": numbers("shape", [2, 3, 4]), "y": tensor("y", (2, 3, 4))}


def concatenation() -> Case:
    return {
        "op": ops.Concatenation(("x0", "x1"), ("y",), -1, INT8),
        "x0": tensor("x0", (2, 3)),
        "x1": tensor("x1", (2, 1)),
        "y": tensor("y", (2, 4)),
    }


def split() -> Case:
    return {
        "op": ops.Split(("a", "x"), ("y", "z")),
        "a": numbers("a", [-2]),
        "x": tensor("x", (4, 3)),
        "y": tensor("y", (2, 3)),
        "z": tensor("z", (2, 3)),
    }


def split_v() -> Case:
    return {
        "op": ops.SplitV(("x", "sizes", "a"), ("y", "z")),
        "x": tensor("x", (4, 3)),
        "sizes": numbers("sizes", [1, -1]),
        "a": numbers("a", 0),
        "y": tensor("y", (1, 3)),
        "z": tensor("z", (3, 3)),
    }


def pack() -> Case:
    op = ops.Pack(("x0", "x1"), ("y",), 1)
    return {"op": op, "x0": tensor("x0", (2, 3)), "x1": tensor("x1", (2, 3)), "y": tensor("y", (2, 2, 3))}


def unpack() -> Case:
    op = ops.Unpack(("x",), ("y", "z"), -1)
    return {"op": op, "x": tensor("x", (3, 2)), "y": tensor("y", (3,)), "z": tensor("z", (3,))}


def space_to_depth() -> Case:
    op = ops.SpaceToDepth(("x",), ("y",), 2)
    return {"op": op, "x": tensor("x", (1, 4, 6, 3)), "y": tensor("y", (1, 2, 3, 12))}


def depth_to_space() -> Case:
    op = ops.DepthToSpace(("x",), ("y",), 2)
    return {"op": op, "x": tensor("x", (1, 2, 3, 12)), "y": tensor("y", (1, 4, 6, 3))}


def strided_slice() -> Case:
    return {
        "op": ops.StridedSlice(("x", "begin", "end", "strides"), ("y",), 0, 0, 4),
        "x": tensor("x", (6, 5, 4)),
        "begin": numbers("begin", [1, -1, 3]),
        "end": numbers("end", [6, -6, 4]),
        "strides": numbers("strides", [2, -3, 1]),
        "y": tensor("y", (3, 2)),
    }


def slice_() -> Case:
    return {
        "op": ops.Slice(("x", "begin", "size"), ("y",)),
        "x": tensor("x", (6, 5)),
        "begin": numbers("begin", [1, 2]),
        "size": numbers("size", [2, -1]),
        "y": tensor("y", (2, 3)),
    }


def reverse() -> Case:
    op = ops.Reverse(("x", "a"), ("y",))
    return {"op": op, "x": tensor("x", (2, 3, 4)), "a": numbers("a", [-1, 1]), "y": tensor("y", (2, 3, 4))}


def gather() -> Case:
    return {
        "op": ops.Gather(("x", "positions"), ("y",), 2, 1),
        "x": tensor("x", (2, 3, 4, 5)),
        "positions": numbers("positions", [[0, 3, 1], [2, 2, 0]]),
        "y": tensor("y", (2, 3, 3, 5)),
    }


def pad() -> Case:
    op = ops.Pad(("x", "paddings"), ("y",))
    paddings = numbers("paddings", [[1, 2], [0, 3]])
    return {"op": op, "x": tensor("x", (2, 3)), "paddings": paddings, "y": tensor("y", (5, 6))}


def pad_v2() -> Case:
    return pad() | {"op": ops.PadV2(("x", "paddings", "value"), ("y",)), "value": int8_constant("value", [7])}


def mirror_pad(mode: ops.MirrorMode) -> Case:
    op, paddings = ops.MirrorPad(("x", "paddings"), ("y",), mode), numbers("paddings", [[1, 0], [2, 1]])
    return {"op": op, "x": tensor("x", (2, 3)), "paddings": paddings, "y": tensor("y", (3, 6))}


def resize(kind: type[Any]) -> Case:
    op = kind(("x", "size"), ("y",), align_corners=False, half_pixel_centers=True)
    return {"op": op, "x": tensor("x", (1, 4, 6, 3)), "size": numbers("size", [8, 3]), "y": tensor("y", (1, 8, 3, 3))}


BINARY: list[Any] = [ops.Add, ops.Sub, ops.Mul, ops.Div, ops.Maximum, ops.Minimum, ops.SquaredDifference]
UNARY: list[Any] = [
    ops.Rsqrt,
    ops.Abs,
    ops.Logistic,
    ops.Tanh,
    ops.Relu,
    ops.Relu6,
    ops.LeakyRelu,
    ops.HardSwish,
]
MOVEMENT: list[Callable[[], Case]] = [
    reshape,
    squeeze,
    expand_dims,
    transpose,
    broadcast_to,
    concatenation,
    split,
    split_v,
    pack,
    unpack,
    space_to_depth,
    depth_to_space,
    strided_slice,
    slice_,
    reverse,
    gather,
    pad,
    pad_v2,
]

ELEMENTWISE_CASES: list[Case] = [*map(binary, BINARY), *map(unary, UNARY), prelu()]
CONVERSION_CASES: list[Case] = [quantize(), dequantize()]
MOVEMENT_CASES: list[Case] = [
    *(case() for case in MOVEMENT),
    *map(mirror_pad, ops.MirrorMode),
    *map(resize, (ops.ResizeNearest, ops.ResizeBilinear)),
]
