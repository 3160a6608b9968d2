# SPDX-License-Identifier: Apache-2.0
"""The typed ops. Shapes are [N,H,W,C]; "like x" means shape, type and quantization of x.

A docstring's first line names the operands in the order of `inputs`; [brackets] mark optional ones, `const` those that
must be constant tensors. What an op computes stands in sapmcu/reference/, its rule in ir/rules/.
Over 400 lines, since it is one table: a class an op.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sapmcu.ir.graph import Op

Pair = tuple[int, int]
Padding = tuple[Pair, Pair]
"""((top, bottom), (left, right)), in input pixels."""


@dataclass(frozen=True, slots=True)
class Range:
    """Clamp of an output, inclusive: quantized units for an integer tensor, real units for a float one."""

    low: float
    high: float


# --- convolutions and matrix products ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Conv2D(Op):
    """(x [N,H,W,C], filter [O,KH,KW,C/groups], [bias [O] int32]) -> y [N,H',W',O]."""

    stride: Pair
    padding: Padding
    dilation: Pair
    activation: Range


@dataclass(frozen=True, slots=True)
class DepthwiseConv2D(Op):
    """(x [N,H,W,C], filter [1,KH,KW,C·m], [bias [C·m] int32]) -> y [N,H',W',C·m]; output c reads input c // m."""

    stride: Pair
    padding: Padding
    dilation: Pair
    activation: Range


@dataclass(frozen=True, slots=True)
class TransposeConv2D(Op):
    """(output_shape [4] int32 const, filter [O,KH,KW,C], x [N,H,W,C], [bias [O] int32]) -> y [N,H',W',O].

    padding is that of the convolution whose gradient this is: y's border that is cut off.
    """

    stride: Pair
    padding: Padding
    activation: Range


@dataclass(frozen=True, slots=True)
class FullyConnected(Op):
    """(x [..., K], filter [O,K], [bias [O] int32]) -> y [N,O], or [..., O] where the last axis of x is K."""

    activation: Range
    keep_num_dims: bool


@dataclass(frozen=True, slots=True)
class BatchMatMul(Op):
    """(x [..., M,K], y [..., K,N]) -> z [..., M,N]; an adjoint operand comes with its last two axes swapped."""

    adjoint_x: bool
    adjoint_y: bool


# --- element by element -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Add(Op):
    """(x, y) -> x + y, with numpy's broadcasting."""

    activation: Range


@dataclass(frozen=True, slots=True)
class Sub(Op):
    """(x, y) -> x − y, with numpy's broadcasting."""

    activation: Range


@dataclass(frozen=True, slots=True)
class Mul(Op):
    """(x, y) -> x · y, with numpy's broadcasting."""

    activation: Range


@dataclass(frozen=True, slots=True)
class Div(Op):
    """(x, y) -> x / y, with numpy's broadcasting."""

    activation: Range


@dataclass(frozen=True, slots=True)
class Maximum(Op):
    """(x, y) -> max(x, y), with numpy's broadcasting; all of one quantization."""


@dataclass(frozen=True, slots=True)
class Minimum(Op):
    """(x, y) -> min(x, y), with numpy's broadcasting; all of one quantization."""


@dataclass(frozen=True, slots=True)
class SquaredDifference(Op):
    """(x, y) -> (x − y)², with numpy's broadcasting."""


@dataclass(frozen=True, slots=True)
class Rsqrt(Op):
    """(x) -> 1 / √x."""


@dataclass(frozen=True, slots=True)
class Abs(Op):
    """(x) -> |x|."""


@dataclass(frozen=True, slots=True)
class Logistic(Op):
    """(x) -> 1 / (1 + e^−x); y has scale 1/256, zero point −128."""


@dataclass(frozen=True, slots=True)
class Tanh(Op):
    """(x) -> tanh(x); y has scale 1/128, zero point 0."""


@dataclass(frozen=True, slots=True)
class Relu(Op):
    """(x) -> max(x, 0), requantized."""


@dataclass(frozen=True, slots=True)
class Relu6(Op):
    """(x) -> min(max(x, 0), 6). TFLM computes it wrong in int8 (platform notes in docs); convert rewrites it."""


@dataclass(frozen=True, slots=True)
class LeakyRelu(Op):
    """(x) -> x where x ≥ 0, else alpha · x."""

    alpha: float


@dataclass(frozen=True, slots=True)
class PRelu(Op):
    """(x, alpha const) -> x where x ≥ 0, else alpha · x; alpha broadcasts to x."""


@dataclass(frozen=True, slots=True)
class HardSwish(Op):
    """(x) -> x · min(max(x + 3, 0), 6) / 6."""


@dataclass(frozen=True, slots=True)
class Quantize(Op):
    """(x) -> y: the same real values in y's type and quantization."""


@dataclass(frozen=True, slots=True)
class Dequantize(Op):
    """(x) -> y: the real values of x in float32."""


# --- over axes --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AveragePool2D(Op):
    """(x [N,H,W,C]) -> y [N,H',W',C], like x; a window counts only the pixels inside x."""

    window: Pair
    stride: Pair
    padding: Padding
    activation: Range


@dataclass(frozen=True, slots=True)
class MaxPool2D(Op):
    """(x [N,H,W,C]) -> y [N,H',W',C], like x; a window sees only the pixels inside x."""

    window: Pair
    stride: Pair
    padding: Padding
    activation: Range


@dataclass(frozen=True, slots=True)
class Mean(Op):
    """(x, axes int32 const) -> mean of x over axes."""

    keep_dims: bool


@dataclass(frozen=True, slots=True)
class Sum(Op):
    """(x, axes int32 const) -> sum of x over axes."""

    keep_dims: bool


@dataclass(frozen=True, slots=True)
class ReduceMax(Op):
    """(x, axes int32 const) -> largest of x over axes, like x."""

    keep_dims: bool


@dataclass(frozen=True, slots=True)
class ReduceMin(Op):
    """(x, axes int32 const) -> smallest of x over axes, like x."""

    keep_dims: bool


@dataclass(frozen=True, slots=True)
class Softmax(Op):
    """(x) -> e^(beta·x) / Σ e^(beta·x) over the last axis; y has scale 1/256, zero point −128."""

    beta: float


@dataclass(frozen=True, slots=True)
class LogSoftmax(Op):
    """(x) -> log of softmax over the last axis; y has scale 16/256, zero point 127."""


@dataclass(frozen=True, slots=True)
class L2Normalization(Op):
    """(x) -> x / √Σx² over the last axis; y has scale 1/128, zero point 0."""

    activation: Range


@dataclass(frozen=True, slots=True)
class ArgMax(Op):
    """(x, axis int32 const) -> index of the first largest along axis, int32."""


@dataclass(frozen=True, slots=True)
class ArgMin(Op):
    """(x, axis int32 const) -> index of the first smallest along axis, int32."""


# --- moving data ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pad(Op):
    """(x, paddings [rank,2] const) -> x with zeros (its zero point) around."""


@dataclass(frozen=True, slots=True)
class PadV2(Op):
    """(x, paddings [rank,2] const, value [1] const, like x) -> x with value around."""


class MirrorMode(StrEnum):
    REFLECT = "REFLECT"
    SYMMETRIC = "SYMMETRIC"


@dataclass(frozen=True, slots=True)
class MirrorPad(Op):
    """(x, paddings [rank,2] const) -> x mirrored around; REFLECT doesn't repeat the border pixel, SYMMETRIC does."""

    mode: MirrorMode


@dataclass(frozen=True, slots=True)
class Concatenation(Op):
    """(x0, x1, ...) -> joined along axis (negative counts from the end)."""

    axis: int
    activation: Range


@dataclass(frozen=True, slots=True)
class Split(Op):
    """(axis int32 const, x) -> equal parts of x along axis."""


@dataclass(frozen=True, slots=True)
class SplitV(Op):
    """(x, sizes [n] int32 const, axis int32 const) -> parts of x of the given sizes along axis."""


@dataclass(frozen=True, slots=True)
class Reshape(Op):
    """(x, [shape int32 const]) -> the same bytes in y's shape."""


@dataclass(frozen=True, slots=True)
class Squeeze(Op):
    """(x) -> x without the axes of length 1 that `axes` names (all of them where empty)."""

    axes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ExpandDims(Op):
    """(x, axis int32 const) -> x with an axis of length 1 at `axis`."""


@dataclass(frozen=True, slots=True)
class Transpose(Op):
    """(x, perm [rank] int32 const) -> y; axis i of y is axis perm[i] of x."""


@dataclass(frozen=True, slots=True)
class StridedSlice(Op):
    """(x, begin int32 const, end int32 const, strides int32 const) -> x[begin:end:strides], numpy's rules.

    Bit i of begin_mask or end_mask: from or to the border on axis i; of shrink_axis_mask: axis i is an index and goes.
    """

    begin_mask: int
    end_mask: int
    shrink_axis_mask: int


@dataclass(frozen=True, slots=True)
class Slice(Op):
    """(x, begin const, size const) -> x[begin : begin+size]; size −1 is up to the end."""


@dataclass(frozen=True, slots=True)
class Reverse(Op):
    """(x, axes int32 const) -> x mirrored along axes."""


@dataclass(frozen=True, slots=True)
class SpaceToDepth(Op):
    """(x [N,H,W,C]) -> y [N,H/b,W/b,b·b·C]; channels ordered (row in block, column in block, c)."""

    block_size: int


@dataclass(frozen=True, slots=True)
class DepthToSpace(Op):
    """(x [N,H,W,b·b·C]) -> y [N,H·b,W·b,C]; the inverse of SpaceToDepth."""

    block_size: int


@dataclass(frozen=True, slots=True)
class ResizeBilinear(Op):
    """(x [N,H,W,C], size [2] int32 const) -> y [N,H',W',C], like x."""

    align_corners: bool
    half_pixel_centers: bool


@dataclass(frozen=True, slots=True)
class ResizeNearest(Op):
    """(x [N,H,W,C], size [2] int32 const) -> y [N,H',W',C], like x."""

    align_corners: bool
    half_pixel_centers: bool


@dataclass(frozen=True, slots=True)
class Gather(Op):
    """(x, indices int32) -> entries of x along axis; the first batch_dims axes of both go together."""

    axis: int
    batch_dims: int


@dataclass(frozen=True, slots=True)
class Pack(Op):
    """(x0, x1, ...) -> stacked along a new axis."""

    axis: int


@dataclass(frozen=True, slots=True)
class Unpack(Op):
    """(x) -> the entries of x along axis, without that axis."""

    axis: int


@dataclass(frozen=True, slots=True)
class BroadcastTo(Op):
    """(x, shape const) -> x repeated to shape, numpy's rules."""


# --- the rest ---------------------------------------------------------------------------------------------------------

OptionValue = int | float | bool | str | tuple[int | float | bool, ...] | None


@dataclass(frozen=True, slots=True)
class Opaque(Op):
    """An op that sapmcu carries along without knowing it: memory report and TFLM output work, the native engine not.

    code: its name in the TFLite schema, or CUSTOM with custom_code. options: the fields of the schema's option table.
    """

    code: str
    version: int
    custom_code: str = ""
    options_type: str = ""
    options: tuple[tuple[str, OptionValue], ...] = ()
    custom_options: bytes = b""
    intermediates: tuple[str, ...] = ()
