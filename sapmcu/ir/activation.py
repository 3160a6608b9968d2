# SPDX-License-Identifier: Apache-2.0
"""Fused activations of the TFLite schema as clamps, and back.

Source: TFLite's kernel_util.cc, CalculateActivationRangeQuantized.
"""

from __future__ import annotations

import math

import numpy as np

from sapmcu.ir.graph import DType, Tensor
from sapmcu.ir.ops import Range

LIMITS: dict[str, tuple[float, float]] = {
    "NONE": (-math.inf, math.inf),
    "RELU": (0.0, math.inf),
    "RELU6": (0.0, 6.0),
    "RELU_N1_TO_1": (-1.0, 1.0),
}
"""Real limits by the schema's name, in the order in which a writer should try them."""


def type_range(output: Tensor) -> Range:
    """All that the type holds."""
    if output.dtype.is_float:
        return Range(-math.inf, math.inf)
    if output.dtype is DType.BOOL:
        return Range(0, 1)
    info = np.iinfo(output.dtype.value)
    return Range(info.min, info.max)


def activation_range(activation: str, output: Tensor) -> Range:
    """The clamp that a fused activation means for a tensor of this type and quantization.

    Raises: KeyError for an activation that is no clamp; ValueError where the tensor lacks its quantization.
    """
    low, high = LIMITS[activation]
    full = type_range(output)
    if output.dtype.is_float:
        return Range(low, high)
    if activation == "NONE":
        return full
    if output.quantization is None or len(output.quantization.scales) != 1:
        raise ValueError(f"a fused {activation} needs the scale of {output.name}, which has none")
    return Range(
        full.low if low == -math.inf else max(full.low, quantize_limit(low, output)),
        full.high if high == math.inf else min(full.high, quantize_limit(high, output)),
    )


def quantize_limit(real: float, tensor: Tensor) -> int:
    """zero_point + round(real / scale), in float32 and half away from zero as TFLite does."""
    quotient = float(np.float32(real) / np.float32(tensor.scale))
    if not abs(quotient) < 2**31:
        raise ValueError(f"{tensor.name} has a scale of {tensor.scale:g}, too small for its activation")
    return tensor.zero_point + int(math.copysign(math.floor(abs(quotient) + 0.5), quotient))


def fused_activation(clamp: Range, output: Tensor) -> str | None:
    """The schema's activation with this clamp, or None where there is none."""
    for activation in LIMITS:
        try:
            if activation_range(activation, output) == clamp:
                return activation
        except ValueError:
            continue
    return None
