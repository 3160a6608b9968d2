# SPDX-License-Identifier: Apache-2.0
"""Whole models: every tensor that numpy computes equals TFLM's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from strategies import smooth
from strategies_data import any_data

from sapmcu.emit.tflite import write_tflite
from sapmcu.frontends.tflite import load_tflite
from sapmcu.ir.graph import Array, Tensor
from sapmcu.reference import run_graph
from sapmcu.run import tflm_host

RUNS = 15
"""Of each kind of input."""


@pytest.mark.needs("tflite_micro")
@pytest.mark.parametrize("make", [any_data, smooth])
def test_every_tensor_of_a_reference_model_equals_tflm(
    tflite_model: Path, make: Callable[[Tensor, np.random.Generator], Array]
) -> None:
    graph = load_tflite(tflite_model)
    # as graph outputs, TFLM keeps all tensors to the end
    graph = replace(graph, outputs=tuple(name for op in graph.ops for name in op.outputs))
    generator = np.random.default_rng(7)
    inputs = [[make(graph.tensors[name], generator) for name in graph.inputs] for _ in range(RUNS)]
    outputs = tflm_host.invoke(write_tflite(graph), inputs, len(graph.outputs))
    for values, expected in zip(inputs, outputs, strict=True):
        got = run_graph(graph, values)
        for name, array in zip(graph.outputs, expected, strict=True):
            np.testing.assert_array_equal(got[name], array, err_msg=name)
