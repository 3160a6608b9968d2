# SPDX-License-Identifier: Apache-2.0
"""Functions of one number: a table of its 256 results, filled by the reference and so exact by construction."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sapmcu.ir import ops
from sapmcu.ir.factors import product_factor, ratio_factor
from sapmcu.ir.graph import Array, DType, Op, Tensor
from sapmcu.ir.native import Argument, Call, FunctionRef, Lowered, Params
from sapmcu.lower.forms import ROWS_HEADER, image_rows, row_form, with_forms
from sapmcu.lower.table import (
    LoweringError,
    Operands,
    Results,
    address,
    array_constant,
    in_place,
    lowering,
    need_int8,
    operand,
)
from sapmcu.reference.fixed_point import quantize_multiplier
from sapmcu.reference.kernel import EVALUATE, Operand

BYTES = np.arange(256, dtype=np.uint8).view(np.int8)
"""Every int8 number in the order of its byte: 0..127, −128..−1."""


def results_of_all(op: Op, operands: Operands, y: Tensor, varied: int = 0, values: Array = BYTES) -> Array:
    """op of each of 256 values of its operand `varied`; the other operands are constants of one number."""
    given = []
    for index, tensor in enumerate(operands):
        assert tensor is not None
        if index == varied:
            given.append(Operand(replace(tensor, shape=values.shape), values))
        else:
            given.append(Operand(tensor, tensor.value.reshape(1)))
    (results,) = EVALUATE[type(op)](op, tuple(given), (replace(y, shape=values.shape),))
    return results


def lut_call(table: Array, x: Tensor, y: Tensor) -> Lowered:
    """y = table[x], int8."""
    lut = array_constant(table, "lut")
    arguments: tuple[Argument, ...] = (lut, address(x), address(y), y.elements)
    lowered = Lowered((Call("sapmcu_lut_s8", "sapmcu/lut.h", arguments),), in_place=in_place(y, x))
    if x.is_constant or x.elements != y.elements or image_rows(x) != image_rows(y):
        return lowered
    params = Params("sapmcu_lut_row_s8_params", (("lut", lut), ("count", image_rows(y)[1])), "row")
    kernel = FunctionRef("sapmcu_lut_row_s8", ROWS_HEADER)
    return with_forms(lowered, row_form(kernel, params, x, y, is_in_place=True))


@lowering(
    ops.Abs,
    ops.HardSwish,
    ops.LeakyRelu,
    ops.Logistic,
    ops.Relu,
    ops.Relu6,
    ops.Tanh,
)
def unary(op: Op, operands: Operands, results: Results) -> Lowered:
    x, (y,) = operand(operands), results
    need_int8(x, y)
    return lut_call(results_of_all(op, operands, y), x, y)


@lowering(ops.Rsqrt)
def rsqrt(op: ops.Rsqrt, operands: Operands, results: Results) -> Lowered:
    """Numbers below 0, for which TFLM fails, give what 0 gives."""
    x, (y,) = operand(operands), results
    need_int8(x, y)
    values = np.maximum(BYTES, np.int8(x.zero_point))
    return lut_call(results_of_all(op, operands, y, values=values), x, y)


@lowering(ops.Dequantize)
def dequantize(op: ops.Dequantize, operands: Operands, results: Results) -> Lowered:
    x, (y,) = operand(operands), results
    need_int8(x)
    table = results_of_all(op, operands, y)
    if not np.isfinite(table).all():
        raise LoweringError(f"{x.name} has a scale of {x.scale:g}, too large for float32")
    constant = array_constant(table, "lut", "float")
    call = Call("sapmcu_dequantize_s8", "sapmcu/lut.h", (constant, address(x), address(y), y.elements))
    return Lowered((call,))


REQUANTIZE = {
    (DType.INT16, DType.INT8): "sapmcu_requantize_s16_s8",
    (DType.INT32, DType.INT8): "sapmcu_requantize_s32_s8",
    (DType.INT8, DType.INT16): "sapmcu_requantize_s8_s16",
    (DType.INT8, DType.INT32): "sapmcu_requantize_s8_s32",
}


@lowering(ops.Quantize)
def quantize(op: ops.Quantize, operands: Operands, results: Results) -> Lowered:
    x, (y,) = operand(operands), results
    types = (x.dtype, y.dtype)
    if types == (DType.INT8, DType.INT8):
        return lut_call(results_of_all(op, operands, y), x, y)
    if types == (DType.FLOAT32, DType.INT8):
        function = "sapmcu_quantize_f32_s8"
        params = Params("sapmcu_quantize_f32_s8_params", (("scale", y.scale), ("zero_point", y.zero_point)))
    elif types in REQUANTIZE:
        function = REQUANTIZE[types]
        multiplier, shift = quantize_multiplier(ratio_factor(x, y))
        params = Params(
            "sapmcu_requantize_params",
            (
                ("multiplier", multiplier),
                ("shift", shift),
                ("x_zero_point", x.zero_point),
                ("y_zero_point", y.zero_point),
            ),
        )
    else:
        raise LoweringError(f"it takes {x.dtype} to {y.dtype}, which the native engine doesn't")
    call = Call(function, "sapmcu/quantize.h", (params, address(x), address(y), y.elements))
    return Lowered((call,), in_place=in_place(y, x))


@lowering(ops.PRelu)
def prelu(op: ops.PRelu, operands: Operands, results: Results) -> Lowered:
    """One slope makes a table, several the kernel."""
    x, alpha, (y,) = operand(operands), operand(operands, 1), results
    need_int8(x, alpha, y)
    if x.shape != y.shape:
        raise LoweringError(f"its slopes {list(alpha.shape)} broadcast {x.name} {list(x.shape)}, not the other way")
    if alpha.elements == 1:
        return lut_call(results_of_all(op, operands, y), x, y)
    slopes, outer, inner = _slopes(alpha, x)
    positive, negative = (quantize_multiplier(one) for one in (ratio_factor(x, y), product_factor(x, alpha, y)))
    params = Params(
        "sapmcu_prelu_s8_params",
        (
            ("alpha", array_constant(slopes, "alpha")),
            ("outer", outer),
            ("slopes", slopes.size),
            ("inner", inner),
            ("x_zero_point", x.zero_point),
            ("alpha_zero_point", alpha.zero_point),
            ("y_zero_point", y.zero_point),
            ("positive_multiplier", positive[0]),
            ("positive_shift", positive[1]),
            ("negative_multiplier", negative[0]),
            ("negative_shift", negative[1]),
        ),
    )
    call = Call("sapmcu_prelu_s8", "sapmcu/prelu.h", (params, address(x), address(y)))
    lowered = Lowered((call,), in_place=in_place(y, x))
    rows, _ = image_rows(x)
    if x.is_constant or outer % rows:
        return lowered
    row = replace(params, fields=(params.fields[0], ("outer", outer // rows), *params.fields[2:]), role="row")
    return with_forms(lowered, row_form(FunctionRef("sapmcu_prelu_row_s8", ROWS_HEADER), row, x, y, is_in_place=True))


def _slopes(alpha: Tensor, x: Tensor) -> tuple[Array, int, int]:
    """(slopes, outer, inner): alpha from its first to its last axis that isn't 1, and how often around."""
    shape = (1,) * (len(x.shape) - len(alpha.shape)) + alpha.shape
    axes = [axis for axis, size in enumerate(shape) if size != 1]
    first, last = axes[0], axes[-1] + 1
    slopes = np.broadcast_to(alpha.value.reshape(shape[first:last]), x.shape[first:last])
    return slopes, int(np.prod(x.shape[:first])), int(np.prod(x.shape[last:]))
