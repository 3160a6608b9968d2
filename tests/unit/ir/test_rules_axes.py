# SPDX-License-Identifier: Apache-2.0
"""Every refusal of an op that pools, reduces or normalises, with its sentence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from rule_cases import Case, as_float, check, refusal
from single_op import constant, tensor

from sapmcu.ir.ops import (
    ArgMax,
    ArgMin,
    AveragePool2D,
    L2Normalization,
    LogSoftmax,
    MaxPool2D,
    Mean,
    Range,
    ReduceMax,
    ReduceMin,
    Softmax,
    Sum,
)
from sapmcu.ir.rules import RuleError

INT8 = Range(-128, 127)


def axes(*indices: int, dtype: str = "int32") -> Any:
    return constant("a", np.array(indices, dtype))


def pool(kind: type[AveragePool2D | MaxPool2D]) -> Case:
    return {
        "op": kind(("x",), ("y",), (3, 2), (2, 2), ((1, 1), (0, 1)), INT8),
        "x": tensor("x", (1, 5, 5, 3)),
        "y": tensor("y", (1, 3, 3, 3)),
    }


def reduction(kind: type[Mean | Sum | ReduceMax | ReduceMin]) -> Case:
    return {
        "op": kind(("x", "a"), ("y",), keep_dims=False),
        "x": tensor("x", (2, 3, 4)),
        "a": axes(-1, 0, 2),
        "y": tensor("y", (3,)),
    }


def softmax() -> Case:
    return {
        "op": Softmax(("x",), ("y",), beta=1.0),
        "x": tensor("x", (2, 5)),
        "y": tensor("y", (2, 5), scale=1 / 256, zero_point=-128),
    }


def log_softmax() -> Case:
    return {
        "op": LogSoftmax(("x",), ("y",)),
        "x": tensor("x", (2, 5)),
        "y": tensor("y", (2, 5), scale=1 / 16, zero_point=127),
    }


def l2_normalization() -> Case:
    return {
        "op": L2Normalization(("x",), ("y",), INT8),
        "x": tensor("x", (2, 5)),
        "y": tensor("y", (2, 5), scale=1 / 128),
    }


def arg(kind: type[ArgMax | ArgMin]) -> Case:
    return {
        "op": kind(("x", "a"), ("y",)),
        "x": tensor("x", (2, 3, 4)),
        "a": axes(-2),
        "y": tensor("y", (2, 4), "int32", None),
    }


POOLS = [AveragePool2D, MaxPool2D]
ARGS = [ArgMax, ArgMin]
SCALED: list[Any] = [Mean, Sum]
COMPARED: list[Any] = [ReduceMax, ReduceMin]
CASES = [
    *map(pool, POOLS),
    *map(reduction, SCALED + COMPARED),
    softmax(),
    log_softmax(),
    l2_normalization(),
    *map(arg, ARGS),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: type(case["op"]).__name__)
def test_a_sound_op_passes(case: Case) -> None:
    check(case)


@pytest.mark.parametrize("case", CASES, ids=lambda case: type(case["op"]).__name__)
def test_a_float_graph_is_held_to_the_same_shapes(case: Case) -> None:
    sound = as_float(case)
    check(sound)
    wrong = replace(sound["y"], shape=(77, *sound["y"].shape[1:]))
    with pytest.raises(RuleError, match="77"):
        check(sound | {"y": wrong})


POOL: list[tuple[dict[str, Any], str]] = [
    ({"inputs": ("x", "x")}, "it takes 1 operands and has 2"),
    ({"outputs": ()}, "it gives 1 result, not 0"),
    ({"x": tensor("x", (5, 5, 3))}, "x [5, 5, 3] must have 4 axes"),
    ({"y": tensor("y", (3, 3))}, "y [3, 3] must have 4 axes"),
    ({"window": (0, 2)}, "stride (2, 2), dilation (1, 1) and window (0, 2) start at 1"),
    ({"stride": (2, -2)}, "stride (2, -2), dilation (1, 1) and window (3, 2) start at 1"),
    ({"padding": ((1, 1), (0, -1))}, "padding ((1, 1), (0, -1)) starts at 0"),
    ({"window": (8, 2)}, "a window of 8 pixels doesn't fit the 7 of x with its padding"),
    ({"padding": ((1, 1), (2, 1))}, "padding (2, 1) leaves a window of 2 without any pixel"),
    ({"padding": ((1, 3), (0, 1))}, "padding (1, 3) leaves a window of 3 without any pixel"),
    ({"stride": (1, 2)}, "y is [1, 3, 3, 3]; its operands make it [1, 5, 3, 3]"),
    ({"y": tensor("y", (1, 3, 3, 1))}, "y is [1, 3, 3, 1]; its operands make it [1, 3, 3, 3]"),
    ({"x": tensor("x", (1, 5, 5, 3), "uint8")}, "x is uint8; TFLM takes float32, int8, int16"),
    ({"y": tensor("y", (1, 3, 3, 3), "int16")}, "x, y mix the types int16 and int8"),
    ({"x": tensor("x", (1, 5, 5, 3), scale=None)}, "x is int8 without a scale and zero point"),
    (
        {"y": tensor("y", (1, 3, 3, 3), scale=0.6)},
        "x has scale 0.5 and zero point 0, y has 0.6 and 0; TFLM takes one quantization for both",
    ),
    (
        {"y": tensor("y", (1, 3, 3, 3), zero_point=1)},
        "x has scale 0.5 and zero point 0, y has 0.5 and 1; TFLM takes one quantization for both",
    ),
    ({"activation": Range(0, 128)}, "it clamps y to 0..128, outside int8"),
]


@pytest.mark.parametrize("kind", POOLS)
@pytest.mark.parametrize(("changes", "sentence"), POOL)
def test_pooling_refuses(kind: Any, changes: dict[str, Any], sentence: str) -> None:
    assert refusal(pool(kind), changes) == sentence


def test_pooling_takes_scales_that_differ_by_a_millionth() -> None:
    check(pool(MaxPool2D) | {"y": tensor("y", (1, 3, 3, 3), scale=0.5 + 0.9e-6)})


REDUCTION: list[tuple[dict[str, Any], str]] = [
    ({"inputs": ("x",)}, "it takes 2 operands and has 1"),
    ({"x": tensor("x", (1, 1, 1, 1, 2, 3, 4))}, "x [1, 1, 1, 1, 2, 3, 4] has 7 axes, over 6"),
    ({"a": axes(3)}, "axis 3 is outside 3 axes"),
    ({"a": axes(0, -4)}, "axis -4 is outside 3 axes"),
    ({"x": tensor("x", ())}, "axis -1 is outside 0 axes"),
    ({"a": axes(0, 2, dtype="int64")}, "a is int64, not int32"),
    ({"a": tensor("a", (2,), "int32", None)}, "a must be a constant; sapmcu needs fixed shapes"),
    ({"keep_dims": True}, "y is [3]; its operands make it [1, 3, 1]"),
    ({"a": axes(0)}, "y is [3]; its operands make it [3, 4]"),
    ({"x": tensor("x", (2, 3, 4), "uint8")}, "x is uint8; TFLM takes float32, int8"),
    ({"y": tensor("y", (3,), "int32")}, "x, y mix the types int32 and int8"),
    ({"y": tensor("y", (3,), scale=None)}, "y is int8 without a scale and zero point"),
]


@pytest.mark.parametrize("kind", SCALED + COMPARED)
@pytest.mark.parametrize(("changes", "sentence"), REDUCTION)
def test_a_reduction_refuses(kind: Any, changes: dict[str, Any], sentence: str) -> None:
    assert refusal(reduction(kind), changes).removesuffix(", int16") == sentence


@pytest.mark.parametrize("kind", SCALED)
def test_mean_and_sum_refuse_a_factor_without_integer_form(kind: Any) -> None:
    assert refusal(reduction(kind), {"y": tensor("y", (3,), scale=2**-31)}) == (
        "the scales make a factor of 0.5 / 4.65661e-10 = 1.07374e+09, too large for the 2^30 of TFLM's integer form"
    )


@pytest.mark.parametrize("kind", COMPARED)
def test_max_and_min_keep_the_quantization(kind: Any) -> None:
    assert refusal(reduction(kind), {"y": tensor("y", (3,), scale=0.25)}) == (
        "x has scale 0.5 and zero point 0, y has scale 0.25 and zero point 0; they must be equal"
    )
    assert "they must be equal" in refusal(reduction(kind), {"y": tensor("y", (3,), zero_point=1)})
    wide = {"x": tensor("x", (2, 3, 4), "int16"), "y": tensor("y", (3,), "int16")}
    assert refusal(reduction(kind), wide) == "x is int16; TFLM takes float32, int8"


SOFTMAX: list[tuple[dict[str, Any], str]] = [
    ({"x": tensor("x", ())}, "x has no axis"),
    ({"x": tensor("x", (1,) * 7)}, "x [1, 1, 1, 1, 1, 1, 1] has 7 axes, over 6"),
    ({"y": tensor("y", (5, 2))}, "y is [5, 2]; its operands make it [2, 5]"),
    ({"x": tensor("x", (2, 5), "uint8")}, "x is uint8; TFLM takes float32, int8, int16"),
    ({"x": tensor("x", (2, 5), "float32", None)}, "x, y mix the types float32 and int8"),
    ({"x": tensor("x", (2, 5), "int16")}, "y is int8; TFLM takes int16"),
    ({"y": tensor("y", (2, 5), "float32", None)}, "y is float32; TFLM takes int8, int16"),
    ({"x": tensor("x", (2, 5), scale=None)}, "x is int8 without a scale and zero point"),
    (
        {"y": tensor("y", (2, 5), scale=1 / 255, zero_point=-128)},
        "y has scale 0.00392157 and zero point -128; TFLM takes 1/256 and -128",
    ),
    (
        {"y": tensor("y", (2, 5), scale=1 / 256)},
        "y has scale 0.00390625 and zero point 0; TFLM takes 1/256 and -128",
    ),
    (
        {"y": tensor("y", (2, 5), "int16", 1 / 65000, -32768)},
        "y has scale 1.53846e-05 and zero point -32768; TFLM takes 1/65536 and -32768",
    ),
    ({"beta": 2**-25}, "beta 2.98023e-08 times the scale 0.5 of x must be above 2^-26"),
    ({"beta": -1.0}, "beta -1 times the scale 0.5 of x must be above 2^-26"),
    ({"beta": float("nan")}, "beta nan times the scale 0.5 of x must be above 2^-26"),
]


@pytest.mark.parametrize(("changes", "sentence"), SOFTMAX)
def test_softmax_refuses(changes: dict[str, Any], sentence: str) -> None:
    assert refusal(softmax(), changes) == sentence


def test_softmax_of_int16_has_its_own_quantization() -> None:
    x, y = tensor("x", (2, 5), "int16"), tensor("y", (2, 5), "int16", 1 / 32768)
    check(softmax() | {"x": x, "y": y})
    check(softmax() | {"y": tensor("y", (2, 5), "int16", 1 / 65536, -32768)})
    assert refusal(softmax(), {"x": x, "y": replace(y, quantization=tensor("y", (), scale=0.5).quantization)}) == (
        "y has scale 0.5 and zero point 0; TFLM takes 1/32768 and 0"
    )
    assert refusal(softmax(), {"x": tensor("x", (2, 5), "int16", zero_point=3), "y": y}) == (
        "x is int16 with the zero point 3; TFLM takes 0"
    )


LOG_SOFTMAX: list[tuple[dict[str, Any], str]] = [
    ({"x": tensor("x", ())}, "x has no axis"),
    ({"y": tensor("y", (5, 2))}, "y is [5, 2]; its operands make it [2, 5]"),
    ({"x": tensor("x", (2, 5), "int16")}, "x is int16; TFLM takes float32, int8"),
    ({"y": tensor("y", (2, 5), "int16")}, "x, y mix the types int16 and int8"),
    (
        {"y": tensor("y", (2, 5), scale=1 / 16, zero_point=126)},
        "y has scale 0.0625 and zero point 126; TFLM takes 1/16 and 127",
    ),
    (
        {"x": tensor("x", (2, 5), scale=2**-26)},
        "beta 1 times the scale 1.49012e-08 of x must be above 2^-26",
    ),
    (
        {"x": tensor("x", (4096,)), "y": tensor("y", (4096,), scale=1 / 16, zero_point=127)},
        "x [4096] is summed over 4,096 entries; TFLM's sum holds 4,095",
    ),
]


@pytest.mark.parametrize(("changes", "sentence"), LOG_SOFTMAX)
def test_log_softmax_refuses(changes: dict[str, Any], sentence: str) -> None:
    assert refusal(log_softmax(), changes) == sentence


L2_NORMALIZATION: list[tuple[dict[str, Any], str]] = [
    ({"x": tensor("x", ())}, "x [] must have 1 to 4 axes"),
    ({"x": tensor("x", (1, 1, 1, 2, 5))}, "x [1, 1, 1, 2, 5] must have 1 to 4 axes"),
    ({"y": tensor("y", (2, 6))}, "y is [2, 6]; its operands make it [2, 5]"),
    ({"x": tensor("x", (2, 5), "int16")}, "x is int16; TFLM takes float32, int8"),
    ({"activation": Range(0, 127)}, "TFLM takes no fused activation here"),
    ({"y": tensor("y", (2, 5))}, "y has scale 0.5 and zero point 0; TFLM takes 1/128 and 0"),
    (
        {"x": tensor("x", (33026,)), "y": tensor("y", (33026,), scale=1 / 128)},
        "x [33026] sums 33,026 squares; TFLM's 32 bits hold 33,025",
    ),
]


@pytest.mark.parametrize(("changes", "sentence"), L2_NORMALIZATION)
def test_l2_normalization_refuses(changes: dict[str, Any], sentence: str) -> None:
    assert refusal(l2_normalization(), changes) == sentence


ARG: list[tuple[dict[str, Any], str]] = [
    ({"a": axes(0, 1)}, "a must hold one axis, not 2"),
    ({"a": axes(3)}, "axis 3 is outside 3 axes"),
    ({"a": tensor("a", (1,), "int32", None)}, "a must be a constant; sapmcu needs fixed shapes"),
    ({"a": axes(1, dtype="int64")}, "a is int64, not int32"),
    ({"y": tensor("y", (2, 1, 4), "int32", None)}, "y is [2, 1, 4]; its operands make it [2, 4]"),
    ({"x": tensor("x", (2, 3, 4), "int16")}, "x is int16; TFLM takes float32, int8"),
    ({"y": tensor("y", (2, 4), "int64", None)}, "y is int64; TFLM takes int32"),
]


@pytest.mark.parametrize("kind", ARGS)
@pytest.mark.parametrize(("changes", "sentence"), ARG)
def test_arg_max_and_arg_min_refuse(kind: Any, changes: dict[str, Any], sentence: str) -> None:
    assert refusal(arg(kind), changes) == sentence
