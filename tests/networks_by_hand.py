# SPDX-License-Identifier: Apache-2.0
"""Whole networks made op by op, with random filters: for tests of plans."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from sapmcu.ir import ops
from sapmcu.ir.graph import DType, Graph, Op, Quantization, Tensor
from sapmcu.ir.ops import Padding, Pair, Range
from sapmcu.ir.padding import VALID, output_size, same_padding

INT8 = Range(-128, 127)
ONE = Quantization((0.5,), (0,))


class Network:
    """A graph in the making; each method adds an op and gives its result's name."""

    def __init__(self, size: Pair, channels: int) -> None:
        self.tensors: dict[str, Tensor] = {}
        self.ops: list[Op] = []
        self.generator = np.random.default_rng(1)
        self.x = self.tensor((1, *size, channels))

    def tensor(self, shape: tuple[int, ...]) -> str:
        name = f"t{len(self.tensors)}"
        self.tensors[name] = Tensor(name, shape, DType.INT8, ONE)
        return name

    def filters(self, *shape: int) -> str:
        name = f"c{len(self.tensors)}"
        values = self.generator.integers(-128, 128, shape, np.int8)
        self.tensors[name] = Tensor(name, shape, DType.INT8, Quantization((2**-7,), (0,)), values.tobytes())
        return name

    def numbers(self, *values: int) -> str:
        name = f"c{len(self.tensors)}"
        self.tensors[name] = Tensor(name, (len(values),), DType.INT32, None, np.array(values, "<i4").tobytes())
        return name

    def add_op(self, op: Op) -> str:
        self.ops.append(op)
        return op.outputs[0]

    def shape(self, name: str) -> tuple[int, ...]:
        return self.tensors[name].shape

    def windows(self, x: str, window: Pair, stride: Pair, is_same: bool) -> tuple[Padding, Pair]:
        """(padding, size of the result)."""
        size: Pair = self.shape(x)[1:3]  # type: ignore[assignment]  # of an image
        padding = same_padding(size, window, stride) if is_same else VALID
        height, width = (output_size(*one) for one in zip(size, window, stride, padding, strict=True))
        return padding, (height, width)

    def conv(self, x: str, channels: int, window: Pair = (1, 1), stride: Pair = (1, 1), is_same: bool = True) -> str:
        padding, size = self.windows(x, window, stride, is_same)
        filters = self.filters(channels, *window, self.shape(x)[3])
        y = self.tensor((1, *size, channels))
        return self.add_op(ops.Conv2D((x, filters), (y,), stride, padding, (1, 1), INT8))

    def depthwise(self, x: str, window: Pair = (3, 3), stride: Pair = (1, 1), is_same: bool = True) -> str:
        padding, size = self.windows(x, window, stride, is_same)
        channels = self.shape(x)[3]
        filters = self.filters(1, *window, channels)
        y = self.tensor((1, *size, channels))
        return self.add_op(ops.DepthwiseConv2D((x, filters), (y,), stride, padding, (1, 1), INT8))

    def pool(self, x: str, window: Pair, stride: Pair, is_same: bool = True) -> str:
        padding, size = self.windows(x, window, stride, is_same)
        y = self.tensor((1, *size, self.shape(x)[3]))
        return self.add_op(ops.AveragePool2D((x,), (y,), window, stride, padding, INT8))

    def add(self, x: str, y: str) -> str:
        return self.add_op(ops.Add((x, y), (self.tensor(self.shape(x)),), INT8))

    def shifted(self, x: str) -> str:
        """A constant image is added, as the positions of tokens are."""
        constant = self.filters(*self.shape(x))
        self.tensors[constant] = replace(self.tensors[constant], quantization=ONE)
        return self.add(x, constant)

    def relu(self, x: str) -> str:
        return self.add_op(ops.Relu((x,), (self.tensor(self.shape(x)),)))

    def mean(self, x: str) -> str:
        y = self.tensor((1, 1, 1, self.shape(x)[3]))
        return self.add_op(ops.Mean((x, self.numbers(1, 2)), (y,), True))

    def softmax(self, x: str) -> str:
        y = self.tensor(self.shape(x))
        self.tensors[y] = replace(self.tensors[y], quantization=Quantization((1 / 256,), (-128,)))
        return self.add_op(ops.Softmax((x,), (y,), 1.0))

    def joined(self, x: str, y: str, axis: int) -> str:
        shape = list(self.shape(x))
        shape[axis] += self.shape(y)[axis]
        return self.add_op(ops.Concatenation((x, y), (self.tensor(tuple(shape)),), axis, INT8))

    def padded(self, x: str) -> str:
        _, height, width, channels = self.shape(x)
        paddings = self.numbers(0, 0, 1, 2, 2, 1, 0, 0)
        data = self.tensors[paddings]
        self.tensors[paddings] = Tensor(paddings, (4, 2), DType.INT32, None, data.data)
        return self.add_op(ops.Pad((x, paddings), (self.tensor((1, height + 3, width + 3, channels)),)))

    def space_to_depth(self, x: str) -> str:
        _, height, width, channels = self.shape(x)
        return self.add_op(ops.SpaceToDepth((x,), (self.tensor((1, height // 2, width // 2, 4 * channels)),), 2))

    def depth_to_space(self, x: str) -> str:
        _, height, width, channels = self.shape(x)
        return self.add_op(ops.DepthToSpace((x,), (self.tensor((1, 2 * height, 2 * width, channels // 4)),), 2))

    def mirrored(self, x: str) -> str:
        """A column and a row more on each side."""
        _, height, width, channels = self.shape(x)
        paddings = self.numbers(0, 0, 1, 1, 1, 1, 0, 0)
        self.tensors[paddings] = Tensor(paddings, (4, 2), DType.INT32, None, self.tensors[paddings].data)
        y = self.tensor((1, height + 2, width + 2, channels))
        return self.add_op(ops.MirrorPad((x, paddings), (y,), ops.MirrorMode.SYMMETRIC))

    def enlarged(self, x: str, channels: int, window: Pair, stride: Pair) -> str:
        """A transposed convolution."""
        _, height, width, _ = self.shape(x)
        size = (height - 1) * stride[0] + window[0], (width - 1) * stride[1] + window[1]
        filters = self.filters(channels, *window, self.shape(x)[3])
        y = self.tensor((1, *size, channels))
        inputs = (self.numbers(*self.shape(y)), filters, x)
        return self.add_op(ops.TransposeConv2D(inputs, (y,), stride, VALID, INT8))

    def resized(self, x: str, size: Pair) -> str:
        _, _, _, channels = self.shape(x)
        y = self.tensor((1, *size, channels))
        return self.add_op(ops.ResizeBilinear((x, self.numbers(*size)), (y,), False, True))

    def transposed(self, x: str) -> str:
        """Rows become columns: an op that only runs whole."""
        _, height, width, channels = self.shape(x)
        y = self.tensor((1, width, height, channels))
        return self.add_op(ops.Transpose((x, self.numbers(0, 2, 1, 3)), (y,)))

    def reshaped(self, x: str, shape: tuple[int, ...]) -> str:
        return self.add_op(ops.Reshape((x, self.numbers(*shape)), (self.tensor(shape),)))

    def graph(self, *outputs: str) -> Graph:
        return Graph("by hand", self.tensors, tuple(self.ops), (self.x,), outputs)


def mobilenet_v2(size: int, width: float, classes: int) -> Graph:
    """Source: Sandler et al., arXiv 1801.04381, table 2. All but softmax."""

    def scaled(channels: int) -> int:
        rounded = max(8, int(channels * width + 4) // 8 * 8)
        return rounded + 8 if rounded < 0.9 * channels * width else rounded

    net = Network((size, size), 3)
    x = net.conv(net.x, scaled(32), (3, 3), (2, 2))
    stages = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
    for expansion, channels, blocks, stride in stages:
        for block in range(blocks):
            step = stride if block == 0 else 1
            before = x
            x = net.conv(x, expansion * net.shape(x)[3]) if expansion > 1 else x
            x = net.conv(net.depthwise(x, stride=(step, step)), scaled(channels))
            x = net.add(before, x) if net.shape(before) == net.shape(x) else x
    x = net.mean(net.conv(x, max(1280, scaled(1280))))
    return net.graph(net.conv(x, classes))


@st.composite
def networks(draw: st.DrawFn) -> Graph:
    """Up to eight ops: strides, paddings, branches that meet again, windows as large as the image, several outputs."""
    net = Network((draw(st.integers(1, 9)), draw(st.integers(1, 6))), draw(st.integers(1, 4)))
    names = [net.x]
    for _ in range(draw(st.integers(1, 8))):
        x = draw(st.sampled_from(names[-3:]))
        names.append(_next(draw, net, x, names))
    read = {name for op in net.ops for name in op.present_inputs}
    return net.graph(*(name for name in names[1:] if name not in read))


# over 40 lines: a line for each kind of op
def _next(draw: st.DrawFn, net: Network, x: str, names: list[str]) -> str:
    _, height, width, _ = net.shape(x)
    window = (draw(st.integers(1, min(3, height))), draw(st.integers(1, min(3, width))))
    stride = (draw(st.integers(1, 2)), draw(st.integers(1, 2)))
    is_same = draw(st.booleans())
    twins = [name for name in names if net.shape(name) == net.shape(x)]
    kind = draw(
        st.sampled_from(
            [
                "conv",
                "depthwise",
                "pool",
                "add",
                "shifted",
                "relu",
                "mean",
                "transposed",
                "softmax",
                "joined",
                "padded",
                "blocks",
                "mirrored",
                "enlarged",
                "resized",
            ]
        )
    )
    if kind == "conv":
        return net.conv(x, draw(st.integers(1, 5)), window, stride, is_same)
    if kind == "depthwise":
        return net.depthwise(x, window, stride, is_same)
    if kind == "pool":
        return net.pool(x, window, stride, is_same)
    if kind == "add":
        return net.add(x, draw(st.sampled_from(twins)))
    if kind == "shifted":
        return net.shifted(x)
    if kind == "relu":
        return net.relu(x)
    if kind == "softmax":
        return net.softmax(x)
    if kind == "joined":
        return net.joined(x, draw(st.sampled_from(twins)), draw(st.sampled_from([1, 2, 3])))
    if kind == "padded":
        return net.padded(x)
    if kind == "resized":
        return net.resized(x, (draw(st.integers(1, 12)), draw(st.integers(1, 8))))
    if kind == "mirrored":
        return net.mirrored(x)
    if kind == "enlarged":
        return net.enlarged(x, draw(st.integers(1, 3)), (draw(st.integers(1, 4)), draw(st.integers(1, 3))), stride)
    if kind == "blocks" and net.shape(x)[3] % 4 == 0:
        return net.depth_to_space(x)
    if kind == "blocks":
        return net.space_to_depth(x) if height % 2 == width % 2 == 0 else net.relu(x)
    return net.mean(x) if kind == "mean" else net.transposed(x)
