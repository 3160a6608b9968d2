# SPDX-License-Identifier: Apache-2.0
"""Ops with packed filters: random ones that the proof mostly holds for, and what their kernels give on a machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from hypothesis import strategies as st
from native.cases import wide_convolutions
from native.machines import Machine
from native.spatial_ops import run_images
from native.structs import Params, Value, place
from single_op import constant, graph_of, tensor
from strategies import clamps, pairs, windows
from strategies_data import generators, zero_points

from sapmcu.ir import native, ops
from sapmcu.ir.cascade import RowForm
from sapmcu.ir.filters import FilterForm
from sapmcu.ir.graph import Array, Graph, Quantization, Tensor
from sapmcu.ir.padding import VALID, output_size, same_padding
from sapmcu.ir.twins import Twins
from sapmcu.lower.graph import lower_ops
from sapmcu.lower.narrow import GENERAL, NARROW
from sapmcu.lower.packed_depthwise import COLUMN_BYTES, ROW_KERNEL, SMALL_COLUMNS
from sapmcu.lower.packing import SMALL_BYTES, SMALL_KERNELS, THREE_KERNELS, takes_three
from sapmcu.reference import run_graph

C_TYPES = {"int8_t": np.int8, "uint8_t": np.uint8, "int16_t": np.int16, "int32_t": np.int32, "uint32_t": np.uint32}


@st.composite
def packed_filters(draw: st.DrawFn, shape: tuple[int, ...], generator: np.random.Generator) -> Array:
    """Over the whole range that converters use, near dead, at the ends, or with a few of -128."""
    kind = draw(st.sampled_from(["any", "any", "near dead", "ends", "-128"]))
    if kind == "near dead":
        return (generator.random(shape) < 0.1).astype(np.int8)
    if kind == "ends":
        return generator.choice(np.array([-127, 127], np.int8), shape)
    any_values = generator.integers(-127, 128, shape, np.int8)
    return np.where(generator.random(shape) < 0.02, np.int8(-128), any_values) if kind == "-128" else any_values


def scaled(
    x: Tensor,
    filters: Array,
    axis: int,
    y_shape: tuple[int, ...],
    draw: st.DrawFn,
    generator: np.random.Generator,
    y_zero_points: st.SearchStrategy[int] = zero_points,
) -> tuple[Tensor, Tensor, Tensor]:
    """Filters, bias and y: scales so that a channel uses some of y's range, as in trained networks, or much more."""
    by_channel = np.moveaxis(filters, axis, 0).reshape(filters.shape[axis], -1).astype(np.int64)
    reach = np.maximum(np.abs(by_channel).sum(1) * 255, 1)
    biases = generator.integers(-reach, reach + 1)
    if draw(st.integers(0, 3)) == 0:  # near the largest sum that is proved
        biases = np.sign(biases) * np.maximum(2**23 - reach - 1, 0)
    spread = draw(st.sampled_from([(0.3, 4.0), (0.01, 0.1), (4.0, 400.0)]))
    factors = 255 / reach * generator.uniform(*spread, len(reach))
    zero_point = draw(st.one_of(st.just(-128), y_zero_points))
    y = tensor("y", y_shape, "int8", 0.25, zero_point)
    quantization = Quantization(
        tuple(float(np.float32(one * y.scale / x.scale)) for one in factors), (0,) * len(reach), axis
    )
    return constant("f", filters, quantization), constant("b", biases.astype(np.int32)), y


@st.composite
def packed_convolutions(draw: st.DrawFn) -> Graph:
    channels = draw(st.one_of(st.sampled_from((4, 8, 16)), st.integers(1, 7)))
    count, kernel_size, stride = draw(st.integers(2, 7)), draw(pairs), draw(pairs)
    size, padding, out = draw(windows(kernel_size, stride))
    generator = draw(generators)
    x = tensor("x", (1, *size, channels), "int8", 0.5, draw(zero_points))
    values = draw(packed_filters((count, *kernel_size, channels), generator))
    filters, bias, y = scaled(x, values, 0, (1, *out, count), draw, generator)
    return graph_of(ops.Conv2D(("x", "f", "b"), ("y",), stride, padding, (1, 1), draw(clamps(y))), x, filters, bias, y)


@st.composite
def long_rows(draw: st.DrawFn) -> Graph:
    """Few windows of many are at an edge: their rows aren't copied with padding, though channels aren't fours."""
    channels, window, stride = draw(st.sampled_from((1, 2, 3, 5))), (2, 3), draw(st.integers(1, 2))
    size = 2, draw(st.integers(60, 150))
    same = same_padding(size, window, (1, stride))
    padding = draw(st.sampled_from([same, ((0, 0), (0, 1)), ((1, 1), (1, 0))]))
    out = tuple(output_size(*one) for one in zip(size, window, (1, stride), padding, (1, 1), strict=True))
    generator = draw(generators)
    x = tensor("x", (1, *size, channels), "int8", 0.5, draw(zero_points))
    values = draw(packed_filters((2, *window, channels), generator))
    filters, bias, y = scaled(x, values, 0, (1, *out, 2), draw, generator)
    op = ops.Conv2D(("x", "f", "b"), ("y",), (1, stride), padding, (1, 1), draw(clamps(y)))
    return graph_of(op, x, filters, bias, y)


@st.composite
def short_rows(draw: st.DrawFn) -> Graph:
    """Rows of few pixels: 1x1 of fours of channels, or larger windows whose rows are copied with their padding."""
    width, count, stride = draw(st.integers(1, 11)), draw(st.integers(2, 5)), draw(st.integers(1, 2))
    channels, kernel_size = draw(st.sampled_from([(4, (1, 1)), (20, (1, 1)), (36, (1, 1)), (1, (4, 4)), (3, (2, 3))]))
    size = (kernel_size[0], width * stride)
    padding = same_padding(size, kernel_size, (1, stride))
    generator = draw(generators)
    x = tensor("x", (1, *size, channels), "int8", 0.5, draw(zero_points))
    values = draw(packed_filters((count, *kernel_size, channels), generator))
    filters, bias, y = scaled(x, values, 0, (1, size[0], width, count), draw, generator, st.just(-128))
    op = ops.Conv2D(("x", "f", "b"), ("y",), (1, stride), padding, (1, 1), draw(clamps(y)))
    return graph_of(op, x, filters, bias, y)


@st.composite
def packed_products(draw: st.DrawFn) -> Graph:
    """Vectors; a filter of one scale for all channels where they are many."""
    vectors, depth, count = draw(st.integers(1, 5)), draw(st.integers(1, 70)), draw(st.integers(2, 9))
    generator = draw(generators)
    x = tensor("x", (vectors, depth), "int8", 0.5, draw(zero_points))
    values = draw(packed_filters((count, depth), generator))
    filters, bias, y = scaled(x, values, 0, (vectors, count), draw, generator)
    return graph_of(
        ops.FullyConnected(("x", "f", "b"), ("y",), draw(clamps(y)), keep_num_dims=True), x, filters, bias, y
    )


@st.composite
def packed_depthwise(draw: st.DrawFn) -> Graph:
    """Any number of columns: those that are widened at once, and more."""
    channels, stride = draw(st.integers(4, 13)), (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    size = draw(st.integers(3, 8)), draw(st.integers(3, 40))
    same = same_padding(size, (3, 3), stride)
    padding = draw(st.sampled_from([VALID, same, same, ((1, 0), (2, 1)), ((0, 0), (0, 2)), ((2, 2), (1, 1))]))
    out = tuple(output_size(*one) for one in zip(size, (3, 3), stride, padding, (1, 1), strict=True))
    generator = draw(generators)
    x = tensor("x", (1, *size, channels), "int8", 0.5, draw(zero_points))
    values = draw(packed_filters((1, 3, 3, channels), generator))
    filters, bias, y = scaled(x, values, 3, (1, *out, channels), draw, generator)
    op = ops.DepthwiseConv2D(("x", "f", "b"), ("y",), stride, padding, (1, 1), draw(clamps(y)))
    return graph_of(op, x, filters, bias, y)


@st.composite
def shallow_convolutions(draw: st.DrawFn) -> Graph:
    """1x1 of some channels, 3x3 of one; rows of one pixel, and of more than are widened at once."""
    is_plane, stride = draw(st.booleans()), draw(pairs)
    channels = 1 if is_plane else draw(st.integers(5, 8))
    window = (3, 3) if is_plane else (1, 1)
    size = draw(st.integers(window[0], 5)), draw(st.integers(window[1], 40))
    same = same_padding(size, window, stride)
    padding = draw(st.sampled_from([VALID, same, same, ((2, 1), (3, 5))])) if is_plane else VALID
    out = tuple(output_size(*one) for one in zip(size, window, stride, padding, (1, 1), strict=True))
    count = draw(st.integers(2, 5)) + (0 if is_plane else channels)
    generator = draw(generators)
    x = tensor("x", (1, *size, channels), "int8", 0.5, draw(zero_points))
    values = draw(packed_filters((count, *window, channels), generator))
    filters, bias, y = scaled(x, values, 0, (1, *out, count), draw, generator)
    return graph_of(ops.Conv2D(("x", "f", "b"), ("y",), stride, padding, (1, 1), draw(clamps(y))), x, filters, bias, y)


def packed_graphs() -> st.SearchStrategy[Graph]:
    spatial = packed_convolutions(), long_rows(), short_rows(), packed_depthwise(), shallow_convolutions()
    return st.one_of(*spatial, packed_products())


def lanes_graphs() -> st.SearchStrategy[Graph]:
    """Convolutions of any shape whose filters fit in blocks or are far beyond."""
    wide = wide_convolutions().filter(lambda graph: isinstance(graph.ops[0], ops.Conv2D))
    return st.one_of(packed_convolutions(), wide)


@st.composite
def tiled_convolutions(draw: st.DrawFn) -> Graph:
    """3x3 windows over any number of rows, of any width; edges on any side or none."""
    channels, count = draw(st.sampled_from((4, 8, 12, 16, 20, 64))), 2 * draw(st.integers(1, 3))
    out = draw(st.integers(1, 6)), draw(st.integers(4, 11))
    pads = draw(st.sampled_from((((1, 1), (1, 1)), ((0, 0), (0, 0)), ((2, 0), (0, 2)), ((0, 1), (2, 1)))))
    size = out[0] + 2 - sum(pads[0]), out[1] + 2 - sum(pads[1])
    generator = draw(generators)
    x = tensor("x", (1, max(size[0], 1), size[1], channels), "int8", 0.5, draw(zero_points))
    out = output_size(x.shape[1], 3, 1, pads[0], 1), out[1]
    values = draw(packed_filters((count, 3, 3, channels), generator))
    filters, bias, y = scaled(x, values, 0, (1, *out, count), draw, generator)
    return graph_of(ops.Conv2D(("x", "f", "b"), ("y",), (1, 1), pads, (1, 1), draw(clamps(y))), x, filters, bias, y)


KERNELS = ("_packed_", "_lanes_", "_wide_", "_winograd_")


def packed_form(graph: Graph, twins: Twins = Twins.DSP, filters: FilterForm = FilterForm.INT8) -> RowForm | None:
    """The form of the graph's op; None where the proof fails."""
    (form,) = lower_ops(graph, twins=twins, filters=(filters,))[0].lowered.forms
    assert form.kernel is not None
    return form if any(one in form.kernel.name for one in KERNELS) else None


def run_packed(machine: Machine, graph: Graph, form: RowForm, value: Array) -> Array:
    """Row by row, each beside others."""
    assert form.kernel is not None and form.params is not None
    (reads,) = form.reads
    fields = {name: _on_machine(one) for name, one in form.params.fields}
    x, y = (graph.tensors[name] for name in (*graph.inputs, *graph.outputs))
    images = value.reshape(1, reads.rows, 1, reads.row_bytes)
    row = tensor("row", (1, form.rows, 1, form.row_bytes))
    geometry = (reads.window, reads.stride, reads.dilation, reads.before)
    zero_row = np.full(reads.row_bytes, x.zero_point, np.int8)
    got = run_images(
        *(machine, "sapmcu_run_rows", form.kernel.name, Params(form.params.c_type, fields)),
        *(images, row, geometry, zero_row),
        scratch_bytes=form.scratch_bytes,
    )
    return got.reshape(y.shape)


def run_over_rows(machine: Machine, graph: Graph, form: RowForm, value: Array) -> Array:
    """Each row of y where the first one of x lies that its windows read."""
    assert form.kernel is not None and form.params is not None
    (reads,) = form.reads
    machine.reset()
    image = machine.allocate(b"M" * reads.before * reads.row_bytes + value.tobytes())
    geometry = {
        "in_rows": reads.rows,
        "out_rows": form.rows,
        "window": reads.window,
        "stride": reads.stride,
        "dilation": reads.dilation,
        "pad_top": reads.before,
        "in_row_bytes": reads.row_bytes,
        "out_row_bytes": form.row_bytes,
        "zero_row": np.full(reads.row_bytes, graph.tensors["x"].zero_point, np.int8),
    }
    params = Params(form.params.c_type, {name: _on_machine(one) for name, one in form.params.fields})
    structs = place(machine, Params("sapmcu_rows", geometry)), place(machine, params)
    x = image + reads.before * reads.row_bytes
    machine.call("sapmcu_run_rows", structs[0], machine.function(form.kernel.name), structs[1], x, image, 0)
    y = graph.tensors[graph.outputs[0]]
    return np.frombuffer(machine.read(image, y.size_bytes), np.int8).reshape(y.shape)


def packed_image(graph: Graph) -> tuple[native.Call, bool] | None:
    """(the call of the kernel of whole images, whether y may be x) of the graph's op; None where the proof fails."""
    lowered = lower_ops(graph, twins=Twins.DSP)[0].lowered
    (call,) = lowered.calls
    return (call, bool(lowered.in_place)) if call.function == "sapmcu_packed_depthwise_conv2d_s8" else None


def run_packed_image(machine: Machine, graph: Graph, call: native.Call, value: Array, *, room: int) -> Array:
    """room: for so many columns at a time; 0: for all, with y in x's place."""
    y, is_in_place = graph.tensors[graph.outputs[0]], room == 0
    machine.reset()
    blank = value.tobytes() if is_in_place else b"M" * y.size_bytes
    result = machine.allocate(blank.ljust(y.size_bytes, b"\0"))
    source = result if is_in_place else machine.allocate(value.tobytes())
    structs = [one for one in call.arguments if isinstance(one, native.Params)]
    geometry, params = (
        place(machine, Params(one.c_type, {name: _on_machine(field) for name, field in one.fields})) for one in structs
    )
    room = room or call.scratch_bytes // COLUMN_BYTES
    scratch = machine.allocate(bytes(room * COLUMN_BYTES), 4)
    machine.call(call.function, geometry, params, source, result, scratch, room)
    return np.frombuffer(machine.read(result, y.size_bytes), np.int8).reshape(y.shape)


def _on_machine(value: native.Value) -> Value:
    if isinstance(value, native.Constant):
        return np.array(value.values, C_TYPES[value.c_type])
    assert value is None or isinstance(value, int)
    return value


def assert_packed_equals_reference(
    machine: Machine,
    graph: Graph,
    inputs: Sequence[Sequence[Array]],
    twins: Twins = Twins.DSP,
    filters: FilterForm = FilterForm.INT8,
) -> None:
    form = packed_form(graph, twins, filters)
    image = packed_image(graph) if twins is Twins.DSP else None
    for values in inputs if image else ():
        call, may_be_in_place = image
        expected = run_graph(graph, values)[graph.outputs[0]]
        for room in (call.scratch_bytes // COLUMN_BYTES, SMALL_COLUMNS, *((0,) if may_be_in_place else ())):
            got = run_packed_image(machine, graph, call, values[0], room=room)
            np.testing.assert_array_equal(got, expected, err_msg=f"{graph.ops[0]} {room}")
    for values in inputs if form else ():
        expected = run_graph(graph, values)[graph.outputs[0]]
        for one in forms_of(form):
            got = run_packed(machine, graph, one, values[0])
            np.testing.assert_array_equal(got, expected, err_msg=f"{graph.ops[0]} {one.kernel}")
        is_depthwise = form.kernel == ROW_KERNEL and form.reads[0].stride == form.reads[0].dilation == 1
        if is_depthwise and form.in_place and form.row_bytes == form.reads[0].row_bytes:
            got = run_over_rows(machine, graph, form, values[0])
            np.testing.assert_array_equal(got, expected, err_msg=f"{graph.ops[0]} over x")


def forms_of(form: RowForm) -> Iterator[RowForm]:
    """The same by the other kernels that there are: with scratch on the stack, for parts of rows, and of less code."""
    yield form
    assert form.kernel is not None and form.params is not None
    if form.kernel in SMALL_KERNELS and 0 < form.scratch_bytes <= SMALL_BYTES:
        yield replace(form, kernel=SMALL_KERNELS[form.kernel], scratch_bytes=0)
    if form.kernel in THREE_KERNELS and takes_three(form.params):
        is_copied = dict(form.params.fields)["is_copied"]
        scratch_bytes = form.scratch_bytes if is_copied else form.scratch_bytes * 3 // 2
        yield replace(form, kernel=THREE_KERNELS[form.kernel], scratch_bytes=scratch_bytes)
    for name, suits in NARROW.items():
        if form.kernel == GENERAL and suits(form.params):
            yield replace(form, kernel=replace(GENERAL, name=name))
