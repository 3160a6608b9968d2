# SPDX-License-Identifier: Apache-2.0
"""Random small networks: convolutions of all kinds, pools, tables, arithmetic, branches, and one of several heads."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from single_op import constant, tensor

from sapmcu.ir import ops
from sapmcu.ir.graph import Array, Graph, Op, Quantization, Tensor
from sapmcu.ir.ops import Padding, Pair, Range
from sapmcu.ir.padding import output_size

INT8 = Range(-128, 127)


def random_net(generator: np.random.Generator, name: str) -> Graph:
    """Of one image that a convolution reads first."""
    net = _Net(generator)
    x = net.conv(net.add_tensor("x", (1, *net.sizes(5, 13), int(generator.integers(1, 5)))))
    for _ in range(generator.integers(2, 9)):
        if min(x.shape[1:3]) > 1:
            x = net.layer(x)
    y = net.head(x)
    return Graph(name, net.tensors, tuple(net.ops), ("x",), (y.name,))


@dataclass
class _Net:
    generator: np.random.Generator
    tensors: dict[str, Tensor] = field(default_factory=dict)
    ops: list[Op] = field(default_factory=list)

    def sizes(self, low: int, high: int) -> Pair:
        height, width = self.generator.integers(low, high, 2)
        return int(height), int(width)

    def flag(self) -> bool:
        return bool(self.generator.integers(2))

    def name(self) -> str:
        return f"t{len(self.tensors)}"

    def add_tensor(self, name: str, shape: tuple[int, ...], like: Tensor | None = None) -> Tensor:
        scale, zero_point = 2.0 ** self.generator.uniform(-6, -4), int(self.generator.integers(-40, 40))
        if like is not None:
            scale, zero_point = like.scale, like.zero_point
        self.tensors[name] = tensor(name, shape, "int8", scale, zero_point)
        return self.tensors[name]

    def add_constant(self, value: Array, quantization: Quantization | None = None) -> Tensor:
        name = self.name()
        self.tensors[name] = constant(name, value, quantization)
        return self.tensors[name]

    def numbers(self, *shape: int) -> Array:
        return self.generator.integers(-127, 128, shape).astype(np.int8)

    def layer(self, x: Tensor) -> Tensor:
        kinds = (self.conv, self.conv, self.depthwise, self.pool, self.table, self.residual, self.by_channel, self.pad)
        return kinds[self.generator.integers(len(kinds))](x)

    def windows(self, x: Tensor, dilation: Pair = (1, 1)) -> tuple[Pair, Pair, Padding, Pair]:
        """Window, stride, padding, and the size of the result."""
        while True:
            window, stride = self.sizes(1, 4), self.sizes(1, 3)
            pads = [tuple(int(one) for one in self.generator.integers(0, size, 2)) for size in window]
            padding: Padding = ((pads[0][0], pads[0][1]), (pads[1][0], pads[1][1]))
            out = [output_size(*one) for one in zip(x.shape[1:3], window, stride, padding, dilation, strict=True)]
            if min(out) >= 1:
                return window, stride, padding, (out[0], out[1])

    def conv(self, x: Tensor, window: Pair | None = None, channels: int | None = None) -> Tensor:
        dilation = self.sizes(1, 3)
        size, stride, padding, out = self.windows(x, dilation)
        if window is not None:
            size, stride, padding, out = window, (1, 1), ((0, 0), (0, 0)), x.shape[1:3]
        count = channels or int(self.generator.integers(1, 10))
        return self.convolved(x, ops.Conv2D, (count, *size, x.shape[3]), stride, padding, dilation, (*out, count))

    def depthwise(self, x: Tensor) -> Tensor:
        size, stride, padding, out = self.windows(x)
        count = x.shape[3] * int(self.generator.integers(1, 3))
        shape = (1, *size, count)
        return self.convolved(x, ops.DepthwiseConv2D, shape, stride, padding, (1, 1), (*out, count))

    def convolved(
        self,
        x: Tensor,
        kind: type[ops.Conv2D] | type[ops.DepthwiseConv2D],
        shape: tuple[int, ...],
        stride: Pair,
        padding: Padding,
        dilation: Pair,
        out: tuple[int, ...],
    ) -> Tensor:
        count = out[-1]
        axis = 0 if kind is ops.Conv2D else 3
        scales = tuple(float(np.float32(0.02 * 2**exponent)) for exponent in self.generator.uniform(-2, 0, count))
        filters = self.add_constant(self.numbers(*shape), Quantization(scales, (0,) * count, axis))
        bias = self.add_constant(self.generator.integers(-2000, 2000, count).astype(np.int32))
        y = self.add_tensor(self.name(), (1, *out))
        clamp = Range(y.zero_point, 127) if self.flag() else INT8
        self.ops.append(kind((x.name, filters.name, bias.name), (y.name,), stride, padding, dilation, clamp))
        return y

    def pool(self, x: Tensor) -> Tensor:
        window, stride, padding, out = self.windows(x)
        y = self.add_tensor(self.name(), (1, *out, x.shape[3]), x)
        kind = ops.MaxPool2D if self.flag() else ops.AveragePool2D
        self.ops.append(kind((x.name,), (y.name,), window, stride, padding, INT8))
        return y

    def table(self, x: Tensor) -> Tensor:
        y = self.add_tensor(self.name(), x.shape)
        self.ops.append((ops.Relu if self.flag() else ops.HardSwish)((x.name,), (y.name,)))
        return y

    def residual(self, x: Tensor) -> Tensor:
        """Both ways from x: one through windows of 3x3 of the same size, one straight or through another conv."""
        way = self.add_same(x)
        other = self.add_same(x) if self.flag() else x
        return self.binary(way, other)

    def add_same(self, x: Tensor) -> Tensor:
        shape = (x.shape[3], 3, 3, x.shape[3])
        return self.convolved(x, ops.Conv2D, shape, (1, 1), ((1, 1), (1, 1)), (1, 1), x.shape[1:])

    def by_channel(self, x: Tensor) -> Tensor:
        value = self.add_constant(self.numbers(x.shape[3]), Quantization((0.015625,), (0,)))
        return self.binary(x, value)

    def binary(self, x: Tensor, y: Tensor) -> Tensor:
        z = self.add_tensor(self.name(), x.shape)
        kinds = (ops.Add, ops.Sub, ops.Mul)
        self.ops.append(kinds[self.generator.integers(3)]((x.name, y.name), (z.name,), INT8))
        return z

    def pad(self, x: Tensor) -> Tensor:
        pads = self.generator.integers(0, 2, (2, 2))
        table = self.add_constant(np.array([[0, 0], *pads, [0, 0]], np.int32))
        height, width = (size + int(pair.sum()) for size, pair in zip(x.shape[1:3], pads, strict=True))
        y = self.add_tensor(self.name(), (1, height, width, x.shape[3]), x)
        self.ops.append(ops.Pad((x.name, table.name), (y.name,)))
        return y

    def head(self, x: Tensor) -> Tensor:
        kind = self.generator.integers(4)
        if kind == 0:
            return x
        y = self.add_tensor(self.name(), (1, 1, 1, x.shape[3]), x if kind == 1 else None)
        if kind == 1:
            self.ops.append(ops.AveragePool2D((x.name,), (y.name,), x.shape[1:3], x.shape[1:3], ((0, 0), (0, 0)), INT8))
            return y
        axes = self.add_constant(np.array([1, 2], np.int32))
        self.ops.append(ops.Mean((x.name, axes.name), (y.name,), keep_dims=True))
        if kind == 2:
            return y
        z = self.add_tensor(self.name(), y.shape)
        self.tensors[z.name] = tensor(z.name, y.shape, "int8", 1 / 256, -128)
        self.ops.append(ops.Softmax((y.name,), (z.name,), 1.0))
        return self.tensors[z.name]
