# SPDX-License-Identifier: Apache-2.0
"""Convolutions and pools of one-op graphs, run by their kernels on a machine."""

from __future__ import annotations

import numpy as np
from native.machines import Machine
from native.structs import Params, Value, place

from sapmcu.ir.graph import Array, Graph, Tensor
from sapmcu.ir.ops import AveragePool2D, Conv2D, DepthwiseConv2D, MaxPool2D, Padding, Pair, Range, TransposeConv2D
from sapmcu.reference.convolution import channel_factors

GAP = b"\x5a\x81\x7f"
"""Between rows."""
GAP_BYTES = len(GAP)


def folded_bias(bias: Array | None, filters: Array, zero_point: int) -> Array:
    """filters: [O, ...]. The zero point's part of each sum, and the bias, modulo 2^32."""
    sums = filters.reshape(filters.shape[0], -1).sum(axis=1, dtype=np.int64)
    plain = np.zeros(len(filters), np.int64) if bias is None else bias.ravel()
    folded: Array = (plain - zero_point * sums).astype(np.int32)
    return folded


def scaling(x: Tensor, filters: Tensor, y: Tensor, channels: int) -> dict[str, Value]:
    multipliers, shifts = channel_factors(x, filters, y)
    return {
        "multiplier": np.broadcast_to(multipliers, channels).astype(np.int32),
        "shift": np.broadcast_to(shifts, channels).astype(np.int8),
    }


def clamping(clamp: Range) -> dict[str, Value]:
    return {"low": int(clamp.low), "high": int(clamp.high)}


def windows(padding: Padding, stride: Pair, size: Pair) -> dict[str, Value]:
    """Fields that row kernels share, of the axis along the row."""
    return {
        "pad_left": padding[1][0],
        "stride_width": stride[1],
        "kernel_height": size[0],
        "kernel_width": size[1],
    }


def run_images(
    machine: Machine,
    driver: str,
    kernel: str,
    params: Params,
    x: Array,
    y: Tensor,
    geometry: tuple[int, int, int, int],
    zero_row: Array | None = None,
    scratch_bytes: int = 0,
) -> Array:
    """geometry: window, stride, dilation, pad_top of rows. Rows lie apart, each image in buffers of its own."""
    window, stride, dilation, pad_top = geometry
    in_bytes, out_bytes = x.shape[2] * x.shape[3], y.shape[2] * y.shape[3]
    rows = {
        "in_rows": x.shape[1],
        "out_rows": y.shape[1],
        "window": window,
        "stride": stride,
        "dilation": dilation,
        "pad_top": pad_top,
        "in_row_bytes": in_bytes + GAP_BYTES,
        "out_row_bytes": out_bytes + GAP_BYTES,
        "zero_row": zero_row,
    }
    images = []
    for image in x:
        machine.reset()
        source = machine.allocate(_apart(image.reshape(-1, in_bytes)))
        blank = _apart(np.zeros((y.shape[1], out_bytes), np.int8))
        result = machine.allocate(blank)
        shape_of_rows, kernel_params = place(machine, Params("sapmcu_rows", rows)), place(machine, params)
        scratch = machine.allocate(bytes(scratch_bytes), 4) if scratch_bytes else 0
        machine.call(driver, shape_of_rows, machine.function(kernel), kernel_params, source, result, scratch)
        written = np.frombuffer(machine.read(result, len(blank)) + GAP, np.int8).reshape(y.shape[1], -1)
        assert written[:, out_bytes:].tobytes() == GAP * y.shape[1], "written between rows"
        images.append(written[:, :out_bytes])
    return np.stack(images).reshape(y.shape)


def _apart(rows: Array) -> bytes:
    return GAP.join(row.tobytes() for row in rows)


def _operands(graph: Graph) -> tuple[Tensor, Tensor, Array | None]:
    """x, filters and bias of a convolution."""
    names = graph.ops[0].inputs
    bias = graph.tensors[names[2]].value if len(names) > 2 and names[2] is not None else None
    assert names[0] is not None
    assert names[1] is not None
    return graph.tensors[names[0]], graph.tensors[names[1]], bias


def run_conv(machine: Machine, graph: Graph, value: Array) -> Array:
    op = graph.ops[0]
    assert isinstance(op, Conv2D)
    (x, filters, bias), y = _operands(graph), graph.tensors[op.outputs[0]]
    count, height, width, depth = filters.shape
    zero_row = np.full(max(x.shape[2], width) * x.shape[3], x.zero_point, np.int8)
    params = Params(
        "sapmcu_conv2d_s8_params",
        {
            "filter": filters.value,
            "bias": folded_bias(bias, filters.value, x.zero_point),
            "zero_row": zero_row,
            **scaling(x, filters, y, count),
            **windows(op.padding, op.stride, (height, width)),
            "in_width": x.shape[2],
            "in_channels": x.shape[3],
            "out_width": y.shape[2],
            "out_channels": count,
            "dilation_width": op.dilation[1],
            "groups": x.shape[3] // depth,
            "y_zero_point": y.zero_point,
            **clamping(op.activation),
        },
    )
    geometry = (height, op.stride[0], op.dilation[0], op.padding[0][0])
    return run_images(machine, "sapmcu_run_rows", "sapmcu_conv2d_row_s8", params, value, y, geometry, zero_row)


def run_depthwise(machine: Machine, graph: Graph, value: Array) -> Array:
    op = graph.ops[0]
    assert isinstance(op, DepthwiseConv2D)
    (x, filters, bias), y = _operands(graph), graph.tensors[op.outputs[0]]
    _, height, width, count = filters.shape
    by_channel = np.moveaxis(filters.value[0], -1, 0)
    zero_row = np.full(max(x.shape[2], width) * x.shape[3], x.zero_point, np.int8)
    params = Params(
        "sapmcu_depthwise_conv2d_s8_params",
        {
            "filter": filters.value,
            "bias": folded_bias(bias, by_channel, x.zero_point),
            "zero_row": zero_row,
            **scaling(x, filters, y, count),
            **windows(op.padding, op.stride, (height, width)),
            "in_width": x.shape[2],
            "in_channels": x.shape[3],
            "out_width": y.shape[2],
            "channel_multiplier": count // x.shape[3],
            "dilation_width": op.dilation[1],
            "y_zero_point": y.zero_point,
            **clamping(op.activation),
        },
    )
    geometry = (height, op.stride[0], op.dilation[0], op.padding[0][0])
    kernel = "sapmcu_depthwise_conv2d_row_s8"
    return run_images(machine, "sapmcu_run_rows", kernel, params, value, y, geometry, zero_row)


def run_transpose_conv(machine: Machine, graph: Graph, value: Array) -> Array:
    op = graph.ops[0]
    assert isinstance(op, TransposeConv2D)
    names = [name for name in op.inputs if name is not None]
    filters, x, y = graph.tensors[names[1]], graph.tensors[names[2]], graph.tensors[op.outputs[0]]
    count, height, width, _ = filters.shape
    bias = graph.tensors[names[3]].value if len(names) > 3 else np.zeros(count, np.int32)
    params = Params(
        "sapmcu_transpose_conv2d_s8_params",
        {
            "filter": filters.value,
            "bias": bias,
            "x_zero_point": x.zero_point,
            "y_zero_point": y.zero_point,
            **scaling(x, filters, y, count),
            **windows(op.padding, op.stride, (height, width)),
            "in_width": x.shape[2],
            "in_channels": x.shape[3],
            "out_width": y.shape[2],
            "out_channels": count,
            **clamping(op.activation),
        },
    )
    geometry = (height, op.stride[0], 1, op.padding[0][0])
    kernel = "sapmcu_transpose_conv2d_row_s8"
    return run_images(machine, "sapmcu_run_transposed_rows", kernel, params, value, y, geometry)


def run_pool(machine: Machine, graph: Graph, value: Array) -> Array:
    op = graph.ops[0]
    assert isinstance(op, AveragePool2D | MaxPool2D)
    x, y = graph.tensors[graph.inputs[0]], graph.tensors[op.outputs[0]]
    params = Params(
        "sapmcu_pool2d_s8_params",
        {
            **windows(op.padding, op.stride, op.window),
            "in_width": x.shape[2],
            "out_width": y.shape[2],
            "channels": x.shape[3],
            **clamping(op.activation),
        },
    )
    geometry = (op.window[0], op.stride[0], 1, op.padding[0][0])
    kind = "average" if isinstance(op, AveragePool2D) else "max"
    return run_images(machine, "sapmcu_run_rows", f"sapmcu_{kind}_pool2d_row_s8", params, value, y, geometry)
