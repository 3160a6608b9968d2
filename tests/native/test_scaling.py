# SPDX-License-Identifier: Apache-2.0
"""TFLM's two roundings in C, portable and with DSP instructions: equal to the reference at every edge of 32 bits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from native.kernel_files import GCC, HERE, build_image
from native.machines import Emulated

from sapmcu.ir.graph import Array
from sapmcu.reference.fixed_point import multiply_by_quantized_multiplier, wrap_int32

pytestmark = pytest.mark.needs("arm-none-eabi-gcc", "unicorn", "elftools")

COUNT = 15_000
ROUNDS = 20


@pytest.fixture(scope="module")
def m4(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulated]:
    directory: Path = tmp_path_factory.mktemp("scaling")
    machine = Emulated(build_image(directory, GCC, "cortex-m4", ["run_scale_cases"], [HERE / "scale_cases.c"]), "M4")
    yield machine
    machine.close()


def edges(generator: np.random.Generator, limits: tuple[int, int]) -> Array:
    """Numbers of all magnitudes, many next to a power of two or to a limit."""
    magnitude = 1 << generator.integers(0, 32, COUNT)
    near = generator.choice([-1, 1], COUNT) * magnitude + generator.integers(-2, 3, COUNT)
    spread = generator.integers(-magnitude, magnitude + 1)
    at_limits = generator.choice(limits, COUNT) + generator.integers(-2, 3, COUNT)
    kind = generator.integers(0, 3, COUNT)
    return np.clip(np.choose(kind, [near, spread, at_limits]), *limits)


def ties(generator: np.random.Generator, shift: Array) -> Array:
    """Sums that a multiplier of 2^30 takes to the middle between two results."""
    right = np.clip(-shift, 0, 20)
    odd = 2 * generator.integers(-300, 300, COUNT) + 1
    return odd << right


def test_scaling_equals_the_reference(m4: Emulated) -> None:
    generator = np.random.default_rng(3)
    for round_ in range(ROUNDS):
        shift = generator.integers(-31, 31, COUNT)
        x, multiplier = edges(generator, (-(2**31), 2**31 - 1)), edges(generator, (2**30, 2**31 - 1))
        zero_point = generator.integers(-128, 128, COUNT)
        if round_ % 2:
            shift = generator.integers(-20, 0, COUNT)
            x, multiplier = ties(generator, shift), np.full(COUNT, 2**30)
        dead = generator.integers(0, 20, COUNT) == 0
        multiplier[dead], shift[dead] = 0, 0
        assert_scaled(m4, x, multiplier, shift, zero_point)


def assert_scaled(m4: Emulated, x: Array, multiplier: Array, shift: Array, zero_point: Array) -> None:
    m4.reset()
    types = (np.int32, np.int32, np.int8, np.int8)
    inputs = [
        m4.allocate(one.astype(kind).tobytes(), np.dtype(kind).itemsize)
        for one, kind in zip((x, multiplier, shift, zero_point), types, strict=True)
    ]
    outputs = [m4.allocate(bytes(size * COUNT), size) for size in (4, 1, 1)]
    m4.call("run_scale_cases", m4.allocate(np.array([*inputs, *outputs, COUNT], np.uint32).tobytes(), 4))
    scaled = multiply_by_quantized_multiplier(x, multiplier, shift)
    clamped = np.clip(wrap_int32(scaled + zero_point), -128, 127)
    np.testing.assert_array_equal(np.frombuffer(m4.read(outputs[0], 4 * COUNT), np.int32), scaled)
    for output in outputs[1:]:
        np.testing.assert_array_equal(np.frombuffer(m4.read(output, COUNT), np.int8), clamped)
