# SPDX-License-Identifier: Apache-2.0
"""Random small networks with what rewrites look for: dead filters, paddings, moves that move nothing, constants."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from hypothesis import strategies as st
from single_op import constant, tensor
from strategies_data import generators

from sapmcu.ir import ops
from sapmcu.ir.activation import activation_range
from sapmcu.ir.graph import Array, Graph, Op, Quantization, Tensor
from sapmcu.ir.ops import Padding, Range
from sapmcu.ir.padding import VALID, output_size, same_padding

FULL = Range(-128, 127)


class Net:
    """A network under construction. random: decides all that the drawn steps don't."""

    def __init__(self, random: np.random.Generator) -> None:
        self.random = random
        self.tensors: dict[str, Tensor] = {}
        self.ops: list[Op] = []

    def new(self, *shape: int, like: Tensor | None = None) -> Tensor:
        """An activation, quantized as `like` or anyhow."""
        scale, zero_point = 2.0 ** self.random.uniform(-4, 1), int(self.random.choice([-128, -128, 0, 5, 127]))
        made = tensor(f"t{len(self.tensors)}", shape, "int8", scale, zero_point)
        made = made if like is None else replace(made, quantization=like.quantization)
        return self.keep(made)

    def keep(self, one: Tensor) -> Tensor:
        self.tensors[one.name] = one
        return one

    def const(self, value: Array, quantization: Quantization | None = None) -> Tensor:
        return self.keep(constant(f"c{len(self.tensors)}", value, quantization))

    def numbers(self, *values: int) -> Tensor:
        return self.const(np.array(values, np.int32))

    def graph(self, x: Tensor, *outputs: Tensor) -> Graph:
        return Graph("net", self.tensors, tuple(self.ops), (x.name,), tuple(one.name for one in outputs))

    def filters(self, x: Tensor, y: Tensor, shape: tuple[int, ...], axis: int) -> tuple[Tensor, Tensor | None]:
        """Filters and bias, of which some are dead: all zero, or at an end of the clamp for every input."""
        channels, random = shape[axis], self.random
        values = random.integers(-128, 128, shape, np.int8)
        values = np.moveaxis(values, axis, 0)
        values[random.random(channels) < 0.3] = 0
        if values.ndim > 2 and axis == 0:
            values[..., random.random(shape[-1]) < 0.2] = 0
        values = np.moveaxis(values, 0, axis)
        taps = math.prod(shape) / channels
        factors = 2.0 ** random.uniform(-3, 0, channels) / (60 * math.sqrt(taps))
        scales = tuple(float(np.float32(factor * y.scale / x.scale)) for factor in factors)
        filters = self.const(values, Quantization(scales, (0,) * channels, axis))
        if random.random() < 0.2:
            return filters, None
        bias = random.integers(-5000, 5000, channels)
        far = (2**31 - 1) // 4
        bias = np.where(random.random(channels) < 0.2, random.choice([-far, far], channels), bias)
        unit = tuple(float(np.float32(x.scale * scale)) for scale in scales)
        return filters, self.const(bias.astype(np.int32), Quantization(unit, (0,) * channels))

    def clamp(self, y: Tensor) -> Range:
        return activation_range(str(self.random.choice(["NONE", "RELU", "RELU6"])), y)

    def conv(self, x: Tensor, size: int, stride: int, padding: Padding, channels: int) -> Tensor:
        out = tuple(output_size(n, size, stride, pads) for n, pads in zip(x.shape[1:3], padding, strict=True))
        y = self.new(1, *out, channels)
        filters, bias = self.filters(x, y, (channels, size, size, x.shape[3]), 0)
        inputs = tuple(one.name for one in (x, filters, bias) if one is not None)
        self.ops.append(ops.Conv2D(inputs, (y.name,), (stride, stride), padding, (1, 1), self.clamp(y)))
        return y

    def depthwise(self, x: Tensor, size: int, stride: int, padding: Padding, times: int) -> Tensor:
        out = tuple(output_size(n, size, stride, pads) for n, pads in zip(x.shape[1:3], padding, strict=True))
        y = self.new(1, *out, x.shape[3] * times)
        filters, bias = self.filters(x, y, (1, size, size, x.shape[3] * times), 3)
        inputs = tuple(one.name for one in (x, filters, bias) if one is not None)
        self.ops.append(ops.DepthwiseConv2D(inputs, (y.name,), (stride, stride), padding, (1, 1), self.clamp(y)))
        return y

    def fully_connected(self, x: Tensor, channels: int) -> Tensor:
        depth = x.elements
        y = self.new(1, channels)
        filters, bias = self.filters(x, y, (channels, depth), 0)
        inputs = tuple(one.name for one in (x, filters, bias) if one is not None)
        self.ops.append(ops.FullyConnected(inputs, (y.name,), self.clamp(y), False))
        return y

    def apply(self, make: Callable[[tuple[str, ...], tuple[str, ...]], Op], y: Tensor, *operands: Tensor) -> Tensor:
        self.ops.append(make(tuple(one.name for one in operands), (y.name,)))
        return y

    def padded(self, x: Tensor, pads: Padding) -> Tensor:
        rows, columns = (n + sum(pair) for n, pair in zip(x.shape[1:3], pads, strict=True))
        table = self.const(np.array([(0, 0), *pads, (0, 0)], np.int32))
        return self.apply(ops.Pad, self.new(1, rows, columns, x.shape[3], like=x), x, table)

    def transposed(self, x: Tensor, *perm: int) -> Tensor:
        y = self.new(*(x.shape[axis] for axis in perm), like=x)
        return self.apply(ops.Transpose, y, x, self.numbers(*perm))

    def reshaped(self, x: Tensor, *shape: int) -> Tensor:
        return self.apply(ops.Reshape, self.new(*shape, like=x), x, self.numbers(*shape))


def pointwise(net: Net, x: Tensor) -> Tensor:
    return net.conv(x, 1, 1, VALID, int(net.random.integers(1, 7)))


def spatial(net: Net, x: Tensor) -> Tensor:
    """k×k, SAME or VALID, stride 1 or 2."""
    size, stride = int(net.random.integers(2, 4)), int(net.random.integers(1, 3))
    is_same = net.random.random() < 0.5 or min(x.shape[1:3]) < size
    padding = same_padding((x.shape[1], x.shape[2]), (size, size), (stride, stride)) if is_same else VALID
    if net.random.random() < 0.5:
        return net.conv(x, size, stride, padding, int(net.random.integers(1, 6)))
    return net.depthwise(x, size, stride, padding, int(net.random.integers(1, 3)))


def explicitly_padded(net: Net, x: Tensor) -> Tensor:
    """PAD before a VALID convolution, as frameworks without SAME have it."""
    size, stride = int(net.random.integers(2, 4)), int(net.random.integers(1, 3))
    before, after = (int(one) for one in net.random.integers(0, size, 2))
    x = net.padded(x, ((before, after), (before, after)))
    if min(x.shape[1:3]) < size:
        return x
    if net.random.random() < 0.3:
        out = tuple(output_size(n, size, stride, (0, 0)) for n in x.shape[1:3])
        pool = ops.MaxPool2D if net.random.random() < 0.7 else ops.AveragePool2D
        y = net.new(1, *out, x.shape[3], like=x)
        return net.apply(lambda i, o: pool(i, o, (size, size), (stride, stride), VALID, FULL), y, x)
    if net.random.random() < 0.5:
        return net.depthwise(x, size, stride, VALID, 1)
    return net.conv(x, size, stride, VALID, int(net.random.integers(1, 6)))


def residual(net: Net, x: Tensor) -> Tensor:
    inner = net.conv(x, 1, 1, VALID, x.shape[3])
    if net.random.random() < 0.5:
        inner = net.conv(inner, 1, 1, VALID, x.shape[3])
        x = net.conv(x, 1, 1, VALID, x.shape[3])
    y = net.new(*x.shape)
    return net.apply(lambda i, o: ops.Add(i, o, net.clamp(y)), y, inner, x)


def with_constant(net: Net, x: Tensor) -> Tensor:
    """Arithmetic with a constant that an op makes of constants."""
    values = net.random.integers(-128, 128, (x.shape[3],) if net.random.random() < 0.7 else (1,), np.int8)
    made = net.const(values, Quantization((0.5,), (3,)))
    if net.random.random() < 0.5:
        source, made = made, net.new(*made.shape)
        net.apply(ops.Quantize, made, source)
    kind = [ops.Add, ops.Sub, ops.Mul][int(net.random.integers(3))]
    y = net.new(*x.shape)
    operands = (made, x) if net.random.random() < 0.5 else (x, made)
    return net.apply(lambda i, o: kind(i, o, net.clamp(y)), y, *operands)


def joined(net: Net, x: Tensor) -> Tensor:
    parts = [net.conv(x, 1, 1, VALID, int(net.random.integers(1, 5))) for _ in range(2)]
    axis, width = 3, sum(one.shape[3] for one in parts)
    y = net.new(*x.shape[:3], width)
    for part in parts:
        net.keep(replace(part, quantization=y.quantization))
    net.ops[-2:] = [replace(one, activation=FULL) for one in net.ops[-2:] if isinstance(one, ops.Conv2D)]
    return net.apply(lambda i, o: ops.Concatenation(i, o, axis, FULL), y, *parts)


def pooled(net: Net, x: Tensor) -> Tensor:
    pool = ops.MaxPool2D if net.random.random() < 0.5 else ops.AveragePool2D
    padding = same_padding((x.shape[1], x.shape[2]), (2, 2), (2, 2))
    out = tuple(output_size(n, 2, 2, pads) for n, pads in zip(x.shape[1:3], padding, strict=True))
    y = net.new(1, *out, x.shape[3], like=x)
    return net.apply(lambda i, o: pool(i, o, (2, 2), (2, 2), padding, FULL), y, x)


def activated(net: Net, x: Tensor) -> Tensor:
    kind = int(net.random.integers(3))
    if kind == 0:
        return net.apply(ops.Relu, net.new(*x.shape), x)
    y = net.keep(replace(net.new(*x.shape), quantization=Quantization((1 / 256,), (-128,))))
    return net.apply(ops.Logistic, y, x) if kind == 1 else net.apply(ops.Quantize, net.new(*x.shape), x)


def moved_in_vain(net: Net, x: Tensor) -> Tensor:
    """There and back, or nowhere."""
    _, height, width, channels = x.shape
    kind = int(net.random.integers(4))
    if kind == 0:
        return net.transposed(net.transposed(x, 0, 3, 1, 2), 0, 2, 3, 1)
    if kind == 1:
        return net.reshaped(net.reshaped(x, 1, height * width, channels), 1, height, width, channels)
    if kind == 2:
        return net.transposed(net.transposed(x, 0, 3, 2, 1), 0, 3, 2, 1)
    return net.padded(x, VALID)


STEPS: Mapping[str, Callable[[Net, Tensor], Tensor]] = {
    step.__name__: step
    for step in (
        pointwise,
        spatial,
        explicitly_padded,
        residual,
        with_constant,
        joined,
        pooled,
        activated,
        moved_in_vain,
    )
}


def _head(net: Net, x: Tensor) -> Tensor:
    """Class scores, by the mean or by all pixels."""
    if net.random.random() < 0.5:
        y = net.new(1, x.shape[3])
        x = net.apply(lambda i, o: ops.Mean(i, o, False), y, x, net.numbers(1, 2))
    else:
        x = net.transposed(x, 0, 3, 1, 2) if net.random.random() < 0.5 else x
        x = net.reshaped(x, 1, x.elements)
    return net.fully_connected(net.fully_connected(x, 5), 3)


@st.composite
def networks(draw: st.DrawFn, steps: tuple[str, ...] = tuple(STEPS)) -> Graph:
    """One input, up to six steps, perhaps a classifier's head; sometimes an activation between is an output, too."""
    chosen = draw(st.lists(st.sampled_from(steps), min_size=1, max_size=6))
    net = Net(draw(generators))
    random = net.random
    source = net.new(1, int(random.integers(2, 9)), int(random.integers(2, 9)), int(random.integers(1, 5)))
    x, outputs = source, []
    for name in chosen:
        x = STEPS[name](net, x)
        if random.random() < 0.1 and x is not source:
            outputs.append(x)
    if draw(st.booleans()):
        x = _head(net, x)
    outputs = [one for one in outputs if one is not x]
    return net.graph(source, x, *outputs)
