# SPDX-License-Identifier: Apache-2.0
"""Lowering: every typed op has a row, and what the native engine can't run is said with its place."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from native_data.small_net import small_net
from single_op import constant, graph_of, tensor
from strategies_data import int32

from sapmcu.errors import UserError
from sapmcu.ir import ops
from sapmcu.ir.graph import Graph, Op
from sapmcu.ir.native import Params
from sapmcu.lower import LOWER, lower_graph
from sapmcu.lower.axes import merged_loops
from sapmcu.lower.reduction import reduce_loops

INT8 = ops.Range(-128, 127)


def test_every_typed_op_has_a_row() -> None:
    kinds = {kind for kind in vars(ops).values() if isinstance(kind, type) and issubclass(kind, Op) and kind is not Op}
    assert set(LOWER) == kinds - {ops.Opaque}


def refused(graph: Graph) -> str:
    with pytest.raises(UserError) as caught:
        lower_graph(graph)
    assert caught.value.hint == "--engine tflm runs it"
    return caught.value.message


def test_opaque_op_is_refused_with_its_place() -> None:
    graph = graph_of(ops.Opaque(("x",), ("y",), "EXP", 1), tensor("x", (3,)), tensor("y", (3,)))
    assert refused(graph) == "op 0 EXP (y): the native engine doesn't have this op"


@pytest.mark.parametrize("dtype", ["float32", "int16"])
def test_other_types_are_refused(dtype: str) -> None:
    graph = graph_of(ops.Logistic(("x",), ("y",)), tensor("x", (3,), dtype), tensor("y", (3,), dtype))
    assert refused(graph) == f"op 0 LOGISTIC (y): x is {dtype}; the native engine computes this op in int8"


def test_all_refusals_come_at_once() -> None:
    graph = small_net()
    float_x = {"b": replace(graph.tensors["b"], dtype=graph.tensors["bias"].dtype)}
    with pytest.raises(UserError) as caught:
        lower_graph(replace(graph, tensors={**graph.tensors, **float_x}))
    assert caught.value.message.startswith("op 1 MUL (b): b is int32")
    assert [one[:12] for one in caught.value.details] == ["op 2 ADD (c)"]


def test_variable_filter_of_a_convolution_is_refused() -> None:
    graph = graph_of(
        ops.Conv2D(("x", "f"), ("y",), (1, 1), ((0, 0), (0, 0)), (1, 1), INT8),
        tensor("x", (1, 2, 2, 1)),
        tensor("f", (1, 1, 1, 1)),
        tensor("y", (1, 2, 2, 1)),
    )
    assert refused(graph) == "op 0 CONV_2D (y): its filter f is no constant"


def test_window_too_high_for_the_row_pointers_is_refused() -> None:
    graph = graph_of(
        ops.MaxPool2D(("x",), ("y",), (33, 1), (1, 1), ((0, 0), (0, 0)), INT8),
        tensor("x", (1, 34, 2, 1)),
        tensor("y", (1, 2, 2, 1)),
    )
    assert refused(graph) == "op 0 MAX_POOL_2D (y): its window is 33 rows high; the native engine takes 32"


def test_window_of_the_whole_image_may_have_any_height() -> None:
    graph = graph_of(
        ops.AveragePool2D(("x",), ("y",), (50, 3), (1, 1), ((0, 0), (0, 0)), INT8),
        tensor("x", (1, 50, 3, 4)),
        tensor("y", (1, 1, 1, 4)),
    )
    (call,) = lower_graph(graph).steps[0].lowered.calls
    assert isinstance(call.arguments[0], Params)
    assert dict(call.arguments[0].fields)["window"] == 1


def test_constant_output_is_refused() -> None:
    graph = replace(small_net(), outputs=("half",))
    with pytest.raises(UserError, match="the output half of small-net is a constant"):
        lower_graph(graph)


def test_comments_tell_op_and_shapes() -> None:
    comments = [step.comment for step in lower_graph(small_net()).steps]
    assert comments[0] == "op 0 conv_2d: 1x4x4x1 * 2x2x3x1 -> 1x4x4x2"
    assert comments[2] == "op 2 add: 1x4x4x2 + 1x4x4x2 -> 1x4x4x2"
    assert comments[5] == "op 5 concatenation: 1x2, 1x2 -> 1x4"


def test_a_constant_number_makes_arithmetic_a_table() -> None:
    (call,) = lower_graph(small_net()).steps[1].lowered.calls
    assert call.function == "sapmcu_lut_s8"


def test_reshape_is_no_call() -> None:
    (lowered,) = (step.lowered for step in lower_graph(small_net()).steps if "reshape" in step.comment)
    assert lowered.calls == () and lowered.aliases == (("i", "h"),)


def test_reshape_of_a_constant_copies_it() -> None:
    graph = graph_of(ops.Reshape(("c",), ("y",)), constant("c", np.arange(6, dtype=np.int8)), tensor("y", (2, 3)))
    (call,) = lower_graph(replace(graph, inputs=())).steps[0].lowered.calls
    assert call.function == "sapmcu_copy"


def test_transpose_that_moves_nothing_is_no_call() -> None:
    op, perm = ops.Transpose(("x", "p"), ("y",)), int32("p", [1, 0, 2])
    graph = graph_of(op, tensor("x", (1, 4, 3)), perm, tensor("y", (4, 1, 3)))
    assert lower_graph(graph).steps[0].lowered.calls == ()


@pytest.mark.parametrize(
    ("shape", "strides", "loops"),
    [
        ((2, 3, 4), ((12, 4, 1), (12, 4, 1)), [(24, 1, 1)]),
        ((2, 3, 4), ((12, 4, 1), (24, 4, 1)), [(2, 12, 24), (12, 1, 1)]),
        ((2, 1, 4), ((4, 99, 1), (4, -99, 1)), [(8, 1, 1)]),
        ((5, 3), ((0, 0), (3, 1)), [(15, 0, 1)]),
        ((4, 3), ((-3, 1), (3, 1)), [(4, -3, 3), (3, 1, 1)]),
        ((1, 1), ((1, 1), (1, 1)), []),
    ],
)
def test_neighbouring_axes_that_continue_each_other_are_one_loop(
    shape: tuple[int, ...], strides: tuple[tuple[int, ...], ...], loops: list[tuple[int, ...]]
) -> None:
    assert merged_loops(shape, *strides) == loops


def test_six_axes_make_three_loops_of_each_kind() -> None:
    fields = dict(reduce_loops((2, 3, 4, 5, 6, 7), {1, 3, 5}).fields)
    assert fields["kept_count"] == (2, 4, 6) and fields["reduced_count"] == (3, 5, 7)
    assert fields["kept_stride"] == (2520, 210, 7) and fields["reduced_stride"] == (840, 42, 1)
