# SPDX-License-Identifier: Apache-2.0
"""`--prefer speed`: the form of each op's filters, by the prices of its kernels, under the board's flash and SRAM."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from sapmcu.boards.board import Board
from sapmcu.errors import UserError
from sapmcu.ir.build import Prefer
from sapmcu.ir.filters import FilterForm
from sapmcu.ir.graph import Graph
from sapmcu.ir.parts import step_bytes
from sapmcu.ir.twins import Twins
from sapmcu.lower.graph import lower_ops
from sapmcu.plan.price import price_ops

CODE_BYTES = 32 * 1024
"""Of flash that is left for code: firmwares with one model take 9 to 16 KiB, an application some more."""


def preferred_filters(
    graph: Graph, board: Board, prefer: Prefer | None, progress: Callable[[str], None]
) -> tuple[FilterForm, ...]:
    """The forms that are chosen for speed; none without that wish, and where the native engine can't run the graph."""
    if prefer is not Prefer.SPEED:
        return ()
    if board.twins is not Twins.DSP:
        progress(f"note: filters have one form on {board.core}: --prefer speed chooses the compiler's options alone")
    try:
        return choose_filters(graph, board)
    except UserError:  # plan_native tells why
        return ()


@dataclass(frozen=True, slots=True)
class _Way:
    """One form for one op. instructions: its price; flash_bytes: its constants."""

    form: FilterForm
    instructions: int
    flash_bytes: int


def choose_filters(graph: Graph, board: Board) -> tuple[FilterForm, ...]:
    """The form of each op's filters; empty for a core with one form only, and where the engine can't run the graph.

    Each op begins with the smallest; then that one gets a larger form, again and again, which saves most instructions
    for each byte of flash, as long as there is room. Raises: UserError for ops that the engine lacks.
    """
    if board.twins is not Twins.DSP:
        return ()
    ways = _ways(graph, board)
    chosen = [min(one, key=lambda way: way.flash_bytes) for one in ways]
    room = constants_room(board) - sum(way.flash_bytes for way in chosen)
    while True:
        better = [(_gain(chosen[op], way), op, way) for op, way in _upgrades(ways, chosen, room)]
        if not better:
            return tuple(way.form for way in chosen)
        _, op, way = max(better, key=lambda one: (one[0], -one[1]))
        room -= way.flash_bytes - chosen[op].flash_bytes
        chosen[op] = way


def _upgrades(ways: Sequence[Sequence[_Way]], chosen: Sequence[_Way], room: int) -> Iterator[tuple[int, _Way]]:
    for op, (ones, now) in enumerate(zip(ways, chosen, strict=True)):
        for way in ones:
            if way.instructions < now.instructions and way.flash_bytes - now.flash_bytes <= room:
                yield op, way


def _gain(now: _Way, way: _Way) -> float:
    return (now.instructions - way.instructions) / max(way.flash_bytes - now.flash_bytes, 1)


def _ways(graph: Graph, board: Board) -> list[list[_Way]]:
    """For each op the forms that give it another kernel, and whose price is known; one at least."""
    found: list[list[_Way]] = [[] for _ in graph.ops]
    kernels: list[set[tuple[str, ...]]] = [set() for _ in graph.ops]
    for form in FilterForm:
        steps = lower_ops(graph, twins=board.twins, filters=[form] * len(graph.ops))
        for step, price in zip(steps, price_ops(graph, steps, board.core), strict=True):
            if price.kernels in kernels[step.index] or (price.instructions is None and found[step.index]):
                continue
            kernels[step.index].add(price.kernels)
            found[step.index].append(_Way(form, price.instructions or 0, step_bytes(step)))
    return found


def constants_room(board: Board) -> int:
    """Flash that a model's constants may take."""
    return board.flash_bytes - CODE_BYTES


def stages(filters: Sequence[FilterForm]) -> Iterator[tuple[FilterForm, ...]]:
    """From the smallest forms to these: each needs at least the memory for scratch and line buffers of that before."""
    for largest in FilterForm:
        yield tuple(one.at_most(largest) for one in filters)
