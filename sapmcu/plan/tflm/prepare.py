# SPDX-License-Identifier: Apache-2.0
"""What each kernel's Prepare asks for, in order. Ops without a row in PREPARE make the temporaries of facts.toml only.

Source: tflite-micro 90b983c2, micro/kernels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sapmcu.ir.graph import DType
from sapmcu.plan.tflm.convolutions import average_pool_2d, conv_2d, depthwise_conv_2d, l2_pool_2d, transpose_conv
from sapmcu.plan.tflm.detection import detection_postprocess
from sapmcu.plan.tflm.node import (
    INT32_BYTES,
    Node,
    Persistent,
    Request,
    Requests,
    Scratch,
    Temporary,
    UnknownAllocationError,
    dims_bytes,
)
from sapmcu.plan.tflm.products import batch_matmul, fully_connected, svdf, unidirectional_sequence_lstm
from sapmcu.plan.tflm.target import Target

MAX_REQUEST_BYTES = 2**31 - 1
"""TFLM and CMSIS-NN count in 32 bits: what they allocate beyond can't be told."""

Prepare = Callable[[Node, Target], Requests]


def prepare(node: Node, target: Target) -> tuple[Request, ...]:
    """The requests of an op. Raises: UnknownAllocationError."""
    if node.code not in target.facts.temporaries:
        raise UnknownAllocationError
    requests = tuple(PREPARE.get(node.code, _temporaries)(node, target))
    if any(not isinstance(one, Temporary) and one.size_bytes > MAX_REQUEST_BYTES for one in requests):
        raise UnknownAllocationError
    return requests


def _temporaries(node: Node, target: Target) -> Requests:
    return node.temporaries(*target.facts.temporaries[node.code])


def _new_shape(node: Node, target: Target) -> Requests:
    """Kernels that copy the output's shape to the arena before they set it."""
    yield from _temporaries(node, target)
    yield Persistent(dims_bytes(node.result()))


def _embedding_lookup(node: Node, target: Target) -> Requests:
    yield from _new_shape(node, target)
    yield Persistent(target.build.prepare[node.code])


def _data_for_int8(node: Node, target: Target) -> Requests:
    """Kernels that allocate their parameters in Prepare, for quantized operands only."""
    yield from _temporaries(node, target)
    if node.operand(0).dtype is DType.INT8:
        yield Persistent(target.build.prepare[node.code])


def _softmax(node: Node, target: Target) -> Requests:
    """Two lookup tables where the operand is int16."""
    yield from _temporaries(node, target)
    if node.operand(0).dtype is DType.INT16:
        yield Persistent(target.build.prepare[node.code])
        yield Persistent(target.build.prepare[node.code])


def _add_n(node: Node, target: Target) -> Requests:
    yield from node.temporaries("i0", "o0")
    for index in range(1, len(node.operands)):
        yield from node.temporaries(f"i{index}")
    result = node.result()
    if result.dtype is DType.INT8:
        yield Persistent(target.build.prepare[node.code])
    if result.dtype in (DType.INT8, DType.FLOAT32):
        yield Scratch(target.word_bytes * len(node.operands))


def _mean_and_sum(node: Node, target: Target) -> Requests:
    yield from _temporaries(node, target)
    x = node.operand(0)
    if x.dtype in (DType.INT8, DType.INT16):
        yield Scratch(INT32_BYTES * node.result().elements)
    yield from _indices(node)
    yield from node.temporaries("i0", "i1")
    if x.dtype is DType.INT8:
        yield from node.temporaries("o0")


def _largest_and_smallest(node: Node, target: Target) -> Requests:
    yield from node.temporaries("i0", "i1")
    if node.operand(0).dtype is DType.INT8:
        yield from node.temporaries("o0")
    yield from node.temporaries("i0", "o0", "i1")
    yield from _indices(node)


def _reduce_all(node: Node, target: Target) -> Requests:
    yield from _temporaries(node, target)
    yield from node.temporaries("i0", "i1")
    yield from _indices(node)


def _indices(node: Node) -> Requests:
    """A counter for each axis of the operand, and the axes resolved."""
    yield Scratch(INT32_BYTES * len(node.operand(0).shape))
    yield Scratch(INT32_BYTES * node.operand(1).elements)


def _mirror_pad(node: Node, target: Target) -> Requests:
    yield from _temporaries(node, target)
    yield from [Scratch(INT32_BYTES * len(node.operand(0).shape))] * 2


PREPARE: Mapping[str, Prepare] = {
    "ADD_N": _add_n,
    "AVERAGE_POOL_2D": average_pool_2d,
    "BATCH_MATMUL": batch_matmul,
    "CONV_2D": conv_2d,
    "CUMSUM": _data_for_int8,
    "DEPTHWISE_CONV_2D": depthwise_conv_2d,
    "DEPTH_TO_SPACE": _new_shape,
    "EMBEDDING_LOOKUP": _embedding_lookup,
    "FULLY_CONNECTED": fully_connected,
    "GATHER": _new_shape,
    "GATHER_ND": _new_shape,
    "L2_POOL_2D": l2_pool_2d,
    "LOG_SOFTMAX": _data_for_int8,
    "MEAN": _mean_and_sum,
    "MIRROR_PAD": _mirror_pad,
    "REDUCE_ALL": _reduce_all,
    "REDUCE_MAX": _largest_and_smallest,
    "REDUCE_MIN": _largest_and_smallest,
    "SOFTMAX": _softmax,
    "SPACE_TO_DEPTH": _new_shape,
    "SUM": _mean_and_sum,
    "SVDF": svdf,
    "TRANSPOSE_CONV": transpose_conv,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": unidirectional_sequence_lstm,
    "custom:TFLite_Detection_PostProcess": detection_postprocess,
}
