# SPDX-License-Identifier: Apache-2.0
"""How the typed ops stand in a TFLite file: one row an op, read by frontends/tflite.py and emit/tflite.py.

Source: tensorflow/compiler/mlir/lite/schema/schema.fbs (version 3) and register.cc for the versions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sapmcu.ir import ops
from sapmcu.ir.graph import Op


@dataclass(frozen=True, slots=True)
class Format:
    """One op in the file.

    options: name of the schema's option table, "" where the op has none. attributes: our attribute by the table's
    fields; two fields make a pair. padding and activation are translated by name. fixed: fields that must have this
    value, else the op stays opaque. version: the op's version with int8 operands.
    """

    code: str
    version: int
    options: str = ""
    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    fixed: Mapping[str, int] = field(default_factory=dict)

    @property
    def has_padding(self) -> bool:
        return "padding" in self.attributes

    @property
    def has_activation(self) -> bool:
        return "activation" in self.attributes


STRIDE = {"stride": ("strideH", "strideW")}
DILATION = {"dilation": ("dilationHFactor", "dilationWFactor")}
PADDING = {"padding": ("padding",)}
ACTIVATION = {"activation": ("fusedActivationFunction",)}
POOL = {"window": ("filterHeight", "filterWidth"), **STRIDE, **PADDING, **ACTIVATION}
KEEP_DIMS = {"keep_dims": ("keepDims",)}
RESIZE = {"align_corners": ("alignCorners",), "half_pixel_centers": ("halfPixelCenters",)}

FORMATS: Mapping[type[Op], Format] = {
    ops.Conv2D: Format("CONV_2D", 3, "Conv2DOptions", {**STRIDE, **DILATION, **PADDING, **ACTIVATION}),
    ops.DepthwiseConv2D: Format(
        "DEPTHWISE_CONV_2D", 3, "DepthwiseConv2DOptions", {**STRIDE, **DILATION, **PADDING, **ACTIVATION}
    ),
    ops.TransposeConv2D: Format("TRANSPOSE_CONV", 3, "TransposeConvOptions", {**STRIDE, **PADDING, **ACTIVATION}),
    ops.FullyConnected: Format(
        "FULLY_CONNECTED",
        4,
        "FullyConnectedOptions",
        {**ACTIVATION, "keep_num_dims": ("keepNumDims",)},
        {"weightsFormat": 0},
    ),
    ops.BatchMatMul: Format("BATCH_MATMUL", 2, "BatchMatMulOptions", {"adjoint_x": ("adjX",), "adjoint_y": ("adjY",)}),
    ops.Add: Format("ADD", 2, "AddOptions", ACTIVATION),
    ops.Sub: Format("SUB", 2, "SubOptions", ACTIVATION),
    ops.Mul: Format("MUL", 2, "MulOptions", ACTIVATION),
    ops.Div: Format("DIV", 2, "DivOptions", ACTIVATION),
    ops.Maximum: Format("MAXIMUM", 2, "MaximumMinimumOptions"),
    ops.Minimum: Format("MINIMUM", 2, "MaximumMinimumOptions"),
    ops.SquaredDifference: Format("SQUARED_DIFFERENCE", 2, "SquaredDifferenceOptions"),
    ops.Rsqrt: Format("RSQRT", 2),
    ops.Abs: Format("ABS", 2, "AbsOptions"),
    ops.Logistic: Format("LOGISTIC", 2),
    ops.Tanh: Format("TANH", 2),
    ops.Relu: Format("RELU", 2),
    ops.Relu6: Format("RELU6", 2),
    ops.LeakyRelu: Format("LEAKY_RELU", 2, "LeakyReluOptions", {"alpha": ("alpha",)}),
    ops.PRelu: Format("PRELU", 1),
    ops.HardSwish: Format("HARD_SWISH", 1, "HardSwishOptions"),
    ops.Quantize: Format("QUANTIZE", 1, "QuantizeOptions"),
    ops.Dequantize: Format("DEQUANTIZE", 2, "DequantizeOptions"),
    ops.AveragePool2D: Format("AVERAGE_POOL_2D", 2, "Pool2DOptions", POOL),
    ops.MaxPool2D: Format("MAX_POOL_2D", 2, "Pool2DOptions", POOL),
    ops.Mean: Format("MEAN", 2, "ReducerOptions", KEEP_DIMS),
    ops.Sum: Format("SUM", 2, "ReducerOptions", KEEP_DIMS),
    ops.ReduceMax: Format("REDUCE_MAX", 2, "ReducerOptions", KEEP_DIMS),
    ops.ReduceMin: Format("REDUCE_MIN", 2, "ReducerOptions", KEEP_DIMS),
    ops.Softmax: Format("SOFTMAX", 2, "SoftmaxOptions", {"beta": ("beta",)}),
    ops.LogSoftmax: Format("LOG_SOFTMAX", 2, "LogSoftmaxOptions"),
    ops.L2Normalization: Format("L2_NORMALIZATION", 2, "L2NormOptions", ACTIVATION),
    ops.ArgMax: Format("ARG_MAX", 2, "ArgMaxOptions", fixed={"outputType": 2}),
    ops.ArgMin: Format("ARG_MIN", 2, "ArgMinOptions", fixed={"outputType": 2}),
    ops.Pad: Format("PAD", 2, "PadOptions"),
    ops.PadV2: Format("PADV2", 2, "PadV2Options"),
    ops.MirrorPad: Format("MIRROR_PAD", 2, "MirrorPadOptions", {"mode": ("mode",)}),
    ops.Concatenation: Format("CONCATENATION", 2, "ConcatenationOptions", {"axis": ("axis",), **ACTIVATION}),
    ops.Split: Format("SPLIT", 2, "SplitOptions"),
    ops.SplitV: Format("SPLIT_V", 2, "SplitVOptions"),
    ops.Reshape: Format("RESHAPE", 1, "ReshapeOptions"),
    ops.Squeeze: Format("SQUEEZE", 1, "SqueezeOptions", {"axes": ("squeezeDims",)}),
    ops.ExpandDims: Format("EXPAND_DIMS", 1, "ExpandDimsOptions"),
    ops.Transpose: Format("TRANSPOSE", 2, "TransposeOptions"),
    ops.StridedSlice: Format(
        "STRIDED_SLICE",
        2,
        "StridedSliceOptions",
        {"begin_mask": ("beginMask",), "end_mask": ("endMask",), "shrink_axis_mask": ("shrinkAxisMask",)},
        {"ellipsisMask": 0, "newAxisMask": 0, "offset": 0},
    ),
    ops.Slice: Format("SLICE", 2, "SliceOptions"),
    ops.Reverse: Format("REVERSE_V2", 3, "ReverseV2Options"),
    ops.SpaceToDepth: Format("SPACE_TO_DEPTH", 2, "SpaceToDepthOptions", {"block_size": ("blockSize",)}),
    ops.DepthToSpace: Format("DEPTH_TO_SPACE", 2, "DepthToSpaceOptions", {"block_size": ("blockSize",)}),
    ops.ResizeBilinear: Format("RESIZE_BILINEAR", 3, "ResizeBilinearOptions", RESIZE),
    ops.ResizeNearest: Format("RESIZE_NEAREST_NEIGHBOR", 3, "ResizeNearestNeighborOptions", RESIZE),
    ops.Gather: Format("GATHER", 2, "GatherOptions", {"axis": ("axis",), "batch_dims": ("batchDims",)}),
    ops.Pack: Format("PACK", 2, "PackOptions", {"axis": ("axis",)}),
    ops.Unpack: Format("UNPACK", 2, "UnpackOptions", {"axis": ("axis",)}),
    ops.BroadcastTo: Format("BROADCAST_TO", 2, "BroadcastToOptions"),
}

CODES: Mapping[str, type[Op]] = {row.code: op for op, row in FORMATS.items()}


def op_code(op: Op) -> str:
    """The op's name in the TFLite schema; a custom op's own name."""
    if isinstance(op, ops.Opaque):
        return op.custom_code or op.code
    return FORMATS[type(op)].code
