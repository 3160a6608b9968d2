# SPDX-License-Identifier: Apache-2.0
"""Remove dead channels: narrower tensors, fewer filters, and biases that hold what constants added."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from sapmcu.ir import ops
from sapmcu.ir.graph import Array, DType, Graph, Op, Quantization, Tensor
from sapmcu.passes.dead_channels.find import DeadChannels
from sapmcu.passes.edit import with_changed, with_operand
from sapmcu.passes.moves import fold_moves
from sapmcu.passes.orphans import drop_orphans

DATA_OPERANDS = (
    ops.Add,
    ops.Sub,
    ops.Mul,
    ops.Maximum,
    ops.Minimum,
    ops.SquaredDifference,
    ops.PRelu,
    ops.Concatenation,
)
"""Channelwise ops whose constant operands hold data, channel by channel."""
CHANNELS_AT_ONCE = 4
"""As int8 kernels for Cortex-M take them: person_detect with 7 channels of 8 takes CMSIS-NN 12 % more instructions."""


def drop_all_dead_channels(graph: Graph) -> Graph:
    """As drop_dead_channels, also where that leaves numbers of channels for which kernels are slower."""
    return drop_dead_channels(graph, multiple=1)


def drop_dead_channels(graph: Graph, multiple: int = CHANNELS_AT_ONCE) -> Graph:
    """The graph without channels that are constant or unread, where all that makes and reads them can do without.

    What a constant channel added to the sums of a convolution or a fully connected op goes into its bias. Repeated: an
    image that is left with one channel no longer ties those that a depthwise convolution makes of it. A tensor whose
    channels are a multiple of `multiple` keeps such a number of them.
    """
    while (narrower := _narrowed(graph, multiple)) is not graph:
        graph = fold_moves(narrower)  # a transpose of one channel moves nothing
    return graph


def _narrowed(graph: Graph, multiple: int) -> Graph:
    state = DeadChannels(graph, multiple)
    if not any(dead.any() for dead in state.dead.values()):
        return graph
    for index, op in enumerate(graph.ops):
        for place, constant in tuple(_constants(graph, op, state)):
            graph = with_operand(graph, index, place, constant)
    narrow = [
        replace(graph.tensors[name], shape=(*graph.tensors[name].shape[:-1], int((~dead).sum())))
        for name, dead in state.dead.items()
        if dead.any()
    ]
    return drop_orphans(with_changed(graph, narrow))


def _constants(graph: Graph, op: Op, state: DeadChannels) -> Iterator[tuple[int, Tensor]]:
    """(place among the operands, constant) of those that change."""
    x, y = state.of(op.inputs[0] if op.inputs else None), state.of(op.outputs[0] if op.outputs else None)
    if y is None or not (y.any() or (x is not None and x.any())):
        return
    if isinstance(op, ops.Conv2D | ops.FullyConnected | ops.DepthwiseConv2D):
        yield from _filters(graph, op, state, ~y)
    elif isinstance(op, ops.Reshape) and len(op.inputs) > 1 and op.inputs[1] is not None:
        shape = np.array([*graph.results(op)[0].shape[:-1], (~y).sum()], np.int32)
        yield 1, constant_like(graph.tensors[op.inputs[1]], shape)
    elif isinstance(op, DATA_OPERANDS):
        for place, tensor in enumerate(graph.operands(op)):
            if tensor is not None and tensor.is_constant and tensor.shape[-1:] == (y.size,):
                yield place, constant_like(tensor, tensor.value[..., ~y])


def _filters(graph: Graph, op: Op, state: DeadChannels, kept: Array) -> Iterator[tuple[int, Tensor]]:
    """Filters and bias. kept: bool [O]."""
    filters = graph.tensors[str(op.inputs[1])]
    bias = graph.tensors[op.inputs[2]] if len(op.inputs) > 2 and op.inputs[2] is not None else None
    added = np.zeros(kept.size, np.int64)
    if isinstance(op, ops.DepthwiseConv2D):
        yield 1, constant_like(filters, filters.value[..., kept], kept)
    else:
        used = ~state.dead[str(op.inputs[0])]
        added = state.folded(op)
        rows = filters.value[kept].reshape(int(kept.sum()), -1, used.size)[..., used]
        shape = (len(rows), *filters.shape[1:-1], rows[0].size if filters.value.ndim == 2 else int(used.sum()))
        yield 1, constant_like(filters, rows.reshape(shape), kept)
    if bias is not None:
        yield 2, constant_like(bias, (bias.value.ravel() + added)[kept], kept)
    elif added[kept].any():
        yield 2, _new_bias(graph, op, filters, added[kept], kept)


def constant_like(tensor: Tensor, value: Array, kept: Array | None = None) -> Tensor:
    """The constant with another value. kept: which of its scales stay, where it has many."""
    quantization = tensor.quantization
    if kept is not None and quantization is not None and len(quantization.scales) == kept.size:
        quantization = _kept_scales(quantization, kept)
    data = np.ascontiguousarray(value, tensor.dtype.numpy).tobytes()
    return replace(tensor, shape=value.shape, quantization=quantization, data=data)


def _kept_scales(quantization: Quantization, kept: Array) -> Quantization:
    places = np.flatnonzero(kept).tolist()
    scales, zero_points = quantization.scales, quantization.zero_points
    return replace(
        quantization,
        scales=tuple(scales[place] for place in places),
        zero_points=tuple(zero_points[place] for place in places),
    )


def _new_bias(graph: Graph, op: Op, filters: Tensor, value: Array, kept: Array) -> Tensor:
    """In units of the operand's scale times each filter's."""
    assert filters.quantization is not None
    unit = graph.tensors[str(op.inputs[0])].scale
    quantization = filters.quantization
    if len(quantization.scales) == kept.size:
        quantization = _kept_scales(quantization, kept)
    scales = tuple(float(np.float32(unit * scale)) for scale in quantization.scales)
    quantization = Quantization(scales, (0,) * len(scales))
    data = np.ascontiguousarray(value, np.dtype("<i4")).tobytes()
    return Tensor(f"{op.name}/bias", (value.size,), DType.INT32, quantization, data)
