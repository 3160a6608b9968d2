# SPDX-License-Identifier: Apache-2.0
"""DSP twins on an emulated Cortex-M4, built by gcc: the reference's bytes, and no access beyond a buffer."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from native.cases import (
    assert_binary_equals_reference,
    assert_kernels_equal_reference,
    binary_graphs,
    pool_graphs,
    product_graphs,
    spatial_graphs,
)
from native.kernel_files import GCC, build_kernels
from native.machines import Emulated
from strategies import transpose_convolution_graphs, varied_inputs
from strategies_data import REPEATABLE, generators

from sapmcu.ir.graph import Graph

pytestmark = pytest.mark.needs("arm-none-eabi-gcc", "unicorn", "elftools")


@pytest.fixture(scope="module")
def m4(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulated]:
    elf = build_kernels(tmp_path_factory.mktemp("m4"), GCC, "cortex-m4", has_dsp=True)
    machine = Emulated(elf, "M4")
    yield machine
    machine.close()


@REPEATABLE
@given(spatial_graphs(), generators)
def test_convolutions_equal_the_reference(m4: Emulated, graph: Graph, generator: np.random.Generator) -> None:
    assert_kernels_equal_reference(m4, graph, varied_inputs(graph, generator))


@REPEATABLE
@given(transpose_convolution_graphs(), generators)
def test_transposed_convolutions_equal_the_reference(
    m4: Emulated, graph: Graph, generator: np.random.Generator
) -> None:
    assert_kernels_equal_reference(m4, graph, varied_inputs(graph, generator))


@REPEATABLE
@given(pool_graphs(), generators)
def test_pools_equal_the_reference(m4: Emulated, graph: Graph, generator: np.random.Generator) -> None:
    assert_kernels_equal_reference(m4, graph, varied_inputs(graph, generator))


@REPEATABLE
@given(product_graphs(), generators)
def test_matrix_products_equal_the_reference(m4: Emulated, graph: Graph, generator: np.random.Generator) -> None:
    assert_kernels_equal_reference(m4, graph, varied_inputs(graph, generator))


@REPEATABLE
@given(binary_graphs(), generators)
def test_arithmetic_equals_the_reference(m4: Emulated, graph: Graph, generator: np.random.Generator) -> None:
    assert_binary_equals_reference(m4, graph, generator)
