# SPDX-License-Identifier: Apache-2.0
"""Matrix products and arithmetic of one-op graphs, run by their kernels on a machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import numpy as np
from native.machines import Machine
from native.spatial_ops import clamping, folded_bias
from native.structs import Params, Value, place

from sapmcu.ir import ops
from sapmcu.ir.factors import product_factor, quotient_factor, squared_difference_factors, sum_factors
from sapmcu.ir.graph import Array, Graph, Op, Tensor
from sapmcu.ir.ops import BatchMatMul, FullyConnected, Range
from sapmcu.lower.weighted_sum import find_weighted_sum
from sapmcu.reference.convolution import channel_factors
from sapmcu.reference.fixed_point import quantize_multiplier

INT8 = Range(-128, 127)


def _result(machine: Machine, y: Tensor) -> int:
    return machine.allocate(b"\x55" * y.elements)


def _values(machine: Machine, address: int, y: Tensor) -> Array:
    return np.frombuffer(machine.read(address, y.elements), np.int8).reshape(y.shape)


def run_fully_connected(machine: Machine, graph: Graph, values: Sequence[Array]) -> Array:
    """By the kernel for constant filters, or by that for matrices."""
    op = graph.ops[0]
    assert isinstance(op, FullyConnected)
    names = [name for name in op.inputs if name is not None]
    x, filters, y = graph.tensors[names[0]], graph.tensors[names[1]], graph.tensors[op.outputs[0]]
    bias = graph.tensors[names[2]].value.ravel() if len(names) > 2 else None
    multipliers, shifts = channel_factors(x, filters, y)
    count, depth = filters.shape
    machine.reset()
    result, source = _result(machine, y), machine.allocate(values[0].tobytes())
    if filters.is_constant:
        fields: dict[str, Value] = {
            "filter": filters.value,
            "bias": folded_bias(bias, filters.value, x.zero_point),
            "multiplier": multipliers.astype(np.int32),
            "shift": shifts.astype(np.int8),
            "is_per_channel": int(len(shifts) > 1),
            "vectors": x.elements // depth,
            "depth": depth,
            "out_channels": count,
            "y_zero_point": y.zero_point,
            **clamping(op.activation),
        }
        params = place(machine, Params("sapmcu_fully_connected_s8_params", fields))
        machine.call("sapmcu_fully_connected_s8", params, source, result)
    else:
        fields = {
            "bias": bias,
            "multiplier": int(multipliers[0]),
            "shift": int(shifts[0]),
            "rows": x.elements // depth,
            "depth": depth,
            "columns": count,
            "is_x_transposed": 0,
            "is_y_transposed": 1,
            "x_zero_point": x.zero_point,
            "y_zero_point": 0,
            "z_zero_point": y.zero_point,
            **clamping(op.activation),
        }
        params = place(machine, Params("sapmcu_mat_mul_s8_params", fields))
        machine.call("sapmcu_mat_mul_s8", params, source, machine.allocate(values[1].tobytes()), result)
    return _values(machine, result, y)


def _padded(sizes: Sequence[int], rank: int) -> tuple[int, ...]:
    return (1,) * (rank - len(sizes)) + tuple(sizes)


def _strides(sizes: Sequence[int], inner: int) -> list[int]:
    """Bytes from one block of `inner` bytes to the next along each axis, 0 along those of length 1."""
    strides = []
    for axis, size in enumerate(sizes):
        strides.append(0 if size == 1 else inner * int(np.prod(sizes[axis + 1 :], dtype=np.int64)))
    return strides


def _run_dot_products(machine: Machine, fields: Mapping[str, Value], values: Sequence[Array], z: Tensor) -> Array:
    """Three times: z in a place of its own, and where x or y begins, as the header allows."""
    params = Params("sapmcu_mat_mul_s8_params", {**fields, "rows": z.elements})
    found = []
    for place_of_z in (None, 0, 1):
        machine.reset()
        apart, addresses = _result(machine, z), [machine.allocate(value.tobytes()) for value in values]
        result = apart if place_of_z is None else addresses[place_of_z]
        machine.call("sapmcu_dot_products_s8", place(machine, params), *addresses, result)
        found.append(_values(machine, result, z))
    assert all(np.array_equal(found[0], one) for one in found[1:])
    return found[0]


def run_batch_mat_mul(machine: Machine, graph: Graph, values: Sequence[Array]) -> Array:
    op = graph.ops[0]
    assert isinstance(op, BatchMatMul)
    x, y, z = graph.tensors["x"], graph.tensors["y"], graph.tensors[op.outputs[0]]
    (multiplier,), (shift,) = channel_factors(x, y, z)
    rows, columns = z.shape[-2:]
    depth = x.shape[-2] if op.adjoint_x else x.shape[-1]
    fields: dict[str, Value] = {
        "bias": None,
        "multiplier": int(multiplier),
        "shift": int(shift),
        "rows": rows,
        "depth": depth,
        "columns": columns,
        "is_x_transposed": int(op.adjoint_x),
        "is_y_transposed": int(op.adjoint_y),
        "x_zero_point": x.zero_point,
        "y_zero_point": y.zero_point,
        "z_zero_point": z.zero_point,
        **clamping(INT8),
    }
    if rows == columns == 1 and x.elements == y.elements == z.elements * depth:
        return _run_dot_products(machine, fields, values, z)
    params = Params("sapmcu_mat_mul_s8_params", fields)
    batches: dict[str, Value] = {}
    for index, size in enumerate(_padded(z.shape[:-2], 3)):
        batches[f"count_{index}"] = size
    for name, one in (("x", x), ("y", y)):
        for index, stride in enumerate(_strides(_padded(one.shape[:-2], 3), one.shape[-1] * one.shape[-2])):
            batches[f"{name}_stride_{index}"] = stride
    machine.reset()
    result, addresses = _result(machine, z), [machine.allocate(value.tobytes()) for value in values]
    loops = place(machine, Params("sapmcu_mat_mul_batches", batches))
    machine.call("sapmcu_run_mat_mul", loops, place(machine, params), *addresses, result)
    return _values(machine, result, z)


def binary_params(op: Op, x: Tensor, y: Tensor, z: Tensor) -> Params | None:
    zero_points: dict[str, Value] = {
        "x_zero_point": x.zero_point,
        "y_zero_point": y.zero_point,
        "z_zero_point": z.zero_point,
    }
    if isinstance(op, ops.Maximum | ops.Minimum):
        return None
    if isinstance(op, ops.Mul | ops.Div):
        factor = (product_factor if isinstance(op, ops.Mul) else quotient_factor)(x, y, z)
        multiplier, shift = quantize_multiplier(factor)
        fields = {"multiplier": multiplier, "shift": shift, **zero_points, **clamping(op.activation)}
        return Params("sapmcu_product_s8_params", fields)
    is_squared = isinstance(op, ops.SquaredDifference)
    factors = (squared_difference_factors if is_squared else sum_factors)(x, y, z)
    fields = {**zero_points, **clamping(op.activation if isinstance(op, ops.Add | ops.Sub) else INT8)}
    for name, factor in (("x", factors.x), ("y", factors.y), ("z", factors.result)):
        fields[f"{name}_multiplier"], fields[f"{name}_shift"] = quantize_multiplier(factor)
    return Params("sapmcu_sum_s8_params", fields)


BINARY = {
    ops.Add: "sapmcu_add_s8",
    ops.Sub: "sapmcu_sub_s8",
    ops.Mul: "sapmcu_mul_s8",
    ops.Div: "sapmcu_div_s8",
    ops.Maximum: "sapmcu_maximum_s8",
    ops.Minimum: "sapmcu_minimum_s8",
    ops.SquaredDifference: "sapmcu_squared_difference_s8",
}


def weighted_params(graph: Graph) -> Params | None:
    """Of the same sum as a weighted one; None where it is no sum, or no weights give it."""
    op = graph.ops[0]
    params = binary_params(op, *(graph.tensors[name] for name in "xyz"))
    if not isinstance(op, ops.Add | ops.Sub) or params is None or op.activation != INT8:
        return None
    numbers = {name: value for name, value in params.fields.items() if isinstance(value, int)}
    found = find_weighted_sum(numbers, 1 if isinstance(op, ops.Add) else -1)
    return None if found is None else Params("sapmcu_weighted_sum_s8_params", asdict(found))


def run_binary(
    machine: Machine, graph: Graph, values: Sequence[Array], in_place: str = "", weighted: Params | None = None
) -> Array:
    """in_place: the operand whose bytes the result takes. weighted: the sum's factors, for that kernel."""
    op = graph.ops[0]
    x, y, z = (graph.tensors[name] for name in "xyz")
    sizes = {name: _padded(one.shape, max(1, len(z.shape))) for name, one in (("x", x), ("y", y), ("z", z))}
    strides = {name: _strides(one, 1) for name, one in sizes.items()}
    table = np.array(list(zip(sizes["z"], strides["x"], strides["y"], strict=True)), np.uint32)
    steps = {f"{name}_step": int(sizes[name][-1] > 1 or sizes["z"][-1] == 1) for name in "xy"}
    geometry = Params(
        "sapmcu_broadcast",
        {"loops": table[:-1], "loop_count": len(table) - 1, "count": sizes["z"][-1], **steps},
    )
    machine.reset()
    addresses = {name: machine.allocate(value.tobytes()) for name, value in zip("xy", values, strict=True)}
    result = addresses[in_place] if in_place else _result(machine, z)
    params = weighted or binary_params(op, x, y, z)
    params_address = 0 if params is None else place(machine, params)
    kernel = machine.function("sapmcu_weighted_sum_s8" if weighted else BINARY[type(op)])
    machine.call(
        "sapmcu_run_binary", place(machine, geometry), kernel, params_address, addresses["x"], addresses["y"], result
    )
    return _values(machine, result, z)
