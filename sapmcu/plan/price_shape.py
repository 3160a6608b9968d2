# SPDX-License-Identifier: Apache-2.0
"""How often a call of a kernel does what: the terms of its price.

A kernel whose loops are known has exact terms; the others share terms of windows, of which a fit takes what it needs.
"""

from __future__ import annotations

from collections.abc import Mapping

from sapmcu.ir.graph import Graph, Op
from sapmcu.ir.native import Call, Constant, FunctionRef, Params

PROVED = ("sapmcu_packed_", "sapmcu_winograd_")
"""Begins of the structs with a proved requantization: sapmcu/packed_conv2d.h."""
WIDE = "sapmcu_wide_"
"""Begin of kernels whose first step is apart from the rounds: wide_products.h."""
COPIED, MERGED = 1, 2
"""Values of is_copied in sapmcu/packed_conv2d.h."""
TILES = "sapmcu_winograd_conv2d_s8_params"
TILES_WIDTH, TILES_COLUMNS, TILES_PLANES = 4, 6, 16
"""Columns of y that are computed at once, those of x that they read, products for each: winograd_tiles.h."""
TILES_ROW = "sapmcu_winograd_conv2d_row_s8"
ROW_WIDTH, ROW_COLUMNS, ROW_PLANES, ROW_ROWS, ROW_BLOCK, ROW_STEP, ROW_ROUND = 4, 6, 6, 3, 4, 8, 6
"""For one row of y: the same, rows of each, channels at once, numbers of a step, steps of a round: winograd_row.h."""
BLOCK = 2
"""Pixels and channels that kernels of matrix products compute at once."""
WORD = 4
"""Numbers that they take at once."""

ROUND, WIDE_ROUND, SINGLE_ROUND = 8, 16, 4
"""Steps of four numbers, of two pixels and of one, before a loop looks whether it ends: packed_products.h."""
PACKED_DEPTHWISE = "sapmcu_packed_depthwise_conv2d_s8_params"
DEPTHWISE_COLUMNS, DEPTHWISE_WINDOW = 16, 3
"""That are widened at once: packed_depthwise.h."""
PACKED_IMAGE = "sapmcu_packed_depthwise_conv2d_s8"
PACKED_SMALL_IMAGE = "sapmcu_packed_depthwise_conv2d_small_s8"
SMALL_IMAGE_COLUMNS = 16
"""With scratch on the stack: SAPMCU_DEPTHWISE_SMALL_COLUMNS of packed_depthwise_conv2d.h."""
PACKED_SHALLOW = "sapmcu_packed_shallow_conv2d_s8_params"
SHALLOW_PIXELS, PLANE_COLUMNS, PLANE_BEHIND = 16, 33, 2
"""Widened at once, and what is read behind them: sapmcu_packed_shallow_conv2d_row_s8.c and its sibling."""

LANES = "sapmcu_lanes_conv2d_s8_params"
LANES_TAPS, LANES_CHANNELS, LANES_PIXELS = 40, 16, 4
"""At a time: lanes_conv2d.h."""

Shape = Mapping[str, int]
"""What a kernel does how often, by the names of the coefficients."""


def call_kernel(call: Call) -> str:
    """The kernel that a driver is given, or the function itself; with the longer requantization it is another one."""
    names = [one.name for one in call.arguments if isinstance(one, FunctionRef)]
    params = [one for one in call.arguments if isinstance(one, Params) and one.c_type.startswith(PROVED)]
    is_longer = any(dict(one.fields).get("shift") for one in params)
    return f"{names[0] if names else call.function}{' with signs' if is_longer else ''}"


def call_shape(graph: Graph, op: Op, call: Call) -> Shape:
    """What the call does how often."""
    fields = _fields(call)
    result, operand = graph.results(op)[0], graph.tensors[op.present_inputs[0]]
    if "vectors" in fields:  # a product of matrices: its vectors are the pixels of a row
        fields |= {
            "out_width": fields["vectors"],
            "kernel_width": 1,
            "kernel_height": 1,
            "in_channels": fields["depth"],
        }
    if "out_width" not in fields:
        rows = result.elements // max(result.shape[-1], 1) if result.shape else 1
        return {"call": 1, "results": result.elements, "operands": operand.elements, "vectors": rows}
    if "row_words" in fields:
        return _packed_shape(fields, steps_before=1 if call_kernel(call).startswith(WIDE) else 0)
    if any(one.c_type == TILES for one in call.arguments if isinstance(one, Params)):
        return _row_tiles_shape(fields) if call_kernel(call).startswith(TILES_ROW) else _tiles_shape(fields)
    lanes = [one for one in call.arguments if isinstance(one, Params) and one.c_type == LANES]
    if lanes:
        return _lanes_shape(fields, lanes[0])
    if any(one.c_type == PACKED_SHALLOW for one in call.arguments if isinstance(one, Params)):
        return _shallow_shape(fields) if fields["in_channels"] > 1 else _plane_shape(fields)
    if call.function == PACKED_IMAGE:
        return _packed_image_shape(fields, fields["out_width"])
    if call.function == PACKED_SMALL_IMAGE:
        return _packed_image_shape(fields, (SMALL_IMAGE_COLUMNS - DEPTHWISE_WINDOW) // fields["stride_width"] + 1)
    if any(one.c_type == PACKED_DEPTHWISE for one in call.arguments if isinstance(one, Params)):
        return _packed_depthwise_shape(fields)
    return _window_shape(fields)


def _fields(call: Call) -> dict[str, int]:
    """All numbers of the structs that a call is given."""
    fields: dict[str, int] = {}
    for argument in call.arguments:
        if isinstance(argument, Params):
            fields |= {name: value for name, value in argument.fields if isinstance(value, int)}
    return fields


def _window_shape(fields: Mapping[str, int]) -> Shape:
    """Of a kernel that slides a window over rows."""
    rows, width = fields.get("out_rows", 1), fields["out_width"]
    height, across = fields.get("kernel_height", 3), fields.get("kernel_width", 3)
    depth = fields.get("in_channels", fields.get("channels", 1))
    is_planar = "out_channels" not in fields
    channels = depth * fields.get("channel_multiplier", 1) if is_planar else fields["out_channels"]
    weights = across * (1 if is_planar else depth)  # of a row of the window, for one output
    words = height * -(-weights // WORD)
    pairs, groups, pixels = width // BLOCK, -(-channels // BLOCK), rows * width
    inside, borders = _inside(fields, width, across)
    rest = channels % WORD
    return {
        "call": 1,
        "rows": rows,
        "pixels": pixels,
        "outputs": pixels * channels,
        "macs": pixels * channels * height * weights,
        "output_rows": pixels * channels * height,
        "output_taps": 0 if is_planar else pixels * channels * height * across,
        "spans": pixels * height,
        "gathered": pixels * height * across * depth,
        "pair_blocks": rows * pairs * groups,
        "pair_words": rows * pairs * groups * words,
        "last_blocks": rows * (width % BLOCK) * groups,
        "last_words": rows * (width % BLOCK) * groups * words,
        "loose_weights": 0 if is_planar else pixels * groups * height * (weights % WORD),
        "inside": rows * inside * height * channels * (1 if is_planar else depth),
        "inside_taps": rows * inside * height,
        "borders": rows * borders,
        "quads": pixels * (channels // WORD),
        "quad_macs": pixels * (channels // WORD) * height * weights,
        "rest": pixels * rest,
        "rest_macs": pixels * rest * height * weights,
        "quads_begun": pixels * -(-channels // WORD),
        "row_quads": rows * -(-channels // WORD),
        "fours": rows * -(-width // LANES_PIXELS),
        "four_outputs": rows * -(-width // LANES_PIXELS) * channels,
        "four_signed": rows * -(-width // LANES_PIXELS) * channels * (fields.get("y_zero_point") != fields.get("low")),
        "four_macs": rows * -(-width // LANES_PIXELS) * channels * height * weights,
    }


def _inside(fields: Mapping[str, int], width: int, across: int) -> tuple[int, int]:
    """(columns of all windows of a row that lie in the image, windows that lie partly beside it)"""
    pad, stride = fields.get("pad_left", 0), fields.get("stride_width", 1)
    dilation, end = fields.get("dilation_width", 1), fields.get("in_width", width * stride)
    counts = [
        sum(0 <= column * stride - pad + tap * dilation < end for tap in range(across)) for column in range(width)
    ]
    return sum(counts), sum(count < across for count in counts)


def _packed_shape(fields: Mapping[str, int], steps_before: int) -> Shape:
    """Of products with packed filters: pixels in pairs, the first one by itself where their number is odd."""
    rows, width, stride = fields.get("out_rows", 1), fields["out_width"], fields["stride_width"]
    height, across, depth = fields["kernel_height"], fields["kernel_width"], fields["in_channels"]
    is_merged = fields.get("is_copied") == MERGED
    parts = 1 if is_merged else height
    steps, groups = parts * fields["row_words"], -(-fields["out_channels"] // BLOCK)
    in_rounds = max(steps - steps_before, 1)
    pairs, singles = rows * (width // BLOCK), rows * (width % BLOCK)
    columns = (width - 1) * stride + across
    is_padded = fields["pad_left"] > 0 or columns - fields["pad_left"] > fields["in_width"]
    is_copied = fields.get("is_copied") == COPIED and is_padded
    edges = 0 if is_copied or is_merged else rows * _packed_edges(fields)
    words = edges * height * across * -(-depth // WORD)
    return {
        "call": 1,
        "rows": rows,
        "pairs": pairs,
        "singles": singles,
        "widened_rows": (pairs + singles - edges) * parts,
        "widened_words": (pairs + singles - edges) * steps,
        "edges": edges,
        "edge_taps": edges * height * across,
        "edge_words": words if depth % WORD == 0 else 0,
        "edge_numbers": 0 if depth % WORD == 0 else edges * height * across * depth,
        "copied_rows": rows * height * is_copied,
        "copied_words": rows * height * is_copied * (columns * depth // WORD),
        "copied_padding": rows * height * is_copied * depth * max(columns - fields["in_width"], 0),
        "merged_columns": rows * columns * is_merged,
        "merged_pixels": rows * columns * height * is_merged,
        "pair_blocks": pairs * groups,
        "pair_steps": pairs * groups * steps,
        "pair_rounds": pairs * groups * -(-in_rounds // (WIDE_ROUND if steps_before else ROUND)),
        "single_blocks": singles * groups,
        "single_steps": singles * groups * steps,
        "single_rounds": singles * groups * -(-in_rounds // SINGLE_ROUND),
        "odd_channels": (pairs + singles) * (fields["out_channels"] % BLOCK),
    }


def _tiles_shape(fields: Mapping[str, int]) -> Shape:
    """Of tiles: out_rows counts two rows of y as one."""
    words = -(-fields["in_channels"] // WORD)
    groups, edges, seen = _tile_groups(fields, TILES_WIDTH, TILES_COLUMNS)
    blocks = groups * fields["out_channels"] // BLOCK
    return {
        "call": 1,
        "rows": fields["out_rows"],
        "groups": groups,
        "edges": edges,
        "group_words": groups * words,
        "column_words": seen * words,
        "blocks": blocks,
        "long_blocks": blocks * (words > ROUND),
        "block_steps": blocks * TILES_PLANES * words,
    }


def _row_tiles_shape(fields: Mapping[str, int]) -> Shape:
    """Of tiles along a row."""
    groups, edges, _ = _tile_groups(fields, ROW_WIDTH, ROW_COLUMNS)
    steps = ROW_ROWS * fields["in_channels"] // ROW_STEP
    blocks = groups * fields["out_channels"] // ROW_BLOCK
    return {
        "call": 1,
        "rows": fields["out_rows"],
        "groups": groups,
        "edges": edges,
        "group_words": groups * fields["in_channels"] // WORD,
        "blocks": blocks,
        "block_rounds": blocks * -(-steps // ROW_ROUND),
        "block_steps": blocks * ROW_PLANES * steps,
    }


def _tile_groups(fields: Mapping[str, int], width: int, columns: int) -> tuple[int, int, int]:
    """(tiles that are transformed at once, those partly beside the image, columns of x that they read)"""
    rows, end = fields["out_rows"], fields["in_width"]
    firsts = [
        min(first, fields["out_width"] - width) - fields["pad_left"] for first in range(0, fields["out_width"], width)
    ]
    edges = sum(first < 0 or first + columns > end for first in firsts)
    seen = sum(min(first + columns, end) - max(first, 0) for first in firsts)
    return rows * len(firsts), rows * edges, rows * seen


def _packed_edges(fields: Mapping[str, int]) -> int:
    """Pairs of a row whose windows lie partly beside the image, or are too near its end to be read by words."""
    width, stride, depth = fields["out_width"], fields["stride_width"], fields["in_channels"]
    last = fields["in_width"] * depth - WORD * fields["row_words"]
    edges, pixel = 0, 0
    while pixel < width:
        pixels = BLOCK - (width - pixel) % BLOCK
        column = pixel * stride - fields["pad_left"]
        edges += column < 0 or (column + (pixels - 1) * stride) * depth > last
        pixel += pixels
    return edges


def _lanes_shape(fields: Mapping[str, int], params: Params) -> Shape:
    """Of four pixels at a time, by parts of their windows and of the channels."""
    rows, width, channels = fields["out_rows"], fields["out_width"], fields["out_channels"]
    depth, across = fields["in_channels"], fields["kernel_width"]
    numbers = fields["kernel_height"] * across * depth
    fours, groups, parts = rows * -(-width // LANES_PIXELS), -(-channels // LANES_CHANNELS), -(-numbers // LANES_TAPS)
    inside = rows * sum(_is_inside(fields, first) for first in range(0, width, LANES_PIXELS))
    rest = dict(params.fields)["rest"]
    assert isinstance(rest, Constant)
    is_signed = fields["y_zero_point"] != fields["low"]
    return {
        "call": 1,
        "rows": rows,
        "fours": fours,
        "four_groups": fours * groups,
        "parts": fours * groups * parts,
        "inside_spans": inside * groups * (fields["kernel_height"] + parts - 1),
        "taps": (fours - inside) * groups * fields["kernel_height"] * across,
        "gathered": fours * groups * numbers,
        "channel_parts": fours * channels * parts,
        "blocks": fours * channels * -(-numbers // WORD),
        "rest": fours * (len(rest.values) - groups * parts) // 3,
        "outputs": rows * width * channels,
        "channels": fours * channels,
        "signed": fours * channels * is_signed,
    }


def _is_inside(fields: Mapping[str, int], first: int) -> bool:
    """Whether the windows of four pixels from `first` on lie in the image."""
    last = min(first + LANES_PIXELS, fields["out_width"]) - 1
    columns = [pixel * fields["stride_width"] - fields["pad_left"] for pixel in (first, last)]
    return (
        fields["dilation_width"] == 1 and columns[0] >= 0 and columns[1] + fields["kernel_width"] <= fields["in_width"]
    )


def _packed_depthwise_shape(fields: Mapping[str, int]) -> Shape:
    """Of some pixels at a time, four channels deep."""
    rows, width, stride = fields["out_rows"], fields["out_width"], fields["stride_width"]
    most = (DEPTHWISE_COLUMNS - DEPTHWISE_WINDOW) // stride + 1
    chunks, inside, outside = -(-width // most), 0, 0
    for first in range(0, width, most):
        count = (min(width - first, most) - 1) * stride + DEPTHWISE_WINDOW
        column = first * stride - fields["pad_left"]
        seen = min(count, fields["in_width"] - column) - max(-column, 0)
        inside, outside = inside + seen, outside + count - seen
    fours = -(-fields["channels"] // WORD)
    return {
        "call": 1,
        "rows": rows,
        "chunks": rows * chunks,
        "chunk_fours": rows * chunks * fours,
        "columns": rows * inside * fours,
        "pixels": rows * width * fours,
        "outside": rows * outside,
        "loose_channels": rows * chunks * (fields["channels"] % WORD > 0),
    }


def _packed_image_shape(fields: Mapping[str, int], most: int) -> Shape:
    """Of four channels at a time, and so many pixels of all rows; two rows are widened for two of y, or for one."""
    rows, width, stride = fields["out_rows"], fields["out_width"], fields["stride_width"]
    fours = -(-fields["channels"] // WORD)
    pairs = rows // 2 if fields["stride"] == 1 else 0
    singles = rows - 2 * pairs
    chunks = inside = outside = 0
    for first in range(0, width, most):
        count = (min(width - first, most) - 1) * stride + DEPTHWISE_WINDOW
        column = first * stride - fields["pad_left"]
        seen = min(count, fields["in_width"] - column) - max(-column, 0)
        chunks, inside, outside = chunks + 1, inside + seen, outside + count - seen
    return {
        "call": 1,
        "chunks": chunks,
        "fours": fours * chunks,
        "pairs": fours * pairs * chunks,
        "singles": fours * singles * chunks,
        "columns": fours * (pairs + singles + 1) * inside,
        "pair_pixels": fours * pairs * width,
        "single_pixels": fours * singles * width,
        "outside": outside,
    }


def _shallow_shape(fields: Mapping[str, int]) -> Shape:
    """Of some pixels at a time; eight bytes of each are read, or fewer where its row ends."""
    rows, width, depth = fields["out_rows"], fields["out_width"], fields["in_channels"]
    step, row_bytes = fields["stride_width"] * depth, fields["in_width"] * depth
    last = sum(row_bytes - pixel * step < 2 * WORD for pixel in range(width))
    return {
        "call": 1,
        "rows": rows,
        "chunks": rows * -(-width // SHALLOW_PIXELS),
        "pixels": rows * width,
        "last": rows * last,
        "outputs": rows * width * fields["out_channels"],
    }


def _plane_shape(fields: Mapping[str, int]) -> Shape:
    """Of some columns at a time; four of them, or one where the image ends."""
    rows, width, stride = fields["out_rows"], fields["out_width"], fields["stride_width"]
    most = (PLANE_COLUMNS - DEPTHWISE_WINDOW) // stride + 1
    chunks = fours = singles = runs = 0
    for first in range(0, width, most):
        count, at = (min(width - first, most) - 1) * stride + DEPTHWISE_WINDOW, 0
        while at < count:
            column = first * stride - fields["pad_left"] + at
            inside = 0 if column < 0 else max((fields["in_width"] - column - PLANE_BEHIND) // WORD, 0)
            times = min(-(-(count - at) // WORD), inside)
            fours, singles, runs = fours + times, singles + (not times), runs + (times > 0)
            at += WORD * times or 1
        chunks += 1
    return {
        "call": 1,
        "rows": rows,
        "chunks": rows * chunks,
        "runs": rows * runs,
        "fours": rows * fours,
        "singles": rows * singles,
        "pixels": rows * width,
        "outputs": rows * width * fields["out_channels"],
    }
