# SPDX-License-Identifier: Apache-2.0
"""Windows over images, row by row: what convolutions and pools share."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from sapmcu.ir import ops
from sapmcu.ir.graph import Tensor
from sapmcu.ir.native import Call, Constant, FunctionRef, Lowered, Params, TensorRef, Value
from sapmcu.ir.ops import Padding, Pair
from sapmcu.ir.padding import window_extent
from sapmcu.lower.table import UINT16_MAX, LoweringError, address, need_uint16

HEADER = "sapmcu/rows.h"
MAX_WINDOW = 32
"""SAPMCU_MAX_WINDOW of sapmcu/rows.h."""


@dataclass(frozen=True, slots=True)
class Windows:
    """Windows over one image, (height, width) each; pads: rows above and columns on the left."""

    image: Pair
    result: Pair
    window: Pair
    stride: Pair
    dilation: Pair
    pads: Pair

    @classmethod
    def of(cls, x: Tensor, y: Tensor, window: Pair, stride: Pair, padding: Padding, dilation: Pair = (1, 1)) -> Windows:
        pads = (padding[0][0], padding[1][0])
        return cls((x.shape[1], x.shape[2]), (y.shape[1], y.shape[2]), window, stride, dilation, pads)

    @property
    def is_padded(self) -> bool:
        """Whether a window reaches beyond the image."""
        axes = zip(self.image, self.result, self.window, self.stride, self.dilation, self.pads, strict=True)
        return any(
            pad > 0 or (results - 1) * stride + window_extent(window, dilation) > size
            for size, results, window, stride, dilation, pad in axes
        )

    def in_one_row(self) -> Windows:
        """The same over an image of one row, where that has all in the same order: fewer calls, any window height.

        Such are a window as large as the image, and windows of one pixel that leave none out.
        """
        image, result, window = self.image, self.result, self.window
        is_dense = not self.is_padded and self.dilation == (1, 1)
        is_whole = is_dense and window == image
        is_pointwise = is_dense and window == (1, 1) and self.stride == (1, 1)
        if not (is_whole or is_pointwise) or image[0] * image[1] > UINT16_MAX:
            return self
        flat: list[Pair] = [(1, one[0] * one[1]) for one in (image, result, window)]
        return replace(self, image=flat[0], result=flat[1], window=flat[2])


def width_fields(windows: Windows) -> dict[str, Value]:
    """The fields of a row kernel's struct that have to do with the size of images."""
    if windows.window[0] > MAX_WINDOW:
        raise LoweringError(f"its window is {windows.window[0]} rows high; the native engine takes {MAX_WINDOW}")
    return {
        "in_width": need_uint16(windows.image[1], "the width of its image"),
        "out_width": need_uint16(windows.result[1], "the width of its result"),
        "kernel_height": windows.window[0],
        "kernel_width": need_uint16(windows.window[1], "the width of its window"),
        "stride_width": need_uint16(windows.stride[1], "its stride"),
        "dilation_width": need_uint16(windows.dilation[1], "its dilation"),
        "pad_left": need_uint16(windows.pads[1], "its padding"),
    }


def zero_row(windows: Windows, x: Tensor) -> Constant | None:
    """What windows see outside of the image."""
    if not windows.is_padded:
        return None
    pixels = max(windows.image[1], windows.window[1])
    return Constant("int8_t", (x.zero_point,) * (pixels * x.shape[3]), "zero_row")


@dataclass(frozen=True, slots=True)
class RowKernel:
    """A row kernel, the header that declares it, its struct, and the driver that calls it."""

    function: str
    header: str
    params: Params
    zero_row: Constant | None = None
    driver: str = "sapmcu_run_rows"


def run_rows(kernel: RowKernel, windows: Windows, x: Tensor, y: Tensor) -> Lowered:
    """One call for each image of the batch."""
    geometry = Params(
        "sapmcu_rows",
        (
            ("in_rows", need_uint16(windows.image[0], "the height of its image")),
            ("out_rows", need_uint16(windows.result[0], "the height of its result")),
            ("window", windows.window[0]),
            ("stride", need_uint16(windows.stride[0], "its stride")),
            ("dilation", need_uint16(windows.dilation[0], "its dilation")),
            ("pad_top", need_uint16(windows.pads[0], "its padding")),
            ("in_row_bytes", windows.image[1] * x.shape[3]),
            ("out_row_bytes", windows.result[1] * y.shape[3]),
            ("zero_row", kernel.zero_row),
        ),
        "rows",
    )
    function = FunctionRef(kernel.function, kernel.header)
    calls = []
    for batch in range(x.shape[0]):
        source, target = (_image(tensor, batch) for tensor in (x, y))
        arguments = (geometry, function, kernel.params, source, target, None)
        calls.append(Call(kernel.driver, HEADER, arguments))
    return Lowered(tuple(calls))


def _image(tensor: Tensor, batch: int) -> TensorRef | Constant:
    """Image `batch` of a tensor."""
    if tensor.is_constant:
        one = np.ascontiguousarray(tensor.value[batch])
        return address(replace(tensor, shape=one.shape, data=one.tobytes()))
    return TensorRef(tensor.name, tensor.dtype, batch * (tensor.size_bytes // tensor.shape[0]))


def clamp_fields(y: Tensor, clamp: ops.Range) -> tuple[tuple[str, Value], ...]:
    return ("y_zero_point", y.zero_point), ("low", int(clamp.low)), ("high", int(clamp.high))
