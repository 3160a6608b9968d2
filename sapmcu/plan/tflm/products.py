# SPDX-License-Identifier: Apache-2.0
"""What Prepare asks for: matrix products and recurrent cells.

Source: tflite-micro 90b983c2, micro/kernels/{fully_connected,batch_matmul,svdf,unidirectional_sequence_lstm}*.cc and
their twins in micro/kernels/cmsis_nn. The order of the requests is that of the calls.
"""

from __future__ import annotations

from sapmcu.ir.graph import DType, Tensor
from sapmcu.plan.tflm import scratch
from sapmcu.plan.tflm.convolutions import multipliers, nonzero_scratch
from sapmcu.plan.tflm.node import (
    INT32_BYTES,
    INT64_BYTES,
    Node,
    Persistent,
    Requests,
    Scratch,
    UnknownAllocationError,
    axes,
    axis,
    dims_bytes,
    scale_count,
)
from sapmcu.plan.tflm.target import Target


def fully_connected(node: Node, target: Target) -> Requests:
    yield from node.temporaries("i0", "i1", "i2", "o0")
    x, filters, y = node.operand(0), node.operand(1), node.result()
    is_per_channel = not x.dtype.is_float and scale_count(filters) > 1
    if is_per_channel:
        yield from multipliers(scale_count(filters))
    if not target.has_cmsis_nn or x.dtype is not DType.INT8:
        return
    outputs = axis(y, -1)
    if len(y.shape) > 2 and axis(filters, -1) % 4 == 0:
        # runs as a 1×1 convolution, which wants an array of multipliers and one of shifts even where all are equal
        if not is_per_channel:
            yield Scratch(2 * INT32_BYTES * outputs)
        return
    sums = scratch.fully_connected_s8(outputs, target.simd)
    if sums:
        bias = node.optional(2)
        yield Persistent(sums) if filters.is_constant and (bias is None or bias.is_constant) else Scratch(sums)


def batch_matmul(node: Node, target: Target) -> Requests:
    x, y = node.operand(0), node.operand(1)
    adjoint_y = node.flag("adjoint_y")
    yield from node.temporaries("i0", "i1", "o0")
    if not target.has_cmsis_nn and not x.dtype.is_float:
        yield Persistent(target.build.prepare["BATCH_MATMUL"])
    if node.flag("adjoint_x"):
        yield from _transposed(x, target)
    if not adjoint_y:
        yield from _transposed(y, target)
    yield Persistent(dims_bytes(node.result()))
    if target.has_cmsis_nn and not x.dtype.is_float:
        yield Persistent(target.build.prepare["BATCH_MATMUL"])
    if target.has_cmsis_nn and x.dtype is DType.INT8:
        yield from nonzero_scratch(scratch.fully_connected_s8(axis(y, -2 if adjoint_y else -1), target.simd))


def _transposed(tensor: Tensor, target: Target) -> Requests:
    """A copy with its own tensor and shape."""
    yield Persistent(target.struct("TfLiteEvalTensor").size_bytes)
    yield Persistent(dims_bytes(tensor))
    yield Persistent(tensor.size_bytes)


def svdf(node: Node, target: Target) -> Requests:
    yield from node.temporaries("i0", "i1", "i2", "i3", "i4", "o0")
    batches, filters, rank = axis(node.operand(0), 0), axis(node.operand(1), 0), node.number("rank")
    if rank < 1:
        raise UnknownAllocationError
    yield Scratch(INT32_BYTES * batches * filters)
    if node.operand(0).dtype is not DType.INT8:
        return
    yield Scratch(INT32_BYTES * batches * (filters // rank))
    sums = scratch.svdf_s8(filters, target.simd) if target.has_cmsis_nn else 0
    if sums:
        yield Persistent(sums)


LSTM_OPERANDS = 24
LSTM_HIDDEN_STATE, LSTM_CELL_STATE = 18, 19
"""Indices of the operands. Source: kernels/lstm_shared.h."""
LSTM_GATE_SUMS = 8
"""Arrays that CMSIS-NN fills with the sums of the filters: four gates, each of input and of hidden state."""
LSTM_SCRATCH, LSTM_CMSIS_NN_SCRATCH = 4, 3
"""Buffers, each as large as the cell state."""


def unidirectional_sequence_lstm(node: Node, target: Target) -> Requests:
    yield from node.temporaries(*(f"i{index}" for index in range(LSTM_OPERANDS)), "o0")
    x, cell_state = node.operand(0), node.operand(LSTM_CELL_STATE)
    state = axis(node.operand(LSTM_HIDDEN_STATE), 1)
    batches = axes(x, 3)[1 if node.number("timeMajor") else 0]
    count = LSTM_SCRATCH
    if target.has_cmsis_nn and cell_state.dtype is DType.INT16 and x.dtype in (DType.INT8, DType.INT16):
        size = INT32_BYTES if x.dtype is DType.INT8 else INT64_BYTES
        yield from [Persistent(size * state)] * LSTM_GATE_SUMS
        count = LSTM_CMSIS_NN_SCRATCH
    yield from [Scratch(batches * state * cell_state.dtype.size_bytes)] * count
