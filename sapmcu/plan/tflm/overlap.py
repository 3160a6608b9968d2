# SPDX-License-Identifier: Apache-2.0
"""How far a result may lie over an operand that dies with the op: read from the order in which kernels go.

A kernel is a row of steps; each reads its bytes of the operand, then writes its bytes of the result. A result may lie
over the operand where no step overwrites what a later one reads. As results are written front to back, that comes
down to one number, the lead: how many bytes the operand must start behind the result (negative: may start before it).
With W(s) the bytes of the result that are written before step s reads, and R(s) the first byte of the operand that is
read in step s or later: lead = max over s of W(s) − R(s).

Source: tflite-micro 90b983c2, micro/kernels and lite/kernels/internal/reference; CMSIS-NN 4ab83cc3, Source/*. Each
rule names its loops. What isn't listed doesn't overlap. With CMSIS-NN both sets must allow it: some ops of such a
library, and the host that every plan is run on, use the reference kernels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from sapmcu.ir import ops
from sapmcu.ir.graph import Array, DType, Graph, Op, Tensor
from sapmcu.ir.ops import Padding, Pair
from sapmcu.plan.tflm.target import Simd, Target

MVE_PIXELS = 4
"""Pixels that CMSIS-NN's MVE kernels compute together."""
MVE_CHANNELS_PER_BLOCK = 124
"""CH_IN_BLOCK_MVE of arm_nnsupportfunctions.h: with more, depthwise convolutions go over the image once a block."""

ELEMENTWISE = (ops.Add, ops.Mul, ops.Relu, ops.LeakyRelu, ops.Logistic, ops.Tanh, ops.HardSwish, ops.Quantize)
"""One loop over all elements, or over four at a time: arm_elementwise_{add,mul}_s8. Operands of one shape only, as
others broadcast through nested loops."""


def operand_leads(graph: Graph, op: Op, target: Target) -> Mapping[str, int]:
    """The lead for each operand that the op's only result may lie over, where the operand dies with the op."""
    if len(op.outputs) != 1:
        return {}
    result = graph.tensors[op.outputs[0]]
    leads = {}
    for name in dict.fromkeys(op.present_inputs):
        tensor = graph.tensors[name]
        if tensor.is_constant or tensor.is_variable:
            continue
        lead = _lead(graph, op, tensor, result, target)
        if lead is not None:
            leads[name] = lead
    return leads


def copied_from(graph: Graph, op: Op) -> int | None:
    """Where in its operand the bytes begin that a SLICE copies; None where they don't lie together."""
    x, y = graph.tensors[str(op.inputs[0])], graph.tensors[op.outputs[0]]
    if (
        not isinstance(op, ops.Slice)
        or len(x.shape) != len(y.shape)
        or not graph.tensors[str(op.inputs[1])].is_constant
    ):
        return None
    begin = [int(one) for one in graph.tensors[str(op.inputs[1])].value]
    cut = [axis for axis, (whole, part) in enumerate(zip(x.shape, y.shape, strict=True)) if whole != part]
    axis = cut[0] if cut else 0
    if cut[1:] or any(length != 1 for length in x.shape[:axis]):
        return None
    return begin[axis] * int(np.prod(x.shape[axis + 1 :], dtype=np.int64)) * x.dtype.size_bytes


def _lead(graph: Graph, op: Op, operand: Tensor, result: Tensor, target: Target) -> int | None:
    if isinstance(op, ELEMENTWISE):
        same = all(graph.tensors[name].shape == result.shape for name in op.present_inputs)
        return 0 if same and operand.dtype.size_bytes == result.dtype.size_bytes else None
    if isinstance(op, ops.Slice) and op.inputs[0] == operand.name:
        # reference_ops::Slice copies element by element, front to back
        start = copied_from(graph, op)
        return None if start is None else -start
    is_window = isinstance(op, ops.Conv2D | ops.DepthwiseConv2D | ops.AveragePool2D | ops.MaxPool2D)
    if not is_window or op.inputs[0] != operand.name or len(op.outputs) != 1 or len(operand.shape) != 4:
        return None
    if operand.dtype is not DType.INT8 or result.dtype is not DType.INT8 or operand.shape[0] != 1:
        return None
    walk = _Walk(graph, op, operand, result)
    written = [walk.reference()]
    if target.has_cmsis_nn:
        written.append(CMSIS_NN[type(op)](walk, target.simd))
    if any(one is None for one in written):
        return None
    return max(walk.lead(one) for one in written if one is not None)


class _Walk:
    """The pixels of a result in raster order, and what of the operand each reads. All int8, batch 1."""

    def __init__(self, graph: Graph, op: Op, operand: Tensor, result: Tensor) -> None:
        self.op = op
        _, self.height, self.width, self.channels = operand.shape
        _, self.rows, self.columns, self.outputs = result.shape
        filters = graph.tensors[str(op.inputs[1])].shape if len(op.inputs) > 1 else ()
        self.window: Pair = (filters[1], filters[2]) if filters else getattr(op, "window", (1, 1))
        self.depth = filters[3] if isinstance(op, ops.Conv2D) else self.channels
        self.stride: Pair = getattr(op, "stride", (1, 1))
        self.dilation: Pair = getattr(op, "dilation", (1, 1))
        self.padding: Padding = getattr(op, "padding", ((0, 0), (0, 0)))
        self.pixel = np.arange(self.rows * self.columns, dtype=np.int64)

    def lead(self, written: Array) -> int:
        """max of W(s) − R(s), a step a pixel. written: bytes of the result before the last read for each pixel."""
        row = self._first_inside(0)[self.pixel // self.columns]
        column = self._first_inside(1)[self.pixel % self.columns]
        first = (row * self.width + column) * self.channels
        later = np.minimum.accumulate(first[::-1])[::-1]
        return int((written - later).max())

    def _first_inside(self, axis: int) -> Array:
        """The first row (column) of the operand that each row (column) of the result reads."""
        count, before = (self.rows, self.columns)[axis], self.padding[axis][0]
        start = np.arange(count, dtype=np.int64) * self.stride[axis] - before
        outside = -(np.minimum(start, 0) // self.dilation[axis])
        return start + outside * self.dilation[axis]

    def reference(self) -> Array | None:
        """reference_integer_ops::{ConvPerChannel, DepthwiseConvPerChannel, AveragePool, MaxPool}: by pixel, then by
        channel, each of which reads the window again. Depthwise ones read only their own channel, which moves on as
        the result does."""
        if isinstance(self.op, ops.Conv2D) or self.outputs != self.channels:
            return self.pixel * self.outputs + self.outputs - 1
        return self.pixel * self.outputs

    def convolution(self, simd: Simd) -> Array | None:
        """arm_convolve_s8 collects the windows of two pixels (MVE: four) in scratch, then computes them; what is left
        over at the end likewise. Groups go over the image one by one."""
        if self.depth != self.channels or (self.height == 1 and self.window[0] == 1):
            return None
        is_small = self.window == self.dilation == (1, 1) and not any(map(any, self.padding))
        if is_small:
            return self.pointwise(simd)
        together = MVE_PIXELS if simd is Simd.MVE else 2
        return self.pixel // together * together * self.outputs

    def pointwise(self, simd: Simd) -> Array | None:
        """arm_convolve_1x1_s8_fast multiplies the whole image by one pair of filters after the other, with MVE four
        pixels by all filters; arm_convolve_1x1_s8, for strides, does so row by row."""
        if self.stride != (1, 1):
            return (self.pixel // self.columns + 1) * self.columns * self.outputs - 1
        if simd is Simd.MVE:
            return (self.pixel // MVE_PIXELS + 1) * MVE_PIXELS * self.outputs - 1
        return None

    def depthwise(self, simd: Simd) -> Array | None:
        """arm_depthwise_conv_s8, _3x3_s8: by pixel, then by one or four channels. _s8_opt: by pixel, its window in
        scratch; with MVE four pixels, for each block of channels anew. With MVE one channel becomes a convolution."""
        if simd is Simd.MVE:
            if self.channels > MVE_CHANNELS_PER_BLOCK or self.channels == 1:
                return None
            return (self.pixel // MVE_PIXELS + 1) * MVE_PIXELS * self.outputs - 1
        return self.pixel * self.outputs + self.outputs - 1

    def average_pool(self, simd: Simd) -> Array | None:
        """arm_avgpool_s8: by pixel with its sums in scratch; else by pixel and channel (MVE: 16 channels)."""
        return self.pixel * self.outputs

    def max_pool(self, simd: Simd) -> Array | None:
        """arm_max_pool_s8: by pixel, which holds the first of its window while it is compared with the others."""
        return (self.pixel + 1) * self.outputs


CMSIS_NN: Mapping[type[Op], Callable[[_Walk, Simd], Array | None]] = {
    ops.Conv2D: _Walk.convolution,
    ops.DepthwiseConv2D: _Walk.depthwise,
    ops.AveragePool2D: _Walk.average_pool,
    ops.MaxPool2D: _Walk.max_pool,
}
