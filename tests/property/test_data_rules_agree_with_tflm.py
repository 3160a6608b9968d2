# SPDX-License-Identifier: Apache-2.0
"""What the rules of elementwise and movement ops let pass, TFLM runs and the reference computes, byte for byte."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from data_cases import CONVERSION_CASES, ELEMENTWISE_CASES, MOVEMENT_CASES
from hypothesis import event, given, settings
from hypothesis import strategies as st
from rule_cases import Case
from single_op import assert_equals_tflm, constant, graph_of
from strategies_data import any_data, scales, zero_points

from sapmcu.emit.tflite import NotExpressibleError, write_tflite
from sapmcu.errors import UserError
from sapmcu.ir.activation import type_range
from sapmcu.ir.check import graph_violations
from sapmcu.ir.graph import DType, Graph, Op, Quantization, Tensor
from sapmcu.ir.ops import MirrorMode, Range
from sapmcu.reference import run_graph
from sapmcu.run import tflm_host

pytestmark = pytest.mark.needs("tflite_micro")

CASES: list[Case] = [*ELEMENTWISE_CASES, *CONVERSION_CASES, *MOVEMENT_CASES]
TYPES = (DType.INT8, DType.INT8, DType.INT16, DType.INT32, DType.FLOAT32, DType.BOOL, DType.INT64, DType.UINT8)
odd_numbers = st.one_of(st.integers(-4, 7), st.sampled_from((-(2**31), -(2**20), 2**20, 2**31 - 1)))
ATTRIBUTES = {
    int: odd_numbers,
    bool: st.booleans(),
    float: st.sampled_from((0.0, -1.0, 2.0**-30, 3.0, float("inf"), float("nan"))),
    tuple: st.lists(st.integers(-4, 4), max_size=2).map(tuple),
    MirrorMode: st.sampled_from(MirrorMode),
    Range: st.sampled_from((Range(-128, 127), Range(0, 127), Range(5, 4), Range(-300, 0))),
}
"""Other values of an attribute, by its type."""


def is_number_list(one: Tensor) -> bool:
    """An operand that shapes the result."""
    return one.is_constant and one.quantization is None


@st.composite
def changed_numbers(draw: st.DrawFn, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Another number in one of the constants that shape the result."""
    lists = [one for one in tensors.values() if is_number_list(one)]
    if not lists:
        return tensors
    one = draw(st.sampled_from(lists))
    values = one.value.copy().ravel()
    values[draw(st.integers(0, values.size - 1))] = draw(odd_numbers)
    return {**tensors, one.name: constant(one.name, values.reshape(one.shape))}


@st.composite
def changed_shape(draw: st.DrawFn, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """One tensor with an axis more, less or of another length; a constant keeps as many bytes as it needs."""
    one = draw(st.sampled_from(list(tensors.values())))
    shape = list(one.shape)
    at = draw(st.integers(0, len(shape)))
    if at == len(shape):
        shape.insert(draw(st.integers(0, len(shape))), draw(st.integers(1, 3)))
    elif draw(st.booleans()):
        shape[at] = draw(st.integers(1, 6))
    else:
        del shape[at]
    resized = replace(one, shape=tuple(shape))
    return {**tensors, one.name: replace(resized, data=one.data and (one.data * 99)[: resized.size_bytes])}


@st.composite
def changed_type(draw: st.DrawFn, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """All data, or rarely one tensor, of another type; its constants anew."""
    dtype = draw(st.sampled_from(TYPES))
    names = [name for name, one in tensors.items() if not is_number_list(one)]
    chosen = names if draw(st.integers(0, 3)) else [draw(st.sampled_from(names))]

    def changed(one: Tensor) -> Tensor:
        keeps_scale = dtype in (DType.INT8, DType.INT16, DType.UINT8)
        other = replace(one, dtype=dtype, quantization=one.quantization if keeps_scale else None)
        return replace(other, data=one.data and (b"\1" * other.size_bytes))

    return {name: changed(one) if name in chosen else one for name, one in tensors.items()}


@st.composite
def changed_quantization(draw: st.DrawFn, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """All data, or one tensor, with another quantization."""
    quantization = Quantization((draw(scales(-40, 40)),), (draw(zero_points),))
    names = [name for name, one in tensors.items() if one.quantization is not None]
    if not names:
        return tensors
    chosen = names if draw(st.booleans()) else [draw(st.sampled_from(names))]
    return {name: replace(one, quantization=quantization) if name in chosen else one for name, one in tensors.items()}


@st.composite
def changed_attribute(draw: st.DrawFn, op: Op) -> Op:
    names = [one.name for one in fields(op) if one.name not in ("inputs", "outputs")]
    if not names:
        return op
    name = draw(st.sampled_from(names))
    return replace(op, **{name: draw(ATTRIBUTES[type(getattr(op, name))])})


def mended(op: Op, tensors: dict[str, Tensor]) -> tuple[Graph, list[str]]:
    """The graph and its violations, once the result has the shape and the clamp that belong to the changes."""
    for name in op.outputs:
        if hasattr(op, "activation") and tensors[name].dtype is not DType.INT8:
            op = replace(op, activation=type_range(tensors[name]))  # type: ignore[call-arg]
    for _ in range(3):
        graph = graph_of(op, *tensors.values())
        violations = list(graph_violations(graph))
        wanted = (
            re.search(r"(\w+) is \[.*\]; its operands make it \[([\d, ]*)\]", violations[0]) if violations else None
        )
        if wanted is None or wanted[1] not in op.outputs:
            break
        shape = tuple(int(size) for size in wanted[2].split(", ") if size)
        if np.prod(shape, dtype=float) > 1e6:
            break
        tensors = {**tensors, wanted[1]: replace(tensors[wanted[1]], shape=shape)}
    return graph, violations


@st.composite
def mutants(draw: st.DrawFn) -> tuple[Graph, list[str]]:
    """A sound op with one to three things changed."""
    case: dict[str, Any] = dict(draw(st.sampled_from(CASES)))
    op, tensors = case.pop("op"), case
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(("numbers", "numbers", "shape", "type", "quantization", "attribute")))
        if kind == "attribute":
            op = draw(changed_attribute(op))
        else:
            change = {
                "numbers": changed_numbers,
                "shape": changed_shape,
                "type": changed_type,
                "quantization": changed_quantization,
            }[kind]
            tensors = draw(change(tensors))
    return mended(op, dict(tensors))


@settings(max_examples=300)
@given(mutants(), st.integers(0, 2**32 - 1))
def test_a_graph_without_violation_runs(mutant: tuple[Graph, list[str]], seed: int) -> None:
    graph, violations = mutant
    if violations:
        event("refused")
        return
    generator = np.random.default_rng(seed)
    inputs = [any_data(graph.tensors[name], generator) for name in graph.inputs]
    try:
        model = write_tflite(graph)
    except NotExpressibleError:
        event("a clamp that no file holds")
        return
    try:
        run_graph(graph, inputs)
    except UserError as error:
        if "sapmcu computes this op in int8" not in error.message:
            event("undefined for these data")
            return
        event("another type than int8")
        tflm_host.invoke(model, [inputs], len(graph.outputs))
    else:
        event("computed")
        assert_equals_tflm(graph, [inputs])
