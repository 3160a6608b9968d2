# SPDX-License-Identifier: Apache-2.0
"""Every refusal of a convolution or matrix product, with its sentence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from rule_cases import Case, as_float, check, refusal
from single_op import constant, tensor

from sapmcu.ir.graph import DType, Quantization, Tensor
from sapmcu.ir.ops import BatchMatMul, Conv2D, DepthwiseConv2D, FullyConnected, Range, TransposeConv2D
from sapmcu.ir.rules import RuleError

INT8 = Range(-128, 127)


def quantized(*scales: float, axis: int = 0, zero_point: int = 0) -> Quantization:
    return Quantization(scales, (zero_point,) * len(scales), axis)


def filters(*shape: int, quantization: Quantization | None = None) -> Tensor:
    return constant("f", np.ones(shape, np.int8), quantization or quantized(0.25))


def bias(count: int, dtype: str = "int32", scale: float = 0.125) -> Tensor:
    return constant("b", np.ones(count, dtype), quantized(scale))


def conv_2d() -> Case:
    return {
        "op": Conv2D(("x", "f", "b"), ("y",), (2, 1), ((1, 0), (1, 1)), (1, 1), INT8),
        "x": tensor("x", (1, 7, 5, 6)),
        "f": filters(4, 3, 3, 3),
        "b": bias(4),
        "y": tensor("y", (1, 3, 5, 4)),
    }


def depthwise_conv_2d() -> Case:
    return {
        "op": DepthwiseConv2D(("x", "f", "b"), ("y",), (1, 1), ((0, 0), (0, 0)), (2, 1), INT8),
        "x": tensor("x", (1, 7, 5, 3)),
        "f": filters(1, 3, 3, 6),
        "b": bias(6),
        "y": tensor("y", (1, 3, 3, 6)),
    }


def transpose_conv_2d() -> Case:
    return {
        "op": TransposeConv2D(("s", "f", "x", "b"), ("y",), (2, 2), ((0, 1), (0, 1)), INT8),
        "s": constant("s", np.array([1, 6, 4, 2], np.int32)),
        "x": tensor("x", (1, 3, 2, 5)),
        "f": filters(2, 3, 3, 5),
        "b": bias(2),
        "y": tensor("y", (1, 6, 4, 2)),
    }


def fully_connected() -> Case:
    return {
        "op": FullyConnected(("x", "f", "b"), ("y",), INT8, keep_num_dims=False),
        "x": tensor("x", (2, 3, 4)),
        "f": filters(5, 12),
        "b": bias(5),
        "y": tensor("y", (2, 5)),
    }


def batch_mat_mul() -> Case:
    return {
        "op": BatchMatMul(("x", "y"), ("z",), adjoint_x=False, adjoint_y=True),
        "x": tensor("x", (2, 1, 3, 4)),
        "y": tensor("y", (5, 6, 4)),
        "z": tensor("z", (2, 5, 3, 6)),
    }


CASES = (conv_2d, depthwise_conv_2d, transpose_conv_2d, fully_connected, batch_mat_mul)


@pytest.mark.parametrize("case", CASES)
def test_a_sound_op_passes(case: Any) -> None:
    check(case())


@pytest.mark.parametrize("case", CASES)
def test_a_float_graph_is_held_to_the_same_shapes(case: Any) -> None:
    sound = as_float(case())
    check(sound)
    result = sound["op"].outputs[0]
    wrong = replace(sound[result], shape=(*sound[result].shape[:-1], 77))
    with pytest.raises(RuleError, match="77"):
        check(sound | {result: wrong})


@pytest.mark.parametrize("case", CASES[:4])
@pytest.mark.parametrize("dtype", ["int32", "int64", "int16"])
def test_a_bias_of_int16_data_has_the_type_that_tflm_reads(case: Any, dtype: str) -> None:
    read_by_tflm = {
        conv_2d: {"int32", "int64"},
        depthwise_conv_2d: {"int64"},
        transpose_conv_2d: {"int16", "int64"},
        fully_connected: {"int32", "int64"},
    }
    sound = case()
    wide = {key: replace(sound[key], dtype=DType.INT16) for key in ("x", "y")}
    changed = sound | wide | {"b": constant("b", np.ones(sound["b"].shape, dtype), quantized(0.125))}
    if dtype in read_by_tflm[case]:
        check(changed)
    else:
        assert refusal(changed, {}).startswith(f"b is {dtype}; the bias of int16 data is")


CONV_2D: list[tuple[dict[str, Any], str]] = [
    ({"inputs": ("x",)}, "it takes 2 to 3 operands and has 1"),
    ({"inputs": ("x", None, "b")}, "it takes 2 to 3 operands and has 2"),
    ({"outputs": ("y", "x")}, "it gives 1 result, not 2"),
    ({"x": tensor("x", (7, 5, 6))}, "x [7, 5, 6] must have 4 axes"),
    ({"f": filters(4, 27)}, "f [4, 27] must have 4 axes"),
    ({"y": tensor("y", (15, 4))}, "y [15, 4] must have 4 axes"),
    ({"x": tensor("x", (1, 7, 5, 7))}, "x has 7 channels, which filters of 3 channels (f) don't divide"),
    ({"f": filters(5, 3, 3, 3)}, "f has 5 filters, which 2 groups don't divide"),
    ({"stride": (0, 1)}, "stride (0, 1), dilation (1, 1) and window (3, 3) start at 1"),
    ({"dilation": (1, -1)}, "stride (2, 1), dilation (1, -1) and window (3, 3) start at 1"),
    ({"padding": ((-1, 0), (1, 1))}, "padding ((-1, 0), (1, 1)) starts at 0"),
    ({"dilation": (4, 1)}, "a window of 9 pixels doesn't fit the 8 of x with its padding"),
    ({"dilation": (2**30, 1)}, "a window of 3 taps with dilation 1073741824 is too large"),
    ({"y": tensor("y", (1, 4, 5, 4))}, "y is [1, 4, 5, 4]; its operands make it [1, 3, 5, 4]"),
    ({"padding": ((1, 0), (1, 2))}, "y is [1, 3, 5, 4]; its operands make it [1, 3, 6, 4]"),
    ({"x": tensor("x", (1, 7, 5, 6), "uint8")}, "x is uint8; TFLM takes float32, int8, int16"),
    ({"y": tensor("y", (1, 3, 5, 4), "int16")}, "x, y mix the types int16 and int8"),
    (
        {"f": constant("f", np.ones((4, 3, 3, 3), np.float32))},
        "x is int8 and its filter f float32, which TFLM doesn't multiply",
    ),
    ({"x": tensor("x", (1, 7, 5, 6), scale=None)}, "x is int8 without a scale and zero point"),
    ({"y": tensor("y", (1, 3, 5, 4), scale=0.0)}, "y has the scale 0"),
    ({"y": tensor("y", (1, 3, 5, 4), zero_point=128)}, "y has the zero point 128, which int8 doesn't hold"),
    ({"f": constant("f", np.ones((4, 3, 3, 3), np.int8))}, "f is int8 without a scale"),
    (
        {"f": filters(4, 3, 3, 3, quantization=quantized(0.25, zero_point=-3))},
        "f has the zero point -3; TFLM takes filters with 0",
    ),
    (
        {"f": filters(4, 3, 3, 3, quantization=quantized(0.25, 0.25, 0.25, axis=3))},
        "f [4, 3, 3, 3] has 3 scales along axis 3; one for each of the 4 along axis 0 belongs there",
    ),
    (
        {"f": filters(4, 3, 3, 3, quantization=quantized(0.25, 0.25, 0.25, axis=0))},
        "f [4, 3, 3, 3] has 3 scales along axis 0; one for each of the 4 along axis 0 belongs there",
    ),
    (
        {"y": tensor("y", (1, 3, 5, 4), scale=2**-33)},
        "the scales make a factor of 0.5 · 0.25 / 1.16415e-10 = 1.07374e+09, "
        "too large for the 2^30 of TFLM's integer form",
    ),
    ({"b": bias(4, "int64")}, "b is int64; the bias of int8 data is int32"),
    ({"b": bias(1)}, "b [1] must hold one number for each of 4 output channels"),
    ({"activation": Range(-129, 127)}, "it clamps y to -129..127, outside int8"),
    ({"activation": Range(3, 2)}, "it clamps y to 3..2, outside int8"),
]


@pytest.mark.parametrize(("changes", "sentence"), CONV_2D)
def test_conv_2d_refuses(changes: dict[str, Any], sentence: str) -> None:
    assert refusal(conv_2d(), changes) == sentence


DEPTHWISE: list[tuple[dict[str, Any], str]] = [
    ({"f": filters(2, 3, 3, 6)}, "f [2, 3, 3, 6] must have a first axis of length 1"),
    ({"f": filters(1, 3, 3, 4)}, "f has 4 filters, which isn't a multiple of the 3 channels of x"),
    ({"stride": (2, 1)}, "y is [1, 3, 3, 6]; its operands make it [1, 2, 3, 6]"),
    ({"y": tensor("y", (1, 3, 3, 3))}, "y is [1, 3, 3, 3]; its operands make it [1, 3, 3, 6]"),
    ({"inputs": ("x", "f", None)}, "its bias is an operand that is absent, which crashes TFLM"),
    (
        {"f": filters(1, 3, 3, 6, quantization=quantized(*(0.25,) * 6, axis=0))},
        "f [1, 3, 3, 6] has 6 scales along axis 0; one for each of the 6 along axis 3 belongs there",
    ),
    ({"b": bias(3)}, "b [3] must hold one number for each of 6 output channels"),
    ({"activation": Range(0, 128)}, "it clamps y to 0..128, outside int8"),
    ({"f": filters(1, 3, 6)}, "f [1, 3, 6] must have 4 axes"),
]


@pytest.mark.parametrize(("changes", "sentence"), DEPTHWISE)
def test_depthwise_conv_2d_refuses(changes: dict[str, Any], sentence: str) -> None:
    assert refusal(depthwise_conv_2d(), changes) == sentence


TRANSPOSE: list[tuple[dict[str, Any], str]] = [
    ({"f": filters(2, 3, 3, 4)}, "x has 5 channels, the filters f have 4"),
    ({"s": tensor("s", (4,), "int32", None)}, "s must be a constant; sapmcu needs fixed shapes"),
    ({"s": constant("s", np.array([1, 6, 4, 2], np.int64))}, "s is int64, not int32"),
    ({"s": constant("s", np.array([1, 6, 4, 3], np.int32))}, "y is [1, 6, 4, 2]; its operands make it [1, 6, 4, 3]"),
    ({"x": tensor("x", (1, 2, 2, 5))}, "y [1, 6, 4, 2] can't come from x [1, 2, 2, 5] and f [2, 3, 3, 5]"),
    ({"x": tensor("x", (2, 3, 2, 5))}, "y [1, 6, 4, 2] can't come from x [2, 3, 2, 5] and f [2, 3, 3, 5]"),
    ({"f": filters(3, 3, 3, 5)}, "y [1, 6, 4, 2] can't come from x [1, 3, 2, 5] and f [3, 3, 3, 5]"),
    ({"stride": (2, 0)}, "stride (2, 0), dilation (1, 1) and window (3, 3) start at 1"),
    ({"b": bias(5)}, "b [5] must hold one number for each of 2 output channels"),
    ({"activation": Range(0, 200)}, "it clamps y to 0..200, outside int8"),
    ({"x": tensor("x", (6, 5))}, "x [6, 5] must have 4 axes"),
]


@pytest.mark.parametrize(("changes", "sentence"), TRANSPOSE)
def test_transpose_conv_2d_refuses(changes: dict[str, Any], sentence: str) -> None:
    assert refusal(transpose_conv_2d(), changes) == sentence


FULLY_CONNECTED: list[tuple[dict[str, Any], str]] = [
    ({"f": filters(5, 12, 1)}, "f [5, 12, 1] must have 2 axes"),
    ({"x": tensor("x", (1, 1, 1, 1, 1, 2, 12))}, "x [1, 1, 1, 1, 1, 2, 12] has 7 axes, over 6"),
    ({"x": tensor("x", (2, 13))}, "x [2, 13] doesn't split into rows of 12, as f needs"),
    ({"keep_num_dims": True}, "x [2, 3, 4] must have a last axis of 12, as f has"),
    ({"keep_num_dims": True, "x": tensor("x", (1, 2, 12))}, "y is [2, 5]; its operands make it [1, 2, 5]"),
    ({"y": tensor("y", (2, 6))}, "y is [2, 6]; its operands make it [2, 5]"),
    ({"b": bias(5, scale=0.25)}, "b has the scale 0.25; that of x times that of f is 0.125"),
    ({"b": constant("b", np.ones(5, np.int32))}, "b has the scale 0; that of x times that of f is 0.125"),
    (
        {"x": tensor("x", (2, 12), scale=1e30), "f": filters(5, 12, quantization=quantized(1e30))},
        "the scales make a factor of 1e+30 · 1e+30 / 0.5 = 2e+60, too large for the 2^30 of TFLM's integer form",
    ),
    ({"activation": Range(-200, 0)}, "it clamps y to -200..0, outside int8"),
]


@pytest.mark.parametrize(("changes", "sentence"), FULLY_CONNECTED)
def test_fully_connected_refuses(changes: dict[str, Any], sentence: str) -> None:
    assert refusal(fully_connected(), changes) == sentence


def test_fully_connected_takes_a_bias_that_is_off_by_a_fiftieth_of_an_output_step() -> None:
    check(fully_connected() | {"b": bias(5, scale=0.125 + 0.0099)})
    assert "b has the scale" in refusal(fully_connected(), {"b": bias(5, scale=0.125 + 0.0101)})


def test_the_filters_of_fully_connected_may_come_from_another_op() -> None:
    check(fully_connected() | {"f": tensor("f", (5, 12), scale=0.25)})


BATCH_MAT_MUL: list[tuple[dict[str, Any], str]] = [
    ({"x": tensor("x", (4,))}, "x [4] must have 2 to 5 axes"),
    ({"y": tensor("y", (1, 1, 1, 1, 6, 4))}, "y [1, 1, 1, 1, 6, 4] must have 2 to 5 axes"),
    ({"adjoint_y": False}, "x [2, 1, 3, 4] has rows of 4, y columns of 6"),
    ({"adjoint_x": True}, "x [2, 1, 3, 4] has rows of 3, y columns of 4"),
    ({"x": tensor("x", (2, 3, 3, 4))}, "[2, 3] and [5] don't broadcast: 3 meets 5"),
    ({"z": tensor("z", (2, 5, 6, 3))}, "z is [2, 5, 6, 3]; its operands make it [2, 5, 3, 6]"),
    ({"x": tensor("x", (2, 1, 3, 4), "int32")}, "x is int32; TFLM takes float32, int8, int16"),
    ({"y": tensor("y", (5, 6, 4), "int16")}, "x, y, z mix the types int16 and int8"),
    ({"z": tensor("z", (2, 5, 3, 6), scale=None)}, "z is int8 without a scale and zero point"),
    (
        {"z": tensor("z", (2, 5, 3, 6), scale=2.0**-32)},
        "the scales make a factor of 0.5 · 0.5 / 2.32831e-10 = 1.07374e+09, "
        "too large for the 2^30 of TFLM's integer form",
    ),
]


@pytest.mark.parametrize(("changes", "sentence"), BATCH_MAT_MUL)
def test_batch_mat_mul_refuses(changes: dict[str, Any], sentence: str) -> None:
    assert refusal(batch_mat_mul(), changes) == sentence


@pytest.mark.parametrize("name", ["x", "y"])
def test_int16_comes_without_zero_point(name: str) -> None:
    wide = {key: replace(conv_2d()[key], dtype=DType.INT16) for key in ("x", "y")}
    wide[name] = replace(wide[name], quantization=quantized(0.5, zero_point=5))
    assert refusal(conv_2d(), wide) == f"{name} is int16 with the zero point 5; TFLM takes 0"
