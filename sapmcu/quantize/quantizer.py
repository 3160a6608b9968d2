# SPDX-License-Identifier: Apache-2.0
"""Float .tflite + samples -> int8 .tflite, int8 in and out, filters per channel, and the check that it is so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib.util import find_spec
from typing import cast

from sapmcu import isolated
from sapmcu.errors import ToolError, UserError
from sapmcu.ir.graph import DType, Graph, Op
from sapmcu.ir.ops import Dequantize, Quantize
from sapmcu.ir.source import Samples, Source
from sapmcu.ir.tflite import op_code
from sapmcu.isolated import Progress, silent
from sapmcu.quantize.layers import layer_name
from sapmcu.quantize.ranges import MIN_SAMPLES, RangeCount, kept_ranges

SHOWN_ISLANDS = 10


class Quantizer(StrEnum):
    """TensorFlow's knows more ops and is taken where it is installed; LiteRT's needs no TensorFlow."""

    TENSORFLOW = "tensorflow"
    LITERT = "litert"


TASKS: Mapping[Quantizer, tuple[str, str]] = {
    Quantizer.TENSORFLOW: ("tensorflow", "sapmcu.quantize.tensorflow:quantize_in_ranges"),
    Quantizer.LITERT: ("litert_quantizer", "sapmcu.quantize.litert:quantize_with_litert"),
}
"""Module that must be installed, and the function that runs in the process of isolated.py."""


@dataclass(frozen=True, slots=True)
class Quantized:
    """tflite: the int8 model. quantizer, ranges: what made it and how, for the report."""

    tflite: bytes
    quantizer: Quantizer
    ranges: RangeCount


def quantize_source(
    source: Source, samples: Samples, *, quantizer: Quantizer | None = None, progress: Progress = silent
) -> Quantized:
    """Quantize a float model. The caller reads the result and gives it to check_full_int8.

    Ranges are those of least squared error; as wide as what the samples show where these are made up, or few.

    The same model, samples and versions give the same bytes. Raises: UserError where the model is not float; ToolError
    where no quantizer is installed, or it fails.
    """
    check_float(source)
    chosen = quantizer or installed_quantizer()
    progress(f"quantizing with {len(samples):,} samples")
    is_narrowed = not samples.is_guessed and len(samples) >= MIN_SAMPLES
    kept = kept_ranges(source.graph) if is_narrowed else None
    result = isolated.call(TASKS[chosen][1], source.tflite, samples.arrays, kept, progress=progress)
    tflite, ranges = cast(tuple[bytes, RangeCount], result)
    if ranges.narrowed:
        progress(f"{ranges.narrowed} of {ranges.found} ranges clip rare values, which lessens the error of the others")
    return Quantized(tflite, chosen, ranges)


def installed_quantizer() -> Quantizer:
    """Raises: ToolError where there is none."""
    for quantizer, (module, _) in TASKS.items():
        if find_spec(module) is not None:
            return quantizer
    raise ToolError(
        "quantizing a float model needs TensorFlow or litert-quantizer; neither is installed",
        hint="pip install 'sapmcu[quantize]' (small), or 'sapmcu[keras]'",
    )


def is_full_int8(graph: Graph) -> bool:
    """Whether the model is ready as it is: int8 in and out, and no float in between."""
    return not _float_operands(graph) and not float_islands(graph)


def check_float(source: Source) -> None:
    """Raises: UserError for a model that is neither float nor full int8."""
    graph = source.graph
    quantized = [tensor.name for tensor in graph.tensors.values() if tensor.quantization is not None]
    if quantized:
        raise UserError(
            f"{source.path} is quantized in part, or not to int8: {_describe(graph)}",
            hint="give the float model, or convert it with int8 inputs, outputs and ops: inference_input_type = "
            "inference_output_type = tf.int8, supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]",
        )


def _describe(graph: Graph) -> str:
    sides = [f"{name} is {graph.tensors[name].dtype}" for name in (*graph.inputs, *graph.outputs)]
    return ", ".join(sides)


def float_islands(graph: Graph) -> tuple[Op, ...]:
    """The ops that compute in float, without the QUANTIZE and DEQUANTIZE at their shores."""
    return tuple(
        op
        for op in graph.ops
        if not isinstance(op, Quantize | Dequantize) and any(tensor.dtype.is_float for tensor in graph.results(op))
    )


def _float_operands(graph: Graph) -> tuple[str, ...]:
    """The model's inputs and outputs that are not int8, but for indices (ARG_MAX)."""
    inputs = [name for name in graph.inputs if graph.tensors[name].dtype is not DType.INT8]
    outputs = [
        name for name in graph.outputs if graph.tensors[name].dtype not in (DType.INT8, DType.INT32, DType.INT64)
    ]
    return (*inputs, *outputs)


def check_full_int8(graph: Graph, source: Source) -> None:
    """Raises: UserError with the ops that the quantizer left in float, and the layers that they come from."""
    islands = float_islands(graph)
    if islands:
        codes = ", ".join(dict.fromkeys(op_code(op) for op in islands))
        lines = [f"{op_code(op)} in layer {layer_name(op.name, source.layers)}" for op in islands]
        more = len(lines) - SHOWN_ISLANDS
        raise UserError(
            f"{source.path} can't be quantized whole: {codes} {'stays' if len(islands) == 1 else 'stay'} in float32",
            hint="replace these layers: ReLU for ELU and GELU, BatchNormalization for LayerNormalization, "
            "x*x for x**2; docs/supported-ops.md lists what int8 has",
            details=list(dict.fromkeys(lines))[:SHOWN_ISLANDS] + ([f"and {more} more"] if more > 0 else []),
        )
    if wrong := _float_operands(graph):
        described = ", ".join(f"{name} ({graph.tensors[name].dtype})" for name in wrong)
        raise UserError(
            f"{source.path}: the quantized model has inputs or outputs that are not int8: {described}",
            hint="a model takes numbers in and gives numbers out; move look-ups and casts out of it",
        )
