# SPDX-License-Identifier: Apache-2.0
"""The proof that what is written computes what was read: run by all that can run it, equal in every byte."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from sapmcu.errors import UserError
from sapmcu.ir.graph import Array, Graph
from sapmcu.ir.ops import Opaque
from sapmcu.ir.vectors import ExecutionCheck, Vector
from sapmcu.reference import run_graph
from sapmcu.run import tflm_host


def check_execution(
    before: bytes | None,
    after: bytes,
    graph: Graph,
    inputs: Sequence[Sequence[Array]],
    native: Graph | None = None,
    inputs_before: Sequence[Sequence[Array]] | None = None,
) -> tuple[tuple[Vector, ...], ExecutionCheck]:
    """Run the inputs through everything that can run them; all must agree in every byte.

    before: the model as it was read, None where a pass mends what TFLM computes wrong. after, graph: what is written.
    native: what the native engine runs, where that is another graph. inputs_before: the inputs as the model as read
    takes them, where that is another layout.
    Raises: UserError where TFLM can't run the model, or nothing here can. A difference is our bug: AssertionError.
    """
    results: dict[str, list[Vector]] = {}
    if tflm_host.is_available():
        results["tflm"] = _run_tflm(after, graph, inputs)
        if before is not None and before != after:
            results["tflm, model as read"] = _run_tflm(before, graph, inputs, inputs_before)
    if not any(isinstance(op, Opaque) for op in graph.ops):
        try:
            results["reference"] = [_vector(graph, one, run_graph(graph, one)) for one in inputs]
            if native is not None and native is not graph:
                results["reference, native graph"] = [_vector(native, one, run_graph(native, one)) for one in inputs]
        except UserError:
            if not results:
                raise
    if not results:
        raise UserError(
            f"{graph.name} has ops that only TFLM runs, and the package tflite-micro is not here",
            hint="convert on Linux x86-64, where pip installs it",
        )
    (first, vectors), *others = results.items()
    for name, theirs in others:
        for number, (left, right) in enumerate(zip(vectors, theirs, strict=True)):
            assert left == right, f"{first} and {name} differ on input {number} of {graph.name}"
    return tuple(vectors), ExecutionCheck(len(vectors), tuple(results))


def executor(graph: Graph, model: bytes) -> Callable[[Sequence[Sequence[Array]]], list[list[Array]]]:
    """What runs many inputs with TFLM's bytes: TFLM itself, the slower reference where it isn't installed."""

    def with_reference(inputs: Sequence[Sequence[Array]]) -> list[list[Array]]:
        return [[values[name] for name in graph.outputs] for values in (run_graph(graph, one) for one in inputs)]

    def with_tflm(inputs: Sequence[Sequence[Array]]) -> list[list[Array]]:
        return tflm_host.invoke(model, inputs, len(graph.outputs))

    is_opaque = any(isinstance(op, Opaque) for op in graph.ops)
    return with_tflm if is_opaque or tflm_host.is_available() else with_reference


def tracer(graph: Graph) -> Callable[[Sequence[Array]], Mapping[str, Array]] | None:
    """What gives every tensor with TFLM's bytes: the reference; None where there are ops that only TFLM knows."""
    if any(isinstance(op, Opaque) for op in graph.ops):
        return None
    return lambda inputs: run_graph(graph, inputs)


def _run_tflm(
    model: bytes, graph: Graph, inputs: Sequence[Sequence[Array]], given: Sequence[Sequence[Array]] | None = None
) -> list[Vector]:
    """given: the inputs in the model's layout, where that is another."""
    outputs = tflm_host.invoke(model, given or inputs, len(graph.outputs))
    return [
        _vector(graph, one, dict(zip(graph.outputs, values, strict=True)))
        for one, values in zip(inputs, outputs, strict=True)
    ]


def _vector(graph: Graph, inputs: Sequence[Array], values: Mapping[str, Array]) -> Vector:
    return Vector(tuple(array.tobytes() for array in inputs), tuple(values[name].tobytes() for name in graph.outputs))
