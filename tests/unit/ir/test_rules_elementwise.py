# SPDX-License-Identifier: Apache-2.0
"""Every refusal of an op that works element by element, with its sentence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from data_cases import BINARY, CONVERSION_CASES, ELEMENTWISE_CASES, UNARY, binary, dequantize, prelu, quantize, unary
from rule_cases import Case, as_float, check, refusal
from single_op import constant, tensor

from sapmcu.ir import ops
from sapmcu.ir.graph import Quantization
from sapmcu.ir.ops import Range
from sapmcu.ir.rules import RuleError

Changes = dict[str, Any]

TOO_STEEP = (
    "the scales make a factor of 0.5 · 1.07374e+09 / 0.5 = 1.07374e+09, too large for the 2^30 of TFLM's integer form"
)


def name_of(case: Case) -> str:
    return type(case["op"]).__name__


@pytest.mark.parametrize("case", ELEMENTWISE_CASES + CONVERSION_CASES, ids=name_of)
def test_a_sound_op_passes(case: Case) -> None:
    check(case)


@pytest.mark.parametrize("case", ELEMENTWISE_CASES, ids=name_of)
def test_a_float_graph_is_held_to_the_same_shapes(case: Case) -> None:
    sound = as_float(case)
    check(sound)
    name = sound["op"].outputs[0]
    wrong = replace(sound[name], shape=(77, *sound[name].shape[1:]))
    with pytest.raises(RuleError, match="77"):
        check(sound | {name: wrong})


BINARY_REFUSALS: list[tuple[Changes, str]] = [
    ({"inputs": ("x",)}, "it takes 2 operands and has 1"),
    ({"inputs": ("x", None)}, "it takes 2 operands and has 1"),
    ({"outputs": ("z", "z")}, "it gives 1 result, not 2"),
    ({"y": tensor("y", (4, 2))}, "[2, 1, 3] and [4, 2] don't broadcast: 3 meets 2"),
    ({"z": tensor("z", (2, 1, 3))}, "z is [2, 1, 3]; its operands make it [2, 4, 3]"),
    ({"y": tensor("y", (1,) * 7)}, "y [1, 1, 1, 1, 1, 1, 1] has 7 axes, over 6"),
    ({"y": tensor("y", (4, 1), "int16")}, "x, y, z mix the types int16 and int8"),
    ({"x": tensor("x", (2, 1, 3), scale=None)}, "x is int8 without a scale and zero point"),
    ({"y": tensor("y", (4, 1), scale=0.0)}, "y has the scale 0"),
    ({"z": tensor("z", (2, 4, 3), zero_point=128)}, "z has the zero point 128, which int8 doesn't hold"),
]


@pytest.mark.parametrize("kind", BINARY)
@pytest.mark.parametrize(("changes", "sentence"), BINARY_REFUSALS)
def test_arithmetic_refuses(kind: Any, changes: Changes, sentence: str) -> None:
    assert refusal(binary(kind), changes) == sentence


def of_type(case: Case, dtype: str, scale: float | None = None, zero_point: int = 0) -> Case:
    """All tensors in another type."""
    changed = {name: tensor(name, one.shape, dtype, scale, zero_point) for name, one in case.items() if name != "op"}
    limits = {"int16": Range(-(2**15), 2**15 - 1), "int32": Range(-(2**31), 2**31 - 1)}.get(dtype)
    is_clamped = limits is not None and hasattr(case["op"], "activation")
    return case | changed | ({"op": replace(case["op"], activation=limits)} if is_clamped else {})


@pytest.mark.parametrize("kind", BINARY)
def test_arithmetic_takes_the_types_of_tflm(kind: Any) -> None:
    check(of_type(binary(kind), "int32"))
    known = "int8, int32, float32" if kind is ops.Div else "int8, int16, int32, float32"
    if kind in (ops.Maximum, ops.Minimum):
        known = "int8, int16, int32, int64, float32"
    assert refusal(of_type(binary(kind), "uint8", 0.5), {}) == f"z is uint8; TFLM takes {known}"
    if kind is not ops.Div:
        check(of_type(binary(kind), "int16", 0.5))


@pytest.mark.parametrize("kind", [ops.Add, ops.Sub, ops.Mul, ops.Div])
def test_arithmetic_refuses_a_clamp_outside_the_type(kind: Any) -> None:
    assert refusal(binary(kind), {"activation": Range(0, 128)}) == "it clamps z to 0..128, outside int8"
    assert refusal(binary(kind), {"activation": Range(7, 6)}) == "it clamps z to 7..6, outside int8"


@pytest.mark.parametrize("kind", [ops.Mul, ops.SquaredDifference])
def test_symmetric_int16_is_needed(kind: Any) -> None:
    sentence = "x is int16 with the zero point 3; TFLM takes 0"
    assert refusal(of_type(binary(kind), "int16", 0.5, 3), {}) == sentence


@pytest.mark.parametrize("kind", [ops.Add, ops.Sub, ops.Div])
def test_int32_with_a_scale_is_refused(kind: Any) -> None:
    assert refusal(of_type(binary(kind), "int32", 0.5), {}) == "x is int32 with a scale; TFLM takes plain int32"


@pytest.mark.parametrize("kind", [ops.Add, ops.Sub])
def test_a_sum_needs_a_scale_that_is_not_too_small(kind: Any) -> None:
    """TFLM aborts from the bound on."""
    bound = 2.0**-20
    check(binary(kind) | {"z": tensor("z", (2, 4, 3), scale=bound * 1.001)})
    assert refusal(binary(kind), {"z": tensor("z", (2, 4, 3), scale=bound)}) == (
        "z has the scale 9.53674e-07; with operands' 0.5 it must be over 9.53674e-07"
    )
    assert refusal(of_type(binary(kind), "int16", 0.5), {"z": tensor("z", (2, 4, 3), "int16", 2.0**-15)}) == (
        "z has the scale 3.05176e-05; with operands' 0.5 it must be over 3.05176e-05"
    )


@pytest.mark.parametrize(
    ("kind", "scale", "sentence"),
    [
        (
            ops.Mul,
            2.0**-32,
            "the scales make a factor of 0.5 · 0.5 / 2.32831e-10 = 1.07374e+09, too large for the 2^30",
        ),
        (ops.Div, 2.0**-22, "the scales make a factor of 0.5 / (0.5 · 2.38419e-07) = 4.1943e+06, over 2^22"),
        (ops.SquaredDifference, 2.0**-44, "the scales make a factor of 4 · 0.5² / (2^14 · 5.68434e-14) = 1.07374e+09"),
    ],
)
def test_a_factor_without_integer_form_is_refused(kind: Any, scale: float, sentence: str) -> None:
    assert refusal(binary(kind), {"z": tensor("z", (2, 4, 3), scale=scale)}).startswith(sentence)
    check(binary(kind) | {"z": tensor("z", (2, 4, 3), scale=scale * 1.001)})


@pytest.mark.parametrize("kind", [ops.Maximum, ops.Minimum])
def test_a_comparison_needs_one_quantization(kind: Any) -> None:
    assert refusal(binary(kind), {"y": tensor("y", (4, 1), scale=0.25)}) == (
        "x has scale 0.5 and zero point 0, y has scale 0.25 and zero point 0; they must be equal"
    )
    assert "they must be equal" in refusal(binary(kind), {"z": tensor("z", (2, 4, 3), zero_point=1)})


UNARY_REFUSALS: list[tuple[Changes, str]] = [
    ({"inputs": ()}, "it takes 1 operands and has 0"),
    ({"outputs": ("y", "y")}, "it gives 1 result, not 2"),
    ({"x": tensor("x", (3, 2))}, "y is [2, 3]; its operands make it [3, 2]"),
    ({"x": tensor("x", (1,) * 7)}, "x [1, 1, 1, 1, 1, 1, 1] has 7 axes, over 6"),
    ({"x": tensor("x", (2, 3), "int16")}, "x, y mix the types int16 and int8"),
    ({"x": tensor("x", (2, 3), scale=None)}, "x is int8 without a scale and zero point"),
    ({"y": tensor("y", (2, 3), scale=None)}, "y is int8 without a scale and zero point"),
    ({"x": tensor("x", (2, 3), zero_point=-129)}, "x has the zero point -129, which int8 doesn't hold"),
]


@pytest.mark.parametrize("kind", UNARY)
@pytest.mark.parametrize(("changes", "sentence"), UNARY_REFUSALS)
def test_a_function_refuses(kind: Any, changes: Changes, sentence: str) -> None:
    assert refusal(unary(kind), changes) == sentence


@pytest.mark.parametrize("kind", UNARY)
def test_a_function_takes_the_types_of_tflm(kind: Any) -> None:
    known = "int8, float32" if kind in (ops.Rsqrt, ops.HardSwish) else "int8, int16, float32"
    assert refusal(of_type(unary(kind), "int32"), {}) == f"x is int32; TFLM takes {known}"
    if "int16" in known:
        sentence = "x is int16 with the zero point 3; TFLM takes 0"
        wide = of_type(unary(kind), "int16", 2.0**-15)
        check(wide)
        if kind is not ops.LeakyRelu:
            assert refusal(wide, {"x": tensor("x", (2, 3), "int16", 0.5, 3)}) == sentence


@pytest.mark.parametrize(("kind", "steps", "zero_point"), [(ops.Logistic, 256, -128), (ops.Tanh, 128, 0)])
def test_a_sigmoid_has_one_output_quantization(kind: Any, steps: int, zero_point: int) -> None:
    assert refusal(unary(kind), {"y": tensor("y", (2, 3), scale=0.5, zero_point=zero_point)}) == (
        f"y has scale 0.5 and zero point {zero_point}; the op's own are 1/{steps} and {zero_point}"
    )
    assert refusal(unary(kind), {"y": tensor("y", (2, 3), scale=1 / steps, zero_point=1)}).endswith(
        f"the op's own are 1/{steps} and {zero_point}"
    )
    wide = of_type(unary(kind), "int16", 0.5)
    assert refusal(wide, {}) == "y has scale 0.5 and zero point 0; the op's own are 1/32768 and 0"


@pytest.mark.parametrize("kind", [ops.Logistic, ops.Tanh])
def test_a_sigmoid_needs_a_scale_that_tflm_shifts(kind: Any) -> None:
    for scale in (2.0**-28, 2.0**34):
        check(unary(kind) | {"x": tensor("x", (2, 3), scale=scale)})
    assert refusal(unary(kind), {"x": tensor("x", (2, 3), scale=2.0**-29)}) == (
        "x has the scale 1.86265e-09, outside 2^-28 to 2^35"
    )
    assert "outside 2^-28 to 2^35" in refusal(unary(kind), {"x": tensor("x", (2, 3), scale=2.0**35)})


@pytest.mark.parametrize("kind", [ops.Abs, ops.Relu, ops.Relu6, ops.LeakyRelu])
def test_a_function_refuses_a_factor_without_integer_form(kind: Any) -> None:
    assert refusal(unary(kind), {"y": tensor("y", (2, 3), scale=2.0**-31)}) == (
        "the scales make a factor of 0.5 / 4.65661e-10 = 1.07374e+09, too large for the 2^30 of TFLM's integer form"
    )


def test_rsqrt_needs_a_factor_that_tflm_shifts() -> None:
    for scale in (2.0**12, 2.0**-29):
        check(unary(ops.Rsqrt) | {"x": tensor("x", (2, 3), scale=1.0), "y": tensor("y", (2, 3), scale=scale)})
    for scale, factor in ((2.0**13, "0.00012207"), (2.0**-30, "1.07374e+09")):
        changes = {"x": tensor("x", (2, 3), scale=1.0), "y": tensor("y", (2, 3), scale=scale)}
        assert refusal(unary(ops.Rsqrt), changes) == (
            f"the scales make a factor of 1 / (√1 · {scale:g}) = {factor}, outside 2^-12 to 2^30"
        )


def test_relu6_needs_scales_in_which_6_is_an_integer() -> None:
    scales = {"x": tensor("x", (2, 3), scale=1e-9), "y": tensor("y", (2, 3), scale=1e-9)}
    assert refusal(unary(ops.Relu6), scales) == "x has the scale 1e-09, for which 6 is beyond 32 bits"


def test_leaky_relu_needs_a_finite_alpha() -> None:
    assert refusal(unary(ops.LeakyRelu), {"alpha": float("nan")}) == "alpha is nan"
    assert refusal(unary(ops.LeakyRelu), {"alpha": float("-inf")}) == "alpha is -inf"
    assert refusal(unary(ops.LeakyRelu), {"alpha": -(2.0**30)}) == TOO_STEEP


def test_hard_swish_needs_scales_that_tflm_shifts() -> None:
    assert refusal(unary(ops.HardSwish), {"y": tensor("y", (2, 3), scale=0.5 / 128)}) == (
        "x has the scale 0.5; with y's 0.00390625 it must be under 0.5"
    )
    huge = {"x": tensor("x", (2, 3), scale=2.6e7), "y": tensor("y", (2, 3), scale=1e7)}
    assert refusal(unary(ops.HardSwish), huge) == "x has the scale 2.6e+07; it must be under 2.51658e+07"


PRELU_REFUSALS: list[tuple[Changes, str]] = [
    ({"inputs": ("x",)}, "it takes 2 operands and has 1"),
    ({"alpha": tensor("alpha", (3,))}, "alpha must be a constant"),
    ({"alpha": constant("alpha", np.zeros((2,), np.int8))}, "[1, 2, 2, 3] and [2] don't broadcast: 3 meets 2"),
    (
        {"alpha": constant("alpha", np.zeros((2, 1, 1, 1), np.int8))},
        "y is [1, 2, 2, 3]; its operands make it [2, 2, 2, 3]",
    ),
    ({"alpha": constant("alpha", np.zeros(3, np.int16))}, "alpha is int16; TFLM takes int8"),
    ({"alpha": constant("alpha", np.zeros(3, np.int8))}, "alpha is int8 without a scale and zero point"),
    (
        {"alpha": constant("alpha", np.zeros(3, np.int8), Quantization((2.0**30,), (0,)))},
        TOO_STEEP,
    ),
]


@pytest.mark.parametrize(("changes", "sentence"), PRELU_REFUSALS)
def test_prelu_refuses(changes: Changes, sentence: str) -> None:
    assert refusal(prelu(), changes) == sentence


def test_float_prelu_has_four_axes() -> None:
    x, y = tensor("x", (1, 1, 1, 1, 3), "float32", None), tensor("y", (1, 1, 1, 1, 3), "float32", None)
    assert refusal(as_float(prelu()), {"x": x, "y": y}) == "x [1, 1, 1, 1, 3] has 5 axes, over 4"
    assert refusal(as_float(prelu()), {"alpha": prelu()["alpha"]}) == "alpha is int8; TFLM takes float32"


QUANTIZE_REFUSALS: list[tuple[Changes, str]] = [
    ({"x": tensor("x", (3, 2))}, "y is [2, 3]; its operands make it [3, 2]"),
    ({"x": tensor("x", (2, 3), "int64")}, "x is int64; TFLM takes float32, int32, int16, int8, uint8"),
    ({"y": tensor("y", (2, 3), "float32")}, "y is float32; TFLM takes int8, uint8, int16, int32"),
    (
        {"x": tensor("x", (2, 3), "float32", None), "y": tensor("y", (2, 3), "int32")},
        "y is int32; TFLM takes int8, int16",
    ),
    ({"x": tensor("x", (2, 3), "uint8"), "y": tensor("y", (2, 3), "int16")}, "y is int16; TFLM takes int8"),
    ({"y": tensor("y", (2, 3), scale=None)}, "y is int8 without a scale and zero point"),
    ({"x": tensor("x", (2, 3), "int32", None)}, "x is int32 without a scale and zero point"),
    ({"x": tensor("x", (2, 3), "int32", 0.0)}, "x has 1 scales, the first 0"),
    (
        {"y": tensor("y", (2, 3), scale=2.0**-31)},
        "the scales make a factor of 0.5 / 4.65661e-10 = 1.07374e+09, too large for the 2^30 of TFLM's integer form",
    ),
]


@pytest.mark.parametrize(("changes", "sentence"), QUANTIZE_REFUSALS)
def test_quantize_refuses(changes: Changes, sentence: str) -> None:
    assert refusal(quantize(), changes) == sentence


DEQUANTIZE_REFUSALS: list[tuple[Changes, str]] = [
    ({"x": tensor("x", (2, 3), "int32")}, "x is int32; TFLM takes int8, uint8, int16"),
    ({"x": tensor("x", (2, 3), "float16", None)}, "x is float16; TFLM takes int8, uint8, int16"),
    ({"y": tensor("y", (2, 3), "int8")}, "y is int8; TFLM takes float32"),
    ({"x": tensor("x", (2, 3), scale=None)}, "x is int8 without a scale and zero point"),
    ({"y": tensor("y", (6,), "float32", None)}, "y is [6]; its operands make it [2, 3]"),
]


@pytest.mark.parametrize(("changes", "sentence"), DEQUANTIZE_REFUSALS)
def test_dequantize_refuses(changes: Changes, sentence: str) -> None:
    assert refusal(dequantize(), changes) == sentence
