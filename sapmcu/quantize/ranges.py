# SPDX-License-Identifier: Apache-2.0
"""Ranges of activations that lose least: rare large values are clipped where the others gain more than these lose."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sapmcu.ir import ops
from sapmcu.ir.graph import Array, Graph

Limits = tuple[float, float]


@dataclass(frozen=True, slots=True)
class RangeCount:
    """How many ranges are narrower than what the samples show, and how many there are."""

    narrowed: int
    found: int


BINS = 2048
"""Of a histogram: eight for each of the 255 steps of int8."""
SHARES = np.linspace(1.0, 0.4, 25)
"""Of the widest range, tried for its lower end, its upper end, and both."""
LEAST_GAIN = 0.01
"""The share of the squared error that a narrower range must save."""
MIN_SAMPLES = 50
"""Fewer show too little of what is rare: then ranges stay as wide as what was seen."""

FIXED = (ops.Softmax, ops.LogSoftmax, ops.Logistic, ops.Tanh, ops.L2Normalization, ops.ArgMax, ops.ArgMin)
"""TFLite fixes the ranges of their results."""
BY_LARGEST = (ops.Softmax, ops.LogSoftmax, ops.ArgMax, ops.ArgMin)
"""What they read is told apart by its ends, and never clipped."""
MOVES = (
    *(ops.Reshape, ops.Squeeze, ops.ExpandDims, ops.Transpose, ops.Reverse, ops.SpaceToDepth, ops.DepthToSpace),
    *(ops.StridedSlice, ops.Slice, ops.Split, ops.SplitV, ops.Gather, ops.Pack, ops.Unpack, ops.BroadcastTo),
    *(ops.Concatenation, ops.Pad, ops.PadV2, ops.MirrorPad, ops.MaxPool2D, ops.AveragePool2D, ops.ResizeBilinear),
    *(ops.ResizeNearest, ops.Maximum, ops.Minimum, ops.ReduceMax, ops.ReduceMin),
)
"""Input and result have one range."""


def kept_ranges(graph: Graph) -> frozenset[str]:
    """The tensors whose range stays: inputs and outputs, which users know, and those of FIXED and BY_LARGEST."""
    kept = {*graph.inputs, *graph.outputs}
    for op in graph.ops:
        kept.update(op.outputs if isinstance(op, FIXED) else ())
        kept.update(op.present_inputs if isinstance(op, BY_LARGEST) else ())
    moves = [op for op in graph.ops if isinstance(op, MOVES)]
    size = 0
    while size != len(kept):
        size = len(kept)
        for op in moves:
            sides = {*op.outputs, *(name for name in op.present_inputs if not graph.tensors[name].is_constant)}
            if sides & kept:
                kept |= sides
    return frozenset(kept)


def least_error_ranges(
    tflite: bytes, arrays: Sequence[Array], widest: Mapping[str, Limits], kept: frozenset[str]
) -> dict[str, Limits]:
    """A narrower range for each tensor of `widest` that gains by one.

    arrays: the samples, one array for each input. widest: least and largest value of tensors over these samples.
    """
    wanted = {name: limits for name, limits in widest.items() if name not in kept and limits[0] < limits[1]}
    counts = {name: np.zeros(BINS, np.int64) for name in wanted}
    for name, value in _values(tflite, arrays, frozenset(wanted)):
        counts[name] += np.histogram(value, BINS, wanted[name])[0]
    found = {name: least_error_range(counts[name], limits) for name, limits in wanted.items()}
    return {name: limits for name, limits in found.items() if limits != wanted[name]}


def _values(tflite: bytes, arrays: Sequence[Array], names: frozenset[str]) -> Iterator[tuple[str, Array]]:
    """Each of the tensors, for each of the samples."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    runtime = Interpreter(
        model_content=tflite,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        experimental_preserve_all_tensors=True,
        num_threads=1,
    )
    runtime.allocate_tensors()
    inputs = [one["index"] for one in runtime.get_input_details()]
    traced = [(one["name"], one["index"]) for one in runtime.get_tensor_details() if one["name"] in names]
    for number in range(len(arrays[0])):
        for index, array in zip(inputs, arrays, strict=True):
            runtime.set_tensor(index, array[number : number + 1])
        runtime.invoke()
        for name, index in traced:
            yield name, runtime.get_tensor(index)


def least_error_range(counts: Array, widest: Limits) -> Limits:
    """The range of least squared error for values of this histogram over `widest`; that itself if none is better."""
    low, high = widest
    centres = low + (np.arange(len(counts)) + 0.5) * (high - low) / len(counts)
    low, high = min(low, 0.0), max(high, 0.0)
    best, least = widest, _squared_error(counts, centres, low, high) * (1 - LEAST_GAIN)
    for share in SHARES[1:]:
        for candidate in ((low * share, high), (low, high * share), (low * share, high * share)):
            if candidate != (low, high) and (error := _squared_error(counts, centres, *candidate)) < least:
                best, least = (float(candidate[0]), float(candidate[1])), error
    return best


def _squared_error(counts: Array, values: Array, low: float, high: float) -> float:
    """Of values as int8 has them, for a range that holds 0."""
    step = (high - low) / 255
    zero_point = np.round(-low / step)
    rounded = (np.clip(np.round(values / step) + zero_point, 0, 255) - zero_point) * step
    return float(counts @ np.square(rounded - values))


def calibrated_ranges(calibrated: bytes) -> dict[str, Limits]:
    """The ranges that TensorFlow's calibrator has written into a float .tflite."""
    tensors = _unpacked(calibrated).subgraphs[0].tensors
    return {
        tensor.name.decode(): (float(tensor.quantization.min[0]), float(tensor.quantization.max[0]))
        for tensor in tensors
        if tensor.quantization is not None and tensor.quantization.min is not None and len(tensor.quantization.min) == 1
    }


def with_ranges(calibrated: bytes, ranges: Mapping[str, Limits]) -> bytes:
    """The same with other ranges."""
    model = _unpacked(calibrated)
    for tensor in model.subgraphs[0].tensors:
        if tensor.name.decode() in ranges:
            tensor.quantization.min, tensor.quantization.max = ([one] for one in ranges[tensor.name.decode()])
    return packed(model)


def _unpacked(tflite: bytes) -> Any:
    from ai_edge_litert import schema_py_generated

    return schema_py_generated.ModelT.InitFromPackedBuf(bytearray(tflite), 0)


def packed(model: Any) -> bytes:
    """A ModelT as a file."""
    import flatbuffers

    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())
