# SPDX-License-Identifier: Apache-2.0
"""Kernels give the reference's bytes: portable ones on this host, under the address and undefined-behaviour sanitizers,
twins on an emulated Cortex-M4 and M0, built by gcc, where no access beyond a buffer goes unseen."""

from __future__ import annotations

import platform
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
from native.kernel_files import GCC, build_host_server, build_kernels
from native.machines import Emulated, Host
from native.packed_ops import assert_packed_equals_reference, lanes_graphs, packed_graphs, tiled_convolutions
from strategies import transpose_convolution_graphs, varied_inputs
from strategies_data import REPEATABLE, generators

from sapmcu.ir.filters import FilterForm
from sapmcu.ir.graph import Graph
from sapmcu.ir.twins import Twins

HOST = pytest.param("host", marks=pytest.mark.needs("gcc"))
M4 = pytest.param("m4", marks=pytest.mark.needs("arm-none-eabi-gcc", "unicorn", "elftools"))

M0 = pytest.param("m0", marks=pytest.mark.needs("arm-none-eabi-gcc", "unicorn", "elftools"))


@pytest.fixture(scope="module", params=[HOST, M4, M0])
def machine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host | Emulated]:
    directory = tmp_path_factory.mktemp(request.param)
    if request.param == "host":
        made: Host | Emulated = Host(build_host_server(directory))
    elif request.param == "m4":
        made = Emulated(build_kernels(directory, GCC, "cortex-m4", Twins.DSP), "M4")
    else:
        made = Emulated(build_kernels(directory, GCC, "cortex-m0plus", Twins.V6M), "M0")
    yield made
    made.close()


@REPEATABLE
@given(spatial_graphs(), generators)
def test_convolutions_equal_the_reference(
    machine: Host | Emulated, graph: Graph, generator: np.random.Generator
) -> None:
    assert_kernels_equal_reference(machine, graph, varied_inputs(graph, generator))


@pytest.fixture(scope="module", params=["", "-mavx2"])
def with_host_twins(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """On each width of vectors that they know."""
    if request.param and platform.machine() not in ("x86_64", "AMD64"):
        pytest.skip(f"{request.param} is for x86-64")
    options = [request.param] if request.param else []
    made = Host(build_host_server(tmp_path_factory.mktemp("twins"), has_twins=True, options=options))
    yield made
    made.close()


@REPEATABLE
@pytest.mark.needs("gcc")
@given(spatial_graphs(), generators)
def test_convolutions_in_a_hosts_vectors_equal_the_reference(
    with_host_twins: Host, graph: Graph, generator: np.random.Generator
) -> None:
    assert_kernels_equal_reference(with_host_twins, graph, varied_inputs(graph, generator))


@REPEATABLE
@given(packed_graphs(), generators)
def test_packed_filters_give_the_reference(
    machine: Host | Emulated, graph: Graph, generator: np.random.Generator
) -> None:
    assert_packed_equals_reference(machine, graph, varied_inputs(graph, generator))


@REPEATABLE
@given(packed_graphs(), generators)
def test_wide_filters_give_the_reference(
    machine: Host | Emulated, graph: Graph, generator: np.random.Generator
) -> None:
    inputs = varied_inputs(graph, generator)
    assert_packed_equals_reference(machine, graph, inputs, filters=FilterForm.INT16)


@REPEATABLE
@given(tiled_convolutions(), generators)
def test_tiles_give_the_reference(machine: Host | Emulated, graph: Graph, generator: np.random.Generator) -> None:
    inputs = varied_inputs(graph, generator)
    assert_packed_equals_reference(machine, graph, inputs, filters=FilterForm.WINOGRAD)
    assert_packed_equals_reference(machine, graph, inputs, filters=FilterForm.WINOGRAD_ROW)


@REPEATABLE
@given(lanes_graphs(), generators)
def test_two_pixels_to_a_word_give_the_reference(
    machine: Host | Emulated, graph: Graph, generator: np.random.Generator
) -> None:
    assert_packed_equals_reference(machine, graph, varied_inputs(graph, generator), Twins.V6M)


@REPEATABLE
@given(transpose_convolution_graphs(), generators)
def test_transposed_convolutions_equal_the_reference(
    machine: Host | Emulated, graph: Graph, generator: np.random.Generator
) -> None:
    assert_kernels_equal_reference(machine, graph, varied_inputs(graph, generator))


@REPEATABLE
@given(pool_graphs(), generators)
def test_pools_equal_the_reference(machine: Host | Emulated, graph: Graph, generator: np.random.Generator) -> None:
    assert_kernels_equal_reference(machine, graph, varied_inputs(graph, generator))


@REPEATABLE
@given(product_graphs(), generators)
def test_matrix_products_equal_the_reference(
    machine: Host | Emulated, graph: Graph, generator: np.random.Generator
) -> None:
    assert_kernels_equal_reference(machine, graph, varied_inputs(graph, generator))


@REPEATABLE
@given(binary_graphs(), generators)
def test_arithmetic_equals_the_reference(
    machine: Host | Emulated, graph: Graph, generator: np.random.Generator
) -> None:
    assert_binary_equals_reference(machine, graph, generator)
