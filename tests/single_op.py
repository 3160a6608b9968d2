# SPDX-License-Identifier: Apache-2.0
"""Graphs of one op for tests, and their comparison with TFLM."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sapmcu.emit.tflite import write_tflite
from sapmcu.frontends.tflite import read_tflite
from sapmcu.ir.graph import Array, DType, Graph, Op, Quantization, Tensor
from sapmcu.reference import run_graph
from sapmcu.run import tflm_host


def tensor(
    name: str, shape: Sequence[int], dtype: str = "int8", scale: float | None = 0.5, zero_point: int = 0
) -> Tensor:
    """An activation; scale None for one without quantization."""
    quantization = None if scale is None else Quantization((float(np.float32(scale)),), (zero_point,))
    return Tensor(name, tuple(shape), DType(dtype), quantization)


def constant(name: str, value: Array, quantization: Quantization | None = None) -> Tensor:
    """A constant with the type and shape of `value`."""
    little = np.ascontiguousarray(value, value.dtype.newbyteorder("<"))
    return Tensor(name, value.shape, DType(value.dtype.name), quantization, little.tobytes())


def graph_of(op: Op, *tensors: Tensor) -> Graph:
    """A graph of this one op: its operands that aren't constants are the inputs."""
    by_name = {one.name: one for one in tensors}
    inputs = tuple(dict.fromkeys(name for name in op.present_inputs if not by_name[name].is_constant))
    return Graph("one_op", by_name, (op,), inputs, op.outputs)


def assert_equals_tflm(graph: Graph, inputs: Sequence[Sequence[Array]]) -> None:
    """numpy and TFLM give the same bytes for every set of inputs, and the graph survives the file format."""
    model = write_tflite(graph)
    assert read_tflite(model, graph.name) == graph
    expected = tflm_host.invoke(model, inputs, len(graph.outputs))
    for values, arrays in zip(inputs, expected, strict=True):
        got = run_graph(graph, values)
        for name, array in zip(graph.outputs, arrays, strict=True):
            np.testing.assert_array_equal(got[name], array, err_msg=name)
