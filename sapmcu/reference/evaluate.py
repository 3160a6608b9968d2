# SPDX-License-Identifier: Apache-2.0
"""The interpreter: runs a graph in numpy, every byte as TFLM's reference kernels give it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sapmcu.errors import UserError
from sapmcu.ir.graph import Array, Graph
from sapmcu.ir.tflite import op_code
from sapmcu.reference.kernel import EVALUATE, Operand, UnsupportedError


def run_graph(graph: Graph, inputs: Sequence[Array]) -> Mapping[str, Array]:
    """Value of every tensor, for one set of inputs of the graph's shapes and types.

    Raises: UserError at an op that has no reference, or not for these types.
    """
    values: dict[str, Array] = {tensor.name: tensor.value for tensor in graph.constants()}
    for name, value in zip(graph.inputs, inputs, strict=True):
        tensor = graph.tensors[name]
        assert value.shape == tensor.shape and value.dtype == tensor.dtype.numpy, (name, value.shape, value.dtype)
        values[name] = value
    for index, op in enumerate(graph.ops):
        place = f"op {index} {op_code(op)} ({op.name})"
        if type(op) not in EVALUATE:
            raise UserError(
                f"{place} has no reference in sapmcu", hint="the tflm engine runs it; see docs/supported-ops.md"
            )
        operands = tuple(None if name is None else Operand(graph.tensors[name], values[name]) for name in op.inputs)
        results = graph.results(op)
        try:
            outputs = EVALUATE[type(op)](op, operands, results)
        except UnsupportedError as error:
            raise UserError(f"{place}: {error}", hint="see docs/supported-ops.md") from error
        for tensor, value in zip(results, outputs, strict=True):
            assert value.shape == tensor.shape and value.dtype == tensor.dtype.numpy, (place, value.shape, value.dtype)
            values[tensor.name] = value
    return values
