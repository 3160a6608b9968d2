# SPDX-License-Identifier: Apache-2.0
"""Kernels that leave out what no op of a program needs are taken where that is so, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from single_op import constant, graph_of, tensor

from sapmcu.ir import ops
from sapmcu.ir.cascade import Cascade
from sapmcu.ir.graph import Graph, Quantization
from sapmcu.ir.memory import Optimize
from sapmcu.ir.native import FunctionRef, NativeProgram
from sapmcu.ir.parts import program_parts
from sapmcu.ir.twins import Twins
from sapmcu.lower.graph import lower_graph
from sapmcu.native_sram import NativeWish, plan_native
from sapmcu.plan.price import kernel_price

GENERAL, EVEN, PLAIN = (f"sapmcu_packed_conv2d_{name}row_s8" for name in ("", "even_", "plain_"))
VALID, SAME = ((0, 0), (0, 0)), ((1, 1), (1, 1))


def convolutions(*layers: tuple[int, int, ops.Padding], channels: int = 16) -> Graph:
    """One behind the other, (kernel size, channels of y, padding) each, on an image of 8x8 pixels."""
    generator = np.random.default_rng(1)
    graph = None
    size, operand = 8, tensor("t0", (1, 8, 8, channels), "int8", 0.5, -128)
    for index, (kernel, count, padding) in enumerate(layers, 1):
        scales = Quantization((0.004,) * count, (0,) * count, 0)
        values = generator.integers(-127, 128, (count, kernel, kernel, operand.shape[3]), np.int8)
        size += sum(padding[0]) + 1 - kernel
        f, y = constant(f"f{index}", values, scales), tensor(f"t{index}", (1, size, size, count), "int8", 0.5, -128)
        op = ops.Conv2D((operand.name, f.name), (y.name,), (1, 1), padding, (1, 1), ops.Range(-128, 127))
        one = graph_of(op, operand, f, y)
        graph = (
            one
            if graph is None
            else replace(graph, tensors={**graph.tensors, **one.tensors}, ops=(*graph.ops, op), outputs=one.outputs)
        )
        operand = y
    assert graph is not None
    return graph


def kernels(program: NativeProgram) -> set[str]:
    """Of all that run."""
    found = set()
    for part in program_parts(program):
        if isinstance(part, Cascade):
            found |= {form.kernel.name for form in part.forms if form.kernel is not None}
        else:
            arguments = [one for call in program.steps[part].lowered.calls for one in call.arguments]
            found |= {one.name for one in arguments if isinstance(one, FunctionRef)}
    return found


def kernels_of(graph: Graph) -> set[str]:
    return kernels(lower_graph(graph, twins=Twins.DSP))


def test_pixels_by_themselves_take_the_plain_kernel() -> None:
    assert kernels_of(convolutions((1, 16, VALID), (1, 8, VALID))) == {PLAIN}


def test_windows_inside_and_rows_that_are_copied_take_the_kernel_of_even_channels() -> None:
    assert kernels_of(convolutions((1, 16, VALID), (2, 8, VALID))) == {EVEN}
    assert kernels_of(convolutions((3, 16, SAME), (1, 8, VALID), channels=3)) == {EVEN}


@pytest.mark.parametrize("last", [(2, 16, SAME), (1, 15, VALID)], ids=["edges", "odd channels"])
def test_one_op_that_needs_all_makes_the_others_use_its_kernel(last: tuple[int, int, ops.Padding]) -> None:
    assert kernels_of(convolutions((1, 16, VALID), last)) == {GENERAL}


def test_rows_whose_last_window_is_no_multiple_of_four_are_at_an_edge() -> None:
    assert kernels_of(convolutions((1, 8, VALID), channels=10)) == {GENERAL}


def test_cascades_take_narrow_kernels_too() -> None:
    graph = convolutions((1, 64, VALID), (1, 8, VALID))
    program, _ = plan_native(graph, NativeWish(Optimize.SRAM, None, 1 << 20, twins=Twins.DSP))
    assert any(isinstance(part, Cascade) for part in program_parts(program)) and kernels(program) == {PLAIN}


def test_narrow_kernels_are_priced_as_the_general_one() -> None:
    assert kernel_price(GENERAL, "cortex-m4") == kernel_price(EVEN, "cortex-m4") == kernel_price(PLAIN, "cortex-m4")
