# SPDX-License-Identifier: Apache-2.0
"""Graphs that no converter makes: the prediction must not raise, and must say what it doesn't know."""

from __future__ import annotations

import struct
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from single_op import tensor
from tflm_graphs import X, Y, one_op, opaque

from sapmcu.ir import ops
from sapmcu.ir.graph import DType, Graph, Op, Quantization, Tensor
from sapmcu.ir.memory import Kernels
from sapmcu.ir.ops import Opaque, Range
from sapmcu.ir.tflite import CODES, FORMATS
from sapmcu.plan.memory import plan_memory
from sapmcu.plan.tflm import PYPI_HOST, predict_arena, target_for
from sapmcu.plan.tflm.facts import load_facts

TARGETS = (PYPI_HOST, *(target_for(Kernels.CMSIS_NN, dsp=dsp, mve=mve) for dsp, mve in ((0, 0), (1, 0), (1, 1))))
NAMES = sorted(load_facts().temporaries)
FIELDS = sorted({name for row in FORMATS.values() for names in row.attributes.values() for name in names})

shapes = st.lists(st.sampled_from((1, 2, 3, 1 << 10)), max_size=5).map(tuple) | st.just((1 << 30,))
scales = st.none() | st.integers(1, 4).map(lambda count: Quantization((0.5,) * count, (0,) * count))
values = st.none() | st.integers(-(2**31), 2**31 - 1) | st.floats() | st.booleans() | st.text(max_size=3)


@st.composite
def opaque_graphs(draw: st.DrawFn) -> Graph:
    """One op that TFLM knows by name, with operands and options as they come."""
    count = draw(st.integers(1, 22))
    tensors = [Tensor(f"t{index}", draw(shapes), draw(st.sampled_from(DType)), draw(scales)) for index in range(count)]
    names = [one.name for one in tensors]
    name = draw(st.sampled_from(NAMES))
    builtin, custom = ("CUSTOM", name[7:]) if name.startswith("custom:") else (name, "")
    op = Opaque(
        tuple(draw(st.lists(st.none() | st.sampled_from(names[1:] or [None]), max_size=25))),
        (names[0],),
        code=builtin,
        version=1,
        custom_code=custom,
        options=tuple(draw(st.dictionaries(st.sampled_from([*FIELDS, "rank", "timeMajor"]), values)).items()),
        custom_options=draw(st.binary(max_size=20)),
    )
    return Graph("hostile", {one.name: one for one in tensors}, (op,), tuple(names[1:]), (names[0],))


@settings(max_examples=300)
@given(opaque_graphs())
def test_any_op_with_any_operands_is_predicted(graph: Graph) -> None:
    for target in TARGETS:
        use = predict_arena(graph, target)
        assert use.required_bytes >= use.used_bytes > 0
    plan_memory(graph, 0, TARGETS[-1])


@pytest.mark.parametrize("code", [code for code in CODES if code in load_facts().temporaries])
def test_op_without_operands_is_predicted(code: str) -> None:
    op = Opaque((), ("y",), code=code, version=1)
    graph = Graph("bare", {"x": tensor("x", (1,)), "y": tensor("y", ())}, (op,), ("x",), ("y",))
    assert all(predict_arena(graph, target).used_bytes > 0 for target in TARGETS)


def test_op_that_lacks_an_operand_is_named() -> None:
    graph = one_op(opaque("x, _", "CONV_2D", "Conv2DOptions"), X, Y)
    assert predict_arena(graph, PYPI_HOST).unknown_ops == ("CONV_2D",)


def test_custom_op_with_a_builtin_name_is_unknown() -> None:
    graph = one_op(opaque("x", "SOFTMAX", ""), X, Y)
    assert predict_arena(graph, PYPI_HOST).unknown_ops == ("SOFTMAX",)


def test_scratch_beyond_32_bits_is_unknown() -> None:
    graph = one_op(
        opaque("x, feature, time, bias, state", "SVDF", "SVDFOptions", "('rank', 1),"),
        "tensor x [1048576,1] int8 (0.5, 0)",
        "tensor feature [1048576,1] int8 (0.5, 0)",
        "tensor time [1,1] int8 (0.5, 0)",
        "tensor bias [1] int32",
        "variable state [1] int8 (0.5, 0)",
        "tensor y [1,1] int8 (0.5, 0)",
    )
    assert predict_arena(graph, PYPI_HOST).unknown_ops == ("SVDF",)


def test_thousands_of_ops_take_seconds() -> None:
    tensors = [Tensor(f"t{index}", (1 + index * 37 % 5000,), DType.INT8) for index in range(5000)]
    chain: list[Op] = [
        ops.Add((tensors[max(0, index - 50)].name, tensors[index - 1].name), (tensors[index].name,), Range(-128, 127))
        for index in range(1, len(tensors))
    ]
    metadata = {"OfflineMemoryAllocation": struct.pack("<3i", 1, 0, -1)}
    names = {one.name: one for one in tensors}
    graph = Graph("long", names, tuple(chain), (tensors[0].name,), (tensors[-1].name,), metadata=metadata)
    start = time.monotonic()
    report = plan_memory(graph, 0, TARGETS[-1])
    assert time.monotonic() - start < 30  # a few seconds; minutes if the work grew with the cube
    assert report.head_bound_bytes <= report.tflm.head_bytes
