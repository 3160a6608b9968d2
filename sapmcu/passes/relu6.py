# SPDX-License-Identifier: Apache-2.0
"""Replace a RELU6 that stands alone, which TFLM computes wrong: it clamps its operand's integers and copies them into
a result of another scale. Source: tflite-micro 90b983c2, micro/kernels/activations.cc, Relu6Quantized.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from sapmcu.ir.activation import activation_range, fused_activation, type_range
from sapmcu.ir.graph import DType, Graph, Tensor
from sapmcu.ir.ops import (
    Add,
    AveragePool2D,
    Conv2D,
    DepthwiseConv2D,
    Div,
    FullyConnected,
    MaxPool2D,
    Minimum,
    Mul,
    Range,
    Relu,
    Relu6,
    Sub,
)
from sapmcu.passes.edit import new_name, replaced, with_tensors

Clamping = Add | AveragePool2D | Conv2D | DepthwiseConv2D | Div | FullyConnected | MaxPool2D | Mul | Sub
"""Ops whose fused activation TFLM applies."""


def fold_relu6(graph: Graph) -> Graph:
    """The graph with each RELU6 of integers in a form that TFLM computes as min(max(requantized x, 0), 6).

    In order of preference: the clamp of the op that makes x; RELU where the result's type ends at 6; RELU6 as it is
    where both tensors have one quantization; RELU and MINIMUM.
    """
    for op in graph.ops:
        if isinstance(op, Relu6) and graph.results(op)[0].dtype in (DType.INT8, DType.INT16):
            graph = _fold(graph, op)
    return graph


def _fold(graph: Graph, op: Relu6) -> Graph:
    (x_name,), (y,) = op.present_inputs, graph.results(op)
    x = graph.tensors[x_name]
    clamp = activation_range("RELU6", y)
    is_requantized = (x.scale, x.zero_point) != (y.scale, y.zero_point)
    producer = _producer(graph, x)
    if producer is not None and not is_requantized:
        both = Range(max(clamp.low, producer.activation.low), min(clamp.high, producer.activation.high))
        if fused_activation(both, y) is not None:
            fused = dataclasses.replace(producer, outputs=op.outputs, activation=both)
            tensors = {name: tensor for name, tensor in graph.tensors.items() if name != x_name}
            return dataclasses.replace(graph, tensors=tensors, ops=replaced(replaced(graph.ops, op), producer, fused))
    if clamp.high == type_range(y).high:
        return dataclasses.replace(graph, ops=replaced(graph.ops, op, Relu(op.inputs, op.outputs)))
    return _with_minimum(graph, op, y, int(clamp.high)) if is_requantized else graph


def _producer(graph: Graph, x: Tensor) -> Clamping | None:
    """The op that makes x for this one reader only, if it has a clamp."""
    index = graph.producers.get(x.name)
    if index is None or len(graph.readers[x.name]) > 1 or x.name in graph.outputs:
        return None
    producer = graph.ops[index]
    return producer if isinstance(producer, Clamping) else None


def _with_minimum(graph: Graph, op: Relu6, y: Tensor, six: int) -> Graph:
    """y = min(relu(x), 6), all in y's quantization."""
    limit = np.array([six], y.dtype.numpy)
    above = dataclasses.replace(y, name=new_name(graph, f"{y.name}/relu"))
    six_tensor = Tensor(new_name(graph, f"{y.name}/six"), (1,), y.dtype, y.quantization, limit.tobytes())
    graph = with_tensors(graph, y.name, above, six_tensor)
    relu, minimum = Relu(op.inputs, (above.name,)), Minimum((above.name, six_tensor.name), op.outputs)
    return dataclasses.replace(graph, ops=replaced(graph.ops, op, relu, minimum))
