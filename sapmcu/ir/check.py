# SPDX-License-Identifier: Apache-2.0
"""What must hold of every graph: checked on what users bring, verified on what passes make."""

from __future__ import annotations

import math
from collections.abc import Iterator

from sapmcu.errors import UserError
from sapmcu.ir.graph import Graph, Op, Tensor
from sapmcu.ir.ops import Opaque
from sapmcu.ir.rules import RULES, RuleError
from sapmcu.ir.tflite import op_code

SHOWN_VIOLATIONS = 10


def check_graph(graph: Graph, path: str, *, is_quantized_here: bool = False) -> None:
    """Raises: UserError with every violation, ten at most.

    path: what the message calls the model. is_quantized_here: the file was sound, only its int8 form isn't.
    """
    violations = list(graph_violations(graph))
    if violations:
        more = len(violations) - SHOWN_VIOLATIONS
        what = "can't be quantized" if is_quantized_here else "is not a valid model"
        hint = "export the model again; if it runs elsewhere, this is worth a bug report with the file"
        if is_quantized_here:
            hint = (
                "a number that hardly varies gets a scale near 0: train the model first, give samples like its inputs"
            )
        raise UserError(
            f"{path} {what}: {violations[0]}",
            hint=hint,
            details=violations[1:SHOWN_VIOLATIONS] + ([f"and {more} more"] if more > 0 else []),
        )


def verify_graph(graph: Graph) -> None:
    """Asserts that a graph of our own making is sound."""
    violations = list(graph_violations(graph))
    assert not violations, violations


def graph_violations(graph: Graph) -> Iterator[str]:
    """One sentence for each thing that can't be."""
    before = list(_tensor_violations(graph))
    before += _order_violations(graph)
    yield from before
    if before:
        return  # the rules below rely on the structure
    for index, op in enumerate(graph.ops):
        try:
            RULES[type(op)](op, graph.operands(op), graph.results(op))
        except RuleError as error:
            yield f"op {index} {op_code(op)} ({op.name}): {error}"


def _tensor_violations(graph: Graph) -> Iterator[str]:
    if not graph.inputs or not graph.outputs:
        yield "the graph has no input or no output"
    for name, tensor in graph.tensors.items():
        if tensor.data is not None and len(tensor.data) != tensor.size_bytes:
            yield (
                f"constant {name} {list(tensor.shape)} {tensor.dtype} holds {len(tensor.data):,} bytes, "
                f"not {tensor.size_bytes:,}"
            )
        yield from _quantization_violations(tensor)


def _quantization_violations(tensor: Tensor) -> Iterator[str]:
    quantization = tensor.quantization
    if quantization is None:
        return
    scales, zero_points = quantization.scales, quantization.zero_points
    if len(zero_points) != len(scales):
        yield f"{tensor.name} has {len(scales)} scales but {len(zero_points)} zero points"
    if any(not math.isfinite(scale) or scale < 0 for scale in scales):
        yield f"{tensor.name} has a scale that is negative or not finite"
    if any(not -(2**31) <= zero_point < 2**31 for zero_point in zero_points):
        yield f"{tensor.name} has a zero point that no 32-bit integer holds"
    if quantization.is_per_channel and len(scales) not in tensor.shape:  # real files name a wrong axis for biases
        yield f"{tensor.name} {list(tensor.shape)} has {len(scales)} scales, which no axis has as its length"


def _order_violations(graph: Graph) -> Iterator[str]:
    """Each tensor is written once, before it is read."""
    known = set(graph.inputs)
    known.update(name for name, tensor in graph.tensors.items() if tensor.is_constant or tensor.is_variable)
    written = set(graph.inputs)
    for name in graph.inputs:
        if graph.tensors[name].is_constant:
            yield f"the graph's input {name} is a constant"
    for index, op in enumerate(graph.ops):
        place = f"op {index} {op_code(op)}"
        for name in _read(op):
            if name not in known:
                yield f"{place} reads {name}, which nothing has written before (a cycle, or ops out of order)"
        for name in op.outputs:
            if name in written or graph.tensors[name].is_constant:
                yield f"{place} writes {name}, which is written elsewhere too"
            written.add(name)
            known.add(name)
        if isinstance(op, Opaque):
            known.update(op.intermediates)
    for name in graph.outputs:
        if name not in known:
            yield f"nothing writes the graph's output {name}"


def _read(op: Op) -> tuple[str, ...]:
    return tuple(dict.fromkeys(op.present_inputs))
