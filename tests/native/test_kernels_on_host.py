# SPDX-License-Identifier: Apache-2.0
"""Portable kernels on this host, under the address and undefined-behaviour sanitizers: the reference's bytes."""

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
from native.kernel_files import build_host_server
from native.machines import Host
from strategies import transpose_convolution_graphs, varied_inputs
from strategies_data import REPEATABLE, generators

from sapmcu.ir.graph import Graph

pytestmark = pytest.mark.needs("gcc")


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    machine = Host(build_host_server(tmp_path_factory.mktemp("host")))
    yield machine
    machine.close()


@REPEATABLE
@given(spatial_graphs(), generators)
def test_convolutions_equal_the_reference(host: Host, graph: Graph, generator: np.random.Generator) -> None:
    assert_kernels_equal_reference(host, graph, varied_inputs(graph, generator))


@REPEATABLE
@given(transpose_convolution_graphs(), generators)
def test_transposed_convolutions_equal_the_reference(host: Host, graph: Graph, generator: np.random.Generator) -> None:
    assert_kernels_equal_reference(host, graph, varied_inputs(graph, generator))


@REPEATABLE
@given(pool_graphs(), generators)
def test_pools_equal_the_reference(host: Host, graph: Graph, generator: np.random.Generator) -> None:
    assert_kernels_equal_reference(host, graph, varied_inputs(graph, generator))


@REPEATABLE
@given(product_graphs(), generators)
def test_matrix_products_equal_the_reference(host: Host, graph: Graph, generator: np.random.Generator) -> None:
    assert_kernels_equal_reference(host, graph, varied_inputs(graph, generator))


@REPEATABLE
@given(binary_graphs(), generators)
def test_arithmetic_equals_the_reference(host: Host, graph: Graph, generator: np.random.Generator) -> None:
    assert_binary_equals_reference(host, graph, generator)
