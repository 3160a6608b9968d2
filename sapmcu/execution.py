# SPDX-License-Identifier: Apache-2.0
"""The proof that what is written computes what was read: run by all that can run it, equal in every byte."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sapmcu.errors import ToolError, UserError
from sapmcu.ir.cost import graph_macs
from sapmcu.ir.graph import Array, Graph
from sapmcu.ir.ops import Opaque
from sapmcu.ir.vectors import ExecutionCheck, Vector
from sapmcu.isolated import Progress, silent
from sapmcu.native_host import NativeHost, host_compiler
from sapmcu.reference import run_graph
from sapmcu.run import tflm_host

COMPILED_MACS = 4_000_000_000
"""From here on compilation, some seconds, is less than what it saves: TFLM does some 5 · 10^8 MACs a second."""
COMPARED = 16
"""Inputs."""


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


Execute = Callable[[Sequence[Sequence[Array]]], list[list[Array]]]
"""Outputs of each set of inputs."""


def executor(
    graph: Graph, model: bytes, *, native: Graph | None = None, runs: int = 0, progress: Progress = silent
) -> Execute:
    """What runs many inputs with TFLM's bytes: TFLM itself, the slower reference where it isn't installed.

    native: the graph for the native engine. Where `runs` sets of inputs make its compilation worth while, it computes
    them in this machine's code, compared with the other on the first of them; a difference is our bug: AssertionError.
    The other goes on where there is no compiler, it fails, or an op is unknown to the engine.
    """
    exact = _exact(graph, model)
    compiler = host_compiler()
    if native is None or compiler is None or runs * graph_macs(graph) < COMPILED_MACS:
        return exact
    try:
        host = NativeHost(native, compiler)
    except ToolError as error:
        progress(f"note: {error.message}, so this takes longer; the figures are the same")
        return exact
    except UserError:
        return exact
    return _Compared(graph.name, host, exact, progress)


def _exact(graph: Graph, model: bytes) -> Execute:
    def with_reference(inputs: Sequence[Sequence[Array]]) -> list[list[Array]]:
        return [[values[name] for name in graph.outputs] for values in (run_graph(graph, one) for one in inputs)]

    def with_tflm(inputs: Sequence[Sequence[Array]]) -> list[list[Array]]:
        return tflm_host.invoke(model, inputs, len(graph.outputs))

    is_opaque = any(isinstance(op, Opaque) for op in graph.ops)
    return with_tflm if is_opaque or tflm_host.is_available() else with_reference


@dataclass
class _Compared:
    """An Execute: the compiled network, once its first results equal those of `exact`; that itself after a crash."""

    name: str
    host: NativeHost | None
    exact: Execute
    progress: Progress
    is_trusted: bool = False

    def __call__(self, inputs: Sequence[Sequence[Array]]) -> list[list[Array]]:
        if self.host is None:
            return self.exact(inputs)
        try:
            found = self.host.run(inputs)
        except ToolError as error:
            self.progress(f"note: {error.message}, so this takes longer; the figures are the same")
            self.host = None
            return self.exact(inputs)
        if not self.is_trusted:
            expected = self.exact(inputs[:COMPARED])
            for number, (one, other) in enumerate(zip(found[:COMPARED], expected, strict=True)):
                same = [left.tobytes() == right.tobytes() for left, right in zip(one, other, strict=True)]
                assert all(same), f"{self.name}, compiled for this machine, computes other bytes from input {number}"
            self.is_trusted = True
        return found


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
