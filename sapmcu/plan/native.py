# SPDX-License-Identifier: Apache-2.0
"""Places in the arena for the native engine: aliases share bytes, results overwrite operands that die, where exact."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from sapmcu.ir.graph import Graph
from sapmcu.ir.native import Apart, ArenaPlan, Lowered, Step
from sapmcu.plan.arena import Buffer, align, plan_offsets
from sapmcu.plan.live import live_buffers

ALIGNMENT_BYTES = 8
"""Of every tensor: what LDRD and a 64-bit number ask for. Source: AAPCS32, 5.3."""


def plan_arena(
    graph: Graph, steps: Sequence[Step], *, is_each_kept: bool = False, apart: Collection[Apart] = ()
) -> ArenaPlan:
    """is_each_kept: no tensor shares memory with another but its aliases. apart: what gets memory of its own.

    A result over a larger operand keeps all of that operand's bytes for as long as it lives, which may cost more than
    it saves: the smaller of both plans is taken.
    """
    plans = [_plan(graph, steps, is_each_kept, apart)]
    sizes = {name: tensor.size_bytes for name, tensor in graph.tensors.items()}
    if any(sizes[result] != sizes[operand] for step in steps for result, operand in step.lowered.in_place):
        equal = [replace(step, lowered=_over_equal_operands(step.lowered, sizes)) for step in steps]
        plans.append(_plan(graph, equal, is_each_kept, apart))
    for plan in plans:
        verify_plan(graph, steps, plan)
    return min(plans, key=lambda plan: plan.arena_bytes)


def _over_equal_operands(lowered: Lowered, sizes: Mapping[str, int]) -> Lowered:
    """Without the pairs whose result is smaller than the operand that it could overwrite."""
    return replace(lowered, in_place=tuple(pair for pair in lowered.in_place if sizes[pair[0]] == sizes[pair[1]]))


def _plan(graph: Graph, steps: Sequence[Step], is_each_kept: bool, apart: Collection[Apart]) -> ArenaPlan:
    tensors = {one.name: one for one in live_buffers(graph)}
    outside = {name: home for home, names in _interface(graph).items() if home in apart for name in names}
    owners = _owners(graph, steps, tensors, is_each_kept, outside)
    homes = _homes(owners, outside)
    last_op = max(len(graph.ops) - 1, 0)
    buffers: list[Buffer] = []
    places: dict[str, int] = {}
    taken = dict.fromkeys(apart, 0)
    for owner in dict.fromkeys(owners.values()):
        members = [tensors[name] for name, its_owner in owners.items() if its_owner == owner]
        size = align(max(one.size_bytes for one in members), ALIGNMENT_BYTES)
        first, last = min(one.first for one in members), max(one.last for one in members)
        if owner in homes:
            places[owner] = taken[homes[owner]]
            taken[homes[owner]] += size
            continue
        buffers.append(Buffer(owner, size, *((0, last_op) if is_each_kept else (first, last))))
    scratch = {step.index: f"scratch of op {step.index}" for step in steps if scratch_bytes(step.lowered)}
    for step in steps:
        if step.index in scratch:
            size = align(scratch_bytes(step.lowered), ALIGNMENT_BYTES)
            buffers.append(Buffer(scratch[step.index], size, step.index, step.index))
    offsets = plan_offsets(buffers, ALIGNMENT_BYTES)
    return ArenaPlan(
        offset_bytes={
            name: places[owner] if owner in places else offsets.offset_bytes[owner] for name, owner in owners.items()
        },
        aliases={name: owner for name, owner in owners.items() if name != owner},
        scratch_offset_bytes={index: offsets.offset_bytes[name] for index, name in scratch.items()},
        arena_bytes=offsets.size_bytes,
        bound_bytes=offsets.bound_bytes,
        homes={name: homes[owner] for name, owner in owners.items() if owner in homes},
        apart_bytes=taken,
    )


def scratch_bytes(lowered: Lowered) -> int:
    return max((call.scratch_bytes for call in lowered.calls), default=0)


def _interface(graph: Graph) -> dict[Apart, tuple[str, ...]]:
    return {Apart.INPUT: tuple(graph.inputs), Apart.OUTPUT: tuple(graph.outputs)}


def _homes(owners: Mapping[str, str], outside: Mapping[str, Apart]) -> dict[str, Apart]:
    """Where each owner lies whose bytes are those of a tensor outside; of an input where it is an output, too."""
    homes: dict[str, Apart] = {}
    for home in (Apart.OUTPUT, Apart.INPUT):
        homes |= {owners[name]: home for name, its_home in outside.items() if its_home is home and name in owners}
    return homes


def _owners(
    graph: Graph,
    steps: Sequence[Step],
    tensors: Mapping[str, Buffer],
    is_each_kept: bool,
    outside: Collection[str],
) -> dict[str, str]:
    """The tensor whose bytes each tensor has: its own, its alias's, or those of the operand that it overwrites.

    outside: tensors that lie apart; they overwrite nothing, and nothing overwrites them.
    """
    owners = {name: name for name in tensors}
    for step in steps:
        for result, operand in step.lowered.aliases:
            owners[result] = owners[operand]
        for result, operand in step.lowered.in_place:
            if is_each_kept or owners[result] != result or result in outside:
                continue
            owner = owners[operand]
            if any(its_owner == owner and name in outside for name, its_owner in owners.items()):
                continue
            members = [tensors[name] for name, its_owner in owners.items() if its_owner == owner]
            # a graph's output lives to the last op, so that only the last op's results may come later
            is_dead = max(one.last for one in members) <= step.index
            is_output = any(one.name in graph.outputs for one in members)
            if is_dead and not is_output:
                owners[result] = owner
    return owners


def verify_plan(graph: Graph, steps: Sequence[Step], plan: ArenaPlan) -> None:
    """Asserts that each tensor's bytes are still there when they are read, by following every write.

    Knows nothing of live ranges or owners: it replays the run over the arena's bytes.
    """
    sizes = {name: graph.tensors[name].size_bytes for name in plan.offset_bytes}
    for name, offset in plan.offset_bytes.items():
        assert offset >= 0 and offset % ALIGNMENT_BYTES == 0 and offset + sizes[name] <= plan.home_bytes(name), name
    intact = {name for name in graph.inputs if name in sizes}
    for one in intact:
        assert not any(_overlap(one, other, sizes, plan) for other in intact if other != one), one
    for step in steps:
        op = graph.ops[step.index]
        for name in op.present_inputs:
            assert graph.tensors[name].is_constant or name in intact, f"{step.comment}: {name} is overwritten"
        for result, operand in step.lowered.aliases:
            assert _place(plan, result) == _place(plan, operand), f"{step.comment}: {result} isn't {operand}"
        same = {frozenset(pair) for pair in step.lowered.aliases}
        may_share = {frozenset(pair) for pair in step.lowered.in_place}
        for result in op.outputs:
            hit = {name for name in intact if _overlap(result, name, sizes, plan)}
            for name in hit & {*op.present_inputs, *op.outputs}:
                pair = frozenset((result, name))
                at_one_place = _place(plan, result) == _place(plan, name)
                assert at_one_place and pair in same | may_share, f"{step.comment}: {result} overwrites {name}"
            kept = {name for name in hit if any(name in pair and result in pair for pair in same)}
            # what shared the operand's bytes shares those of its alias
            kept |= {name for name in hit for one in kept if _place(plan, one) == _place(plan, name)}
            intact = (intact - (hit - kept)) | {result}
        _verify_scratch(step, sizes, plan, {*op.outputs, *op.present_inputs} & sizes.keys(), intact)
    for name in graph.outputs:
        assert name in intact, f"the output {name} is overwritten"


def _place(plan: ArenaPlan, name: str) -> tuple[Apart | None, int]:
    return plan.homes.get(name), plan.offset_bytes[name]


def _overlap(one: str, other: str, sizes: Mapping[str, int], plan: ArenaPlan) -> bool:
    if plan.homes.get(one) != plan.homes.get(other):
        return False
    start, other_start = plan.offset_bytes[one], plan.offset_bytes[other]
    return start < other_start + sizes[other] and other_start < start + sizes[one]


def _verify_scratch(step: Step, sizes: Mapping[str, int], plan: ArenaPlan, used: set[str], intact: set[str]) -> None:
    """Scratch lies apart from the op's tensors; what it overwrites is lost."""
    for name in list(_in_scratch(step, sizes, plan, intact | used)):
        assert name not in used, f"{step.comment}: its scratch overwrites {name}"
        intact.discard(name)


def _in_scratch(step: Step, sizes: Mapping[str, int], plan: ArenaPlan, names: set[str]) -> Iterator[str]:
    size = scratch_bytes(step.lowered)
    if not size:
        return
    start = plan.scratch_offset_bytes[step.index]
    assert start % ALIGNMENT_BYTES == 0 and start + size <= plan.arena_bytes, step.comment
    for name in names:
        if name in plan.homes:
            continue
        if start < plan.offset_bytes[name] + sizes[name] and plan.offset_bytes[name] < start + size:
            yield name
