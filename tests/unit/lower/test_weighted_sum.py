# SPDX-License-Identifier: Apache-2.0
"""A weighted sum that is found gives TFLM's results for all pairs of int8 numbers."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from single_op import graph_of, tensor

from sapmcu.ir import ops
from sapmcu.ir.factors import sum_factors
from sapmcu.ir.graph import Array
from sapmcu.lower.weighted_sum import find_weighted_sum, sum_table
from sapmcu.reference import run_graph
from sapmcu.reference.fixed_point import quantize_multiplier

scales = st.floats(0.01, 1.0)
zero_points = st.integers(-128, 127)
NUMBERS = np.arange(-128, 128, dtype=np.int8)


def all_pairs(
    sign: int, x: tuple[float, int], y: tuple[float, int], z: tuple[float, int]
) -> tuple[dict[str, int], Array]:
    """(fields of the kernel, the reference's results by x and y). x, y, z: scale and zero point."""
    tensors = [tensor(name, (256, 256), "int8", *one) for name, one in zip("xyz", (x, y, z), strict=True)]
    kind = ops.Add if sign > 0 else ops.Sub
    graph = graph_of(kind(("x", "y"), ("z",), ops.Range(-128, 127)), *tensors)
    left, right = np.meshgrid(NUMBERS, NUMBERS, indexing="ij")
    factors = sum_factors(*tensors)
    fields = {f"{one.name}_zero_point": one.zero_point for one in tensors}
    for name, factor in (("x", factors.x), ("y", factors.y), ("z", factors.result)):
        fields[f"{name}_multiplier"], fields[f"{name}_shift"] = quantize_multiplier(factor)
    return fields, run_graph(graph, [left, right])["z"]


quantizations = st.tuples(scales, zero_points)


@given(st.sampled_from([1, -1]), quantizations, quantizations, quantizations)
def test_results_are_those_of_the_reference(
    sign: int, x: tuple[float, int], y: tuple[float, int], z: tuple[float, int]
) -> None:
    fields, expected = all_pairs(sign, x, y, z)
    np.testing.assert_array_equal(sum_table(fields, sign), expected)
    found = find_weighted_sum(fields, sign)
    if found is not None:
        np.testing.assert_array_equal(found.results(), expected)
        assert abs(found.offset) + 128 * (abs(found.x_factor) + abs(found.y_factor)) < 2**31


def test_sums_behind_a_relu_are_weighted_sums() -> None:
    """As in residual networks, most of them. Some pair may be too near a tie."""
    random = np.random.default_rng(0)
    found = []
    for _ in range(20):
        x, y = ((float(random.uniform(0.03, 0.12)), int(random.integers(-128, 128))) for _ in range(2))
        found.append(find_weighted_sum(all_pairs(1, x, y, (0.1, -128))[0], 1))
    assert found.count(None) <= 2


def test_factors_too_large_for_a_word_are_refused() -> None:
    fields, _ = all_pairs(1, (1.0, 0), (1.0, 0), (0.1, 0))
    assert find_weighted_sum(fields, 1) is None
