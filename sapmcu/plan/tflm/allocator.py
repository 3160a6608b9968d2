# SPDX-License-Identifier: Apache-2.0
"""MicroInterpreter::AllocateTensors, replayed: every allocation in order, in an arena with two ends.

The head grows from the front: the list of scratch requests while ops are prepared, later the plan of activations.
Temporaries lie behind it. What persists grows from the back. In an arena that is 16-aligned and a multiple of 16 long,
distances from either end don't depend on its size: one replay tells what size is needed.

Source: tflite-micro 90b983c2, micro/{micro_allocator,micro_interpreter,micro_interpreter_graph}.cc and
micro/arena_allocator.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sapmcu.ir.graph import Graph, Tensor
from sapmcu.plan.arena import align
from sapmcu.plan.tflm.buffers import offline_offsets, scratch_buffers, tensor_buffers
from sapmcu.plan.tflm.facts import Block
from sapmcu.plan.tflm.greedy import PlannedBuffer, head_size, plan_greedily
from sapmcu.plan.tflm.node import (
    INT32_BYTES,
    Node,
    Persistent,
    Request,
    Scratch,
    Temporary,
    UnknownAllocationError,
    scale_count,
)
from sapmcu.plan.tflm.prepare import prepare
from sapmcu.plan.tflm.target import Target


@dataclass(frozen=True, slots=True)
class Allocation:
    """tail_bytes: at the end. need_bytes: head, temporaries and tail at the worst moment before the plan is laid out.
    scratch_bytes: what each op asks for, by its index. offset_bytes: in the head, by tensor. unknown_ops: indices."""

    head_bytes: int
    tail_bytes: int
    need_bytes: int
    scratch_bytes: Mapping[int, tuple[int, ...]]
    offset_bytes: Mapping[str, int]
    unknown_ops: tuple[int, ...]


class Arena:
    """Bytes used at either end, and the most that was needed at once."""

    def __init__(self, alignment: int) -> None:
        self.alignment = alignment
        self.tail_bytes = self.head_bytes = self.front_bytes = self.need_bytes = 0

    def persistent(self, block: Block, count: int = 1) -> None:
        """count: of an array in one allocation."""
        self.tail_bytes = align(self.tail_bytes + count * block.size_bytes, block.alignment)
        self._note()

    def persistent_buffer(self, size_bytes: int) -> None:
        self.persistent(Block(size_bytes, self.alignment))

    def temporary(self, block: Block, count: int = 1) -> None:
        self.front_bytes = align(self.front_bytes, block.alignment) + count * block.size_bytes
        self._note()

    def resize_head(self, size_bytes: int) -> None:
        """Frees the temporaries too."""
        self.head_bytes = self.front_bytes = size_bytes
        self._note()

    def free_temporaries(self) -> None:
        self.front_bytes = self.head_bytes

    def note_planner(self, size_bytes: int) -> None:
        """The planner takes all that is free between the two ends, each 16-aligned, and needs at least this."""
        need = align(self.front_bytes, self.alignment) + size_bytes + align(self.tail_bytes, self.alignment)
        self.need_bytes = max(self.need_bytes, need)

    def _note(self) -> None:
        self.need_bytes = max(self.need_bytes, self.front_bytes + self.tail_bytes)


def allocate_tensors(graph: Graph, target: Target) -> Allocation:
    """Replay the allocation of a graph."""
    return _prepared(graph, target).plan_memory()


def persistent_bytes(graph: Graph, target: Target) -> int:
    """Allocation.tail_bytes alone: the head needn't be planned for it."""
    replay = _prepared(graph, target, has_temporaries=False)
    replay.request_buffers()
    replay.finish()
    return replay.arena.tail_bytes


def _prepared(graph: Graph, target: Target, *, has_temporaries: bool = True) -> _Replay:
    """Up to the end of the kernels' Prepare. has_temporaries: they change nothing in the tail."""
    replay = _Replay(graph, target)
    replay.create_allocator()
    replay.create_nodes()
    replay.prepare_ops(has_temporaries=has_temporaries)
    return replay


class _Replay:
    def __init__(self, graph: Graph, target: Target) -> None:
        self.graph = graph
        self.target = target
        self.facts = target.facts
        self.arena = Arena(self.facts.arena_alignment)
        self.nodes = [Node.of(graph, op) for op in graph.ops]
        self.unknown_ops: list[int] = []
        self.scratch_bytes: dict[int, tuple[int, ...]] = {}

    def create_allocator(self) -> None:
        """MicroAllocator::Create and the start of MicroInterpreter."""
        recording = "Recording" if self.target.is_recording else ""
        for name in (f"{recording}SingleArenaBufferAllocator", "GreedyMemoryPlanner", f"{recording}MicroAllocator"):
            self._persistent(name)
        self._persistent("MicroBuiltinDataAllocator")
        self._resize_scratch_requests(0)

    def create_nodes(self) -> None:
        """StartModelAllocation, PrepareNodeAndRegistrationDataFromFlatbuffer, InitSubgraphs."""
        self._persistent("SubgraphAllocations")
        self._persistent("TfLiteEvalTensor", len(self.graph.tensors))
        self._persistent("NodeAndRegistration", len(self.nodes))
        for node in self.nodes:
            parameters = self.target.parameters(node.code)
            if parameters is not None:
                self.arena.persistent(parameters)
        for node in self.nodes:
            op_data_bytes = self.target.op_data_bytes(node.code)
            if op_data_bytes is not None:
                self.arena.persistent_buffer(op_data_bytes)

    def prepare_ops(self, *, has_temporaries: bool) -> None:
        """PrepareSubgraphs: each kernel's Prepare, after it room for the requests of the next."""
        requested = 0
        for index, node in enumerate(self.nodes):
            requests = self._requests(index, node)
            for request in requests:
                if isinstance(request, Temporary):
                    if has_temporaries:
                        self._temporary_tensor(request.tensor)
                elif isinstance(request, Persistent):
                    self.arena.persistent_buffer(request.size_bytes)
            sizes = tuple(request.size_bytes for request in requests if isinstance(request, Scratch))
            if sizes:
                self.scratch_bytes[index] = sizes
                requested += len(sizes)
            self.arena.free_temporaries()
            self._resize_scratch_requests(requested)

    def _requests(self, index: int, node: Node) -> tuple[Request, ...]:
        try:
            return prepare(node, self.target)
        except UnknownAllocationError:
            self.unknown_ops.append(index)
            return ()

    def plan_memory(self) -> Allocation:
        """FinishModelAllocation: the plan of the head, then the tensors that the application sees."""
        scratch = self.request_buffers()
        tensors = tensor_buffers(self.graph)
        buffers = (*tensors.values(), *scratch)
        self.arena.note_planner(self.facts.planner_buffer_bytes * len(buffers))
        need_bytes = self.arena.need_bytes
        offsets = plan_greedily(buffers)
        self.arena.resize_head(head_size(buffers, offsets))
        self.finish()
        return Allocation(
            self.arena.head_bytes,
            self.arena.tail_bytes,
            need_bytes,
            self.scratch_bytes,
            dict(zip(tensors, offsets, strict=False)),  # behind the tensors' come the scratch buffers' offsets
            tuple(self.unknown_ops),
        )

    def request_buffers(self) -> tuple[PlannedBuffer, ...]:
        """The scratch buffers, after what is allocated to plan the head."""
        scratch = scratch_buffers(self.scratch_bytes)
        if scratch:
            self._persistent("ScratchBufferHandle", len(scratch))
        self.arena.temporary(Block(self.target.word_bytes, self.target.word_bytes))
        self.arena.temporary(self.target.struct("AllocationInfo"), len(self.graph.tensors) + len(scratch))
        self._allocate_variables()
        return scratch

    def finish(self) -> None:
        """The tensors that the application sees."""
        self._persistent_tensors(self.graph.inputs)
        self._persistent_tensors(self.graph.outputs)

    def _allocate_variables(self) -> None:
        given = offline_offsets(self.graph)
        for name, tensor in self.graph.tensors.items():
            if tensor.is_variable and name not in given:
                self.arena.persistent_buffer(tensor.size_bytes)

    def _persistent_tensors(self, names: Sequence[str]) -> None:
        """The array of pointers, then each tensor with its quantization."""
        self.arena.persistent_buffer(self.target.word_bytes * len(names))
        for name in names:
            for block in self._tensor_blocks(self.graph.tensors[name]):
                self.arena.persistent(block)

    def _temporary_tensor(self, tensor: Tensor) -> None:
        for block in self._tensor_blocks(tensor):
            self.arena.temporary(block)

    def _tensor_blocks(self, tensor: Tensor) -> Iterable[Block]:
        """A TfLiteTensor, where it is quantized with its parameters and its zero points (count first)."""
        yield self.target.struct("TfLiteTensor")
        if scale_count(tensor):
            yield self.target.struct("TfLiteAffineQuantization")
            yield Block(INT32_BYTES * (1 + scale_count(tensor)), INT32_BYTES)

    def _persistent(self, struct: str, count: int = 1) -> None:
        self.arena.persistent(self.target.struct(struct), count)

    def _resize_scratch_requests(self, requested: int) -> None:
        """Of those so far, and of the most that the next op may make."""
        block = self.target.struct("ScratchBufferRequest")
        self.arena.resize_head(block.size_bytes * (requested + self.facts.max_scratch_per_op))
