# SPDX-License-Identifier: Apache-2.0
"""The independent check of a plan for TFLM: every byte that an op reads is what was written for it.

It knows nothing of blocks, live ranges or the search. It follows the run over a shadow of the head that holds, for each
byte, which value lies there, with scratch where TFLM's own planner will put it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sapmcu.ir import ops
from sapmcu.ir.graph import Array, Graph, Op
from sapmcu.plan.tflm.buffers import scratch_buffers, tensor_buffers
from sapmcu.plan.tflm.greedy import head_size, plan_greedily
from sapmcu.plan.tflm.overlap import operand_leads
from sapmcu.plan.tflm.predict import predict_arena
from sapmcu.plan.tflm.target import Target

LOST = -1
"""A byte of scratch, or one that nothing has written."""


def verify_layout(graph: Graph, target: Target) -> None:
    """Asserts that the graph, with the offsets in its metadata, runs as one without them does."""
    requests = predict_arena(graph, target).scratch_requests
    tensors, scratch = tensor_buffers(graph), scratch_buffers(requests)
    buffers = (*tensors.values(), *scratch)
    offsets = plan_greedily(buffers)
    start = dict(zip(tensors, offsets, strict=False))
    _Shadow(graph, target, start, head_size(buffers, offsets)).run(
        {
            scope: [
                (offset, one.size_bytes)
                for one, offset in zip(scratch, offsets[len(tensors) :], strict=True)
                if one.first == scope
            ]
            for scope in {one.first for one in scratch}
        }
    )


class _Shadow:
    def __init__(self, graph: Graph, target: Target, start: Mapping[str, int], size_bytes: int) -> None:
        self.graph = graph
        self.target = target
        self.start = start
        self.held = np.full(size_bytes, LOST, np.int64)
        self.values: dict[str, Array] = {}
        """The values that each tensor must have, by byte: numbers that stand for what was computed."""
        self.next_value = 0

    def run(self, scratch: Mapping[int, list[tuple[int, int]]]) -> None:
        """scratch: (offset, bytes) by scope."""
        for name in self.graph.inputs:
            self._write(name, self._new(name))
        for scope, op in enumerate(self.graph.ops, 1):
            self._run_op(op, scratch.get(scope, []))
            for name in (*op.present_inputs, *op.outputs):
                if name not in self.graph.outputs and self.graph.readers.get(name, (0,))[-1] < scope:
                    self.values.pop(name, None)  # not read again
        for name in self.graph.outputs:
            self._read(name)

    def _run_op(self, op: Op, scratch: list[tuple[int, int]]) -> None:
        operands = [name for name in dict.fromkeys(op.present_inputs) if name in self.start]
        for name in operands:
            self._read(name)
        leads = operand_leads(self.graph, op, self.target)
        results = {name: self._result(op, name) for name in op.outputs if name in self.start}
        for result, values in results.items():
            for name in operands:
                self._verify_over(result, values, name, leads.get(name))
        for at, size in scratch:
            for name in (*operands, *results):
                end = self.start[name] + self.graph.tensors[name].size_bytes
                assert end <= at or at + size <= self.start[name], f"scratch of {op.name} lies over {name}"
            self.held[at : at + size] = LOST
        for result, values in results.items():
            self._write(result, values)
        for result in results:
            self._read(result)

    def _verify_over(self, result: str, values: Array, operand: str, lead: int | None) -> None:
        """Where the two overlap, either the bytes stay as they are, or the kernel's order allows it."""
        mine, theirs = self.start[result], self.start[operand]
        first, last = max(mine, theirs), min(mine + len(values), theirs + self.graph.tensors[operand].size_bytes)
        if first >= last:
            return
        is_copy = np.array_equal(values[first - mine : last - mine], self.held[first:last])
        assert is_copy or (lead is not None and theirs - mine >= lead), f"{result} lies over {operand}"

    def _read(self, name: str) -> None:
        if name in self.values:
            at = self.start[name]
            assert np.array_equal(self.held[at : at + len(self.values[name])], self.values[name]), f"{name} is lost"
        else:
            assert self.graph.tensors[name].is_variable or not self.graph.tensors[name].size_bytes, name

    def _write(self, name: str, values: Array) -> None:
        self.values[name] = values
        self.held[self.start[name] : self.start[name] + len(values)] = values

    def _new(self, name: str) -> Array:
        size = self.graph.tensors[name].size_bytes
        self.next_value += size
        return np.arange(self.next_value - size, self.next_value, dtype=np.int64)

    def _result(self, op: Op, name: str) -> Array:
        """New values, or copies of the operands' where the op only moves them."""
        parts = [self._shaped(one) for one in op.present_inputs if one in self.values]
        if isinstance(op, ops.Reshape | ops.Squeeze) and parts:
            return parts[0].ravel()
        if isinstance(op, ops.Slice) and parts:
            begin = self.graph.tensors[str(op.inputs[1])].value
            shape = self.graph.tensors[name].shape
            cut = tuple(slice(int(at), int(at) + length) for at, length in zip(begin, shape, strict=True))
            return parts[0][cut].ravel()
        if isinstance(op, ops.SplitV) and parts:
            axis = int(self.graph.tensors[str(op.inputs[2])].value.ravel()[0])
            index = op.outputs.index(name)
            ends = np.cumsum([self.graph.tensors[one].shape[axis] for one in op.outputs])
            return np.split(parts[0], ends[:-1], axis=axis)[index].ravel()
        if isinstance(op, ops.Concatenation) and len(parts) == len(op.inputs):
            rank = len(self.graph.tensors[name].shape)
            return np.concatenate(parts, axis=op.axis % rank).ravel()
        return self._new(name)

    def _shaped(self, name: str) -> Array:
        tensor = self.graph.tensors[name]
        return self.values[name].reshape(*tensor.shape, tensor.dtype.size_bytes)
