# SPDX-License-Identifier: Apache-2.0
"""PADs go into the windows that read them, by engine: any padding, or what SAME and VALID can say."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from strategies import varied_inputs
from strategies_data import REPEATABLE, assume_valid
from strategies_nets import networks

from sapmcu.emit.tflite import write_tflite
from sapmcu.ir import ops
from sapmcu.ir.check import verify_graph
from sapmcu.ir.graph import Graph
from sapmcu.ir.ops import Padding
from sapmcu.ir.text import parse_text
from sapmcu.passes.pads import fold_pads, fold_same_pads
from sapmcu.passes.zero_taps import trim_filters
from sapmcu.reference import run_graph

TEXT = """
graph net ""
tensor x [1,{size},{size},2] int8 (0.5, -3)
const filter [2,{window},{window},2] int8 (0.01, 0) = {taps}
const p [4,2] int32 = 0 0 {before} {after} {before} {after} 0 0
const value [1] int8 (0.5, -3) = {value}
tensor r [1,{size},{size},2] int8 (0.5, -3)
tensor a [1,{padded},{padded},2] int8 (0.5, -3)
tensor y [1,{out},{out},2] int8 (0.5, -3)
input x
output y
r = Add(x, value, activation={low}..127)
a = {pad}
y = {reader}
"""
CONV = "Conv2D(a, filter, stride=({s}, {s}), padding=((0, 0), (0, 0)), dilation=(1, 1), activation=-128..127)"
MAX = "MaxPool2D(a, window=({k}, {k}), stride=({s}, {s}), padding=((0, 0), (0, 0)), activation=-128..127)"
MEAN = MAX.replace("Max", "Average")


def net(
    size: int,
    window: int,
    stride: int,
    pads: tuple[int, int],
    *,
    reader: str = CONV,
    pad: str = "Pad(r, p)",
    value: int = 0,
    low: int = -128,
) -> Graph:
    padded = size + sum(pads)
    graph = parse_text(
        TEXT.format(
            size=size,
            window=window,
            taps=" ".join(str(1 + tap % 100) for tap in range(4 * window * window)),
            before=pads[0],
            after=pads[1],
            value=value,
            padded=padded,
            out=(padded - window) // stride + 1,
            low=low,
            pad=pad,
            reader=reader.format(s=stride, k=window),
        )
    )
    verify_graph(graph)
    return graph


def assert_same_bytes(before: Graph, after: Graph) -> None:
    verify_graph(after)
    for inputs in varied_inputs(before, np.random.default_rng(0)):
        expected, got = run_graph(before, inputs), run_graph(after, inputs)
        for name in before.outputs:
            np.testing.assert_array_equal(expected[name], got[name])


def padding_of(graph: Graph) -> Padding | None:
    """Of the last op; None where the PAD is still there."""
    last = graph.ops[-1]
    assert isinstance(last, ops.Conv2D | ops.MaxPool2D | ops.AveragePool2D)
    return None if any(isinstance(op, ops.Pad | ops.PadV2) for op in graph.ops) else last.padding


@pytest.mark.parametrize("pads", [(1, 1), (0, 1), (1, 0), (2, 2), (2, 0)])
@pytest.mark.parametrize("stride", [1, 2])
def test_the_native_engine_takes_any_padding(stride: int, pads: tuple[int, int]) -> None:
    graph = net(6, 3, stride, pads)
    folded = fold_pads(graph)
    assert padding_of(folded) == (pads, pads)
    assert_same_bytes(graph, folded)


def test_windows_that_see_only_padding_keep_their_pad() -> None:
    graph = net(6, 3, 1, (3, 1))
    assert fold_pads(graph) is graph


def test_what_same_pads_needs_no_pad_on_any_engine() -> None:
    for size, stride, pads in ((6, 1, (1, 1)), (6, 2, (0, 1)), (7, 2, (1, 1))):
        graph = net(size, 3, stride, pads)
        folded = fold_same_pads(graph)
        assert padding_of(folded) == (pads, pads)
        assert folded.tensors["filter"] == graph.tensors["filter"]
        assert_same_bytes(graph, folded)
        write_tflite(folded)


def test_pixels_that_no_window_sees_make_no_difference() -> None:
    graph = net(6, 3, 2, (0, 2))
    folded = fold_same_pads(graph)
    assert padding_of(folded) == ((0, 1), (0, 1))
    assert_same_bytes(graph, folded)


def test_zeros_in_filters_pad_on_both_sides_at_stride_2() -> None:
    graph = net(6, 3, 2, (1, 1))
    folded = fold_same_pads(graph)
    assert padding_of(folded) == ((1, 1), (1, 1))
    assert folded.tensors["filter"].shape == (2, 4, 4, 2)
    assert not folded.tensors["filter"].value[:, 3].any() and not folded.tensors["filter"].value[:, :, 3].any()
    assert_same_bytes(graph, folded)
    write_tflite(folded)


def test_zeros_in_filters_are_for_pads_at_the_peak_only() -> None:
    graph = net(6, 3, 2, (1, 1))
    wide = "tensor w [1,99] int8 (0.5, 0)\ntensor v [1,99] int8 (0.5, 0)\n"
    declared = parse_text(wide).tensors
    graph = dataclasses.replace(
        graph,
        tensors={**graph.tensors, **declared},
        ops=(*graph.ops, ops.Relu(("w",), ("v",))),
        inputs=("x", "w"),
        outputs=("y", "v"),
    )
    assert fold_same_pads(graph) is not graph
    larger = {name: dataclasses.replace(one, shape=(1, 999)) for name, one in declared.items()}
    graph = dataclasses.replace(graph, tensors={**graph.tensors, **larger})
    verify_graph(graph)
    assert fold_same_pads(graph) is graph


def test_the_native_engine_gets_its_small_filters_back() -> None:
    graph = net(6, 3, 2, (1, 1))
    wide = fold_same_pads(graph)
    small = trim_filters(wide)
    assert small.tensors["filter"] == graph.tensors["filter"]
    assert padding_of(small) == ((1, 0), (1, 0))
    assert_same_bytes(graph, small)


def test_filters_of_zeros_keep_their_size() -> None:
    graph = net(6, 3, 1, (1, 1))
    blank = dataclasses.replace(graph.tensors["filter"], data=bytes(36))
    graph = dataclasses.replace(graph, tensors={**graph.tensors, "filter": blank})
    assert trim_filters(graph) is graph


def test_a_padding_of_another_value_stays() -> None:
    other = net(6, 3, 1, (1, 1), pad="PadV2(r, p, value)", value=5)
    assert fold_pads(other) is other and fold_same_pads(other) is other
    zero = net(6, 3, 1, (1, 1), pad="PadV2(r, p, value)", value=-3)
    assert padding_of(fold_pads(zero)) == ((1, 1), (1, 1))


def test_a_max_pool_sees_no_padding_that_is_below_all_pixels() -> None:
    graph = net(6, 3, 2, (1, 1), reader=MAX, low=-3)
    folded = fold_pads(graph)
    assert padding_of(folded) == ((1, 1), (1, 1))
    assert_same_bytes(graph, folded)
    above = net(6, 3, 2, (1, 1), reader=MAX)
    assert fold_pads(above) is above


def test_an_average_pool_counts_padding() -> None:
    graph = net(6, 3, 2, (1, 1), reader=MEAN)
    assert fold_pads(graph) is graph


def test_a_pad_stays_while_another_op_reads_it() -> None:
    graph = net(6, 3, 1, (1, 1))
    graph = dataclasses.replace(
        graph,
        tensors={**graph.tensors, "b": dataclasses.replace(graph.tensors["a"], name="b")},
        ops=(*graph.ops, ops.Relu(("a",), ("b",))),
        outputs=("y", "b"),
    )
    verify_graph(graph)
    assert fold_pads(graph) is graph and fold_same_pads(graph) is graph


@given(graph=networks(("explicitly_padded", "spatial", "residual")))
@settings(REPEATABLE, max_examples=200)
def test_random_networks_keep_their_bytes(graph: Graph) -> None:
    graph = assume_valid(graph)
    for fold in (fold_pads, fold_same_pads, lambda one: trim_filters(fold_same_pads(one)), trim_filters):
        assert_same_bytes(graph, fold(graph))
