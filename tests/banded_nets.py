# SPDX-License-Identifier: Apache-2.0
"""Random small int8 networks of ops that go by rows: windows with stride, padding and dilation, branches, joins."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import strategies as st
from single_op import constant, tensor

from sapmcu.ir import ops
from sapmcu.ir.graph import Graph, Op, Quantization, Tensor
from sapmcu.ir.ops import Padding, Pair, Range
from sapmcu.ir.padding import VALID, output_size, same_padding

FULL = Range(-128, 127)
SCALE = 0.05


class NetOfRows:
    """A graph that grows by one op at a time. Filters make outputs that use the whole range."""

    def __init__(self, shape: tuple[int, int, int], seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.tensors: dict[str, Tensor] = {}
        self.ops: list[Op] = []
        self.images = [self._activation("x", (1, *shape))]

    def _activation(self, name: str, shape: tuple[int, ...]) -> str:
        self.tensors[name] = tensor(name, shape, scale=SCALE, zero_point=int(self.random.integers(-20, 20)))
        return name

    def _add(self, kind: type[Op], inputs: tuple[str, ...], shape: tuple[int, ...], **attributes: object) -> str:
        name = self._activation(f"y{len(self.ops)}", shape)
        self.ops.append(kind(inputs, (name,), **attributes))
        self.images.append(name)
        return name

    def convolution(
        self, x: str, outputs: int, window: Pair, stride: Pair, dilation: Pair = (1, 1), *, is_same: bool = True
    ) -> str:
        """outputs 0: depthwise."""
        _, height, width, channels = self.tensors[x].shape
        padding = same_padding((height, width), window, stride, dilation) if is_same else VALID
        size = _size((height, width), window, stride, padding, dilation)
        shape, axis = ((outputs, *window, channels), 0) if outputs else ((1, *window, channels), 3)
        count = outputs or channels
        scale = 3.0 / (127 * np.sqrt(np.prod(shape[1:] if outputs else window)))
        filters, bias = f"filter{len(self.ops)}", f"bias{len(self.ops)}"
        scales = tuple(float(np.float32(scale * factor)) for factor in self.random.uniform(0.5, 1.5, count))
        values = self.random.integers(-127, 128, shape, np.int8)
        self.tensors[filters] = constant(filters, values, Quantization(scales, (0,) * count, axis))
        self.tensors[bias] = constant(bias, self.random.integers(-2000, 2000, count, np.int32))
        return self._add(
            ops.Conv2D if outputs else ops.DepthwiseConv2D,
            (x, filters, bias),
            (1, *size, count),
            stride=stride,
            padding=padding,
            dilation=dilation,
            activation=FULL,
        )

    def pool(self, kind: type[Op], x: str, window: Pair, stride: Pair, *, is_same: bool = True) -> str:
        _, height, width, channels = self.tensors[x].shape
        padding = same_padding((height, width), window, stride) if is_same else VALID
        size = _size((height, width), window, stride, padding)
        self.tensors[f"y{len(self.ops)}"] = self.tensors[x]
        name = self._add(
            kind, (x,), (1, *size, channels), window=window, stride=stride, padding=padding, activation=FULL
        )
        zero_point = self.tensors[x].zero_point  # pooling keeps the quantization
        self.tensors[name] = tensor(name, (1, *size, channels), scale=SCALE, zero_point=zero_point)
        return name

    def add(self, x: str, y: str) -> str:
        return self._add(ops.Add, (x, y), self.tensors[x].shape, activation=FULL)

    def graph(self) -> Graph:
        read = {name for op in self.ops for name in op.inputs}
        outputs = tuple(name for op in self.ops for name in op.outputs if name not in read)
        return Graph("rows", self.tensors, tuple(self.ops), ("x",), outputs)


def _size(size: Pair, window: Pair, stride: Pair, padding: Padding, dilation: Pair = (1, 1)) -> Pair:
    height, width = (
        output_size(size[axis], window[axis], stride[axis], padding[axis], dilation[axis]) for axis in (0, 1)
    )
    return height, width


@st.composite
def nets_of_rows(draw: st.DrawFn) -> Graph:
    """One to six ops; every tensor has at least one row and one column."""
    net = NetOfRows(
        (draw(st.integers(4, 24)), draw(st.integers(3, 12)), draw(st.integers(1, 9))), draw(st.integers(0, 99))
    )
    for _ in range(draw(st.integers(1, 6))):
        x = draw(st.sampled_from(net.images[-2:]))
        alike = [name for name in net.images if net.tensors[name].shape == net.tensors[x].shape]
        window = draw(st.sampled_from([(1, 1), (3, 3), (3, 3), (2, 2), (5, 3)]))
        stride = draw(st.sampled_from([(1, 1), (1, 1), (2, 2), (2, 1)]))
        dilation = draw(st.sampled_from([(1, 1), (1, 1), (2, 1)])) if stride == (1, 1) else (1, 1)
        _, height, width, _ = net.tensors[x].shape
        fits = (window[0] - 1) * dilation[0] < height and window[1] <= width
        is_same = not fits or draw(st.booleans())
        kind = draw(st.sampled_from(["conv", "conv", "depthwise", "average", "max", "add"]))
        if kind == "add" and len(alike) > 1:
            net.add(x, draw(st.sampled_from(alike)))
        elif kind in ("average", "max"):
            net.pool(ops.AveragePool2D if kind == "average" else ops.MaxPool2D, x, window, stride, is_same=is_same)
        else:
            outputs = 0 if kind == "depthwise" else draw(st.integers(1, 12))
            net.convolution(x, outputs, window, stride, dilation, is_same=is_same)
    return net.graph()


WINDOWS: dict[str, Callable[[NetOfRows], str]] = {
    "conv 3x3": lambda net: net.convolution("x", 4, (3, 3), (1, 1)),
    "conv 3x3 to more channels": lambda net: net.convolution("x", 9, (3, 3), (1, 1)),
    "conv 3x3 stride 2": lambda net: net.convolution("x", 5, (3, 3), (2, 2)),
    "conv 3x3 dilated": lambda net: net.convolution("x", 4, (3, 3), (1, 1), (2, 2)),
    "conv 3x3 valid": lambda net: net.convolution("x", 4, (3, 3), (1, 1), is_same=False),
    "conv 1x1": lambda net: net.convolution("x", 4, (1, 1), (1, 1)),
    "conv 1x1 to fewer channels": lambda net: net.convolution("x", 2, (1, 1), (1, 1)),
    "conv 1x1 stride 2": lambda net: net.convolution("x", 8, (1, 1), (2, 2)),
    "depthwise 3x3": lambda net: net.convolution("x", 0, (3, 3), (1, 1)),
    "depthwise 3x3 stride 2": lambda net: net.convolution("x", 0, (3, 3), (2, 2)),
    "depthwise 5x3 stride 2": lambda net: net.convolution("x", 0, (5, 3), (2, 2)),
    "average pool": lambda net: net.pool(ops.AveragePool2D, "x", (3, 3), (1, 1)),
    "max pool": lambda net: net.pool(ops.MaxPool2D, "x", (2, 2), (2, 2)),
    "add": lambda net: net.add("x", "x"),
}
"""Nets of one op whose result may lie over its operand."""


def one_op(build: Callable[[NetOfRows], str], shape: tuple[int, int, int] = (7, 6, 4)) -> Graph:
    net = NetOfRows(shape, seed=5)
    build(net)
    return net.graph()
