# SPDX-License-Identifier: Apache-2.0
"""Every refusal of an op that moves data, with its sentence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from data_cases import (
    MOVEMENT_CASES,
    broadcast_to,
    concatenation,
    depth_to_space,
    expand_dims,
    gather,
    int8_constant,
    mirror_pad,
    numbers,
    pack,
    pad,
    pad_v2,
    reshape,
    resize,
    reverse,
    slice_,
    space_to_depth,
    split,
    split_v,
    squeeze,
    strided_slice,
    transpose,
    unpack,
)
from rule_cases import Case, as_float, check, refusal
from single_op import constant, tensor

from sapmcu.ir import ops
from sapmcu.ir.graph import Quantization
from sapmcu.ir.ops import MirrorMode, Range
from sapmcu.ir.rules import RuleError

Changes = dict[str, Any]
DIFFERS = "x has scale 0.5 and zero point 0, y has scale 0.25 and zero point 0; they must be equal"
CONSTANT = "must be a constant; sapmcu needs fixed shapes"


def name_of(case: Case) -> str:
    return type(case["op"]).__name__


def first_result(case: Case) -> Any:
    return case[case["op"].outputs[0]]


@pytest.mark.parametrize("case", MOVEMENT_CASES, ids=name_of)
def test_a_sound_op_passes(case: Case) -> None:
    check(case)


@pytest.mark.parametrize("case", MOVEMENT_CASES, ids=name_of)
def test_a_float_graph_is_held_to_the_same_shapes(case: Case) -> None:
    sound = as_float(case)
    check(sound)
    result = first_result(sound)
    with pytest.raises(RuleError, match="77"):
        check(sound | {result.name: replace(result, shape=(77, *result.shape[1:]))})


@pytest.mark.parametrize("case", MOVEMENT_CASES, ids=name_of)
def test_numbers_keep_type_and_quantization(case: Case) -> None:
    result = first_result(case)
    other = Quantization((0.25,), (0,))
    assert "they must be equal" in refusal(case, {result.name: replace(result, quantization=other)})
    shifted = Quantization((0.5,), (1,))
    assert "they must be equal" in refusal(case, {result.name: replace(result, quantization=shifted)})
    wide = replace(result, dtype=tensor("t", (), "int16").dtype)
    assert "mix the types int16 and int8" in refusal(case, {result.name: wide})


@pytest.mark.parametrize("case", MOVEMENT_CASES, ids=name_of)
def test_a_missing_operand_or_result_is_refused(case: Case) -> None:
    assert refusal(case, {"inputs": ()}).endswith("and has 0")
    assert refusal(case, {"inputs": (None,) * len(case["op"].inputs)}).endswith("and has 0")
    refusal(case, {"outputs": case["op"].outputs * 2})
    refusal(case, {"outputs": ()} if len(case["op"].outputs) == 1 else {"outputs": case["op"].outputs[:1]})


@pytest.mark.parametrize(
    ("case", "name"),
    [
        (expand_dims, "a"),
        (transpose, "perm"),
        (broadcast_to, "shape"),
        (split, "a"),
        (split_v, "a"),
        (split_v, "sizes"),
        (strided_slice, "begin"),
        (strided_slice, "end"),
        (strided_slice, "strides"),
        (slice_, "begin"),
        (slice_, "size"),
        (reverse, "a"),
        (pad, "paddings"),
        (pad_v2, "paddings"),
        (lambda: mirror_pad(MirrorMode.REFLECT), "paddings"),
        (lambda: resize(ops.ResizeNearest), "size"),
        (lambda: resize(ops.ResizeBilinear), "size"),
    ],
)
def test_what_shapes_the_result_is_a_constant_of_integers(case: Callable[[], Case], name: str) -> None:
    sound = case()
    assert refusal(sound, {name: replace(sound[name], data=None)}) == f"{name} {CONSTANT}"
    floats = constant(name, sound[name].value.astype(np.float32))
    assert f"{name} is float32, not int32" in refusal(sound, {name: floats}) or "mix the types" in refusal(
        sound, {name: floats}
    )


Refusal = tuple[Callable[[], Case], Changes, str]


def uint8(name: str, *shape: int) -> Any:
    return tensor(name, shape, "uint8")


RESHAPING: list[Refusal] = [
    (reshape, {"inputs": ("x", "shape", "shape")}, "it takes 1 to 2 operands and has 3"),
    (reshape, {"y": tensor("y", (5,))}, "x [2, 3] has 6 numbers, y [5] 5"),
    (reshape, {"shape": numbers("shape", [6], "int64")}, "shape is int64; TFLM takes int32"),
    (reshape, {"y": tensor("y", (1,) * 8 + (6,))}, "y [1, 1, 1, 1, 1, 1, 1, 1, 6] has 9 axes, over 8"),
    (reshape, {"y": tensor("y", (3, 2), scale=0.25)}, DIFFERS),
    (squeeze, {"axes": (1,)}, "axis 1 of x [1, 3, 1, 2] isn't of length 1"),
    (squeeze, {"axes": (4,)}, "axis 4 is outside 4 axes"),
    (squeeze, {"axes": (0,)}, "y is [3, 2]; its operands make it [3, 1, 2]"),
    (squeeze, {"x": tensor("x", (1,) * 9)}, "x [1, 1, 1, 1, 1, 1, 1, 1, 1] has 9 axes, over 8"),
    (expand_dims, {"a": numbers("a", 3)}, "axis 3 is outside 3 axes"),
    (expand_dims, {"a": numbers("a", -4)}, "axis -4 is outside 3 axes"),
    (expand_dims, {"a": numbers("a", [0, 1])}, "a holds 2 numbers where one belongs"),
    (expand_dims, {"a": numbers("a", [[0]])}, "a [1, 1] has 2 axes, over 1"),
    (expand_dims, {"a": numbers("a", 0, "int64")}, "a is int64, not int32"),
    (expand_dims, {"x": tensor("x", (2, 3), "int32")}, "x is int32; TFLM takes int8, int16, float32"),
    (expand_dims, {"y": tensor("y", (1,) * 7)}, "y [1, 1, 1, 1, 1, 1, 1] has 7 axes, over 6"),
    (transpose, {"perm": numbers("perm", [2, 0])}, "perm [2, 0] doesn't name each of 3 axes once"),
    (transpose, {"perm": numbers("perm", [2, 0, 0])}, "perm [2, 0, 0] doesn't name each of 3 axes once"),
    (transpose, {"perm": numbers("perm", [-1, 0, 1])}, "perm [-1, 0, 1] doesn't name each of 3 axes once"),
    (transpose, {"perm": numbers("perm", [[2, 0, 1]])}, "perm [1, 3] must have 1 axes"),
    (transpose, {"perm": numbers("perm", [2, 0, 1], "int64")}, "perm is int64, not int32"),
    (transpose, {"x": tensor("x", (1,) * 6)}, "x [1, 1, 1, 1, 1, 1] has 6 axes, over 5"),
    (transpose, {"x": tensor("x", (2, 3, 4), "int32")}, "x is int32; TFLM takes int8, int16, float32"),
    (transpose, {"y": tensor("y", (2, 3, 4))}, "y is [2, 3, 4]; its operands make it [4, 2, 3]"),
    (broadcast_to, {"shape": numbers("shape", [2, 3, 5])}, "y is [2, 3, 4]; its operands make it [2, 3, 5]"),
    (broadcast_to, {"x": tensor("x", (2, 1))}, "[2, 1] and [2, 3, 4] don't broadcast: 2 meets 3"),
    (broadcast_to, {"x": tensor("x", (2, 2, 3, 4))}, "x [2, 2, 3, 4] doesn't broadcast to [2, 3, 4]"),
    (broadcast_to, {"x": tensor("x", (1,) * 6)}, "x [1, 1, 1, 1, 1, 1] has 6 axes, over 5"),
    (broadcast_to, {"shape": numbers("shape", [[2, 3, 4]])}, "shape [1, 3] must have 1 axes"),
]

JOINING: list[Refusal] = [
    (concatenation, {"axis": 2}, "axis 2 is outside 2 axes"),
    (concatenation, {"axis": 0}, "x0 [2, 3] and y [2, 4] differ in more than axis 0"),
    (concatenation, {"x1": tensor("x1", (1, 1))}, "x1 [1, 1] and y [2, 4] differ in more than axis 1"),
    (concatenation, {"x1": tensor("x1", (2, 1, 1))}, "x1 [2, 1, 1] and y [2, 4] differ in more than axis 1"),
    (concatenation, {"x1": tensor("x1", (2, 2))}, "the operands have 5 along axis 1, y has 4"),
    (concatenation, {"inputs": ("x0",) * 11}, "it joins 11 tensors; TFLM takes up to 10"),
    (concatenation, {"inputs": ("x0", None)}, "it takes 2 operands and has 1"),
    (concatenation, {"x0": tensor("x0", (1,) * 7)}, "x0 [1, 1, 1, 1, 1, 1, 1] has 7 axes, over 6"),
    (concatenation, {"x0": tensor("x0", (2, 3), scale=None)}, "x0 is int8 without a scale and zero point"),
    (concatenation, {"activation": Range(0, 127)}, "it has a fused activation, which TFLM doesn't take here"),
    (concatenation, {"y": uint8("y", 2, 4)}, "y is uint8; TFLM takes int8, int16, int32, int64, float32, bool"),
    (pack, {"axis": 3}, "axis 3 is outside 3 axes"),
    (pack, {"axis": -4}, "axis -4 is outside 3 axes"),
    (pack, {"x1": tensor("x1", (3, 2))}, "x1 is [3, 2]; its operands make it [2, 3]"),
    (pack, {"inputs": ("x0", "x1", "x0")}, "y is [2, 2, 3]; its operands make it [2, 3, 3]"),
    (pack, {"y": tensor("y", (1,) * 7)}, "y [1, 1, 1, 1, 1, 1, 1] has 7 axes, over 6"),
    (pack, {"y": uint8("y", 2, 2, 3)}, "y is uint8; TFLM takes int8, int16, int32, int64, float32"),
]

SPLITTING: list[Refusal] = [
    (split, {"a": numbers("a", 2)}, "axis 2 is outside 2 axes"),
    (split, {"a": numbers("a", [0, 0])}, "a holds 2 numbers where one belongs"),
    (split, {"a": numbers("a", 1)}, "axis 1 of x [4, 3] doesn't split into 2 equal parts"),
    (split, {"outputs": ("y", "z", "y")}, "axis 0 of x [4, 3] doesn't split into 3 equal parts"),
    (split, {"z": tensor("z", (2, 1))}, "z is [2, 1]; its operands make it [2, 3]"),
    (split, {"x": tensor("x", (4, 3), "int64")}, "x is int64; TFLM takes int8, int16, int32, float32"),
    (split, {"x": tensor("x", (4, *(1,) * 6)), "a": numbers("a", 0)}, "x [4, 1, 1, 1, 1, 1, 1] has 7 axes, over 6"),
    (split_v, {"sizes": numbers("sizes", [4])}, "sizes has 1 sizes for 2 parts"),
    (split_v, {"sizes": numbers("sizes", [-1, -1])}, "sizes [-1, -1] leaves more than one size open"),
    (split_v, {"sizes": numbers("sizes", [4, -1])}, "sizes [4, 0] doesn't split the 4 of axis 0 of x"),
    (split_v, {"sizes": numbers("sizes", [5, -2])}, "sizes [5, -2] doesn't split the 4 of axis 0 of x"),
    (split_v, {"sizes": numbers("sizes", [1, 2])}, "sizes [1, 2] doesn't split the 4 of axis 0 of x"),
    (split_v, {"sizes": numbers("sizes", [2, 2])}, "y is [1, 3]; its operands make it [2, 3]"),
    (split_v, {"a": numbers("a", -3)}, "axis -3 is outside 2 axes"),
    (unpack, {"axis": 0}, "axis 0 of x [3, 2] has 3 entries for 2 results"),
    (unpack, {"axis": -3}, "axis -3 is outside 2 axes"),
    (unpack, {"z": tensor("z", (2,))}, "z is [2]; its operands make it [3]"),
    (unpack, {"x": tensor("x", (3, 2), "int64")}, "x is int64; TFLM takes int8, int16, int32, float32"),
    (unpack, {"x": tensor("x", ())}, "axis -1 is outside 0 axes"),
    (unpack, {"x": tensor("x", (1,) * 7)}, "x [1, 1, 1, 1, 1, 1, 1] has 7 axes, over 6"),
]

BLOCKS: list[Refusal] = [
    (space_to_depth, {"block_size": 0}, "its block size is 0"),
    (space_to_depth, {"block_size": 3}, "x [1, 4, 6, 3] doesn't divide into blocks of 3 by 3"),
    (space_to_depth, {"block_size": 1}, "y is [1, 2, 3, 12]; its operands make it [1, 4, 6, 3]"),
    (space_to_depth, {"x": tensor("x", (4, 6, 3))}, "x [4, 6, 3] must have 4 axes"),
    (space_to_depth, {"x": tensor("x", (1, 4, 6, 3), "int16")}, "x is int16; TFLM takes int8, float32"),
    (depth_to_space, {"block_size": -2}, "its block size is -2"),
    (depth_to_space, {"block_size": 5}, "the 12 channels of x don't make blocks of 5 by 5"),
    (depth_to_space, {"block_size": 2**31 - 1}, "the 12 channels of x don't make blocks of 2147483647 by 2147483647"),
    (depth_to_space, {"block_size": 1}, "y is [1, 4, 6, 3]; its operands make it [1, 2, 3, 12]"),
]

SLICING: list[Refusal] = [
    (strided_slice, {"x": tensor("x", (1, 6, 5, 4, 1))}, "x [1, 6, 5, 4, 1] has 5 axes, over 4"),
    (strided_slice, {"x": tensor("x", (6, 5, 4), "int64")}, "x is int64; TFLM takes int8, int16, int32, float32, bool"),
    (strided_slice, {"begin": numbers("begin", [1, 2])}, "begin has 2 numbers for 3 axes"),
    (strided_slice, {"strides": numbers("strides", [[2, -3, 1]])}, "strides has 3 numbers for 3 axes"),
    (strided_slice, {"strides": numbers("strides", [2, 0, 1])}, "strides [2, 0, 1] holds the stride 0"),
    (
        strided_slice,
        {"strides": numbers("strides", [2**30, 1, 1])},
        "strides [1073741824, 1, 1] holds the stride 1073741824",
    ),
    (strided_slice, {"begin": numbers("begin", [1, -1, 4])}, "index 4 is outside axis 2 of x [6, 5, 4]"),
    (strided_slice, {"begin": numbers("begin", [1, -1, -5])}, "index -5 is outside axis 2 of x [6, 5, 4]"),
    (strided_slice, {"strides": numbers("strides", [2, -3, -1])}, "axis 2 is indexed with the stride -1"),
    (strided_slice, {"begin": numbers("begin", [6, -1, 3])}, "nothing is left of x [6, 5, 4]: [0, 2]"),
    (
        strided_slice,
        {"end_mask": 1, "begin_mask": 1, "shrink_axis_mask": 0},
        "y is [3, 2]; its operands make it [3, 2, 1]",
    ),
    (strided_slice, {"begin": numbers("begin", [1, -1, 3], "int64")}, "begin is int64, not int32"),
    (slice_, {"x": tensor("x", (1,) * 6)}, "x [1, 1, 1, 1, 1, 1] has 6 axes, over 5"),
    (slice_, {"begin": numbers("begin", [1])}, "begin has 1 numbers for 2 axes"),
    (slice_, {"begin": numbers("begin", [1, 2], "int64")}, "begin, size mix the types int32 and int64"),
    (slice_, {"begin": numbers("begin", [-1, 2])}, "2 from -1 on is outside axis 0 of x [6, 5]"),
    (slice_, {"begin": numbers("begin", [1, 5])}, "-1 from 5 on is outside axis 1 of x [6, 5]"),
    (slice_, {"size": numbers("size", [6, 3])}, "6 from 1 on is outside axis 0 of x [6, 5]"),
    (slice_, {"size": numbers("size", [0, 3])}, "0 from 1 on is outside axis 0 of x [6, 5]"),
    (slice_, {"size": numbers("size", [-2, 3])}, "-2 from 1 on is outside axis 0 of x [6, 5]"),
    (slice_, {"y": tensor("y", (2, 2))}, "y is [2, 2]; its operands make it [2, 3]"),
    (slice_, {"x": uint8("x", 6, 5)}, "x is uint8; TFLM takes int8, int16, int32, float32, bool"),
    (reverse, {"a": numbers("a", [0, 2])}, "a names the axes [0, 2]; TFLM reverses neighbouring axes only, each once"),
    (reverse, {"a": numbers("a", [1, -2])}, "a names the axes [1, 1]; TFLM reverses neighbouring axes only, each once"),
    (reverse, {"a": numbers("a", [3])}, "axis 3 is outside 3 axes"),
    (reverse, {"a": numbers("a", 0)}, "a [] must have 1 axes"),
    (reverse, {"x": tensor("x", (1,) * 7)}, "x [1, 1, 1, 1, 1, 1, 1] has 7 axes, over 6"),
]

GATHERING: list[Refusal] = [
    (gather, {"axis": 4}, "axis 4 is outside 4 axes"),
    (
        gather,
        {"positions": numbers("positions", [[0, 4, 1], [2, 2, 0]])},
        "position [4] is outside axis 2 of x [2, 3, 4, 5]",
    ),
    (
        gather,
        {"positions": numbers("positions", [[0, -1, 1], [2, 2, 0]])},
        "position [-1] is outside axis 2 of x [2, 3, 4, 5]",
    ),
    (gather, {"positions": tensor("positions", (2, 3), "int64", None)}, "positions is int64; TFLM takes int32"),
    (gather, {"batch_dims": 3}, "x [2, 3, 4, 5] and positions [2, 3] don't share 3 batch axes before axis 2"),
    (gather, {"batch_dims": -3}, "x [2, 3, 4, 5] and positions [2, 3] don't share -3 batch axes before axis 2"),
    (gather, {"axis": 0}, "x [2, 3, 4, 5] and positions [2, 3] don't share 1 batch axes before axis 0"),
    (
        gather,
        {"x": tensor("x", (3, 3, 4, 5))},
        "x [3, 3, 4, 5] and positions [2, 3] don't share 1 batch axes before axis 2",
    ),
    (gather, {"x": tensor("x", (2, 3, 4, 5), "int16")}, "x is int16; TFLM takes int8, float32"),
    (gather, {"batch_dims": 0}, "y is [2, 3, 3, 5]; its operands make it [2, 3, 2, 3, 5]"),
]

REFLECT, SYMMETRIC = (lambda: mirror_pad(MirrorMode.REFLECT)), (lambda: mirror_pad(MirrorMode.SYMMETRIC))

PADDING: list[Refusal] = [
    (pad, {"paddings": numbers("paddings", [[1, 2], [0, -3]])}, "paddings [1, 2, 0, -3] holds a padding below 0"),
    (pad, {"paddings": numbers("paddings", [[1, 2]])}, "paddings is [1, 2]; its operands make it [2, 2]"),
    (pad, {"paddings": numbers("paddings", [1, 2, 0, 3])}, "paddings is [4]; its operands make it [2, 2]"),
    (pad, {"paddings": numbers("paddings", [[1, 2], [0, 3]], "int64")}, "paddings is int64, not int32"),
    (
        pad,
        {"paddings": numbers("paddings", [[2**31 - 1, 1], [0, 3]])},
        "y is [5, 6]; its operands make it [2147483650, 6]",
    ),
    (pad, {"x": tensor("x", (1,) * 6)}, "x [1, 1, 1, 1, 1, 1] has 6 axes, over 5"),
    (pad, {"x": uint8("x", 2, 3)}, "x is uint8; TFLM takes int8, int16, int32, float32"),
    (pad, {"y": tensor("y", (5, 6), scale=None)}, "y is int8 without a scale and zero point"),
    (pad_v2, {"value": tensor("value", (1,))}, "value must be a constant"),
    (pad_v2, {"value": int8_constant("value", [1, 2])}, "value [2] holds 2 numbers where one belongs"),
    (pad_v2, {"value": int8_constant("value", np.ones((1,) * 7))}, "value [1, 1, 1, 1, 1, 1, 1] has 7 axes, over 6"),
    (
        pad_v2,
        {"value": constant("value", np.ones(1, np.int8), Quantization((1.0,), (0,)))},
        "x has scale 0.5 and zero point 0, value has scale 1 and zero point 0; they must be equal",
    ),
    (pad_v2, {"value": constant("value", np.ones(1, np.int16))}, "x, y, value mix the types int16 and int8"),
    (REFLECT, {"x": tensor("x", (1, 3))}, "axis 0 of x [1, 3] has 0 numbers to mirror, not 1"),
    (REFLECT, {"paddings": numbers("paddings", [[1, 0], [3, 0]])}, "axis 1 of x [2, 3] has 2 numbers to mirror, not 3"),
    (
        SYMMETRIC,
        {"paddings": numbers("paddings", [[1, 0], [4, 0]])},
        "axis 1 of x [2, 3] has 3 numbers to mirror, not 4",
    ),
    (SYMMETRIC, {"paddings": numbers("paddings", [[1, 0], [-1, 4]])}, "paddings [1, 0, -1, 4] holds a padding below 0"),
    (SYMMETRIC, {"x": tensor("x", (2, 3), "int16")}, "x is int16; TFLM takes int8, float32"),
]

NEAREST, BILINEAR = (lambda: resize(ops.ResizeNearest)), (lambda: resize(ops.ResizeBilinear))

RESIZING: list[Refusal] = [
    *(
        refusal
        for case in (NEAREST, BILINEAR)
        for refusal in (
            (case, {"x": tensor("x", (4, 6, 3))}, "x [4, 6, 3] must have 4 axes"),
            (case, {"size": numbers("size", [8])}, "size is [8]; it must be a height and a width from 1 on"),
            (case, {"size": numbers("size", [8, 0])}, "size is [8, 0]; it must be a height and a width from 1 on"),
            (case, {"size": numbers("size", [[8, 3]])}, "size [1, 2] must have 1 axes"),
            (case, {"size": numbers("size", [3, 8])}, "y is [1, 8, 3, 3]; its operands make it [1, 3, 8, 3]"),
            (case, {"x": tensor("x", (1, 2**21, 6, 3))}, "2,097,152 pixels are over 2,097,152"),
        )
    ),
    (NEAREST, {"x": tensor("x", (1, 4, 6, 3), "int32")}, "x is int32; TFLM takes int8, int16, float32"),
    (BILINEAR, {"x": tensor("x", (1, 4, 6, 3), "int16")}, "x is int16; TFLM takes int8, float32"),
    (BILINEAR, {"align_corners": True}, "it has both aligned corners and half-pixel centres"),
]


@pytest.mark.parametrize(
    ("case", "changes", "sentence"), RESHAPING + JOINING + SPLITTING + BLOCKS + SLICING + GATHERING + PADDING + RESIZING
)
def test_an_op_refuses(case: Callable[[], Case], changes: Changes, sentence: str) -> None:
    assert refusal(case(), changes) == sentence


@pytest.mark.parametrize(
    ("case", "tensors", "attributes"),
    [
        (strided_slice, {}, {"begin_mask": 2, "end_mask": 1}),
        (gather, {"positions": tensor("positions", (2, 3), "int32", None)}, {}),
        (gather, {}, {"batch_dims": -1}),
        (SYMMETRIC, {"paddings": numbers("paddings", [[1, 0], [3, 0]])}, {}),
        (reshape, {"shape": tensor("shape", (2,), "int32", None)}, {}),
        (reshape, {}, {"inputs": ("x",)}),
        (squeeze, {}, {"axes": ()}),
        (split_v, {"sizes": numbers("sizes", [-1, 3], "int64")}, {}),
    ],
)
def test_an_op_takes(case: Callable[[], Case], tensors: Changes, attributes: Changes) -> None:
    sound = case()
    check(sound | tensors | {"op": replace(sound["op"], **attributes)})


def test_int16_padding_and_joining_need_zero_points_of_0() -> None:
    x, y = tensor("x", (2, 3), "int16", 0.5, 3), tensor("y", (5, 6), "int16", 0.5, 3)
    assert refusal(pad(), {"x": x, "y": y}) == "y is int16 with the zero point 3; TFLM takes 0"
    names = {
        name: replace(one, dtype=x.dtype, quantization=x.quantization)
        for name, one in concatenation().items()
        if name != "op"
    }
    limits = Range(-(2**15), 2**15 - 1)
    assert (
        refusal(concatenation(), {**names, "activation": limits}) == "x0 is int16 with the zero point 3; TFLM takes 0"
    )


def test_bilinear_positions_must_stay_in_the_image() -> None:
    """2048 / 129 rounds up to 16; the 129th pixel lies at 128 · 16 / 1024 = 2."""

    def upsampling(height: int) -> Case:
        x, y = tensor("x", (1, 2, 6, 3)), tensor("y", (1, height, 3, 3))
        case = resize(ops.ResizeBilinear) | {"x": x, "size": numbers("size", [height, 3]), "y": y}
        return case | {"op": replace(case["op"], half_pixel_centers=False)}

    check(upsampling(128))
    assert refusal(upsampling(129), {}) == (
        "resizing 2 pixels to 129 in steps of 1/1024 pixels, as TFLM does, reads pixel 2 of 2"
    )


def test_a_constant_with_more_axes_than_tflm_has_is_refused() -> None:
    """More than 32 axes numpy can't hold."""
    many = replace(numbers("a", [0]), shape=(1,) * 40)
    assert refusal(split(), {"a": many}).endswith("has 40 axes, over 6")
