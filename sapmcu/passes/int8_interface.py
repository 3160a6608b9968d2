# SPDX-License-Identifier: Apache-2.0
"""A model that computes in int8 but takes and gives float: its QUANTIZE and DEQUANTIZE at the shores go to the host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sapmcu.ir.graph import DType, Graph, Op, Signature
from sapmcu.ir.ops import Dequantize, Quantize
from sapmcu.passes.orphans import drop_orphans


def int8_interface(graph: Graph) -> Graph:
    """The graph with int8 inputs and outputs where only a QUANTIZE or DEQUANTIZE stands between.

    Changes the interface: an input is then given as round(real / scale) + zero_point, an output read the same way.
    """
    inputs, outputs = _inputs(graph), _outputs(graph)
    if not inputs and not outputs:
        return graph
    inner = {**inputs, **outputs}
    dropped: set[Op] = {op for op in graph.ops if isinstance(op, Quantize) and op.inputs[0] in inputs}
    dropped.update(
        op
        for op in graph.ops
        if isinstance(op, Dequantize) and op.outputs[0] in outputs and op.outputs[0] not in graph.readers
    )
    return drop_orphans(
        replace(
            graph,
            ops=tuple(op for op in graph.ops if op not in dropped),
            inputs=tuple(inner.get(name, name) for name in graph.inputs),
            outputs=tuple(inner.get(name, name) for name in graph.outputs),
            signatures=tuple(_renamed(signature, inner) for signature in graph.signatures),
        )
    )


def _inputs(graph: Graph) -> dict[str, str]:
    """Float input -> the int8 tensor that its only reader, a QUANTIZE, makes of it."""
    found = {}
    for name in graph.inputs:
        readers = [graph.ops[index] for index in graph.readers.get(name, ())]
        if graph.tensors[name].dtype is not DType.FLOAT32 or len(readers) != 1 or name in graph.outputs:
            continue
        if isinstance(readers[0], Quantize) and graph.tensors[readers[0].outputs[0]].dtype is DType.INT8:
            found[name] = readers[0].outputs[0]
    return found


def _outputs(graph: Graph) -> dict[str, str]:
    """Float output -> the int8 tensor that a DEQUANTIZE makes it of."""
    found: dict[str, str] = {}
    for name in graph.outputs:
        producer = graph.ops[graph.producers[name]] if name in graph.producers else None
        if not isinstance(producer, Dequantize):
            continue
        operand = producer.inputs[0]
        is_free = operand not in graph.outputs and operand not in found.values()
        if operand is not None and graph.tensors[operand].dtype is DType.INT8 and is_free:
            found[name] = operand
    return found


def _renamed(signature: Signature, inner: Mapping[str, str]) -> Signature:
    return replace(
        signature,
        inputs=tuple((key, inner.get(name, name)) for key, name in signature.inputs),
        outputs=tuple((key, inner.get(name, name)) for key, name in signature.outputs),
    )
