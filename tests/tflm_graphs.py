# SPDX-License-Identifier: Apache-2.0
"""Small graphs for the arena's tests: one of each op that TFLM runs, and variants whose allocations differ."""

from __future__ import annotations

from collections.abc import Mapping

from sapmcu.ir import ops
from sapmcu.ir.graph import Graph, Op
from sapmcu.ir.text import parse_text

X = "tensor x [1,6,5,4] int8 (0.5, 3)"
X2 = "tensor x2 [1,6,5,4] int8 (0.5, 3)"
Y = "tensor y [1,6,5,4] int8 (0.5, 3)"
FLOAT_X = "tensor x [1,6,5,4] float32"
FLOAT_Y = "tensor y [1,6,5,4] float32"
ALL = "activation=-128..127"
WINDOW = f"stride=(1, 1), padding=((0, 0), (0, 0)), {ALL}"
CONV = f"stride=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), {ALL}"
SAME_3X3 = f"stride=(1, 1), padding=((1, 1), (1, 1)), dilation=(1, 1), {ALL}"


def one_op(op: str, *tensors: str) -> Graph:
    """A graph of one op: activations named x... are its inputs, those named y... its outputs."""
    activations = [line.split()[1] for line in tensors if line.startswith("tensor")]
    lines = [
        'graph one_op ""',
        *tensors,
        " ".join(["input", *(name for name in activations if name.startswith("x"))]),
        " ".join(["output", *(name for name in activations if name.startswith("y"))]),
        op,
    ]
    return parse_text("\n".join(lines))


def constant(name: str, shape: str, values: str, dtype: str = "int32") -> str:
    return f"const {name} [{shape}] {dtype} = {values}"


def quantized(name: str, shape: str, values: str, scales: str = "(0.25, 0)") -> str:
    return f"const {name} [{shape}] int8 {scales} = {values}"


def tensor(name: str, shape: str, dtype: str = "int8 (0.5, 3)") -> str:
    return f"tensor {name} [{shape}] {dtype}"


def opaque(inputs: str, code: str, table: str, options: str = "", version: int = 1) -> str:
    """An op that sapmcu doesn't know; options: (name, value), ..."""
    builtin, custom = (code, "") if table else ("CUSTOM", code)
    return (
        f"y = Opaque({inputs}, code={builtin!r}, version={version}, custom_code={custom!r}, options_type={table!r}, "
        f"options=({options}), custom_options=b'', intermediates=())"
    )


PER_CHANNEL = "axis 0 (0.25, 0) (0.5, 0)"
FILTER_1X1 = quantized("filter", "2,1,1,4", "1 2 3 4 5 6 7 8", PER_CHANNEL)
FILTER_2X2 = quantized("filter", "2,2,2,1", "1 2 3 4 5 6 7 8", PER_CHANNEL)
BIAS = "const bias [2] int32 axis 0 (0.125, 0) (0.25, 0) = 10 -10"
FC_FILTER = quantized("filter", "2,4", "1 2 3 4 5 6 7 8")
FC_BIAS = "const bias [2] int32 (0.125, 0) = 10 -10"
AXES = constant("axes", "2", "1 2")
PADDINGS = constant("paddings", "2,2", "1 1 0 2")

SINGLE_OPS: Mapping[type[Op], Graph] = {
    ops.Conv2D: one_op(f"y = Conv2D(x, filter, bias, {CONV})", X, FILTER_1X1, BIAS, tensor("y", "1,6,5,2")),
    ops.DepthwiseConv2D: one_op(
        f"y = DepthwiseConv2D(x, filter, {CONV})",
        X,
        quantized(
            "filter", "1,2,2,4", "1 2 3 4 5 6 7 8 1 2 3 4 5 6 7 8", "axis 3 (0.5, 0) (0.25, 0) (0.5, 0) (0.25, 0)"
        ),
        tensor("y", "1,5,4,4"),
    ),
    ops.TransposeConv2D: one_op(
        f"y = TransposeConv2D(shape, filter, x, bias, stride=(2, 2), padding=((0, 0), (0, 0)), {ALL})",
        constant("shape", "4", "1 6 8 2"),
        FILTER_2X2,
        tensor("x", "1,3,4,1"),
        BIAS,
        tensor("y", "1,6,8,2"),
    ),
    ops.FullyConnected: one_op(
        f"y = FullyConnected(x, filter, bias, {ALL}, keep_num_dims=False)",
        tensor("x", "3,4"),
        FC_FILTER,
        FC_BIAS,
        tensor("y", "3,2"),
    ),
    ops.BatchMatMul: one_op(
        "y = BatchMatMul(x, x2, adjoint_x=False, adjoint_y=False)",
        tensor("x", "2,3,4"),
        tensor("x2", "2,4,5"),
        tensor("y", "2,3,5"),
    ),
    **{kind: one_op(f"y = {kind.__name__}(x, x2, {ALL})", X, X2, Y) for kind in (ops.Add, ops.Sub, ops.Mul, ops.Div)},
    **{
        kind: one_op(f"y = {kind.__name__}(x, x2)", X, X2, Y)
        for kind in (ops.Maximum, ops.Minimum, ops.SquaredDifference)
    },
    **{kind: one_op(f"y = {kind.__name__}(x)", X, Y) for kind in (ops.Abs, ops.Relu, ops.Relu6, ops.HardSwish)},
    ops.Rsqrt: one_op("y = Rsqrt(x)", tensor("x", "1,6,5,4", "int8 (0.5, -128)"), Y),
    ops.Quantize: one_op("y = Quantize(x)", X, tensor("y", "1,6,5,4", "int8 (0.25, 1)")),
    ops.Dequantize: one_op("y = Dequantize(x)", X, FLOAT_Y),
    ops.Logistic: one_op("y = Logistic(x)", X, tensor("y", "1,6,5,4", "int8 (0.00390625, -128)")),
    ops.Tanh: one_op("y = Tanh(x)", X, tensor("y", "1,6,5,4", "int8 (0.0078125, 0)")),
    ops.LeakyRelu: one_op("y = LeakyRelu(x, alpha=0.125)", X, Y),
    ops.PRelu: one_op("y = PRelu(x, alpha)", X, quantized("alpha", "1,1,4", "1 2 3 4"), Y),
    ops.AveragePool2D: one_op(f"y = AveragePool2D(x, window=(2, 3), {WINDOW})", X, tensor("y", "1,5,3,4")),
    ops.MaxPool2D: one_op(f"y = MaxPool2D(x, window=(2, 3), {WINDOW})", X, tensor("y", "1,5,3,4")),
    **{
        kind: one_op(f"y = {kind.__name__}(x, axes, keep_dims=False)", X, AXES, tensor("y", "1,4"))
        for kind in (ops.Mean, ops.Sum, ops.ReduceMax, ops.ReduceMin)
    },
    ops.Softmax: one_op("y = Softmax(x, beta=1.0)", X, tensor("y", "1,6,5,4", "int8 (0.00390625, -128)")),
    ops.LogSoftmax: one_op("y = LogSoftmax(x)", X, tensor("y", "1,6,5,4", "int8 (0.0625, 127)")),
    ops.L2Normalization: one_op(f"y = L2Normalization(x, {ALL})", X, tensor("y", "1,6,5,4", "int8 (0.0078125, 0)")),
    **{
        kind: one_op(f"y = {kind.__name__}(x, axis)", X, constant("axis", "1", "3"), tensor("y", "1,6,5", "int32"))
        for kind in (ops.ArgMax, ops.ArgMin)
    },
    ops.Pad: one_op("y = Pad(x, paddings)", tensor("x", "3,4"), PADDINGS, tensor("y", "5,6")),
    ops.PadV2: one_op(
        "y = PadV2(x, paddings, value)",
        tensor("x", "3,4"),
        PADDINGS,
        quantized("value", "1", "7", "(0.5, 3)"),
        tensor("y", "5,6"),
    ),
    ops.MirrorPad: one_op(
        "y = MirrorPad(x, paddings, mode='REFLECT')", tensor("x", "3,4"), PADDINGS, tensor("y", "5,6")
    ),
    ops.Concatenation: one_op(f"y = Concatenation(x, x2, axis=3, {ALL})", X, X2, tensor("y", "1,6,5,8")),
    ops.Split: one_op(
        "y0, y1 = Split(axis, x)", constant("axis", "", "3"), X, tensor("y0", "1,6,5,2"), tensor("y1", "1,6,5,2")
    ),
    ops.SplitV: one_op(
        "y0, y1 = SplitV(x, sizes, axis)",
        X,
        constant("sizes", "2", "1 3"),
        constant("axis", "", "3"),
        tensor("y0", "1,6,5,1"),
        tensor("y1", "1,6,5,3"),
    ),
    ops.Reshape: one_op("y = Reshape(x, shape)", X, constant("shape", "2", "6 20"), tensor("y", "6,20")),
    ops.Squeeze: one_op("y = Squeeze(x, axes=(0,))", X, tensor("y", "6,5,4")),
    ops.ExpandDims: one_op("y = ExpandDims(x, axis)", X, constant("axis", "1", "1"), tensor("y", "1,1,6,5,4")),
    ops.Transpose: one_op("y = Transpose(x, perm)", X, constant("perm", "4", "0 3 1 2"), tensor("y", "1,4,6,5")),
    ops.StridedSlice: one_op(
        "y = StridedSlice(x, begin, end, strides, begin_mask=0, end_mask=0, shrink_axis_mask=0)",
        X,
        constant("begin", "4", "0 1 0 0"),
        constant("end", "4", "1 5 5 4"),
        constant("strides", "4", "1 2 1 1"),
        tensor("y", "1,2,5,4"),
    ),
    ops.Slice: one_op(
        "y = Slice(x, begin, size)",
        X,
        constant("begin", "4", "0 1 0 0"),
        constant("size", "4", "1 3 5 4"),
        tensor("y", "1,3,5,4"),
    ),
    ops.Reverse: one_op("y = Reverse(x, axes)", X, constant("axes", "1", "1"), Y),
    ops.SpaceToDepth: one_op("y = SpaceToDepth(x, block_size=2)", tensor("x", "1,6,4,3"), tensor("y", "1,3,2,12")),
    ops.DepthToSpace: one_op("y = DepthToSpace(x, block_size=2)", tensor("x", "1,3,2,12"), tensor("y", "1,6,4,3")),
    **{
        kind: one_op(
            f"y = {kind.__name__}(x, size, align_corners=False, half_pixel_centers=False)",
            X,
            constant("size", "2", "12 7"),
            tensor("y", "1,12,7,4"),
        )
        for kind in (ops.ResizeBilinear, ops.ResizeNearest)
    },
    ops.Gather: one_op(
        "y = Gather(x, indices, axis=1, batch_dims=0)", X, constant("indices", "3", "0 5 2"), tensor("y", "1,3,5,4")
    ),
    ops.Pack: one_op("y = Pack(x, x2, axis=0)", X, X2, tensor("y", "2,1,6,5,4")),
    ops.Unpack: one_op("y0, y1 = Unpack(x, axis=0)", tensor("x", "2,3,4"), tensor("y0", "3,4"), tensor("y1", "3,4")),
    ops.BroadcastTo: one_op(
        "y = BroadcastTo(x, shape)", tensor("x", "1,4"), constant("shape", "3", "3 2 4"), tensor("y", "3,2,4")
    ),
}

VARIANTS: Mapping[str, Graph] = {
    "conv 3x3 with one filter, no bias": one_op(
        f"y = Conv2D(x, filter, _, {SAME_3X3})",
        tensor("x", "1,8,7,1"),
        quantized("filter", "1,3,3,1", "1 2 3 4 5 6 7 8 9"),
        tensor("y", "1,8,7,1"),
    ),
    "conv float": one_op(
        "y = Conv2D(x, filter, _, stride=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), activation=-inf..inf)",
        FLOAT_X,
        constant("filter", "1,1,1,4", "1.0 2.0 3.0 4.0", "float32"),
        tensor("y", "1,6,5,1", "float32"),
    ),
    "conv int16": one_op(
        "y = Conv2D(x, filter, _, stride=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), activation=-32768..32767)",
        tensor("x", "1,6,5,4", "int16 (0.5, 0)"),
        FILTER_1X1,
        tensor("y", "1,6,5,2", "int16 (0.5, 0)"),
    ),
    "depthwise 3x3, multiplier 1": one_op(
        f"y = DepthwiseConv2D(x, filter, {SAME_3X3})",
        tensor("x", "1,8,7,1"),
        quantized("filter", "1,3,3,1", "1 2 3 4 5 6 7 8 9"),
        tensor("y", "1,8,7,1"),
    ),
    "transposed conv int16": one_op(
        "y = TransposeConv2D(shape, filter, x, stride=(2, 2), padding=((0, 0), (0, 0)), activation=-32768..32767)",
        constant("shape", "4", "1 6 8 2"),
        FILTER_2X2,
        tensor("x", "1,3,4,1", "int16 (0.5, 0)"),
        tensor("y", "1,6,8,2", "int16 (0.5, 0)"),
    ),
    "fully connected per channel": one_op(
        f"y = FullyConnected(x, filter, _, {ALL}, keep_num_dims=False)",
        tensor("x", "3,4"),
        quantized("filter", "2,4", "1 2 3 4 5 6 7 8", PER_CHANNEL),
        tensor("y", "3,2"),
    ),
    "fully connected, three axes": one_op(
        f"y = FullyConnected(x, filter, bias, {ALL}, keep_num_dims=True)",
        tensor("x", "1,3,4"),
        FC_FILTER,
        FC_BIAS,
        tensor("y", "1,3,2"),
    ),
    "fully connected float": one_op(
        "y = FullyConnected(x, filter, _, activation=-inf..inf, keep_num_dims=False)",
        tensor("x", "3,4", "float32"),
        constant("filter", "2,4", "1.0 2.0 3.0 4.0 5.0 6.0 7.0 8.0", "float32"),
        tensor("y", "3,2", "float32"),
    ),
    "batch matmul, both adjoint": one_op(
        "y = BatchMatMul(x, x2, adjoint_x=True, adjoint_y=True)",
        tensor("x", "2,4,3"),
        tensor("x2", "2,5,4"),
        tensor("y", "2,3,5"),
    ),
    "batch matmul float": one_op(
        "y = BatchMatMul(x, x2, adjoint_x=False, adjoint_y=False)",
        tensor("x", "2,3,4", "float32"),
        tensor("x2", "2,4,5", "float32"),
        tensor("y", "2,3,5", "float32"),
    ),
    "mean int16": one_op(
        "y = Mean(x, axes, keep_dims=True)",
        tensor("x", "1,6,5,4", "int16 (0.5, 0)"),
        AXES,
        tensor("y", "1,1,1,4", "int16 (0.5, 0)"),
    ),
    "mean float": one_op("y = Mean(x, axes, keep_dims=True)", FLOAT_X, AXES, tensor("y", "1,1,1,4", "float32")),
    "largest float": one_op("y = ReduceMax(x, axes, keep_dims=True)", FLOAT_X, AXES, tensor("y", "1,1,1,4", "float32")),
    "softmax int16": one_op(
        "y = Softmax(x, beta=1.0)",
        tensor("x", "1,6,5,4", "int16 (0.5, 0)"),
        tensor("y", "1,6,5,4", "int16 (0.000030517578125, 0)"),
    ),
    "log softmax float": one_op("y = LogSoftmax(x)", FLOAT_X, FLOAT_Y),
    "average pool float": one_op(
        "y = AveragePool2D(x, window=(2, 3), stride=(1, 1), padding=((0, 0), (0, 0)), activation=-inf..inf)",
        FLOAT_X,
        tensor("y", "1,5,3,4", "float32"),
    ),
    "concatenation of three, one constant": one_op(
        f"y = Concatenation(x, x2, c, axis=0, {ALL})",
        tensor("x", "3,4"),
        tensor("x2", "3,4"),
        quantized("c", "1,4", "1 2 3 4", "(0.5, 3)"),
        tensor("y", "7,4"),
    ),
    "reshape without a shape": one_op("y = Reshape(x)", X, tensor("y", "6,20")),
    "a tensor that nothing uses": one_op("y = Relu(x)", X, tensor("orphan", "40,40,3"), Y),
    "svdf": one_op(
        opaque("x, feature, time, bias, state", "SVDF", "SVDFOptions", "('rank', 2),", version=3),
        tensor("x", "1,4", "int8 (0.5, 0)"),
        quantized("feature", "2,4", "1 2 3 4 5 6 7 8"),
        "const time [2,3] int16 (0.25, 0) = 1 2 3 4 5 6",
        "const bias [1] int32 (0.0625, 0) = 3",
        "variable state [1,6] int16 (0.25, 0)",
        tensor("y", "1,1", "int8 (0.5, 0)"),
    ),
    "sum of three": one_op(opaque("x, x2, x3", "ADD_N", "AddNOptions"), X, X2, tensor("x3", "1,6,5,4"), Y),
    "cumulative sum": one_op(opaque("x, axis", "CUMSUM", "CumsumOptions"), X, constant("axis", "1", "1"), Y),
    "gather by coordinates": one_op(
        opaque("x, indices", "GATHER_ND", "GatherNdOptions"),
        tensor("x", "6,5"),
        constant("indices", "3,1", "0 2 1"),
        tensor("y", "3,5"),
    ),
    "pool of square roots": one_op(
        opaque(
            "x",
            "L2_POOL_2D",
            "Pool2DOptions",
            "('padding', 1), ('strideW', 1), ('strideH', 1), ('filterWidth', 2), ('filterHeight', 2)",
        ),
        FLOAT_X,
        tensor("y", "1,5,4,4", "float32"),
    ),
    "ring of frames": one_op(opaque("x", "CIRCULAR_BUFFER", ""), tensor("x", "1,1,1,8"), tensor("y", "1,5,1,8")),
}
"""By what they show."""
