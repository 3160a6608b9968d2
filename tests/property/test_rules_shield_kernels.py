# SPDX-License-Identifier: Apache-2.0
"""What the rules let pass, the reference computes: no exception, the right shape and type."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
from hypothesis import event, given, settings
from hypothesis import strategies as st
from strategies import (
    arg_graphs,
    batch_mat_mul_graphs,
    convolution_graphs,
    depthwise_graphs,
    fully_connected_graphs,
    l2_normalization_graphs,
    log_softmax_graphs,
    pooling_graphs,
    reduction_graphs,
    softmax_graphs,
    transpose_convolution_graphs,
)
from strategies_data import any_data

from sapmcu.errors import UserError
from sapmcu.ir.check import graph_violations
from sapmcu.ir.graph import DType, Graph, Op, Quantization, Tensor
from sapmcu.ir.ops import Range
from sapmcu.reference import run_graph

SOUND = st.one_of(
    arg_graphs(),
    batch_mat_mul_graphs(),
    convolution_graphs(),
    depthwise_graphs(),
    fully_connected_graphs(),
    l2_normalization_graphs(),
    log_softmax_graphs(),
    pooling_graphs(),
    reduction_graphs(),
    softmax_graphs(),
    transpose_convolution_graphs(),
)

DIFFERENT = {
    bool: st.booleans(),
    float: st.sampled_from([0.0, -1.0, 1e-9, float("inf"), float("nan")]),
    Range: st.builds(Range, st.integers(-200, 200), st.integers(-200, 200)),
}
"""Other values of an attribute, by its type."""

small = st.integers(-2, 5)
pair_changes = st.tuples(small | st.just(1 << 30), small)


@st.composite
def changed_shapes(draw: st.DrawFn, one: Tensor) -> Tensor:
    """An axis more, less or of another length, or two swapped; a constant keeps as many bytes as it needs."""
    shape = list(one.shape)
    kind = draw(st.sampled_from(["longer", "more", "less", "swapped"]))
    at = draw(st.integers(0, len(shape)))
    if kind == "more":
        shape.insert(at, draw(st.integers(1, 3)))
    elif shape:
        at %= len(shape)
        if kind == "less":
            del shape[at]
        elif kind == "swapped":
            shape[at], shape[0] = shape[0], shape[at]
        else:
            shape[at] = max(1, shape[at] + draw(st.integers(-2, 2)))
    resized = replace(one, shape=tuple(shape))
    return replace(resized, data=one.data and (one.data * 500)[: resized.size_bytes])


@st.composite
def changed_quantizations(draw: st.DrawFn, one: Tensor) -> Tensor:
    scales = draw(st.lists(st.sampled_from([0.0, 1e-40, 0.5, 1e38]), min_size=1, max_size=4))
    zero_point = draw(st.sampled_from([0, 5, -129, 2**31 - 1]))
    other = Quantization(tuple(scales), (zero_point,) * len(scales), draw(st.integers(0, 3)))
    return replace(one, quantization=draw(st.sampled_from([None, other])))


@st.composite
def changed_types(draw: st.DrawFn, one: Tensor) -> Tensor:
    retyped = replace(
        one, dtype=draw(st.sampled_from([DType.INT8, DType.UINT8, DType.INT16, DType.INT32, DType.FLOAT32]))
    )
    return replace(retyped, data=one.data and (one.data * 8)[: retyped.size_bytes])


@st.composite
def changed_attributes(draw: st.DrawFn, op: Op) -> Op:
    names = [one.name for one in fields(op) if one.name not in ("inputs", "outputs")]
    if not names:
        return op
    name = draw(st.sampled_from(names))
    value: Any = getattr(op, name)
    if isinstance(value, tuple) and isinstance(value[0], tuple):
        value = (draw(pair_changes), value[1])
    elif isinstance(value, tuple):
        value = draw(pair_changes)
    else:
        value = draw(DIFFERENT[type(value)])
    return replace(op, **{name: value})


@st.composite
def changed_operands(draw: st.DrawFn, op: Op) -> Op:
    inputs = list(op.inputs) or [None]
    at = draw(st.integers(0, len(inputs) - 1))
    change = draw(st.sampled_from(["absent", "gone", "twice"]))
    if change == "absent":
        inputs[at] = None
    elif change == "gone":
        del inputs[at]
    else:
        inputs.insert(at, inputs[at])
    return replace(op, inputs=tuple(inputs))


@st.composite
def mutants(draw: st.DrawFn) -> Graph:
    """A sound graph with one or two things changed."""
    graph = draw(SOUND)
    for _ in range(draw(st.integers(1, 2))):
        kind = draw(st.sampled_from(["shape", "shape", "quantization", "type", "attribute", "operands"]))
        (op,) = graph.ops
        if kind == "attribute":
            graph = replace(graph, ops=(draw(changed_attributes(op)),))
        elif kind == "operands":
            graph = replace(graph, ops=(draw(changed_operands(op)),))
        else:
            change = {"shape": changed_shapes, "quantization": changed_quantizations, "type": changed_types}[kind]
            one = draw(st.sampled_from(sorted(graph.tensors.values(), key=lambda tensor: tensor.name)))
            graph = replace(graph, tensors={**graph.tensors, one.name: draw(change(one))})
    return graph


@settings(max_examples=300)
@given(mutants())
def test_a_graph_without_violation_is_computed(graph: Graph) -> None:
    if list(graph_violations(graph)):
        event("refused")
        return
    generator = np.random.default_rng(1)
    try:
        values = run_graph(graph, [any_data(graph.tensors[name], generator) for name in graph.inputs])
    except UserError as error:
        assert "sapmcu computes this op in int8" in error.message
        event("another type than int8")
    else:
        event("computed")
        assert all(values[name].shape == graph.tensors[name].shape for name in graph.outputs)
