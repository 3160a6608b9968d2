# SPDX-License-Identifier: Apache-2.0
"""The predicted arena equals what TFLM itself reports on this host, to the byte."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from single_op import constant, tensor
from tflm_graphs import SINGLE_OPS, VARIANTS

from sapmcu.emit.tflite import write_tflite
from sapmcu.frontends.tflite import load_tflite
from sapmcu.ir import ops
from sapmcu.ir.graph import Graph, Op, Quantization, Tensor
from sapmcu.ir.ops import Range
from sapmcu.ir.padding import same_padding
from sapmcu.ir.tflite import FORMATS
from sapmcu.plan.tflm import PYPI_HOST, predict_arena
from sapmcu.run import tflm_host

pytestmark = pytest.mark.needs("tflite_micro")

NOT_CHECKED_BY_TFLM = (ops.BatchMatMul, ops.Gather)
"""With 16 bytes less what persists overwrites temporaries of these ops, and TFLM says nothing."""

FULL = Range(-128, 127)


def assert_predicted(graph: Graph) -> None:
    measured = tflm_host.allocations(write_tflite(graph))
    use = predict_arena(graph, PYPI_HOST)
    assert (use.head_bytes, use.tail_bytes) == (measured.head_bytes, measured.tail_bytes)
    assert use.used_bytes == measured.total_bytes
    assert use.unknown_ops == ()


def assert_required(graph: Graph) -> None:
    """AllocateTensors succeeds with the arena that is said to be required, and fails with less."""
    model, required = write_tflite(graph), predict_arena(graph, PYPI_HOST).required_bytes
    tflm_host.invoke(model, [], 0, arena_bytes=required)
    with pytest.raises(tflm_host.TflmError):
        tflm_host.invoke(model, [], 0, arena_bytes=required - 16)


def test_every_op_has_a_graph() -> None:
    assert set(SINGLE_OPS) == set(FORMATS)


def test_arena_of_a_reference_model(tflite_model: Path) -> None:
    graph = load_tflite(tflite_model)
    assert_predicted(graph)
    assert_required(graph)


@pytest.mark.parametrize("kind", SINGLE_OPS, ids=lambda kind: kind.__name__)
def test_arena_of_one_op(kind: type[Op]) -> None:
    assert_predicted(SINGLE_OPS[kind])


@pytest.mark.parametrize("what", VARIANTS)
def test_arena_of_a_variant(what: str) -> None:
    assert_predicted(VARIANTS[what])


@pytest.mark.parametrize(
    "kind", [one for one in SINGLE_OPS if one not in NOT_CHECKED_BY_TFLM], ids=lambda k: k.__name__
)
def test_required_arena_of_one_op(kind: type[Op]) -> None:
    assert_required(SINGLE_OPS[kind])


class Net:
    """A graph that grows by one op at a time."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.tensors = {"x": tensor("x", shape)}
        self.ops: list[Op] = []
        self.images = ["x"]

    def add(self, op: type[Op], inputs: tuple[str, ...], shape: tuple[int, ...], **attributes: object) -> None:
        name = f"y{len(self.ops)}"
        self.tensors[name] = tensor(name, shape)
        self.ops.append(op(inputs, (name,), **attributes))
        self.images.append(name)

    def filter(self, shape: tuple[int, ...], axis: int) -> str:
        """Per-channel filters of ones."""
        name = f"filter{len(self.tensors)}"
        channels = shape[axis]
        self.tensors[name] = constant(
            name, np.ones(shape, np.int8), Quantization((0.5,) * channels, (0,) * channels, axis)
        )
        return name

    def graph(self) -> Graph:
        read = {name for op in self.ops for name in op.inputs}
        outputs = tuple(name for op in self.ops for name in op.outputs if name not in read)
        return Graph("net", self.tensors, tuple(self.ops), ("x",), outputs)


def add_convolution(net: Net, draw: st.DrawFn, source: Tensor) -> None:
    batch, height, width, channels = source.shape
    window, stride = draw(st.sampled_from([(1, 1), (3, 3), (2, 4)])), draw(st.sampled_from([(1, 1), (2, 1), (2, 2)]))
    size = (-(-height // stride[0]), -(-width // stride[1]))
    common = {
        "stride": stride,
        "padding": same_padding((height, width), window, stride),
        "dilation": (1, 1),
        "activation": FULL,
    }
    if draw(st.booleans()):
        outputs = draw(st.integers(1, 20))
        filters = net.filter((outputs, *window, channels), 0)
        net.add(ops.Conv2D, (source.name, filters), (batch, *size, outputs), **common)
    else:
        filters = net.filter((1, *window, channels), 3)
        net.add(ops.DepthwiseConv2D, (source.name, filters), (batch, *size, channels), **common)


def add_two_operands(net: Net, draw: st.DrawFn, source: Tensor) -> None:
    alike = [name for name in net.images if net.tensors[name].shape == source.shape]
    other = draw(st.sampled_from(alike))
    if draw(st.booleans()):
        net.add(ops.Add, (source.name, other), source.shape, activation=FULL)
    else:
        shape = (*source.shape[:3], 2 * source.shape[3])
        net.add(ops.Concatenation, (source.name, other), shape, axis=3, activation=FULL)


@st.composite
def nets(draw: st.DrawFn) -> Graph:
    """Branches and joins, tensors that nothing uses, offsets given for some activations."""
    net = Net((1, draw(st.integers(1, 12)), draw(st.integers(1, 12)), draw(st.integers(1, 5))))
    for _ in range(draw(st.integers(1, 9))):
        source = net.tensors[draw(st.sampled_from(net.images[-3:]))]
        draw(st.sampled_from([add_convolution, add_two_operands]))(net, draw, source)
    if draw(st.booleans()):
        net.tensors["orphan"] = tensor("orphan", (draw(st.integers(1, 3000)),))
    graph = net.graph()
    if not draw(st.booleans()):
        return graph
    choices = st.one_of(st.just(-1), st.integers(0, 300).map(lambda block: 16 * block))
    offsets = [-1 if one.is_constant else draw(choices) for one in graph.tensors.values()]
    plan = struct.pack(f"<{3 + len(offsets)}i", 1, 0, len(offsets), *offsets)
    return Graph(
        "net", graph.tensors, graph.ops, graph.inputs, graph.outputs, metadata={"OfflineMemoryAllocation": plan}
    )


@settings(max_examples=150)
@given(nets())
def test_arena_of_a_random_net(graph: Graph) -> None:
    assert_predicted(graph)


@settings(max_examples=30)
@given(nets())
def test_required_arena_of_a_random_net(graph: Graph) -> None:
    assert_required(graph)
