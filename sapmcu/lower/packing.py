# SPDX-License-Identifier: Apache-2.0
"""Convolutions, fully connected ops and sums for cores with DSP instructions: packed filters, proved requantization.

What lowering gives any core is rewritten where the proof holds; the rest keeps its generic kernels.
Source: sapmcu/packed_conv2d.h, which the kernels read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

import numpy as np

from sapmcu.ir.cascade import RowForm
from sapmcu.ir.filters import FilterForm
from sapmcu.ir.graph import Array
from sapmcu.ir.native import Call, FunctionRef, Lowered, Params, Pointer, Scratch, TensorRef, Value
from sapmcu.lower.packed_depthwise import (
    DEPTHWISE,
    IMAGE_KERNEL,
    ROW_KERNEL,
    is_row_read_first,
    packed_call,
    packed_row,
    with_columns_on_stack,
)
from sapmcu.lower.packed_params import channels_of, filter_stream, numbers_of, values_of, with_plain_constants
from sapmcu.lower.packed_shallow import shallow
from sapmcu.lower.requantization import HIGH, LOW, SUM_BITS, Sequence, find_sequence
from sapmcu.lower.weighted_sum import find_weighted_sum
from sapmcu.reference.fixed_point import wrap_int32

NAMES = {FilterForm.INT8: "packed", FilterForm.INT16: "wide"}
KERNELS = {form: FunctionRef(f"sapmcu_{name}_conv2d_row_s8", f"sapmcu/{name}_conv2d.h") for form, name in NAMES.items()}
VECTOR_KERNELS = {
    form: FunctionRef(f"sapmcu_{name}_fully_connected_row_s8", f"sapmcu/{name}_fully_connected.h")
    for form, name in NAMES.items()
}
SMALL_KERNELS = {one: replace(one, name=one.name.replace("_row", "_small_row")) for one in KERNELS.values()}
"""With scratch on the stack."""
THREE_KERNELS = {one: replace(one, name=one.name.replace("_row", "_three_row")) for one in KERNELS.values()}
"""For rows with an odd number of pixels, of which three are computed together, and no window at an edge."""
WEIGHTED_KERNEL = FunctionRef("sapmcu_weighted_sum_s8", "sapmcu/binary.h")
SIGNS = {"sapmcu_add_s8": 1, "sapmcu_sub_s8": -1}
"""Kernels of sums, and the sign of their second operand."""
BINARY_ROW = "sapmcu_binary_row_s8_params"
CONVOLUTION = "sapmcu_conv2d_s8_params"
PRODUCT = "sapmcu_fully_connected_s8_params"
SMALL_BYTES = 576
"""SAPMCU_PACKED_SMALL_BYTES of sapmcu/packed_conv2d.h."""
NOT_COPIED, COPIED, MERGED = range(3)
"""Values of is_copied in sapmcu/packed_conv2d.h."""
COPIED_ROW, COPIED_NUMBER, EDGE_TAP, EDGE_NUMBER = 63, 1, 40, 11
"""Instructions: of copies, and of windows at an edge above those of one inside. Source: sapmcu/plan/prices.toml."""
WORD = 4
PAIR_BYTES, THREE_BYTES = 16, 24
"""Of scratch, for four numbers of two pixels and of three."""
MAX_COPIED_WORDS = 5
"""Of a window's row, for the windows of three pixels to take the place of copied rows."""
LANES = (0, 2, 1, 3)
"""The order of four numbers, as SXTB16 gives it."""
GEOMETRY = ("in_width", "in_channels", "out_width", "out_channels", "kernel_height", "kernel_width", "stride_width")


@dataclass(frozen=True, slots=True)
class Packed:
    """A kernel with its parameters, the scratch that it needs, and what of it each column of y adds.

    steps: words of four numbers that a window takes.
    """

    kernel: FunctionRef
    params: Params
    scratch_bytes: int
    column_bytes: int
    steps: int

    @property
    def is_pixel_by_pixel(self) -> bool:
        """Whether y may lie where x does: a pixel's result isn't longer than the pixel, and nothing else reads it."""
        fields = dict(self.params.fields)
        is_dense = fields["kernel_height"] == fields["kernel_width"] == fields["stride_width"] == 1
        sizes = (fields[name] for name in ("out_width", "out_channels", "in_width", "in_channels"))
        out_width, out_channels, in_width, in_channels = (one for one in sizes if isinstance(one, int))
        return is_dense and out_width == in_width and out_channels <= in_channels

    @property
    def for_rows(self) -> Packed:
        """With the kernel of narrow rows, where a pixel without a partner counts; a whole image's rows are merged."""
        fields = numbers_of(self.params)
        if fields["out_width"] % 2 == 0 or fields["out_width"] == 1 or not takes_three(self.params):
            return self
        more_bytes = 0 if fields["is_copied"] else (THREE_BYTES - PAIR_BYTES) * self.steps
        return replace(self, kernel=THREE_KERNELS[self.kernel], scratch_bytes=self.scratch_bytes + more_bytes)


def takes_three(params: Params) -> bool:
    """Whether THREE_KERNELS take this convolution with packed filters, and any part of its columns."""
    fields = numbers_of(params)
    channels, words, across = fields["in_channels"], fields["row_words"], 2 * fields["stride_width"]
    if fields["shift"] or fields["out_channels"] % 2:
        return False
    if fields["is_copied"]:
        is_long = channels * (across + fields["kernel_width"]) >= 2 * WORD * words
        return fields["is_copied"] == COPIED and is_long and words <= MAX_COPIED_WORDS
    columns = (fields["out_width"] - 1) * fields["stride_width"] + fields["kernel_width"]
    return channels % WORD == fields["pad_left"] == 0 and columns <= fields["in_width"]


def pack(lowered: Lowered, filters: FilterForm = FilterForm.INT8) -> Lowered:
    """The same op with filters of this form where they are exact."""
    calls = [_packed_call(call, filters) for call in lowered.calls]
    in_place = {pair for _, pairs in calls for pair in pairs}
    return replace(
        lowered,
        calls=tuple(call for call, _ in calls),
        in_place=(*lowered.in_place, *sorted(in_place)),
        forms=tuple(_packed_form(form, filters) for form in lowered.forms),
    )


def with_weighted_sums(lowered: Lowered) -> Lowered:
    """The same op, sums as one weighted sum where that is exact: for any core."""
    calls = tuple(_weighted_call(call) if call.function == "sapmcu_run_binary" else call for call in lowered.calls)
    return replace(lowered, calls=calls, forms=tuple(map(_weighted_form, lowered.forms)))


def with_scratch_on_stack(lowered: Lowered) -> Lowered:
    """The same calls without scratch in the arena, where a kernel has so much on the stack."""
    calls = [_without_scratch(call) for call in lowered.calls]
    is_over = all(may_be_over for _, may_be_over in calls)
    return replace(lowered, calls=tuple(call for call, _ in calls), in_place=lowered.in_place if is_over else ())


def _without_scratch(call: Call) -> tuple[Call, bool]:
    """(the call, whether its result may lie where it may with scratch)"""
    if call.function == IMAGE_KERNEL:
        return with_columns_on_stack(call)
    small = [SMALL_KERNELS[one] for one in call.arguments if isinstance(one, FunctionRef) and one in SMALL_KERNELS]
    if not small or call.scratch_bytes > SMALL_BYTES:
        return call, True
    geometry, _, params, x, y, _ = call.arguments
    return replace(call, arguments=(geometry, *small, params, x, y, None)), True


def _packed_call(call: Call, filters: FilterForm) -> tuple[Call, tuple[tuple[str, str], ...]]:
    """(the call, (result, operand) that may lie at one place)"""
    if call.function == "sapmcu_run_binary":
        return _weighted_call(call), ()
    is_product = call.function == "sapmcu_fully_connected_s8"
    if not is_product and call.function != "sapmcu_run_rows":
        return call, ()
    params, x, y = call.arguments if is_product else call.arguments[2:5]
    assert isinstance(params, Params)
    if params.c_type == DEPTHWISE:
        depthwise, is_over = packed_call(call) or (call, False)
        if is_over and isinstance(x, TensorRef) and isinstance(y, TensorRef):
            return depthwise, ((y.tensor, x.tensor),)
        return depthwise, ()
    found = shallow(params)
    if found is not None:
        return replace(call, arguments=(call.arguments[0], *found, x, y, None)), ()
    packed = _packed(params, filters)
    if packed is None:
        return call, ()
    scratch = Scratch(packed.scratch_bytes)
    if is_product and numbers_of(params)["vectors"] == 1:
        vector = VECTOR_KERNELS[filters]
        call = Call(vector.name.replace("_row", ""), vector.header, (packed.params, x, y, scratch))
    else:
        geometry = _one_row(params) if is_product else call.arguments[0]
        call = Call("sapmcu_run_rows", "sapmcu/rows.h", (geometry, packed.kernel, packed.params, x, y, scratch))
    if packed.is_pixel_by_pixel and isinstance(x, TensorRef) and isinstance(y, TensorRef):
        return call, ((y.tensor, x.tensor),)
    return call, ()


def _one_row(params: Params) -> Params:
    """Vectors are the pixels of one row."""
    fields = numbers_of(params)
    return Params(
        "sapmcu_rows",
        (
            *(("in_rows", 1), ("out_rows", 1), ("window", 1), ("stride", 1), ("dilation", 1), ("pad_top", 0)),
            ("in_row_bytes", fields["vectors"] * fields["depth"]),
            ("out_row_bytes", fields["vectors"] * fields["out_channels"]),
            ("zero_row", None),
        ),
        "rows",
    )


def _packed_form(form: RowForm, filters: FilterForm) -> RowForm:
    if form.params is None:
        return form
    if form.params.c_type == BINARY_ROW:
        return replace(form, params=_weighted_row(form.params))
    if form.params.c_type == DEPTHWISE:
        params = packed_row(form.params)
        if params is None:
            return form
        in_place = (0,) if is_row_read_first(params) else ()
        return replace(form, kernel=ROW_KERNEL, params=params, in_place=in_place)
    found = shallow(form.params)
    if found is not None:
        return replace(form, kernel=found[0], params=found[1])
    packed = _packed(form.params, filters)
    if packed is None:
        return form
    packed = packed if form.params.c_type == PRODUCT else packed.for_rows
    in_place = (0,) if packed.is_pixel_by_pixel and form.reads[0].row_bytes >= form.row_bytes else ()
    kernel = VECTOR_KERNELS[filters] if form.params.c_type == PRODUCT else packed.kernel
    columns = None if form.columns is None else replace(form.columns, scratch_bytes=packed.column_bytes)
    form = replace(form, kernel=kernel, params=packed.params, in_place=in_place, columns=columns)
    return replace(form, scratch_bytes=packed.scratch_bytes)


def _weighted_form(form: RowForm) -> RowForm:
    is_sum = form.params is not None and form.params.c_type == BINARY_ROW
    return replace(form, params=_weighted_row(form.params)) if is_sum and form.params else form


def _weighted_call(call: Call) -> Call:
    geometry, kernel, params, *operands = call.arguments
    assert isinstance(kernel, FunctionRef)
    weighted = _weighted(kernel, params) if isinstance(params, Params) else None
    return call if weighted is None else replace(call, arguments=(geometry, WEIGHTED_KERNEL, weighted, *operands))


def _weighted_row(params: Params) -> Params:
    """The parameters of a row of any arithmetic, which name a kernel and its parameters."""
    fields = dict(params.fields)
    kernel, inner = fields["kernel"], fields["params"]
    assert isinstance(kernel, FunctionRef)
    weighted = _weighted(kernel, inner.target) if isinstance(inner, Pointer) else None
    if weighted is None:
        return params
    fields |= {"kernel": WEIGHTED_KERNEL, "params": Pointer(weighted)}
    return replace(params, fields=tuple(fields.items()))


def _weighted(kernel: FunctionRef, params: Params) -> Params | None:
    """From the parameters of a sum or a difference; None for others and where the proof fails."""
    numbers = numbers_of(params)
    if kernel.name not in SIGNS or (numbers["low"], numbers["high"]) != (LOW, HIGH):
        return None
    found = find_weighted_sum(numbers, SIGNS[kernel.name])
    if found is None:
        return None
    return replace(params, c_type="sapmcu_weighted_sum_s8_params", fields=tuple(asdict(found).items()))


def _packed(params: Params, form: FilterForm) -> Packed | None:
    """From the parameters of a convolution or a fully connected op; None for others and where the proof fails."""
    if params.c_type not in (CONVOLUTION, PRODUCT):
        return None
    fields: Mapping[str, Value] = dict(params.fields)
    numbers = numbers_of(params)
    if "vectors" in numbers:
        vectors, depth = numbers["vectors"], numbers["depth"]
        sizes = (vectors, depth, vectors, numbers["out_channels"], 1, 1, 1)
        numbers = {**numbers, **dict(zip(GEOMETRY, sizes, strict=True)), "pad_left": 0}
        if max(sizes) > np.iinfo(np.uint16).max:
            return None
    is_dense = numbers.get("groups", 1) == 1 and (numbers.get("dilation_width", 1) == 1 or numbers["kernel_width"] == 1)
    if not is_dense or numbers["out_channels"] < 2:
        return None
    filters = values_of(fields["filter"]).reshape(numbers["out_channels"], numbers["kernel_height"], -1)
    copied = _copied(numbers, fields.get("zero_row") is not None, form)
    if copied == MERGED:
        by_columns = filters.reshape(*filters.shape[:2], -1, numbers["in_channels"]).transpose(0, 2, 1, 3)
        filters = by_columns.reshape(len(filters), 1, -1)
    fields = with_plain_constants(fields, filters, numbers["y_zero_point"])
    sequence = find_sequence(channels_of(fields, filters, numbers["y_zero_point"]))
    make = pack_filters if form is FilterForm.INT8 else widen_filters
    stream = None if sequence is None else make(filters, values_of(fields["bias"]), sequence)
    if sequence is None or stream is None:
        return None
    row_words = -(-filters.shape[2] // 4)
    struct = Params(
        "sapmcu_packed_conv2d_s8_params",
        (
            ("filter", filter_stream(stream)),
            ("zero_row", fields.get("zero_row")),
            *((name, numbers[name]) for name in (*GEOMETRY, "pad_left")),
            ("row_words", row_words),
            ("shift", 0 if sequence.negative is None else sequence.fraction_bits),
            ("low", numbers["low"]),
            ("high", numbers["high"]),
            ("is_copied", copied),
        ),
        params.role,
    )
    steps = filters.shape[1] * row_words
    scratch_bytes = PAIR_BYTES * steps
    if copied == NOT_COPIED:
        return Packed(KERNELS[form], struct, scratch_bytes, 0, steps)
    column_bytes = numbers["kernel_height"] * numbers["in_channels"] * numbers["stride_width"]
    return Packed(KERNELS[form], struct, scratch_bytes + _copied_bytes(numbers, copied), column_bytes, steps)


def _copied(numbers: Mapping[str, int], is_padded: bool, form: FilterForm) -> int:
    """Whether rows are copied with their padding, and by columns where windows are so much shorter then that it pays.

    The latter only with wide filters, and of one to three channels: a word less is ten instructions less for two pixels
    and two channels; a pixel of a copied column takes some eight. Long rows aren't copied where few windows are at an
    edge.
    """
    height, row = numbers["kernel_height"], numbers["kernel_width"] * numbers["in_channels"]
    if not is_padded or numbers["in_channels"] % 4 == 0:
        return NOT_COPIED
    saved_words = height * -(-row // 4) - -(-height * row // 4)
    saved, spent = 10 * saved_words * (numbers["out_channels"] // 2), 8 * height * 2 * numbers["stride_width"]
    if form is FilterForm.INT16 and numbers["in_channels"] < WORD and saved > spent:
        return MERGED
    copied = COPIED_ROW * height + COPIED_NUMBER * height * numbers["in_channels"] * _columns(numbers)
    widened = _edges(numbers) * height * (EDGE_TAP * numbers["kernel_width"] + EDGE_NUMBER * row)
    return COPIED if copied < widened else NOT_COPIED


def _edges(numbers: Mapping[str, int]) -> int:
    """Pairs of pixels of a row with a window that lies partly beside the image, or whose words do."""
    width, stride, channels = numbers["out_width"], numbers["stride_width"], numbers["in_channels"]
    words = -(-numbers["kernel_width"] * channels // WORD)
    firsts = (max(pixel, 0) * stride - numbers["pad_left"] for pixel in range(-(width % 2), width, 2))
    behind = (0 if width % 2 and not index else stride for index in range(-(-width // 2)))
    last = numbers["in_width"] * channels - WORD * words
    return sum(first < 0 or (first + more) * channels > last for first, more in zip(firsts, behind, strict=True))


def _columns(numbers: Mapping[str, int]) -> int:
    """From the first window to the last."""
    return (numbers["out_width"] - 1) * numbers["stride_width"] + numbers["kernel_width"]


def _copied_bytes(numbers: Mapping[str, int], copied: int) -> int:
    """Pointers to rows with their padding, and the rows; a word behind them is read or, where they are merged, written,
    unless windows are whole words.
    """
    height, channels = numbers["kernel_height"], numbers["in_channels"]
    is_whole = copied == COPIED and numbers["kernel_width"] * channels % WORD == 0
    return -(-height * (4 + channels * _columns(numbers)) // WORD) * WORD + (0 if is_whole else WORD)


def channel_pairs(channels: int) -> Array:
    """[pairs, 2]; of an odd number channel 1 is in two."""
    starts = range(0, channels, 2) if channels % 2 == 0 else (0, *range(1, channels, 2))
    return np.array([(start, start + 1) for start in starts])


def pack_filters(filters: Array, bias: Array, sequence: Sequence) -> Array | None:
    """int32, pair by pair; None where two filters of −128 meet. filters: int64 [channels, height, row]."""
    fours, pairs = lane_fours(filters), channel_pairs(len(filters))
    first, second = fours[pairs[:, 0]], fours[pairs[:, 1]]
    both = (second << SUM_BITS) + first
    if both.size and both.min() < np.iinfo(np.int16).min:
        return None
    words = both.reshape(len(pairs), -1).astype("<i2").view("<i4").astype(np.int64)
    start = bias[pairs]
    start = np.stack([start[:, 0], wrap_int32((start[:, 1] << SUM_BITS) + start[:, 0])], 1)
    stream: Array = np.concatenate([start, words, *group_factors(sequence, pairs)], 1).ravel()
    return stream


def widen_filters(filters: Array, bias: Array, sequence: Sequence) -> Array:
    """int32, pair by pair. filters: int64 [channels, height, row]."""
    fours, pairs = lane_fours(filters << SUM_BITS), channel_pairs(len(filters))
    lanes = fours[pairs].reshape(len(pairs), 2, -1, 2, 2).transpose(0, 2, 3, 1, 4)  # [pairs, fours, half, channel, 2]
    words = lanes.reshape(len(pairs), -1).astype("<i2").view("<i4").astype(np.int64)
    parts = words[:, :4], bias[pairs] << SUM_BITS, words[:, 4:], *group_factors(sequence, pairs)
    stream: Array = np.concatenate(parts, 1).ravel()
    return stream


def lane_fours(filters: Array) -> Array:
    """[channels, fours, 4], each row with zeros at its end, in the order of lanes."""
    rows = np.pad(filters, ((0, 0), (0, 0), (0, -filters.shape[2] % 4)))
    fours: Array = rows.reshape(len(rows), -1, 4)[..., LANES]
    return fours


def group_factors(sequence: Sequence, groups: Array) -> tuple[Array, Array]:
    """What requantizes channels that lie together: [groups, 2 * n], [groups, 0 or n]. groups: theirs, [groups, n]."""
    factors = np.stack([sequence.factor[groups], sequence.offset[groups]], 2).reshape(len(groups), -1)
    negative = np.zeros((len(groups), 0), np.int64) if sequence.negative is None else sequence.negative[groups]
    return factors, negative
