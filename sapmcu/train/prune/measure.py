# SPDX-License-Identifier: Apache-2.0
"""What a Keras model needs on a board, exactly: it is converted, quantized on made-up samples, lowered and planned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sapmcu.errors import UserError
from sapmcu.frontends.keras import keras_to_tflite
from sapmcu.frontends.source import model_inputs
from sapmcu.frontends.tflite import read_tflite
from sapmcu.ir.check import verify_graph
from sapmcu.ir.cost import graph_macs
from sapmcu.ir.graph import Graph
from sapmcu.ir.pruning import ModelSize
from sapmcu.ir.source import ModelFormat, Source
from sapmcu.isolated import silent
from sapmcu.lower import lower_graph, order_graph
from sapmcu.passes import PASSES
from sapmcu.quantize.guess import guess_samples
from sapmcu.quantize.quantizer import check_full_int8
from sapmcu.quantize.tensorflow import quantize_with_tensorflow

SAMPLES = 2
"""Sizes don't depend on ranges."""


def int8_graph(model: Any) -> Graph:
    """The graph that `sapmcu convert` would emit, but for its scales.

    Raises: UserError where the model can't be converted to int8.
    """
    path = model.name
    tflite = keras_to_tflite(model, path)
    graph = read_tflite(tflite, path, path)
    source = Source(Path(path), ModelFormat.KERAS, "Keras", tflite, graph, model_inputs(graph))
    samples = guess_samples(source, SAMPLES)
    graph = read_tflite(quantize_with_tensorflow(silent, tflite, samples.arrays), path, path)
    check_full_int8(graph, source)
    for one in PASSES:
        graph = one.run(graph)
        verify_graph(graph)
    return order_graph(graph)[0]


def measure(model: Any) -> tuple[ModelSize, str]:
    """Its size, and why figures are missing where they are."""
    parameters = int(model.count_params())
    try:
        graph = int8_graph(model)
    except UserError as error:
        return ModelSize(parameters, None, None), error.message
    try:
        return ModelSize(parameters, graph_macs(graph), lower_graph(graph).plan.arena_bytes), ""
    except UserError as error:
        return ModelSize(parameters, graph_macs(graph), None), error.message
