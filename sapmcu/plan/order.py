# SPDX-License-Identifier: Apache-2.0
"""The order of ops whose activations need the least memory at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sapmcu.ir.graph import Graph
from sapmcu.ir.native import Lowered
from sapmcu.plan.arena import align
from sapmcu.plan.native import ALIGNMENT_BYTES, scratch_bytes

TRANSITIONS = 200_000
"""Bound on the search: states that are kept times ops. Below a second."""
MIN_WIDTH = 16
"""States that are kept after each op, however many ops there are."""
MAX_OPS = 2_000
"""Larger graphs keep the file's order."""
MAX_STEPS = 10_000_000
"""Bound on the search where very many ops could be next, in ops that are looked at: a few seconds. Past it, the file's
order stays."""


@dataclass(frozen=True, slots=True)
class Order:
    """ops: indices into graph.ops as they should run. peak_bytes: of what lives at once, padding between buffers aside;
    None where nothing was sought. is_best: no order has a lower peak; False where the search was cut short.
    """

    ops: tuple[int, ...]
    peak_bytes: int | None
    is_best: bool


@dataclass(frozen=True, slots=True)
class _Owner:
    """Bytes that one or several tensors share. writers, readers: ops as bits. is_output: it never dies."""

    size_bytes: int
    writers: int
    readers: int
    is_input: bool
    is_output: bool


@dataclass(frozen=True, slots=True)
class _Work:
    """What an op does to memory, owners by index. over: (result, operand) that may lie at one place."""

    needs: int
    results: tuple[int, ...]
    touched: tuple[int, ...]
    over: tuple[tuple[int, int], ...]
    scratch_bytes: int


@dataclass(frozen=True, slots=True)
class _State:
    """After some ops: the highest peak on the way, what lives now, which ops could be next, and how we came here."""

    peak_bytes: int
    live_bytes: int
    ready: tuple[int, ...]
    before: _State | None
    op: int


def find_order(graph: Graph, lowered: Mapping[int, Lowered]) -> Order:
    """The best order, or the best that a bounded search finds; the file's where none is better.

    lowered: by index of op, for what shares memory and for scratch; ops that it lacks share nothing. Every set of ops
    that can have run is one state, whatever their order, so that the search is exact while all states are kept
    (Held and Karp's dynamic programming over sets, for the largest instead of the sum); states that have reached the
    peak of the best order known are dropped, so that a chain takes no time.
    """
    as_read = tuple(range(len(graph.ops)))
    is_fixed = any(tensor.is_variable for tensor in graph.tensors.values()) or any(not op.outputs for op in graph.ops)
    if is_fixed or len(as_read) > MAX_OPS:
        return Order(as_read, None, False)
    owners, works = _memory(graph, lowered)
    start = _start(owners, works)
    state = start
    for op in as_read:
        state = _after(state, op, (1 << op) - 1, owners, works)
    best, is_best = state, False
    while not is_best:  # a search that was cut short goes further where its result is the limit
        found, is_best = _search(start, best.peak_bytes, owners, works)
        if found is None:
            break
        best = found
    return Order(_path(best), best.peak_bytes, is_best)


def _search(start: _State, limit: int, owners: Sequence[_Owner], works: Sequence[_Work]) -> tuple[_State | None, bool]:
    """(all ops run with a peak below limit, whether all such orders were covered)."""
    width = max(MIN_WIDTH, TRANSITIONS // max(len(works), 1))
    layer = {0: start}
    is_whole, steps = True, 0
    for _ in works:
        following: dict[int, _State] = {}
        for done, state in layer.items():
            steps += len(state.ready) ** 2
            if steps > MAX_STEPS:
                return None, False
            for op in state.ready:
                after = _after(state, op, done, owners, works)
                known = following.get(done | 1 << op)
                if after.peak_bytes < (limit if known is None else known.peak_bytes):
                    following[done | 1 << op] = after
        if len(following) > width:
            is_whole = False
            kept = sorted(following.items(), key=lambda one: (one[1].peak_bytes, one[1].live_bytes))[:width]
            following = dict(kept)
        layer = following
    return next(iter(layer.values()), None), is_whole


def _after(state: _State, op: int, done: int, owners: Sequence[_Owner], works: Sequence[_Work]) -> _State:
    """The state when op has run, too. done: the ops that had run, as bits."""
    work, now = works[op], done | 1 << op
    new = {one for one in work.results if not owners[one].is_input and not owners[one].writers & done}
    dying = {one for one in work.touched if not owners[one].is_output and not owners[one].readers & ~now}
    during = state.live_bytes + sum(owners[one].size_bytes for one in new) + work.scratch_bytes
    covered: set[int] = set()
    for result, operand in work.over:
        if result in new - covered and operand in dying - new - covered:
            covered |= {result, operand}
            during -= min(owners[result].size_bytes, owners[operand].size_bytes)
    live = state.live_bytes + sum(owners[one].size_bytes for one in new) - sum(owners[one].size_bytes for one in dying)
    ready = tuple(
        other
        for other in dict.fromkeys((*state.ready, *_followers(work, owners)))
        if not now >> other & 1 and not works[other].needs & ~now
    )
    return _State(max(state.peak_bytes, during), live, ready, state, op)


def _followers(work: _Work, owners: Sequence[_Owner]) -> Iterator[int]:
    """Ops that read what an op writes, in the file's order."""
    readers = 0
    for one in work.results:
        readers |= owners[one].readers
    while readers:
        lowest = readers & -readers
        yield lowest.bit_length() - 1
        readers ^= lowest


def _start(owners: Sequence[_Owner], works: Sequence[_Work]) -> _State:
    live = sum(one.size_bytes for one in owners if one.is_input)
    return _State(live, live, tuple(index for index, work in enumerate(works) if not work.needs), None, -1)


def _path(state: _State) -> tuple[int, ...]:
    ops: list[int] = []
    while state.before is not None:
        ops.append(state.op)
        state = state.before
    return tuple(reversed(ops))


def _memory(graph: Graph, lowered: Mapping[int, Lowered]) -> tuple[list[_Owner], list[_Work]]:
    """Tensors that are one another's alias are one owner."""
    owner_of: dict[str, int] = {}
    members: list[list[str]] = []

    def own(name: str, like: str | None = None) -> None:
        index = owner_of.get(like or "", len(members))
        if index == len(members):
            members.append([])
        owner_of[name] = index
        members[index].append(name)

    for name in dict.fromkeys(graph.inputs):
        if not graph.tensors[name].is_constant:
            own(name)
    for index, op in enumerate(graph.ops):
        aliases = dict(lowered[index].aliases) if index in lowered else {}
        for name in op.outputs:
            own(name, aliases.get(name))
    owners = [_owner(graph, names) for names in members]
    works = [_work(graph, index, owner_of, lowered.get(index, Lowered(()))) for index in range(len(graph.ops))]
    return owners, works


def _owner(graph: Graph, names: Sequence[str]) -> _Owner:
    return _Owner(
        size_bytes=align(max(graph.tensors[name].size_bytes for name in names), ALIGNMENT_BYTES),
        writers=_bits(graph.producers[name] for name in names if name in graph.producers),
        readers=_bits(reader for name in names for reader in graph.readers.get(name, ())),
        is_input=any(name in graph.inputs for name in names),
        is_output=any(name in graph.outputs for name in names),
    )


def _work(graph: Graph, index: int, owner_of: Mapping[str, int], lowered: Lowered) -> _Work:
    op = graph.ops[index]
    results = tuple(dict.fromkeys(owner_of[name] for name in op.outputs))
    operands = [name for name in op.present_inputs if name in owner_of]
    return _Work(
        needs=_bits(graph.producers[name] for name in operands if name in graph.producers),
        results=results,
        touched=tuple(dict.fromkeys((*results, *(owner_of[name] for name in operands)))),
        over=tuple((owner_of[result], owner_of[operand]) for result, operand in lowered.in_place),
        scratch_bytes=align(scratch_bytes(lowered), ALIGNMENT_BYTES),
    )


def _bits(indices: Iterator[int]) -> int:
    found = 0
    for index in indices:
        found |= 1 << index
    return found
