# SPDX-License-Identifier: Apache-2.0
"""What Prepare asks for: convolutions and pooling, which look at windows of an image.

Source: tflite-micro 90b983c2, micro/kernels/{conv,depthwise_conv,transpose_conv,pooling}*.cc and their twins in
micro/kernels/cmsis_nn. The order of the requests is that of the calls.
"""

from __future__ import annotations

from sapmcu.ir.graph import DType, Tensor
from sapmcu.plan.tflm import scratch
from sapmcu.plan.tflm.node import INT32_BYTES, INT64_BYTES, Node, Persistent, Requests, Scratch, axes, dims_bytes
from sapmcu.plan.tflm.target import Target


def conv_2d(node: Node, target: Target) -> Requests:
    x, filters = node.operand(0), node.operand(1)
    if not target.has_cmsis_nn:
        yield from node.temporaries("o0", "i0", "i1")
        yield from multipliers(axes(filters, 4)[0])
        yield from node.temporaries("i0", "i1", "i2", "o0")
        return
    yield from _cmsis_nn_start(node, axes(filters, 4)[0])
    shape = _convolution(node, x, axes(filters, 4)[3])
    if x.dtype is DType.INT8:
        yield from nonzero_scratch(scratch.convolution_s8(shape, target.simd))
    elif x.dtype is DType.INT16:
        yield from nonzero_scratch(scratch.convolution_s16(shape.channels, shape.taps, target.simd))


def depthwise_conv_2d(node: Node, target: Target) -> Requests:
    x, filters = node.operand(0), node.operand(1)
    if not target.has_cmsis_nn:
        yield from node.temporaries("o0", "i0", "i1")
        yield from multipliers(axes(filters, 4)[3])
        yield from node.temporaries("i0", "i1", "i2", "o0")
        return
    yield from _cmsis_nn_start(node, axes(filters, 4)[3])
    if x.dtype is DType.INT8:
        yield from nonzero_scratch(scratch.depthwise_s8(_convolution(node, x, 1), target.simd))


def _cmsis_nn_start(node: Node, channels: int) -> Requests:
    yield from node.temporaries("i0", "i1", "o0")
    if not node.operand(0).dtype.is_float:
        yield from multipliers(channels)
    yield from node.temporaries("i0", "i1", "i2", "o0")


def transpose_conv(node: Node, target: Target) -> Requests:
    x, filters, y = node.operand(2), node.operand(1), node.result()
    yield from node.temporaries("o0", "i2", "i1")
    yield from multipliers(axes(filters, 4)[0])
    if x.dtype.is_float:
        return
    bias = node.optional(3)
    if x.dtype is DType.INT16:
        yield Scratch(INT64_BYTES * y.elements)
    elif target.has_cmsis_nn:
        # both are asked for, of 0 bytes too
        for size in scratch.transpose_convolution_s8(_transpose_convolution(node, x), target.simd):
            yield Scratch(size)
    else:
        yield Scratch(INT32_BYTES * y.elements)
    yield from node.temporaries("i2", "i1", "i3", "o0")
    if x.dtype is DType.INT16 and bias is not None and bias.dtype is DType.INT16:
        yield Scratch(INT64_BYTES * bias.elements)


def average_pool_2d(node: Node, target: Target) -> Requests:
    yield from node.temporaries("i0", "o0")
    if not target.has_cmsis_nn:
        return
    yield from node.temporaries("i0", "o0")
    x = node.operand(0)
    if not x.dtype.is_float:
        yield from nonzero_scratch(scratch.average_pool(axes(x, 4)[3], target.simd))


def l2_pool_2d(node: Node, target: Target) -> Requests:
    yield from node.temporaries("o0", "i0")
    yield Persistent(dims_bytes(node.result()))


def multipliers(channels: int) -> Requests:
    """An array of multipliers and one of shifts, for each output channel."""
    yield Persistent(INT32_BYTES * channels)
    yield Persistent(INT32_BYTES * channels)


def nonzero_scratch(size_bytes: int) -> Requests:
    if size_bytes > 0:
        yield Scratch(size_bytes)


def _convolution(node: Node, x: Tensor, depth: int) -> scratch.Convolution:
    batches, height, width, channels = axes(x, 4)
    _, kernel_height, kernel_width, _ = axes(node.operand(1), 4)
    _, _, output_width, outputs = axes(node.result(), 4)
    padding = node.padding((height, width), (kernel_height, kernel_width))
    return scratch.Convolution(
        batches=batches,
        size=(height, width),
        channels=channels,
        kernel_size=(kernel_height, kernel_width),
        depth=depth,
        outputs=outputs,
        output_width=output_width,
        stride=node.pair("stride"),
        dilation=node.pair("dilation"),
        padding=(padding[0][0], padding[1][0]),
    )


def _transpose_convolution(node: Node, x: Tensor) -> scratch.Convolution:
    """Its scratch doesn't depend on the padding, and it has no dilation."""
    batches, height, width, channels = axes(x, 4)
    outputs, kernel_height, kernel_width, depth = axes(node.operand(1), 4)
    return scratch.Convolution(
        batches=batches,
        size=(height, width),
        channels=channels,
        kernel_size=(kernel_height, kernel_width),
        depth=depth,
        outputs=outputs,
        output_width=axes(node.result(), 4)[2],
        stride=node.pair("stride"),
        dilation=(1, 1),
        padding=(0, 0),
    )
