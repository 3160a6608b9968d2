# SPDX-License-Identifier: Apache-2.0
"""Ranges of least error: what they clip, what they leave alone, and that int8 gains by them."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from keras_models import keras_models

from sapmcu.frontends.source import load_source
from sapmcu.ir.graph import Array
from sapmcu.ir.source import Samples, Source
from sapmcu.ir.text import parse_text
from sapmcu.quantize.quantizer import Quantized, Quantizer, quantize_source
from sapmcu.quantize.ranges import BINS, MIN_SAMPLES, kept_ranges, least_error_range

needs_tensorflow = pytest.mark.needs("tensorflow")


def histogram(values: Array) -> tuple[Array, tuple[float, float]]:
    limits = (float(values.min()), float(values.max()))
    return np.histogram(values, BINS, limits)[0], limits


def squared_error(values: Array, low: float, high: float) -> float:
    low, high = min(low, 0.0), max(high, 0.0)
    step = (high - low) / 255
    codes = np.clip(np.round(values / step) + np.round(-low / step), 0, 255)
    return float(np.square((codes - np.round(-low / step)) * step - values).mean())


def test_a_rare_large_value_is_clipped_and_the_error_falls() -> None:
    values = np.append(np.random.default_rng(0).normal(size=200_000), [12.0])
    counts, limits = histogram(values)
    low, high = least_error_range(counts, limits)
    assert (low, high) != limits and limits[0] <= low < 0 < high < limits[1]
    assert squared_error(values, low, high) < 0.8 * squared_error(values, *limits)


@pytest.mark.parametrize("values", [np.linspace(-1, 1, 10_000), np.linspace(0, 6, 9_999), np.linspace(2, 3, 5_000)])
def test_values_that_fill_their_range_keep_it(values: Array) -> None:
    counts, limits = histogram(values)
    assert least_error_range(counts, limits) == limits


def test_what_users_know_and_what_a_softmax_reads_is_kept() -> None:
    graph = parse_text(GRAPH)
    assert kept_ranges(graph) == {"x", "logits", "shaped", "y"}


GRAPH = """
graph kept "a convolution, the reshaped logits of a softmax"
tensor x [1,2,2,1] float32
const filter [2,1,1,1] float32 = 1.0 2.0
const shape [2] int32 = 4 2
tensor a [1,2,2,2] float32
tensor logits [1,2,2,2] float32
tensor shaped [4,2] float32
tensor y [4,2] float32
input x
output y
a = Conv2D(x, filter, stride=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), activation=-inf..inf)
logits = Add(a, a, activation=-inf..inf)
shaped = Reshape(logits, shape)
y = Softmax(shaped, beta=1.0)
"""


def wide_samples(count: int) -> Samples:
    """One number of one of them is eight times as large as any other."""
    x = np.random.default_rng(1).uniform(size=(count, 8, 8, 3)).astype(np.float32)
    x[7, 3, 3, 0] = 8
    return Samples((x,), None, "random", is_guessed=False)


@cache
def source() -> Source:
    return load_source(keras_models() / "float.tflite")


def quantized(samples: Samples) -> Quantized:
    return quantize_source(source(), samples, quantizer=Quantizer.TENSORFLOW)


@needs_tensorflow
def test_few_samples_and_made_up_ones_leave_ranges_as_wide_as_they_are() -> None:
    few, many = wide_samples(MIN_SAMPLES - 1), wide_samples(400)
    guessed = Samples(many.arrays, None, "made up", is_guessed=True)
    assert quantized(few).ranges.narrowed == quantized(guessed).ranges.narrowed == 0
    assert 0 < quantized(many).ranges.narrowed < quantized(many).ranges.found
