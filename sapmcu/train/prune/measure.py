# SPDX-License-Identifier: Apache-2.0
"""What a Keras model needs on a board, exactly: it is converted, quantized on made-up samples, lowered and planned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np

from sapmcu.errors import UserError
from sapmcu.frontends.keras import keras_to_tflite
from sapmcu.frontends.source import model_inputs
from sapmcu.frontends.tflite import read_tflite
from sapmcu.ir.cost import graph_macs
from sapmcu.ir.graph import Graph
from sapmcu.ir.pruning import ModelSize
from sapmcu.ir.source import ModelFormat, Source
from sapmcu.isolated import silent
from sapmcu.lower import lower_graph, order_graph
from sapmcu.passes import PASSES
from sapmcu.passes.dead_channels import drop_dead_channels
from sapmcu.pipeline import native_graph, run_passes
from sapmcu.plan.rows import CascadeOptions, plan_cascades
from sapmcu.quantize.guess import guess_samples
from sapmcu.quantize.quantizer import check_full_int8
from sapmcu.quantize.tensorflow import quantize_with_tensorflow

SAMPLES = 2
"""Sizes don't depend on ranges."""
PASSES_BY_SHAPE = tuple(one for one in PASSES if one.run is not drop_dead_channels)
"""Channels that are dead before a network is trained on may live behind it."""
RANDOM_INPUTS = 4


def int8_graph(model: Any) -> Graph:
    """The graph that `sapmcu convert` would emit for the native engine, but for its scales.

    Raises: UserError where the model can't be converted to int8.
    """
    path = model.name
    tflite = keras_to_tflite(model, path)
    graph = read_tflite(tflite, path, path)
    source = Source(Path(path), ModelFormat.KERAS, "Keras", tflite, graph, model_inputs(graph))
    samples = guess_samples(source, SAMPLES)
    graph = read_tflite(quantize_with_tensorflow(silent, tflite, samples.arrays), path, path)
    check_full_int8(graph, source)
    rewritten, _ = run_passes(graph, PASSES_BY_SHAPE)
    return native_graph(order_graph(rewritten)[0])[0]


def measure(model: Any) -> tuple[ModelSize, str]:
    """Its size, and why figures are missing where they are.

    Weights don't matter for it; but those of an untrained network, or of one that has just lost channels, may give
    numbers too small for int8. Then a copy with other averages in its batch norms is measured.
    """
    parameters = int(model.count_params())
    try:
        try:
            graph = int8_graph(model)
        except UserError:
            graph = int8_graph(normalized(model))
    except UserError as error:
        return ModelSize(parameters, None, None, None), error.message
    try:
        whole = lower_graph(graph)
    except UserError as error:
        return ModelSize(parameters, graph_macs(graph), None, None), error.message
    by_rows = plan_cascades(graph, whole.steps, CascadeOptions())
    return ModelSize(parameters, graph_macs(graph), whole.plan.arena_bytes, by_rows.arena_bytes), ""


def normalized(model: Any) -> Any:
    """A copy whose batch norms have the averages of random inputs, so that no tensor in it vanishes."""
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    for layer in copy._flatten_layers(include_self=False):
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    rng = np.random.default_rng(0)
    images = [rng.random((RANDOM_INPUTS, *one.shape[1:])).astype(one.dtype) for one in copy.inputs]
    copy(keras.tree.pack_sequence_as(copy._inputs_struct, images), training=True)
    return copy
